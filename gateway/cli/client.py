"""The commands' way to a running window: HTTP, with a bearer token from a file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson

from declarations.errors import AgencyUnavailable, BadConfiguration

API = "/api/v1"


class WindowRefused(Exception):
    """The window answered with a problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail", status))
        self.status = status
        self.problem = problem


class WindowClient:
    """A session with one window. Raises WindowRefused for its refusals, AgencyUnavailable when it cannot be reached."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def submit(
        self, body: bytes, media_type: str, *, key: str | None = None, correcting: str | None = None
    ) -> dict[str, Any]:
        """File a declaration, or the next version of the one `correcting` names."""
        headers = {"Content-Type": media_type, **({"Idempotency-Key": key} if key else {})}
        path = f"/declarations/{quote(correcting, safe='')}/versions" if correcting else "/declarations"
        return await self._ask("POST", API + path, body, headers)

    async def declaration(self, declaration_id: str) -> dict[str, Any]:
        return await self._ask("GET", f"{API}/declarations/{quote(declaration_id, safe='')}")

    async def ready(self) -> bool:
        """Whether the window takes filings by now."""
        try:
            await self._ask("GET", "/readyz")
        except (WindowRefused, AgencyUnavailable):
            return False
        return True

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        assert self._session is not None
        try:
            async with self._session.request(method, self.url + path, data=body, headers=headers) as reply:
                data = await reply.read()
                status = reply.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AgencyUnavailable(
                f"no window answers at {self.url} ({error or type(error).__name__}); start it with `onewindow serve`",
                f"{self.url} 没有响应，请先运行 onewindow serve",
            ) from error
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            raise AgencyUnavailable(
                f"{self.url} is no window: it answered {status} without JSON", f"{self.url} 不是本系统"
            )
        if status >= 400:
            raise WindowRefused(status, content)
        return content


def read_token(path: Path) -> str:
    """The token in a file; raises BadConfiguration with words when there is none."""
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise BadConfiguration(
            f"no token in {path} ({error.strerror}); a window writes it at its first start, or give --token-file",
            f"{path} 中没有令牌（首次启动时生成），也可用 --token-file 指定",
        ) from error
    if not token.isascii() or not token:
        raise BadConfiguration(f"{path} holds no token", f"{path} 中没有令牌")
    return token
