"""The simulated inspection over Kafka: one effect for one message, however often it comes, and answers for every one of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lxml import etree

from adapters.agency import ChannelSettings, Incoming, build_channel
from adapters.signing import HEADER, sign
from adapters.simulator.knobs import Knobs
from adapters.simulator.run import run_simulator
from adapters.simulator.state import count_effects
from adapters.transports.kafka import KafkaChannel
from tests.conftest import Kafka
from tests.integration.test_simulators import KEY, ROOT, SMOOTH_INSPECTION, TOKEN, inspection_message
from tests.support import topics
from tests.support.topics import until_so


@asynccontextmanager
async def agency(kafka: Kafka, state: Path) -> AsyncIterator[KafkaChannel]:
    """A simulated inspection, and the window's channel to it."""
    url = f"kafka://{kafka.bootstrap}/{kafka.prefix}"
    simulation = asyncio.create_task(
        run_simulator(
            "inspection",
            state_dir=state,
            exchange_dir=state,
            host="127.0.0.1",
            port=0,
            window_url="",
            token=TOKEN,
            hmac_key=KEY,
            rehearsal=True,
            knobs=Knobs(delay_scale=0.0),
            bundle_root=ROOT,
            url=url,
        )
    )
    channel = build_channel("inspection", "http", ChannelSettings(state, url, TOKEN, KEY))
    assert isinstance(channel, KafkaChannel)
    try:
        yield channel
    finally:
        await channel.close()
        simulation.cancel()
        await asyncio.gather(simulation, return_exceptions=True)


async def codes(channel: KafkaChannel, expected: Counter[str]) -> None:
    """Collects until these answers have come."""
    found: dict[str, Incoming] = {}

    async def all_there() -> bool:
        for incoming in await channel.collect():
            assert not incoming.problem
            found[incoming.name] = incoming
            await channel.finish(incoming, True)
        said = Counter(etree.fromstring(each.body).findtext("DCL_RESPONSE/RspCodes") for each in found.values())
        return said == expected

    await until_so(all_there)


async def test_a_message_is_answered_and_one_that_comes_again_has_one_effect(kafka: Kafka, tmp_path: Path) -> None:
    async with agency(kafka, tmp_path) as channel:
        await channel.send(inspection_message("REF1", "M1"))
        await codes(channel, SMOOTH_INSPECTION)
        await channel.send(inspection_message("REF1", "M1"))
        # inspection repeats no answer to it, so that the next one's answers are all that comes
        await channel.send(inspection_message("REF2", "M2"))
        await codes(channel, SMOOTH_INSPECTION)
    assert count_effects(tmp_path) == {"REF1": {"ITF_DCL_IO_DECL": 1}, "REF2": {"ITF_DCL_IO_DECL": 1}}


async def test_an_agency_that_was_away_takes_up_what_came_meanwhile(kafka: Kafka, tmp_path: Path) -> None:
    async with agency(kafka, tmp_path) as channel:
        await channel.send(inspection_message("REF1", "M1"))
        await codes(channel, SMOOTH_INSPECTION)
    url = f"kafka://{kafka.bootstrap}/{kafka.prefix}"
    alone = build_channel("inspection", "kafka", ChannelSettings(tmp_path, url, TOKEN, KEY))
    await alone.send(inspection_message("REF2", "M2"))
    await alone.close()
    async with agency(kafka, tmp_path) as channel:
        await codes(channel, SMOOTH_INSPECTION)
    assert count_effects(tmp_path) == {"REF1": {"ITF_DCL_IO_DECL": 1}, "REF2": {"ITF_DCL_IO_DECL": 1}}


async def test_rehearsals_at_the_door_work_without_a_reply(kafka: Kafka, tmp_path: Path) -> None:
    async with agency(kafka, tmp_path) as channel:
        # busy three times, refused for good, acknowledgement lost
        for number, script in enumerate(("X20", "X22", "X21")):
            await channel.send(inspection_message(f"REF{script}", f"M{number}"))
        receipt_again = Counter({code: 2 * count for code, count in SMOOTH_INSPECTION.items()})
        await codes(channel, receipt_again)
    assert count_effects(tmp_path) == {"REFX20": {"ITF_DCL_IO_DECL": 1}, "REFX21": {"ITF_DCL_IO_DECL": 1}}


async def test_what_is_not_the_windows_has_no_effect_and_holds_up_nothing(kafka: Kafka, tmp_path: Path) -> None:
    messages = f"{kafka.prefix}.messages"
    forged = inspection_message("REF1", "M1")
    async with agency(kafka, tmp_path) as channel:
        name = ("Onewindow-Message-Id", b"M1")
        await topics.put(kafka.bootstrap, messages, b"\xff garbage")
        await topics.put(kafka.bootstrap, messages, forged.body, headers=[name])
        await topics.put(
            kafka.bootstrap, messages, forged.body, headers=[name, (HEADER, sign(b"no", forged.body).encode())]
        )
        await channel.send(inspection_message("REF2", "M2"))
        await codes(channel, SMOOTH_INSPECTION)
    assert count_effects(tmp_path) == {"REF2": {"ITF_DCL_IO_DECL": 1}}
