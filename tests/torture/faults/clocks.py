"""Clocks that step an hour, by libfaketime in single processes, never the machine's."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.torture.faults.fault import UNHURRIED, Load, Scene, fault, until
from tests.torture.filings import CUSTOMS, INSPECTION
from tests.torture.lane import START_SECONDS, Lane, NotQuiet
from tests.torture.points import POSTGRESQL, SQLITE

HOUR = 3600
LIBRARY = "libfaketimeMT.so.1"


def library() -> Path:
    """Debian's package `faketime` brings it."""
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))
    if not found:
        raise FileNotFoundError(f"{LIBRARY}: install the Debian package faketime")
    return found[0]


def shifted(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is off by so much from its start."""
    return {"LD_PRELOAD": str(library()), "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def steered(file: Path) -> dict[str, str]:
    """The environment of a process whose clock follows a file, while it runs."""
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def step(file: Path, seconds: int) -> None:
    file.write_text(f"{seconds:+d}\n")


@fault("trust_every_due_time", backends=(SQLITE,))
async def clock_steps_back(scene: Scene) -> None:
    """The window's clock is set back an hour while messages wait for their next attempt: none waits an hour for it."""
    await _stepped(scene, -HOUR)


@fault("delete_before_sending", backends=(SQLITE,))
async def clock_steps_forward(scene: Scene) -> None:
    """The window's clock jumps an hour ahead while messages are under way: none is lost, none is sent twice without need."""
    await _stepped(scene, +HOUR)


async def _stepped(scene: Scene, seconds: int) -> None:
    lane = await scene.stage.lane(SQLITE, sabotage=scene.sabotage)
    clock = lane.directory / "clock"
    step(clock, 0)
    try:
        lane.launch("agencies")
        lane.launch("serve", environment=steered(clock))
        await lane.ready()
        load = Load(lane, scene)
        # refused three times at the door, so that they wait for another attempt
        load.file(4, INSPECTION, script="X20")
        load.file(4)
        await _attempted(lane)
        step(clock, seconds)
        await _goes_by(lane, seconds)
        load.file(4)
        await load.settle(repeats=3)
        step(clock, 0)
        await _goes_by(lane, 0)
        load.file(3)
        await load.settle(repeats=3)
    finally:
        await lane.stop()


async def _goes_by(lane: Lane, seconds: int) -> None:
    """Returns when the window's own clock, as its replies show it, has taken the step."""
    for _ in range(600):
        shown = await lane.client.date()
        if shown is not None and abs(shown - time.time() - seconds) < HOUR / 2:
            return
        await asyncio.sleep(0.05)
    raise NotQuiet(f"the window's clock did not step by {seconds} s")


async def _attempted(lane: Lane) -> None:
    """Returns when some message waits for its second attempt."""
    for _ in range(200):
        if await lane.database.rows("SELECT id FROM outbox WHERE attempts > 0 AND lease_token IS NULL"):
            return
        await asyncio.sleep(0.02)


@fault("trust_every_due_time@sqlite", "delete_before_sending@postgresql")
async def clock_wrong_after_restart(scene: Scene) -> None:
    """The window is killed under way and starts again an hour early, then an hour late."""
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        for seconds in (+HOUR, -HOUR, 0):
            load.file(2, INSPECTION, script="X20")
            load.file(3)
            await _attempted(lane)
            for name in lane.programs:
                lane.remove(name)
                lane.killed.append(name)
                lane.launch(name, environment=shifted(seconds) if seconds else None)
            await lane.ready()
            await load.settle(repeats=3)


@fault("lease_on_own_clock", backends=(POSTGRESQL,))
async def workers_disagree_on_time(scene: Scene) -> None:
    """Two workers, one an hour early and one an hour late: leases run on the database's clock, so none takes the other's."""
    async with scene.stage.running(
        POSTGRESQL, sabotage=scene.sabotage, programs=("serve", "consume"), settings=UNHURRIED
    ) as lane:
        lane.launch("worker", environment=shifted(+HOUR))
        lane.launch("worker-2", environment=shifted(-HOUR))
        if not await until(lambda: lane.said.count("worker_ready") == 2, START_SECONDS):
            raise NotQuiet(f"the workers are not ready within {START_SECONDS:.0f} s")
        load = Load(lane, scene)
        for _ in range(6):
            load.file(4, CUSTOMS, script="X08")
            load.file(2)
            await asyncio.sleep(0.2)
        await load.settle()
