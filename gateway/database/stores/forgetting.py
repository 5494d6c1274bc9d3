"""What is kept about people and past its term: sessions, challenges, failures to log in, invitations, prepared filings that are
filed or dropped, closed accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Delete, bindparam, delete, exists, func, or_, select, update

from gateway.database.people import (
    challenge,
    credential,
    invitation,
    membership,
    person,
    prepared,
    registration,
    session,
    throttle,
)
from gateway.database.prepared import Prepared

CLOSED = "closed"


def _oldest(table: Any, moment: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Delete:
    """Some rows whose moment is past, never all at once: other work goes between."""
    key = next(iter(table.primary_key.columns))
    some = select(key).where(moment < bindparam("before"), *conditions).limit(bindparam("at_most"))
    return delete(table).where(key.in_(some.scalar_subquery()))


_BY_AGE = {
    "session": Prepared(_oldest(session, session.c.expires_at)),
    "challenge": Prepared(_oldest(challenge, challenge.c.expires_at)),
    "throttle": Prepared(_oldest(throttle, func.coalesce(throttle.c.until, throttle.c.first_at))),
    "invitation": Prepared(_oldest(invitation, invitation.c.expires_at)),
    "registration": Prepared(_oldest(registration, registration.c.decided_at, registration.c.state != "pending")),
    "prepared": Prepared(
        _oldest(
            prepared,
            func.coalesce(prepared.c.signed_at, prepared.c.reviewed_at, prepared.c.keyed_at),
            prepared.c.state.in_(("filed", "dropped")),
        )
    ),
}
_belongs = membership.c.person_id == person.c.id
_LEFT = Prepared(
    select(person.c.id)
    .where(
        person.c.state != CLOSED,
        person.c.created_at < bindparam("before"),
        # somebody is left for good where nothing lasts, and the last thing ended by then
        ~exists().where(
            _belongs,
            or_(
                membership.c.state != "removed",
                func.coalesce(membership.c.ended_at, membership.c.created_at) >= bindparam("before"),
            ),
        ),
    )
    .order_by(person.c.id)
    .limit(bindparam("at_most"))
)
_CLOSE = Prepared(
    update(person)
    .where(person.c.id == bindparam("of"))
    .values(state=CLOSED, name=person.c.id, login=person.c.id, email=None)
)
_OF_PERSON = [
    Prepared(delete(session).where(session.c.person_id == bindparam("of"))),
    Prepared(delete(credential).where(credential.c.person_id == bindparam("of"))),
]


def forget(connection: Connection, what: str, before: datetime, at_most: int) -> int:
    """Forgets up to `at_most` of them that ended before; returns how many."""
    values = {"before": before, "at_most": at_most}
    return _FORGET.get(what, _by_age)(connection, what, values)


def _by_age(connection: Connection, what: str, values: dict[str, Any]) -> int:
    return _BY_AGE[what].run(connection, values)


def _people(connection: Connection, _: str, values: dict[str, Any]) -> int:
    left = [row.id for row in _LEFT.all(connection, values)]
    for person_id in left:
        for statement in _OF_PERSON:
            statement.run(connection, {"of": person_id})
        _CLOSE.run(connection, {"of": person_id})
    return len(left)


_FORGET: dict[str, Callable[[Connection, str, dict[str, Any]], int]] = {"person": _people}
