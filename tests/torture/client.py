"""Traders' systems outside the window, and the log of what they were told: the first half of the oracle."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.torture.filings import Filing

TRIES_SECONDS = 180.0
"""A request that has no answer by then is a violation: the window was back long ago."""
CUT = 0
"""Logged instead of a status: the connection broke, nobody knows what happened."""


@dataclass
class Request:
    """One request under an Idempotency-Key, with everything that was ever told about it."""

    filing: Filing
    key: str
    path: str = "/api/v1/declarations"
    patient: bool = True
    """Asks again until it is told; else it asks once, and lives with not knowing."""
    told: list[tuple[int, bytes]] = field(default_factory=list)
    """(status or CUT, body) of every try."""
    troubles: list[str] = field(default_factory=list)

    @property
    def answers(self) -> list[tuple[int, bytes]]:
        """What it was told for good: neither a broken connection nor "come again"."""
        return [(status, body) for status, body in self.told if status not in (CUT, 503)]

    @property
    def accepted(self) -> dict[str, Any] | None:
        """The 202, if it was told one."""
        return next((json.loads(body) for status, body in self.told if status == 202), None)

    @property
    def answered(self) -> bool:
        return bool(self.answers) or (not self.patient and bool(self.told))


class Client:
    """One trader's system. Keeps every request it ever made."""

    def __init__(self, url: str, token_file: Path) -> None:
        self.url = url
        self._token_file = token_file
        self._session: aiohttp.ClientSession | None = None
        self.requests: list[Request] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def begin(self, request: Request, after: float = 0.0) -> asyncio.Task[None]:
        """Sends it in the background, `after` so many seconds, until it has an answer."""
        self.requests.append(request)
        task = asyncio.create_task(self.insist(request, after))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def insist(self, request: Request, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        deadline = time.monotonic() + TRIES_SECONDS
        while not request.answered:
            await self.post(request)
            if not request.answered:
                if time.monotonic() > deadline:
                    told = dict(Counter(status for status, _ in request.told))
                    request.troubles.append(
                        f"no answer in {TRIES_SECONDS:.0f} s: told {told}, last {request.told[-1][1][:200]!r}"
                    )
                    return
                await asyncio.sleep(0.02)

    async def post(self, request: Request) -> tuple[int, bytes]:
        """One try, and its entry in the log."""
        headers = {**self._authorised(), "Content-Type": "application/json", "Idempotency-Key": request.key}
        told: tuple[int, bytes] = (CUT, b"")
        try:
            async with self.session.post(
                self.url + request.path, data=request.filing.body, headers=headers, timeout=aiohttp.ClientTimeout(20)
            ) as response:
                body = await response.read()
                told = (response.status, body)
                if response.status == 503 and not response.headers.get("Retry-After"):
                    request.troubles.append("503 without Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        request.told.append(told)
        return told

    async def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        """(status, JSON or text); CUT when nobody answers."""
        try:
            async with self.session.get(
                self.url + path, headers=self._authorised(token), timeout=aiohttp.ClientTimeout(10)
            ) as response:
                body = await response.read()
                kind = response.headers.get("Content-Type", "")
                return response.status, json.loads(body) if "json" in kind else body.decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError):
            return CUT, None

    async def act(self, path: str, content: Any = None, token: str | None = None) -> tuple[int, Any]:
        """One POST without a key: a withdrawal, an operator's act."""
        try:
            async with self.session.post(
                self.url + path, json=content, headers=self._authorised(token), timeout=aiohttp.ClientTimeout(20)
            ) as response:
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return CUT, None

    async def date(self) -> float | None:
        """What the window's clock says, by its reply's Date; seconds since the epoch."""
        try:
            async with self.session.get(self.url + "/healthz") as response:
                return parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError):
            return None

    async def ready(self) -> bool:
        status, _ = await self.get("/readyz")
        return status == 200

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            # a connection for each request: what is cut is told from what was never sent
            connector = aiohttp.TCPConnector(limit=200, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _authorised(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self._token_file.read_text().strip()}"}
