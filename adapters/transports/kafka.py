"""Kafka: appends the exact bytes of a message to the agency's topic, signed; reads its answers from another.

At `kafka://host:port,…/prefix` messages stand in `<prefix>.messages` and answers in `<prefix>.answers`. Records of one
declaration have one key, so they keep their order. Whoever may write to the topics is the broker's to say; that an answer is
the agency's, its signature says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from adapters.agency import Incoming, Outgoing
from adapters.broker.reader import Reader, Record
from adapters.broker.topics import BrokerAway, Headers
from adapters.broker.writer import Writer
from adapters.signing import HEADER, sign, verify
from declarations.errors import AgencyRefused, AgencyUnavailable, BadConfiguration, OutcomeUnknown

MESSAGE_ID, REFERENCE = "Onewindow-Message-Id", "Onewindow-Reference"
BATCH = 100
"""Answers held at a time: read and not yet put away."""
READ_SECONDS = 0.2
# errors by which the broker says no for good: it, or who runs it, does not want this record
_REFUSALS = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    InvalidTopicError,
)


@dataclass(frozen=True)
class Topics:
    """Where an agency's two topics are."""

    bootstrap: str
    prefix: str

    @property
    def messages(self) -> str:
        return f"{self.prefix}.messages"

    @property
    def answers(self) -> str:
        return f"{self.prefix}.answers"


def topics_at(url: str) -> Topics:
    """Reads `kafka://host:port,host:port/prefix`; raises BadConfiguration."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if parts.scheme != "kafka" or not parts.netloc or not prefix or "/" in prefix:
        raise BadConfiguration(
            f"{url!r} names no topics; it looks like kafka://host:port/prefix",
            f"{url!r} 不是主题地址，格式应为 kafka://host:port/prefix",
        )
    return Topics(parts.netloc, prefix)


class KafkaChannel:
    """The window's end of one agency's two topics. Any number of programs may have one: they share the answers."""

    def __init__(
        self,
        agency: str,
        topics: Topics,
        hmac_key: bytes,
        *,
        total_timeout: float = 30.0,
        connect_timeout: float = 5.0,
        max_answer_bytes: int = 10_000_000,
    ) -> None:
        self._agency = agency
        self._topics = topics
        self._hmac_key = hmac_key
        self._total_timeout = total_timeout
        self._connect_timeout = connect_timeout
        self._max_answer_bytes = max_answer_bytes
        self._writer = Writer(topics.bootstrap)
        self._reader: Reader | None = None
        # read and not yet put away, in the order read
        self._open: dict[tuple[int, ...], tuple[Record, Incoming]] = {}

    async def send(self, outgoing: Outgoing) -> None:
        headers = [
            (MESSAGE_ID, outgoing.message_id.encode()),
            (REFERENCE, quote(outgoing.reference, safe=" ").encode()),
        ]
        if outgoing.signature is not None:
            headers.append((HEADER, outgoing.signature.encode()))
        elif self._hmac_key:
            headers.append((HEADER, sign(self._hmac_key, outgoing.body).encode()))
        try:
            # left with an error, the producer is given up: what was not confirmed is not written later behind our back
            async with self._writer.producer(self._connect_timeout) as producer:
                confirmed = await self._begin(producer, outgoing, headers)
                async with asyncio.timeout(self._total_timeout):
                    await confirmed
        except BrokerAway as error:
            raise AgencyUnavailable(f"cannot connect: {error}", f"无法连接：{error}") from error
        except _REFUSALS as error:
            said = _said(error)
            raise AgencyRefused(
                f"the broker refuses the message: {said}", f"消息服务器拒收报文：{said}", details={"answer": said}
            ) from error
        except (TimeoutError, KafkaError) as error:
            raise OutcomeUnknown(
                f"{self._topics.messages} did not confirm the message: {_said(error)}",
                f"{self._topics.messages} 未确认收到报文：{_said(error)}",
            ) from error

    async def _begin(self, producer: Any, outgoing: Outgoing, headers: Headers) -> Awaitable[object]:
        """Hands the record to the producer. Up to its end nothing has left: an error is AgencyUnavailable or a refusal."""
        topic, key = self._topics.messages, outgoing.declaration_id.encode()
        try:
            async with asyncio.timeout(self._connect_timeout):
                confirmed: Awaitable[object] = await producer.send(topic, outgoing.body, key=key, headers=headers)
                return confirmed
        except _REFUSALS:
            raise
        except (TimeoutError, KafkaError) as error:
            raise AgencyUnavailable(
                f"cannot write to {topic} now: {_said(error)}", f"暂时无法写入 {topic}：{_said(error)}"
            ) from error

    async def collect(self) -> list[Incoming]:
        """What was read and not put away yet, and what is new."""
        if self._reader is None:
            group = f"{self._topics.prefix}.window"
            self._reader = Reader(self._topics.bootstrap, [self._topics.answers], group)
        reader = self._reader
        if len(self._open) < BATCH:
            for record in await reader.read(READ_SECONDS, BATCH - len(self._open)):
                incoming = self._incoming(record)
                assert incoming.identity is not None
                self._open[incoming.identity] = record, incoming
        # what another member of the group has now, it answers for
        self._open = {key: held for key, held in self._open.items() if held[0].assignment == reader.assignment}
        return [incoming for _, incoming in self._open.values()]

    async def finish(self, incoming: Incoming, accepted: bool) -> None:  # noqa: ARG002  # a topic has no box for faults
        held = self._open.pop(incoming.identity or (), None)
        if held is None or self._reader is None:
            return
        self._reader.finish(held[0])
        if not self._open:
            await self._reader.commit()

    async def ask(self, outgoing: Outgoing) -> bool | None:  # noqa: ARG002  # the Channel's shape
        """A topic cannot be asked what its reader has."""
        return None

    async def test(self) -> str:
        topics = self._topics
        try:
            async with self._writer.producer(self._connect_timeout) as producer, asyncio.timeout(self._connect_timeout):
                cluster = await producer.client.fetch_all_metadata()
        except (BrokerAway, KafkaError, TimeoutError) as error:
            raise AgencyUnavailable(
                f"cannot reach {topics.bootstrap}: {_said(error)}", f"无法连接 {topics.bootstrap}：{_said(error)}"
            ) from error
        found = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in (topics.messages, topics.answers)}
        missing = [topic for topic, partitions in found.items() if not partitions]
        if missing:
            raise AgencyRefused(
                f"{topics.bootstrap} has no topic {', '.join(missing)}",
                f"{topics.bootstrap} 没有主题 {'、'.join(missing)}",
            )
        counted = ", ".join(f"{topic} ({partitions} partitions)" for topic, partitions in found.items())
        return f"{len(cluster.brokers())} brokers at {topics.bootstrap}: {counted}"

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        self._open.clear()
        await self._writer.close()

    def _incoming(self, record: Record) -> Incoming:
        name = f"{record.topic}-{record.partition}-{record.offset}"
        identity = (record.assignment, record.partition, record.offset)
        if len(record.value) > self._max_answer_bytes:
            problem = f"larger than {self._max_answer_bytes} bytes"
            return Incoming(self._agency, name, b"", problem=problem, identity=identity)
        signature = record.headers.get(HEADER)
        if self._hmac_key and not verify(self._hmac_key, record.value, signature):
            problem = "the signature does not fit the bytes"
            return Incoming(self._agency, name, record.value, problem=problem, identity=identity)
        return Incoming(self._agency, name, record.value, identity=identity, signature=signature)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
