"""The caller's own organisation and its papers (企业资质)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf
from gateway.organisations import own, papers

router = APIRouter(prefix="/organisation", tags=["organisation"])

Short = Annotated[str | None, Field(default=None, max_length=20)]
Long = Annotated[str | None, Field(default=None, max_length=200)]
PAPERS: dict[str, Any] = {
    "social_credit_code": "91310115342088153B",
    "customs_registration_id": "3122960457",
    "inspection_registration_id": "3100617725",
    "name_zh": "上海某进出口有限公司",
    "name_en": "Shanghai Some Trading Co., Ltd",
    "address": "上海市浦东新区某路 1 号",
    "contact_person": "王某",
    "contact_phone": "021-55500172",
    "verified": True,
    "verified_at": "2015-10-23T01:00:00Z",
    "updated_at": "2015-10-22T01:00:00Z",
    "updated_by": "wang",
}
ORGANISATION: dict[str, Any] = {
    "id": "O01KAHJ3R6V0N7E9QK2M4T8WXYA",
    "name": "上海某进出口有限公司",
    "kinds": ["trader"],
    "state": "active",
    "separate_duties": True,
}


class PapersGiven(BaseModel):
    """One record for all agencies. The name and one of the three numbers are required; blank ones are left out."""

    model_config = ConfigDict(extra="forbid")

    name_zh: str = Field(max_length=100)
    name_en: Long
    social_credit_code: Short
    customs_registration_id: Short
    inspection_registration_id: Short
    address: Long
    address_en: Long
    contact_person: Annotated[str | None, Field(default=None, max_length=30)]
    contact_phone: Short

    def told(self) -> papers.Papers:
        return papers.Papers(
            **{name: value or None for name, value in self.model_dump().items() if name != "name_zh"},
            name_zh=self.name_zh,
        )


class OrganisationChange(BaseModel):
    """What is to be different; what is left out stays. `separate_duties`: nobody keys, reviews and signs the same filing."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=100)
    name_en: str | None = Field(default=None, max_length=200)
    separate_duties: bool | None = None


@router.get("", summary="Your organisation", **openapi.answers("Organisation", ORGANISATION))
async def get_organisation(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await own.show(window, caller))


@router.patch("", summary="Change your organisation", **openapi.answers("Organisation", ORGANISATION))
async def change_organisation(window: WindowOf, caller: Admitted, change: OrganisationChange) -> Response:
    return replies.json(await own.change(window, caller, own.Change(**change.model_dump())))


@router.get("/papers", summary="Your organisation's papers (企业资质)", **openapi.answers("Papers", PAPERS))
async def get_papers(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await papers.own(window, caller))


@router.put(
    "/papers",
    summary="Enter your organisation's papers",
    **openapi.answers("Papers", PAPERS, openapi.conflict("Verified for another organisation")),
)
async def put_papers(window: WindowOf, caller: Admitted, given: PapersGiven) -> Response:
    """Replaces them. Check digits are verified; when a name or number changes, the operator has to verify them again."""
    return replies.json(await papers.put(window, caller, given.told()))
