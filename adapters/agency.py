"""The table-driven adapter: which channel reaches an agency is a word in its `agency.toml`; no agency is named here.

An installation says where: a folder, an `http(s)://` address, or a `kafka://` address. Of the latter two the address decides, so
that one set of tables serves an agency that is reached over HTTP here and over a topic there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

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
    signature: str | None = None
    """Detached, made once when the message was; None where its channel signs itself or nobody does."""


@dataclass(frozen=True)
class Incoming:
    """One answer as it lay in the agency's channel. `name` is its file name there."""

    agency: str
    name: str
    body: bytes
    problem: str = ""
    """Why the body is not taken up: over the size cap, not to be opened (it is then empty), not by the shared secret."""
    signature: str | None = None
    """As it came with the answer, not verified."""
    signature_identity: tuple[int, ...] | None = None
    """Which file the signature lay in, as `identity`."""
    identity: tuple[int, ...] | None = None
    """Which one it was, for the channel's own use (inode and modification time of a file, place in a topic): a name may be
    used again before we are done with it."""


class Channel(Protocol):
    """What the window needs of any transport."""

    async def send(self, outgoing: Outgoing) -> None:
        """Returns when the message is handed over; raises AgencyUnavailable, AgencyRefused or OutcomeUnknown."""

    async def collect(self) -> list[Incoming]:
        """The answers lying ready, a batch at a time; nothing where the agency pushes its answers to the API."""

    async def finish(self, incoming: Incoming, accepted: bool) -> None:
        """Called after the answer is committed: puts it away, so that it is not collected again. Safe to repeat."""

    async def ask(self, outgoing: Outgoing) -> bool | None:
        """Whether the agency has this message: True, False, or None when it cannot be told. Never sends it."""

    async def test(self) -> str:
        """Tries the connection without leaving anything with the agency; what was reached, in a few words.

        Raises AgencyUnavailable or AgencyRefused."""

    async def close(self) -> None:
        """Gives up connections."""


@dataclass(frozen=True)
class ChannelSettings:
    """What an installation adds to an agency's tables; each channel takes what it needs."""

    exchange_dir: Path
    """The agency's own exchange directory (folder channel)."""
    url: str = ""
    """Where its messages are posted (http channel), or `kafka://host:port,…/prefix` of its topics (kafka channel)."""
    token: str = ""
    hmac_key: bytes = b""
    """What both share, where that is how they sign; empty: messages bring their own signatures."""
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
    kind = reached_by(channel, settings.url)
    if kind in ("http", "kafka") and not (settings.url and settings.token):
        raise BadConfiguration(
            f"the {kind} channel of {agency} needs a URL and a token", f"{agency} 的 {kind} 通道需要地址和令牌"
        )
    if kind == "http":
        return HttpChannel(
            settings.url,
            settings.token,
            settings.hmac_key,
            total_timeout=settings.total_timeout,
            connect_timeout=settings.connect_timeout,
        )
    if kind == "kafka":
        # imported here: most installations have no use for it
        from adapters.transports.kafka import KafkaChannel, topics_at

        return KafkaChannel(
            agency,
            topics_at(settings.url),
            settings.hmac_key,
            total_timeout=settings.total_timeout,
            connect_timeout=settings.connect_timeout,
            max_answer_bytes=settings.max_answer_bytes,
        )
    raise BadConfiguration(
        f"agency {agency}: there is no channel {channel!r}, only folder, http and kafka",
        f"机构 {agency}：没有 {channel!r} 通道，只有 folder、http 和 kafka",
    )


def reached_by(channel: str, url: str) -> str:
    """The kind of channel: the word of the agency's table, except that an address says itself whether it is HTTP's or Kafka's."""
    if channel in ("http", "kafka") and url:
        return "kafka" if urlsplit(url).scheme == "kafka" else "http"
    return channel
