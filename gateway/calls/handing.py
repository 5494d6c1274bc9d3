"""Handing a call over to another agent: asked for by either side, accepted by the other; what two cannot settle, operators do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.callerrors import HandoverConflict
from declarations.errors import BadRequest, MoveNotAllowed, NotFound
from gateway import ids, tenancy
from gateway.database.stores import calls, entries, handovers, mandates
from gateway.database.stores.handovers import ACCEPTED, OPEN, REFUSED, WITHDRAWN
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry, operators
from gateway.mandates import today

if TYPE_CHECKING:
    from gateway.wiring import Window

FROM, TO = "from", "to"
STATES: dict[str, tuple[str, str]] = {
    OPEN: ("待对方确认", "waiting for the other side"),
    ACCEPTED: ("已变更", "handed over"),
    REFUSED: ("对方未同意", "refused by the other side"),
    WITHDRAWN: ("已收回", "taken back"),
}
"""State -> words zh, en."""


async def offer(window: Window, caller: Caller, call_id: str, named: str) -> dict[str, Any]:
    """The agent offers its call to another organisation (id or social credit code). Raises NotFound, BadRequest,
    HandoverConflict."""

    def store(connection: Connection) -> dict[str, Any]:
        row = _open_call(connection, tenancy.held_call(connection, caller, call_id))
        return _ask(connection, window, caller, row, _named(connection, caller, named), FROM)

    return await _once(window, store)


async def ask(window: Window, caller: Caller, imo: str, port: str, voyage: str) -> dict[str, Any]:
    """Another organisation asks for the live call of a ship; whose it is, it is not told. Raises NotFound, HandoverConflict."""

    def store(connection: Connection) -> dict[str, Any]:
        row = calls.live(connection, "|".join(part.strip().upper() for part in (imo, port, voyage)))
        if row is None or tenancy.holds(caller, row):
            raise NotFound(
                "no other agent has a live call of this ship, port and voyage", "该船此航次没有由其他代理办理的有效航次"
            )
        return _ask(connection, window, caller, row, caller.organisation_id, TO)

    return await _once(window, store)


async def listed(window: Window, caller: Caller, cursor: str | None, limit: int) -> dict[str, Any]:
    """Handovers of which the caller's organisation is a side, newest first."""

    def read(connection: Connection) -> dict[str, Any]:
        rows = handovers.of_side(connection, caller.organisation_id, cursor or calls.LAST, limit + 1)
        return {
            "items": [_shown(caller, row) for row in rows[:limit]],
            "next": rows[limit - 1].id if len(rows) > limit else None,
        }

    return await window.database.read(read)


async def accept(window: Window, caller: Caller, handover_id: str) -> dict[str, Any]:
    """By the side that did not ask: the call goes over at once. Raises NotFound, HandoverConflict."""
    return await _decide(window, caller, handover_id, ACCEPTED)


async def refuse(window: Window, caller: Caller, handover_id: str) -> dict[str, Any]:
    return await _decide(window, caller, handover_id, REFUSED)


async def withdraw(window: Window, caller: Caller, handover_id: str) -> dict[str, Any]:
    """By the side that asked."""
    return await _decide(window, caller, handover_id, WITHDRAWN)


async def settle(window: Window, operator: Caller, call_id: str, named: str, reason: str) -> dict[str, Any]:
    """An operator says whose the call is, where the two cannot agree. Raises NotFound, BadRequest, MoveNotAllowed."""

    def store(connection: Connection) -> dict[str, Any]:
        row = calls.get(connection, call_id)
        if row is None:
            raise NotFound(f"there is no call {call_id!r}", f"没有航次 {call_id}")
        row = _open_call(connection, row)
        to = mandates.organisation_named(connection, named)
        if to is None:
            raise BadRequest(f"there is no organisation {named!r}", f"没有单位 {named}")
        now = window.clock()
        for side in dict.fromkeys((row.organisation_id, to.id)):
            about = {"organisation_id": side}
            told = {"call": call_id, "to": to.id, "reason": reason}
            entries.add(connection, [operators("call_settled", operator.name, now, told, about)])
        _hand_over(connection, window, row, to.id, f"operator:{operator.name}")
        return {"call_id": call_id, "organisation_id": to.id}

    return await window.database.write(store)


async def _once(window: Window, store: Any) -> dict[str, Any]:
    try:
        made: dict[str, Any] = await window.database.write(store)
    except IntegrityError as error:
        raise HandoverConflict(
            "a handover of this call to this organisation waits already", "该航次已有待确认的变更"
        ) from error
    return made


