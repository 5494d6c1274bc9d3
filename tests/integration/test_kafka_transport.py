"""The Kafka channel against a real broker: the exact bytes both ways, and nothing put away that is not finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from adapters.agency import ChannelSettings, Incoming, Outgoing, build_channel
from adapters.signing import HEADER, sign
from adapters.transports.http import HttpChannel
from adapters.transports.kafka import KafkaChannel, topics_at
from declarations.errors import AgencyRefused, AgencyUnavailable, BadConfiguration, OutcomeUnknown
from gateway.supervise import free_port
from tests.conftest import Kafka
from tests.support import topics
from tests.support.topics import until_so

KEY = b"key of the agency"
BODY = "<ROOT>报文</ROOT>".encode("gb18030") + b"\x00\xff"
MESSAGE = Outgoing("M1", "D1", 1, "inspection", "ITF_DCL_IO_DECL", "REF 编号 1", datetime.now(UTC), BODY)


def settings(url: str, **given: object) -> ChannelSettings:
    return replace(ChannelSettings(Path(), url, "token", KEY), **given)  # type: ignore[arg-type]


@asynccontextmanager
async def channel_at(kafka: Kafka, **given: object) -> AsyncIterator[KafkaChannel]:
    made = build_channel("inspection", "kafka", settings(f"kafka://{kafka.bootstrap}/{kafka.prefix}", **given))
    assert isinstance(made, KafkaChannel)
    try:
        yield made
    finally:
        await made.close()


async def answer(kafka: Kafka, body: bytes, signature: str | None = None, key: bytes = b"k") -> None:
    header = sign(KEY, body) if signature is None else signature
    await topics.put(
        kafka.bootstrap, f"{kafka.prefix}.answers", body, key, [(HEADER, header.encode())] if header else []
    )


async def collected(channel: KafkaChannel, number: int) -> list[Incoming]:
    """What lies ready, once it is so many."""
    found: list[Incoming] = []

    async def enough() -> bool:
        found[:] = await channel.collect()
        return len(found) >= number

    await until_so(enough)
    return found


async def make_topics(kafka: Kafka, partitions: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        names = (f"{kafka.prefix}.messages", f"{kafka.prefix}.answers")
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()


async def test_the_agency_gets_the_exact_bytes_signed_and_named_and_keyed_by_declaration(kafka: Kafka) -> None:
    large = replace(MESSAGE, message_id="M2", body=b"<a>" + b"x" * 900_000 + b"</a>")
    async with channel_at(kafka) as channel:
        await channel.send(MESSAGE)
        await channel.send(large)
    one, other = await topics.records(kafka.bootstrap, f"{kafka.prefix}.messages", 2)
    assert (one.key, one.value) == (b"D1", BODY)
    assert dict(one.headers) == {
        "Onewindow-Message-Id": b"M1",
        "Onewindow-Reference": b"REF %E7%BC%96%E5%8F%B7 1",
        HEADER: sign(KEY, BODY).encode(),
    }
    assert other.value == large.body


async def test_messages_of_one_declaration_keep_their_order_and_many_go_at_once(kafka: Kafka) -> None:
    await make_topics(kafka, 3)
    async with channel_at(kafka) as channel:
        for number in range(5):
            await asyncio.gather(
                *(
                    channel.send(replace(MESSAGE, declaration_id=f"D{declaration}", message_id=f"M{number}"))
                    for declaration in range(20)
                )
            )
    order: dict[bytes, list[bytes]] = {}
    for record in await topics.records(kafka.bootstrap, f"{kafka.prefix}.messages", 100):
        order.setdefault(record.key, []).append(dict(record.headers)["Onewindow-Message-Id"])
    assert len(order) == 20
    assert all(each == [b"M0", b"M1", b"M2", b"M3", b"M4"] for each in order.values())


async def test_a_message_over_the_brokers_limit_is_refused_and_the_next_one_goes(kafka: Kafka) -> None:
    async with channel_at(kafka) as channel:
        with pytest.raises(AgencyRefused) as caught:
            await channel.send(replace(MESSAGE, body=b"x" * 3_000_000))
        assert "MessageSizeTooLarge" in caught.value.message_en
        with pytest.raises(AgencyRefused):
            await channel.send(replace(MESSAGE, body=b"x" * 21_000_000))
        await channel.send(MESSAGE)
    (record,) = await topics.records(kafka.bootstrap, f"{kafka.prefix}.messages", 1)
    assert record.value == BODY


async def test_without_a_broker_nothing_has_left_and_the_words_say_so() -> None:
    nowhere = Kafka(f"127.0.0.1:{free_port()}", "nowhere")
    async with channel_at(nowhere, connect_timeout=2.0) as channel:
        with pytest.raises(AgencyUnavailable) as caught:
            await channel.send(MESSAGE)
        assert caught.value.message_zh != caught.value.message_en
        with pytest.raises(AgencyUnavailable):
            await channel.test()
        assert await channel.collect() == []


async def test_a_broker_that_dies_before_it_confirms_leaves_the_outcome_unknown(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is with the producer and the confirmation never comes."""
    from aiokafka.producer import sender

    async with channel_at(kafka, total_timeout=1.0) as channel:
        await channel.send(MESSAGE)
        reached = asyncio.Event()
        real = sender.SendProduceReqHandler.handle_response

        def lost(self: object, response: object) -> None:
            reached.set()

        monkeypatch.setattr(sender.SendProduceReqHandler, "handle_response", lost)
        with pytest.raises(OutcomeUnknown):
            await channel.send(replace(MESSAGE, message_id="M2"))
        assert reached.is_set()
        monkeypatch.setattr(sender.SendProduceReqHandler, "handle_response", real)
        # the producer that failed is given up: a new one takes the next message, and the old one's is not written again
        await channel.send(replace(MESSAGE, message_id="M3"))
    stands = await topics.records(kafka.bootstrap, f"{kafka.prefix}.messages", 3)
    assert sorted(dict(record.headers)["Onewindow-Message-Id"] for record in stands) == [b"M1", b"M2", b"M3"]


