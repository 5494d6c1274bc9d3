"""Four eyes: what one operator asks for, another grants, and only then it is done.

A grant is carried out in its own transaction: what is recorded as granted has been done. The lock of the declaration or document
comes first, as everywhere, so of two who grant at once one does it and the other is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.errors import BadRequest, Forbidden, MoveNotAllowed, NotFound, StorageUnavailable
from gateway import ids, journal
from gateway.database.stores import approvals as store
from gateway.database.stores import entries
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.operations import keeping, repairs, showing
from gateway.operations.repairs import Done, Target, Words

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """An act that needs two operators."""

    lock: Callable[[Connection, str], Target]
    """Finds and locks what it is about; raises NotFound."""
    check: Callable[[Connection, Target], None]
    """Raises MoveNotAllowed, in words, when it cannot be done now."""
    do: Callable[[Connection, Window, Target, datetime], Done]
    """Does it, inside the transaction of the grant."""


ACTS: dict[str, Act] = {
    "resend": Act(repairs.lock_message, repairs.check_resend, repairs.resend),
    "release": Act(repairs.lock_message, repairs.check_release, repairs.release),
    "requeue": Act(repairs.lock_document, repairs.check_requeue, repairs.requeue),
    "retention": Act(keeping.lock, keeping.check, keeping.begin),
}


async def ask(window: Window, operator: Caller, act: str, target: str, reason: str) -> dict[str, Any]:
    """Asks for an act. Raises NotFound, and MoveNotAllowed when it cannot be done now or something is asked for already."""
    if act not in ACTS:
        said = ", ".join(ACTS)
        raise BadRequest(f"act must be one of {said}", f"act 只能是 {said}")
    reason = reason.strip()
    if not reason:
        raise BadRequest("say why, in reason", "请在 reason 中说明理由")

    def store_it(connection: Connection) -> dict[str, Any]:
        found = ACTS[act].lock(connection, target)
        ACTS[act].check(connection, found)
        now = window.clock()
        row: dict[str, Any] = {
            "id": ids.new_id(ids.APPROVAL, now),
            "act": act,
            "target": target,
            "reason": reason,
            "asked_by": operator.name,
            "asked_at": now,
        }
        store.add(connection, row)
        details = {"approval_id": row["id"], "act": act, "target": target, "reason": reason}
        entries.add(connection, [_entry("approval_asked", found, operator.name, now, details)])
        return showing.approval(_row(connection, row["id"]))

    try:
        return await window.database.write(store_it)
    except IntegrityError:
        # the index lets one wish for a target in
        other = await window.database.read(lambda connection: store.pending_for(connection, target))
        if other is None:
            raise
        raise _asked_already(other.id, other.act, other.asked_by) from None


async def grant(window: Window, operator: Caller, approval_id: str) -> dict[str, Any]:
    """Grants and does it. Raises Forbidden for the operator who asked, MoveNotAllowed when it is decided or cannot be done."""
    asked = await window.database.read(lambda connection: _row(connection, approval_id))
    if asked.asked_by == operator.name:
        raise Forbidden(
            "whoever asks does not grant: a second operator, with a token of his own, has to",
            "申请人不能批准自己的申请，须由另一名运行人员用其本人令牌批准",
        )
    act = ACTS[asked.act]

    def carry_out(connection: Connection) -> Done:
        found = act.lock(connection, asked.target)
        now = window.clock()
        _decide(connection, approval_id, store.DONE, operator, now)
        act.check(connection, found)
        entries.add(connection, [_entry("approval_granted", found, operator.name, now, _details(asked))])
        done = act.do(connection, window, found, now)
        # the trader reads these: why operators did it is among themselves
        told = [(code, {"approval_id": approval_id, **details}) for code, details in done.acts]
        entries.add(connection, [_entry(code, found, operator.name, now, details) for code, details in told])
        store.set_outcome(connection, approval_id, done.zh, done.en)
        return done

    done = await window.database.write(carry_out)
    log.info("approval_granted", approval_id=approval_id, act=asked.act, target=asked.target, by=operator.name)
    window.notices.queued(done.queued)
    if done.afterwards is not None:
        await _follow(window, approval_id, done.afterwards)
    return await get(window, approval_id)


async def refuse(window: Window, operator: Caller, approval_id: str, reason: str) -> dict[str, Any]:
    """Refuses it; from the operator who asked, it is taken back. Raises MoveNotAllowed when it is decided already."""
    asked = await window.database.read(lambda connection: _row(connection, approval_id))
    own = asked.asked_by == operator.name
    state, code = (store.WITHDRAWN, "approval_withdrawn") if own else (store.REFUSED, "approval_refused")

    def end(connection: Connection) -> None:
        found = ACTS[asked.act].lock(connection, asked.target)
        now = window.clock()
        _decide(connection, approval_id, state, operator, now)
        why = reason.strip()
        entries.add(connection, [_entry(code, found, operator.name, now, {**_details(asked), "why": why})])
        if why:
            store.set_outcome(connection, approval_id, why, why)

    await window.database.write(end)
    return await get(window, approval_id)


async def get(window: Window, approval_id: str) -> dict[str, Any]:
    return await window.database.read(lambda connection: showing.approval(_row(connection, approval_id)))


async def listed(
    window: Window, state: str | None = None, cursor: str | None = None, limit: int = 50
) -> dict[str, Any]:
    """Newest first; those of one state, or all."""
    if state is not None and state not in store.STATES:
        said = ", ".join(store.STATES)
        raise BadRequest(f"state must be one of {said}", f"state 只能是 {said}")
    states = store.STATES if state is None else (state,)

    def read(connection: Connection) -> dict[str, Any]:
        rows = store.latest(connection, states, cursor or store.LAST, limit + 1)
        page = rows[:limit]
        return {
            "items": [showing.approval(row) for row in page],
            "next": page[-1].id if len(rows) > limit else None,
        }

    return await window.database.read(read)


async def _follow(window: Window, approval_id: str, afterwards: Callable[[Window], Awaitable[Words]]) -> None:
    """What follows the grant's commit. It is granted whatever comes of this, so a fault here is told as its outcome."""
    try:
        zh, en = await afterwards(window)
    except StorageUnavailable:
        log.exception("what follows a grant was put off", approval_id=approval_id)
        return
    except Exception as error:
        log.exception("what follows a grant failed", approval_id=approval_id)
        zh, en = f"已批准，但执行出错：{error!r}", f"granted, but it failed: {error!r}"
    await window.database.write(lambda connection: store.set_outcome(connection, approval_id, zh, en))


