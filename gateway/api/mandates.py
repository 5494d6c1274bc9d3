"""Mandates (电子委托): offering, accepting, listing and revoking."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway import mandate_offers, mandate_terms
from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf

router = APIRouter(prefix="/mandates", tags=["mandates"])

MandateId = Annotated[str, Path(max_length=64, examples=["T01…"])]
Value = Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Za-z_.-]+$")]
Values = Annotated[list[Value], Field(max_length=200)]

MANDATE: dict[str, Any] = {
    "id": "T01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "you_are": "principal",
    "principal": {"id": "O01KAHJ3R6V0N7E9QK2M4T8WXYA", "name": "上海某进出口有限公司"},
    "agent": {"id": "O01KAHJ3R6V0N7E9QK2M4T8WXYB", "name": "上海某报关有限公司"},
    "forms": ["goods"],
    "directions": ["I"],
    "offices": ["2233"],
    "valid_from": "2015-10-23",
    "valid_until": "2016-10-22",
    "state": "accepted",
    "state_zh": "已确认",
    "state_en": "accepted",
    "in_force": True,
}
CHANGED = openapi.answers("Mandate", MANDATE, openapi.conflict())


class Offered(BaseModel):
    """A mandate to be accepted by the other side; name that side as `agent` (it shall file for you) or as `principal` (you wish
    to file for it), by its id or social credit code. An empty list limits nothing; both days are included, in Shanghai."""

    # a misspelt limit must not pass for none
    model_config = ConfigDict(extra="forbid")

    principal: str | None = Field(default=None, max_length=64)
    agent: str | None = Field(default=None, max_length=64)
    forms: Values = Field(default_factory=list, examples=[["goods"]])
    directions: Values = Field(default_factory=list, examples=[["I"]])
    offices: Values = Field(default_factory=list, examples=[["2233"]])
    valid_from: date
    valid_until: date


@router.post(
    "",
    status_code=201,
    summary="Offer a mandate",
    **openapi.answers(
        "Mandate",
        {**MANDATE, "state": "offered"},
        openapi.conflict("Too many offers wait already"),
        status=201,
        words="Offered; the other side decides",
    ),
)
async def offer_mandate(window: WindowOf, caller: Admitted, offered: Offered) -> Response:
    """It binds nobody until the other side accepts it."""
    wish = mandate_terms.Offer(**offered.model_dump())
    return replies.json(await mandate_offers.offer(window, caller, wish), 201)


@router.get("", summary="Mandates of both sides", **openapi.answers("Mandates", {"items": [MANDATE]}))
async def list_mandates(
    window: WindowOf,
    caller: Admitted,
    side: Annotated[str | None, Query(max_length=20, description="principal or agent: which side you are")] = None,
    state: Annotated[str | None, Query(max_length=20)] = None,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first, given and received."""
    return replies.json(await mandate_offers.listed(window, caller, side=side, state=state, cursor=cursor, limit=limit))


@router.get("/{mandate_id}", summary="One mandate", **openapi.answers("Mandate", MANDATE))
async def get_mandate(window: WindowOf, caller: Admitted, mandate_id: MandateId) -> Response:
    return replies.json(await mandate_offers.one(window, caller, mandate_id))


@router.post("/{mandate_id}/accept", summary="Accept what the other side offers", **CHANGED)
async def accept_mandate(window: WindowOf, caller: Admitted, mandate_id: MandateId) -> Response:
    return replies.json(await mandate_offers.accept(window, caller, mandate_id))


@router.post("/{mandate_id}/refuse", summary="Refuse what the other side offers", **CHANGED)
async def refuse_mandate(window: WindowOf, caller: Admitted, mandate_id: MandateId) -> Response:
    return replies.json(await mandate_offers.refuse(window, caller, mandate_id))


@router.post("/{mandate_id}/withdraw", summary="Take an offer back", **CHANGED)
async def withdraw_mandate(window: WindowOf, caller: Admitted, mandate_id: MandateId) -> Response:
    return replies.json(await mandate_offers.withdraw(window, caller, mandate_id))


@router.post("/{mandate_id}/revoke", summary="End a mandate at once (解除委托)", **CHANGED)
async def revoke_mandate(window: WindowOf, caller: Admitted, mandate_id: MandateId) -> Response:
    """By either side. What was filed under it stays; nothing more is filed, corrected or withdrawn under it."""
    return replies.json(await mandate_offers.revoke(window, caller, mandate_id))
