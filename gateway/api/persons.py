"""The people of the caller's organisation, and invitations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from declarations.errors import BadRequest
from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf
from gateway.organisations import invitations, people
from gateway.organisations.newcomers import Newcomer

router = APIRouter(tags=["people"])

PersonId = Annotated[str, Path(max_length=64, examples=["U01…"])]
InvitationId = Annotated[str, Path(max_length=64, examples=["N01…"])]
Cursor = Annotated[str | None, Query(max_length=64, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
Email = Annotated[str, Field(max_length=200, examples=["wang@example.com"])]
Role = Annotated[str, Field(max_length=40)]
Roles = Annotated[list[Role], Field(max_length=20, examples=[["keyer", "reviewer"]])]
Token = Annotated[SecretStr, Field(max_length=100, description="As it was shown when the invitation was made")]
PERSON: dict[str, Any] = {
    "id": "U01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "login": "wang",
    "name": "王某",
    "email": "wang@example.com",
    "roles": ["keyer"],
    "roles_zh": ["录入人员"],
    "roles_en": ["keyer"],
    "state": "active",
}
INVITATION: dict[str, Any] = {
    "id": "N01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "email": "wang@example.com",
    "roles": ["keyer"],
    "state": "open",
    "expires_at": "2015-10-30T01:00:00Z",
}
INVITED: dict[str, Any] = {**INVITATION, "token": "owi_…"}
JOINED: dict[str, Any] = {
    "organisation": {"id": "O01…", "name": "上海某进出口有限公司"},
    "login": "wang",
    "roles": ["keyer"],
}
CONFLICT = openapi.conflict("It is somebody's, or its state does not allow this")
MADE = openapi.answers("InvitationMade", INVITED, CONFLICT, status=201, words="The token is shown once")


class PersonGiven(BaseModel):
    """A new account: a log-in, a name, perhaps an address, a password."""

    model_config = ConfigDict(extra="forbid")

    login: str = Field(max_length=64)
    name: str = Field(max_length=60)
    email: Email | None = None
    password: SecretStr = Field(max_length=256)

    def told(self) -> Newcomer:
        return Newcomer(self.login, self.name, self.email, self.password.get_secret_value())


class PersonChange(BaseModel):
    """Other roles, or `"state": "removed"` to end the membership."""

    model_config = ConfigDict(extra="forbid")

    roles: Roles | None = None
    state: Literal["removed"] | None = None


class Invited(BaseModel):
    """Whom to invite, to do what."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    roles: Roles


class Accepted(PersonGiven):
    """The invitation's token and the account to be made."""

    token: Token


class Joined(BaseModel):
    """The invitation's token."""

    model_config = ConfigDict(extra="forbid")

    token: Token


@router.get("/organisation/people", summary="People", **openapi.answers("People", {"items": [PERSON]}))
async def list_people(window: WindowOf, caller: Admitted, cursor: Cursor = None, limit: Limit = 50) -> Response:
    return replies.json(await people.listed(window, caller, cursor=cursor, limit=limit))


@router.patch(
    "/organisation/people/{person_id}",
    summary="Give other roles, or remove",
    **openapi.answers("Person", PERSON, CONFLICT),
)
async def change_person(window: WindowOf, caller: Admitted, person_id: PersonId, change: PersonChange) -> Response:
    """Both at once: roles count from the next request on; with a membership its sessions end, and the keys and open invitations
    the person made. The last administrator stays."""
    if (change.roles is None) == (change.state is None):
        raise BadRequest("give roles, or the state `removed`", "请给出 roles，或 state 为 removed，两者其一")
    if change.roles is None:
        return replies.json(await people.remove(window, caller, person_id))
    return replies.json(await people.set_roles(window, caller, person_id, change.roles))


@router.post("/organisation/invitations", status_code=201, summary="Invite somebody", **MADE)
async def invite_person(window: WindowOf, caller: Admitted, invited: Invited) -> Response:
    """The window sends no mail: hand the token on yourself. It opens once, within seven days."""
    return replies.json(await invitations.invite(window, caller, invited.email, invited.roles), 201)


@router.get(
    "/organisation/invitations", summary="Invitations", **openapi.answers("Invitations", {"items": [INVITATION]})
)
async def list_invitations(window: WindowOf, caller: Admitted, cursor: Cursor = None, limit: Limit = 50) -> Response:
    return replies.json(await invitations.listed(window, caller, cursor=cursor, limit=limit))


@router.delete(
    "/organisation/invitations/{invitation_id}",
    summary="Withdraw an invitation",
    **openapi.answers("Invitation", {**INVITATION, "state": "withdrawn"}, CONFLICT),
)
async def withdraw_invitation(window: WindowOf, caller: Admitted, invitation_id: InvitationId) -> Response:
    return replies.json(await invitations.withdraw(window, caller, invitation_id))


@router.post(
    "/invitations/accept",
    status_code=201,
    summary="Accept an invitation with a new account",
    **openapi.answers("Membership", JOINED, CONFLICT, status=201, words="The account is made"),
)
async def accept_invitation(window: WindowOf, accepted: Accepted) -> Response:
    return replies.json(await invitations.accept(window, accepted.token.get_secret_value(), accepted.told()), 201)


@router.post(
    "/invitations/join",
    summary="Accept an invitation with the account you have",
    **openapi.answers("Membership", JOINED, CONFLICT),
)
async def join_organisation(window: WindowOf, caller: Admitted, joined: Joined) -> Response:
    """Then change over to it with `POST /session/organisation`."""
    return replies.json(await invitations.join(window, caller, joined.token.get_secret_value()))
