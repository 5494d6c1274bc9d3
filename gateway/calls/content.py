"""What a port clearance says, frozen when it is issued: from the form and from what the agencies answered.

Shape and members: docs/ships.md. Values are strings as the form had them, "" where it gave none; times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.checking import read_form
from declarations.codelists import Code
from declarations.dateforms import SHANGHAI
from declarations.form import Declaration
from gateway.calls import facts
from gateway.calls.standing import Standing
from gateway.database.stores import declarations, inbox
from gateway.database.types import AnyRow

if TYPE_CHECKING:
    from gateway.wiring import Window

MARITIME = "maritime"
PERIODIC = "periodic"
PERIODIC_DAYS = 7
"""Decree 175: a periodic clearance is good for at most so long."""
LISTS = {"port": "CL_PORT", "flag": "CL_ISO_COUNTRY", "office": "CL_MARITIME_OFFICE"}


def form_of(connection: Connection, window: Window, filing: AnyRow) -> tuple[Declaration, AnyRow]:
    """The form of a filing's version in force, read with its own tables, and the version's row."""
    version = declarations.version(connection, filing.id, filing.version)
    rulebook = window.rulebook_of(connection, version.bundle_digest)
    return read_form(rulebook, version.body, version.media_type), version


def office_code(form: Declaration) -> str:
    return form.header.get(facts.OFFICE, "")


def local_year(now: datetime) -> int:
    return now.astimezone(SHANGHAI).year


def of(
    connection: Connection,
    window: Window,
    found: Standing,
    form: Declaration,
    version: AnyRow,
    *,
    number: str,
    code: str,
    at: datetime,
    sail_by: datetime,
    replaces: str,
) -> dict[str, Any]:
    """The content of one certificate."""
    filing, header = found.exit, form.header
    assert filing is not None

    def given(*items: str) -> dict[str, str]:
        return {item: header.get(item, "") for item in items}

    def named(code: str, which: str, day: datetime) -> dict[str, str]:
        found_code = _listed(window, LISTS[which], code, day)
        return {
            "name_zh": found_code.name_zh if found_code else "",
            "name_en": found_code.name_en if found_code else "",
        }

    port, flag = named(found.call.port, "port", at), named(header.get("ship_flag_state_code", ""), "flag", at)
    periodic = filing.scope == PERIODIC
    ship = given("gross_tonnage", "net_tonnage")
    releases, officer = _releases(connection, window, found, filing)
    return {
        "number": number,
        "code": code,
        "kind": PERIODIC if periodic else "exit",
        "issued_at": _text(at),
        "sail_by": _text(sail_by),
        "valid_until": _text(_until(header.get("periodic_to_date"), at)) if periodic else "",
        "replaces": replaces,
        "office": {"code": office_code(form), **named(office_code(form), "office", at)},
        "officer": officer,
        "call": {
            "id": found.call.id,
            "ship_stay_reference": header.get("ship_stay_reference", ""),
            "port": found.call.port,
            "port_name_zh": port["name_zh"],
            "port_name_en": port["name_en"],
            "voyage": found.call.voyage,
        },
        "declaration": {
            "id": filing.id,
            "reference": filing.reference,
            "version": filing.version,
            "sha256": version.sha256,
            "step": filing.scope,
        },
        "ship": {
            "name_en": header.get("ship_name_en", ""),
            "name_zh": header.get("ship_name_zh", ""),
            "imo_number": header.get(facts.IMO, ""),
            "call_sign": header.get(facts.CALL_SIGN, ""),
            "mmsi_number": header.get("ship_mmsi_number", ""),
            "flag": header.get("ship_flag_state_code", ""),
            "flag_name_zh": flag["name_zh"],
            "flag_name_en": flag["name_en"],
            "type": header.get("ship_type_code", ""),
            **ship,
        },
        "master": {
            "family_name": header.get("master_family_name", ""),
            "given_name": header.get("master_given_name", ""),
            "nationality": header.get("master_nationality_code", ""),
        },
        "persons": {"crew": header.get("crew_quantity", ""), "passengers": header.get("passenger_quantity", "")},
        "cargo": {
            "description": header.get("cargo_brief_description", ""),
            "discharged_t": header.get("discharge_weight_total", ""),
            "loaded_t": header.get("loading_weight_total", ""),
            "transit_t": header.get("transit_cargo_weight_total", ""),
        },
        "bound_for": {
            "code": header.get("next_port_code", ""),
            **named(header.get("next_port_code", ""), "port", at),
            "eta": _text(facts.moment(header.get("next_port_eta"))),
        },
        "departure": {"etd": _text(facts.moment(header.get("etd")))},
        "agent": {"id": filing.organisation_id, "name": header.get("agent_name", "")},
        "releases": releases,
    }


def _releases(
    connection: Connection, window: Window, found: Standing, filing: AnyRow
) -> tuple[list[dict[str, Any]], str]:
    """Who released when, in routing order with maritime last; and maritime's officer where its answer names one."""
    answers = inbox.answers_in_force(connection, filing.id)
    legs = {leg.agency: leg for leg in found.legs_of(filing.id)}
    order = sorted(legs, key=lambda agency: (agency == MARITIME, list(window.rulebook.agencies).index(agency)))
    releases, officer = [], ""
    for agency in order:
        codes = window.responses(agency)
        said = [
            row
            for row in answers
            if row.message_id == legs[agency].id
            and (code := codes.get((row.message, row.code))) is not None
            and code.state == "released"
        ]
        last = max(said, key=lambda row: (row.at, row.key), default=None)
        releases.append(
            {
                "agency": agency,
                "name_zh": codes.name_zh,
                "name_en": codes.name_en,
                "at": _text(last.at) if last else "",
                "reference": legs[agency].agency_reference or "",
                "version": legs[agency].version,
                "code": last.code if last else "",
            }
        )
        if agency == MARITIME and last is not None:
            officer = last.response.get("channel_note") or ""
    return releases, officer


def _listed(window: Window, name: str, code: str, at: datetime) -> Code | None:
    """The row of a code on a day; None where list or code is not there."""
    found = window.rulebook.codes.lists.get(name)
    return found.get(code, at.astimezone(SHANGHAI).date()) if found is not None and code else None


def _until(day: str | None, at: datetime) -> datetime:
    """The end of the last day asked for, within what the law allows from issue."""
    longest = at + timedelta(days=PERIODIC_DAYS)
    last = facts.moment(f"{day}2359") if day else None
    return min(longest, last) if last else longest


def _text(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""
