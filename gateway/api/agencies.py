"""The door for agencies: their answers, signed, each kept before it is acknowledged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from adapters import signing
from declarations.errors import Forbidden
from gateway import receive
from gateway.api import replies
from gateway.api.requests import WindowOf, read_body

router = APIRouter(prefix="/agencies", tags=["agencies"])


@router.post("/{agency}/answers", summary="Take one answer of an agency")
async def take_answer(
    request: Request,
    window: WindowOf,
    agency: str,
    signature: Annotated[
        str | None, Header(alias=signing.HEADER, description="sha256=<hex HMAC over the body>")
    ] = None,
    name: Annotated[str | None, Header(alias="Onewindow-File-Name", max_length=200)] = None,
) -> Response:
    """`200` means committed: also for an answer that came before, and for one kept aside because it could not be read."""
    body = await read_body(request, window.settings.max_body_bytes)
    if not signing.verify(window.agency_key(agency), body, signature):
        raise Forbidden("the signature does not fit these bytes", "签名与内容不符")
    received = await receive.arrived(window, agency, body, name)
    return replies.json({"state": received.state, "inbox_id": received.inbox_id, "reason": received.reason})
