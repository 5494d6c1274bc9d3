"""The running programs of the window, each as of its last sign of life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gateway.database.prepared import Prepared
from gateway.database.schema import process
from gateway.database.types import AnyRow, database_now

_INSERT = Prepared(insert(process).values(seen_at=database_now()))
_SEEN = Prepared(
    update(process)
    .where(process.c.id == bindparam("of"))
    .values(seen_at=database_now(), clock_at=bindparam("own_clock"))
)
_GONE = Prepared(delete(process).where(process.c.id == bindparam("of")))
_FORGET = Prepared(delete(process).where(process.c.seen_at < database_now(bindparam("since"))))
_EVERY = Prepared(
    select(process, database_now().label("now")).order_by(process.c.kind, process.c.started_at, process.c.id)
)


def seen(connection: Connection, row: dict[str, Any]) -> None:
    """A sign of life: a row of id, kind, host, pid, version, started_at and clock_at, the program's own clock just now."""
    if _SEEN.run(connection, {"of": row["id"], "own_clock": row["clock_at"]}) == 0:
        _INSERT.run(connection, row)


def gone(connection: Connection, process_id: str) -> None:
    """The program ended in order."""
    _GONE.run(connection, {"of": process_id})


def forget(connection: Connection, seconds: float) -> int:
    """Removes programs that gave no sign of life for so long; returns how many."""
    return _FORGET.run(connection, {"since": -seconds})


def every(connection: Connection) -> Sequence[AnyRow]:
    """All programs; `now` is the database's clock."""
    return _EVERY.all(connection)


def skew(row: AnyRow) -> float:
    """Seconds by which the program's clock was ahead of the database's at its last sign of life."""
    clock, database = row.clock_at, row.seen_at
    assert isinstance(clock, datetime) and isinstance(database, datetime)
    return (clock - database).total_seconds()
