"""Documents of agencies that are not done: not taken up yet, waiting for their declaration, or quarantined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest
from gateway.database.stores import approvals, replays
from gateway.database.types import AnyRow
from gateway.operations import showing
from gateway.operations.queues import chosen

if TYPE_CHECKING:
    from gateway.wiring import Window

NOT_DONE = ("received", "waiting", "quarantined")


async def listed(
    window: Window, state: str | None = None, agency: str | None = None, cursor: str | None = None, limit: int = 50
) -> dict[str, Any]:
    """Newest first, with the reason of each."""
    agencies = chosen(window, agency)
    if state is not None and state not in NOT_DONE:
        said = ", ".join(NOT_DONE)
        raise BadRequest(f"state must be one of {said}", f"state 只能是 {said}")
    states = NOT_DONE if state is None else (state,)

    def read(connection: Connection) -> dict[str, Any]:
        rows = replays.not_done(connection, agencies, states, cursor or approvals.LAST, limit + 1)
        return {
            "items": [_item(connection, row) for row in rows[:limit]],
            "next": rows[limit - 1].id if len(rows) > limit else None,
        }

    return await window.database.read(read)


def _item(connection: Connection, row: AnyRow) -> dict[str, Any]:
    pending = approvals.pending_for(connection, row.id)
    return {
        **showing.document(row),
        "approval": pending.id if pending else None,
        "url": f"/api/v1/operations/documents/{row.id}",
    }
