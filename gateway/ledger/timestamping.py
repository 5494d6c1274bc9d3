"""Timestamping: an outside authority (RFC 3161) says that a batch existed at a time. By default the window's own time counts.

Each batch names the hash of the one before, so a timestamp of the newest covers all that is older. It is asked for after a
batch is sealed and never before: with the authority away the journal goes on, the batch stays without, and it is tried again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import structlog
from cryptography.x509 import Certificate
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from declarations.errors import AgencyUnavailable
from gateway.database.stores import ledger
from gateway.ledger import chain

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
SECONDS = 10.0
LARGEST = 100_000
"""Bytes of a reply; a token with its certificates is about 6,000."""
GRANTED = 0
SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a token says: the time, and whether a trusted authority says it (None: none was named to check it with)."""

    at: datetime
    trusted: bool | None


async def stamp_newest(window: Window) -> bool:
    """Has the newest batch timestamped, if one is due; whether it got one. With the authority away it warns, and that is all."""
    settings, now = window.settings, window.clock()
    if not settings.timestamp_url:
        return False
    newest = await window.database.read(ledger.last)
    last = await window.database.read(ledger.stamped)
    if newest is None or (last is not None and last.id == newest.id):
        return False
    if last is not None and (now - last.sealed_at).total_seconds() < settings.timestamp_seconds:
        return False
    try:
        token = await _ask(settings.timestamp_url, _stated(newest))
    except AgencyUnavailable as error:
        log.warning("journal not timestamped", batch=newest.id, url=settings.timestamp_url, reason=error.message_en)
        return False
    await window.database.write(partial(ledger.stamp, batch_id=newest.id, token=token))
    return True


def _stated(row: object) -> bytes:
    names = ("previous", "root", "entries", "key_id")
    told = {name: getattr(row, name) for name in names}
    return chain.statement(batch=row.id, sealed_at=chain.moment(row.sealed_at), **told)  # type: ignore[attr-defined]


async def _ask(url: str, stated: bytes) -> bytes:
    """The authority's reply (DER), granted and over these bytes; raises AgencyUnavailable when there is none such."""
    request = TimestampRequestBuilder().data(stated).hash_algorithm(HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.post(url, data=request.as_bytes(), headers=headers, allow_redirects=False) as reply,
        ):
            data = await reply.content.read(LARGEST)
            if reply.status != 200:
                raise AgencyUnavailable(f"it answered {reply.status}", f"应答 {reply.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        said = str(error) or type(error).__name__
        raise AgencyUnavailable(f"it cannot be reached: {said}", f"无法连接：{said}") from error
    # decoding and checking are the library's, in native code; a reply of megabytes never gets there
    answered = await asyncio.to_thread(_decoded, data)
    if answered is None or answered.tst_info.nonce != request.nonce or not _is_over(answered, stated):
        raise AgencyUnavailable("its reply is not a timestamp of what it was asked for", "应答不是所请求内容的时间戳")
    return data


def read(token: bytes, stated: bytes, roots: list[Certificate]) -> Stamped | None:
    """What a token says about these bytes; None when it is no token, or not of these bytes. `roots`: trusted authorities."""
    answered = _decoded(token)
    if answered is None or not _is_over(answered, stated):
        return None
    trusted: bool | None = None
    if roots:
        builder = VerifierBuilder(roots=list(roots))
        try:
            trusted = builder.build().verify_message(answered, stated)
        except (VerificationError, ValueError):
            trusted = False
    return Stamped(answered.tst_info.gen_time, trusted)


def _decoded(data: bytes) -> TimeStampResponse | None:
    """A granted reply; None for anything else."""
    try:
        answered = decode_timestamp_response(data)
        # parts that a refusal lacks fail when they are asked for
        return answered if answered.status == GRANTED and answered.tst_info is not None else None
    except Exception:
        # whatever the native parser finds wrong, it is no token
        return None


def _is_over(answered: TimeStampResponse, stated: bytes) -> bool:
    imprint = answered.tst_info.message_imprint
    algorithm: str = imprint.hash_algorithm.dotted_string
    return algorithm == SHA256 and imprint.message.hex() == chain.digest(stated)
