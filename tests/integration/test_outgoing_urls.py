"""A customer's address is called only where it is public: by its text, by what its name resolves to, by where replies point."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from declarations.errors import AgencyUnavailable, ForbiddenAddress
from gateway.outgoing_urls import LARGEST_REPLY, Reply, call, public_connector, require_public, require_url
from tests.support.pki import Authority

pytestmark = pytest.mark.sqlite_only

INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "ff02::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
]  # fmt: skip
REFUSED = [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com",
    "", "https://", "https:///a", "https://user@example.com/", "https://user:secret@example.com/", "https://example.com:22/",
    "https://example.com:80/", "https://example.com:99999/", "https://example.com:x/", "https://127.0.0.1/", "https://[::1]/",
    "https://[::ffff:169.254.169.254]/", "https://2130706433/", "https://0x7f.1/", "https://0x7f000001/", "https://127.1/",
    "https://0177.0.0.1/", "https://169.254.169.254./", "https://exa mple.com/", "https://example.com\\@127.0.0.1/", "https://例子/",
    "https://example.com/\r\nHost: inside", "https://example.com/\t", "https://①②⑦.⓪.⓪.①/", "https://example.com/" + "a" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        require_public(address)


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_is_not_for_us_is_refused_by_its_text(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        require_url(url)
    assert caught.value.message_zh.startswith("系统不会访问该地址")


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com:8443/a?b=c", "https://8.8.8.8/", "https://[2606:4700::1111]/"]
)
def test_a_public_url_is_taken(url: str) -> None:
    assert require_url(url).scheme == "https"


class Names(AbstractResolver):
    """A name service that a customer runs: each look-up gets the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0)
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0) for each in found]

    async def close(self) -> None:
        return None


@dataclass
class Machine:
    """A customer's service on this machine, over TLS, as `a.example`: what reached it, and where connections were to go."""

    port: int
    authority: Authority
    reached: list[bytes] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://a.example:{self.port}/hook"

    def connector(self, names: AbstractResolver) -> aiohttp.TCPConnector:
        """The window's own way out, into a network where every address is this machine."""
        machine = self

        class Rerouted(socket.socket):
            def connect(self, address: Any) -> None:
                machine.asked_for.append(address[0])
                super().connect(("127.0.0.1", machine.port))

        tls = ssl.create_default_context(cadata=self.authority.pem)
        return public_connector(
            names, ssl=tls, socket_factory=lambda info: Rerouted(socket.AF_INET, socket.SOCK_STREAM)
        )

    async def call(self, names: AbstractResolver, **how: Any) -> Reply:
        return await call(
            "POST", self.url, body=b"{}", connector=self.connector(names), ports=frozenset({self.port}), **how
        )


@asynccontextmanager
async def customer(tmp_path: Path, reply: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> AsyncIterator[Machine]:
    machine = Machine(0, Authority(datetime.now(UTC)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        machine.reached.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        await writer.drain()
        writer.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*machine.authority.server("a.example").write(tmp_path, "customer"))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        machine.port = server.sockets[0].getsockname()[1]
        yield machine


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::1"]])
async def test_a_name_that_leads_inside_is_not_called(tmp_path: Path, answer: list[str]) -> None:
    async with customer(tmp_path) as machine:
        with pytest.raises(ForbiddenAddress):
            await machine.call(Names(answer))
        assert (machine.asked_for, machine.reached) == ([], [])


async def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(tmp_path: Path) -> None:
    """Rebinding: public when it is checked, inside when it is called."""
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    async with customer(tmp_path) as machine:
        assert (await machine.call(names)).status == 204
        assert machine.asked_for == ["8.8.8.8"], "the connection went where the one look-up said"
        assert names.asked == 1
        # the next call asks anew, and sees through it
        with pytest.raises(ForbiddenAddress):
            await machine.call(names)
        assert len(machine.reached) == 1


async def test_a_redirect_is_an_answer_and_not_followed(tmp_path: Path) -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: https://a.example:%d/inside\r\nContent-Length: 0\r\n\r\n"
    async with customer(tmp_path, away % 8443) as machine:
        reply = await machine.call(Names(["8.8.8.8"], ["8.8.8.8"]))
        assert (reply.status, reply.headers["Location"]) == (302, "https://a.example:8443/inside")
        assert len(machine.reached) == 1


async def test_of_a_long_reply_only_the_beginning_is_read(tmp_path: Path) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    async with customer(tmp_path, long) as machine:
        assert len((await machine.call(Names(["8.8.8.8"]))).body) == LARGEST_REPLY


async def test_a_machine_without_a_trusted_certificate_gets_nothing(tmp_path: Path) -> None:
    async with customer(tmp_path) as machine:
        machine.authority = Authority(datetime.now(UTC), "Another authority")
        with pytest.raises(AgencyUnavailable):
            await machine.call(Names(["8.8.8.8"]))
        assert machine.reached == []
