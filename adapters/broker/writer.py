"""Writing records: one idempotent producer, and a new one after any failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from adapters.broker.topics import (
    CLOSE_SECONDS,
    METADATA_SECONDS,
    REQUEST_SECONDS,
    START_SECONDS,
    BrokerAway,
    make_topics,
)

LARGEST_RECORD = 20_000_000
"""Bytes. The broker has its own limit and says so."""


@dataclass(eq=False)
class _Line:
    """One producer and those who use it now; a spoiled one gets no new users and is closed after the last."""

    producer: AIOKafkaProducer
    users: int = 0
    spoiled: bool = False


class Writer:
    """Writes records with one idempotent producer, and with a new one after any failure."""

    def __init__(self, bootstrap: str, *, topics: Mapping[str, int] | None = None, linger_ms: int = 0) -> None:
        """`topics` are made when they are missing (name -> partitions)."""
        self._bootstrap = bootstrap
        self._topics = topics or {}
        self._linger_ms = linger_ms
        self._line: _Line | None = None
        self._starting: asyncio.Task[_Line] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def producer(self, seconds: float) -> AsyncIterator[AIOKafkaProducer]:
        """A producer that reached its broker; raises BrokerAway when none did in time. Any error inside gives it up, so that
        what could not be written then is not written later."""
        line = await self._open(seconds)
        line.users += 1
        try:
            yield line.producer
        except BaseException:
            self._spoil(line)
            raise
        finally:
            line.users -= 1
            if line.spoiled and not line.users:
                self._end(line)

    async def close(self) -> None:
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        line, self._line = self._line, None
        if line is not None:
            await close_producer(line.producer)
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open(self, seconds: float) -> _Line:
        if self._line is not None:
            return self._line
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            # who asked may be gone when it fails
            self._starting.add_done_callback(_seen)
        starting = self._starting
        await asyncio.wait({starting}, timeout=seconds)
        if not starting.done():
            raise BrokerAway(f"no broker answers at {self._bootstrap}")
        if starting.cancelled() or starting.exception() is not None:
            raise BrokerAway(f"no broker answers at {self._bootstrap}: {_said(starting)}")
        return starting.result()

    async def _start(self) -> _Line:
        try:
            if self._topics:
                await make_topics(self._bootstrap, self._topics)
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                enable_idempotence=True,
                acks="all",
                linger_ms=self._linger_ms,
                max_request_size=LARGEST_RECORD,
                request_timeout_ms=int(REQUEST_SECONDS * 1000),
                metadata_max_age_ms=int(METADATA_SECONDS * 1000),
            )
            try:
                async with asyncio.timeout(START_SECONDS):
                    await producer.start()
            except BaseException:
                await close_producer(producer)
                raise
            self._line = _Line(producer)
            return self._line
        finally:
            self._starting = None

    def _spoil(self, line: _Line) -> None:
        line.spoiled = True
        if self._line is line:
            self._line = None

    def _end(self, line: _Line) -> None:
        task = asyncio.create_task(close_producer(line.producer, 0.0))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _seen(future: asyncio.Future[Any]) -> None:
    """Its error is known, or nobody's business any more."""
    if not future.cancelled():
        future.exception()


def _said(task: asyncio.Task[Any]) -> str:
    error = None if task.cancelled() else task.exception()
    return str(error) or type(error).__name__


async def close_producer(producer: AIOKafkaProducer, seconds: float = CLOSE_SECONDS) -> None:
    """Closes a producer. What it still holds gets `seconds` to go out, then it fails: aiokafka alone would wait for ever."""
    sender, held = producer._sender, producer._message_accumulator
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait({stopping}, timeout=seconds)
    if not stopping.done():
        held.fail_all(ProducerClosed())
        with suppress(Exception):
            await producer.client.close()
        # its loop waits for requests under way when it is cancelled; cancelled again, it lets go of those too
        for _ in range(10):
            if stopping.done():
                break
            if sender.sender_task is not None:
                sender.sender_task.cancel()
            await asyncio.wait({stopping}, timeout=0.1)
        stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
