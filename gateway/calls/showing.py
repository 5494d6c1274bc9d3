"""The one answer for a call: its clearances, each agency's state step by step, movements, certificate, and whose move is next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.responses import StateWords
from gateway import tenancy
from gateway.calls import standing as stands
from gateway.calls.issuing import look
from gateway.calls.standing import Standing
from gateway.calls.tables import CLEARANCES, ENTRY
from gateway.database.stores import calls, certificates, handovers
from gateway.database.types import AnyRow
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window

CALL = ("id", "ship_name", "imo_number", "call_sign", "port", "voyage", "eta", "etd", "ata", "atd", "berth", "state")


async def call(window: Window, caller: Caller, call_id: str) -> dict[str, Any]:
    """Raises NotFound."""

    def read(connection: Connection) -> dict[str, Any]:
        row = tenancy.call_of(connection, caller, call_id)
        return shown(connection, window, caller, row)

    return await window.database.read(read)


def line(window: Window, row: AnyRow, certificate: AnyRow | None) -> dict[str, Any]:
    """One line of a list of calls."""
    said = window.calls.of("stage", row.state if row.state != calls.OPEN else "expected")
    return {
        **{name: getattr(row, name) for name in CALL},
        "state_zh": said.name_zh if row.state != calls.OPEN else "在办",
        "state_en": said.name_en if row.state != calls.OPEN else "Open",
        "certificate": certificate.number if certificate is not None else None,
        "certificate_state": certificate.state if certificate is not None else None,
        "overdue": certificate is not None and certificate.overdue_at is not None and certificate.state == "valid",
        "updated_at": row.updated_at,
    }


def shown(connection: Connection, window: Window, caller: Caller, row: AnyRow) -> dict[str, Any]:
    """The whole answer."""
    found = look(connection, window, row)
    issued = certificates.of_call(connection, row.id)
    certificate = issued[-1] if issued else None
    stage = stands.stage(found, certificate)
    said = window.calls.of("stage", stage)
    open_handovers = [each for each in handovers.of_call(connection, row.id) if each.state == handovers.OPEN]
    reasons = stands.bars(found) if row.state == calls.OPEN else []
    return {
        **{name: getattr(row, name) for name in CALL},
        "reason": row.reason,
        "stage": stage,
        "stage_zh": said.name_zh,
        "stage_en": said.name_en,
        "next_zh": said.next_zh,
        "next_en": said.next_en,
        "flags": [_flag(window, code) for code in _flags(found, certificate)],
        "may_move": stands.cleared(found, ENTRY),
        "may_sail": certificate is not None and certificate.state == "valid",
        "clearances": {name: _clearance(window, found, name) for name in CLEARANCES},
        "bars": [_bar(window, each) for each in reasons],
        "next_steps": _next_steps(window, caller, found, certificate, open_handovers),
        "filings": [_filing(window, found, filing) for filing in found.filings],
        "movements": [_movement(window, row, each) for each in calls.movements(connection, row.id)],
        "certificate": _certificate(window, certificate),
        "certificates": [_certificate(window, each) for each in issued],
        "changes": [_change(each) for each in found.changes],
        "handovers": [_handover(caller, each) for each in open_handovers],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "links": {
            "self": f"/api/v1/calls/{row.id}",
            "form": f"/api/v1/calls/{row.id}/form",
            "certificate": f"/api/v1/calls/{row.id}/certificate",
        },
    }


def _flags(found: Standing, certificate: AnyRow | None) -> list[str]:
    """What happened after issue and is not settled."""
    flags = []
    if any(row.kind == "change" for row in found.open_changes):
        flags.append("changed")
    if certificate is not None and certificate.overdue_at is not None and certificate.state == "valid":
        flags.append("overdue")
    if any(row.source == "redo" for row in found.voids):
        flags.append("redo")
    return flags


def _flag(window: Window, code: str) -> dict[str, Any]:
    said = window.calls.of("side", code)
    return {"code": code, "zh": said.name_zh, "en": said.name_en, "next_zh": said.next_zh, "next_en": said.next_en}


def _clearance(window: Window, found: Standing, name: str) -> dict[str, Any]:
    filing = found.entry if name == ENTRY else found.exit
    cleared = stands.cleared(found, name)
    if filing is None:
        return {
            "declaration_id": None,
            "step": None,
            "status": None,
            "cleared": False,
            "zh": "未申报",
            "en": "Not filed",
        }
    words = window.words.of("combined", filing.status, filing.form)
    return {
        "declaration_id": filing.id,
        "step": filing.scope,
        "status": filing.status,
        "cleared": cleared,
        "zh": words.name_zh,
        "en": words.name_en,
    }


def _agency(window: Window, name: str) -> tuple[str, str]:
    agency = window.rulebook.agencies.get(name)
    return (agency.name_zh, agency.name_en) if agency else (name, name)


def _bar(window: Window, bar: stands.Bar) -> dict[str, Any]:
    said, (zh, en) = window.calls.of("bar", bar.code), _agency(window, bar.agency)
    return {
        "code": bar.code,
        "agency": bar.agency or None,
        "declaration_id": bar.declaration_id or None,
        "actor": said.actor,
        "name_zh": said.name_zh,
        "name_en": said.name_en,
        "zh": said.next_zh.format(agency=zh),
        "en": said.next_en.format(agency=en),
    }


def _next_steps(
    window: Window, caller: Caller, found: Standing, certificate: AnyRow | None, open_handovers: Sequence[AnyRow]
) -> list[dict[str, Any]]:
    """What is to be done beside what each filing's own answer says; the trader's first."""
    steps = []
    known = window.rulebook.forms[found.call.form].items if found.call.form in window.rulebook.forms else {}
    if found.call.state == calls.OPEN:
        for void in found.voids:
            zh, en = _agency(window, void.agency)
            items = [known[name] for name in void.items.split() if name in known]
            values = (
                {"agency": zh, "items": "、".join(item.name_zh for item in items), "number": ""},
                {"agency": en, "items": ", ".join(item.name_en for item in items), "number": ""},
            )
            steps.append(_step(window, "release_voided", *values, declaration_id=void.declaration_id))
        for row in found.open_changes:
            number = {"agency": "", "items": "", "number": row.certificate}
            steps.append(_step(window, "maritime_decides", number, number))
        if certificate is not None and certificate.state == "valid":
            number = {"agency": "", "items": "", "number": certificate.number}
            steps.append(_step(window, "print", number, number))
        elif found.exit is None and stands.cleared(found, ENTRY):
            nothing = dict.fromkeys(("agency", "items", "number"), "")
            steps.append(_step(window, "file_exit", nothing, nothing))
    for row in open_handovers:
        if _decides(caller, row):
            nothing = dict.fromkeys(("agency", "items", "number"), "")
            steps.append(_step(window, "handover", nothing, nothing, handover_id=row.id))
    return sorted(steps, key=lambda step: str(step["actor"]) != "trader")


def _step(window: Window, code: str, zh: dict[str, str], en: dict[str, str], **more: str) -> dict[str, Any]:
    said = window.calls.of("step", code)
    return {
        "kind": code,
        "actor": said.actor,
        "name_zh": said.name_zh.format(**zh),
        "name_en": said.name_en.format(**en),
        "zh": said.next_zh.format(**zh),
        "en": said.next_en.format(**en),
        **more,
    }


def _filing(window: Window, found: Standing, filing: AnyRow) -> dict[str, Any]:
    step = window.calls.step(filing.form, filing.scope)
    words = window.words.of("combined", filing.status, filing.form)
    void = {row.agency for row in found.voids if row.declaration_id == filing.id}
    legs = {}
    for leg in found.legs_of(filing.id):
        state = leg.state or leg.delivery
        said: StateWords = window.words.of("leg", state, filing.form)
        zh, en = _agency(window, leg.agency)
        legs[leg.agency] = {
            "agency_zh": zh,
            "agency_en": en,
            "state": state,
            "state_zh": said.name_zh,
            "state_en": said.name_en,
            "version": leg.version,
            "agency_reference": leg.agency_reference,
            "counts": leg.agency not in void,
        }
    return {
        "id": filing.id,
        "step": filing.scope,
        "step_zh": step.name_zh,
        "step_en": step.name_en,
        "clearance": sorted(step.clearance),
        "reference": filing.reference,
        "version": filing.version,
        "status": filing.status,
        "status_zh": words.name_zh,
        "status_en": words.name_en,
        "legs": legs,
        "accepted_at": filing.created_at,
        "links": {"self": f"/api/v1/declarations/{filing.id}"},
    }


def _movement(window: Window, row: AnyRow, moved: AnyRow) -> dict[str, Any]:
    known = window.rulebook.forms[row.form].items if row.form in window.rulebook.forms else {}
    item = known.get(moved.item)
    effects = {each.agency: each.effect for each in window.calls.effects.get(row.form, ()) if each.item == moved.item}
    return {
        "at": moved.at,
        "item": moved.item,
        "item_zh": item.name_zh if item else moved.item,
        "item_en": item.name_en if item else moved.item,
        "old": moved.old,
        "new": moved.new,
        "declaration_id": moved.declaration_id,
        "effects": effects,
    }


def _certificate(window: Window, row: AnyRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    state, why = window.calls.of("certificate", row.state), window.calls.of("bar", row.reason) if row.reason else None
    times: dict[str, datetime | None] = {
        name: getattr(row, name) for name in ("issued_at", "sail_by", "overdue_at", "state_at")
    }
    return {
        "number": row.number,
        "state": row.state,
        "state_zh": state.name_zh,
        "state_en": state.name_en,
        "reason": row.reason,
        "reason_zh": why.name_zh if why else None,
        "reason_en": why.name_en if why else None,
        "declaration_id": row.declaration_id,
        "version": row.version,
        **times,
        "replaces": row.replaces,
        "copies": row.copies,
    }


def _change(row: AnyRow) -> dict[str, Any]:
    names = (
        "id", "kind", "certificate", "declaration_id", "version", "items", "at", "decision", "decided_at", "note",
    )  # fmt: skip
    return {**{name: getattr(row, name) for name in names}, "agencies": row.agencies.split()}


def _decides(caller: Caller, row: AnyRow) -> bool:
    """Whether an open handover is the caller's to accept or refuse."""
    return bool(caller.organisation_id) and caller.organisation_id == (
        row.to_id if row.asked_by == "from" else row.from_id
    )


def _handover(caller: Caller, row: AnyRow) -> dict[str, Any]:
    return {"id": row.id, "asked_by": row.asked_by, "at": row.at, "yours_to_decide": _decides(caller, row)}
