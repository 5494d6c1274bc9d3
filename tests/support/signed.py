"""Agencies that sign, for tests: by the keys of simulated agencies, made known to the window as those do it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.signatures import SUFFIX
from adapters.simulator.seals import KeySeals
from adapters.transports.boxes import place, replace

ROOT = Path(__file__).resolve().parents[2]
Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now(UTC)


def seals(secrets: Path, agency: str, table: dict[str, Any] | None = None, clock: Clock = now) -> KeySeals:
    """That agency's signatures, as its table says or as a changed one would."""
    if table is None:
        table = tomllib.loads((ROOT / "mappings" / agency / "agency.toml").read_text())["signature"]
    own = secrets.parent / "simulators" / "keys"
    return KeySeals(agency, table, window_keys=secrets / "keys", own_keys=own, clock=clock)


def signature(secrets: Path, agency: str, body: bytes, name: str = "", clock: Clock = now) -> str:
    """Of an answer of that agency, under that file name."""
    _, line = seals(secrets, agency, clock=clock).sealed(name, body)
    assert line is not None
    return line


def put(data_dir: Path, agency: str, name: str, body: bytes, clock: Clock = now) -> None:
    """A signed answer into an agency's InBox."""
    box = data_dir / "exchange" / agency / "InBox"
    box.mkdir(parents=True, exist_ok=True)
    replace(box, name + SUFFIX, signature(data_dir / "secrets", agency, body, name, clock).encode())
    place(box, name, body)
