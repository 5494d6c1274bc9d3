"""N8: what a declaration costs when 10^4, 10^5 and 10^6 are stored. The stores stand side by side and every round asks each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import func, select

from declarations.rulebook import Rulebook
from gateway import ask
from gateway.clock import system_clock
from gateway.config import Settings
from gateway.database.schema import declaration
from gateway.submit import submit
from gateway.wiring import Window, open_window
from tests.bench.agencies import FarEnd, Said, attach, deliver, hear
from tests.bench.documents import make
from tests.bench.filler import CLIENT, FIRST, Life, fill, id_of, live, own
from tests.bench.memory import ROOT
from tests.bench.mix import referenced
from tests.bench.stores import Servers

SIZES = (10_000, 100_000, 1_000_000)
ON_SQLITE = 100_000
"""The largest store of the embedded default."""
WANTED = 1.10
GOALS = ("accept", "list", "find", "status", "delivery")
DAY = FIRST.date()
Act = Callable[[], Awaitable[Any]]


@dataclass
class Store:
    """One filled store and what its acts took, in seconds."""

    window: Window
    far: dict[str, FarEnd]
    size: int
    body: bytes
    filed: int = 0
    took: dict[str, list[float]] = field(default_factory=dict)

    async def time(self, name: str, act: Act) -> Any:
        started = time.perf_counter()
        result = await act()
        self.took.setdefault(name, []).append(time.perf_counter() - started)
        return result

    async def round(self, number: int) -> None:
        """Every act once, each on another declaration than in the round before."""
        window = self.window
        chosen = (number * 7919 + 13) % self.size // 100 * 100  # one that ended
        mine = own(chosen)["number"]

        async def status() -> Any:
            return await ask.declaration(window, CLIENT, id_of(chosen))

        def found(**how: Any) -> Act:
            async def look() -> Any:
                page = await ask.find(window, CLIENT, **how)
                if not page["items"]:
                    raise SystemExit(f"the benchmark finds nothing by {how}")
                return page

            return look

        await self.time("accept", self._file)
        count = await self.time("delivery", lambda: deliver(window))
        assert count == 2, f"{count} messages delivered, not 2"
        said = [each for agency in self.far.values() for answers in agency.answers().values() for each in answers]
        await self.time("answers", lambda: self._hear(said))
        await self.time("status", status)
        await self.time("list", found())
        await self.time("list: an old page", found(cursor=id_of(self.size // 2)))
        await self.time("find: reference", found(reference=f"FILL{mine}B01"))
        await self.time("find: last 8 characters", found(bill=mine))
        await self.time("find: any number", found(q=f"3100002{mine}"))
        await self.time("find: party of all", found(party="3122960388"))
        await self.time("find: state of most", found(state="closed"))
        await self.time("find: state of few", found(state="rejected"))
        await self.time("find: obligation", found(obligation="pay"))
        await self.time("find: dates", found(since=DAY, until=DAY))
        await self.time("find: dates and state", found(since=DAY, until=DAY, state="rejected"))

    async def _file(self) -> None:
        self.filed += 1
        reply = await submit(self.window, CLIENT, self._next, "application/xml")
        assert reply.status == 202, reply.body
        self._next = self._prepared()

    async def prepare(self) -> None:
        """Where filings of an earlier run end, so that references are new."""
        self.filed = await self.window.database.read(
            lambda connection: int(connection.scalar(select(func.count()).select_from(declaration)) or 0)
        )
        self._next = self._prepared()

    def _prepared(self) -> bytes:
        return referenced(self.body, "N", self.filed + 1)

    async def _hear(self, said: list[Said]) -> None:
        await hear(self.window, said)


async def run(servers: Servers | None, largest: int, kept: str | None, rounds: int, quick: bool) -> bool:
    """Both databases; True when N8 is reached on each. `kept`: a directory whose stores are used again."""
    rulebook = Rulebook.load(ROOT)
    lives = await live(rulebook)
    sizes = (200, 1000) if quick else tuple(size for size in SIZES if size <= largest)
    reached = True
    async with AsyncExitStack() as stack:
        directory = Path(kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="onewindow-bench-")))
        small = [size for size in sizes if size <= ON_SQLITE]
        reached &= await _database("SQLite", rulebook, lives, small, directory, None, rounds)
        if servers is not None:
            reached &= await _database("PostgreSQL", rulebook, lives, list(sizes), directory, servers, rounds)
    return reached


async def _database(
    name: str,
    rulebook: Rulebook,
    lives: list[Life],
    sizes: list[int],
    directory: Path,
    servers: Servers | None,
    rounds: int,
) -> bool:
    body = make(rulebook, 3, watched=False).xml
    stores: list[Store] = []
    async with AsyncExitStack() as stack:
        for size in sizes:
            data = directory / f"{name}-{size}"
            settings = Settings(data_dir=data, database_url=servers.database(f"stored{size}") if servers else "")
            window = await stack.enter_async_context(open_window(settings, system_clock, rulebook))
            simulators = stack.enter_context(tempfile.TemporaryDirectory(prefix="onewindow-bench-"))
            store = Store(window, attach(window, Path(simulators)), size, body)
            await store.prepare()
            if store.filed < size:
                started = time.perf_counter()
                await fill(window, lives, store.filed, size)
                print(f"  {name}: filled to {size:,} in {time.perf_counter() - started:.0f} s", flush=True)
                await store.prepare()
            stores.append(store)
        for number in range(rounds + 5):
            if number == 5:  # caches of the programs and of the database are warm
                for store in stores:
                    store.took.clear()
            for store in stores[number % len(stores) :] + stores[: number % len(stores)]:
                await store.round(number)
    return _report(name, stores, rounds)


def _report(name: str, stores: list[Store], rounds: int) -> bool:
    shown = "milliseconds, medians, one act at a time; ratios to the smallest store"
    print(f"N8, {name}: {shown}; {rounds} interleaved rounds")
    print(f"  {'':26}" + "".join(f"{store.size:>12,}" for store in stores))
    reached = True
    for act in stores[0].took:
        middles = [median(store.took[act]) * 1000 for store in stores]
        ratios = [middle / middles[0] for middle in middles[1:]]
        counts = act.split(":")[0] in GOALS
        reached &= not counts or max(ratios, default=1.0) <= WANTED
        verdict = "" if not counts else ("reached" if max(ratios, default=1.0) <= WANTED else "MISSED")
        shown = "".join(f"{middle:>12.2f}" for middle in middles) + "".join(f"   {ratio:.2f}x" for ratio in ratios)
        print(f"  {act:26}{shown}  {verdict}")
    print(f"  N8  every act within {WANTED:.2f}x of the smallest store  {'reached' if reached else 'MISSED'}")
    return reached
