"""Finding calls: an organisation's own and its principals', or those an agency takes part in; newest first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest
from gateway import ids
from gateway.calls import showing
from gateway.database.stores import calls, certificates
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window


STATES = calls.STATES


async def find(
    window: Window,
    caller: Caller,
    *,
    ship: str | None,
    imo: str | None,
    voyage: str | None,
    port: str | None,
    state: str | None,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """All filters together; `ship` is a part of its name. Raises BadRequest."""
    if state not in (None, *calls.STATES):
        said = ", ".join(calls.STATES)
        raise BadRequest(f"state is one of {said}", f"state 只能是 {said}")
    if cursor is not None and re.fullmatch(f"{ids.CALL}[0-9A-Z]{{26}}", cursor) is None:
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")
    asked = {"imo_number": imo, "voyage": voyage and voyage.upper(), "port": port and port.upper(), "state": state}
    equal = {name: value for name, value in asked.items() if value}

    def read(connection: Connection) -> dict[str, Any]:
        rows = calls.find(
            connection,
            organisation_id=None if caller.agency else caller.organisation_id,
            agency=caller.agency or None,
            equal=equal,
            ship=ship,
            before=cursor or calls.LAST,
            at_most=limit + 1,
        )
        page = rows[:limit]
        return {
            "items": [
                showing.line(window, row, next(reversed(certificates.of_call(connection, row.id)), None))
                for row in page
            ],
            "next": page[-1].id if len(rows) > limit else None,
        }

    return await window.database.read(read)


async def overdue(window: Window, limit: int) -> dict[str, Any]:
    """For operators: certificates in force whose ship has not sailed in time, the oldest first."""
    rows = await window.database.read(lambda connection: certificates.flagged(connection, limit))
    return {"items": [row._asdict() for row in rows]}
