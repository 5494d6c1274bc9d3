"""N10 for a whole serving process: `python -m tests.bench.serving 100000` files so many declarations over HTTP and watches it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from declarations.rulebook import Rulebook
from tests.bench.load import Client
from tests.bench.memory import ALLOWED_DRIFT, MARKS, ROOT, SPOILED, WARM, Stream
from tests.bench.mix import referenced
from tests.bench.processes import resident_mb, running, site

PART = 500


def _one(stream: Stream, number: int) -> bytes:
    body = referenced(stream.next(), "S", number)
    return body.replace(b"<duty_mode_code>1<", b"<duty_mode_code>9<") if number % SPOILED == 0 else body


async def run(count: int, seed: int = 7) -> bool:
    """Prints the memory of `onewindow serve` at each mark; True when it stayed flat after warm-up."""
    stream = Stream(Rulebook.load(ROOT), seed)
    marks = sorted({max(1, count * mark // 100) for mark in MARKS})
    found: dict[int, float] = {}
    print(
        f"Memory of a serving process over {count} declarations of mixed shapes filed over HTTP, SQLite (N10)",
        flush=True,
    )
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onewindow-bench-")))
        where = site(directory, deliver_inside="false")
        pid = await stack.enter_async_context(running(where, ["serve"]))
        client = await stack.enter_async_context(Client(where))
        done, started = 0, time.perf_counter()
        for mark in marks:
            while done < mark:
                part = min(PART, mark - done)
                await client.file([_one(stream, done + number) for number in range(part)], but=(422,))
                done += part
            found[mark] = resident_mb(pid)
            print(f"  {done:7d} declarations  {found[mark]:7.1f} MB", flush=True)
        seconds = time.perf_counter() - started
    warm = max(1, count * WARM // 100)
    drift = (found[count] / found[warm] - 1) * 100
    flat = abs(drift) <= ALLOWED_DRIFT
    print(f"  {count / seconds:.0f} a second; drift after warm-up {drift:+.1f} %  (N10: within {ALLOWED_DRIFT:.0f} %)  "
          f"{'reached' if flat else 'MISSED'}")  # fmt: skip
    return flat


if __name__ == "__main__":
    sys.exit(not asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
