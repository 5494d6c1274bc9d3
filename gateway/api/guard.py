"""Around every request: how often an address may ask, how much it may send, and what a browser may do with the reply."""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from declarations.errors import TooManyRequests
from declarations.limits import MAX_PARAMETERS
from gateway import problems
from gateway.api.requests import SESSION_LEFT
from gateway.login import sessions
from gateway.observe import metrics
from gateway.wiring import Window

UNLIMITED = ("/healthz", "/readyz", "/metrics")
"""What the machine's own watchers ask."""
PAGES = ("/docs", "/static-offline-docs/", "/verify")
"""Where a browser shows something: scripts and styles of our own files, nothing inline, nothing from elsewhere."""
FOR_DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
FOR_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000; includeSubDomains"
"""With TLS: browsers come back by TLS only, for a year (RFC 6797)."""


class Guard:
    """Plain ASGI, as RequestLog is. It stands inside of it, so that what is refused here is logged too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        window: Window = scope["app"].state.window
        path: str = scope["path"]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                _add_headers(headers, path, window.settings.tls)
                if SESSION_LEFT in scope:
                    headers[sessions.EXPIRES_HEADER] = str(scope[SESSION_LEFT])
            await send(message)

        if path not in UNLIMITED:
            try:
                window.limiter.require_address(scope["client"][0] if scope.get("client") else None)
            except TooManyRequests as error:
                metrics.refused(error.code)
                await problems.reply(*problems.problem_of(error))(scope, receive, with_headers)
                return
        await self.app(scope, _bounded(scope, receive), with_headers)


def _add_headers(headers: MutableHeaders, path: str, tls: bool) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    headers["Content-Security-Policy"] = FOR_PAGES if path.startswith(PAGES) else FOR_DATA
    if path.startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
    if tls:
        headers["Strict-Transport-Security"] = HSTS


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """What a request that is no document may send: the framework reads it whole before anybody is asked who he is.

    Handlers that take documents read them themselves, by `read_body` and its limit.
    """
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        route: Any = scope.get("route")
        if message["type"] == "http.request" and isinstance(route, APIRoute) and route.body_field is not None:
            size += len(message.get("body", b""))
            if size > MAX_PARAMETERS:
                raise HTTPException(413)
        return message

    return bounded
