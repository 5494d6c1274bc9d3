"""Giving and taking back mandates (电子委托): offered by either side, accepted by the other, revocable by both at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest, MoveNotAllowed, NotFound
from gateway import ids
from gateway.database.stores import entries, mandates
from gateway.database.stores.mandates import ACCEPTED, OFFERED, REFUSED, REVOKED, WITHDRAWN
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry
from gateway.mandate_terms import Offer, joined, scope_faults, sides
from gateway.mandates import today

if TYPE_CHECKING:
    from gateway.wiring import Window

OFFERS_AT_MOST = 20
"""Undecided offers of one organisation to the same other: more are not a wish but a nuisance."""
STATES: dict[str, tuple[str, str]] = {
    OFFERED: ("待对方确认", "offered, waiting for the other side"),
    ACCEPTED: ("已确认", "accepted"),
    REFUSED: ("对方未确认", "refused by the other side"),
    WITHDRAWN: ("提议已收回", "offer taken back"),
    REVOKED: ("已解除", "revoked"),
}
"""State -> words zh, en."""
EXPIRED = ("已到期", "expired")
NOT_YET = ("尚未生效", "accepted, not begun yet")


async def offer(window: Window, caller: Caller, wish: Offer) -> dict[str, Any]:
    """Offers a mandate to the other side. Raises BadRequest with each fault at its field, MoveNotAllowed for too many offers."""
    _require_organisation(caller)
    faults = scope_faults(window, wish)

    def store(connection: Connection) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": ids.new_id(ids.MANDATE, window.clock()),
            **sides(connection, window, caller, wish, faults),
            "forms": joined(wish.forms),
            "directions": joined(wish.directions),
            "offices": joined(wish.offices),
            "valid_from": wish.valid_from,
            "valid_until": wish.valid_until,
            "offered_by": caller.organisation_id,
            "offered_at": window.clock(),
        }
        if mandates.open_offers(connection, row) >= OFFERS_AT_MOST:
            raise MoveNotAllowed(
                f"{OFFERS_AT_MOST} offers to this organisation wait for it; take one back first",
                f"已有 {OFFERS_AT_MOST} 项提议待该单位确认，请先收回",
            )
        mandates.add(connection, row)
        made = _of(connection, caller, row["id"])
        entries.add(connection, _acts("mandate_offered", window, caller, made))
        return shown(window, caller, made)

    return await window.database.write(store)


async def listed(
    window: Window, caller: Caller, *, side: str | None, state: str | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """Mandates of which the caller's organisation is a side, newest first."""
    if side not in (None, "principal", "agent"):
        raise BadRequest("side is principal or agent", "side 只能是 principal 或 agent")
    if state not in (None, *STATES):
        raise BadRequest(f"state is one of {', '.join(STATES)}", f"state 只能是 {', '.join(STATES)}")
    if cursor is not None and re.fullmatch(f"{ids.MANDATE}[0-9A-Z]{{26}}", cursor) is None:
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")

    def read(connection: Connection) -> dict[str, Any]:
        asked = [side] if side else ["principal", "agent"]
        before = cursor or mandates.LAST
        rows = [
            row
            for each in asked
            for row in mandates.of_side(connection, each, caller.organisation_id, state, before, limit + 1)
        ]
        newest = sorted(rows, key=lambda row: str(row.id), reverse=True)
        page = newest[:limit]
        return {
            "items": [shown(window, caller, row) for row in page],
            "next": page[-1].id if len(newest) > limit else None,
        }

    return await window.database.read(read)


async def one(window: Window, caller: Caller, mandate_id: str) -> dict[str, Any]:
    """A mandate of which the caller's organisation is a side; raises NotFound."""
    return await window.database.read(lambda connection: shown(window, caller, _of(connection, caller, mandate_id)))


async def accept(window: Window, caller: Caller, mandate_id: str) -> dict[str, Any]:
    """Takes up an offer of the other side; raises MoveNotAllowed when it is one's own, decided already or past its last day."""
    return await _decide(window, caller, mandate_id, ACCEPTED, "mandate_accepted", _by_other)


async def refuse(window: Window, caller: Caller, mandate_id: str) -> dict[str, Any]:
    """Declines an offer of the other side; raises MoveNotAllowed as `accept` does."""
    return await _decide(window, caller, mandate_id, REFUSED, "mandate_refused", _by_other)


async def withdraw(window: Window, caller: Caller, mandate_id: str) -> dict[str, Any]:
    """Takes back an offer of one's own that is not decided yet; raises MoveNotAllowed."""
    return await _decide(window, caller, mandate_id, WITHDRAWN, "mandate_withdrawn", _by_offerer)


