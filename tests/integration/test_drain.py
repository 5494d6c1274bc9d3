"""SIGTERM under load, with real processes: what is under way ends, nothing more is begun, and nothing is doubled or lost."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from tests.support.figures import Figures
from tests.support.program import Program, program
from tests.support.served import JSON, numbered
from tests.support.windows import COSMETICS, sample, until

PLACES = 3
"""Messages under way to the agency at a time."""
CLIENTS = 4
AT_MOST = 45
"""Filings of a client: all of them fit one page of the list."""


@dataclass
class SlowAgency:
    """Takes messages and answers none before it is let to."""

    got: list[str] = field(default_factory=list)
    """Message ids in the order they came."""
    answered: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        message_id = request.headers["Onewindow-Message-Id"]
        await request.read()
        self.got.append(message_id)
        await self.gate.wait()
        self.answered.append(message_id)
        return web.Response(text="ok")


@asynccontextmanager
async def slow_agency() -> AsyncIterator[SlowAgency]:
    agency = SlowAgency()
    application = web.Application()
    application.router.add_post("/messages", agency.take)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    agency.url = f"http://127.0.0.1:{runner.addresses[0][1]}/messages"
    try:
        yield agency
    finally:
        agency.gate.set()
        await runner.cleanup()


@dataclass
class Load:
    """Clients that file one after another until they are turned away, and what each was told."""

    site: Program
    token: dict[str, str]
    accepted: dict[str, str] = field(default_factory=dict)
    """reference -> declaration id"""
    strange: list[str] = field(default_factory=list)

    async def client(self, number: int) -> None:
        for count in range(AT_MOST):
            reference = f"C{number}N{count:05}"
            body = numbered(sample(COSMETICS), reference)
            try:
                async with self.site.session.post(
                    f"{self.site.url}/api/v1/declarations", data=body, headers=JSON | self.token
                ) as reply:
                    content = await reply.read()
            except aiohttp.ClientConnectionError:
                # not taken any more, or reset by the kernel before anybody read it: then it must not be known later
                return
            if reply.status == 202:
                self.accepted[reference] = orjson.loads(content)["id"]
            else:
                self.strange.append(f"{reference}: {reply.status} {content.decode()}")
                return


@asynccontextmanager
async def _begun_upload(
    site: Program, token: dict[str, str], body: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A filing of which the window has the head and half the body."""
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /api/v1/declarations HTTP/1.1\r\nHost: window\r\nContent-Type: application/json\r\n"
        f"Authorization: {token['Authorization']}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    try:
        writer.write(head.encode())
        assert b"100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        writer.write(body[: len(body) // 2])
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()


async def _refuses_connections(site: Program) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0.02)


async def _drain(tmp_path: Path, patch: str = "") -> None:
    """The whole scene; raises AssertionError where the promise is broken."""
    async with slow_agency() as agency:
        settings = {
            "agency_urls": orjson.dumps({"inspection": agency.url}).decode(),
            "delivery_concurrency": str(PLACES),
            "delivery_poll_seconds": "0.05",
            "delivery_lease_seconds": "30",
            "drain_seconds": "10",
        }
        async with program(tmp_path, patch=patch, **settings) as site:
            accepted = await _ended_under_load(site, agency, _token(tmp_path))
        assert len(agency.got) == PLACES, "nothing more was begun"
        async with program(tmp_path, **settings) as site:
            await until(lambda: len(set(agency.answered)) == len(accepted), 60)
            async with site.session.get(
                f"{site.url}/api/v1/declarations", params={"limit": "200"}, headers=_token(tmp_path)
            ) as reply:
                known = {item["reference"]: item["id"] for item in orjson.loads(await reply.read())["items"]}
            assert known == accepted, "what was accepted, and nothing else"
            await _until_nothing_waits(site)
            assert await site.end() == 0
        assert max(Counter(agency.got).values()) == 1, "no message was sent twice"


