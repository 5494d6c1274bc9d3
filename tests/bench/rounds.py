"""Timing several jobs side by side: interleaved rounds, so that what disturbs one job disturbs its neighbours too.

The clock is the process's own processor time: every job here is computing only, and a busy neighbour then costs no more than
what it does to caches.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import process_time

Job = Callable[[], object]


@dataclass
class Times:
    """Microseconds per call of each job, one figure for each round."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def best(self, name: str) -> float:
        """The least disturbed round. On a shared machine disturbance only ever adds time."""
        return min(self.rounds[name])

    def middle(self, name: str) -> float:
        return median(self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        return self.best(name) / self.best(to)

    def middle_ratio(self, name: str, to: str) -> float:
        """The median of the ratios of the rounds: both jobs of a round ran within a moment of each other."""
        return median(one / other for one, other in zip(self.rounds[name], self.rounds[to], strict=True))


def measure(jobs: Mapping[str, Job], rounds: int, slice_ms: float) -> Times:
    """Each round runs every job for about `slice_ms`; garbage from before is frozen, the collector rests while timing."""
    repeats = {name: _repeats(job, slice_ms) for name, job in jobs.items()}
    times = Times({name: [] for name in jobs})
    for _ in range(rounds):
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            for name, job in jobs.items():
                times.rounds[name].append(_time(job, repeats[name]))
        finally:
            gc.enable()
            gc.unfreeze()
    return times


def _time(job: Job, repeats: int) -> float:
    start = process_time()
    for _ in range(repeats):
        job()
    return (process_time() - start) / repeats * 1e6


def _repeats(job: Job, slice_ms: float) -> int:
    """How often a job fits into a slice, found after a few calls that fill its caches."""
    for _ in range(3):
        job()
    once = min(_time(job, 1) for _ in range(3))
    return max(1, round(slice_ms * 1000 / once))
