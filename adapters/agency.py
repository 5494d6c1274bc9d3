"""The table-driven adapter: which channel reaches an agency is a word in its `agency.toml`; no agency is named here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from declarations.errors import BadConfiguration


@dataclass(frozen=True)
class Outgoing:
    """One agency message as stored at accept. Every attempt sends these same bytes under this same id."""

    message_id: str
    declaration_id: str
    version: int
    agency: str
    message: str
    reference: str
    """The trader's own reference."""
    accepted_at: datetime
    """Aware; fixes the exchange file's name, so it must be the stored time and never that of the attempt."""
    body: bytes


@dataclass(frozen=True)
class Incoming:
    """One answer as it lay in the agency's channel. `name` is its file name there."""

    agency: str
    name: str
    body: bytes
    problem: str = ""
    """Why the body could not be taken up (over the size cap, not to be opened); the body is then empty, so never read."""
    identity: tuple[int, int] | None = None
    """Which file it was (inode, modification time in ns): a name may be used again before we are done with it."""


class Channel(Protocol):
    """What the window needs of any transport."""

    async def send(self, outgoing: Outgoing) -> None:
        """Returns when the message is handed over; raises AgencyUnavailable, AgencyRefused or OutcomeUnknown."""

    async def collect(self) -> list[Incoming]:
        """The answers lying ready, a batch at a time; nothing where the agency pushes its answers to the API."""

    async def finish(self, incoming: Incoming, accepted: bool) -> None:
        """Called after the answer is committed: puts it away, so that it is not collected again. Safe to repeat."""

    async def close(self) -> None:
        """Gives up connections."""


@dataclass(frozen=True)
class ChannelSettings:
    """What an installation adds to an agency's tables; each channel takes what it needs."""

    exchange_dir: Path
    """The agency's own exchange directory (folder channel)."""
    url: str = ""
    """Where its messages are posted (http channel)."""
    token: str = ""
    hmac_key: bytes = b""
    total_timeout: float = 30.0
    """Seconds for a whole request."""
    connect_timeout: float = 5.0
    max_answer_bytes: int = 10_000_000


def build_channel(agency: str, channel: str, settings: ChannelSettings) -> Channel:
    """The channel the agency's table names; raises BadConfiguration when there is none or it lacks a setting."""
    # imported here because the transports speak in this module's types
    from adapters.transports.folder import FolderChannel
    from adapters.transports.http import HttpChannel

    if channel == "folder":
        return FolderChannel(agency, settings.exchange_dir, max_answer_bytes=settings.max_answer_bytes)
    if channel == "http":
        if not (settings.url and settings.token and settings.hmac_key):
            raise BadConfiguration(
                f"the http channel of {agency} needs a URL, a token and an HMAC key",
                f"{agency} 的 http 通道需要地址、令牌和 HMAC 密钥",
            )
        return HttpChannel(
            settings.url,
            settings.token,
            settings.hmac_key,
            total_timeout=settings.total_timeout,
            connect_timeout=settings.connect_timeout,
        )
    raise BadConfiguration(
        f"agency {agency}: there is no channel {channel!r}, only folder and http",
        f"机构 {agency}：没有 {channel!r} 通道，只有 folder 和 http",
    )
