"""Timestamps of an outside authority: a real one, `openssl ts` behind a small server on this machine."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from aiohttp import web
from cryptography import x509

from gateway.database.evidence import journal_batch
from gateway.journal import entry
from gateway.ledger import chain, timestamping
from gateway.ledger.sealing import seal_all
from tests.integration.test_journal import acts, checked, rows_of, whole
from tests.support.windows import TickingClock, window_at

CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[stamper]
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = window_tsa
[window_tsa]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
"""


@dataclass
class Authority:
    """A timestamp authority; what is put into `troubles` it answers with first."""

    folder: Path
    url: str = ""
    asked: int = 0
    troubles: list[bytes | int] = field(default_factory=list)

    def root(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / "root.pem").read_bytes())

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        (self.folder / "query").write_bytes(await request.read())
        if self.troubles:
            trouble = self.troubles.pop(0)
            return web.Response(status=trouble) if isinstance(trouble, int) else web.Response(body=trouble)
        await asyncio.to_thread(
            _openssl, self.folder, "ts", "-reply", "-config", "conf", "-queryfile", "query", "-out", "reply"
        )
        return web.Response(body=(self.folder / "reply").read_bytes(), content_type="application/timestamp-reply")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make(folder: Path) -> Authority:
    folder.mkdir()
    (folder / "serial").write_text("01")
    (folder / "conf").write_text(CONFIGURATION.format(folder=folder, name="Time"))
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("root", "other"):
        out = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30", "-subj", f"/CN={name}")
        _openssl(folder, "req", "-x509", "-config", "conf", "-extensions", "root", *key, *out)
    _openssl(folder, "req", "-new", "-config", "conf", *key, "-keyout", "tsa.key", "-out", "tsa.csr")
    _openssl(
        folder, "x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
        "-days", "30", "-extfile", "conf", "-extensions", "stamper", "-out", "tsa.pem",
    )  # fmt: skip
    return Authority(folder)


@asynccontextmanager
async def authority_at(folder: Path) -> AsyncIterator[Authority]:
    authority = await asyncio.to_thread(make, folder)
    app = web.Application()
    app.router.add_post("/tsa", authority.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        authority.url = f"http://127.0.0.1:{runner.addresses[0][1]}/tsa"
        yield authority
    finally:
        await runner.cleanup()


async def test_a_batch_is_timestamped_and_the_token_is_bound_to_it(tmp_path: Path) -> None:
    clock = TickingClock()
    async with authority_at(tmp_path / "tsa") as tsa, window_at(tmp_path / "w", clock, timestamp_url=tsa.url) as window:
        for _ in range(3):
            await acts(window, entry("status", at=window.clock(), organisation_id="default", status="filed"))
            await seal_all(window)
            await timestamping.stamp_newest(window)
            clock.tick(40)
        # the second came within a minute of the first
        assert [row.timestamp is not None for row in await rows_of(window, journal_batch)] == [True, False, True]
        assert tsa.asked == 2
        lines = await whole(window)
        report = checked(window, lines, roots=[tsa.root()])
        assert report.good, report.findings
        assert (report.timestamps, report.authority_checked) == (2, True)
        assert not checked(window, lines).authority_checked

        other = x509.load_pem_x509_certificate((tsa.folder / "other.pem").read_bytes())
        kinds = [each.kind for each in checked(window, lines, roots=[other]).findings]
        assert kinds == ["timestamp_invalid", "timestamp_invalid"]

        # a good token of another batch proves nothing of this one
        told = [orjson.loads(line) for line in lines]
        batches = {each["batch"]: each for each in told if "batch" in each}
        batches[2]["timestamp"] = batches[1]["timestamp"]
        forged = checked(window, [chain.canonical(each) + b"\n" for each in told], roots=[tsa.root()])
        assert [(each.kind, each.batch) for each in forged.findings] == [("timestamp_invalid", 2)]
        unchecked = checked(window, [chain.canonical(each) + b"\n" for each in told])
        assert [(each.kind, each.batch) for each in unchecked.findings] == [("timestamp_invalid", 2)]


async def test_with_the_authority_away_the_journal_goes_on_and_it_is_asked_again(tmp_path: Path) -> None:
    async with authority_at(tmp_path / "tsa") as tsa, window_at(tmp_path / "w", timestamp_url=tsa.url) as window:
        await acts(window, entry("status", at=window.clock(), organisation_id="default", status="filed"))
        await seal_all(window)
        _openssl(tsa.folder, "ts", "-query", "-data", "conf", "-sha256", "-cert", "-out", "query")
        _openssl(tsa.folder, "ts", "-reply", "-config", "conf", "-queryfile", "query", "-out", "of-another")
        of_another = (tsa.folder / "of-another").read_bytes()
        # refused, moved elsewhere, not a token, cut off, granted for other bytes
        tsa.troubles = [503, 302, b"<html>", of_another[:200], of_another, b"\0" * 200_000]
        for _ in range(len(tsa.troubles)):
            assert not await timestamping.stamp_newest(window)
            assert [row.timestamp for row in await rows_of(window, journal_batch)] == [None]
        assert checked(window, await whole(window)).good
        assert await timestamping.stamp_newest(window)


async def test_nobody_answering_is_no_trouble(tmp_path: Path) -> None:
    async with window_at(tmp_path, timestamp_url="http://127.0.0.1:9/tsa") as window:
        await acts(window, entry("status", at=window.clock(), organisation_id="default", status="filed"))
        await seal_all(window)
        assert not await timestamping.stamp_newest(window)
        assert [row.timestamp for row in await rows_of(window, journal_batch)] == [None]
