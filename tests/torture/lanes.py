"""Kinds of lanes for the kill rounds: what differs between installations is spread over them."""

from __future__ import annotations

from tests.torture import tables
from tests.torture.lane import Lane
from tests.torture.points import POSTGRESQL, SQLITE
from tests.torture.stage import Stage

PLAIN, TOPICS, COUNTING, MINGLED = "plain", "topics", "counting", "mingled"
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
    settings = {"tables_dir": tables.written(stage.directory, tables.TIDY)}
    match kind:
        case "topics":
            return await stage.lane(backend, topics=True, settings=settings, sabotage=sabotage)
        case "counting":
            settings = {"tables_dir": tables.written(stage.directory, tables.COUNTING)}
            return await stage.lane(backend, settings=settings, deduplicates=False, sabotage=sabotage)
        case "mingled":
            knobs = {"delay_scale": 0, "duplicates": 0.3, "reorder": 0.3, "corruption": 0.1}
            return await stage.lane(backend, knobs=knobs, settings=settings, sabotage=sabotage)
    return await stage.lane(backend, settings=settings, sabotage=sabotage)
