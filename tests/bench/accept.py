"""N3: a durable accept over HTTP on SQLite, beside the same server without its storage and beside the bare chain."""

from __future__ import annotations

import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from declarations.checking import check
from declarations.rulebook import Rulebook
from declarations.split import split
from tests.bench.chain import MEDIA_TYPE, filing_values
from tests.bench.documents import MOMENT
from tests.bench.load import Client
from tests.bench.memory import ROOT
from tests.bench.mix import Mix
from tests.bench.processes import processor_seconds, running, site

STORED, UNSTORED, CHAIN = "durable accept", "without storage", "bare chain"
OF_UNSTORED, OF_CHAIN, P99_MS = 0.90, 0.70, 50.0


def chain_seconds(rulebook: Rulebook, bodies: list[bytes]) -> tuple[float, float]:
    """Wall and processor time of checking with every rule and splitting, in this process."""
    context = rulebook.context(MOMENT)
    wall, processor = time.perf_counter(), time.process_time()
    for body in bodies:
        checked = check(rulebook, body, MEDIA_TYPE, context)
        assert checked.declaration is not None
        split(rulebook, checked.declaration, filing_values, context.accepted_on)
    return time.perf_counter() - wall, time.process_time() - processor


async def run(rounds: int, count: int) -> bool:
    """Prints rates, processor time and latencies; True when N3 is reached."""
    rulebook = Rulebook.load(ROOT)
    rates: dict[str, list[float]] = {STORED: [], UNSTORED: [], CHAIN: []}
    costs: dict[str, list[float]] = {STORED: [], UNSTORED: [], CHAIN: []}
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onewindow-bench-")))
        clients, pids, mixes = {}, {}, {}
        for name, module in ((STORED, "gateway.cli"), (UNSTORED, "tests.bench.unstored")):
            where = site(directory / module, deliver_inside="false")
            pids[name] = await stack.enter_async_context(running(where, ["serve"], module))
            clients[name] = await stack.enter_async_context(Client(where))
            mixes[name] = Mix(rulebook)
            await clients[name].file(mixes[name].take(count))  # fills caches
        bare = Mix(rulebook)
        chain_seconds(rulebook, bare.take(count))
        for _ in range(rounds):
            for name, client in clients.items():
                before = processor_seconds(pids[name])
                filed = await client.file(mixes[name].take(count))
                rates[name].append(filed.rate)
                costs[name].append((processor_seconds(pids[name]) - before) / count * 1e6)
            wall, processor = chain_seconds(rulebook, bare.take(count))
            rates[CHAIN].append(count / wall)
            costs[CHAIN].append(processor / count * 1e6)
        half = median(rates[STORED]) / 2
        steady = await clients[STORED].file_steadily(mixes[STORED].take(max(200, int(half * 10))), half)
    print(f"N3, SQLite FULL, one process, 16 connections, {rounds} interleaved rounds of {count}: medians")
    print(f"  {'':18}a second   us processor")
    for name in rates:
        print(f"  {name:18}{median(rates[name]):8.0f}   {median(costs[name]):8.0f}")
    of_unstored = median(one / other for one, other in zip(rates[STORED], rates[UNSTORED], strict=True))
    of_chain = median(one / other for one, other in zip(rates[STORED], rates[CHAIN], strict=True))
    p99 = steady.percentile(0.99)
    good = {
        f"of the rate without storage: {of_unstored:.2f}x, at least {OF_UNSTORED:.2f}x": of_unstored >= OF_UNSTORED,
        f"of the bare chain's rate: {of_chain:.2f}x, at least {OF_CHAIN:.2f}x": of_chain >= OF_CHAIN,
        f"at {half:.0f} a second p50 / p95 / p99 {steady.spread()} ms, p99 at most {P99_MS:.0f} ms": p99 <= P99_MS,
    }
    for what, reached in good.items():
        print(f"  N3  {what}  {'reached' if reached else 'MISSED'}")
    print(f"  of the processor time: storing {median(costs[STORED]) - median(costs[UNSTORED]):.0f} us, "
          f"HTTP and the use case {median(costs[UNSTORED]) - median(costs[CHAIN]):.0f} us")  # fmt: skip
    return all(good.values())
