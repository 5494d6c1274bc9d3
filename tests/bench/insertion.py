"""N4: our data layer on PostgreSQL beside one statement written by hand for the same rows, and the database's own commit rate."""

from __future__ import annotations

import asyncio
import os
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
# table -> its columns, the array types of those whose rows come as arrays: one statement, every column spelled out, as one
# writes it who knows the tables; values are ready for the driver
COLUMNS = {
    "declaration": "id organisation_id principal_id mandate_id call_id form reference live_reference scope direction version"
    " status urgent filed_by created_at updated_at",
    "declaration_version": "declaration_id version organisation_id media_type sha256 bundle_digest profile filed_by accepted_at"
    " warnings receipt body size",
    "message": "id:text organisation_id:text principal_id:text declaration_id:text version:int agency:text message:text"
    " table_version:text reference:text bundle_digest:text required_for_release:bool waits_for:text carries:text filing:text"
    " delivery:text accepted_at:timestamptz updated_at:timestamptz exchange_name:text",
    "message_body": "message_id:text sha256:text rendered_at:timestamptz signature:text body:bytea size:int",
    "outbox": "message_id:text declaration_id:text organisation_id:text agency:text state:text priority:int trace:text",
    "search_key": "organisation_id:text declaration_id:text kind:text value:text reversed:text",
    "journal": "organisation_id declaration_id version agency code actor at details",
}
SINGLE = frozenset({"declaration", "declaration_version", "journal"})
CLOCKED = {"outbox": ("created_at", "due_at")}


def _columns(table: str) -> list[str]:
    return [column.partition(":")[0] for column in COLUMNS[table].split()]


def _statement() -> str:
    numbers = count(1)
    parts = []
    for table, columns in COLUMNS.items():
        clocked = CLOCKED.get(table, ())
        into = f"INSERT INTO {table} ({', '.join((*_columns(table), *clocked))})"
        if table in SINGLE:
            values = f"VALUES ({', '.join(f'${next(numbers)}' for _ in columns.split())})"
        else:
            arrays = ", ".join(f"${next(numbers)}::{column.partition(':')[2]}[]" for column in columns.split())
            values = f"SELECT {', '.join(('*', *('clock_timestamp()' for _ in clocked)))} FROM unnest({arrays})"
        parts.append(f"{table}_in AS ({into} {values})")
    return f"WITH {', '.join(parts)} SELECT 1"


STATEMENT = _statement()


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
    for name in COLUMNS:
        table, rows = rows_of[name]
        if set(_columns(name)) != set(rows[0]):
            raise SystemExit(f"the statement by hand does not know the columns of {name}: {sorted(rows[0])}")
        for column in _columns(name):
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
