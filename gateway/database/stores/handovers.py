"""Handovers of calls between agents: asked for by one side, decided by the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, text, update

from gateway.database.prepared import Prepared
from gateway.database.shipping import call, handover
from gateway.database.types import AnyRow

OPEN, ACCEPTED, REFUSED, WITHDRAWN = STATES = ("open", "accepted", "refused", "withdrawn")
_ADD = Prepared(insert(handover).values(state=OPEN))
_OF_CALL = Prepared(select(handover).where(handover.c.call_id == bindparam("id")).order_by(handover.c.id))
_WITH_CALL = (
    select(*handover.c, call.c.ship_name, call.c.imo_number, call.c.port, call.c.voyage)
    .join(call, call.c.id == handover.c.call_id)
    .where(or_(handover.c.from_id == bindparam("organisation_id"), handover.c.to_id == bindparam("organisation_id")))
)
_GET = Prepared(_WITH_CALL.where(handover.c.id == bindparam("id")))
_LISTED = Prepared(
    _WITH_CALL.where(handover.c.id < bindparam("before")).order_by(handover.c.id.desc()).limit(bindparam("at_most"))
)
_DECIDE = Prepared(
    update(handover)
    .where(handover.c.id == bindparam("of"), text("state = 'open'"))
    .values(state=bindparam("new_state"), decided_by=bindparam("new_by"), decided_at=bindparam("now"))
)
_CLOSE = Prepared(
    update(handover)
    .where(handover.c.call_id == bindparam("of"), text("state = 'open'"))
    .values(state=WITHDRAWN, decided_by=bindparam("new_by"), decided_at=bindparam("now"))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """An open handover; a second one of the same call to the same organisation is an IntegrityError."""
    _ADD.run(connection, row)


def get(connection: Connection, organisation_id: str, handover_id: str) -> AnyRow | None:
    """One of which the organisation is a side."""
    return _GET.first(connection, {"organisation_id": organisation_id, "id": handover_id})


def of_call(connection: Connection, call_id: str) -> Sequence[AnyRow]:
    return _OF_CALL.all(connection, {"id": call_id})


def of_side(connection: Connection, organisation_id: str, before: str, at_most: int) -> Sequence[AnyRow]:
    """Those of which the organisation is a side, newest first."""
    return _LISTED.all(connection, {"organisation_id": organisation_id, "before": before, "at_most": at_most})


def decide(connection: Connection, handover_id: str, state: str, by: str, now: datetime) -> bool:
    """Ends an open one; False when it is decided already."""
    return _DECIDE.run(connection, {"of": handover_id, "new_state": state, "new_by": by, "now": now}) == 1


def close(connection: Connection, call_id: str, by: str, now: datetime) -> None:
    """Takes back all that are open: the call has gone to somebody, or ended."""
    _CLOSE.run(connection, {"of": call_id, "new_by": by, "now": now})
