"""The commands' way to a running window: HTTP, with a bearer token from a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
import orjson

from adapters.pinning import pinned
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

    def __init__(self, url: str, token: str, certificate: Path | None = None) -> None:
        """`certificate`: the one that the window shows, where no authority need be asked about it."""
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._trust = pinned(certificate)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._trust)
        timeout = aiohttp.ClientTimeout(total=60)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout, connector=connector)
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

    async def call(self, call_id: str) -> dict[str, Any]:
        """Everything the window says of a ship's call."""
        return await self._ask("GET", f"{API}/calls/{quote(call_id, safe='')}")

    async def operations(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Something below `/operations`, with an operator's token. Query parameters that are None are left out."""
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        address = f"{API}/operations/{quote(path)}" + (f"?{urlencode(given)}" if given else "")
        body = None if content is None else orjson.dumps({k: v for k, v in content.items() if v is not None})
        return await self._ask(method, address, body, {"Content-Type": "application/json"} if body else None)

    async def download(self, url: str) -> bytes:
        """The exact bytes at an address the window named."""
        status, data = await self._fetch("GET", url)
        if status >= 400:
            raise WindowRefused(status, orjson.loads(data))
        return data

    async def stream(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The pieces of a long reply at a path below the API; however long it takes, as long as it goes on."""
        assert self._session is not None
        given = {name: str(value) for name, value in query.items() if value is not None}
        goes_on = aiohttp.ClientTimeout(total=None, sock_read=60)
        try:
            async with self._session.get(f"{self.url}{API}/{path}", params=given, timeout=goes_on) as reply:
                if reply.status >= 400:
                    raise WindowRefused(reply.status, orjson.loads(await reply.read()))
                async for piece in reply.content.iter_any():
                    yield piece
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise AgencyUnavailable(
                f"{self.url} broke off ({error or type(error).__name__}); ask again", f"{self.url} 连接中断，请重试"
            ) from error

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
        status, data = await self._fetch(method, path, body, headers)
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

    async def _fetch(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        assert self._session is not None
        try:
            async with self._session.request(method, self.url + path, data=body, headers=headers) as reply:
                return reply.status, await reply.read()
        except aiohttp.ServerFingerprintMismatch as error:
            raise AgencyUnavailable(
                f"what answers at {self.url} shows another certificate than ONEWINDOW_TLS_CERTIFICATE",
                f"{self.url} 出示的证书与 ONEWINDOW_TLS_CERTIFICATE 不同",
            ) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AgencyUnavailable(
                f"no window answers at {self.url} ({error or type(error).__name__}); start it with `onewindow serve`",
                f"{self.url} 没有响应，请先运行 onewindow serve",
            ) from error


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
