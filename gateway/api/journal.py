"""The journal as evidence: an organisation's own chain, and all of them for operators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from gateway.api import openapi
from gateway.api.requests import Admitted, WindowOf
from gateway.ledger import export

router = APIRouter(tags=["journal"])

After = Annotated[int, Query(ge=0, le=2**53, description="Only batches after this one, as an export before it ended")]
_ANSWER = openapi.stored(export.MEDIA_TYPE, words="Lines of JSON (docs/journal.md)")


@router.get("/journal", summary="Your organisation's journal, to be verified offline", **_ANSWER)
async def export_own_journal(window: WindowOf, caller: Admitted, after: After = 0) -> StreamingResponse:
    """Every sealed entry of your organisation, with the window's signatures; `onewindow journal verify` needs only this and
    the keys of `GET /keys`. No other organisation is named in it. Asking is journalled."""
    return _streamed(await export.own(window, caller, after))


@router.get("/operations/journal", summary="The journal of all organisations", **_ANSWER)
async def export_journal(window: WindowOf, operator: Admitted, after: After = 0) -> StreamingResponse:
    """Every sealed entry. Asking is journalled."""
    return _streamed(await export.whole(window, operator, after))


def _streamed(lines: Any) -> StreamingResponse:
    headers = {"Content-Disposition": 'attachment; filename="journal.jsonl"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(lines, media_type=export.MEDIA_TYPE, headers=headers)
