"""Whether a declaration has ended for good: nothing of it is under way and nobody has still to look at it."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, text

from gateway.database.prepared import Prepared
from gateway.database.schema import answer, approval, inbox, message, outbox

OVER = frozenset({"closed", "cancelled", "withdrawn", "rejected"})
"""Legs nobody will say more about."""
IDLE = OVER | {"waiting"}
"""A leg that waits beside legs that are all over waits in vain."""
_MESSAGES = Prepared(
    select(message.c.id, message.c.state, message.c.delivery, message.c.current).where(
        message.c.declaration_id == bindparam("of")
    )
)
_IN_OUTBOX = Prepared(select(outbox.c.id).where(outbox.c.declaration_id == bindparam("of")).limit(1))
_ANSWERS = Prepared(
    select(answer.c.known, inbox.c.id, inbox.c.state)
    .join(inbox, inbox.c.id == answer.c.inbox_id)
    .where(answer.c.declaration_id == bindparam("of"))
)
_ASKED = Prepared(select(approval.c.target).where(text("approval.state = 'pending'")))


def not_yet(connection: Connection, declaration_id: str) -> str | None:
    """Why a declaration that looks ended has to stay; None when it may go.

    leg_open: some agency is not done with it. in_outbox: a message is still to be sent or held. unknown_answer, document: an
    operator has not settled what an agency said. approval: two operators are about to act on it.
    """
    of = {"of": declaration_id}
    messages = _MESSAGES.all(connection, of)
    states = {row.state or row.delivery for row in messages if row.current}
    if not states <= IDLE or not states & OVER:
        return "leg_open"
    if _IN_OUTBOX.first(connection, of) is not None:
        return "in_outbox"
    answers = _ANSWERS.all(connection, of)
    if not all(row.known for row in answers):
        return "unknown_answer"
    if any(row.state != "done" for row in answers):
        return "document"
    asked = {row.target for row in _ASKED.all(connection)}
    about = {declaration_id, *(row.id for row in messages), *(row.id for row in answers)}
    return "approval" if asked & about else None
