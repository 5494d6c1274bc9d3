"""Failures of logging in and refused credentials, counted under keys that tell nobody who tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.database.people import throttle
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

# it compiles to the same words for SQLite
_ADD_MISSING = Prepared(insert(throttle).on_conflict_do_nothing())
_HOLD = Prepared(select(throttle).where(throttle.c.key == bindparam("key")).with_for_update())
_GET = Prepared(select(throttle).where(throttle.c.key == bindparam("key")))
_SET = Prepared(
    update(throttle)
    .where(throttle.c.key == bindparam("of"))
    .values(failures=bindparam("count"), first_at=bindparam("since"), until=bindparam("closed_until"))
)
_TAKE_BACK = Prepared(
    update(throttle)
    .where(throttle.c.key == bindparam("of"), throttle.c.failures > 0)
    .values(failures=throttle.c.failures - 1, until=None)
)
_CLEAR = Prepared(delete(throttle).where(throttle.c.key == bindparam("key")))


def hold(connection: Connection, key: str, now: datetime) -> AnyRow:
    """What stands under a key, made where there is nothing; nobody else counts under it before this transaction has ended."""
    _ADD_MISSING.run(connection, {"key": key, "failures": 0, "first_at": now, "until": None})
    return _HOLD.one(connection, {"key": key})


def get(connection: Connection, key: str) -> AnyRow | None:
    """What stands under a key."""
    return _GET.first(connection, {"key": key})


def note(connection: Connection, key: str, failures: int, first_at: datetime, until: datetime | None) -> None:
    _SET.run(connection, {"of": key, "count": failures, "since": first_at, "closed_until": until})


def clear(connection: Connection, key: str) -> None:
    _CLEAR.run(connection, {"key": key})


def take_back(connection: Connection, key: str) -> None:
    """One failure less, and no waiting."""
    _TAKE_BACK.run(connection, {"of": key})
