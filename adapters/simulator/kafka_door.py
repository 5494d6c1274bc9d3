"""A simulated agency's end of two Kafka topics: signed messages from `<prefix>.messages`, signed answers to `<prefix>.answers`.

A message is remembered before its offset is committed, so a crash between the two only repeats it. Nobody waits for a reply
here: what other doors refuse with a status is left lying (for good, 4xx) or tried again (busy, 5xx), and a message that is not
valid is answered with the agency's own refusal, as in a folder.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from adapters.broker.reader import Reader, Record
from adapters.broker.topics import BrokerAway, make_topics
from adapters.broker.writer import Writer
from adapters.signatures import HEADER
from adapters.simulator.clerk import CUT, TAKEN, Clerk, OtherBytesError
from adapters.simulator.documents import UnacceptableError, UntrustedError
from adapters.simulator.seals import Seals
from adapters.simulator.state import Answer
from adapters.transports.kafka import MESSAGE_ID, topics_at

log = structlog.get_logger(__name__)

PARTITIONS = 3
READ_SECONDS = 0.2
BATCH = 100
BUSY_SECONDS = 1.0
"""What a busy agency lets a message wait."""
WRITE_SECONDS = 10.0
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")


class KafkaDoor:
    """`url` is the agency's address in the window's settings; `seals` verify and sign."""

    def __init__(self, clerk: Clerk, url: str, seals: Seals) -> None:
        self._clerk = clerk
        self._topics = topics_at(url)
        self._seals = seals
        made = dict.fromkeys((self._topics.messages, self._topics.answers), PARTITIONS)
        self._writer = Writer(self._topics.bootstrap, topics=made)
        self._reader = Reader(
            self._topics.bootstrap, [self._topics.messages], f"{self._topics.prefix}.agency", make=PARTITIONS
        )

    async def open(self) -> None:
        # an answers topic that is there from the start; without a broker they are made later
        with suppress(KafkaError, OSError, TimeoutError):
            await make_topics(self._topics.bootstrap, {self._topics.answers: PARTITIONS})

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def work(self, wake: asyncio.Event) -> None:
        """Takes up messages as they come, for ever."""
        busy: list[tuple[float, Record]] = []
        while True:
            now = time.monotonic()
            due = [record for at, record in busy if at <= now]
            busy = [(at, record) for at, record in busy if at > now]
            for record in [*due, *await self._reader.read(READ_SECONDS, BATCH)]:
                if self._take(record):
                    self._reader.finish(record)
                else:
                    busy.append((time.monotonic() + BUSY_SECONDS, record))
                wake.set()
                await asyncio.sleep(0)

    async def deliver(self, answer: Answer) -> bool:
        # its place in the topic is not known yet, so the signature binds no name
        body, signature = self._seals.sealed("", answer.body)
        headers = [(HEADER, signature.encode())] if signature is not None else []
        try:
            async with self._writer.producer(WRITE_SECONDS) as producer, asyncio.timeout(WRITE_SECONDS):
                await producer.send_and_wait(
                    self._topics.answers, body, key=answer.message_key.encode(), headers=headers
                )
        except (BrokerAway, KafkaError, TimeoutError) as error:
            log.warning("answer_not_written", name=answer.name, error=repr(error))
            return False
        return True

    def _take(self, record: Record) -> bool:
        """One message; False when it is to be tried again."""
        key, body = record.headers.get(MESSAGE_ID, ""), record.value
        try:
            body = self._seals.opened(key, body, record.headers.get(HEADER))
        except UntrustedError as why:
            log.warning("message_not_trusted", offset=record.offset, reason=why.reason)
            return True
        if not _MESSAGE_ID.match(key):
            log.warning("message_without_id", offset=record.offset)
            return True
        try:
            status = self._clerk.take(key, body)
            if status == CUT:
                # who sent it could not be told; it comes again as it would from a sender in doubt
                status = self._clerk.take(key, body)
        except OtherBytesError:
            log.warning("message_with_other_bytes", key=key)
            return True
        except UnacceptableError as why:
            self._clerk.refuse(key, body, why)
            return True
        if status not in (TAKEN, CUT):
            log.info("message_not_taken", key=key, status=status)
        return status < 500
