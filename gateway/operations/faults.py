"""What came or went wrong and waits for an operator: unreadable or unmatched documents, unknown codes, messages that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from gateway.database.stores import inbox, outbox

if TYPE_CHECKING:
    from gateway.wiring import Window

SHOWN = 500
"""Rows of each kind in the list; the newest come first."""


async def operator_faults(window: Window) -> dict[str, Any]:
    """What an operator must look at: documents that could not be read or matched, unknown codes, messages that are held."""

    def read(connection: Connection) -> dict[str, Any]:
        items = [
            {
                "kind": row.state,
                "agency": row.agency,
                "inbox_id": row.id,
                "name": row.name,
                "declaration_id": None,
                "code": None,
                "text": None,
                "reason": row.reason_en,
                "reason_zh": row.reason_zh,
                "at": row.received_at,
            }
            for row in inbox.faulty(connection, SHOWN)
        ]
        items += [
            {
                "kind": "unknown_code",
                "agency": row.agency,
                "inbox_id": row.inbox_id,
                "name": None,
                "declaration_id": row.declaration_id,
                "code": f"{row.message} {row.code}",
                "text": row.response.get("text"),
                "reason": f"no row for code {row.code} of {row.message} in mappings/{row.agency}/responses.csv",
                "reason_zh": f"mappings/{row.agency}/responses.csv 中没有 {row.message} 的代码 {row.code}",
                "at": row.received_at,
            }
            for row in inbox.unknown(connection, SHOWN)
        ]
        items += [
            {
                "kind": row.delivery,
                "agency": row.agency,
                "inbox_id": None,
                "name": None,
                "declaration_id": row.declaration_id,
                "message_id": row.message_id,
                "code": None,
                "text": row.last_error,
                "reason": row.reason_en,
                "reason_zh": row.reason_zh,
                "at": row.created_at,
            }
            for row in outbox.held(connection, SHOWN)
        ]
        return {"items": items}

    return await window.database.read(read)
