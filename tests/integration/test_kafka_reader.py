"""Reader and writer against a real broker, when aiokafka itself gives up: they begin anew and lose nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from adapters.broker import reader as reading
from adapters.broker.reader import Reader
from adapters.broker.writer import Writer
from tests.conftest import Kafka
from tests.support import topics
from tests.support.topics import until_so


async def read_all(reader: Reader, number: int, *, finish: bool = True) -> Counter[bytes]:
    """Reads until it has seen so many different records."""
    seen: Counter[bytes] = Counter()

    async def enough() -> bool:
        for record in await reader.read(0.2, 100):
            seen[record.value] += 1
            if finish:
                reader.finish(record)
        return len(seen) >= number

    await until_so(enough)
    return seen


async def write(kafka: Kafka, values: range) -> None:
    for value in values:
        await topics.put(kafka.bootstrap, kafka.prefix, b"%d" % value)


async def test_a_reader_whose_consumer_failed_begins_anew(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(kafka.bootstrap, [kafka.prefix], f"{kafka.prefix}.g", make=2)
    await write(kafka, range(3))
    await read_all(reader, 3)
    real = AIOKafkaConsumer.getmany

    async def broken(self: Any, *given: Any, **named: Any) -> Any:
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", real)
        raise KafkaError("Unexpected error during coordination")

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", broken)
    assert await reader.read(0.1, 10) == []
    await write(kafka, range(3, 6))
    await read_all(reader, 3)
    assert reader.rejoined == 1
    await reader.close()
    assert await topics.offsets(kafka.bootstrap, f"{kafka.prefix}.g", kafka.prefix) == (6, 6)


async def test_a_reader_that_hears_nothing_any_more_begins_anew(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after aio-libs/aiokafka#1154: the consumer lives, raises nothing, and brings nothing."""
    monkeypatch.setattr(reading, "WATCH_EVERY", 0.05)
    reader = Reader(kafka.bootstrap, [kafka.prefix], f"{kafka.prefix}.g", make=2)
    await write(kafka, range(3))
    await read_all(reader, 3)
    deaf = reader._consumer
    assert deaf is not None
    deaf._fetcher._fetch_task.cancel()
    monkeypatch.setattr(reading, "STUCK_SECONDS", 1.0)
    await write(kafka, range(3, 6))
    await read_all(reader, 3)
    assert reader.rejoined == 1
    await reader.close()


async def test_a_reader_without_work_is_not_taken_for_stuck(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WATCH_EVERY", 0.05)
    monkeypatch.setattr(reading, "STUCK_SECONDS", 1.5)
    readers = [Reader(kafka.bootstrap, [kafka.prefix], f"{kafka.prefix}.g", make=1) for _ in range(2)]
    await write(kafka, range(1))
    assert await read_either(readers) == {b"0"}
    # one of them has the only partition and hears that there is nothing; the other has none
    for _ in range(15):
        for reader in readers:
            assert await reader.read(0.1, 10) == []
    assert [reader.rejoined for reader in readers] == [0, 0]
    for reader in readers:
        await reader.close()


async def read_either(readers: list[Reader]) -> set[bytes]:
    seen: set[bytes] = set()

    async def enough() -> bool:
        for reader in readers:
            for record in await reader.read(0.2, 10):
                seen.add(record.value)
                reader.finish(record)
        return bool(seen) and all(reader.assignment for reader in readers)

    await until_so(enough)
    return seen


async def out_of_turn(writer: Writer, kafka: Kafka) -> None:
    """Writes a batch whose number the broker does not expect next."""
    async with writer.producer(10) as producer:
        numbers = producer._txn_manager._sequence_numbers
        numbers[next(iter(numbers))] += 7
        await producer.send_and_wait(kafka.prefix, b"1")


async def test_a_writer_that_failed_once_writes_again(kafka: Kafka) -> None:
    """As after aio-libs/aiokafka#1017: aiokafka's own producer would fail for ever."""
    writer = Writer(kafka.bootstrap, topics={kafka.prefix: 1})
    async with writer.producer(10) as producer:
        await producer.send_and_wait(kafka.prefix, b"0")
        first = producer
    with pytest.raises(KafkaError):
        await out_of_turn(writer, kafka)
    async with writer.producer(10) as producer:
        assert producer is not first
        await producer.send_and_wait(kafka.prefix, b"2")
    await writer.close()
    assert isinstance(first, AIOKafkaProducer)
    assert [record.value for record in await topics.records(kafka.bootstrap, kafka.prefix, 2)] == [b"0", b"2"]
