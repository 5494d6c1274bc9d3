"""What stands around every door: limits of how often and how much, headers for browsers, types and scanners."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from declarations.errors import TooManyRequests
from declarations.limits import MAX_PARAMETERS
from gateway.config import Settings
from gateway.ratelimit import KEPT, Buckets, Limiter
from tests.support.served import JSON, XML, Site, problem, served, status_of
from tests.support.windows import ROOT

SAMPLE = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()
CHECK = "/api/v1/declarations?check_only=true"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


@asynccontextmanager
async def trader(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(site.url, headers=site.token("clients/default")) as session:
        yield session


# How often


@contextmanager
def limited(tmp_path: Path, **rates: float) -> Iterator[Site]:
    none = {"rate_per_address": 0, "rate_per_organisation": 0, "rate_public_per_minute": 0}
    with served(tmp_path, rate_limit_loopback=True, **{**none, **rates}) as found:
        yield found


async def test_an_address_that_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    with limited(tmp_path, rate_per_address=0.5) as site:
        async with trader(site) as session:
            assert await status_of(await session.get("/api/v1/declarations")) == 200
            reply = await session.get("/api/v1/declarations")
            content = await problem(reply, 429, "too_many_requests")
            assert int(reply.headers["Retry-After"]) in (1, 2)
            assert content["limit"] == "address"
            # nobody needs a token to be limited, and watchers are not
            async with aiohttp.ClientSession(site.url) as nobody:
                await problem(await nobody.get("/api/v1/forms/goods"), 429, "too_many_requests")
                assert await status_of(await nobody.get("/healthz")) == 200


async def test_an_organisation_is_limited_with_tokens_from_files_too_and_others_are_not(tmp_path: Path) -> None:
    with limited(tmp_path, rate_per_organisation=0.5) as site:
        async with trader(site) as session:
            assert await status_of(await session.get("/api/v1/declarations")) == 200
            content = await problem(await session.get("/api/v1/declarations"), 429, "too_many_requests")
            assert content["limit"] == "organisation"
            operator = site.token("operators/default")
            assert await status_of(await session.get("/api/v1/operations/queues", headers=operator)) == 200


async def test_acts_at_public_doors_are_limited_by_address_and_looking_is_not(tmp_path: Path) -> None:
    with limited(tmp_path, rate_public_per_minute=1) as site:
        async with aiohttp.ClientSession(site.url) as nobody:
            first = await nobody.post("/api/v1/session/challenge")
            assert await status_of(first) != 429
            reply = await nobody.post("/api/v1/session/challenge")
            content = await problem(reply, 429, "too_many_requests")
            assert content["limit"] == "public"
            assert 50 <= int(reply.headers["Retry-After"]) <= 60
            assert await status_of(await nobody.get("/api/v1/forms/goods")) == 200


def test_room_comes_back_with_time_and_no_faster() -> None:
    now = 0.0
    buckets = Buckets(2.0, 4.0, lambda: now)
    assert [buckets.take("a") for _ in range(4)] == [0.0] * 4
    assert buckets.take("a") == 0.5
    assert buckets.take("b") == 0.0
    now = 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0
    now = 1_000.0
    assert [buckets.take("a") for _ in range(5)][3:] == [0.0, 0.5]


def test_many_addresses_do_not_fill_the_memory() -> None:
    buckets = Buckets(1.0, 1.0, lambda: 0.0)
    for number in range(KEPT + 100):
        buckets.take(str(number))
    assert len(buckets) == KEPT


def test_an_ipv6_subscriber_is_one_and_loopback_is_free() -> None:
    limiter = Limiter(Settings(rate_per_address=0.5), lambda: 0.0)
    limiter.require_address("2001:db8::1")
    with pytest.raises(TooManyRequests):
        limiter.require_address("2001:db8::2")
    limiter.require_address("2001:db8:0:1::1")
    for _ in range(5):
        limiter.require_address("127.0.0.1")
        limiter.require_address("::1")
        limiter.require_address("::ffff:127.0.0.1")


# How much


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_that_is_no_document_is_small(site: Site, *, chunked: bool) -> None:
    body = b'{"challenge": "' + b"x" * MAX_PARAMETERS + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    async with aiohttp.ClientSession(site.url) as nobody:
        data = pieces() if chunked else io.BytesIO(body)
        reply = await nobody.post("/api/v1/session/signature", data=data, headers=JSON)
        await problem(reply, 413, "too_large")


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"\xff", b"{"])
async def test_parameters_that_cannot_be_read_are_a_400(site: Site, body: bytes) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        reply = await nobody.post("/api/v1/session/signature", data=body, headers=JSON)
        await problem(reply, 400, "bad_request")


# What browsers may do


async def test_every_reply_says_what_a_browser_may_do_with_it(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        for path in ("/api/v1/forms/goods", "/api/v1/declarations", "/nowhere", "/docs", "/healthz", "/openapi.json"):
            headers = (await nobody.get(path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert "Strict-Transport-Security" not in headers, "a promise of TLS that is not kept"


async def test_with_tls_browsers_come_back_by_tls(tmp_path: Path) -> None:
    with served(tmp_path, public_url="https://window.example") as site:
        async with aiohttp.ClientSession(site.url) as nobody:
            headers = (await nobody.get("/healthz")).headers
            assert headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_the_documentation_page_has_no_script_inside(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        page = await (await nobody.get("/docs")).text()
        assert "<script>" not in page
        for address in ("/docs/start.js", "/static-offline-docs/swagger-ui-bundle.js"):
            assert address in page
            async with nobody.get(address) as reply:
                assert reply.status == 200
                assert reply.content_type == "text/javascript"
                await reply.read()


# What it is


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (b"MZ\x90\x00", "application/x-executable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
        (b"  <ScRiPt>alert(1)", "text/html"),
    ],
)
async def test_a_file_of_another_type_is_told_by_its_beginning(site: Site, beginning: bytes, found: str) -> None:
    async with trader(site) as session:
        for kind in (XML, JSON):
            content = await problem(
                await session.post(CHECK, data=beginning + SAMPLE, headers=kind), 415, "content_mismatch"
            )
            assert content["found"] == found


# Scanners


@asynccontextmanager
async def clamd(answer: bytes, path: Path) -> AsyncIterator[list[bytes]]:
    """A daemon that speaks clamd's INSTREAM and always says the same; gives what it was shown."""
    shown: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        data = b""
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            data += await reader.readexactly(size)
        shown.append(data)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield shown