async def test_answers_come_with_their_exact_bytes_once_they_are_finished_never_again(kafka: Kafka) -> None:
    await make_topics(kafka)
    bodies = [b"<a>%d\x00</a>" % number for number in range(5)]
    for body in bodies:
        await answer(kafka, body)
    async with channel_at(kafka) as channel:
        found = await collected(channel, 5)
        assert [each.body for each in found] == bodies
        assert {each.problem for each in found} == {""}
        assert len({each.name for each in found}) == 5
        for each in found:
            await channel.finish(each, True)
            await channel.finish(each, True)
        assert await channel.collect() == []
    assert await topics.offsets(kafka.bootstrap, f"{kafka.prefix}.window", f"{kafka.prefix}.answers") == (5, 5)
    await answer(kafka, b"<last/>")
    async with channel_at(kafka) as channel:
        assert [each.body for each in await collected(channel, 1)] == [b"<last/>"]


async def test_what_is_not_finished_is_offered_again_and_never_put_away_by_what_follows_it(kafka: Kafka) -> None:
    await make_topics(kafka)
    for number in range(4):
        await answer(kafka, b"<a>%d</a>" % number)
    async with channel_at(kafka) as channel:
        found = await collected(channel, 4)
        for each in (found[0], found[2], found[3]):
            await channel.finish(each, True)
        assert await channel.collect() == [found[1]]
        # a crash: nothing more is finished
    committed = await topics.offsets(kafka.bootstrap, f"{kafka.prefix}.window", f"{kafka.prefix}.answers")
    assert committed == (1, 4)
    async with channel_at(kafka) as channel:
        again = await collected(channel, 3)
        assert [each.body for each in again] == [b"<a>1</a>", b"<a>2</a>", b"<a>3</a>"]
        # the same name as before, so that what was committed in the database is known
        assert [each.name for each in again] == [each.name for each in found[1:]]


