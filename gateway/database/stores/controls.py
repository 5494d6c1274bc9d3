"""What operators and the circuit breaker say about sending to an agency. All workers share it, and it outlives them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, case, insert, null, select, update

from gateway.database.prepared import Prepared
from gateway.database.schema import agency_control
from gateway.database.types import AnyRow, database_now

REST_AT_MOST = 1800.0
"""Seconds an agency is left alone at most before one message is tried, whatever it asked for."""
_FIELDS = (
    agency_control,
    # SQLite has no booleans to compare with: 1 or 0
    # (later than any rest lasts: the clock was set back since)
    case(
        (
            and_(
                agency_control.c.resumes_at > database_now(), agency_control.c.resumes_at <= database_now(REST_AT_MOST)
            ),
            1,
        ),
        else_=0,
    ).label("open"),
)
_GET = Prepared(select(*_FIELDS).where(agency_control.c.agency == bindparam("agency")))
_ALL = Prepared(select(*_FIELDS).order_by(agency_control.c.agency))
_INSERT = Prepared(insert(agency_control))
_of = agency_control.c.agency == bindparam("of")
_PAUSE = Prepared(
    update(agency_control)
    .where(_of)
    .values(paused_by=bindparam("by"), paused_at=bindparam("now"), reason=bindparam("why"))
)
_RESUME = Prepared(
    update(agency_control).where(_of).values(paused_by=None, paused_at=None, reason=None, failures=0, resumes_at=None)
)
_REACHED = Prepared(update(agency_control).where(_of).values(failures=0, resumes_at=None))
_FAILED = Prepared(
    update(agency_control)
    .where(_of)
    .values(
        failures=agency_control.c.failures + 1,
        resumes_at=case(
            (agency_control.c.failures + 1 >= bindparam("at_most"), database_now(bindparam("rest"))),
            else_=null(),
        ),
    )
    .returning(agency_control.c.failures)
)


def get(connection: Connection, agency: str) -> AnyRow | None:
    """The row of an agency; `open` is 1 while the breaker lets nothing through. None: nothing is said."""
    return _GET.first(connection, {"agency": agency})


def every(connection: Connection) -> Sequence[AnyRow]:
    return _ALL.all(connection)


def begin(connection: Connection, agencies: Sequence[str]) -> None:
    """A row for each agency, at a start; several programs may start together."""
    have = {row.agency for row in every(connection)}
    for agency in agencies:
        if agency not in have:
            _INSERT.run(connection, {"agency": agency})


def pause(connection: Connection, agency: str, by: str, reason: str, now: datetime) -> None:
    """Nothing is sent to the agency until somebody resumes it."""
    _PAUSE.run(connection, {"of": agency, "by": by, "why": reason, "now": now})


def resume(connection: Connection, agency: str) -> None:
    """Sends again, whatever the breaker thought."""
    _RESUME.run(connection, {"of": agency})


def reached(connection: Connection, agency: str) -> None:
    """The agency answered: failures are counted from nothing again."""
    _REACHED.run(connection, {"of": agency})


def failed(connection: Connection, agency: str, at_most: int, rest: float) -> int:
    """The agency could not be reached; from the `at_most`th time in a row on the breaker opens for `rest` seconds.

    Returns how often in a row it was.
    """
    times = _FAILED.scalar(connection, {"of": agency, "at_most": at_most, "rest": min(rest, REST_AT_MOST)})
    return int(times or 0)
