"""Logging in through an OpenID Provider, and linking one to an account."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from declarations.errors import BadRequest
from gateway.api import openapi, replies
from gateway.api.certificates import CredentialId
from gateway.api.requests import Admitted, WindowOf
from gateway.login import linked, openid

router = APIRouter(tags=["log-in"])
back = APIRouter(tags=["log-in"])
"""The address the provider sends people back to: it may add parameters of its own."""

IDENTITY: dict[str, Any] = {
    "id": "C01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "label": "https://id.example",
    "created_at": "2015-10-23T01:00:00Z",
    "expires_at": None,
    "used_at": "2015-10-23T01:00:00Z",
}
ONWARD: dict[str, Any] = {"responses": {303: {"description": "On its way; `Location` says where"}}}
BACK: dict[str, Any] = {"responses": {**ONWARD["responses"], **openapi.conflict("Linked to another account")}}
Given = Annotated[str | None, Query(max_length=openid.LONGEST)]


class Onward(BaseModel):
    """Where to go on to after the account is linked."""

    model_config = ConfigDict(extra="forbid")
    next: str = Field(default="/", max_length=500)


@router.get("/login/openid", status_code=303, summary="Log in through the OpenID Provider", **ONWARD)
async def enter_by_openid(
    request: Request,
    window: WindowOf,
    next: Annotated[str, Query(max_length=500, description="A path of this window to go on to")] = "/",  # noqa: A002
) -> Response:
    """Sends the browser there; it comes back with a session."""
    _limit(request, window)
    begun = await openid.begin(window, next)
    response = RedirectResponse(begun.url, 303)
    openid.set_cookie(window.settings, response, begun.cookie)
    return response


@back.get("/login/openid/callback", status_code=303, summary="Where the OpenID Provider sends the browser", **BACK)
async def openid_callback(
    request: Request,
    window: WindowOf,
    state: Given = None,
    code: Given = None,
    iss: Given = None,
    error: Given = None,
) -> Response:
    _limit(request, window)
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) != len(names):
        raise BadRequest("a parameter came twice", "参数重复")
    given = {name: value for name, value in (("state", state), ("code", code), ("iss", iss), ("error", error)) if value}
    response = await openid.finish(window, given, request.cookies.get(openid.cookie_name(window.settings), ""))
    openid.set_cookie(window.settings, response, "")
    return response


@router.post(
    "/account/openid/link",
    summary="Link an identity to your account",
    **openapi.answers("OnwardAddress", {"url": "https://…"}),
)
async def link_openid(window: WindowOf, caller: Admitted, onward: Onward) -> Response:
    """Send the browser to `url`; when it comes back, the identity is linked."""
    begun = await openid.begin(window, onward.next, caller)
    response = replies.json({"url": begun.url})
    openid.set_cookie(window.settings, response, begun.cookie)
    return response


@router.get(
    "/account/openid",
    summary="Identities linked to your account",
    **openapi.answers("Credentials", {"items": [IDENTITY]}),
)
async def list_openid(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await linked.listed(window, caller, openid.LINKED))


@router.delete("/account/openid/{credential}", status_code=204, summary="Take an identity from your account")
async def unlink_openid(window: WindowOf, caller: Admitted, credential: CredentialId) -> Response:
    """At once, with the sessions it opened, but for the one in use."""
    await linked.unlink(window, caller, credential, openid.LINKED)
    return Response(status_code=204)


def _limit(request: Request, window: WindowOf) -> None:
    """These two change something, though they are asked as if they did not."""
    window.limiter.require_public(request.client.host if request.client else None)
