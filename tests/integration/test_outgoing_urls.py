"""A customer's address is called only where it is public: by its text, by what its name resolves to, by where replies point."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from declarations.errors import AgencyUnavailable, ForbiddenAddress
from gateway import outgoing_urls
from gateway.outgoing_urls import PublicResolver, call, require_public, require_url

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


@asynccontextmanager
async def inside() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A service on this machine that nobody outside may reach: its port, and what reached it."""
    reached: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], reached


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::1"]])
async def test_a_name_that_leads_inside_is_not_called(answer: list[str]) -> None:
    async with inside() as (port, reached):
        connector = aiohttp.TCPConnector(resolver=PublicResolver(Names(answer)))
        with pytest.raises(ForbiddenAddress):
            await call("POST", f"https://a.example:{port}/", body=b"{}", connector=connector, ports=frozenset({port}))
        assert reached == []


async def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind() -> None:
    """Rebinding: public when it is checked, inside when it is called."""
    names = Names(["198.51.100.7"], ["127.0.0.1"])
    allowed: list[str] = []

    class Lenient(PublicResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            # what stands here for a public machine answers on this one
            found = await names.resolve(host, port, family)
            allowed.append(found[0]["host"])
            return [{**each, "host": "127.0.0.1"} for each in found]

    async with inside() as (port, reached):
        connector = aiohttp.TCPConnector(resolver=Lenient(), use_dns_cache=False)
        with pytest.raises(AgencyUnavailable):
            await call("POST", f"https://a.example:{port}/", connector=connector, ports=frozenset({port}))
        assert len(reached) == 1, "the connection went where the one look-up said"
    assert allowed == ["198.51.100.7"]
    assert names.asked == 1


async def test_a_redirect_is_an_answer_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/inside\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # no public machine and no certificate here: text and scheme are what other tests are about
    monkeypatch.setattr(outgoing_urls, "require_url", lambda url, **_: None)
    async with server:
        reply = await call("POST", f"http://127.0.0.1:{port}/hook", body=b"{}", connector=aiohttp.TCPConnector())
    assert (reply.status, reply.headers["Location"]) == (302, "http://127.0.0.1:1/inside")
    assert len(seen) == 1
