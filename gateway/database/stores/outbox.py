"""What is to be handed over. A row lives from the moment its message is rendered until its agency has it.

Claims, leases and retry times run on the database's clock. A recorded outcome counts only under the token of the claim it
belongs to: a worker that lost its lease changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, or_, select, update

from declarations.errors import SealedDataUnreadable
from gateway.database.prepared import Prepared
from gateway.database.schema import message, message_body, outbox
from gateway.database.sealing import MESSAGE_BODY
from gateway.database.together import Insertion
from gateway.database.types import AnyRow, database_now

URGENT, ORDINARY = 0, 1
QUEUED, HELD = "queued", "held"
CLOCK_SET_BACK = 1800.0
"""Seconds: a time so much farther ahead than it can be was written before the clock was set back."""

ADDED = Insertion(outbox, clocked=("created_at", "due_at"))
_earlier = outbox.alias("earlier")
_FREE = or_(
    outbox.c.lease_until.is_(None),
    outbox.c.lease_until <= database_now(),
    # farther ahead than any lease lasts: the clock was set back
    outbox.c.lease_until > database_now(bindparam("lease") + CLOCK_SET_BACK),
)
_DUE = Prepared(
    select(
        outbox.c.id,
        outbox.c.message_id,
        outbox.c.attempts,
        outbox.c.organisation_id,
        outbox.c.created_at,
        outbox.c.priority,
        outbox.c.trace,
        # somebody began to send it and never said what came of it
        outbox.c.lease_token.is_not(None).label("interrupted"),
        database_now().label("now"),
        message.c.declaration_id,
        message.c.version,
        message.c.agency,
        message.c.message,
        message.c.reference,
        message.c.accepted_at,
        message.c.delivery,
        message.c.reason_en,
        message_body.c.body,
        message_body.c.signature,
        message_body.c.rendered_at,
        message.c.exchange_name,
    )
    .join(message, message.c.id == outbox.c.message_id)
    .join(message_body, message_body.c.message_id == outbox.c.message_id)
    .where(
        outbox.c.agency == bindparam("of_agency"),
        outbox.c.state == QUEUED,
        outbox.c.priority == bindparam("lane"),
        outbox.c.due_at <= database_now(),
        _FREE,
        # one declaration's messages to one agency go in order: what stands before must be gone first
        ~exists().where(
            _earlier.c.declaration_id == outbox.c.declaration_id,
            _earlier.c.agency == outbox.c.agency,
            _earlier.c.id < outbox.c.id,
        ),
    )
    .order_by(outbox.c.due_at, outbox.c.id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True, of=outbox)
)
_LEASE = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("of"))
    .values(
        lease_token=bindparam("token"),
        lease_until=database_now(bindparam("lease")),
        attempts=outbox.c.attempts + 1,
    )
)
_held_by = (outbox.c.message_id == bindparam("of"), outbox.c.lease_token == bindparam("token"))
_DONE = Prepared(delete(outbox).where(*_held_by))
_RETRY = Prepared(
    update(outbox)
    .where(*_held_by)
    .values(lease_token=None, lease_until=None, due_at=database_now(bindparam("delay")), last_error=bindparam("error"))
)
_HOLD = Prepared(
    update(outbox)
    .where(*_held_by)
    .values(state=HELD, lease_token=None, lease_until=None, last_error=bindparam("error"))
)
_GIVE_BACK = Prepared(
    update(outbox).where(*_held_by).values(lease_token=None, lease_until=None, attempts=outbox.c.attempts - 1)
)
_PULL_IN = Prepared(
    update(outbox)
    .where(
        outbox.c.agency == bindparam("of_agency"),
        outbox.c.state == QUEUED,
        outbox.c.priority == bindparam("lane"),
        outbox.c.due_at > database_now(bindparam("longest")),
    )
    .values(due_at=database_now())
)
_VOID_LEASES = Prepared(update(outbox).where(outbox.c.lease_token.is_not(None)).values(lease_until=database_now()))
_REMOVE = Prepared(delete(outbox).where(outbox.c.message_id == bindparam("of")))
_REMOVE_UNTOUCHED = Prepared(
    delete(outbox).where(
        outbox.c.message_id == bindparam("of"), outbox.c.state == QUEUED, outbox.c.lease_token.is_(None)
    )
)
_OF_MESSAGES = Prepared(select(outbox).where(outbox.c.message_id.in_(bindparam("ids", expanding=True))))
_HELD_ROWS = Prepared(
    select(outbox, message.c.reference, message.c.message, message.c.delivery, message.c.reason_zh, message.c.reason_en)
    .join(message, message.c.id == outbox.c.message_id)
    .where(outbox.c.state == HELD)
    .order_by(outbox.c.id)
    .limit(bindparam("at_most"))
)


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as `gateway.filing.outbox_row` makes them; due at once."""
    if rows:
        ADDED.run(connection, rows)


