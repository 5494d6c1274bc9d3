"""A broker that is not there at the start, dies under load and comes back: the window accepts all the while, and catches up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.bus.counts import counts
from gateway.bus.producer import KafkaNotices
from scripts.services.broker import Kafka as KafkaService
from scripts.services.broker import install
from tests.conftest import Kafka
from tests.integration.test_kafka_bus import Place, answer_all, answers, file_many, got, nothing_lies
from tests.support.topics import until_so
from tests.support.windows import until

pytestmark = [pytest.mark.usefixtures("postgres_backend"), pytest.mark.kafka]


@pytest.fixture
def broker(kafka_server: str, own_directory: Path) -> Iterator[KafkaService]:
    """A broker of the test's own, to be stopped. (The shared one says that Kafka can be had here.)"""
    install()
    own = KafkaService(own_directory)
    own.start()
    yield own
    own.kill()


async def test_a_broker_killed_under_load_costs_nothing_but_time(tmp_path: Path, broker: KafkaService) -> None:
    place = Place(tmp_path, Kafka(broker.bootstrap(), "away"))
    async with place.window() as api, place.worker() as worker, place.consumer() as consumer:
        await file_many(api, range(10))
        await until(lambda: len(got(worker)) == 10, 60)
        filing = asyncio.create_task(file_many(api, range(10, 40)))
        await asyncio.to_thread(broker.kill)
        await filing
        # accepted without a broker
        await file_many(api, range(40, 60))
        await answer_all(api, range(10))
        assert counts.waiting > 0
        await asyncio.to_thread(broker.start)
        await until(lambda: len(got(worker)) == 60, 90)
        await until_so(lambda: nothing_lies(api), 90)
        assert await answers(api) == 10
        await answer_all(api, range(10, 60))
        await until_so(lambda: nothing_lies(api), 90)
        assert await answers(api) == 60
        assert set(got(worker).values()) == {1}
        assert consumer is not None


async def test_programs_start_without_a_broker_and_find_it_later(tmp_path: Path, broker: KafkaService) -> None:
    place = Place(tmp_path, Kafka(broker.bootstrap(), "late"))
    await asyncio.to_thread(broker.stop)
    async with place.window() as api, place.worker() as worker, place.consumer():
        await file_many(api, range(5))
        await asyncio.to_thread(broker.start)
        await until(lambda: len(got(worker)) == 5, 90)
        await answer_all(api, range(5))
        await until_so(lambda: nothing_lies(api), 90)


async def test_without_a_broker_looking_is_enough(tmp_path: Path, broker: KafkaService) -> None:
    place = Place(tmp_path, Kafka(broker.bootstrap(), "none"))
    await asyncio.to_thread(broker.stop)
    async with place.window() as api, place.worker(delivery_poll_seconds=0.1) as worker:
        await file_many(api, range(5))
        await until(lambda: len(got(worker)) == 5, 60)


async def test_notices_that_wait_for_a_broker_are_bounded(broker: KafkaService) -> None:
    await asyncio.to_thread(broker.stop)
    notices = KafkaNotices(broker.bootstrap(), "bounded", ["customs"], kept_at_most=100)
    dropped = counts.dropped
    for number in range(1_000):
        notices.queued([("customs", f"D{number}", f"M{number}")])
    assert (counts.waiting, counts.dropped - dropped) == (100, 900)
    await notices.close()
    assert counts.waiting == 0
    notices.queued([("customs", "D", "M")])
    assert counts.waiting == 0


async def test_a_broker_that_says_nothing_is_left_within_bounds(tmp_path: Path) -> None:
    """It takes connections and never replies: a stopped process, or a machine that is stuck."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = Place(tmp_path, Kafka(f"127.0.0.1:{port}", "mute"))
    try:
        async with place.window() as api, place.worker(delivery_poll_seconds=0.1) as worker, place.consumer():
            await file_many(api, range(3))
            await until(lambda: len(got(worker)) == 3, 60)
            assert held
    finally:
        server.close()
        for writer in held:
            writer.close()
