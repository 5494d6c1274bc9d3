"""`make bench`, part cruise: the arrival of a ship with 900 crew and 3,000 passengers, from its bytes to four messages (issue 5).

The floor is what libxml2 costs when nothing is mapped: the form and the four messages parsed and validated. The goal is the whole
filing within two seconds beyond it. Times are the processor's; the wall's stand beside them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from declarations.checking import check
from declarations.convert import to_xml
from declarations.routing import plan
from declarations.split import render
from gateway.config import Settings
from gateway.filing import filing_values
from gateway.submit import submit
from tests.bench.floor import parse_and_validate
from tests.support import cruise_ship
from tests.support.ships import ship_window
from tests.support.windows import CLIENT, ROOT, deliver, rulebook

GOAL_SECONDS = 2.0
XML, JSON = "application/xml", "application/json"
MOMENT = datetime(2015, 10, 23, 1, 0, tzinfo=UTC)


def run(rounds: int) -> bool:
    """Prints the figures; whether the goal is reached by the median of the filing in XML."""
    tables = rulebook()
    context = tables.context(MOMENT, "default")
    document = json.dumps(cruise_ship.arrival(), ensure_ascii=False).encode()
    checked = check(tables, document, JSON, context)
    as_xml = to_xml(tables, checked.declaration)
    settings = Settings()
    legs = plan(tables, checked.declaration, context.accepted_on)

    def filed(data: bytes, media_type: str) -> list[bytes]:
        found = check(tables, data, media_type, context)
        if not found.valid:
            raise SystemExit(f"the cruise ship is not valid: {found.faults[:3]}")
        values = filing_values(settings, found.declaration, MOMENT, "M01KAHJ3R6V0N7E9QK2M4T8WX00")
        return [render(tables, leg, found.declaration, values, context.accepted_on) for leg in legs]

    messages = filed(as_xml, XML)
    schemas = [tables.agencies[leg.agency].table(leg.message, leg.version).schema for leg in legs]
    pairs = [(as_xml, tables.schema("xsd/merged/vessel.xsd"))]
    pairs += [(body, tables.schema(schema)) for body, schema in zip(messages, schemas, strict=True)]
    sizes = ", ".join(f"{leg.agency} {len(body) / 1e6:.1f}" for leg, body in zip(legs, messages, strict=True))
    print(f"form: {len(as_xml) / 1e6:.1f} MB of XML, {len(document) / 1e6:.1f} MB of JSON; messages in MB: {sizes}")
    floor, _ = _median(parse_and_validate(pairs), rounds)
    found = {"XML": _median(lambda: filed(as_xml, XML), rounds), "JSON": _median(lambda: filed(document, JSON), rounds)}
    print(f"floor: {floor:.2f} s")
    for kind, (spent, wall) in found.items():
        print(f"filed as {kind}: {spent:.2f} s of one core (wall {wall:.2f}), {spent - floor:.2f} s beyond the floor")
    _memory()
    beyond = found["XML"][0] - floor
    print(f"goal: {beyond:.2f} of {GOAL_SECONDS:.1f} s")
    return beyond <= GOAL_SECONDS


def _median(act: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds of processor and wall; each act once before it counts."""
    act()
    processor, wall = [], []
    for _ in range(rounds):
        began, at = time.perf_counter(), time.process_time()
        act()
        processor.append(time.process_time() - at)
        wall.append(time.perf_counter() - began)
    return sorted(processor)[rounds // 2], sorted(wall)[rounds // 2]


def _memory() -> None:
    """A whole window in a process of its own, before, at most, and after the ship was filed there."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.cruise"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    print(told.stdout.strip())


def _resident(name: str) -> int:
    """MB of this process: VmRSS now, VmHWM at most (Linux)."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) // 1024


async def _one_window() -> None:
    document = json.dumps(cruise_ship.arrival(), ensure_ascii=False).encode()
    with tempfile.TemporaryDirectory() as folder:
        async with ship_window(Path(folder)) as window:
            before, began = _resident("VmRSS"), time.perf_counter()
            reply = await submit(window, CLIENT, document, JSON)
            if reply.status != 202:
                raise SystemExit(reply.body)
            taken = time.perf_counter() - began
            await deliver(window)
            sent = time.perf_counter() - began
            peak, after = _resident("VmHWM"), _resident("VmRSS")
    print(f"window: accepted in {taken:.2f} s, sent to all four in {sent:.2f} s (wall)")
    print(f"memory: {before} MB before, {peak} MB at most, {after} MB after")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(_one_window())
