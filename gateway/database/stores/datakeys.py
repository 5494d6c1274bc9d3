"""Data keys, wrapped: what payloads are sealed under. Never changed but for the master key they are wrapped under."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.database.evidence import data_key
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

# it compiles to the same words for SQLite
_ADD = Prepared(insert(data_key).on_conflict_do_nothing())
_GET = Prepared(select(data_key).where(data_key.c.id == bindparam("id")))
_NEWEST = Prepared(
    select(data_key).where(data_key.c.owner == bindparam("owner")).order_by(data_key.c.number.desc()).limit(1)
)
_SINCE = Prepared(
    select(data_key).where(data_key.c.id > bindparam("after")).order_by(data_key.c.owner, data_key.c.number)
)
_OWNERS = Prepared(select(data_key.c.owner).distinct().order_by(data_key.c.owner))
_MASTERS = Prepared(
    select(data_key.c.master_id, func.count().label("keys"))
    .group_by(data_key.c.master_id)
    .order_by(data_key.c.master_id)
)
_NOT_UNDER = Prepared(
    select(data_key)
    .where(data_key.c.master_id != bindparam("master_id"), data_key.c.id > bindparam("after"))
    .order_by(data_key.c.id)
    .limit(bindparam("at_most"))
)
_REWRAP = Prepared(
    update(data_key)
    .where(data_key.c.id == bindparam("of"), data_key.c.master_id == bindparam("was"))
    .values(master_id=bindparam("new_master_id"), wrapped=bindparam("new_wrapped"))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A key of an owner; nothing to do when somebody else was first with this number."""
    _ADD.run(connection, row)


def get(connection: Connection, key_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": key_id})


def newest(connection: Connection, owner: str) -> AnyRow | None:
    """The key that seals for an owner now."""
    return _NEWEST.first(connection, {"owner": owner})


def since(connection: Connection, after: str) -> Sequence[AnyRow]:
    """Keys made later than the id `after` (empty: all), each owner's newest last."""
    return _SINCE.all(connection, {"after": after})


def owners(connection: Connection) -> list[str]:
    return [row.owner for row in _OWNERS.all(connection)]


def masters(connection: Connection) -> dict[str, int]:
    """Fingerprint of a master key -> how many data keys are wrapped under it."""
    return {row.master_id: row.keys for row in _MASTERS.all(connection)}


def not_under(connection: Connection, master_id: str, after: str, at_most: int) -> Sequence[AnyRow]:
    """Keys wrapped under another master key, behind the id `after`."""
    return _NOT_UNDER.all(connection, {"master_id": master_id, "after": after, "at_most": at_most})


def rewrap(connection: Connection, row: AnyRow, master_id: str, wrapped: bytes) -> bool:
    """The same key under another master key; False when somebody else was first."""
    values = {"of": row.id, "was": row.master_id, "new_master_id": master_id, "new_wrapped": wrapped}
    return _REWRAP.run(connection, values) == 1
