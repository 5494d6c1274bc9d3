"""Ships' calls: the call itself, its filings and their legs, movements, voided releases, changes after issue.

Whoever changes a call locks its declarations first, if any, and the call last, so that two never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from gateway.database.prepared import Prepared
from gateway.database.schema import declaration, message
from gateway.database.sealing import CALL_CHANGE
from gateway.database.shipping import call, call_change, call_void, movement
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

OPEN, DEPARTED, CANCELLED = STATES = ("open", "departed", "cancelled")
LAST = "~"
"""Sorts after every id."""

# it compiles to the same words for SQLite
_MAKE = Prepared(insert(call).on_conflict_do_nothing())
_GET = Prepared(select(call).where(call.c.id == bindparam("id")))
_LOCK = Prepared(select(call).where(call.c.id == bindparam("id")).with_for_update())
_LIVE = select(call).where(call.c.live_key == bindparam("key"))
_LIVE_READ, _LIVE_LOCK = Prepared(_LIVE), Prepared(_LIVE.with_for_update())
_LAST_OF = Prepared(
    select(call)
    .where(
        call.c.imo_number == bindparam("imo"),
        call.c.organisation_id == bindparam("organisation_id"),
        call.c.port == bindparam("port"),
        call.c.voyage == bindparam("voyage"),
    )
    .order_by(call.c.id.desc())
    .limit(1)
)
_OF_SHIP = Prepared(
    select(call)
    .where(
        call.c.imo_number == bindparam("imo"),
        or_(
            call.c.organisation_id == bindparam("organisation_id"),
            call.c.principal_id == bindparam("organisation_id"),
        ),
        call.c.id < bindparam("before"),
    )
    .order_by(call.c.id.desc())
    .limit(bindparam("at_most"))
)
_CALLS_OF = Prepared(
    select(declaration.c.call_id)
    .where(declaration.c.id.in_(bindparam("ids", expanding=True)), declaration.c.call_id.is_not(None))
    .distinct()
)
_FILINGS = Prepared(select(declaration).where(declaration.c.call_id == bindparam("id")).order_by(declaration.c.id))
_LEGS = Prepared(
    select(
        message.c.id,
        message.c.declaration_id,
        message.c.agency,
        message.c.message,
        message.c.version,
        message.c.required_for_release,
        message.c.delivery,
        message.c.state,
        message.c.agency_reference,
    )
    .join(declaration, declaration.c.id == message.c.declaration_id)
    .where(declaration.c.call_id == bindparam("id"), text("message.current"))
    .order_by(message.c.declaration_id, message.c.agency)
)
_TAKES_PART = Prepared(
    select(message.c.id)
    .join(declaration, declaration.c.id == message.c.declaration_id)
    .where(declaration.c.call_id == bindparam("id"), message.c.agency == bindparam("agency"))
    .limit(1)
)
_CHANGEABLE = (
    "state",
    "reason",
    "live_key",
    "facts",
    "eta",
    "etd",
    "ata",
    "atd",
    "berth",
    "organisation_id",
    "principal_id",
)
_SET = {
    name: Prepared(
        update(call)
        .where(call.c.id == bindparam("of"))
        .values({name: bindparam(f"new_{name}"), "updated_at": bindparam("now")})
    )
    for name in _CHANGEABLE
}
_MOVED = Insertion(movement)
_MOVEMENTS = Prepared(select(movement).where(movement.c.call_id == bindparam("id")).order_by(movement.c.id))
_VOIDED = Insertion(call_void)
_OPEN_VOIDS = Prepared(
    select(call_void).where(call_void.c.call_id == bindparam("id"), text("settled_at IS NULL")).order_by(call_void.c.id)
)
_VOIDS_OF = Prepared(
    select(call_void.c.agency).where(call_void.c.declaration_id == bindparam("id"), text("settled_at IS NULL"))
)
_SETTLE = Prepared(
    update(call_void)
    .where(call_void.c.id == bindparam("of"), text("settled_at IS NULL"))
    .values(settled_at=bindparam("now"))
)
_CHANGED = Insertion(call_change, sealing=CALL_CHANGE)
_CHANGES = Prepared(
    select(call_change).where(call_change.c.call_id == bindparam("id")).order_by(call_change.c.id), sealing=CALL_CHANGE
)
_DECIDE = Prepared(
    update(call_change)
    .where(call_change.c.id == bindparam("of"), text("decision IS NULL"))
    .values(
        decision=bindparam("new_decision"),
        decided_by=bindparam("new_by"),
        decided_at=bindparam("now"),
        note=bindparam("new_note"),
    )
)


def make(connection: Connection, row: dict[str, Any]) -> AnyRow | None:
    """A new live call, or the one that another transaction made first; locked. None when that one has ended meanwhile."""
    _MAKE.run(connection, row)
    return _LIVE_LOCK.first(connection, {"key": row["live_key"]})


def get(connection: Connection, call_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": call_id})


def lock(connection: Connection, call_id: str) -> AnyRow:
    """The call, nobody else changing it until this transaction has ended."""
    found = (_GET if connection.dialect.name == "sqlite" else _LOCK).first(connection, {"id": call_id})
    assert found is not None
    return found


def lock_of(connection: Connection, declaration_ids: Sequence[str]) -> None:
    """Locks the calls of several declarations, in one order for all."""
    for call_id in sorted(row.call_id for row in _CALLS_OF.all(connection, {"ids": list(declaration_ids)})):
        lock(connection, call_id)


def live(connection: Connection, key: str) -> AnyRow | None:
    """The live call of this ship, port and voyage, whosever it is."""
    return _LIVE_READ.first(connection, {"key": key})


def last_of(connection: Connection, organisation_id: str, imo: str, port: str, voyage: str) -> AnyRow | None:
    """The organisation's newest call under this ship, port and voyage, live or ended."""
    return _LAST_OF.first(connection, {"organisation_id": organisation_id, "imo": imo, "port": port, "voyage": voyage})


