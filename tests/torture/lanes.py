"""Kinds of lanes for the kill rounds: what differs between installations is spread over them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.torture.child import ROOT
from tests.torture.lane import Lane
from tests.torture.points import POSTGRESQL, SQLITE
from tests.torture.stage import Stage

PLAIN, TOPICS, COUNTING, MINGLED = "plain", "topics", "counting", "mingled"
TERMS = {"mappings/retention.csv": [(r"(?m)^goods,(closed|cancelled|rejected),\d+,\d+,", r"goods,\1,0,1,")]}
"""Ended filings are archived at once and removed after a day."""
KINDS = {
    SQLITE: (PLAIN, MINGLED, COUNTING, PLAIN),
    POSTGRESQL: (PLAIN, TOPICS, COUNTING, MINGLED),
}
"""plain: customs by folder, inspection by HTTP. topics: inspection by Kafka topics. counting: agencies that count every copy and
cannot be asked. mingled: answers come twice, out of order, damaged first."""
WITHOUT = {TOPICS: {"mid_write_http", "answer_read"}, COUNTING: set[str](), PLAIN: set[str](), MINGLED: set[str]()}
"""Points a kind of lane never passes."""


async def lane_of(stage: Stage, backend: str, kind: str, sabotage: str = "") -> Lane:
    """A lane of this kind, not started."""
    terms = changed_tables(stage.directory / "tables", TERMS)
    settings = {"tables_dir": terms}
    match kind:
        case "topics":
            return await stage.lane(backend, topics=True, settings=settings, sabotage=sabotage)
        case "counting":
            tables = counting_tables(stage.directory / "tables-counting")
            return await stage.lane(backend, settings={"tables_dir": tables}, deduplicates=False, sabotage=sabotage)
        case "mingled":
            knobs = {"delay_scale": 0, "duplicates": 0.3, "reorder": 0.3, "corruption": 0.1}
            return await stage.lane(backend, knobs=knobs, settings=settings, sabotage=sabotage)
    return await stage.lane(backend, settings=settings, sabotage=sabotage)


def counting_tables(directory: Path) -> Path:
    """The tables, of agencies that do not deduplicate and cannot be asked."""
    return changed_tables(
        directory,
        {
            f"mappings/{agency}/agency.toml": [
                (r'duplicate_policy = "deduplicates"', 'duplicate_policy = "counts_each"'),
                (r"query = true", "query = false"),
            ]
            for agency in ("customs", "inspection")
        }
        | TERMS,
    )


def changed_tables(directory: Path, changes: dict[str, list[tuple[str, str]]]) -> Path:
    """A copy of the tables with some text replaced (path -> pattern, by what)."""
    if not directory.exists():
        for folder in ("mappings", "xsd"):
            shutil.copytree(ROOT / folder, directory / folder)
        for path, replacements in changes.items():
            text = (directory / path).read_text(encoding="utf-8")
            for pattern, by in replacements:
                text = re.sub(pattern, by, text)
            (directory / path).write_text(text, encoding="utf-8")
    return directory
