"""How handlers reply: JSON by orjson, use-case replies as they are, documents as exact bytes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
import structlog
from fastapi import Response

from gateway import problems
from gateway.repeating import Reply


def json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")


def of(reply: Reply) -> Response:
    """A use case's own reply; a kept refusal (same Idempotency-Key again) stays a problem document."""
    if "id" in reply.body:
        structlog.contextvars.bind_contextvars(declaration_id=reply.body["id"])
    media_type = "application/json" if reply.status < 400 else problems.MEDIA_TYPE
    return Response(orjson.dumps(reply.body), reply.status, dict(reply.headers), media_type)


def document(body: bytes, media_type: str, name: str) -> Response:
    """Exact stored bytes, to be saved and never shown as a page of ours: what others wrote may hold scripts.

    The type is set as a header, because the framework would add a charset of its own to text types.
    """
    headers = {
        "Content-Type": media_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, 200, headers)
