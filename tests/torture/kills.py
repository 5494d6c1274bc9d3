"""Kill rounds: file a few declarations, let a process die at a point, start it again, wait for quiet, ask the oracle."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field

from tests.torture import upkeep
from tests.torture.client import Request
from tests.torture.filings import CUSTOMS, GOOD, INSPECTION, RETURNED, SMOOTH, Filing, draw
from tests.torture.lane import Lane, NotQuiet
from tests.torture.oracle import Case, census, verdict
from tests.torture.points import POINTS, TIDYING, Point
from tests.torture.quiet import quiet

ROUND_SECONDS = 120.0
"""A point that is not passed by then, all being quiet, was not reached."""
AT_A_TIME = 3
SEEN_AGAIN = 30
"""Earlier filings that are looked at after a migration; at the lane's end it is all of them."""
LAST_MOVES_SECONDS = 1.2
"""Offsets are committed up to half a second after the last answer is taken up."""


@dataclass
class Outcome:
    """What one round came to."""

    point: str
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    reached: bool = True
    killed: tuple[str, ...] = ()
    lane: str = ""


class Rounds:
    """The kill rounds of one lane, one after another on one database that grows."""

    def __init__(self, lane: Lane, dice: random.Random) -> None:
        self._lane = lane
        self._dice = dice
        self.cases: list[Case] = []

    async def play(self, name: str) -> Outcome:
        """One round at a point."""
        point, started, before = POINTS[name], time.monotonic(), len(self._lane.killed)
        outcome = Outcome(name)
        cases: list[Case] = []
        try:
            passes = self._dice.randint(1, point.passes)
            if name in (*TIDYING, "migration"):
                await self._during_upkeep(name, passes, cases)
            else:
                await self._until_killed(point, passes, cases)
                if not self._lane.trap.sprung and passes > 1:
                    # not passed so often this time: the first pass will do
                    await self._until_killed(point, 1, cases)
            outcome.reached = self._lane.trap.sprung
            await self._correct(cases)
            await quiet(self._lane, cases)
        except NotQuiet as error:
            outcome.violations.append(str(error))
        except Exception as error:
            # the harness could not go on; whatever the reason, the round proves nothing
            outcome.violations.append(f"the round broke off: {error!r}")
        finally:
            self._lane.trap.disarm()
        outcome.killed = tuple(self._lane.killed[before:])
        if not outcome.reached:
            outcome.violations.append(f"the point {name} was never passed")
        if not outcome.violations:
            outcome.violations += await verdict(self._lane, cases, deaths=len(outcome.killed))
        if outcome.violations:
            outcome.violations.append(f"the last error in its log: {self._lane.last_words()}")
        outcome.seconds = time.monotonic() - started
        return outcome

    async def close(self) -> list[str]:
        """At the end: everything ever filed, once more."""
        return await census(self._lane, self.cases)

    def file(self, agency: str = "", script: str | None = None) -> Case:
        """Begins to file one more declaration. One client in ten asks once only."""
        filing = self.drawn(agency, script)
        case, patient = Case(filing), bool(agency) or self._dice.random() > 0.1
        request = Request(filing, key=f"{filing.reference}-1", patient=patient)
        case.requests.append(request)
        self.cases.append(case)
        self._lane.client.begin(request, after=self._dice.choice((0.0, 0.03, 0.08)))
        return case

    def drawn(self, agency: str, script: str | None) -> Filing:
        """The next filing, under a reference nobody had before."""
        self._lane.numbered += 1
        return draw(self._dice, "T", self._lane.numbered, script, agency)

    async def _until_killed(self, point: Point, passes: int, cases: list[Case]) -> None:
        """Files with the trap armed; returns when the process is dead and started again, or all is quiet without."""
        lane = self._lane
        lane.trap.arm(point.name, passes)
        # one for each agency at least, so that every point is passed
        fresh = [self.file(agency, script=self._script(point)) for agency in (CUSTOMS, INSPECTION)]
        fresh += [self.file() for _ in range(AT_A_TIME - len(fresh))]
        cases += fresh
        deaths = len(lane.killed) + 1
        if point.name == "starting":
            await asyncio.sleep(self._dice.uniform(0.0, 0.2))
            lane.kill("serve")
            deaths += 1
        deadline = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < deadline:
            if lane.dead:
                lane.revive()
                await lane.ready()
            if lane.trap.sprung and len(lane.killed) >= deaths:
                return
            await asyncio.sleep(0.005)
            if point.by_reader and lane.trap.left == passes:
                continue  # nobody has read yet
            if not lane.client.tasks and not lane.trap.sprung and await self._spared(fresh):
                return

    def _script(self, point: Point) -> str:
        """For the filings that a point counts on: the point's own, or one with answers."""
        if point.script and self._dice.random() < 0.5:
            return point.script
        return self._dice.choice((*[SMOOTH] * 8, *GOOD, *sorted(RETURNED)))

    async def _during_upkeep(self, name: str, passes: int, cases: list[Case]) -> None:
        """Kills while a database full of filings is migrated, or ended filings are archived and removed."""
        lane = self._lane
        if name == "migration":
            cases += [self.file() for _ in range(AT_A_TIME)]
            await quiet(lane, self.cases)
            await upkeep.killed_migrating(lane, passes)
            # what was there before the migration is looked at again, and filing goes on
            cases += [each for each in self.cases[-SEEN_AGAIN:] if each not in cases]
            cases.append(self.file())
            return
        fresh = [self.file(agency, script=SMOOTH) for agency in (CUSTOMS, INSPECTION, CUSTOMS)]
        await quiet(lane, fresh)
        await upkeep.killed_tidying(lane, name, passes)
        await upkeep.back_to_today(lane)
        gone, wrong = await upkeep.archived(lane, self.cases)
        if wrong:
            raise NotQuiet("; ".join(wrong))
        if not set(map(id, fresh)) <= set(map(id, gone)):
            raise NotQuiet("filings that ended are still there after archive and retention")
        lane.removed += [case.reference for case in gone]
        self.cases = [case for case in self.cases if case not in gone]
        cases.append(self.file())

    async def _spared(self, cases: list[Case]) -> bool:
        """Whether all is quiet, and stays so for as long as something may still happen by itself."""
        with contextlib.suppress(NotQuiet):
            await quiet(self._lane, cases, seconds=0.2)
            for _ in range(int(LAST_MOVES_SECONDS / 0.02)):
                if self._lane.trap.sprung or self._lane.dead:
                    return False
                await asyncio.sleep(0.02)
            return True
        return False

    async def _correct(self, cases: list[Case]) -> None:
        """Files the next version of what was returned, once it was."""
        for case in cases:
            returned = RETURNED.get(case.filing.script, ())
            if not set(returned) & set(case.filing.sample.agencies) or self._dice.random() < 0.5:
                continue
            if case.ends()[0] != "rejected":
                # corrected in an earlier round
                continue
            await quiet(self._lane, [case])
            first = case.requests[0]
            if first.accepted is None:
                continue
            path = f"/api/v1/declarations/{first.accepted['id']}/versions"
            again = Request(case.filing, key=f"{case.reference}-{len(case.requests) + 1}", path=path)
            case.requests.append(again)
            await self._lane.client.begin(again)