def _open_call(connection: Connection, row: AnyRow) -> AnyRow:
    locked = calls.lock(connection, row.id)
    if locked.state != calls.OPEN:
        raise MoveNotAllowed("this call has ended", "该航次已结束")
    return locked


def _named(connection: Connection, caller: Caller, named: str) -> str:
    to = mandates.organisation_named(connection, named)
    if to is None:
        raise BadRequest(f"there is no organisation {named!r}", f"没有单位 {named}")
    if to.id == caller.organisation_id:
        raise BadRequest("the call is yours already", "该航次已由本单位办理")
    return str(to.id)


def _ask(
    connection: Connection, window: Window, caller: Caller, row: AnyRow, to_id: str, asked_by: str
) -> dict[str, Any]:
    now = window.clock()
    made = {
        "id": ids.new_id(ids.HANDOVER, now),
        "call_id": row.id,
        "from_id": row.organisation_id,
        "to_id": to_id,
        "asked_by": asked_by,
        "told_by": caller.name,
        "at": now,
    }
    handovers.add(connection, made)
    _tell(connection, "handover_asked", row.id, (row.organisation_id, to_id), caller, window)
    stored = handovers.get(connection, caller.organisation_id, str(made["id"]))
    assert stored is not None
    return _shown(caller, stored)


async def _decide(window: Window, caller: Caller, handover_id: str, state: str) -> dict[str, Any]:
    def store(connection: Connection) -> dict[str, Any]:
        row = handovers.get(connection, caller.organisation_id, handover_id)
        if row is None:
            raise NotFound(f"there is no handover {handover_id!r}", f"没有变更申请 {handover_id}")
        call = calls.lock(connection, row.call_id)
        asker = row.from_id if row.asked_by == FROM else row.to_id
        if (caller.organisation_id == asker) is not (state == WITHDRAWN):
            raise HandoverConflict(
                "the other side decides; you can take it back"
                if state != WITHDRAWN
                else "only who asked takes it back",
                "须由对方决定，您可以收回" if state != WITHDRAWN else "只有提出方可以收回",
            )
        if call.state != calls.OPEN or (state == ACCEPTED and call.organisation_id != row.from_id):
            raise HandoverConflict("the call has ended or is another's by now", "该航次已结束或已由他人办理")
        if not handovers.decide(connection, handover_id, state, caller.name, window.clock()):
            raise HandoverConflict("this handover is decided already", "该变更已有结论")
        _tell(connection, f"handover_{state}", row.call_id, (row.from_id, row.to_id), caller, window)
        if state == ACCEPTED:
            _hand_over(connection, window, call, row.to_id, caller.name)
        after = handovers.get(connection, caller.organisation_id, handover_id)
        assert after is not None
        return _shown(caller, after)

    return await window.database.write(store)


def _hand_over(connection: Connection, window: Window, call: AnyRow, to_id: str, by: str) -> None:
    """The principal goes along only where the new agent has its mandate."""
    now = window.clock()
    principal = call.principal_id
    if principal is not None and not mandates.in_force(connection, to_id, principal, today(window)):
        principal = None
    calls.change(connection, call.id, {"organisation_id": to_id, "principal_id": principal}, now)
    handovers.close(connection, call.id, by, now)


def _tell(
    connection: Connection, code: str, call_id: str, sides: tuple[str, str], caller: Caller, window: Window
) -> None:
    """In both organisations' journals; people are named to their own."""
    entries.add(
        connection,
        [
            entry(
                code,
                organisation_id=side,
                at=window.clock(),
                actor=caller.name if side == caller.organisation_id else "organisation",
                call=call_id,
            )
            for side in dict.fromkeys(sides)
        ],
    )


def _shown(caller: Caller, row: AnyRow) -> dict[str, Any]:
    """Who asks for a call is not told whose it is; who has it is told who asks."""
    zh, en = STATES[row.state]
    gives = caller.organisation_id == row.from_id
    asked = row.asked_by == (FROM if gives else TO)
    return {
        "id": row.id,
        "you_are": FROM if gives else TO,
        "asked_by": row.asked_by,
        "yours_to_decide": row.state == OPEN and not asked,
        "to": row.to_id if gives else None,
        "call_id": row.call_id if gives or row.state == ACCEPTED else None,
        "ship_name": row.ship_name if gives or row.asked_by == FROM else None,
        "imo_number": row.imo_number,
        "port": row.port,
        "voyage": row.voyage,
        "state": row.state,
        "state_zh": zh,
        "state_en": en,
        "at": row.at,
        "decided_at": row.decided_at,
    }