async def _ended_under_load(site: Program, agency: SlowAgency, token: dict[str, str]) -> dict[str, str]:
    """SIGTERM while filings and sendings are under way; what was accepted until the end."""
    load, upload = Load(site, token), numbered(sample(COSMETICS), "UPLOAD")
    async with _begun_upload(site, token, upload) as (reader, writer):
        clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
        await until(lambda: len(agency.got) == PLACES and len(load.accepted) > 2 * PLACES, 30)
        site.process.send_signal(signal.SIGTERM)
        await _refuses_connections(site)
        await asyncio.wait_for(asyncio.gather(*clients), 30)
        # the filing under way ends as if nothing had happened
        writer.write(upload[len(upload) // 2 :])
        answer = await asyncio.wait_for(reader.read(), 30)
        assert b" 202 " in answer.partition(b"\r\n")[0], answer
        load.accepted["UPLOAD"] = orjson.loads(answer.partition(b"\r\n\r\n")[2])["id"]
    # and so do the sendings
    agency.gate.set()
    assert await site.end(signal.SIGTERM) == 0
    assert load.strange == []
    assert "Traceback" not in site.written(), site.written()
    return load.accepted


async def _figures(site: Program) -> Figures:
    async with site.session.get(f"{site.url}/metrics") as reply:
        return Figures.of(await reply.read())


async def _until_nothing_waits(site: Program) -> None:
    """Every sending is recorded: no message is queued or leased any more."""
    async with asyncio.timeout(60):
        while (await _figures(site)).get("onewindow_queue_messages", agency="inspection"):
            await asyncio.sleep(0.1)


def _token(tmp_path: Path) -> dict[str, str]:
    token = (tmp_path / "data/secrets/clients/default.token").read_text().strip()
    return {"Authorization": f"Bearer {token}"}


async def test_sigterm_under_load_ends_what_is_under_way_and_loses_nothing(tmp_path: Path) -> None:
    await _drain(tmp_path)


async def test_a_sending_that_does_not_end_in_time_is_sent_again_under_its_id(tmp_path: Path) -> None:
    """Inspection deduplicates: a second copy does no harm, and the window may end without waiting for ever."""
    async with slow_agency() as agency:
        settings = {
            "agency_urls": orjson.dumps({"inspection": agency.url}).decode(),
            "delivery_poll_seconds": "0.05",
            "delivery_backoff_seconds": "0.01",
            "delivery_lease_seconds": "6",
            "drain_seconds": "1",
        }
        async with program(tmp_path, **settings) as site:
            reference = await _filed(site, _token(tmp_path), "SLOW")
            await until(lambda: len(agency.got) == 1, 30)
            assert await site.end(signal.SIGTERM) == 0
        agency.gate.set()
        async with program(tmp_path, **settings) as site:
            await until(lambda: len(agency.got) == 2, 60)
            await _until_nothing_waits(site)
            assert set(agency.got) == {agency.got[0]}, "the same message under the same id"
            async with site.session.get(
                f"{site.url}/api/v1/declarations/{reference}/timeline", headers=_token(tmp_path)
            ) as reply:
                acts = [item.get("code") for item in orjson.loads(await reply.read())["items"]]
            assert acts.count("sent") == 1, acts
            assert await site.end() == 0


@pytest.mark.usefixtures("postgres_backend")
async def test_a_worker_ends_its_sendings_and_another_takes_the_rest(tmp_path: Path) -> None:
    async with slow_agency() as agency:
        settings = {
            "agency_urls": orjson.dumps({"inspection": agency.url}).decode(),
            "delivery_concurrency": str(PLACES),
            "delivery_poll_seconds": "0.05",
        }
        async with program(tmp_path, deliver_inside="false", **settings) as site:
            token = _token(tmp_path)
            async with program(tmp_path, ("worker",), **settings) as worker:
                filed = {await _filed(site, token, f"W{number}") for number in range(4 * PLACES)}
                await until(lambda: len(agency.got) == PLACES, 30)
                await _until_alive(site, "worker", 1)
                worker.process.send_signal(signal.SIGTERM)
                await until(lambda: "stopping" in worker.written(), 30)
                agency.gate.set()
                assert await worker.end() == 0
                assert "Traceback" not in worker.written(), worker.written()
            assert len(agency.got) == PLACES, "nothing more was begun"
            await _until_alive(site, "worker", 0)
            # no lease is left to wait for: the default one lasts a minute, and the other worker begins at once
            async with program(tmp_path, ("worker",), **settings) as worker:
                await until(lambda: len(agency.got) == len(filed), 30)
                await _until_nothing_waits(site)
                assert await worker.end() == 0
            assert max(Counter(agency.got).values()) == 1
            assert await site.end() == 0


async def _filed(site: Program, token: dict[str, str], reference: str) -> str:
    body = numbered(sample(COSMETICS), reference)
    async with site.session.post(f"{site.url}/api/v1/declarations", data=body, headers=JSON | token) as reply:
        assert reply.status == 202
        return str(orjson.loads(await reply.read())["id"])


async def _until_alive(site: Program, kind: str, count: int) -> None:
    async with asyncio.timeout(30):
        while (await _figures(site)).get("onewindow_processes_alive", kind=kind) != count:
            await asyncio.sleep(0.1)


BROKEN = {
    "requests are cut off": """
import uvicorn
real = uvicorn.Server.shutdown
async def shutdown(self, sockets=None):
    for connection in list(self.server_state.connections):
        connection.transport.abort()
    await real(self, sockets)
uvicorn.Server.shutdown = shutdown
""",
    "sendings are cut off": """
from gateway.deliver import Deliverer
real = Deliverer.stop
def stop(self):
    real(self)
    for sending in list(self._under_way):
        sending.cancel()
Deliverer.stop = stop
""",
    "sendings are begun to the end": """
from gateway.deliver import Deliverer
Deliverer.stop = lambda self: self.woken.set()
Deliverer.stopping = property(lambda self: False, lambda self, value: None)
""",
}
SEEN = {
    "requests are cut off": " 202 |reset by peer|Broken pipe",
    "sendings are cut off": "no message was sent twice",
    "sendings are begun to the end": "nothing more was begun",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_it_would_be_seen_if(tmp_path: Path, what: str) -> None:
    """The scene above, with something broken in the program on purpose."""
    with pytest.raises((AssertionError, ConnectionError), match=SEEN[what]):
        await _drain(tmp_path, BROKEN[what])
