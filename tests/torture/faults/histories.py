"""A hundred thousand random histories of doubled and shuffled answers: whatever the order, one end."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import Any

from tests.torture.faults.fault import Scene, fault
from tests.torture.lane import forks
from tests.torture.points import SQLITE

PARTS = 2
EACH = 25_000
"""Of each agency and part: 10^5 in all. No database has a hand in it, so one backend stands for both."""


@fault("the_last_answer_wins", backends=(SQLITE,))
async def random_histories(scene: Scene) -> None:
    """10^5 random histories of both agencies end as a walk through time says, in every order, with doubles."""
    context = forks()
    found: Any = context.Queue()
    seed = scene.dice.randrange(10**6) * PARTS * EACH
    parts = [
        context.Process(target=play, args=(seed + number * EACH, EACH, scene.sabotage, found), daemon=True)
        for number in range(PARTS)
    ]
    for each in parts:
        each.start()
    try:
        for _ in parts:
            said = await asyncio.to_thread(found.get, True, 250)
            if said:
                scene.seen.append(said)
    finally:
        for each in parts:
            each.kill()
            each.join(5)
    scene.figures.append(f"{2 * PARTS * EACH} histories")


def play(first: int, count: int, sabotage: str, found: multiprocessing.Queue[str]) -> None:
    """In a process of its own; says the first history that ends otherwise, or nothing."""
    from tests.torture import broken, test_histories

    if sabotage:
        broken.install(sabotage)
    try:
        for agency in sorted(test_histories.TABLES):
            test_histories.agree(agency, range(first, first + count))
    except AssertionError as error:
        found.put(str(error).splitlines()[0] or "a history ends otherwise")
    else:
        found.put("")