def _row(connection: Connection, approval_id: str) -> AnyRow:
    row = store.get(connection, approval_id)
    if row is None:
        raise NotFound(f"there is no approval {approval_id}", f"没有申请 {approval_id}")
    return row


def _decide(connection: Connection, approval_id: str, state: str, operator: Caller, now: datetime) -> None:
    if store.decide(connection, approval_id, state, operator.name, now):
        return
    row = _row(connection, approval_id)
    zh, en = showing.APPROVAL_STATES[row.state]
    raise MoveNotAllowed(
        f"this is decided already: {en}, by {row.decided_by}", f"该申请已有结论：{zh}（{row.decided_by}）"
    )


def _asked_already(approval_id: str, act: str, asked_by: str) -> MoveNotAllowed:
    zh, en = showing.APPROVED_ACTS[act]
    return MoveNotAllowed(
        f"{asked_by} asks for this target already ({en}); grant or refuse that first",
        f"{asked_by} 已就此提出申请（{zh}），请先批准或拒绝",
        details={"approval_id": approval_id, "approval_url": f"/api/v1/operations/approvals/{approval_id}"},
    )


def _details(asked: AnyRow) -> dict[str, str]:
    names = ("act", "target", "reason", "asked_by")
    return {"approval_id": asked.id, **{name: getattr(asked, name) for name in names}}


def _entry(code: str, about: Target, operator: str, now: datetime, details: dict[str, str]) -> dict[str, Any]:
    return journal.operators(code, operator, now, details, about.facts())
