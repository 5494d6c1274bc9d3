"""`python -m tests.torture`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence

from tests.torture import report, results, sabotages
from tests.torture.campaign import Campaign
from tests.torture.faults import run
from tests.torture.kills import Outcome
from tests.torture.points import BOTH, POSTGRESQL
from tests.torture.stage import stage


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture", description="Kills the window and looks for broken promises."
    )
    parser.add_argument("what", nargs="?", default="all", choices=["all", "kills", "faults", "sabotage", "report"])
    parser.add_argument("--rounds", type=int, default=0, help="kill rounds on each backend")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", choices=[*BOTH, "both"], default="both")
    parser.add_argument("--points", default="", help="only these kill points, or faults; separated by commas")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--sabotage", default="", help="run on a build broken on purpose")
    parser.add_argument("--record", action="store_true", help=f"append to {results.RECORDED.name} in docs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave databases and logs where they are")
    given = parser.parse_args()
    # what was started is stopped, also when we are told to end
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(_run(given))
    except KeyboardInterrupt:
        return 130


async def _run(given: argparse.Namespace) -> int:
    backends = BOTH if given.backend == "both" else (given.backend,)
    points = [name for name in given.points.split(",") if name]
    if given.what == "report":
        report.write()
        return 0
    if given.what == "sabotage":
        return await _sabotage(given, backends, points)
    found: list[str] = []
    for backend in backends:
        if given.what in ("all", "kills"):
            found += await _kills(given, backend, points)
    if given.what in ("all", "faults"):
        found += await _faults(given, backends, points)
    # once more at the end: whoever sees the last page only must not have to guess
    for each in found:
        print("found", each)
    print(f"{len(found)} findings, seed {given.seed}", flush=True)
    return 1 if found else 0


async def _sabotage(given: argparse.Namespace, backends: Sequence[str], names: list[str]) -> int:
    reds = await sabotages.every(given, backends, names)
    green = [red for red in reds if not red.saw]
    if given.record:
        report.keep([(red.test, red.backend, red.sabotage, red.saw) for red in reds])
    print(f"{len(reds)} tests on broken builds, {len(green)} of them saw nothing")
    return 1 if green else 0


async def _faults(given: argparse.Namespace, backends: Sequence[str], names: list[str]) -> list[str]:
    outcomes = await run.every(given, backends, names)
    found: list[str] = []
    for backend in backends:
        found += _keep(given, backend, [outcome for of, outcome in outcomes if of == backend])
    return found


async def _kills(given: argparse.Namespace, backend: str, points: list[str]) -> list[str]:
    started = time.monotonic()
    rounds = given.rounds or (60 if backend == POSTGRESQL else 80)
    async with stage(given.keep) as place:
        campaign = Campaign(place, backend, rounds, given.seed, points)

        def told(outcome: Outcome) -> None:
            done = (
                f"{len(campaign.outcomes):5d} {outcome.seconds:6.2f} s {backend} {outcome.lane:12} {outcome.point:22}"
            )
            print(done, ", ".join(outcome.killed), *(f"\n      {each}" for each in outcome.violations), flush=True)

        await campaign.run(given.lanes, given.sabotage, told)
    bad = [outcome for outcome in campaign.outcomes if outcome.violations]
    seconds = time.monotonic() - started
    print(
        f"{backend}: {len(campaign.outcomes)} rounds in {seconds:.0f} s ({seconds / max(1, len(campaign.outcomes)):.2f} s each), "
        f"{len(bad)} with violations, seed {given.seed}",
        flush=True,
    )
    return _keep(given, backend, campaign.outcomes)


def _keep(given: argparse.Namespace, backend: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Appends them to the results; returns what they found, in words."""
    results.append(results.RECORDED if given.record else results.UNRECORDED, given.seed, backend, outcomes)
    return [f"{backend} {outcome.point}: {each}" for outcome in outcomes for each in outcome.violations]


if __name__ == "__main__":
    sys.exit(main())
