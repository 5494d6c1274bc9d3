"""What operators' acts change in rows that otherwise only the window itself writes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.database.prepared import Prepared
from gateway.database.schema import inbox, outbox, unmatched
from gateway.database.sealing import UNMATCHED
from gateway.database.stores.outbox import QUEUED
from gateway.database.types import AnyRow, database_now

_OUTBOX_ROW = Prepared(select(outbox).where(outbox.c.message_id == bindparam("id")))
_SEND_AGAIN = Prepared(
    update(outbox)
    .where(outbox.c.message_id == bindparam("of"))
    .values(state=QUEUED, due_at=database_now(), created_at=database_now())
)
_NEXT = Prepared(
    select(outbox.c.message_id)
    .where(
        outbox.c.declaration_id == bindparam("declaration_id"),
        outbox.c.agency == bindparam("agency"),
        outbox.c.state == QUEUED,
    )
    .order_by(outbox.c.id)
)
_LOCK_DOCUMENT = Prepared(select(inbox.c.id, inbox.c.state).where(inbox.c.id == bindparam("id")).with_for_update())
_UNMATCHED_OF = Prepared(
    select(unmatched).where(unmatched.c.inbox_id == bindparam("inbox_id")).order_by(unmatched.c.id), sealing=UNMATCHED
)
_DROP_UNMATCHED = Prepared(delete(unmatched).where(unmatched.c.inbox_id == bindparam("of")))


def outbox_row(connection: Connection, message_id: str) -> AnyRow | None:
    return _OUTBOX_ROW.first(connection, {"id": message_id})


def send_again(connection: Connection, message_id: str) -> None:
    """A message of the outbox is due at once; its age begins anew, attempts go on being counted."""
    _SEND_AGAIN.run(connection, {"of": message_id})


def waiting_behind(connection: Connection, declaration_id: str, agency: str) -> list[str]:
    """Messages of a declaration to an agency that may go now, in order."""
    return [row.message_id for row in _NEXT.all(connection, {"declaration_id": declaration_id, "agency": agency})]


def lock_document(connection: Connection, inbox_id: str) -> AnyRow | None:
    """id and state of a document nobody else takes up until this transaction has ended."""
    return _LOCK_DOCUMENT.first(connection, {"id": inbox_id})


def unmatched_of(connection: Connection, inbox_id: str) -> Sequence[AnyRow]:
    """Answers of a document whose filing is not known."""
    return _UNMATCHED_OF.all(connection, {"inbox_id": inbox_id})


def drop_unmatched(connection: Connection, inbox_id: str) -> None:
    """The document will be read again: what was kept of it aside is kept anew, if it must."""
    _DROP_UNMATCHED.run(connection, {"of": inbox_id})
