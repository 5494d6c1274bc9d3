"""Reading records as a member of a consumer group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from adapters.broker.offsets import Offsets
from adapters.broker.topics import (
    CLOSE_SECONDS,
    METADATA_SECONDS,
    PAUSES,
    REQUEST_SECONDS,
    START_SECONDS,
    make_topics,
)

log = structlog.get_logger(__name__)

SESSION_SECONDS, HEARTBEAT_SECONDS = 10.0, 3.0
"""A member that was killed keeps its partitions for a session; one that ends in order gives them up at once."""
COMMIT_SECONDS = 5.0
COMMIT_EVERY = 0.5
WATCH_EVERY = 5.0
"""Seconds between two looks at whether a reader still lives and its topics are there."""
STUCK_SECONDS = 30.0
"""A reader that heard nothing from its partitions for so long is begun anew. A healthy one hears from them twice a second."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read. `assignment` counts how often this reader was given its partitions: what was read under an
    earlier one is another reader's now."""

    topic: str
    partition: int
    offset: int
    assignment: int
    key: bytes
    value: bytes
    headers: Mapping[str, str]
    written_at: float
    """Seconds since the epoch, by the writer's clock."""


class Reader:
    """A member of a consumer group. Trouble with the broker is logged and lasts as long as it lasts; `read` never raises it.

    What was read and not finished when the partitions go to another member, or when this one dies, is read again by whoever
    has them then: who reads must bear repetition.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[str],
        group: str,
        *,
        make: int = 0,
        revoked: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`make` is the number of partitions of topics that are missing; 0 leaves making them to others.
        `revoked` is awaited before the partitions go: it should end soon what is under way."""
        self._bootstrap = bootstrap
        self._topics = list(topics)
        self._group = group
        self._make = dict.fromkeys(topics, make) if make else {}
        self._revoked = revoked
        self._consumer: AIOKafkaConsumer | None = None
        self._joining: asyncio.Task[None] | None = None
        self._offsets: Offsets[TopicPartition] = Offsets()
        self._next_commit = self._next_watch = self._heard_at = 0.0
        self._heard: dict[TopicPartition, int | None] = {}
        self._closed = False
        self.assignment = 0
        self.rejoined = 0
        """How often the consumer had to be begun anew."""

    async def read(self, seconds: float, at_most: int) -> list[Record]:
        """The next records; none when none came within about so many seconds."""
        if self._consumer is None and not self._closed:
            if self._joining is None or self._joining.done():
                self._joining = asyncio.create_task(self._join())
            await asyncio.wait({self._joining}, timeout=seconds)
        consumer = self._consumer
        if consumer is None:
            return []
        try:
            await self.commit()
            await self._watch(consumer)
            batches = await consumer.getmany(timeout_ms=int(seconds * 1000), max_records=at_most)
        except Exception as error:
            await self._begin_anew(consumer, error)
            return []
        # nothing may wait between this and what aiokafka gave: a rebalance would put it under another assignment
        return [self._record(one) for batch in batches.values() for one in batch]

    def finish(self, record: Record) -> None:
        """A record is done with; its offset is committed soon, once all before it are done with too. Safe to repeat."""
        if record.assignment == self.assignment:
            self._offsets.finish(TopicPartition(record.topic, record.partition), record.offset)

    async def commit(self, *, at_once: bool = False) -> None:
        """Commits what is finished, not more often than twice a second unless `at_once`. A failure costs repetition only."""
        what = self._offsets.ready()
        if self._consumer is None or not what or (time.monotonic() < self._next_commit and not at_once):
            return
        self._next_commit = time.monotonic() + COMMIT_EVERY
        offsets = self._offsets
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._consumer.commit(what)
            offsets.committed(what)
        except (KafkaError, TimeoutError) as error:
            log.info("offsets not committed", group=self._group, reason=repr(error))

    async def close(self) -> None:
        """Commits what is finished and leaves the group."""
        self._closed = True
        joining, self._joining = self._joining, None
        if joining is not None:
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)
        await self.commit(at_once=True)
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _close_consumer(consumer)

    def _record(self, one: Any) -> Record:
        self._offsets.read(TopicPartition(one.topic, one.partition), one.offset)
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in one.headers}
        return Record(
            one.topic,
            one.partition,
            one.offset,
            self.assignment,
            one.key or b"",
            one.value or b"",
            headers,
            one.timestamp / 1000,
        )

    async def _join(self) -> None:
        tries = 0
        while not self._closed:
            try:
                self._consumer = await self._start()
                log.info("reading", group=self._group, topics=self._topics)
                return
            except Exception as error:
                log.warning("cannot read now", group=self._group, topics=self._topics, reason=repr(error))
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    async def _start(self) -> AIOKafkaConsumer:
        if self._make:
            await make_topics(self._bootstrap, self._make)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            # a new group begins at the beginning: what was taken up already is known by the database
            auto_offset_reset="earliest",
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
            metadata_max_age_ms=int(METADATA_SECONDS * 1000),
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_SECONDS * 1000),
            # who waits for a database to come back keeps its partitions: to another one it would be just as far away
            max_poll_interval_ms=24 * 3600 * 1000,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                consumer.subscribe(self._topics, listener=_Listener(self._on_assigned, self._on_revoked))
                await consumer.start()
        except BaseException:
            await _close_consumer(consumer)
            raise
        self._heard, self._heard_at = {}, time.monotonic()
        self._next_watch = time.monotonic() + WATCH_EVERY
        return consumer

    async def _on_revoked(self) -> None:
        if self._revoked is not None:
            await self._revoked()
        await self.commit(at_once=True)
        self._forget()

    async def _on_assigned(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.assignment += 1
        self._offsets = Offsets()

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Raises when the consumer is stuck; makes topics that somebody deleted."""
        now = time.monotonic()
        if now < self._next_watch:
            return
        if now > self._next_watch + STUCK_SECONDS / 2:
            # nobody read for a while, so nothing was fetched either
            self._heard_at = now
        self._next_watch = now + WATCH_EVERY
        heard = {partition: consumer.last_poll_timestamp(partition) for partition in consumer.assignment()}
        # a member without partitions hears nothing and is well, unless it wants to join again and cannot
        well = heard != self._heard if heard else not consumer._coordinator._rejoin_needed_fut.done()
        if well:
            self._heard, self._heard_at = heard, now
        elif now - self._heard_at > STUCK_SECONDS:
            raise KafkaError(f"nothing heard for {now - self._heard_at:.0f} s")
        if any(not consumer.partitions_for_topic(topic) for topic in self._make):
            await make_topics(self._bootstrap, self._make)

    async def _begin_anew(self, consumer: AIOKafkaConsumer, error: Exception) -> None:
        log.warning("reading begins anew", group=self._group, topics=self._topics, reason=repr(error))
        self._consumer = None
        self.rejoined += 1
        self._forget()
        await _close_consumer(consumer)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, assigned: Callable[[], Awaitable[None]], revoked: Callable[[], Awaitable[None]]) -> None:
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002  # always all of them
        await self._revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        await self._assigned()


async def _close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Leaves the group; a broker that does not answer is not waited for."""
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping}, timeout=CLOSE_SECONDS)
    if not stopping.done():
        # cancelling what it waits for; the connections are what must not stay open
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        for part in (consumer._fetcher, consumer._client):
            if part is not None:
                with suppress(Exception):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await part.close()
    await asyncio.gather(stopping, return_exceptions=True)
