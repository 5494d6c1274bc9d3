"""`make bench`: `python -m tests.bench [chain|accept|flow|scale|memory|paper|cruise|all] …` (docs/benchmarks.md)."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import structlog

from tests.bench.memory import ROOT

PARTS = ("chain", "accept", "flow", "scale", "memory", "paper", "cruise")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="all of them when none is named")
    parser.add_argument("--quick", action="store_true", help="short rounds and small stores: does it run?")
    parser.add_argument("--rounds", type=int, help="rounds of what is compared (default: by part)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--declarations", type=int, help="for the memory runs (default 100,000)")
    parser.add_argument(
        "--stored", type=int, default=100_000, help="largest store of `scale` (1,000,000 on PostgreSQL only)"
    )
    parser.add_argument(
        "--dir", help="where stores of `scale` are kept and found again (default: a temporary directory)"
    )
    parser.add_argument("--sqlite-only", action="store_true", help="without PostgreSQL and Kafka")
    asked = parser.parse_args()
    parts = PARTS if asked.parts in ([], ["all"]) else asked.parts
    if strange := [part for part in parts if part not in PARTS]:
        parser.error(f"no part {', '.join(strange)}")
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Python {platform.python_version()}")
    # what the window logs is not what the benchmark has to say
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    reached = True
    with ExitStack() as stack:
        for part in parts:
            print(f"\n== {part}; load {os.getloadavg()[0]:.1f}", flush=True)
            reached &= _run(part, asked, stack)
    print("\nevery target reached" if reached else "\nsome targets are missed: see above and docs/benchmarks.md")
    return 0


def _run(part: str, asked: argparse.Namespace, stack: ExitStack) -> bool:
    # imported where needed: one part does not need what another stands on
    quick: bool = asked.quick
    if part == "chain":
        from tests.bench import ratios

        return ratios.run(asked.rounds or (3 if quick else 25), 5 if quick else 25, asked.seed)
    if part == "paper":
        from tests.bench import paper

        return paper.run(asked.rounds or (10 if quick else 100))
    if part == "cruise":
        from tests.bench import cruise

        return cruise.run(asked.rounds or (2 if quick else 9))
    if part == "memory":
        count = asked.declarations or (2_000 if quick else 100_000)
        done = [
            subprocess.run([sys.executable, "-m", f"tests.bench.{name}", str(count)], cwd=ROOT, check=False)
            for name in ("memory", "serving")
        ]
        return all(each.returncode == 0 for each in done)
    from tests.bench.stores import services

    servers = None if asked.sqlite_only else stack.enter_context(services())
    if part == "accept":
        from tests.bench import accept, insertion

        rounds, count = asked.rounds or (2 if quick else 7), 60 if quick else 400
        reached = asyncio.run(accept.run(rounds, count))
        return reached & (servers is None or asyncio.run(insertion.run(servers, rounds, count)))
    if part == "flow":
        from tests.bench import flow

        return asyncio.run(flow.run(servers, 60 if quick else 600))
    from tests.bench import scale

    return asyncio.run(scale.run(servers, asked.stored, asked.dir, asked.rounds or (5 if quick else 40), quick))


if __name__ == "__main__":
    sys.exit(main())
