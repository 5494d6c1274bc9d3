"""Stored documents, for reading them again and for showing those that are not done."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, text

from gateway.database.prepared import Prepared
from gateway.database.schema import answer, inbox
from gateway.database.sealing import ANSWER
from gateway.database.types import AnyRow

_HEAD = (
    inbox.c.id,
    inbox.c.agency,
    inbox.c.name,
    inbox.c.received_at,
    inbox.c.state,
    inbox.c.reason_zh,
    inbox.c.reason_en,
)
_NOT_DONE = Prepared(
    select(*_HEAD)
    .where(
        text("inbox.state <> 'done'"),
        inbox.c.id < bindparam("before"),
        inbox.c.agency.in_(bindparam("agencies", expanding=True)),
        inbox.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(inbox.c.id.desc())
    .limit(bindparam("at_most"))
)
_BETWEEN = Prepared(
    select(inbox.c.id, inbox.c.agency)
    .where(
        inbox.c.id > bindparam("after"),
        inbox.c.id < bindparam("before"),
        inbox.c.agency.in_(bindparam("agencies", expanding=True)),
    )
    .order_by(inbox.c.id)
    .limit(bindparam("at_most"))
)
_OF_DECLARATION = Prepared(
    select(answer.c.inbox_id.label("id"), answer.c.agency)
    .where(
        answer.c.declaration_id == bindparam("declaration_id"),
        answer.c.inbox_id > bindparam("after"),
        answer.c.inbox_id < bindparam("before"),
        answer.c.agency.in_(bindparam("agencies", expanding=True)),
    )
    .distinct()
    .order_by(answer.c.inbox_id)
    .limit(bindparam("at_most"))
)
_TAKEN = Prepared(
    select(answer.c.id, answer.c.declaration_id, answer.c.known, answer.c.message, answer.c.code, answer.c.response)
    .where(answer.c.agency == bindparam("agency"), answer.c.key == bindparam("key"))
    .order_by(answer.c.id),
    sealing=ANSWER,
)


def not_done(
    connection: Connection, agencies: Sequence[str], states: Sequence[str], before: str, at_most: int
) -> Sequence[AnyRow]:
    """Documents in these states, newest first, without their bytes."""
    values = {"agencies": list(agencies), "states": list(states), "before": before, "at_most": at_most}
    return _NOT_DONE.all(connection, values)


def between(connection: Connection, agencies: Sequence[str], after: str, before: str, at_most: int) -> Sequence[AnyRow]:
    """id and agency of documents behind `after` and before `before`, oldest first."""
    values = {"agencies": list(agencies), "after": after, "before": before, "at_most": at_most}
    return _BETWEEN.all(connection, values)


def of_declaration(
    connection: Connection, declaration_id: str, agencies: Sequence[str], after: str, before: str, at_most: int
) -> Sequence[AnyRow]:
    """The same of the documents that held answers to one declaration."""
    values = {"declaration_id": declaration_id, "agencies": list(agencies), "after": after, "before": before}
    return _OF_DECLARATION.all(connection, {**values, "at_most": at_most})


def taken(connection: Connection, agency: str, key: str) -> Sequence[AnyRow]:
    """Answers taken under this key: id, declaration_id, known, message, code, response."""
    return _TAKEN.all(connection, {"agency": agency, "key": key})
