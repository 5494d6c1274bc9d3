"""The HTTP channel against real sockets: what each way of failing means for a retry."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from adapters.agency import Outgoing
from adapters.signing import sign
from adapters.transports.http import ANSWER_CAP, HttpChannel
from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown

BODY = "<ROOT>报文</ROOT>".encode("gb18030")
MESSAGE = Outgoing("id-1", "D1", 1, "inspection", "ITF_DCL_IO_DECL", "REF 编号 1", datetime.now(UTC), BODY)
KEY = b"key of the agency"

Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Agency:
    """A server that keeps what it got and answers what a test wants."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.tasks: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-1])
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append((head[0], headers, body))
                await self.respond(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def agency_and_channel(respond: Respond, total: float = 5.0) -> AsyncIterator[tuple[Agency, HttpChannel, str]]:
    agency = Agency(respond)
    server = await asyncio.start_server(agency.accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"
    channel = HttpChannel(url, "token-1", KEY, total_timeout=total, connect_timeout=2)
    try:
        yield agency, channel, url
    finally:
        await channel.close()
        server.close()
        for task in agency.tasks:
            task.cancel()
        await asyncio.gather(*agency.tasks, return_exceptions=True)


def reply(status: str, headers: str = "", body: bytes = b"") -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
        await writer.drain()

    return respond


def send(respond: Respond, total: float = 5.0) -> Agency:
    async def run() -> Agency:
        async with agency_and_channel(respond, total) as (agency, channel, _):
            await channel.send(MESSAGE)
        return agency

    return asyncio.run(run())


def test_the_agency_gets_the_exact_bytes_signed_and_named() -> None:
    ((line, headers, body),) = send(reply("202 Accepted")).requests
    assert line == "POST /messages HTTP/1.1"
    assert body == BODY
    assert headers["content-type"] == "application/xml"
    assert headers["onewindow-message-id"] == "id-1"
    assert headers["onewindow-reference"] == "REF %E7%BC%96%E5%8F%B7 1"
    assert headers["onewindow-signature"] == sign(KEY, BODY)
    assert headers["authorization"] == "Bearer token-1"


def test_a_message_of_several_megabytes_arrives_whole() -> None:
    large = replace(MESSAGE, body=b"<a>" + b"x" * 5_000_000 + b"</a>")

    async def run() -> Agency:
        async with agency_and_channel(reply("202 Accepted")) as (agency, channel, _):
            await channel.send(large)
        return agency

    ((_, headers, body),) = asyncio.run(run()).requests
    assert body == large.body
    assert headers["content-type"] == "application/xml"


def test_messages_share_a_connection_also_when_the_agency_answers_with_words() -> None:
    async def run() -> int:
        async with agency_and_channel(reply("200 OK", body=b"stored " * 2000)) as (agency, channel, _):
            for _ in range(5):
                await channel.send(MESSAGE)
        return agency.connections

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 No", "403 No", "404 No", "409 Conflict", "413 Large", "422 Invalid"]
)
def test_a_refusal_is_never_retried_and_keeps_the_agencys_words(status: str) -> None:
    with pytest.raises(AgencyRefused) as refused:
        send(reply(status, body="报检单位未备案\x00\n".encode()))
    assert refused.value.details == {"status": status[:3], "answer": "报检单位未备案"}


@pytest.mark.parametrize("status", ["408 Late", "425 Early", "429 Slow down", "503 Closed"])
def test_a_busy_agency_is_tried_again(status: str) -> None:
    with pytest.raises(AgencyUnavailable) as unavailable:
        send(reply(status))
    assert unavailable.value.retry_after is None


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    with pytest.raises(AgencyUnavailable) as seconds:
        send(reply("503 Closed", "Retry-After: 17\r\n"))
    assert seconds.value.retry_after == 17
    date = format_datetime(datetime.fromtimestamp(datetime.now(UTC).timestamp() + 60, UTC), usegmt=True)
    with pytest.raises(AgencyUnavailable) as moment:
        send(reply("429 Slow down", f"Retry-After: {date}\r\n"))
    assert moment.value.retry_after == pytest.approx(60, abs=5)
    with pytest.raises(AgencyUnavailable) as nonsense:
        send(reply("503 Closed", "Retry-After: tomorrow\r\n"))
    assert nonsense.value.retry_after is None


@pytest.mark.parametrize("status", ["500 Error", "502 Bad gateway", "504 Late", "507 Full"])
def test_a_failure_inside_the_agency_leaves_the_outcome_open(status: str) -> None:
    with pytest.raises(OutcomeUnknown):
        send(reply(status))


def test_a_redirect_is_not_followed_for_token_and_bytes_are_for_one_address() -> None:
    async def run() -> Agency:
        async with agency_and_channel(reply("202 Accepted")) as (elsewhere, _, url):
            with pytest.raises(AgencyRefused):
                await _send_to(reply("307 Elsewhere", f"Location: {url}\r\n"))
        return elsewhere

    assert asyncio.run(run()).requests == []


async def _send_to(respond: Respond) -> None:
    async with agency_and_channel(respond) as (_, channel, _):
        await channel.send(MESSAGE)


def test_nobody_listening_means_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def run(url: str) -> None:
        channel = HttpChannel(url, "t", KEY, connect_timeout=2)
        try:
            await channel.send(MESSAGE)
        finally:
            await channel.close()

    for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/", f"https://127.0.0.1:{port}/"):
        with pytest.raises(AgencyUnavailable):
            asyncio.run(run(url))


def test_a_connection_that_does_not_come_about_means_nothing_was_sent() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        # a listener whose queue is full lets further connections hang
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)

        async def run() -> None:
            channel = HttpChannel(f"http://127.0.0.1:{address[1]}/", "t", KEY, connect_timeout=0.3)
            try:
                await channel.send(MESSAGE)
            finally:
                await channel.close()

        with pytest.raises(AgencyUnavailable):
            asyncio.run(run())
        for filler in fillers:
            filler.close()


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(10)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _half_a_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 20")
    writer.close()


