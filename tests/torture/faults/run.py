"""Runs fault tests: one after another, for many of them stop what the others lean on."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence

from tests.torture.faults import agencies, broker, clocks, database, disks, histories, races, upgrade
from tests.torture.faults.fault import FAULTS, Fault, Scene, play
from tests.torture.kills import Outcome
from tests.torture.stage import Stage, stage
from tests.torture.tables import ROOT

_MODULES = (agencies, broker, clocks, database, disks, histories, races, upgrade)


async def every(given: argparse.Namespace, backends: Sequence[str], names: Sequence[str]) -> list[tuple[str, Outcome]]:
    """Each test on each backend it is for; told as they end. Two at a time, those that others lean on the last, alone."""
    pairs = [
        (each, backend)
        for each in FAULTS.values()
        for backend in each.backends
        if backend in backends and (not names or each.name in names)
    ]
    outcomes: list[tuple[str, Outcome]] = []
    at_once = asyncio.Semaphore(2)
    async with stage(given.keep) as place:

        async def one(each: Fault, backend: str) -> None:
            async with at_once:
                outcome = await once(place, each, backend, given.seed, given.sabotage)
            outcomes.append((backend, outcome))
            print(f"{outcome.seconds:7.2f} s {backend:10} {each.name:25}", outcome.lane, *_lines(outcome), flush=True)

        await asyncio.gather(*(one(*pair) for pair in pairs if not pair[0].alone))
        for pair in pairs:
            if pair[0].alone:
                await one(*pair)
    return outcomes


async def once(place: Stage, each: Fault, backend: str, seed: int, sabotage: str = "") -> Outcome:
    started = time.monotonic()
    if each.namespace and "--inside" not in sys.argv:
        return await _apart(each, backend, seed, sabotage)
    scene = Scene(place, backend, random.Random(f"{seed} {each.name} {backend}"), sabotage)
    violations = await play(each, scene)
    return Outcome(each.name, violations, time.monotonic() - started, lane="; ".join(scene.figures))


async def _apart(each: Fault, backend: str, seed: int, sabotage: str) -> Outcome:
    """In a process with a mount namespace of its own: what it mounts goes when it ends."""
    started = time.monotonic()
    command = [
        *("unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.torture", "faults"),
        *("--points", each.name, "--backend", backend, "--seed", str(seed), "--sabotage", sabotage, "--inside"),
    ]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    lines = said.decode().splitlines()
    found = [line.strip() for line in lines if line.startswith("      ")]
    if process.returncode and not found:
        found = [f"it ended with {process.returncode}: {lines[-1:]}"]
    return Outcome(each.name, found, time.monotonic() - started)


def _lines(outcome: Outcome) -> list[str]:
    return [f"\n      {each}" for each in outcome.violations]
