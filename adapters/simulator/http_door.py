"""A simulated agency's HTTP address: takes signed messages at POST /messages, says at GET /messages/<id> whether it has one,
pushes signed answers to the window."""

from __future__ import annotations

import asyncio
import hmac
import re

import aiohttp
from aiohttp import web

from adapters.signatures import HEADER
from adapters.simulator.clerk import CUT, TAKEN, Clerk, OtherBytesError
from adapters.simulator.documents import UnacceptableError, UntrustedError
from adapters.simulator.seals import Seals
from adapters.simulator.state import Answer
from declarations.limits import MAX_MESSAGE

_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")


class HttpDoor:
    """`token` is what the window and this agency share, in both directions; `seals` verify and sign; `trust` says which
    certificate the window shows (`adapters/pinning.py`)."""

    def __init__(
        self,
        clerk: Clerk,
        agency: str,
        *,
        host: str,
        port: int,
        window_url: str,
        token: str,
        seals: Seals,
        trust: aiohttp.Fingerprint | bool = True,
    ) -> None:
        self._clerk = clerk
        self._host = host
        self._port = port
        self._answers_url = f"{window_url.rstrip('/')}/api/v1/agencies/{agency}/answers"
        self._trust = trust
        self._token = token
        self._seals = seals
        self._wake = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=30, connect=5),
            connector=aiohttp.TCPConnector(keepalive_timeout=4, ssl=self._trust),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        app = web.Application(client_max_size=MAX_MESSAGE)
        app.router.add_post("/messages", self._receive)
        app.router.add_get("/messages/{key}", self._tell)
        # connections longer kept here than at the window, so that it never sends into one we are closing
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def work(self, wake: asyncio.Event) -> None:
        """Requests come by themselves; only the bell for new answers is needed."""
        self._wake = wake
        await asyncio.Event().wait()

    async def deliver(self, answer: Answer) -> bool:
        """True when the window has it. A damaged answer has arrived with any reply, for it will never be accepted."""
        assert self._session is not None
        body, signature = self._seals.sealed("", answer.body)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/xml"}
        if signature is not None:
            headers[HEADER] = signature
        try:
            async with self._session.post(
                self._answers_url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await response.content.read(64 * 1024)
                return 200 <= response.status < 300 or (not answer.sound and response.status < 500)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False

    async def _receive(self, request: web.Request) -> web.Response:
        if not self._is_known(request.headers.get("Authorization", "")):
            return _reply(401, "令牌无效 unknown token")
        # aiohttp answers 413 itself when the body is larger than the cap
        body = await request.read()
        key = request.headers.get("Onewindow-Message-Id", "")
        try:
            body = self._seals.opened(key, body, request.headers.get(HEADER))
        except UntrustedError as why:
            return _reply(401, why.reason)
        if not _MESSAGE_ID.match(key):
            return _reply(400, "缺少报文编号 Onewindow-Message-Id is missing or malformed")
        try:
            status = self._clerk.take(key, body)
        except UnacceptableError as why:
            return _reply(400 if why.root is None else 422, why.reason)
        except OtherBytesError:
            return _reply(409, "报文编号已用于其他内容 this message id came with other bytes before")
        self._wake.set()
        if status == CUT:
            if request.transport is not None:
                request.transport.abort()
            return _reply(500, "")
        if status == TAKEN:
            return _reply(TAKEN, "")
        reply = _reply(status, "演练：暂不受理 rehearsal: not taken")
        if status == 503:
            reply.headers["Retry-After"] = "1"
        return reply

    async def _tell(self, request: web.Request) -> web.Response:
        if not self._is_known(request.headers.get("Authorization", "")):
            return _reply(401, "令牌无效 unknown token")
        if self._clerk.has(request.match_info["key"]):
            return _reply(200, "已收 taken")
        return _reply(404, "未收 not here")

    def _is_known(self, authorization: str) -> bool:
        return hmac.compare_digest(authorization.encode("utf-8", "replace"), f"Bearer {self._token}".encode())


def _reply(status: int, words: str) -> web.Response:
    return web.Response(status=status, text=words, content_type="text/plain", charset="utf-8")
