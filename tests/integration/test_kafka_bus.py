"""Notices over a real broker, PostgreSQL behind them: nothing is looked for here, so whatever moves was told.

The window's programs stand in this process, each with connections of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from declarations.errors import StorageUnavailable
from gateway import receive
from gateway.bus import consumer as bus_consumer
from gateway.bus.consumer import consume, take_notices
from gateway.bus.counts import counts
from gateway.bus.topics import back_topic, consumers_group, out_topic, workers_group
from gateway.database.schema import answer, inbox, message
from gateway.observe import tracing
from gateway.wiring import Window
from tests.conftest import Kafka
from tests.support import topics
from tests.support.signed import signature
from tests.support.topics import until_so
from tests.support.windows import COSMETICS, agency, file, inspected, until, window_at

pytestmark = pytest.mark.usefixtures("postgres_backend")
NEVER = 3_600.0
INSPECTION = "inspection"


@dataclass
class Place:
    """Where one test's programs meet."""

    directory: Path
    kafka: Kafka

    @property
    def out(self) -> str:
        return out_topic(self.kafka.prefix, INSPECTION)

    @property
    def back(self) -> str:
        return back_topic(self.kafka.prefix, INSPECTION)

    @property
    def workers(self) -> str:
        return workers_group(self.kafka.prefix, INSPECTION)

    @property
    def consumers(self) -> str:
        return consumers_group(self.kafka.prefix)

    @asynccontextmanager
    async def window(self, **settings: Any) -> AsyncIterator[Window]:
        bus = {"kafka_bootstrap": self.kafka.bootstrap, "kafka_prefix": self.kafka.prefix}
        patient = {"delivery_poll_seconds": NEVER, "sweep_seconds": NEVER, "database_connections": 4}
        async with window_at(self.directory, **{**bus, **patient, **settings}) as window:
            yield window

    @asynccontextmanager
    async def worker(self, **settings: Any) -> AsyncIterator[Window]:
        async with self.window(**settings) as window:
            window.start_worker()
            async with running(take_notices(window)):
                yield window

    @asynccontextmanager
    async def consumer(self, **settings: Any) -> AsyncIterator[Window]:
        async with self.window(**settings) as window, running(consume(window)):
            yield window


@pytest.fixture
def place(tmp_path: Path, kafka: Kafka) -> Place:
    return Place(tmp_path, kafka)


