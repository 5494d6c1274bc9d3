"""Organisations, and who asks to be let in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.database.people import machine, organisation, registration
from gateway.database.prepared import Prepared
from gateway.database.sealing import REGISTRATION
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

ACTIVE, SUSPENDED = STATES = ("active", "suspended")
PENDING, APPROVED, REFUSED = DECISIONS = ("pending", "approved", "refused")
REGISTERED = Insertion(registration, sealing=REGISTRATION)
_ADD = Prepared(insert(organisation))
_GET = Prepared(select(organisation).where(organisation.c.id == bindparam("id")))
_HOLD = Prepared(select(organisation).where(organisation.c.id == bindparam("id")).with_for_update())
_LIST = {
    by_state: Prepared(
        select(organisation)
        .where(
            organisation.c.id > bindparam("after"),
            *([organisation.c.state == bindparam("state")] if by_state else []),
        )
        .order_by(organisation.c.id)
        .limit(bindparam("at_most"))
    )
    for by_state in (True, False)
}
_CHANGE = Prepared(
    update(organisation)
    .where(organisation.c.id == bindparam("of"))
    .values(
        name=bindparam("new_name"), name_en=bindparam("new_name_en"), separate_duties=bindparam("new_separate_duties")
    )
)
_MOVE = Prepared(
    update(organisation)
    .where(organisation.c.id == bindparam("of"), organisation.c.state == bindparam("old"))
    .values(state=bindparam("new"))
)
_END_MACHINES = Prepared(
    update(machine)
    .where(machine.c.organisation_id == bindparam("of"), machine.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_END_MACHINES_BY = Prepared(
    update(machine)
    .where(
        machine.c.organisation_id == bindparam("of"),
        machine.c.created_by == bindparam("by"),
        machine.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
_REGISTRATION = Prepared(
    select(registration).where(registration.c.id == bindparam("id")).with_for_update(), sealing=REGISTRATION
)
_REGISTRATIONS = Prepared(
    select(registration)
    .where(registration.c.state == bindparam("state"), registration.c.id > bindparam("after"))
    .order_by(registration.c.id)
    .limit(bindparam("at_most")),
    sealing=REGISTRATION,
)
_PENDING = Prepared(select(func.count()).select_from(registration).where(registration.c.state == PENDING))
_DECIDE = Prepared(
    update(registration)
    .where(registration.c.id == bindparam("of"), registration.c.state == PENDING)
    .values(
        state=bindparam("new"),
        secret=None,
        decided_by=bindparam("by"),
        decided_at=bindparam("now"),
        became=bindparam("made"),
    )
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A new organisation: id, name, kinds, created_at and what it has besides."""
    _ADD.run(connection, row)


def get(connection: Connection, organisation_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": organisation_id})


def hold(connection: Connection, organisation_id: str) -> AnyRow | None:
    """The organisation; nobody else changes it or its people before this transaction has ended."""
    return _HOLD.first(connection, {"id": organisation_id})


def listed(connection: Connection, state: str | None, after: str, at_most: int) -> Sequence[AnyRow]:
    """Organisations in the order of their ids, those behind `after`."""
    values = {"after": after, "at_most": at_most, **({"state": state} if state is not None else {})}
    return _LIST[state is not None].all(connection, values)


def change(connection: Connection, organisation_id: str, name: str, name_en: str | None, separate_duties: bool) -> None:
    _CHANGE.run(
        connection,
        {"of": organisation_id, "new_name": name, "new_name_en": name_en, "new_separate_duties": separate_duties},
    )


def move(connection: Connection, organisation_id: str, old: str, new: str) -> bool:
    """From one state into another; False when it is not in the first."""
    return _MOVE.run(connection, {"of": organisation_id, "old": old, "new": new}) == 1


def end_machines(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Ends all API keys and clients of an organisation; returns how many."""
    return _END_MACHINES.run(connection, {"of": organisation_id, "now": now})


def end_machines_by(connection: Connection, organisation_id: str, login: str, now: datetime) -> int:
    """Ends those of an organisation that one of its people made and may still know; returns how many."""
    return _END_MACHINES_BY.run(connection, {"of": organisation_id, "by": login, "now": now})


def register(connection: Connection, row: dict[str, Any]) -> None:
    """Somebody who asks to be let in: id, details, secret, state, created_at."""
    REGISTERED.run(connection, [row])


def registration_held(connection: Connection, registration_id: str) -> AnyRow | None:
    """A registration; nobody else decides it before this transaction has ended."""
    return _REGISTRATION.first(connection, {"id": registration_id})


def registrations(connection: Connection, state: str, after: str, at_most: int) -> Sequence[AnyRow]:
    """Oldest first, those behind `after`."""
    return _REGISTRATIONS.all(connection, {"state": state, "after": after, "at_most": at_most})


def pending(connection: Connection) -> int:
    """How many registrations nobody has decided."""
    return int(_PENDING.scalar(connection))


def decide(connection: Connection, registration_id: str, state: str, by: str, now: datetime, made: str | None) -> bool:
    """Approved as the organisation `made`, or refused; the password is forgotten here. False when it was decided already."""
    values = {"of": registration_id, "new": state, "by": by, "now": now, "made": made}
    return _DECIDE.run(connection, values) == 1
