"""N5: from filed to `closed`, end to end, every program of the window and its agencies on this machine."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg

from declarations.rulebook import Rulebook
from tests.bench.load import Client, Filed
from tests.bench.memory import ROOT
from tests.bench.mix import Mix
from tests.bench.processes import Site, processor_seconds, running, site
from tests.bench.stores import Servers

WANTED = {"SQLite": 200, "PostgreSQL and Kafka": 150}
OWN = ("serve", "worker", "consume")
ENDED = "SELECT count(*) FROM declaration WHERE status = 'closed'"
ANSWERS = "SELECT count(*) FROM answer"
LONGEST = 600.0
"""Seconds until a run that does not end is given up."""


class Store:
    """Looks into the window's store from outside, now and then."""

    def __init__(self, where: Site, url: str | None) -> None:
        self._file = where.directory / "onewindow.db"
        self._url = url

    async def count(self, question: str) -> int:
        if self._url is None:
            connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
            try:
                return int(connection.execute(question).fetchone()[0])
            finally:
                connection.close()
        server = await asyncpg.connect(self._url)
        try:
            return int(await server.fetchval(question))
        finally:
            await server.close()


async def run(servers: Servers | None, count: int) -> bool:
    """Both deployments, one after the other; True when N5 is reached on each."""
    rulebook = Rulebook.load(ROOT)
    reached = await _deployment("SQLite", rulebook, None, count)
    if servers is not None:
        reached &= await _deployment("PostgreSQL and Kafka", rulebook, servers, count)
    return reached


async def _deployment(name: str, rulebook: Rulebook, servers: Servers | None, count: int) -> bool:
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onewindow-bench-")))
        settings = {"delivery_poll_seconds": "0.2"}
        url = None
        pids: dict[str, int] = {}
        if servers is not None:
            url = servers.database()
            settings |= {
                "database_url": url,
                "kafka_bootstrap": servers.kafka.start(),
                "kafka_prefix": url.rpartition("/")[2],
            }
            pids |= {"postgres": servers.postgres.pid() or 0, "kafka": servers.kafka.pid() or 0}
        where = site(directory, **settings)
        apart = [["worker"], ["consume"]] if servers else []
        programs = [["serve"], *apart, ["simulate", "customs"], ["simulate", "inspection"]]
        for arguments in programs:
            pids[" ".join(arguments)] = await stack.enter_async_context(running(where, arguments))
        client = await stack.enter_async_context(Client(where))
        store, mix = Store(where, url), Mix(rulebook)
        await _life(client, store, mix.take(count // 10 or 1), count // 10 or 1)
        before = {each: processor_seconds(pid) for each, pid in pids.items()}
        answers = await store.count(ANSWERS)
        started = time.perf_counter()
        filed = await _life(client, store, mix.take(count), count + (count // 10 or 1))
        seconds = time.perf_counter() - started
        took = {each: processor_seconds(pid) - before[each] for each, pid in pids.items()}
        answers = await store.count(ANSWERS) - answers
    return _report(name, count, seconds, took, filed, answers)


async def _life(client: Client, store: Store, bodies: list[bytes], ended: int) -> Filed:
    """Files them and waits until so many declarations of the store have ended."""
    filed = await client.file(bodies)
    async with asyncio.timeout(LONGEST):
        while await store.count(ENDED) < ended:
            await asyncio.sleep(0.1)
    return filed


def _report(name: str, count: int, seconds: float, took: dict[str, float], filed: Filed, answers: int) -> bool:
    own = sum(took[each] for each in OWN if each in took)
    rate, wanted = count / own, WANTED[name]
    reached = rate >= wanted
    print(f"N5, {name}: {count} declarations filed over 16 connections, {answers / count:.1f} answers each, all ended")
    print(
        f"  {count / seconds:.0f} declarations a second end to end; accept p50 / p95 / p99 {filed.spread()} ms under this load"
    )
    total = sum(took.values())
    for each, spent in took.items():
        print(
            f"  {each:20} {spent / count * 1000:7.2f} ms a declaration  {spent / total * 100:5.1f} % of the processor time used"
        )
    print(f"  N5  {rate:.0f} declarations a second of the window's own processor time ({own / count * 1000:.1f} ms each), "
          f"at least {wanted}  {'reached' if reached else 'MISSED'}")  # fmt: skip
    return reached
