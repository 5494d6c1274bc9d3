"""Port clearances: their numbers, their state, their frozen content, their one PDF."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from gateway.database.prepared import Prepared
from gateway.database.sealing import CERTIFICATE, CERTIFICATE_PAPER
from gateway.database.shipping import certificate, certificate_paper, certificate_sequence
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

VALID, SUSPENDED, SUPERSEDED, VOID, USED = STATES = ("valid", "suspended", "superseded", "void", "used")

# it compiles to the same words for SQLite
_NEXT = (
    insert(certificate_sequence)
    .values(prefix=bindparam("of_prefix"), year=bindparam("of_year"), last=1)
    .on_conflict_do_update(index_elements=["prefix", "year"], set_={"last": certificate_sequence.c.last + 1})
    .returning(certificate_sequence.c.last)
)
_DRAW = Prepared(_NEXT)
_ADDED = Insertion(certificate, sealing=CERTIFICATE)
_HEAD = [column for column in certificate.c if column.name != "content"]
_OF_CALL = Prepared(select(*_HEAD).where(certificate.c.call_id == bindparam("id")).order_by(certificate.c.id))
_BY_NUMBER = Prepared(select(*_HEAD).where(certificate.c.number == bindparam("number")))
_REPLACED_BY = Prepared(select(certificate.c.number).where(certificate.c.replaces == bindparam("number")).limit(1))
_CONTENT = Prepared(select(certificate).where(certificate.c.id == bindparam("id")), sealing=CERTIFICATE)
_SET_STATE = Prepared(
    update(certificate)
    .where(certificate.c.id == bindparam("of"))
    .values(state=bindparam("new_state"), reason=bindparam("new_reason"), state_at=bindparam("now"))
)
_SAIL_BY = Prepared(
    update(certificate)
    .where(certificate.c.id == bindparam("of"))
    .values(sail_by=bindparam("new_sail_by"), overdue_at=None)
)
_OVERDUE = Prepared(
    select(*_HEAD)
    .where(text("certificate.state = 'valid'"), text("overdue_at IS NULL"), certificate.c.sail_by <= bindparam("by"))
    .order_by(certificate.c.sail_by)
    .limit(bindparam("at_most"))
)
_FLAG = Prepared(
    update(certificate)
    .where(certificate.c.id == bindparam("of"), certificate.c.overdue_at.is_(None), text("state = 'valid'"))
    .values(overdue_at=bindparam("now"))
)
_FLAGGED = Prepared(
    select(certificate.c.number, certificate.c.call_id, certificate.c.ship_name, certificate.c.imo_number,
           certificate.c.port, certificate.c.issued_at, certificate.c.sail_by, certificate.c.overdue_at)
    .where(text("certificate.state = 'valid'"), certificate.c.overdue_at.is_not(None))
    .order_by(certificate.c.sail_by)
    .limit(bindparam("at_most"))
)  # fmt: skip
_COUNT = Prepared(
    select(
        certificate.c.state, func.count().label("certificates"), func.count(certificate.c.overdue_at).label("overdue")
    )
    .where(text("certificate.state IN ('valid', 'suspended')"))
    .group_by(certificate.c.state)
)
_COPY = Prepared(
    update(certificate)
    .where(certificate.c.id == bindparam("of"))
    .values(copies=certificate.c.copies + 1)
    .returning(certificate.c.copies)
)
_KEEP_PAPER = insert(certificate_paper).on_conflict_do_nothing()
_PAPER_KEPT = Prepared(_KEEP_PAPER)
_PAPER = Prepared(
    select(certificate_paper).where(certificate_paper.c.certificate_id == bindparam("id")), sealing=CERTIFICATE_PAPER
)


def draw(connection: Connection, prefix: str, year: int) -> int:
    """The next number of a prefix in a year; it is given back when the transaction fails, so none is left out."""
    return int(_DRAW.scalar(connection, {"of_prefix": prefix, "of_year": year}))


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A second one in force for the same call is an IntegrityError."""
    _ADDED.run(connection, [row])


def of_call(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    """The certificates of a call without their content, oldest first."""
    return _OF_CALL.all(connection, {"id": call_id})


def by_number(connection: Connection, number: str) -> AnyRow | None:
    return _BY_NUMBER.first(connection, {"number": number})


def replaced_by(connection: Connection, number: str) -> str | None:
    found: str | None = _REPLACED_BY.scalar(connection, {"number": number})
    return found


def content(connection: Connection, certificate_id: str) -> dict[str, Any]:
    """What was frozen."""
    found: dict[str, Any] = _CONTENT.one(connection, {"id": certificate_id}).content
    return found


def set_state(connection: Connection, certificate_id: str, state: str, reason: str | None, now: datetime) -> None:
    _SET_STATE.run(connection, {"of": certificate_id, "new_state": state, "new_reason": reason, "now": now})


def sail_by(connection: Connection, certificate_id: str, moment: datetime) -> None:
    """Another day to sail, after the decision to let it stand."""
    _SAIL_BY.run(connection, {"of": certificate_id, "new_sail_by": moment})


def overdue(connection: Connection, by: datetime, at_most: int) -> Sequence[AnyRow]:
    """Valid ones whose ship should have sailed by then, not flagged yet."""
    return _OVERDUE.all(connection, {"by": by, "at_most": at_most})


def flag(connection: Connection, certificate_id: str, now: datetime) -> bool:
    """Marks one as overdue; False when it is already, or is not valid any more."""
    return _FLAG.run(connection, {"of": certificate_id, "now": now}) == 1


def flagged(connection: Connection, at_most: int) -> Sequence[AnyRow]:
    """Those whose ship has not sailed in time, the oldest first."""
    return _FLAGGED.all(connection, {"at_most": at_most})


def counts(connection: Connection) -> Sequence[AnyRow]:
    """state, certificates, overdue: of those in force."""
    return _COUNT.all(connection)


def count_copy(connection: Connection, certificate_id: str) -> int:
    """How many times it has been handed out, this time included."""
    return int(_COPY.scalar(connection, {"of": certificate_id}))


def keep_paper(connection: Connection, row: dict[str, Any]) -> None:
    """The PDF, once and for all: what was kept first stays."""
    _PAPER_KEPT.run(connection, CERTIFICATE_PAPER.sealed(connection, row))


def paper(connection: Connection, certificate_id: str) -> bytes | None:
    found = _PAPER.first(connection, {"id": certificate_id})
    return None if found is None else bytes(found.body)