async def test_a_scanner_sees_what_is_sent_before_it_is_read(tmp_path: Path) -> None:
    socket = tmp_path / "clamd.socket"
    with served(tmp_path / "window", scanner=f"clamd:{socket}") as site:
        async with trader(site) as session:
            async with clamd(b"stream: OK\0", socket) as shown:
                assert await status_of(await session.post(CHECK, data=SAMPLE, headers=JSON)) == 200
                assert shown == [SAMPLE]
            socket.unlink(missing_ok=True)
            async with clamd(b"stream: Win.Test.EICAR_HDB-1 FOUND\0", socket):
                content = await problem(await session.post(CHECK, data=EICAR, headers=JSON), 400, "malware_found")
                assert content["malware"] == "Win.Test.EICAR_HDB-1"
            socket.unlink(missing_ok=True)
            async with clamd(b"INSTREAM size limit exceeded. ERROR\0", socket):
                await problem(await session.post(CHECK, data=SAMPLE, headers=JSON), 503, "scanner_unavailable")
            socket.unlink(missing_ok=True)
            reply = await session.post(CHECK, data=SAMPLE, headers=JSON)
            assert reply.headers["Retry-After"]
            await problem(reply, 503, "scanner_unavailable")


SCRIPT = (
    "import sys; found = b'EICAR' in sys.stdin.buffer.read(); print('Eicar-Test' if found else ''); sys.exit(found)"
)


async def test_a_scanner_may_be_a_command(tmp_path: Path) -> None:
    with served(tmp_path, scanner=f'command:{sys.executable} -c "{SCRIPT}"') as site:
        async with trader(site) as session:
            assert await status_of(await session.post(CHECK, data=SAMPLE, headers=JSON)) == 200
            content = await problem(await session.post(CHECK, data=EICAR, headers=JSON), 400, "malware_found")
            assert content["malware"] == "Eicar-Test"


async def test_without_a_scanner_that_answers_filings_go_on_where_the_operator_says_so(tmp_path: Path) -> None:
    with served(tmp_path, scanner=f"clamd:{tmp_path}/nobody", scanner_required=False) as site:
        async with trader(site) as session:
            reply = await session.post(CHECK, data=SAMPLE, headers=JSON)
            assert orjson.loads(await reply.read())["valid"]


async def test_a_scanner_that_hangs_is_one_that_cannot_say(tmp_path: Path) -> None:
    with served(tmp_path, scanner="command:sleep 60", scanner_seconds=0.2) as site:
        async with trader(site) as session:
            await problem(await session.post(CHECK, data=SAMPLE, headers=JSON), 503, "scanner_unavailable")
