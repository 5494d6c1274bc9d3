"""Prepared filings: forms on their way through keyer, reviewer and signer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from gateway.database.people import prepared
from gateway.database.prepared import Prepared
from gateway.database.sealing import PREPARED
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

KEYED, REVIEWED, RETURNED, FILED, DROPPED = STATES = ("keyed", "reviewed", "returned", "filed", "dropped")
ADDED = Insertion(prepared, sealing=PREPARED)
_PLAIN = [column for column in prepared.c if column.name != "body"]
_GET = Prepared(select(prepared).where(prepared.c.id == bindparam("id")), sealing=PREPARED)
_HOLD = Prepared(select(prepared).where(prepared.c.id == bindparam("id")).with_for_update(), sealing=PREPARED)
_LIST = {
    by_state: Prepared(
        select(*_PLAIN)
        .where(
            prepared.c.organisation_id == bindparam("organisation_id"),
            prepared.c.id < bindparam("before"),
            *([prepared.c.state == bindparam("state")] if by_state else []),
        )
        .order_by(prepared.c.id.desc())
        .limit(bindparam("at_most"))
    )
    for by_state in (True, False)
}


def add(connection: Connection, row: dict[str, Any]) -> None:
    ADDED.run(connection, [row])


def get(connection: Connection, prepared_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": prepared_id})


def hold(connection: Connection, prepared_id: str) -> AnyRow | None:
    """A prepared filing; nobody else moves or changes it before this transaction has ended."""
    return _HOLD.first(connection, {"id": prepared_id})


def listed(
    connection: Connection, organisation_id: str, state: str | None, before: str, at_most: int
) -> Sequence[AnyRow]:
    """Newest first, without their bytes."""
    values = {"organisation_id": organisation_id, "before": before, "at_most": at_most}
    return _LIST[state is not None].all(connection, {**values, **({"state": state} if state is not None else {})})


def change(connection: Connection, row: AnyRow, **values: Any) -> None:
    """Sets columns of one that is held; `body` in plain."""
    if "body" in values:
        values["body"] = PREPARED.seal(connection, "body", values["body"], owner=row.organisation_id, row=(row.id,))
    _change(tuple(sorted(values))).run(connection, {"of": row.id, **{f"new_{name}": values[name] for name in values}})


_CHANGES: dict[tuple[str, ...], Prepared] = {}


def _change(names: tuple[str, ...]) -> Prepared:
    """A statement for each set of columns that an act sets: there are as many as acts."""
    found = _CHANGES.get(names)
    if found is None:
        values = {name: bindparam(f"new_{name}", type_=prepared.c[name].type) for name in names}
        found = _CHANGES[names] = Prepared(update(prepared).where(prepared.c.id == bindparam("of")).values(values))
    return found
