"""HTTP: posts the exact bytes of a message, signed. What an answer means for a retry is decided here, once.

An agency that takes messages this way pushes its answers to the window's API, so there is nothing to collect.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import aiohttp

from adapters.agency import Incoming, Outgoing
from adapters.signing import HEADER, sign
from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown

ANSWER_CAP = 64 * 1024
"""Bytes read of an agency's reply: enough for its words, never a way to fill our memory."""

_IN_ONE_GO = 1_000_000
# The agency did not take the message and says so: 408 and 425 were never processed, 429 and 503 ask to come again.
_COME_AGAIN = frozenset({408, 425, 429, 503})


class HttpChannel:
    """The window's end of one agency's HTTP address. One pooled session, opened at the first message."""

    def __init__(
        self, url: str, token: str, hmac_key: bytes, *, total_timeout: float = 30.0, connect_timeout: float = 5.0
    ) -> None:
        self._url = url
        self._token = token
        self._hmac_key = hmac_key
        self._timeout = aiohttp.ClientTimeout(total=total_timeout, connect=connect_timeout)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, outgoing: Outgoing) -> None:
        headers = {
            "Content-Type": "application/xml",
            "Accept-Encoding": "identity",
            "Authorization": f"Bearer {self._token}",
            "Onewindow-Message-Id": outgoing.message_id,
            "Onewindow-Reference": quote(outgoing.reference, safe=" "),
        }
        if outgoing.signature is not None:
            headers[HEADER] = outgoing.signature
        elif self._hmac_key:
            headers[HEADER] = sign(self._hmac_key, outgoing.body)
        body = outgoing.body
        # aiohttp writes bytes in one go and warns of large ones: they would hold up everything else on the loop
        data = body if len(body) < _IN_ONE_GO else io.BytesIO(body)
        try:
            async with self._open().post(self._url, data=data, headers=headers, allow_redirects=False) as response:
                status = response.status
                retry_after = _seconds(response.headers.get("Retry-After"))
                # read in any case: a reply left unread costs the connection
                words = await _words(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise AgencyUnavailable(
                f"cannot connect to {self._url}: {error}", f"无法连接 {self._url}：{error}"
            ) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise OutcomeUnknown(
                f"no answer from {self._url} after the message was under way: {type(error).__name__} {error}",
                f"报文发出后 {self._url} 没有应答：{type(error).__name__} {error}",
            ) from error
        _judge(status, retry_after, words)

    async def collect(self) -> list[Incoming]:
        return []

    async def finish(self, incoming: Incoming, accepted: bool) -> None:  # noqa: ARG002  # the Channel's shape
        return None

    async def ask(self, outgoing: Outgoing) -> bool | None:
        """`GET <url>/<message id>`: 200 it has it, 404 it has not; anything else tells nothing."""
        url = f"{self._url.rstrip('/')}/{quote(outgoing.message_id, safe='')}"
        try:
            async with self._open().get(url, headers=self._asking(), allow_redirects=False) as response:
                await _words(response)
                return {200: True, 404: False}.get(response.status)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None

    async def test(self) -> str:
        """Any reply to `GET <url>` is the agency's, also one that such a request is not allowed."""
        try:
            async with self._open().get(self._url, headers=self._asking(), allow_redirects=False) as response:
                words = await _words(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            said = f"{type(error).__name__} {error}".strip()
            raise AgencyUnavailable(f"cannot reach {self._url}: {said}", f"无法连接 {self._url}：{said}") from error
        return f"{self._url}: HTTP {response.status} {words}".strip()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _asking(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            # usual servers drop idle connections after 5 s; we do it first: a request on a dying one ends unknown
            connector = aiohttp.TCPConnector(limit=100, keepalive_timeout=4)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _judge(status: int, retry_after: float | None, words: str) -> None:
    if 200 <= status < 300:
        return
    said = f"{status} {words}".strip()
    if status in _COME_AGAIN:
        raise AgencyUnavailable(f"the agency answers {said}", f"机构应答 {said}", retry_after=retry_after)
    if status < 500:
        # a redirect is not followed: signed bytes and token go to the configured address only
        raise AgencyRefused(
            f"the agency refuses the message: {said}",
            f"机构拒收报文：{said}",
            details={"status": str(status), "answer": words},
        )
    raise OutcomeUnknown(f"the agency failed while it held the message: {said}", f"机构在处理报文时出错：{said}")


async def _words(response: aiohttp.ClientResponse) -> str:
    """The beginning of a reply's text on one line. The status has decided: a reply that breaks off changes nothing."""
    data = b""
    try:
        while len(data) < ANSWER_CAP and (chunk := await response.content.read(ANSWER_CAP - len(data))):
            data += chunk
    except (TimeoutError, aiohttp.ClientError):
        pass
    text = data.decode("utf-8", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:500]


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After as seconds from now (RFC 9110: a number or a date); None when absent or unreadable."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
