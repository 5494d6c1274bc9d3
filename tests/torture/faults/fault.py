"""What a fault test is: a coroutine that brings a fault about on a lane under load and returns every broken promise it saw."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.torture.campaign import SABOTAGED_PATIENCE
from tests.torture.filings import Filing
from tests.torture.kills import Rounds
from tests.torture.lane import Lane, NotQuiet
from tests.torture.oracle import Case, census
from tests.torture.points import BOTH
from tests.torture.quiet import quiet
from tests.torture.stage import Stage

TEST_SECONDS = 600
UNHURRIED = {"delivery_lease_seconds": 20.0}
"""For a lane where no worker dies: no lease need run out, on however slow a machine."""


@dataclass
class Scene:
    """One run of a fault test on one backend."""

    stage: Stage
    backend: str
    dice: random.Random
    sabotage: str = ""
    seen: list[str] = field(default_factory=list)
    """What went wrong and is not the oracle's to say."""
    figures: list[str] = field(default_factory=list)
    """What is worth telling of a run that went well."""

    @property
    def patience(self) -> float:
        return SABOTAGED_PATIENCE if self.sabotage else 180.0

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.seen.append(otherwise)

    async def until_not_ready(self, lane: Lane) -> None:
        """Waits until /readyz tells that nothing can be stored; it looks once a second."""
        for _ in range(600):
            status, _ = await lane.client.get("/readyz")
            if status == 503:
                return
            await asyncio.sleep(0.05)
        self.seen.append(f"/readyz says {status}, and nothing can be stored")


async def until(holds: Callable[[], object], seconds: float) -> bool:
    """Returns as soon as it holds: True; or after so many seconds: False."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


Act = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    name: str
    act: Act
    backends: tuple[str, ...]
    sabotages: tuple[str, ...]
    """Builds broken on purpose, on each of which it must find something; `name@backend` on that one only."""
    says: str
    alone: bool = False
    """It stops what other lanes lean on: nothing else runs beside it."""
    namespace: bool = False
    """It mounts a disk of its own, in a mount namespace of its own."""

    def broken(self, backend: str) -> list[str]:
        """The builds for a backend."""
        parts = [name.partition("@") for name in self.sabotages]
        return [name for name, _, only in parts if only in ("", backend)]


FAULTS: dict[str, Fault] = {}


def fault(
    *sabotages: str, backends: tuple[str, ...] = BOTH, alone: bool = False, namespace: bool = False
) -> Callable[[Act], Act]:
    """Registers a fault test; its docstring says in a sentence what it shows."""

    def register(act: Act) -> Act:
        name = act.__name__
        says = " ".join((act.__doc__ or "").split())
        FAULTS[name] = Fault(name, act, backends, sabotages, says, alone, namespace)
        return act

    return register


class Load:
    """Filings on a lane, as many as a test wants, when it wants them."""

    def __init__(self, lane: Lane, scene: Scene) -> None:
        self.lane = lane
        lane.patience = scene.patience
        self._scene = scene
        self._rounds = Rounds(lane, scene.dice)

    @property
    def cases(self) -> list[Case]:
        return self._rounds.cases

    def file(self, count: int, agency: str = "", script: str | None = None) -> list[Case]:
        """Begins to file `count` declarations; some to one agency only, or with one script."""
        return [self._rounds.file(agency, script=script) for _ in range(count)]

    def next(self) -> Filing:
        """One that the test files itself."""
        return self._rounds.drawn("", "A00")

    async def answered(self) -> None:
        """Waits until every client has an answer."""
        tasks = list(self.lane.client.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=self.lane.patience)

    async def settle(self, repeats: int = 0) -> None:
        """Waits for quiet, then asks the oracle about everything. `repeats`: so many sendings may have been repeated."""
        try:
            await quiet(self.lane, self.cases)
        except NotQuiet as error:
            self._scene.seen.append(str(error))
            return
        self._scene.seen += await census(self.lane, self.cases, repeats)


async def play(fault_: Fault, scene: Scene) -> list[str]:
    """Runs a test; anything it raises is a finding too."""
    try:
        async with asyncio.timeout(TEST_SECONDS):
            await fault_.act(scene)
    except NotQuiet as error:
        scene.seen.append(str(error))
    except TimeoutError:
        scene.seen.append(f"the test did not end within {TEST_SECONDS} s")
    except Exception as error:
        scene.seen.append(f"the test broke off: {error!r}")
        if not scene.sabotage:
            traceback.print_exc()
    return scene.seen