def claim(connection: Connection, agency: str, token: str, lease: float, at_most: int) -> list[AnyRow]:
    """Up to `at_most` due rows with their messages, leased for `lease` seconds under `token`; the urgent lane goes first.

    `attempts` counts those before this one; `interrupted` says that the last of them never recorded what came of it. `body` is
    None where what is stored cannot be read.
    """
    rows: list[AnyRow] = []
    for lane in (URGENT, ORDINARY):
        if len(rows) < at_most:
            values = {"of_agency": agency, "lane": lane, "lease": lease, "at_most": at_most - len(rows)}
            rows += _DUE.all(connection, values)
    _LEASE.run_many(connection, [{"of": row.id, "token": token, "lease": lease} for row in rows])
    return [_opened(connection, row) for row in rows]


def _opened(connection: Connection, row: AnyRow) -> AnyRow:
    try:
        body = MESSAGE_BODY.open(connection, "body", row.body, (row.message_id,))
    except SealedDataUnreadable:
        # one that is damaged keeps nobody else's message back
        body = None
    opened: AnyRow = row._replace(body=body)
    return opened


def done(connection: Connection, message_id: str, token: str) -> bool:
    """Handed over; False when this claim is no longer the row's."""
    return _DONE.run(connection, {"of": message_id, "token": token}) == 1


def retry(connection: Connection, message_id: str, token: str, delay: float, error: str) -> bool:
    """Try again in `delay` seconds; False when this claim is no longer the row's."""
    return _RETRY.run(connection, {"of": message_id, "token": token, "delay": delay, "error": error}) == 1


def hold(connection: Connection, message_id: str, token: str, error: str) -> bool:
    """Keep, send no more; False when this claim is no longer the row's."""
    return _HOLD.run(connection, {"of": message_id, "token": token, "error": error}) == 1


def give_back(connection: Connection, message_id: str, token: str) -> bool:
    """Claimed but never tried: due as before; False when this claim is no longer the row's."""
    return _GIVE_BACK.run(connection, {"of": message_id, "token": token}) == 1


def pull_in(connection: Connection, agency: str, longest: float) -> int:
    """Makes due at once what is due later than any delay lasts: the database's clock was set back since. How many."""
    return sum(
        _PULL_IN.run(connection, {"of_agency": agency, "lane": lane, "longest": longest}) for lane in (URGENT, ORDINARY)
    )


def void_leases(connection: Connection) -> None:
    """Ends all leases now: those of a process that is known to be dead."""
    _VOID_LEASES.run(connection)


def remove(connection: Connection, message_id: str) -> bool:
    """The agency has it, or it is replaced: nothing more to hand over."""
    return _REMOVE.run(connection, {"of": message_id}) == 1


def remove_untouched(connection: Connection, message_id: str) -> bool:
    """Removes a row that surely never left; False when it is under way, in doubt or gone."""
    return _REMOVE_UNTOUCHED.run(connection, {"of": message_id}) == 1


def of_messages(connection: Connection, message_ids: Sequence[str]) -> dict[str, AnyRow]:
    return {row.message_id: row for row in _OF_MESSAGES.all(connection, {"ids": list(message_ids)})}


def held(connection: Connection, at_most: int) -> Sequence[AnyRow]:
    """Messages that wait for an operator: parked or in doubt."""
    return _HELD_ROWS.all(connection, {"at_most": at_most})