async def test_answers_that_are_not_signed_by_the_agency_or_too_large_are_problems(kafka: Kafka) -> None:
    await make_topics(kafka)
    await answer(kafka, b"<forged/>", sign(b"another key", b"<forged/>"))
    await answer(kafka, b"<unsigned/>", "")
    await answer(kafka, b"<changed/>", sign(KEY, b"<other/>"))
    await answer(kafka, b"x" * 2_000)
    await answer(kafka, b"<good/>")
    async with channel_at(kafka, max_answer_bytes=1_000) as channel:
        *bad, good = await collected(channel, 5)
        assert [bool(each.problem) for each in bad] == [True] * 4
        assert "signature" in bad[0].problem
        assert (bad[3].body, bad[3].problem) == (b"", "larger than 1000 bytes")
        assert (good.body, good.problem) == (b"<good/>", "")
        for each in (*bad, good):
            await channel.finish(each, not each.problem)
        assert await channel.collect() == []


async def test_two_windows_share_the_answers_and_one_that_leaves_leaves_its_share(kafka: Kafka) -> None:
    await make_topics(kafka, 2)
    async with channel_at(kafka) as one:
        for number in range(20):
            await answer(kafka, b"<a>%d</a>" % number, key=b"k%d" % number)
        held = await collected(one, 20)
        async with channel_at(kafka) as other:
            theirs: set[bytes] = set()

            async def shared() -> bool:
                mine, others = await one.collect(), await other.collect()
                theirs.update(each.body for each in others)
                # after the rebalance each holds its own share, and all of it is there
                return bool(mine) and bool(others) and len(mine) + len(others) == 20

            await until_so(shared)
            # what it held before the rebalance is not its own to put away any more
            for each in held:
                await one.finish(each, True)
            for each in await other.collect():
                await other.finish(each, True)
        rest = await collected(one, 20 - len(theirs))
        assert {each.body for each in rest} == {each.body for each in held} - theirs


async def test_the_connection_test_says_what_is_there(kafka: Kafka) -> None:
    async with channel_at(kafka) as channel:
        with pytest.raises(AgencyRefused) as caught:
            await channel.test()
        assert f"{kafka.prefix}.messages" in caught.value.message_en
        await make_topics(kafka, 3)
        said = await channel.test()
        assert f"{kafka.prefix}.answers (3 partitions)" in said
        assert await channel.ask(MESSAGE) is None
    assert not await exists_anything(kafka)


async def exists_anything(kafka: Kafka) -> bool:
    _, end = await topics.offsets(kafka.bootstrap, "nobody", f"{kafka.prefix}.messages")
    return end > 0


def test_an_address_says_which_channel_it_is_for() -> None:
    assert topics_at("kafka://a:1,b:2/agency").bootstrap == "a:1,b:2"
    assert topics_at("kafka://a:1/agency").messages == "agency.messages"
    for wrong in ("http://a/b", "kafka://a:1", "kafka://a:1/", "kafka:///agency", "kafka://a:1/b/c"):
        with pytest.raises(BadConfiguration):
            topics_at(wrong)
    assert isinstance(build_channel("a", "http", settings("kafka://a:1/b")), KafkaChannel)
    assert isinstance(build_channel("a", "kafka", settings("http://a:1/b")), HttpChannel)
    with pytest.raises(BadConfiguration):
        build_channel("a", "kafka", settings(""))
    with pytest.raises(BadConfiguration):
        build_channel("a", "pigeon", settings("http://a:1/b"))


async def test_a_message_brings_its_own_signature_and_an_answers_is_passed_on_to_be_verified(kafka: Kafka) -> None:
    """Where keys sign, the channel shares no secret: it carries, and does not judge."""
    await make_topics(kafka)
    await answer(kafka, b"<a/>", "v1;key=…")
    await answer(kafka, b"<b/>", "")
    async with channel_at(kafka, hmac_key=b"") as channel:
        await channel.send(replace(MESSAGE, signature="v1;key=0;alg=ed25519"))
        await channel.send(replace(MESSAGE, message_id="M2"))
        found = await collected(channel, 2)
    assert [(each.signature, each.problem) for each in found] == [("v1;key=…", ""), (None, "")]
    one, other = await topics.records(kafka.bootstrap, f"{kafka.prefix}.messages", 2)
    assert dict(one.headers)[HEADER] == b"v1;key=0;alg=ed25519"
    assert HEADER not in dict(other.headers)
