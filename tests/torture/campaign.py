"""A campaign: many kill rounds, spread evenly over all points, on several lanes side by side."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from tests.torture.kills import Outcome, Rounds
from tests.torture.lane import Lane, NotQuiet
from tests.torture.lanes import KINDS, WITHOUT, lane_of
from tests.torture.points import points_of
from tests.torture.stage import Stage

ROUNDS_A_LANE = 60
"""Then a lane begins anew: its database has grown, and its end is checked as a whole."""
SABOTAGED_PATIENCE = 8.0
"""What is broken never becomes quiet: no need to wait long for it."""


class Campaign:
    """`rounds` on one backend. The seed decides points, passes, filings and scripts; the machine's own timing stays its own."""

    def __init__(
        self, stage: Stage, backend: str, rounds: int, seed: int, points: Sequence[str] = (), until_found: bool = False
    ) -> None:
        """`until_found`: the first violation ends it."""
        self._until_found = until_found
        self._stage = stage
        self._backend = backend
        self._seed = seed
        wanted = [point.name for point in points_of(backend) if not points or point.name in points]
        dice = random.Random(f"{seed} {backend}")
        queue: list[str] = []
        while wanted and len(queue) < rounds:
            dice.shuffle(wanted)
            queue += wanted
        self._queue = queue[:rounds]
        self.outcomes: list[Outcome] = []

    async def run(self, lanes: int, sabotage: str = "", told: Callable[[Outcome], None] = lambda _: None) -> None:
        kinds = KINDS[self._backend]
        await asyncio.gather(
            *(self._lane(kinds[number % len(kinds)], number, sabotage, told) for number in range(lanes))
        )

    async def _lane(self, kind: str, number: int, sabotage: str, told: Callable[[Outcome], None]) -> None:
        generation = 0
        while any(name not in WITHOUT[kind] for name in self._queue):
            generation += 1
            lane = await lane_of(self._stage, self._backend, kind, sabotage)
            if sabotage:
                lane.patience = SABOTAGED_PATIENCE
            dice = random.Random(f"{self._seed} {self._backend} {number} {generation}")
            try:
                await self._life(lane, kind, dice, told)
            finally:
                await lane.stop()

    async def _life(self, lane: Lane, kind: str, dice: random.Random, told: Callable[[Outcome], None]) -> None:
        """Rounds on one lane until it is old, or something was found in it."""
        rounds = Rounds(lane, dice)
        try:
            await lane.start()
        except NotQuiet as error:
            self._keep(Outcome("start", [str(error)]), lane, kind, told)
            # a program that does not start will not start a thousand times
            self._queue.clear()
            return
        for _ in range(ROUNDS_A_LANE):
            name = next((name for name in self._queue if name not in WITHOUT[kind]), None)
            if name is None:
                break
            self._queue.remove(name)
            outcome = await rounds.play(name)
            self._keep(outcome, lane, kind, told)
            if outcome.violations:
                # what is broken stays so: the next round begins on a lane that is whole
                return
        found = await rounds.close()
        if found:
            self._keep(Outcome("census", found), lane, kind, told)

    def _keep(self, outcome: Outcome, lane: Lane, kind: str, told: Callable[[Outcome], None]) -> None:
        outcome.lane = f"{lane.name} {kind}"
        if outcome.violations and self._until_found:
            self._queue.clear()
        self.outcomes.append(outcome)
        told(outcome)
