"""The results file: a line for each point of each run, appended and never rewritten."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.torture.kills import Outcome
from tests.torture.tables import ROOT

COLUMNS = ("date", "seed", "backend", "point", "rounds", "violations")
RECORDED = ROOT / "docs" / "torture-results.csv"
UNRECORDED = ROOT / ".make" / "torture-results.csv"


def append(path: Path, seed: int, backend: str, outcomes: Iterable[Outcome]) -> None:
    """One line per point."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for outcome in outcomes:
        counts[outcome.point][0] += 1
        counts[outcome.point][1] += bool(outcome.violations)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        for point, (rounds, violations) in sorted(counts.items()):
            writer.writerow([f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", seed, backend, point, rounds, violations])


def read(path: Path = RECORDED) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
