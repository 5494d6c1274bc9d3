"""Topics, and what reading and writing have in common: limits of time, and the word for a broker that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

REQUEST_SECONDS = 15.0
"""A request without a reply by then has failed. Longer than a group needs to come together (its session's time-out)."""
START_SECONDS = 45.0
CLOSE_SECONDS = 3.0
METADATA_SECONDS = 10.0
"""A topic that was deleted, or made anew, is noticed within."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Between two tries to reach a broker."""

Headers: TypeAlias = Sequence[tuple[str, bytes]]


class BrokerAway(Exception):
    """No broker could be reached: nothing was written."""


async def make_topics(bootstrap: str, partitions: Mapping[str, int]) -> None:
    """Makes the topics that are missing (name -> number of partitions), replicated as the broker does by default."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(REQUEST_SECONDS * 1000))
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            await _make(admin, partitions)
    finally:
        await admin.close()


async def _make(admin: AIOKafkaAdminClient, partitions: Mapping[str, int]) -> None:
    await admin.start()
    there = await admin.list_topics()
    missing = [NewTopic(name, count, 1) for name, count in partitions.items() if name not in there]
    if not missing:
        return
    for topic in missing:
        # the broker's own default; the constructor knows no such wish
        topic.replication_factor = -1
    reply = await admin.create_topics(missing)
    for name, code, *_ in reply.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(name)