async def revoke(window: Window, caller: Caller, mandate_id: str) -> dict[str, Any]:
    """Ends an accepted mandate, at once and by either side; raises MoveNotAllowed when it is not accepted."""

    def store(connection: Connection) -> dict[str, Any]:
        found = _of(connection, caller, mandate_id)
        if not mandates.revoke(connection, mandate_id, caller.organisation_id, window.clock()):
            raise MoveNotAllowed(
                "only an accepted mandate can be revoked", "只有已确认的委托可以解除", details={"state": found.state}
            )
        return _done(connection, window, caller, mandate_id, "mandate_revoked")

    return await window.database.write(store)


def shown(window: Window, caller: Caller, row: AnyRow) -> dict[str, Any]:
    """A mandate as one of its sides sees it."""
    day = today(window)
    both_active = row.principal_state == row.agent_state == "active"
    in_force = row.state == ACCEPTED and row.valid_from <= day <= row.valid_until and both_active
    zh, en = STATES[row.state]
    if row.state in (OFFERED, ACCEPTED) and day > row.valid_until:
        zh, en = EXPIRED
    elif row.state == ACCEPTED and day < row.valid_from:
        zh, en = NOT_YET
    return {
        "id": row.id,
        "you_are": "principal" if row.principal_id == caller.organisation_id else "agent",
        "principal": {"id": row.principal_id, "name": row.principal_name},
        "agent": {"id": row.agent_id, "name": row.agent_name},
        **{name: getattr(row, name).split() for name in ("forms", "directions", "offices")},
        "valid_from": row.valid_from,
        "valid_until": row.valid_until,
        "state": row.state,
        "state_zh": zh,
        "state_en": en,
        "in_force": in_force,
        **{
            name: getattr(row, name)
            for name in ("offered_by", "offered_at", "decided_by", "decided_at", "ended_by", "ended_at")
        },
    }


async def _decide(
    window: Window,
    caller: Caller,
    mandate_id: str,
    state: str,
    act: str,
    require: Callable[[Caller, AnyRow], None],
) -> dict[str, Any]:
    def store(connection: Connection) -> dict[str, Any]:
        found = _of(connection, caller, mandate_id)
        if found.state == OFFERED:
            require(caller, found)
        if state == ACCEPTED and today(window) > found.valid_until:
            raise MoveNotAllowed("the last day of this offer is past", "该委托的有效期已过")
        if not mandates.decide(connection, mandate_id, state, caller.organisation_id, window.clock()):
            raise MoveNotAllowed("this offer was decided already", "该提议已有结果", details={"state": found.state})
        return _done(connection, window, caller, mandate_id, act)

    return await window.database.write(store)


def _by_other(caller: Caller, found: AnyRow) -> None:
    if found.offered_by == caller.organisation_id:
        raise MoveNotAllowed("the other side decides on your offer", "该提议由对方确认")


def _by_offerer(caller: Caller, found: AnyRow) -> None:
    if found.offered_by != caller.organisation_id:
        raise MoveNotAllowed(
            "only who made the offer takes it back; refuse it instead", "提议只能由提出方收回，您可以不予确认"
        )


def _of(connection: Connection, caller: Caller, mandate_id: str) -> AnyRow:
    found = mandates.get(connection, mandate_id, caller.organisation_id) if caller.organisation_id else None
    if found is None:
        raise NotFound(f"there is no mandate {mandate_id!r}", f"没有委托 {mandate_id}")
    return found


def _done(connection: Connection, window: Window, caller: Caller, mandate_id: str, act: str) -> dict[str, Any]:
    now = _of(connection, caller, mandate_id)
    entries.add(connection, _acts(act, window, caller, now))
    return shown(window, caller, now)


def _acts(code: str, window: Window, caller: Caller, row: AnyRow) -> list[dict[str, Any]]:
    """The same act in the journals of both sides; a person is named in that of the own organisation only."""
    facts = {
        "mandate": row.id,
        "principal": row.principal_id,
        "agent": row.agent_id,
        "forms": row.forms,
        "directions": row.directions,
        "offices": row.offices,
        "valid_from": row.valid_from.isoformat(),
        "valid_until": row.valid_until.isoformat(),
    }
    organisation = f"organisation:{caller.organisation_id}"
    return [
        entry(
            code,
            organisation_id=side,
            at=window.clock(),
            actor=caller.name if side == caller.organisation_id else organisation,
            **facts,
        )
        for side in (row.principal_id, row.agent_id)
    ]


def _require_organisation(caller: Caller) -> None:
    if not caller.organisation_id:
        raise NotFound("this needs an organisation", "该操作须以单位身份进行")