def of_ship(
    connection: Connection, organisation_id: str, imo: str, at_most: int, before: str = LAST
) -> Sequence[AnyRow]:
    """The organisation's calls of one ship, newest first."""
    values = {"organisation_id": organisation_id, "imo": imo, "before": before, "at_most": at_most}
    return _OF_SHIP.all(connection, values)


def filings(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    """The declarations of a call, oldest first."""
    return _FILINGS.all(connection, {"id": call_id})


def legs(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    """Where the messages in force of all its declarations stand."""
    return _LEGS.all(connection, {"id": call_id})


def takes_part(connection: Connection, call_id: str, agency: str) -> bool:
    """Whether an agency has a message of this call."""
    return _TAKES_PART.first(connection, {"id": call_id, "agency": agency}) is not None


def change(connection: Connection, call_id: str, values: Mapping[str, Any], now: datetime) -> None:
    """Sets columns of a call."""
    for name, value in values.items():
        _SET[name].run(connection, {"of": call_id, f"new_{name}": value, "now": now})


def add_movements(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    _MOVED.run(connection, rows)


def movements(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    """What moved, oldest first."""
    return _MOVEMENTS.all(connection, {"id": call_id})


def add_voids(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Releases that count no longer."""
    _VOIDED.run(connection, rows)


def open_voids(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    return _OPEN_VOIDS.all(connection, {"id": call_id})


def voided_agencies(connection: Connection, declaration_id: str) -> frozenset[str]:
    """The agencies whose release of this declaration counts no longer: they take a new version."""
    return frozenset(row.agency for row in _VOIDS_OF.all(connection, {"id": declaration_id}))


def settle_void(connection: Connection, void_id: str, now: datetime) -> None:
    _SETTLE.run(connection, {"of": void_id, "now": now})


def add_change(connection: Connection, row: dict[str, Any]) -> None:
    _CHANGED.run(connection, [row])


def changes(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    """What was reported for maritime's decision, oldest first."""
    return _CHANGES.all(connection, {"id": call_id})


def decide(connection: Connection, change_id: str, decision: str, by: str, note: str | None, now: datetime) -> bool:
    """Writes a decision down; False when there is one already."""
    values = {"of": change_id, "new_decision": decision, "new_by": by, "new_note": note, "now": now}
    return _DECIDE.run(connection, values) == 1


def find(
    connection: Connection,
    *,
    organisation_id: str | None,
    agency: str | None,
    equal: Mapping[str, str],
    ship: str | None,
    before: str,
    at_most: int,
) -> Sequence[AnyRow]:
    """Calls newest first: an organisation's own and its principals', or those an agency takes part in; with neither, all.

    `equal`: column -> value. `ship`: a part of its name.
    """
    statement = select(call).where(call.c.id < before, *(call.c[name] == value for name, value in equal.items()))
    if organisation_id is not None:
        statement = statement.where(
            or_(call.c.organisation_id == organisation_id, call.c.principal_id == organisation_id)
        )
    if agency is not None:
        of_agency = select(message.c.id).join(declaration, declaration.c.id == message.c.declaration_id)
        statement = statement.where(
            exists(of_agency.where(declaration.c.call_id == call.c.id, message.c.agency == agency))
        )
    if ship is not None:
        statement = statement.where(call.c.ship_name.contains(ship.upper(), autoescape=True))
    return connection.execute(statement.order_by(call.c.id.desc()).limit(at_most)).all()
