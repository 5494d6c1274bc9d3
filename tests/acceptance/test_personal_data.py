"""What a whole demonstration leaves behind shows nobody's name: not in the database, not in a log, not in the archive."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from tests.acceptance.test_demo import Run, wait_until
from tests.support.backend import database_at
from tests.support.windows import ROOT

PERSONAL = ("contact_person_name", "contact_phone_number")
"""The form's items that speak of a person. Organisations and ships are found by their names: search keys stay in plain."""
NOT_OURS = ("exchange", "simulators")
"""What agencies leave and get lies in their folders as they want it."""


def said(item: str) -> set[str]:
    forms = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "samples").glob("*-*.json"))]
    return {form[item] for form in forms if item in form}


def stored(data_dir: Path) -> Iterator[tuple[str, bytes]]:
    """Everything the window keeps, by where it lies."""
    for path in sorted(data_dir.rglob("*")):
        if path.is_file() and path.relative_to(data_dir).parts[0] not in NOT_OURS:
            yield path.name, path.read_bytes()
    if url := database_at(data_dir).get("database_url"):
        yield from asyncio.run(_tables(url))


async def _tables(url: str) -> list[tuple[str, bytes]]:
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        names = await connection.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        found = []
        for (name,) in names:
            rows = await connection.fetch(f'SELECT * FROM "{name}"')
            values = [value for row in rows for value in row.values()]
            found.append((name, b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)))
        return found
    finally:
        await connection.close()


def test_nobodys_name_is_left_in_the_open(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.started() as process:
        wait_until(run.all_as_expected, process)
        process.send_signal(signal.SIGTERM)
        spoken, _ = process.communicate(timeout=30)
    # an example in a hint of the form stands in the tables, which the database keeps
    hints = (ROOT / "mappings" / "forms" / "goods.csv").read_text(encoding="utf-8")
    personal = {value for item in PERSONAL for value in said(item) if value not in hints}
    assert len(personal) >= 3
    places = dict(stored(tmp_path))
    told = {**places, "standard output": spoken.encode()}
    shown = {(place, value) for place, content in told.items() for value in personal if value.encode() in content}
    assert shown == set()
    # the counterproof: what is found by stands there in plain, and the names are in the files that were made for the agencies
    kept = b"".join(places.values())
    assert all(value.encode() in kept for value in said("domestic_trader_name"))
    exchanged = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "simulators" in path.parts
    )
    assert any(value.encode() in exchanged for value in personal)
