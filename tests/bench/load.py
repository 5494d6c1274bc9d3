"""A client that files declarations over HTTP: as fast as answers come, or at a steady rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.bench.processes import Site

CONNECTIONS = 16


@dataclass
class Filed:
    """What a run of filings took, in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    def spread(self) -> str:
        return " / ".join(f"{self.percentile(share):.1f}" for share in (0.5, 0.95, 0.99))


class Client:
    """Use as `async with`."""

    def __init__(self, where: Site) -> None:
        self._where = where

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession(
            headers=self._where.headers, connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def file(self, bodies: Sequence[bytes], *, but: Sequence[int] = ()) -> Filed:
        """All of them over 16 connections, each its next one when the last is answered; `but`: statuses that may come too."""
        filed, waiting, started = Filed(), iter(bodies), time.perf_counter()

        async def connection() -> None:
            for body in waiting:
                await self._one(body, filed, time.perf_counter(), but)

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
        filed.seconds = time.perf_counter() - started
        return filed

    async def file_steadily(self, bodies: Sequence[bytes], rate: float) -> Filed:
        """`rate` a second, whether the answers come or not: a request that waits for its turn has begun."""
        filed, started = Filed(), time.perf_counter()
        under_way = []
        for number, body in enumerate(bodies):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            under_way.append(asyncio.create_task(self._one(body, filed, due)))
        await asyncio.gather(*under_way)
        filed.seconds = time.perf_counter() - started
        return filed

    async def _one(self, body: bytes, filed: Filed, begun: float, but: Sequence[int] = ()) -> None:
        async with self._session.post(self._where.url, data=body) as reply:
            text = await reply.read()
        if reply.status not in (202, *but):
            raise SystemExit(f"the benchmark's declaration is refused: {reply.status} {text[:500]!r}")
        filed.latencies.append(time.perf_counter() - begun)
