"""What programs do with notices: a worker offers messages for delivery, a consumer takes up agencies' documents.

Both run until cancelled and outlive their broker. A notice read twice, or late, or never, changes nothing but the time: a
delivery is claimed in the database, and a document taken up already is a duplicate there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog

from adapters.broker.reader import Reader, Record
from declarations.errors import NotFound, StorageUnavailable
from gateway import receive
from gateway.bus.counts import counts
from gateway.bus.lanes import Lanes
from gateway.bus.topics import (
    PARTITIONS,
    age,
    back_topic,
    carried_id,
    consumers_group,
    out_topic,
    workers_group,
)
from gateway.observe import metrics, tracing

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)

READ_SECONDS = 0.5
OFFERED_AT_ONCE = 500
AT_ONCE = 16
"""Documents taken up side by side in one process."""
HELD_AT_MOST = 500
"""Documents' notices read ahead."""
HANDOVER_SECONDS = 3.0
"""What is under way when partitions go to another consumer, or at the end, gets so long."""
FRESH_SECONDS = 3.0
"""No program dies and gives its partitions to another in so short a time: a younger notice was read by nobody before."""
STORAGE_PAUSES = (0.1, 0.3, 1.0, 3.0)


async def take_notices(window: Window) -> None:
    """For a worker: offers every message it is told of to its agency's deliverer, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for agency in window.deliverers:
            group.create_task(_offer(window, agency))


async def _offer(window: Window, agency: str) -> None:
    settings = window.settings
    topic = out_topic(settings.kafka_prefix, agency)
    reader = Reader(
        settings.kafka_bootstrap,
        [topic],
        workers_group(settings.kafka_prefix, agency),
        make=PARTITIONS,
    )
    try:
        while True:
            records = await reader.read(READ_SECONDS, OFFERED_AT_ONCE)
            message_ids = []
            for record in records:
                message_id = _understood(record)
                if message_id is not None:
                    with tracing.span(
                        "notice", record.headers.get(tracing.HEADER), agency=agency, message_id=message_id
                    ):
                        message_ids.append(message_id)
            if message_ids:
                window.deliverers[agency].offer(message_ids)
                counts.taken += len(message_ids)
            _measure([topic], records)
            for record in records:
                reader.finish(record)
    finally:
        await reader.close()


async def consume(window: Window) -> None:
    """For a consumer: takes up documents as they are kept, in order for each key, until cancelled."""
    settings = window.settings
    agencies = {back_topic(settings.kafka_prefix, agency): agency for agency in window.rulebook.agencies}

    async def work(item: tuple[Record, bool]) -> None:
        record, suspect = item
        inbox_id = _understood(record)
        if inbox_id is not None:
            agency = agencies[record.topic]
            with tracing.span("notice", record.headers.get(tracing.HEADER), agency=agency, inbox_id=inbox_id):
                await _take_up(window, inbox_id, suspect=suspect)
        reader.finish(record)

    async with Lanes(work, AT_ONCE) as lanes:

        async def hand_over() -> None:
            await lanes.clear(HANDOVER_SECONDS)

        first = _First()
        reader = Reader(
            settings.kafka_bootstrap,
            list(agencies),
            consumers_group(settings.kafka_prefix),
            make=PARTITIONS,
            revoked=hand_over,
        )
        try:
            while True:
                if not await lanes.below(HELD_AT_MOST, READ_SECONDS):
                    # the storage is away, or all of them are slow: nothing more is read, what is done is committed
                    await reader.commit()
                    continue
                records = await reader.read(READ_SECONDS, HELD_AT_MOST - lanes.held)
                _measure(agencies, records)
                for record in records:
                    lanes.put((record.topic, record.key), (record, first.may_be_read_again(record)))
        finally:
            await lanes.clear(min(HANDOVER_SECONDS, settings.drain_seconds))
            await reader.close()


class _First:
    """Where this program began in each partition. What another read ahead when it died comes first, and the document that it
    died of may be among it."""

    def __init__(self) -> None:
        self._assignment = -1
        self._began: dict[tuple[str, int], int] = {}

    def may_be_read_again(self, record: Record) -> bool:
        if record.assignment != self._assignment:
            self._assignment, self._began = record.assignment, {}
        began = self._began.setdefault((record.topic, record.partition), record.offset)
        return record.offset < began + HELD_AT_MOST and age(record) > FRESH_SECONDS


async def _take_up(window: Window, inbox_id: str, *, suspect: bool) -> None:
    """Takes up one document. Returns when that is done, or will never be: only a storage that is away is waited for."""
    tries = 0
    while True:
        try:
            await receive.take_up(window, inbox_id, suspect=suspect and tries == 0)
            counts.taken += 1
            return
        except StorageUnavailable as error:
            if tries == 0:
                log.warning("documents wait for the storage", inbox_id=inbox_id, reason=error.message_en)
            counts.retried += 1
            pause = STORAGE_PAUSES[min(tries, len(STORAGE_PAUSES) - 1)]
            tries += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (not a secret)
        except NotFound:
            # from a topic older than the database, or a name that is no document's
            log.warning("no such document", inbox_id=inbox_id)
            counts.skipped += 1
            return
        except Exception:
            # it stays kept; the sweep tries again, and gives it to the operator when that does not help
            log.exception("document not taken up", inbox_id=inbox_id)
            counts.skipped += 1
            return


def _measure(topics: Iterable[str], records: Sequence[Record]) -> None:
    """How far behind the writers this program is; not at all with a topic that gave nothing."""
    oldest = {record.topic: age(record) for record in reversed(records)}
    for topic in topics:
        metrics.lagging(topic, oldest.get(topic, 0.0))


def _understood(record: Record) -> str | None:
    carried = carried_id(record)
    if carried is None:
        counts.skipped += 1
        log.warning("a record that is no notice", topic=record.topic, partition=record.partition, offset=record.offset)
    return carried
