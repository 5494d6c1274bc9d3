"""The broker comes and goes, forgets and repeats: the database is the truth, so nothing but time may be lost."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from gateway.bus.topics import PARTITIONS, back_topic, consumers_group, out_topic
from tests.torture.faults.fault import UNHURRIED, Load, Scene, fault
from tests.torture.filings import CUSTOMS, INSPECTION
from tests.torture.points import POSTGRESQL

ONLY = (POSTGRESQL,)


@fault("only_what_is_told", backends=ONLY, alone=True)
async def broker_restart(scene: Scene) -> None:
    """The broker is stopped in order and started again under load; filings are accepted all the while, and the programs are
    killed while it is away."""
    await _outage(scene, kill=False)


@fault("only_what_is_told", backends=ONLY, alone=True)
async def broker_killed(scene: Scene) -> None:
    """The broker is killed with SIGKILL and started again under load, and the programs are killed while it is away."""
    await _outage(scene, kill=True)


async def _outage(scene: Scene, kill: bool) -> None:
    broker = await scene.stage.kafka()
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        load.file(4)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(broker.kill if kill else broker.stop)
        during = load.file(6)
        try:
            await load.answered()
            told = [case.requests[0].answers for case in during]
            scene.expect(all(told), "a filing was not answered while the broker was away")
            # what its programs wanted to tell the broker dies with them
            for name in lane.programs:
                lane.kill(name)
            await asyncio.sleep(0.1)
            lane.revive()
            await lane.ready()
            load.file(2)
            await load.answered()
        finally:
            await asyncio.to_thread(broker.start)
        load.file(4)
        await load.settle(repeats=2)


@fault("take_up_without_keeping", backends=ONLY)
async def rebalance_storm(scene: Scene) -> None:
    """Consumers and workers join, are killed and leave again and again while documents come."""
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        for turn in range(6):
            load.file(3)
            name = scene.dice.choice(("consume-2", "worker-2", "consume-3"))
            if name in lane.running:
                lane.remove(name)
                lane.killed.append(name)
            else:
                lane.launch(name)
            if turn % 3 == 2:
                lane.kill("consume")
            await asyncio.sleep(scene.dice.uniform(0.2, 0.8))
            lane.revive()
        await load.settle()


@fault("only_what_is_told", backends=ONLY)
async def topic_deleted(scene: Scene) -> None:
    """All topics of the lane are deleted under load."""
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage, settings=UNHURRIED) as lane:
        load = Load(lane, scene)
        load.file(4)
        await asyncio.sleep(0.4)
        topics = [topic(lane.name, agency) for topic in (out_topic, back_topic) for agency in (CUSTOMS, INSPECTION)]
        admin = AIOKafkaAdminClient(bootstrap_servers=lane.kafka_bootstrap)
        await admin.start()
        try:
            await admin.delete_topics(topics)
            load.file(4)
            await load.answered()
            await load.settle()
        finally:
            await admin.close()


@fault("take_up_again", backends=ONLY)
async def offsets_reset(scene: Scene) -> None:
    """The consumers' offsets go back to the earliest record: everything is told once more and changes nothing."""
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage, settings=UNHURRIED) as lane:
        load = Load(lane, scene)
        load.file(6)
        await load.settle()
        if scene.seen:
            return
        lane.remove("consume")
        group = consumers_group(lane.name)
        topics = [back_topic(lane.name, agency) for agency in (CUSTOMS, INSPECTION)]
        consumer = AIOKafkaConsumer(bootstrap_servers=lane.kafka_bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        told = 0
        try:
            partitions = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
            consumer.assign(partitions)
            told = sum((await consumer.end_offsets(partitions)).values())
            await _commit_when_free(consumer, dict.fromkeys(partitions, 0))
        finally:
            await consumer.stop()
        lane.launch("consume")
        await _caught_up(lane.kafka_bootstrap, group, partitions)
        scene.figures.append(f"{told} records read again")
        await load.settle()


async def _commit_when_free(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    """The group takes an outsider's commit once its dead member is forgotten."""
    for _ in range(100):
        try:
            await consumer.commit(offsets)
            return
        except Exception:
            await asyncio.sleep(0.2)
    await consumer.commit(offsets)


async def _caught_up(bootstrap: str, group: str, partitions: list[TopicPartition]) -> None:
    """Waits until the group has read to the end again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    watcher = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await watcher.start()
    try:
        async with asyncio.timeout(60):
            ends = await watcher.end_offsets(partitions)
            while True:
                at = await admin.list_consumer_group_offsets(group)
                if all(ends[one] == 0 or (one in at and at[one].offset >= ends[one]) for one in partitions):
                    return
                await asyncio.sleep(0.2)
    finally:
        await watcher.stop()
        await admin.close()
