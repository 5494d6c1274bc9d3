"""Notices over Kafka: what was committed is told to the programs that go on with it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

import structlog

from adapters.broker.topics import PAUSES, Headers
from adapters.broker.writer import Writer
from gateway.bus.counts import counts
from gateway.bus.topics import PARTITIONS, back_topic, notice_headers, out_topic
from gateway.notices import Queued

log = structlog.get_logger(__name__)

KEPT_AT_MOST = 20_000
"""Notices held while no broker answers; then the oldest go, which the sweeps have found by then."""
AT_ONCE = 500
LINGER_MS = 3
"""A notice waits so long for others to go with it."""
ANSWER_SECONDS = 10.0
"""A broker that has not confirmed by then is given up, and its notices are told again."""
LAST_SECONDS = 2.0
"""At the end, for what is still to be told."""

_Notice: TypeAlias = tuple[str, bytes, bytes, Headers]


class KafkaNotices:
    """Tells in the background, from the first notice on. No call waits or raises; a notice may be told twice or not at all."""

    def __init__(
        self, bootstrap: str, prefix: str, agencies: Iterable[str] = (), *, kept_at_most: int = KEPT_AT_MOST
    ) -> None:
        """Topics of `agencies` are made when they are missing."""
        self._prefix = prefix
        topics = [name(prefix, agency) for agency in agencies for name in (out_topic, back_topic)]
        self._writer = Writer(bootstrap, topics=dict.fromkeys(topics, PARTITIONS), linger_ms=LINGER_MS)
        self._kept_at_most = kept_at_most
        self._waiting: deque[_Notice] = deque()
        self._there_are = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connects ahead of the first notice. Needs a running loop; safe to repeat."""
        if self._task is None and not self._closing.is_set():
            self._task = asyncio.create_task(self._tell())

    def queued(self, messages: Iterable[Queued]) -> None:
        for agency, declaration_id, message_id in messages:
            topic, headers = out_topic(self._prefix, agency), notice_headers(message_id)
            self._put((topic, declaration_id.encode(), message_id.encode(), headers))

    def received(self, agency: str, key: str, inbox_id: str) -> None:
        self._put((back_topic(self._prefix, agency), key.encode(), inbox_id.encode(), notice_headers(inbox_id)))

    async def close(self) -> None:
        """Tells what is left, for a moment, and lets go of the broker."""
        self._closing.set()
        self._there_are.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait({task}, timeout=LAST_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        counts.dropped += len(self._waiting)
        self._waiting.clear()
        counts.waiting = 0
        await self._writer.close()

    def _put(self, notice: _Notice) -> None:
        if self._closing.is_set():
            counts.dropped += 1
            return
        self._waiting.append(notice)
        self._trim()
        self._there_are.set()
        self.start()

    def _trim(self) -> None:
        while len(self._waiting) > self._kept_at_most:
            self._waiting.popleft()
            counts.dropped += 1
        counts.waiting = len(self._waiting)

    async def _tell(self) -> None:
        failures = 0
        while not (self._closing.is_set() and not self._waiting):
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                await self._write(batch)
            except BaseException as error:
                # order among notices means nothing: whoever gets one looks into the database
                self._waiting.extendleft(reversed(batch))
                self._trim()
                if not isinstance(error, Exception):
                    raise
                if failures == 0:
                    log.warning("notices wait for the broker", waiting=len(self._waiting), reason=repr(error))
                await self._pause(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
                continue
            if failures:
                log.info("notices are told again", dropped=counts.dropped)
            failures = 0
            counts.published += len(batch)
            counts.waiting = len(self._waiting)
            if not self._waiting and not self._closing.is_set():
                self._there_are.clear()
                await self._there_are.wait()

    async def _pause(self, seconds: float) -> None:
        if self._closing.is_set():
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _write(self, batch: list[_Notice]) -> None:
        told: list[asyncio.Future[object]] = []
        try:
            async with self._writer.producer(ANSWER_SECONDS) as producer, asyncio.timeout(ANSWER_SECONDS):
                for topic, key, value, headers in batch:
                    told.append(await producer.send(topic, value, key=key, headers=headers))
                await asyncio.gather(*told)
        finally:
            for each in told:
                # the first error has spoken for all of them
                each.cancel()