@asynccontextmanager
async def running(program: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(program)
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reference(number: int) -> str:
    return f"KAFKA{number:010d}"


async def file_many(window: Window, numbers: range) -> None:
    for number in numbers:
        reply = await file(window, COSMETICS, trader_assigned_reference_id=reference(number))
        assert reply.status == 202


def got(*windows: Window) -> Counter[str]:
    """reference -> how often an in-memory inspection got it."""
    return Counter(outgoing.reference for window in windows for outgoing in agency(window, INSPECTION).got)


async def count(window: Window, what: Any) -> int:
    return int(await window.database.read(lambda connection: connection.scalar(what)) or 0)


async def answer_all(window: Window, numbers: range, code: str = "10") -> None:
    for number in numbers:
        body = inspected(code, reference(number), window.clock(), number=f"31000015{number:07d}")
        line = signature(window.settings.secrets_dir, INSPECTION, body, clock=window.clock)
        received = await receive.arrived(window, INSPECTION, body, signature=line)
        assert received.state == "received"


async def answers(window: Window) -> int:
    return await count(window, select(func.count()).select_from(answer))


async def lying(window: Window) -> int:
    return await count(window, select(func.count()).select_from(inbox).where(inbox.c.state == "received"))


async def test_a_filing_is_delivered_and_answered_because_each_program_tells_the_next(place: Place) -> None:
    async with place.window() as api, place.worker() as worker, place.consumer():
        await file_many(api, range(20))
        await until(lambda: len(got(worker)) == 20, 60)
        await answer_all(api, range(20))
        await until_so(lambda: nothing_lies(api))
        assert await answers(api) == 20
        states = await api.database.read(
            lambda connection: set(connection.scalars(select(message.c.state).where(message.c.agency == INSPECTION)))
        )
        assert states == {"stored"}
        assert set(got(worker).values()) == {1}
        # no key stands in two partitions, so the notices of one filing keep their order
        told = await topics.records(place.kafka.bootstrap, place.out, 20)
        assert len({record.key for record in told}) == 20
        assert {record.value.decode()[0] for record in told} == {"M"}


async def nothing_lies(window: Window) -> bool:
    return await lying(window) == 0


async def test_workers_share_the_work_and_nothing_goes_twice(place: Place) -> None:
    async with place.window() as api, place.worker() as one, place.worker() as other:
        await file_many(api, range(40))
        await until(lambda: len(got(one, other)) == 40, 60)
        assert set(got(one, other).values()) == {1}


async def test_notices_told_twice_and_offsets_set_back_change_nothing(place: Place) -> None:
    async with place.window() as api:
        async with place.worker() as worker, place.consumer() as consumer:
            await file_many(api, range(10))
            await until(lambda: len(got(worker)) == 10, 60)
            await answer_all(api, range(10))
            await until_so(lambda: nothing_lies(api))
            for one in await topics.records(place.kafka.bootstrap, place.out, 10):
                await topics.put(place.kafka.bootstrap, place.out, one.value, one.key)
            for one in await topics.records(place.kafka.bootstrap, place.back, 10):
                await topics.put(place.kafka.bootstrap, place.back, one.value, one.key)
            await until_so(lambda: all_committed(place))
            assert set(got(worker).values()) == {1}
            assert consumer is not None
        assert await answers(api) == 10
        for group, topic in ((place.workers, place.out), (place.consumers, place.back)):
            await topics.to_the_beginning(place.kafka.bootstrap, group, topic)
        taken = counts.taken
        async with place.worker() as worker, place.consumer():
            await until(lambda: counts.taken >= taken + 40, 60)
            await until_so(lambda: all_committed(place))
            assert got(worker) == Counter()
        assert await answers(api) == 10
        assert await count(api, select(func.count()).select_from(inbox).where(inbox.c.state != "done")) == 0


async def all_committed(place: Place) -> bool:
    for group, topic in ((place.workers, place.out), (place.consumers, place.back)):
        committed, end = await topics.offsets(place.kafka.bootstrap, group, topic)
        if committed < end:
            return False
    return True


async def test_records_that_are_no_notices_are_counted_and_passed_by(place: Place) -> None:
    async with place.window() as api, place.worker() as worker, place.consumer():
        # the topics are there once something was told
        await file_many(api, range(1))
        await answer_all(api, range(1))
        await until_so(lambda: nothing_lies(api))
        skipped = counts.skipped
        garbage = [b"", b"\xff\xfe", b"not an id!", b"x" * 100_000, b"{}"]
        for value in garbage:
            await topics.put(place.kafka.bootstrap, place.out, value)
            await topics.put(place.kafka.bootstrap, place.back, value)
        # well formed, and nobody's
        await topics.put(place.kafka.bootstrap, place.out, b"M01KAHJ3R6V0N7E9QK2M4T8WXYZ")
        await topics.put(place.kafka.bootstrap, place.back, b"I01KAHJ3R6V0N7E9QK2M4T8WXYZ")
        await file_many(api, range(1, 5))
        await until(lambda: len(got(worker)) == 5, 60)
        await answer_all(api, range(1, 5))
        await until_so(lambda: nothing_lies(api))
        await until_so(lambda: all_committed(place))
        assert counts.skipped - skipped == 2 * len(garbage)


async def test_a_consumer_that_joins_and_one_that_leaves_in_the_middle_lose_and_double_nothing(place: Place) -> None:
    async with place.window() as api, place.worker(), place.consumer():
        await file_many(api, range(60))
        await answer_all(api, range(20))
        async with place.consumer() as second:
            await answer_all(api, range(20, 40))
            await until_so(lambda: nothing_lies(api))
            assert second is not None
            leaving = asyncio.create_task(answer_all(api, range(40, 60)))
            await until_so(lambda: more_than(api, 42))
        await leaving
        await until_so(lambda: nothing_lies(api))
        assert await answers(api) == 60


async def more_than(window: Window, number: int) -> bool:
    return await answers(window) > number


async def test_a_deleted_topic_is_made_again_and_work_goes_on(place: Place) -> None:
    # what is told into the topic while it goes is lost: the sweeps find it
    looking = {"delivery_poll_seconds": 1.0, "sweep_seconds": 1.0}
    async with place.window() as api, place.worker(**looking) as worker, place.consumer() as consumer:
        consumer.start_sweeper()
        await file_many(api, range(5))
        await answer_all(api, range(5))
        await until_so(lambda: nothing_lies(api))
        await topics.delete(place.kafka.bootstrap, place.out, place.back)
        await file_many(api, range(5, 10))
        await answer_all(api, range(5, 10))
        await until(lambda: len(got(worker)) == 10, 90)
        await until_so(lambda: nothing_lies(api), 90)
        # and the topics carry again
        published = counts.published
        await file_many(api, range(10, 12))
        await until(lambda: counts.published > published, 60)
        await until(lambda: len(got(worker)) == 12, 60)
        assert await answers(api) == 10
        assert set(got(worker).values()) == {1}


async def test_a_storage_that_is_away_stops_the_offset_and_nothing_else(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = True
    take_up = receive.take_up

    async def sometimes(window: Window, inbox_id: str, *, suspect: bool = False) -> Any:
        if away:
            raise StorageUnavailable("away", "away")
        return await take_up(window, inbox_id, suspect=suspect)

    monkeypatch.setattr(bus_consumer.receive, "take_up", sometimes)
    async with place.window() as api, place.consumer():
        await file_many(api, range(3))
        await answer_all(api, range(3))
        retried = counts.retried
        await until(lambda: counts.retried >= retried + 6, 60)
        assert await topics.offsets(place.kafka.bootstrap, place.consumers, place.back) == (0, 3)
        away = False
        await until_so(lambda: nothing_lies(api))
        await until_so(lambda: committed_to(place, 3))
        assert await answers(api) == 3


async def committed_to(place: Place, number: int) -> bool:
    return await topics.offsets(place.kafka.bootstrap, place.consumers, place.back) == (number, number)


async def test_a_document_that_fails_holds_up_nobody_and_stays_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_up = receive.take_up
    poisoned: list[str] = []

    async def sometimes(window: Window, inbox_id: str, *, suspect: bool = False) -> Any:
        if not poisoned or inbox_id in poisoned:
            poisoned.append(inbox_id)
            raise ValueError("a fault of ours")
        return await take_up(window, inbox_id, suspect=suspect)

    monkeypatch.setattr(bus_consumer.receive, "take_up", sometimes)
    async with place.window() as api, place.consumer():
        await file_many(api, range(6))
        await answer_all(api, range(6))
        await until_so(lambda: committed_to(place, 6))
        assert await lying(api) == 1
        assert await answers(api) == 5


async def test_a_document_that_programs_died_of_is_kept_aside_by_the_next_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_consumer, "FRESH_SECONDS", 0.0)
    async with place.window() as api:
        await file_many(api, range(2))
        await answer_all(api, range(2))

        def died_often(connection: Connection) -> None:
            first = connection.scalar(select(func.min(inbox.c.id)))
            connection.execute(update(inbox).where(inbox.c.id == first).values(attempts=receive.ATTEMPTS_AT_MOST))

        await api.database.write(died_often)
        async with place.consumer():
            await until_so(lambda: nothing_lies(api))
        states = await api.database.read(lambda connection: sorted(connection.scalars(select(inbox.c.state))))
        assert states == ["done", "quarantined"]
        assert await answers(api) == 1


async def test_a_trace_goes_along_with_its_notice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    parents: dict[str, set[str | None]] = {}
    span = tracing.span

    def noted(name: str, parent: str | None = None, **attributes: str | int) -> Any:
        parents.setdefault(name, set()).add(parent)
        return span(name, parent, **attributes)

    request = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    monkeypatch.setattr(tracing, "current", lambda: request)
    monkeypatch.setattr(tracing, "span", noted)
    async with place.window() as api, place.worker() as worker, place.consumer():
        await file_many(api, range(1))
        await until(lambda: len(got(worker)) == 1, 60)
        await answer_all(api, range(1))
        await until_so(lambda: nothing_lies(api))
    assert parents["notice"] == {request}
    (record,) = await topics.records(place.kafka.bootstrap, place.out, 1)
    assert dict(record.headers)["traceparent"] == request.encode()
    assert dict(record.headers)["message-id"] == record.value
