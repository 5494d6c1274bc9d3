"""A person's own account: password and second factor."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.login import Code, Typed, address_of, require_session
from gateway.api.requests import Admitted, WindowOf
from gateway.login import bypassword, secondfactor

router = APIRouter(prefix="/account", tags=["account"])

PASSWORD: dict[str, Any] = {"set": True, "changed_at": "2015-10-23T01:00:00Z"}
TOTP: dict[str, Any] = {"enrolled": True, "since": "2015-10-23T01:00:00Z", "recovery_codes_left": 10}
ENROLLED: dict[str, Any] = {"secret": "JBSWY3DPEHPK3PXP…", "uri": "otpauth://totp/onewindow:li.wei?secret=…"}
NOT_KEPT = {"Cache-Control": "no-store"}


class _Secret(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewPassword(_Secret):
    """`current` is left out only by who has no password yet, within five minutes of logging in otherwise."""

    current: Typed | None = None
    new: Annotated[str, Field(max_length=1024)]


class Enrolling(_Secret):
    """The password; left out by who has none, within five minutes of logging in."""

    password: Typed | None = None


class Coded(_Secret):
    """A code of the app; to turn the second factor off, a recovery code will do."""

    totp: Code


@router.get("/password", summary="Whether you have a password", **openapi.answers("PasswordState", PASSWORD))
async def get_password(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await bypassword.password_state(window, require_session(caller)))


@router.post(
    "/password",
    summary="Set your password",
    **openapi.answers("PasswordChanged", {"sessions_ended": 0}),
)
async def set_password(request: Request, window: WindowOf, caller: Admitted, wish: NewPassword) -> Response:
    """At least 12 characters of any kind, not the log-in. Your other sessions end."""
    require_session(caller)
    return replies.json(await bypassword.change_password(window, caller, wish.current, wish.new, address_of(request)))


@router.get("/totp", summary="Whether you have a second factor", **openapi.answers("SecondFactor", TOTP))
async def get_totp(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await secondfactor.enrolled(window, require_session(caller)))


@router.post(
    "/totp",
    summary="Begin a second factor",
    **openapi.answers("SecondFactorSecret", ENROLLED, openapi.conflict("There is one already")),
)
async def enrol_totp(request: Request, window: WindowOf, caller: Admitted, enrolling: Enrolling) -> Response:
    """A secret for an authenticator app, shown once; `POST /account/totp/confirm` with a code of it turns it on."""
    require_session(caller)
    await bypassword.require_proof(window, caller, enrolling.password, address_of(request))
    return replies.json(await secondfactor.enrol(window, caller), headers=NOT_KEPT)


@router.post(
    "/totp/confirm",
    summary="Turn the second factor on",
    **openapi.answers("RecoveryCodes", {"recovery_codes": ["ABCD-EFGH-IJKL-MNOP"]}, openapi.conflict("Begin it first")),
)
async def confirm_totp(request: Request, window: WindowOf, caller: Admitted, coded: Coded) -> Response:
    """The recovery codes are shown once; each lets you in once without the app."""
    require_session(caller)
    codes = await secondfactor.confirm(window, caller, coded.totp, address_of(request))
    return replies.json({"recovery_codes": codes}, headers=NOT_KEPT)


@router.post(
    "/totp/remove", summary="Turn the second factor off", status_code=204, responses=openapi.conflict("There is none")
)
async def remove_totp(request: Request, window: WindowOf, caller: Admitted, coded: Coded) -> Response:
    require_session(caller)
    await secondfactor.remove(window, caller, coded.totp, address_of(request))
    return Response(status_code=204)
