"""N4: our data layer on PostgreSQL beside one statement written by hand for the same rows, and the database's own commit rate."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import orjson
from sqlalchemy import Connection

from declarations.rulebook import Rulebook
from gateway.clock import system_clock
from gateway.config import Settings
from gateway.database.together import Insertion, Rows
from gateway.submit import submit
from gateway.wiring import Window, open_window
from tests.bench.filler import CLIENT
from tests.bench.memory import ROOT
from tests.bench.mix import Mix
from tests.bench.stores import Servers

OURS, BY_HAND, COMMITS = "our data layer", "by hand", "1 KB commits"
CONNECTIONS = (1, 4, 16)
WANTED = 0.9
# every column spelled out, as one writes it who knows the tables; rows come as arrays, values ready for the driver
_STATEMENT = """
WITH filed AS (
  INSERT INTO declaration (id, organisation_id, form, reference, live_reference, scope, direction, version, status, urgent,
    filed_by, created_at, updated_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
), version AS (
  INSERT INTO declaration_version (declaration_id, version, organisation_id, media_type, sha256, bundle_digest, profile,
    filed_by, accepted_at, warnings, body, size)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
), sent AS (
  INSERT INTO message (id, organisation_id, declaration_id, version, agency, message, table_version, reference, bundle_digest,
    required_for_release, waits_for, carries, filing, delivery, accepted_at, updated_at, exchange_name)
  SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::int[], ?::text[], ?::text[], ?::text[], ?::text[],
    ?::text[], ?::bool[], ?::text[], ?::text[], ?::text[], ?::text[], ?::timestamptz[], ?::timestamptz[],
    ?::text[])
), bodies AS (
  INSERT INTO message_body (message_id, sha256, rendered_at, body, size)
  SELECT * FROM unnest(?::text[], ?::text[], ?::timestamptz[], ?::bytea[], ?::int[])
), queued AS (
  INSERT INTO outbox (message_id, declaration_id, organisation_id, agency, state, priority, trace, created_at, due_at)
  SELECT *, clock_timestamp(), clock_timestamp()
  FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::int[], ?::text[])
), keys AS (
  INSERT INTO search_key (organisation_id, declaration_id, kind, value, reversed)
  SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[])
), acts AS (
  INSERT INTO journal (organisation_id, declaration_id, version, agency, code, actor, at, details)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
) SELECT 1"""
_numbers = count(1)
STATEMENT = re.sub(r"\?", lambda _: f"${next(_numbers)}", _STATEMENT)
SINGLE = frozenset({"declaration", "declaration_version", "journal"})
COLUMNS = {
    "declaration": "id organisation_id form reference live_reference scope direction version status urgent filed_by created_at"
    " updated_at",
    "declaration_version": "declaration_id version organisation_id media_type sha256 bundle_digest profile filed_by accepted_at"
    " warnings body size",
    "message": "id organisation_id declaration_id version agency message table_version reference bundle_digest"
    " required_for_release waits_for carries filing delivery accepted_at updated_at exchange_name",
    "message_body": "message_id sha256 rendered_at body size",
    "outbox": "message_id declaration_id organisation_id agency state priority trace",
    "search_key": "organisation_id declaration_id kind value reversed",
    "journal": "organisation_id declaration_id version agency code actor at details",
}


async def accepted_rows(window: Window, bodies: Sequence[bytes]) -> list[list[Rows]]:
    """What `submit` would store of each declaration; nothing is stored."""
    found: list[list[Rows]] = []

    def sealed(connection: Connection, groups: Sequence[Rows]) -> list[Rows]:
        # sealing is the vault's: both ways insert the same sealed rows
        return [
            (Insertion(insertion.table, insertion.clocked), insertion.sealed(connection, rows))
            for insertion, rows in groups
            if rows
        ]

    async def keep(groups: Sequence[Rows]) -> None:
        found.append(await window.database.write(lambda connection: sealed(connection, groups)))

    insert = window.database.insert
    window.database.insert = keep  # type: ignore[method-assign]
    try:
        for body in bodies:
            await submit(window, CLIENT, body, "application/xml")
    finally:
        window.database.insert = insert  # type: ignore[method-assign]
    return found


def by_hand(groups: Sequence[Rows]) -> list[Any]:
    """The same rows as parameters of STATEMENT, made ready beforehand: JSON is text already."""
    parameters: list[Any] = []
    rows_of = {insertion.table.name: (insertion.table, rows) for insertion, rows in groups}
    for name, columns in COLUMNS.items():
        table, rows = rows_of[name]
        if set(columns.split()) != set(rows[0]):
            raise SystemExit(f"the statement by hand does not know the columns of {name}: {sorted(rows[0])}")
        for column in columns.split():
            kind = type(table.c[column].type).__name__
            values = [_json(row[column]) if kind == "Json" else row[column] for row in rows]
            parameters.append(values[0] if name in SINGLE else values)
    return parameters


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


async def run(servers: Servers, rounds: int, count: int) -> bool:
    """Prints units a second for each number of connections; True when N4 is reached."""
    rulebook = Rulebook.load(ROOT)
    url = servers.database()
    reached = True
    with tempfile.TemporaryDirectory(prefix="onewindow-bench-") as directory:
        settings = Settings(data_dir=Path(directory), database_url=url, database_connections=max(CONNECTIONS))
        async with open_window(settings, system_clock, rulebook) as window:
            pool = await asyncpg.create_pool(url, min_size=max(CONNECTIONS), max_size=max(CONNECTIONS))
            await pool.execute("CREATE TABLE commits (id bigserial PRIMARY KEY, body bytea NOT NULL)")
            kilobyte = os.urandom(1000)
            mixes = {name: Mix(rulebook, prefix=name[0].upper()) for name in (OURS, BY_HAND)}
            print(f"N4, PostgreSQL {await pool.fetchval('SHOW server_version')}, lz4, fsync on; "
                  f"{rounds} interleaved rounds of {count} units (all rows of one accept): units a second, medians")  # fmt: skip
            print(f"  connections   {OURS:>16} {BY_HAND:>10} {COMMITS:>13}   ratio")
            for connections in CONNECTIONS:
                rates: dict[str, list[float]] = {OURS: [], BY_HAND: [], COMMITS: []}
                for _ in range(rounds + 1):
                    rows = await accepted_rows(window, mixes[OURS].take(count))
                    ready = [by_hand(each) for each in await accepted_rows(window, mixes[BY_HAND].take(count))]
                    jobs: dict[str, list[Callable[[], Awaitable[Any]]]] = {
                        OURS: [lambda each=each: window.database.insert(each) for each in rows],
                        BY_HAND: [lambda each=each: pool.fetchval(STATEMENT, *each) for each in ready],
                        COMMITS: [
                            lambda: pool.execute("INSERT INTO commits (body) VALUES ($1)", kilobyte)
                            for _ in range(count)
                        ],
                    }
                    for name, each in jobs.items():
                        rates[name].append(count / await _timed(each, connections))
                # the first round fills caches
                middle = {name: median(each[1:]) for name, each in rates.items()}
                ratio = median(one / other for one, other in zip(rates[OURS][1:], rates[BY_HAND][1:], strict=True))
                reached &= ratio >= WANTED
                shown = f"{middle[OURS]:16.0f} {middle[BY_HAND]:10.0f} {middle[COMMITS]:13.0f}"
                print(f"  {connections:11d}   {shown}   {ratio:.2f}x  "
                      f"N4 at least {WANTED:.2f}x  {'reached' if ratio >= WANTED else 'MISSED'}")  # fmt: skip
            await pool.close()
    return reached


async def _timed(jobs: Sequence[Callable[[], Awaitable[Any]]], connections: int) -> float:
    waiting, started = iter(jobs), time.perf_counter()

    async def connection() -> None:
        for job in waiting:
            await job()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return time.perf_counter() - started
