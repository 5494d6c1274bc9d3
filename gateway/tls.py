"""How `serve` ends TLS, and what it tells the application about who is at the other end of a connection."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from declarations.errors import BadConfiguration
from gateway.config import Settings
from gateway.login import peers

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: a certificate that has expired passes the handshake and is refused by us, in words and
with an entry in the journal."""


def server_options(settings: Settings) -> dict[str, Any]:
    """What the server is started with beside the application; raises BadConfiguration.

    Forwarded addresses are those of trusted terminators only. The server by itself would take them from anybody on this machine.
    """
    peers.require_complete(settings)
    options: dict[str, Any] = {
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": [str(each) for each in peers.networks(settings.trusted_proxies)],
        "http": PeerProtocol,
    }
    context = _context(settings)
    if context is not None:
        options["ssl_context_factory"] = lambda *_: context
    return options


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
            # asked for and not demanded: most people come without
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    except (OSError, ValueError) as error:
        names = "ONEWINDOW_TLS_CERTIFICATE, _KEY, _CLIENT_CA"
        raise BadConfiguration(f"{names}: TLS cannot be set up: {error}", f"{names}：无法启用 TLS：{error}") from error
    return context


class PeerProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """The server's HTTP protocol, which also says who is at the other end: address, and certificate where one was shown."""

    app: ASGIApp

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override, unused-ignore]
        super().connection_made(transport)
        extensions: dict[str, Any] = {peers.PEER: self.client[0] if self.client else None}
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            extensions[peers.TLS] = _tls_extension(tls)
        self.app = _Told(self.app, extensions)


class _Told:
    """The application, told about the connection. Outside of everything that rewrites the client's address."""

    def __init__(self, app: ASGIApp, extensions: dict[str, Any]) -> None:
        self._app = app
        self._extensions = extensions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {**(scope.get("extensions") or {}), **self._extensions}
        await self._app(scope, receive, send)


def _tls_extension(tls: Any) -> dict[str, Any]:
    """ASGI's TLS extension, version 0.2: the certificate the handshake proved, as PEM."""
    der = tls.getpeercert(binary_form=True)
    return {
        "server_cert": None,
        "client_cert_chain": (ssl.DER_cert_to_PEM_cert(der),) if der else (),
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}.get(tls.version()),
        "cipher_suite": None,
    }
