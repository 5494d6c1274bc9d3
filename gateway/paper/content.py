"""What a port clearance certificate says: the record that is frozen when it is issued, and the bytes that are signed.

The record is a dictionary that `gateway.calls` freezes; here it is read strictly once, so that nothing half-filled gets a
signature, and written in one way, so that its SHA-256 stands for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from declarations.errors import BadConfiguration

TYPE = "onewindow-port-clearance/1"
"""Member `type` of the embedded record: what it is, and in which edition."""

KINDS = ("exit", "periodic")


@dataclass(frozen=True, slots=True)
class Named:
    """A place or an authority: its code and its names; each may be empty."""

    code: str = ""
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One agency's release that the certificate stands on."""

    agency: str
    name_zh: str
    name_en: str
    at: datetime
    reference: str
    version: int


@dataclass(frozen=True, slots=True)
class CertificateContent:
    """Port clearance (国际航行船舶出口岸许可证). Quantities are text as filed; times are aware UTC, None where not told."""

    number: str
    code: str
    """What has to be named with the number to ask for its state."""
    kind: str
    """`exit`, or `periodic` for clearance of up to seven days."""
    issued_at: datetime
    sail_by: datetime
    """Not sailed by then: to be reported to the maritime administration, which decides."""
    valid_until: datetime | None
    replaces: str
    office: Named
    officer: str
    port: Named
    voyage: str
    ship_stay_reference: str
    declaration: str
    reference: str
    version: int
    ship_name_en: str
    ship_name_zh: str
    imo_number: str
    call_sign: str
    flag: Named
    gross_tonnage: str
    net_tonnage: str
    master: str
    crew: str
    passengers: str
    cargo: str
    loaded_t: str
    transit_t: str
    bound_for: Named
    departure: datetime | None
    agent: str
    releases: tuple[Release, ...]
    record: bytes
    """The whole record as it is embedded in the PDF and signed: JSON, members in order, UTF-8."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the record."""
        return hashlib.sha256(self.record).digest()

    @classmethod
    def of(cls, record: dict[str, Any]) -> CertificateContent:
        """The content of a frozen record. Raises BadConfiguration for one without a number, code, times or ship."""
        try:
            return _read(record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadConfiguration(
                f"this is no record of a port clearance: {error!r}", f"不是出口岸许可证的记录：{error!r}"
            ) from error


def _read(record: dict[str, Any]) -> CertificateContent:
    call, declaration, ship = record.get("call", {}), record.get("declaration", {}), record["ship"]
    persons, cargo = record.get("persons", {}), record.get("cargo", {})
    if not (record["number"] and record["code"] and (ship.get("name_en") or ship.get("name_zh"))):
        raise ValueError("number, code and the ship's name are needed")
    if (kind := _text(record.get("kind")) or "exit") not in KINDS:
        raise ValueError(f"there is no kind {kind}")
    master = record.get("master", {})
    return CertificateContent(
        number=_text(record["number"]),
        code=_text(record["code"]),
        kind=kind,
        issued_at=_time(record["issued_at"]),
        sail_by=_time(record["sail_by"]),
        valid_until=_time_or_none(record.get("valid_until")),
        replaces=_text(record.get("replaces")),
        office=_named(record.get("office", {})),
        officer=_text(record.get("officer")),
        port=Named(_text(call.get("port")), _text(call.get("port_name_zh")), _text(call.get("port_name_en"))),
        voyage=_text(call.get("voyage")),
        ship_stay_reference=_text(call.get("ship_stay_reference")),
        declaration=_text(declaration.get("id")),
        reference=_text(declaration.get("reference")),
        version=int(declaration.get("version") or 1),
        ship_name_en=_text(ship.get("name_en")),
        ship_name_zh=_text(ship.get("name_zh")),
        imo_number=_text(ship.get("imo_number")),
        call_sign=_text(ship.get("call_sign")),
        flag=Named(_text(ship.get("flag")), _text(ship.get("flag_name_zh")), _text(ship.get("flag_name_en"))),
        gross_tonnage=_text(ship.get("gross_tonnage")),
        net_tonnage=_text(ship.get("net_tonnage")),
        master=" ".join(filter(None, (_text(master.get("family_name")), _text(master.get("given_name"))))),
        crew=_text(persons.get("crew")),
        passengers=_text(persons.get("passengers")),
        cargo=_text(cargo.get("description")),
        loaded_t=_text(cargo.get("loaded_t")),
        transit_t=_text(cargo.get("transit_t")),
        bound_for=_named(record.get("bound_for", {})),
        departure=_time_or_none(record.get("departure", {}).get("etd")),
        agent=_text(record.get("agent", {}).get("name")),
        releases=tuple(_release(each) for each in record.get("releases", ())),
        record=orjson.dumps({**record, "type": TYPE}, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2),
    )


def _release(told: dict[str, Any]) -> Release:
    return Release(
        _text(told["agency"]), _text(told.get("name_zh")), _text(told.get("name_en")), _time(told["at"]),
        _text(told.get("reference")), int(told.get("version") or 1),
    )  # fmt: skip


def _named(told: dict[str, Any]) -> Named:
    return Named(_text(told.get("code")), _text(told.get("name_zh")), _text(told.get("name_en")))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(f"{value} names no zone")
    return at


def _time_or_none(value: Any) -> datetime | None:
    return _time(value) if value else None
