"""Adds up what was recorded, in docs/reliability.md between two pairs of marks."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence

from tests.torture import results
from tests.torture.broken import SABOTAGES
from tests.torture.faults.run import FAULTS
from tests.torture.points import BOTH, POINTS
from tests.torture.tables import ROOT

PAGE = ROOT / "docs" / "reliability.md"
REDS = ROOT / "docs" / "torture-sabotages.csv"
BROKEN_COLUMNS = ("test", "backend", "sabotage", "saw")


def write() -> None:
    """Rewrites the tables of the page; raises ValueError when a pair of marks is missing."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (("figures", _figures()), ("sabotages", _sabotages())):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        text, found = re.subn(
            f"{begin}.*?{end}", f"{begin}\n\n{table}\n{end}".replace("\\", r"\\"), text, flags=re.DOTALL
        )
        if found != 1:
            raise ValueError(f"{PAGE.name} has no marks {begin} {end}")
    PAGE.write_text(text, encoding="utf-8")


def keep(reds: Sequence[tuple[str, str, str, str]]) -> None:
    """The list of tests shown red, for the page."""
    with REDS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(BROKEN_COLUMNS)
        writer.writerows(sorted(reds))


def _figures() -> str:
    rounds: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in results.read():
        count = rounds[row["point"], row["backend"]]
        count[0] += int(row["rounds"])
        count[1] += int(row["violations"])
    lines = ["| Killed at, or fault | What happens there | SQLite | PostgreSQL and Kafka |", "|---|---|---|---|"]
    for kind, names in ((POINTS, list(POINTS)), (FAULTS, list(FAULTS))):
        totals = {backend: [0, 0] for backend in BOTH}
        for name in names:
            says = POINTS[name].where if name in POINTS else FAULTS[name].says.partition(":")[0].rstrip(".")
            cells = []
            for backend in BOTH:
                count = rounds[name, backend]
                totals[backend][0] += count[0]
                totals[backend][1] += count[1]
                cells.append(_cell(count) if backend in _backends(name) else "")
            lines.append(f"| `{name}` | {says} | {' | '.join(cells)} |")
        title = "all kills" if kind is POINTS else "all faults"
        lines.append(f"| **{title}** | | {' | '.join(f'**{_cell(totals[backend])}**' for backend in BOTH)} |")
    return "\n".join(lines) + "\n"


def _backends(name: str) -> tuple[str, ...]:
    return POINTS[name].backends if name in POINTS else FAULTS[name].backends


def _cell(count: list[int]) -> str:
    runs, violations = count
    return f"{runs:,}" + (f", {violations} with violations" if violations else "")


def _sabotages() -> str:
    lines = ["| Test | Broken build | On | What it saw |", "|---|---|---|---|"]
    if REDS.exists():
        with REDS.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                saw = row["saw"].replace("|", "/").replace("\n", " ")[:160]
                lines.append(f"| `{row['test']}` | {_broken(row['sabotage'])} | {row['backend']} | {saw} |")
    return "\n".join(lines) + "\n"


def _broken(name: str) -> str:
    says = " ".join((SABOTAGES[name].__doc__ or "").split()).rstrip(".") if name in SABOTAGES else ""
    return f"`{name}`: {says}"
