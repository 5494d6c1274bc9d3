"""Wishes of operators that a second operator has to grant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, update

from gateway.database.prepared import Prepared
from gateway.database.schema import approval
from gateway.database.types import AnyRow

PENDING, DONE, REFUSED, WITHDRAWN = "pending", "done", "refused", "withdrawn"
STATES = (PENDING, DONE, REFUSED, WITHDRAWN)
LAST = "Z"
"""Sorts after every id."""
# the partial indexes speak in these very words
_IS_PENDING = text("approval.state = 'pending'")

_INSERT = Prepared(insert(approval).values(state=PENDING))
_GET = Prepared(select(approval).where(approval.c.id == bindparam("id")))
_PENDING_FOR = Prepared(
    select(approval.c.id, approval.c.act, approval.c.asked_by).where(
        approval.c.target == bindparam("target"), _IS_PENDING
    )
)
_LIST = Prepared(
    select(approval)
    .where(approval.c.state.in_(bindparam("states", expanding=True)), approval.c.id < bindparam("before"))
    .order_by(approval.c.id.desc())
    .limit(bindparam("at_most"))
)
_OF_TARGET = Prepared(select(approval).where(approval.c.target == bindparam("target")).order_by(approval.c.id))
_DECIDE = Prepared(
    update(approval)
    .where(approval.c.id == bindparam("of"), approval.c.state == PENDING)
    .values(state=bindparam("new_state"), decided_by=bindparam("by"), decided_at=bindparam("now"))
)
_OUTCOME = Prepared(
    update(approval)
    .where(approval.c.id == bindparam("of"))
    .values(outcome_zh=bindparam("zh"), outcome_en=bindparam("en"))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """id, act, target, reason, asked_by, asked_at. IntegrityError when another is pending for the target."""
    _INSERT.run(connection, row)


def get(connection: Connection, approval_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": approval_id})


def pending_for(connection: Connection, target: str) -> AnyRow | None:
    """id, act and asked_by of what is asked for this target."""
    return _PENDING_FOR.first(connection, {"target": target})


def latest(connection: Connection, states: Sequence[str], before: str, at_most: int) -> Sequence[AnyRow]:
    """Newest first, those with an id before `before`."""
    return _LIST.all(connection, {"states": list(states), "before": before, "at_most": at_most})


def of_target(connection: Connection, target: str) -> Sequence[AnyRow]:
    """All that was ever asked for a target, oldest first."""
    return _OF_TARGET.all(connection, {"target": target})


def decide(connection: Connection, approval_id: str, state: str, by: str, now: datetime) -> bool:
    """Ends what is pending; False when somebody else did."""
    return _DECIDE.run(connection, {"of": approval_id, "new_state": state, "by": by, "now": now}) == 1


def set_outcome(connection: Connection, approval_id: str, zh: str, en: str) -> None:
    """What came of it."""
    _OUTCOME.run(connection, {"of": approval_id, "zh": zh, "en": en})
