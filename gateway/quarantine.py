"""Quarantine: a document that cannot be taken up is kept aside with the reason, once, and changes nothing.

It cannot be read, or its signature is not its agency's, or it may be what stops the window's programs. An operator decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import structlog
from sqlalchemy import Connection

from declarations.errors import SignatureRefused, UnreadableResponse
from gateway import journal
from gateway.database.stores import entries, inbox

if TYPE_CHECKING:
    from gateway.wiring import Window

State = Literal["done", "duplicate", "waiting", "quarantined", "received"]
SHOWN_AT_MOST = 300
"""Characters of an error of ours that the operator reads; the log has all of it."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a document. `reason` is in English, `reason_zh` in Chinese; both empty when all went well."""

    state: State
    inbox_id: str
    reason: str | None = None
    reason_zh: str | None = None
    refused: SignatureRefused | None = None
    """Why it was not taken for this agency's own; None when it was."""


def our_fault(error: Exception, agency: str, name: str | None) -> UnreadableResponse:
    """What the operator reads of an answer that could not be taken up through no fault of its own."""
    log.exception("answer could not be taken up", agency=agency, name=name, exc_info=error)
    shown = repr(error)[:SHOWN_AT_MOST]
    return UnreadableResponse(
        f"it could not be taken up, a fault of the window: {shown}", f"窗口内部错误，回执未能处理：{shown}"
    )


def killing(attempts: int) -> UnreadableResponse:
    return UnreadableResponse(
        f"it was begun {attempts} times and never ended: it may be what stops the window's programs",
        f"已尝试处理 {attempts} 次均未完成，可能导致程序中断，已隔离",
    )


async def set_aside(window: Window, inbox_id: str, why: UnreadableResponse) -> Received:
    def store(connection: Connection) -> Received:
        row = inbox.take(connection, inbox_id)
        if row is None:
            return Received("duplicate", inbox_id)
        return quarantine(connection, row._asdict(), why, True)

    log.error("answer set aside", inbox_id=inbox_id, reason=why.message_en)
    return await window.database.write(store)


def quarantine(
    connection: Connection, document: dict[str, Any], error: UnreadableResponse | SignatureRefused, kept: bool
) -> Received:
    """Keeps a document aside, once; `kept`: its row is there already. A refused signature is journalled each time."""
    agency, inbox_id = document["agency"], document["id"]
    refused = error if isinstance(error, SignatureRefused) else None
    earlier = inbox.same(connection, agency, document["sha256"], document["name"], but=inbox_id)
    if earlier is not None and kept:
        inbox.remove(connection, inbox_id)
    elif earlier is None and not kept:
        inbox.add(connection, {**document, "state": "done"})
    if earlier is None:
        inbox.set_state(connection, inbox_id, "quarantined", error.message_zh, error.message_en)
    kept_id = inbox_id if earlier is None else earlier.id
    if refused is not None:
        entries.add(connection, [refusal(document, kept_id, refused)])
    return Received("quarantined", kept_id, error.message_en, error.message_zh, refused)


def refusal(document: dict[str, Any], inbox_id: str, refused: SignatureRefused) -> dict[str, Any]:
    """The journal's row of a document that was not taken for its agency's."""
    return journal.entry(
        "answer_refused",
        at=document["received_at"],
        agency=document["agency"],
        inbox_id=inbox_id,
        reason=refused.code,
        sha256=document["sha256"],
        **({"name": document["name"]} if document["name"] else {}),
    )
