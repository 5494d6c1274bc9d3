"""An organisation's papers (企业资质备案): one record for all agencies, its check digits verified, compared with the
registers by the operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.errors import NotFound
from declarations.faults import Fault
from declarations.peopleerrors import PapersConflict
from gateway.database.stores import entries, organisations, papers
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry, operators
from gateway.organisations.fields import fault, number_faults, refuse, text_faults
from gateway.organisations.tables import DETAILS, FIELDS

if TYPE_CHECKING:
    from gateway.wiring import Window

NUMBERS = ("social_credit_code", "customs_registration_id", "inspection_registration_id")


@dataclass(frozen=True, slots=True)
class Papers:
    """What an organisation says of itself. `name_zh` is required, and one of the three numbers."""

    name_zh: str
    name_en: str | None = None
    social_credit_code: str | None = None
    customs_registration_id: str | None = None
    inspection_registration_id: str | None = None
    address: str | None = None
    address_en: str | None = None
    contact_person: str | None = None
    contact_phone: str | None = None


def faults(given: Papers, below: str = "") -> list[Fault]:
    """What is wrong with them, at their fields below a pointer."""
    found = [
        each
        for name in ("name_zh", "name_en", *DETAILS)
        for each in text_faults(f"{below}/{name}", getattr(given, name), required=name == "name_zh")
    ]
    found += [each for name in NUMBERS for each in number_faults(f"{below}/{name}", name, getattr(given, name))]
    if not any(getattr(given, name) for name in NUMBERS):
        zh = "统一社会信用代码、海关注册编码、报检单位登记号至少填一项"
        en = "give at least one of social credit code, customs and inspection registration"
        found.append(fault(f"{below}/social_credit_code", zh, en))
    return found


async def own(window: Window, caller: Caller) -> dict[str, Any]:
    """The caller's organisation's papers; raises NotFound while there are none."""
    row = await window.database.read(lambda connection: papers.get(connection, caller.organisation_id))
    if row is None:
        raise NotFound("your organisation has entered no papers yet", "本单位尚未填报企业资质")
    return shown(row)


async def put(window: Window, caller: Caller, given: Papers) -> dict[str, Any]:
    """Replaces the papers. What the operator had verified has to be verified again when a number or a name changed.

    Raises BadRequest with each fault at its field, PapersConflict for a code that was verified for another organisation.
    """
    if found := faults(given):
        refuse(found)

    def store(connection: Connection) -> dict[str, Any]:
        if organisations.hold(connection, caller.organisation_id) is None:
            raise NotFound("this needs an organisation", "该操作须以单位身份进行")
        before = papers.get(connection, caller.organisation_id)
        row = _row(window, caller.organisation_id, given, caller.name, before)
        _require_free(connection, given.social_credit_code, caller.organisation_id)
        papers.put(connection, row)
        changed = [
            name for name in (*FIELDS, *DETAILS) if before is None or _value(before, name) != _value(given, name)
        ]
        act = entry(
            "papers_changed",
            at=window.clock(),
            organisation_id=caller.organisation_id,
            actor=caller.name,
            fields=" ".join(changed),
            verified="" if row["verified_at"] is None else "kept",
        )
        entries.add(connection, [act])
        after = papers.get(connection, caller.organisation_id)
        assert after is not None
        return shown(after)

    try:
        return await window.database.write(store)
    except IntegrityError:
        # verified for another organisation at this very moment
        raise conflict() from None


def add(connection: Connection, window: Window, organisation_id: str, given: Papers, by: str, verified: bool) -> None:
    """The papers an organisation registers with; raises PapersConflict."""
    _require_free(connection, given.social_credit_code, organisation_id)
    row = _row(window, organisation_id, given, by, None)
    if verified:
        row |= {"verified_at": window.clock(), "verified_by": by}
    papers.put(connection, row)


async def verify(window: Window, operator: Caller, organisation_id: str, seen: datetime) -> dict[str, Any]:
    """Notes that an operator compared papers, as they were when `seen` (their `updated_at`), with the registers.

    Raises NotFound, PapersConflict when they were changed since, are verified, or their code is another organisation's.
    """

    def store(connection: Connection) -> dict[str, Any]:
        before = papers.get(connection, organisation_id)
        if before is None:
            raise NotFound(f"{organisation_id} has entered no papers", f"{organisation_id} 尚未填报企业资质")
        _require_free(connection, before.social_credit_code, organisation_id)
        if not papers.verify(connection, organisation_id, seen, operator.name, window.clock()):
            raise PapersConflict(
                "these papers were changed since, or are verified already; look at them again",
                "企业资质已变更或已核对，请重新查看",
            )
        about = {"organisation_id": organisation_id}
        numbers = {name: getattr(before, name) for name in NUMBERS if getattr(before, name)}
        entries.add(connection, [operators("papers_verified", operator.name, window.clock(), numbers, about)])
        after = papers.get(connection, organisation_id)
        assert after is not None
        return shown(after)

    try:
        return await window.database.write(store)
    except IntegrityError:
        raise conflict() from None


def shown(row: AnyRow) -> dict[str, Any]:
    """Papers as they are shown to the organisation and to registrars."""
    return {
        **{name: _value(row, name) for name in (*FIELDS, *DETAILS)},
        "verified": row.verified_at is not None,
        "verified_at": row.verified_at,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
    }


def of(kept: Mapping[str, Any]) -> Papers:
    """Papers as a registration keeps them."""
    return Papers(**kept)


def kept(given: Papers) -> dict[str, Any]:
    return asdict(given)


def conflict() -> PapersConflict:
    zh, en = "该统一社会信用代码已核对为其他单位所有", "this social credit code was verified for another organisation"
    return PapersConflict(en, zh, faults=[fault("/social_credit_code", zh, en)])


def _require_free(connection: Connection, code: str | None, organisation_id: str) -> None:
    if code is not None and papers.verified_elsewhere(connection, code, organisation_id) is not None:
        raise conflict()


def _row(window: Window, organisation_id: str, given: Papers, by: str, before: AnyRow | None) -> dict[str, Any]:
    same = before is not None and all(getattr(before, name) == getattr(given, name) for name in FIELDS)
    return {
        "organisation_id": organisation_id,
        **{name: getattr(given, name) for name in FIELDS},
        "details": {name: value for name in DETAILS if (value := getattr(given, name)) is not None},
        "updated_at": window.clock(),
        "updated_by": by,
        "verified_at": before.verified_at if before is not None and same else None,
        "verified_by": before.verified_by if before is not None and same else None,
    }


def _value(source: Any, name: str) -> Any:
    """A field of papers, given or stored."""
    return source.details.get(name) if name in DETAILS and hasattr(source, "details") else getattr(source, name)
