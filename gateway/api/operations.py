"""What the operator of the window must look at."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from gateway import ask
from gateway.api import replies
from gateway.api.requests import WindowOf, operator_caller

router = APIRouter(prefix="/operations", tags=["operations"], dependencies=[Depends(operator_caller)])


@router.get("/answers", summary="Answers kept aside, and messages that are stuck")
async def list_faults(window: WindowOf) -> Response:
    """Unknown codes, unreadable or unmatched answers, parked messages: as they came, never guessed."""
    return replies.json(await ask.operator_faults(window))
