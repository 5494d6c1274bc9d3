"""What handlers read from a request: who calls, the exact body within the size limit, its content type."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from declarations.errors import AnotherAgency, BadRequest, TooLarge
from gateway import access, refusals
from gateway.identity import Caller
from gateway.login import sessions
from gateway.login.recognising import Shown, recognised
from gateway.sniffing import require_text
from gateway.wiring import Window

DECLARATION_TYPES = ("application/xml", "text/xml", "application/json")
DRAIN = 4
"""We read on past the limit this many times over, so that a caller still writing gets our 413 and not a broken pipe."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOKS_ONLY = "login.get_session"
"""The door at which a page asks how long its session lasts: that is no use of it."""
SESSION_LEFT = "onewindow.session_left"
"""Where a request keeps the seconds its session has left."""
NOBODY = Caller("client", "", "")
"""Who uses a public door."""
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
"""What the framework reads as true."""

bearer = HTTPBearer(
    auto_error=False,
    description="A machine's key (owk_…) or access token (owt_…), or a token from a file below `<data-dir>/secrets`",
)


async def window_of(request: Request) -> Window:
    window: Window = request.app.state.window
    return window


async def admitted(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> Caller:
    """Whoever may use this door, by `mappings/access.csv`; raises Unauthorised and Forbidden. Every door asks it."""
    window: Window = request.app.state.window
    door = window.access.doors[access.door_name(request.scope["route"].endpoint)]
    address = request.client.host if request.client else None
    if door.permission == access.PUBLIC:
        if request.method not in SAFE_METHODS:
            window.limiter.require_public(address)
        return NOBODY
    shown = Shown(
        credentials.credentials if credentials is not None else None,
        request.cookies.get(sessions.cookie_name(window)),
        request.headers.get(sessions.CSRF_HEADER),
        changes=request.method not in SAFE_METHODS,
        uses=door.name != LOOKS_ONLY,
    )
    caller, left = await recognised(window, shown)
    request.scope[refusals.CALLER] = caller
    if left is not None:
        request.scope[SESSION_LEFT] = left
    window.limiter.require_organisation(caller.organisation_id or f"{caller.kind} {caller.name}", address)
    only_checks = request.query_params.get("check_only", "").lower() in _TRUE
    access.require(caller.permissions, door.check_only if door.check_only and only_checks else door.permission)
    if caller.kind == "agency" and request.path_params.get("agency", caller.agency) != caller.agency:
        raise AnotherAgency("you belong to another agency", "您不属于此机构")
    return caller


async def no_strange_parameters(request: Request) -> None:
    """Refuses query parameters that the address does not know or that stand twice: a misspelt check_only would file for real."""
    route = request.scope.get("route")
    known = {field.alias for field in route.dependant.query_params} if isinstance(route, APIRoute) else set()
    given = [name for name, _ in request.query_params.multi_items()]
    strange = sorted({name for name in given if name not in known or given.count(name) > 1})
    if strange:
        names, said = ", ".join(strange), ", ".join(sorted(known)) or "none"
        raise BadRequest(
            f"unknown or repeated query parameters: {names}; known here: {said}",
            f"查询参数未知或重复：{names}；可用：{said}",
        )


WindowOf = Annotated[Window, Depends(window_of)]
Admitted = Annotated[Caller, Depends(admitted)]


async def read_body(request: Request, limit: int) -> bytes:
    """The body as it came, at most `limit` bytes; raises TooLarge."""
    declared = request.headers.get("content-length", "0")
    size = 0
    chunks: list[bytes] = []
    if not declared.isdigit() or int(declared) <= limit * DRAIN:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > limit * DRAIN:
                break
        if size <= limit:
            return b"".join(chunks)
    raise TooLarge(
        f"the body is larger than {limit} bytes", f"请求内容超过 {limit} 字节", details={"limit_bytes": str(limit)}
    )


def declaration_type(request: Request) -> str:
    """The Content-Type as sent (its charset may matter), if it is one a declaration comes in; else 415."""
    content_type = request.headers.get("content-type", "")
    essence = content_type.partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if essence not in DECLARATION_TYPES or encoding != "identity":
        raise HTTPException(415, headers={"Accept-Post": ", ".join(DECLARATION_TYPES)})
    return content_type


async def read_declaration(request: Request) -> tuple[bytes, str]:
    """What a trader sends as a declaration: the bytes, of the type they are declared to be and clean, and that type as sent.

    Raises TooLarge, ContentMismatch, MalwareFound and ScannerUnavailable.
    """
    window: Window = request.app.state.window
    media_type = declaration_type(request)
    body = await read_body(request, window.settings.max_body_bytes)
    require_text(media_type, body)
    await window.scanner.require_clean(body)
    return body, media_type


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header: 1 to 255 visible ASCII characters, quotes of the structured form dropped."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if len(keys) > 1 or not 1 <= len(key) <= 255 or not all("!" <= character <= "~" for character in key):
        raise BadRequest(
            "Idempotency-Key must be sent once, with 1 to 255 visible ASCII characters",
            "Idempotency-Key 只能出现一次，由 1 至 255 个可见 ASCII 字符组成",
        )
    return key
