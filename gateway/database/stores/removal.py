"""Removing what is past its term: an archived declaration with all that belongs to it, and small records by age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, exists, select

from gateway.database.prepared import Prepared
from gateway.database.schema import (
    answer,
    approval,
    declaration,
    declaration_version,
    idempotency,
    inbox,
    message,
    message_body,
    obligation,
    process,
    search_key,
    unmatched,
)
from gateway.database.shipping import (
    call,
    call_change,
    call_void,
    certificate,
    certificate_paper,
    handover,
    manifest_bill,
    movement,
)

_DOCUMENTS = Prepared(select(answer.c.inbox_id).where(answer.c.declaration_id == bindparam("id")).distinct())
_MESSAGES = select(message.c.id).where(message.c.declaration_id == bindparam("of"))
_BELONGING = [
    Prepared(delete(answer).where(answer.c.declaration_id == bindparam("of"))),
    Prepared(delete(message_body).where(message_body.c.message_id.in_(_MESSAGES))),
    Prepared(delete(message).where(message.c.declaration_id == bindparam("of"))),
    Prepared(delete(obligation).where(obligation.c.declaration_id == bindparam("of"))),
    Prepared(delete(manifest_bill).where(manifest_bill.c.declaration_id == bindparam("of"))),
    Prepared(delete(declaration_version).where(declaration_version.c.declaration_id == bindparam("of"))),
    Prepared(delete(declaration).where(declaration.c.id == bindparam("of"))),
]
"""Children before their parents. An outbox row is not among them: while there is one, the database refuses."""
_KEY = Prepared(
    delete(search_key).where(
        search_key.c.organisation_id == bindparam("of_organisation"),
        search_key.c.value == bindparam("of_value"),
        search_key.c.kind == bindparam("of_kind"),
        search_key.c.declaration_id == bindparam("of"),
    )
)
_LONELY_DOCUMENT = Prepared(
    delete(inbox).where(
        inbox.c.id == bindparam("of"),
        inbox.c.state == "done",
        ~exists().where(answer.c.inbox_id == inbox.c.id),
        ~exists().where(unmatched.c.inbox_id == inbox.c.id),
    )
)
_OLD: dict[str, tuple[Table, Any, tuple[Any, ...]]] = {
    "idempotency": (idempotency, idempotency.c.created_at, ()),
    "approval": (approval, approval.c.decided_at, (approval.c.state != "pending",)),
    "process": (process, process.c.seen_at, ()),
    # its filings go first, each by its own term
    "call": (
        call,
        call.c.updated_at,
        (call.c.state != "open", ~exists().where(declaration.c.call_id == call.c.id)),
    ),
}
_OF_CALL: tuple[tuple[Table, Callable[[str], ColumnElement[bool]]], ...] = (
    (
        certificate_paper,
        lambda of: certificate_paper.c.certificate_id.in_(select(certificate.c.id).where(certificate.c.call_id == of)),
    ),
    *(
        (table, lambda of, table=table: table.c.call_id == of)
        for table in (certificate, movement, call_void, call_change, handover, manifest_bill)
    ),
)
"""What goes with a call, children before their parents."""


def remove(connection: Connection, declaration_id: str, keys: Sequence[dict[str, str]]) -> int:
    """Removes a declaration and all that only concerns it; `keys` are its search keys. Returns how many documents went.

    The journal and the archive row stay. A document that speaks of other declarations too stays with them.
    """
    documents = [row.inbox_id for row in _DOCUMENTS.all(connection, {"id": declaration_id})]
    for key in keys:
        values = {"of_organisation": key["organisation_id"], "of_value": key["value"], "of_kind": key["kind"]}
        _KEY.run(connection, {**values, "of": declaration_id})
    for statement in _BELONGING:
        statement.run(connection, {"of": declaration_id})
    return sum(_LONELY_DOCUMENT.run(connection, {"of": each}) for each in documents)


def old(connection: Connection, what: str, before: datetime, at_most: int) -> list[dict[str, Any]]:
    """The keys of records older than that: `what` is idempotency, approval, process or call."""
    table, moment, conditions = _OLD[what]
    statement = select(*table.primary_key.columns).where(moment < before, *conditions).limit(at_most)
    return [row._asdict() for row in connection.execute(statement)]


def remove_old(connection: Connection, what: str, keys: Sequence[dict[str, Any]], before: datetime) -> int:
    """Removes those of the records that are still that old."""
    table, moment, conditions = _OLD[what]
    gone = 0
    for key in keys:
        named = [table.c[name] == value for name, value in key.items()]
        if what == "call" and connection.execute(select(call.c.id).where(*named, moment < before, *conditions)).first():
            for child, of in _OF_CALL:
                connection.execute(delete(child).where(of(key["id"])))
        gone += connection.execute(delete(table).where(*named, moment < before, *conditions)).rowcount
    return gone
