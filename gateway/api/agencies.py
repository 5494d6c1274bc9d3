"""The door for agencies: their answers, signed, each kept before it is acknowledged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from adapters.signatures import HEADER
from gateway import receive
from gateway.api import openapi, replies
from gateway.api.requests import WindowOf, read_body

router = APIRouter(prefix="/agencies", tags=["agencies"])


@router.post(
    "/{agency}/answers",
    summary="Take one answer of an agency",
    openapi_extra={"requestBody": {"required": True, "content": {"application/xml": {"schema": {"type": "string"}}}}},
    **openapi.answers("AnswerTaken", {"state": "done", "inbox_id": "I01KAHJ3R6V0N7E9QK2M4T8WXYZ"}),
)
async def take_answer(
    request: Request,
    window: WindowOf,
    agency: str,
    signature: Annotated[
        str | None, Header(alias=HEADER, description="Detached, over the exact bytes: docs/exchange.md")
    ] = None,
    name: Annotated[str | None, Header(alias="Onewindow-File-Name", max_length=200)] = None,
) -> Response:
    """`200` means committed: also for an answer that came before, and for one kept aside because it could not be read. `403`: it
    is not signed as this agency signs, or answers another agency's message; it is kept aside and nothing was changed."""
    body = await read_body(request, window.settings.max_body_bytes)
    received = await receive.arrived(window, agency, body, name, signature=signature)
    if received.refused is not None:
        raise received.refused
    return replies.json({"state": received.state, "inbox_id": received.inbox_id, "reason": received.reason})
