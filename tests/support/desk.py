"""An operator's desk for tests: a window with in-memory agencies, served over a real socket, and two operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.database import schema
from gateway.identity import create_operator
from gateway.main import create_app
from gateway.wiring import Window
from tests.support.listening import listening
from tests.support.plain import plain_rows
from tests.support.windows import window_at

OPERATIONS = "/api/v1/operations"


@dataclass
class Operator:
    """One operator at the desk."""

    http: aiohttp.ClientSession

    async def get(self, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
        async with self.http.get(f"{OPERATIONS}/{path}", params=query) as reply:
            content: dict[str, Any] = await reply.json(content_type=None)
            assert reply.status == status, content
            return content

    async def bytes(self, url: str) -> bytes:
        async with self.http.get(url) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.read()

    async def post(self, path: str, status: int = 200, **content: Any) -> dict[str, Any]:
        async with self.http.post(f"{OPERATIONS}/{path}", json=content) as reply:
            answer: dict[str, Any] = await reply.json(content_type=None)
            assert reply.status == status, answer
            return answer

    async def ask(self, act: str, target: str, status: int = 202) -> dict[str, Any]:
        return await self.post("approvals", status, act=act, target=target, reason="asked the agency by telephone")

    async def grant(self, asked: dict[str, Any], status: int = 200) -> dict[str, Any]:
        return await self.post(f"approvals/{asked['id']}/grant", status)


@dataclass
class Desk:
    """A window, its address, and two operators."""

    window: Window
    url: str
    secrets: Path
    ann: Operator
    bob: Operator

    async def rows(self, table: Any) -> list[Any]:
        return list(await self.window.database.read(lambda connection: plain_rows(connection, table)))

    async def acts(self, *codes: str) -> list[Any]:
        """The journal's rows of these codes, oldest first."""
        return [row for row in await self.rows(schema.journal) if row.code in codes]

    async def granted(self, act: str, target: str) -> dict[str, Any]:
        """Asked by ann, granted by bob."""
        return await self.bob.grant(await self.ann.ask(act, target))


@asynccontextmanager
async def desk(data_dir: Path, *arguments: Any, **settings: Any) -> AsyncIterator[Desk]:
    """See `window_at` for the arguments. Nothing is delivered by itself."""
    async with AsyncExitStack() as stack:
        window = await stack.enter_async_context(window_at(data_dir, *arguments, **settings))
        url = await stack.enter_async_context(listening(create_app(opened=window, worker=False)))
        secrets = window.settings.secrets_dir
        operators = []
        for name in ("ann", "bob"):
            token = create_operator(secrets, name).read_text().strip()
            headers = {"Authorization": f"Bearer {token}"}
            http = await stack.enter_async_context(aiohttp.ClientSession(url, headers=headers))
            operators.append(Operator(http))
        yield Desk(window, url, secrets, *operators)
