"""Logging in by password, and the session that follows: how long it lasts, for which organisation, and its end."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from declarations.credentialerrors import LoginFailed
from declarations.errors import BadRequest
from declarations.loginerrors import PeopleOnly
from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf
from gateway.identity import Caller
from gateway.login import bypassword, sessions
from gateway.login.bypassword import NextStep

router = APIRouter(tags=["log-in"])

SESSION: dict[str, Any] = {
    "person": {"id": "U01KAHJ3R6V0N7E9QK2M4T8WXYZ", "login": "li.wei", "name": "李伟"},
    "organisation": {"id": "O01KAHJ3R6V0N7E9QK2M4T8WXYA", "name": "上海某报关有限公司", "kinds": ["broker"]},
    "roles": ["signing_declarant"],
    "permissions": ["check", "file", "prepare", "read"],
    "method": "totp",
    "expires_in": 1800,
    "ends_at": "2015-10-23T13:00:00Z",
    "warning": False,
    "csrf": "m1Vx…",
}
NEXT: dict[str, Any] = {"second_factor": "totp", "continue": "o3Jz…", "expires_in": 300}
_COOKIE = {"Set-Cookie": {"description": "The session", "schema": {"type": "string"}, "required": True}}
ENTERED: dict[str, Any] = {"responses": {200: {**openapi.shown("SessionOpened", SESSION), "headers": _COOKIE}}}
"""Route arguments of a door behind which a session begins."""
Typed = Annotated[str, Field(min_length=1, max_length=1024)]
Code = Annotated[str, Field(min_length=6, max_length=40)]


class Entering(BaseModel):
    """Log-in and password; with `totp` where the person has a second factor. Or the second step: `continue` and `totp`. A
    recovery code stands in `totp` too."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    login: Typed | None = Field(default=None, examples=["li.wei"])
    password: Typed | None = None
    totp: Code | None = Field(default=None, examples=["492039"])
    next_step: Typed | None = Field(default=None, alias="continue")
    organisation: str | None = Field(
        default=None, max_length=64, description="Which of your organisations; unset: the one you joined first"
    )


class Switch(BaseModel):
    """The organisation to go on in."""

    model_config = ConfigDict(extra="forbid")

    organisation: str = Field(min_length=1, max_length=64)


def address_of(request: Request) -> str | None:
    """Where a request comes from; the forwarded address behind a trusted terminator."""
    return request.client.host if request.client else None


def require_session(caller: Caller) -> str:
    """The id of the person whose session it is; raises PeopleOnly."""
    if caller.person_id is None or caller.session is None:
        raise PeopleOnly("this is about a person's session; log in first", "该操作仅适用于已登录人员，请先登录")
    return caller.person_id


@router.post(
    "/session",
    summary="Log in",
    responses={
        **ENTERED["responses"],
        202: openapi.shown("SecondStep", NEXT, "The password fits; send the second factor"),
    },
)
async def log_in(request: Request, window: WindowOf, entering: Entering) -> Response:
    """Sets the cookie. `csrf` goes into the header `Onewindow-CSRF` of every later request that changes something. Whatever was
    wrong, the refusal is `login_failed`."""
    address = address_of(request)
    found: bypassword.Opened | NextStep
    if entering.next_step is not None:
        if entering.login is not None or entering.password is not None or entering.totp is None:
            raise BadRequest("the second step is `continue` and `totp` alone", "第二步只需 continue 和 totp")
        found = await bypassword.enter_second(window, entering.next_step, entering.totp, address)
    elif entering.login is None or entering.password is None:
        raise BadRequest("send `login` and `password`", "请提供 login 和 password")
    else:
        found = await bypassword.enter(
            window, entering.login, entering.password, entering.totp, entering.organisation, address
        )
    if isinstance(found, NextStep):
        content = {"second_factor": "totp", "continue": found.token, "expires_in": found.seconds}
        return replies.json(content, 202, {"Cache-Control": "no-store"})
    return sessions.reply(window, *found)


@router.get(
    "/session",
    summary="Your session",
    **openapi.answers("OwnSession", {**SESSION, "organisations": [{**SESSION["organisation"], "roles": []}]}),
)
async def get_session(request: Request, window: WindowOf, caller: Admitted) -> Response:
    """How long it lasts (`warning`: less than five minutes), your organisations, and the CSRF value again. Asking is no use of
    the session: a page may ask every minute."""
    person_id = require_session(caller)

    def read(connection: Any) -> dict[str, Any]:
        row = sessions.current(connection, caller)
        return {
            **sessions.shown(window, row, window.clock()),
            "organisations": sessions.organisations(connection, person_id),
        }

    content = await window.database.read(read)
    return replies.json(
        {**content, "csrf": sessions.csrf_of(request.cookies[sessions.cookie_name(window)])},
        headers={"Cache-Control": "no-store"},
    )


@router.post("/session/extend", summary="Stay logged in", **openapi.answers("Session", {**SESSION, "csrf": None}))
async def extend_session(window: WindowOf, caller: Admitted) -> Response:
    """The idle time begins again. `ends_at` stays: then a new log-in is needed."""
    require_session(caller)
    return replies.json(sessions.shown(window, await sessions.extend(window, caller), window.clock()))


@router.post("/session/organisation", summary="Go on for another of your organisations", **ENTERED)
async def switch_organisation(window: WindowOf, caller: Admitted, switch: Switch) -> Response:
    """A new session takes the place of this one: new cookie, new CSRF value, the same end."""
    require_session(caller)
    return sessions.reply(window, *await sessions.switch(window, caller, switch.organisation))


@router.delete("/session", summary="Log out", status_code=204)
async def log_out(window: WindowOf, caller: Admitted) -> Response:
    return await _left(window, caller, everywhere=False)


@router.delete("/sessions", summary="Log out everywhere", status_code=204)
async def log_out_everywhere(window: WindowOf, caller: Admitted) -> Response:
    """Every session of yours, in all organisations, this one too."""
    return await _left(window, caller, everywhere=True)


async def _left(window: WindowOf, caller: Caller, *, everywhere: bool) -> Response:
    require_session(caller)
    if not await sessions.leave(window, caller, everywhere=everywhere):
        raise LoginFailed("the session has ended already", "会话已结束")
    response = Response(status_code=204)
    sessions.clear_cookie(window, response)
    return response
