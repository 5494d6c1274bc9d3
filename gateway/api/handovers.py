"""Handing a ship's call over to another agent (变更代理), and the operator's word where two cannot agree."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.calls import CallId
from gateway.api.requests import Admitted, WindowOf
from gateway.calls import handing, listing

router = APIRouter(prefix="/calls", tags=["calls"])
desk = APIRouter(prefix="/operations", tags=["operations"])

HandoverId = Annotated[str, Path(max_length=64, examples=["H01…"])]
HANDOVER: dict[str, Any] = {
    "id": "H01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "you_are": "to",
    "asked_by": "to",
    "yours_to_decide": False,
    "imo_number": "9900019",
    "port": "CNSHA",
    "voyage": "1542W",
    "state": "open",
    "state_zh": "待对方确认",
    "state_en": "waiting for the other side",
}
DECIDED = openapi.answers("Handover", HANDOVER, openapi.conflict("Decided already, or the other side's to decide"))


class _Body(BaseModel):
    # a misspelt name must not pass for a wish
    model_config = ConfigDict(extra="forbid")


class HandoverOffer(_Body):
    """To whom the call shall go, by id or social credit code."""

    to: str = Field(max_length=64, pattern=r"^[0-9A-Za-z_.-]+$")


class HandoverWish(_Body):
    """The call of which another agent has the ship: what `409 call_of_another` said."""

    imo_number: str = Field(max_length=7, examples=["9900019"])
    port_of_call: str = Field(max_length=5, examples=["CNSHA"])
    voyage: str = Field(max_length=32, examples=["1542W"])


class HandoverSettled(_Body):
    to: str = Field(
        max_length=64, pattern=r"^[0-9A-Za-z_.-]+$", description="Organisation, by id or social credit code"
    )
    reason: str = Field(max_length=500)


@router.post(
    "/handovers",
    status_code=201,
    summary="Ask for another agent's call",
    **openapi.answers("Handover", HANDOVER, openapi.conflict("It waits already"), status=201, words="Asked"),
)
async def ask_handover(window: WindowOf, caller: Admitted, wish: HandoverWish) -> Response:
    """Whose the call is, is not told; its agent sees who asks, and accepts or refuses."""
    made = await handing.ask(window, caller, wish.imo_number, wish.port_of_call, wish.voyage)
    return replies.json(made, 201)


@router.get("/handovers", summary="Handovers of both sides", **openapi.answers("Handovers", {"items": [HANDOVER]}))
async def list_handovers(
    window: WindowOf,
    caller: Admitted,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first, given and received."""
    return replies.json(await handing.listed(window, caller, cursor, limit))


@router.post("/handovers/{handover_id}/accept", summary="Accept a handover", **DECIDED)
async def accept_handover(window: WindowOf, caller: Admitted, handover_id: HandoverId) -> Response:
    """By the side that did not ask. The call goes over at once, with the right to carry its forms forward."""
    return replies.json(await handing.accept(window, caller, handover_id))


@router.post("/handovers/{handover_id}/refuse", summary="Refuse a handover", **DECIDED)
async def refuse_handover(window: WindowOf, caller: Admitted, handover_id: HandoverId) -> Response:
    return replies.json(await handing.refuse(window, caller, handover_id))


@router.post("/handovers/{handover_id}/withdraw", summary="Take a handover back", **DECIDED)
async def withdraw_handover(window: WindowOf, caller: Admitted, handover_id: HandoverId) -> Response:
    return replies.json(await handing.withdraw(window, caller, handover_id))


@router.post(
    "/{call_id}/handover",
    status_code=201,
    summary="Offer the call to another agent",
    **openapi.answers("Handover", HANDOVER, openapi.conflict("It waits already"), status=201, words="Offered"),
)
async def offer_handover(window: WindowOf, caller: Admitted, call_id: CallId, offered: HandoverOffer) -> Response:
    return replies.json(await handing.offer(window, caller, call_id, offered.to), 201)


@desk.post(
    "/calls/{call_id}/handover",
    summary="Say whose a call is",
    **openapi.answers("SettledCall", {"call_id": "V01…", "organisation_id": "O01…"}, openapi.conflict("It has ended")),
)
async def settle_handover(window: WindowOf, operator: Admitted, call_id: CallId, settled: HandoverSettled) -> Response:
    """Where two agents cannot agree. Both find it in their journals, with the reason."""
    return replies.json(await handing.settle(window, operator, call_id, settled.to, settled.reason))


@desk.get("/certificates/overdue", summary="Ships that have not sailed in time", **openapi.answers("OverdueShips"))
async def list_overdue(window: WindowOf, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Response:
    """Port clearances in force for more than 24 hours: maritime has been asked to decide."""
    return replies.json(await listing.overdue(window, limit))
