"""Repairs: what two operators can do to a message that is stuck, or a document that was kept aside.

resend   a message that is parked or in doubt goes again: same bytes, same id, in its order. One that could not be made is
         made again
release  the agency has it, as an operator found out: recorded as sent, and what waits behind it goes on
requeue  a document that is quarantined or waits is read and taken up again, by the tables in force
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection

from declarations.errors import MoveNotAllowed, NotFound
from gateway import receive
from gateway.database.stores import declarations, inbox, messages, outbox
from gateway.database.stores import repairs as store
from gateway.database.types import AnyRow
from gateway.notices import Queued
from gateway.operations import showing
from gateway.quarantine import Received
from gateway.standing import settle

if TYPE_CHECKING:
    from gateway.wiring import Window

STUCK = ("parked", "outcome_unknown")
KEPT_ASIDE = ("quarantined", "waiting")
Words: TypeAlias = "tuple[str, str]"
"""zh, en."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about: a message or a document, locked; None for the window as a whole."""

    row: AnyRow | None = None
    queue: AnyRow | None = None
    """The message's row in the outbox."""

    def facts(self) -> dict[str, Any]:
        """Whose it is, for the journal."""
        names = ("organisation_id", "declaration_id", "version", "agency")
        return {name: getattr(self.row, name) for name in names if hasattr(self.row, name)}


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did: words for the operators, entries of the journal (code, details), what may be delivered now."""

    zh: str
    en: str
    acts: Sequence[tuple[str, dict[str, str]]] = ()
    queued: set[Queued] = field(default_factory=set)
    afterwards: Callable[[Window], Awaitable[Words]] | None = None
    """What follows the commit; its words replace those above."""


def lock_message(connection: Connection, message_id: str) -> Target:
    row = messages.get(connection, message_id)
    if row is None:
        raise NotFound(f"there is no message {message_id}", f"没有报文 {message_id}")
    declarations.lock(connection, row.declaration_id)
    # it may have changed until the lock was had
    return Target(messages.get(connection, message_id), store.outbox_row(connection, message_id))


def lock_document(connection: Connection, inbox_id: str) -> Target:
    if store.lock_document(connection, inbox_id) is None:
        raise NotFound(f"there is no document {inbox_id}", f"没有回执文件 {inbox_id}")
    return Target(inbox.get(connection, inbox_id))


def check_resend(connection: Connection, target: Target) -> None:
    row, queue = target.row, target.queue
    assert row is not None
    # a doubt without a reason: operators have had it sent again
    if queue is not None and queue.state == outbox.QUEUED and row.delivery in STUCK and row.reason_en is None:
        raise MoveNotAllowed(f"message {row.id} is queued to go again already", f"报文 {row.id} 已安排再次发送")
    unmade = queue is None and row.delivery == "parked" and messages.body(connection, row.id) is None
    if row.delivery not in STUCK or (queue is None and not unmade):
        raise _not_stuck(row)
    if unmade and not row.current:
        raise MoveNotAllowed(
            f"message {row.id} belongs to an older version, which is not filed any more",
            f"报文 {row.id} 属于旧版本，不再申报",
        )


def check_release(connection: Connection, target: Target) -> None:
    row = target.row
    assert row is not None
    if row.delivery not in STUCK:
        raise _not_stuck(row)
    if messages.body(connection, row.id) is None:
        raise MoveNotAllowed(
            f"message {row.id} was never made, so no agency can have it", f"报文 {row.id} 尚未生成，机构不可能已收到"
        )


def check_requeue(_: Connection, target: Target) -> None:
    row = target.row
    assert row is not None
    if row.state not in KEPT_ASIDE:
        zh, en = showing.DOCUMENT_STATES[row.state]
        raise MoveNotAllowed(
            f"document {row.id} is not quarantined and does not wait: {en}",
            f"回执文件 {row.id} 未被隔离，也不在等待：{zh}",
        )


def resend(connection: Connection, window: Window, target: Target, now: datetime) -> Done:
    row = target.row
    assert row is not None
    if target.queue is None:
        return _make_again(connection, window, row, now)
    store.send_again(connection, row.id)
    # in doubt it stays, for it may have arrived; but without a reason: operators had it sent again, so it goes
    delivery = "queued" if row.delivery == "parked" else row.delivery
    messages.set_delivery(connection, row.id, delivery, now)
    queued = settle(connection, window, row.declaration_id, now)
    return Done(
        "已重新排队，以相同内容和编号发送",
        "queued again, with the same bytes under the same id",
        [("resent", {"message_id": row.id})],
        queued | {(row.agency, row.declaration_id, row.id)},
    )


def _make_again(connection: Connection, window: Window, row: AnyRow, now: datetime) -> Done:
    messages.set_delivery(connection, row.id, "waiting", now)
    queued = settle(connection, window, row.declaration_id, now)
    after = messages.get(connection, row.id)
    assert after is not None
    if after.delivery == "parked":
        # nothing of this is kept: the operators read why, and it stays as it was
        raise MoveNotAllowed(f"it still cannot be made: {after.reason_en}", f"报文仍无法生成：{after.reason_zh}")
    made = [("remade", {"message_id": row.id})]
    if after.delivery == "waiting":
        return Done("重新等待另一机构的号码", "it waits for the other agency's number again", made, queued)
    return Done("报文已重新生成并排队", "made again and queued", made, queued)


def release(connection: Connection, window: Window, target: Target, now: datetime) -> Done:
    row = target.row
    assert row is not None
    outbox.remove(connection, row.id)
    # when its agency should answer is counted anew as the declaration is settled
    messages.set_sent(connection, row.id, now, None)
    queued = settle(connection, window, row.declaration_id, now)
    behind = store.waiting_behind(connection, row.declaration_id, row.agency)
    return Done(
        "已记为送达，后续报文继续发送",
        "recorded as delivered; what waits behind it goes on",
        [("released_by_operator", {"message_id": row.id})],
        queued | {(row.agency, row.declaration_id, message_id) for message_id in behind},
    )


def requeue(connection: Connection, _: Window, target: Target, __: datetime) -> Done:
    row = target.row
    assert row is not None
    put_back(connection, row.id)

    async def take_up(window: Window) -> Words:
        return words_of(await receive.take_up(window, row.id, suspect=True))

    # should this process die before it is taken up, the sweep of any other finds it
    return Done("已放回待处理", "to be taken up again", [("requeued", {"inbox_id": row.id})], afterwards=take_up)


def put_back(connection: Connection, inbox_id: str) -> None:
    """A document is to be read and taken up again; what was kept aside of it will be kept anew, if it must."""
    store.drop_unmatched(connection, inbox_id)
    inbox.put_back(connection, inbox_id)


def words_of(received: Received) -> Words:
    """What became of a document, in words."""
    if received.state == "duplicate":
        return "此前已处理，无变化", "taken up before; nothing changed"
    zh, en = showing.DOCUMENT_STATES[received.state]
    return (f"{zh}：{received.reason_zh}", f"{en}: {received.reason}") if received.reason else (zh, en)


def _not_stuck(row: AnyRow) -> MoveNotAllowed:
    zh = {"sent": "已送达", "queued": "在队列中", "waiting": "等待另一机构的号码"}.get(row.delivery, row.delivery)
    return MoveNotAllowed(
        f"message {row.id} is neither parked nor in doubt, it is {row.delivery}",
        f"报文 {row.id} 既未暂停也无疑问（{zh}）",
    )