@pytest.mark.parametrize("respond", [_silent, _hang_up, _reset, _half_a_head])
def test_silence_after_the_bytes_leaves_the_outcome_open(respond: Respond) -> None:
    with pytest.raises(OutcomeUnknown):
        send(respond, total=0.5)


def test_an_endless_answer_is_cut_off_and_its_status_counts() -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 422 Invalid\r\nContent-Length: 1000000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while sent < 1_000_000_000:
                writer.write(b"x" * 65_536)
                sent += 65_536
                await writer.drain()

    with pytest.raises(AgencyRefused) as refused:
        send(flood)
    assert len(refused.value.details["answer"]) == 500
    # what the sockets hold between us and nothing more
    assert sent < 200 * ANSWER_CAP


async def ask(respond: Respond) -> tuple[bool | None, Agency]:
    async with agency_and_channel(respond, 1.0) as (agency, channel, _):
        return await channel.ask(MESSAGE), agency


@pytest.mark.parametrize(
    ("status", "known"),
    [
        ("200 OK", True),
        ("404 Not Found", False),
        ("204 No Content", None),
        ("401 Unauthorized", None),
        ("503 Busy", None),
    ],
)
def test_an_agency_that_is_asked_says_yes_or_no_and_anything_else_is_no_answer(status: str, known: bool | None) -> None:
    found, agency = asyncio.run(ask(reply(status, body=b"words")))
    assert found is known
    ((line, headers, _),) = agency.requests
    assert line == "GET /messages/id-1 HTTP/1.1"
    assert headers["authorization"] == "Bearer token-1"


def test_an_agency_that_breaks_off_has_not_answered() -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.close()

    assert asyncio.run(ask(cut))[0] is None


def test_the_connection_test_takes_any_reply_and_names_a_dead_address() -> None:
    async def run() -> tuple[str, str]:
        async with agency_and_channel(reply("405 Method Not Allowed", body=b"POST only")) as (_, channel, url):
            return await channel.test(), url

    said, url = asyncio.run(run())
    assert said == f"{url}: HTTP 405 POST only"

    async def nobody() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        channel = HttpChannel(f"http://127.0.0.1:{port}/messages", "t", KEY)
        try:
            with pytest.raises(AgencyUnavailable) as caught:
                await channel.test()
            assert str(port) in caught.value.message_zh
        finally:
            await channel.close()

    asyncio.run(nobody())
