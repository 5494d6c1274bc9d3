"""Whether a port clearance still counts: a page for people who hold a paper, and the same for programs. Nobody logs in for it.

The number alone tells nothing: the code printed beside it has to be named, so that numbers cannot be tried one after another.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import HTMLResponse

from gateway.api import openapi, replies, verificationpage
from gateway.api.requests import WindowOf
from gateway.calls import certificates
from gateway.wiring import Window

router = APIRouter(tags=["certificates"])
page = APIRouter()

Number = Annotated[str, Path(max_length=40, examples=["SHA2015000001"])]
Code = Annotated[str, Query(max_length=40, description="As printed beside the number", examples=["K7QMWX4TB2HRN9CZ"])]
UNKNOWN = ("unknown", "查无此证，或校验码不符", "unknown: there is no such certificate, or the code is not its own")
STATE: dict[str, Any] = {
    "number": "SHA2015000001",
    "state": "valid",
    "state_zh": "有效",
    "state_en": "valid",
    "issued_at": "2015-10-23T08:30:00+00:00",
    "ship_name_en": "EASTERN HARBINGER",
    "imo_number": "9900019",
    "port": "CNSHA",
    "replaced_by": None,
    "as_of": "2015-10-23T09:00:00+00:00",
}


@router.get(
    "/certificates/{number}/state",
    summary="Whether a port clearance certificate counts now",
    **openapi.answers("CertificateState", STATE),
)
async def get_state(request: Request, window: WindowOf, number: Number, code: Code = "") -> Response:
    """`valid`, `suspended`, `superseded`, `void`, `used` or `unknown` (wrong code too), with ship and port, nobody's name."""
    return replies.json(await _state(request, window, number, code))


@page.get("/verify", include_in_schema=False)
async def show_form(
    request: Request, window: WindowOf, number: Annotated[str, Query(max_length=40)] = "", code: Code = ""
) -> Response:
    """A form for number and code, and the state when both are given."""
    state = await _state(request, window, number, code) if number else None
    return _shown(number, code, state)


@page.get("/verify/{number}", include_in_schema=False)
async def show_state(request: Request, window: WindowOf, number: Number, code: Code = "") -> Response:
    """What the QR code leads to."""
    return _shown(number, code, await _state(request, window, number, code))


@page.get("/verify.css", include_in_schema=False)
async def show_style() -> Response:
    return Response(verificationpage.STYLE, media_type="text/css")


async def _state(request: Request, window: Window, number: str, code: str) -> dict[str, Any]:
    """Asked by everybody: as seldom as a log-in. Raises TooManyRequests."""
    window.limiter.require_public(request.client.host if request.client else None)
    found = await certificates.state_of(window, _plain(number), _plain(code))
    if found is not None:
        return found
    state, zh, en = UNKNOWN
    nothing = dict.fromkeys(("issued_at", "ship_name_en", "imo_number", "port", "replaced_by"))
    return {"number": number, "state": state, "state_zh": zh, "state_en": en, **nothing, "as_of": window.clock()}


def _plain(typed: str) -> str:
    """As it is stored: people type small letters and the hyphens between groups."""
    return typed.upper().replace("-", "").replace(" ", "")


def _shown(number: str, code: str, state: dict[str, Any] | None) -> Response:
    return HTMLResponse(verificationpage.rendered(number, code, state), headers={"Cache-Control": "no-store"})
