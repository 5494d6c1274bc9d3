"""Being let in, and the registrars' desk: registrations, organisations, their papers and their first administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.organisations import PAPERS, PapersGiven
from gateway.api.persons import MADE, Email, PersonGiven
from gateway.api.repairs import Why
from gateway.api.requests import Admitted, WindowOf
from gateway.organisations import oversight, papers, registration

router = APIRouter(tags=["registrations"])

OrganisationId = Annotated[str, Path(max_length=64, examples=["O01…"])]
RegistrationId = Annotated[str, Path(max_length=64, examples=["R01…"])]
Cursor = Annotated[str | None, Query(max_length=64, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
_ID = "R01KAHJ3R6V0N7E9QK2M4T8WXYZ"
ASKED: dict[str, Any] = {"id": _ID, "state": "pending", "state_zh": "待审核", "state_en": "waits for the operator"}
DECIDED: dict[str, Any] = {"id": _ID, "state": "approved", "organisation_id": "O01KAHJ3R6V0N7E9QK2M4T8WXYA"}
ORGANISATION: dict[str, Any] = {
    "id": "O01KAHJ3R6V0N7E9QK2M4T8WXYA",
    "name": "上海某进出口有限公司",
    "name_en": "Shanghai Some Trading Co., Ltd",
    "kinds": ["trader"],
    "state": "active",
    "separate_duties": False,
}
CONFLICT = openapi.conflict("Its state does not allow this, or it is another's")


class Application(BaseModel):
    """An organisation that asks to be let in, with its papers and its first administrator."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100)
    name_en: str | None = Field(default=None, max_length=200)
    kinds: list[Annotated[str, Field(max_length=20)]] = Field(max_length=5, examples=[["trader"]])
    papers: PapersGiven
    person: PersonGiven


class Approving(BaseModel):
    """`papers_verified`: the registrar has compared the papers with the registers."""

    model_config = ConfigDict(extra="forbid")

    papers_verified: bool = False


class Seen(BaseModel):
    """`updated_at` of the papers that were compared with the registers."""

    model_config = ConfigDict(extra="forbid")

    updated_at: datetime


class First(BaseModel):
    """Whom to invite as administrator."""

    model_config = ConfigDict(extra="forbid")

    email: Email


@router.post(
    "/registrations",
    status_code=202,
    summary="Ask to be let in (注册)",
    **openapi.answers("RegistrationAsked", ASKED, status=202, words="Kept for the operator"),
)
async def register_organisation(window: WindowOf, asked: Application) -> Response:
    """Nothing is reserved and nothing is looked up: the answer is the same whether the log-in is somebody's or not. Once the
    operator has approved it, the administrator logs in and invites others."""
    wish = registration.Application(
        asked.name, asked.name_en, tuple(asked.kinds), asked.papers.told(), asked.person.told()
    )
    return replies.json(await registration.register(window, wish), 202)


@router.get(
    "/operations/registrations", summary="Registrations", **openapi.answers("Registrations", {"items": [ASKED]})
)
async def list_registrations(
    window: WindowOf,
    caller: Admitted,
    state: Literal["pending", "approved", "refused"] = "pending",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Oldest first. `conflicts` says what of a registration is somebody's already."""
    return replies.json(await registration.listed(window, caller, state=state, cursor=cursor, limit=limit))


@router.post(
    "/operations/registrations/{registration_id}/approve",
    summary="Let an organisation in",
    **openapi.answers("RegistrationDecided", DECIDED, CONFLICT),
)
async def approve_registration(
    window: WindowOf, caller: Admitted, registration_id: RegistrationId, approval: Approving
) -> Response:
    found = await registration.approve(window, caller, registration_id, verified=approval.papers_verified)
    return replies.json(found)


@router.post(
    "/operations/registrations/{registration_id}/refuse",
    summary="Refuse a registration",
    **openapi.answers("RegistrationDecided", {"id": _ID, "state": "refused"}, CONFLICT),
)
async def refuse_registration(
    window: WindowOf, caller: Admitted, registration_id: RegistrationId, why: Why
) -> Response:
    return replies.json(await registration.decline(window, caller, registration_id, why.reason))


@router.get(
    "/operations/organisations", summary="Organisations", **openapi.answers("Organisations", {"items": [ORGANISATION]})
)
async def list_organisations(
    window: WindowOf,
    state: Literal["active", "suspended"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    return replies.json(await oversight.listed(window, state=state, cursor=cursor, limit=limit))


@router.get(
    "/operations/organisations/{organisation_id}",
    summary="One organisation with its papers",
    **openapi.answers("OrganisationSeen", {**ORGANISATION, "papers": PAPERS, "administrators": 1}),
)
async def get_any_organisation(window: WindowOf, caller: Admitted, organisation_id: OrganisationId) -> Response:
    return replies.json(await oversight.one(window, caller, organisation_id))


@router.post(
    "/operations/organisations/{organisation_id}/suspend",
    summary="Suspend an organisation",
    **openapi.answers("Organisation", {**ORGANISATION, "state": "suspended"}, CONFLICT),
)
async def suspend_organisation(
    window: WindowOf, caller: Admitted, organisation_id: OrganisationId, why: Why
) -> Response:
    """Ends its sessions, keys and open invitations at once. What it filed goes its way."""
    return replies.json(await oversight.suspend(window, caller, organisation_id, why.reason))


@router.post(
    "/operations/organisations/{organisation_id}/restore",
    summary="End a suspension",
    **openapi.answers("Organisation", ORGANISATION, CONFLICT),
)
async def restore_organisation(
    window: WindowOf, caller: Admitted, organisation_id: OrganisationId, why: Why
) -> Response:
    """Its people log in again; its keys are made anew."""
    return replies.json(await oversight.restore(window, caller, organisation_id, why.reason))


@router.post(
    "/operations/organisations/{organisation_id}/papers/verify",
    summary="Note that papers were compared with the registers",
    **openapi.answers("Papers", PAPERS, CONFLICT),
)
async def verify_papers(window: WindowOf, caller: Admitted, organisation_id: OrganisationId, seen: Seen) -> Response:
    """Of the papers as they were at `updated_at`; `409` when they were changed since."""
    return replies.json(await papers.verify(window, caller, organisation_id, seen.updated_at))


@router.post(
    "/operations/organisations/{organisation_id}/invitations",
    status_code=201,
    summary="Invite the first administrator",
    **MADE,
)
async def invite_first(window: WindowOf, caller: Admitted, organisation_id: OrganisationId, whom: First) -> Response:
    """Only where there is none: agencies, the operators, an organisation that lost its last."""
    return replies.json(await oversight.invite_first(window, caller, organisation_id, whom.email), 201)
