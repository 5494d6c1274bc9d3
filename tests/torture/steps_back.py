"""Steps a lane's database back to its first revision, with all that stands in it: what a window of the version before would have
left, to be migrated anew."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.database.migrate import MIGRATIONS
from tests.torture.lane import Lane
from tests.torture.sealed import unseal_all

FIRST = "0001"
_ONE_AT_A_TIME = asyncio.Lock()
"""Alembic keeps what it works on in one place for the whole process."""


async def step_back(lane: Lane) -> None:
    """The lane's programs must not run."""
    await unseal_all(lane.database_url or f"sqlite:///{lane.directory / 'onewindow.db'}", lane.directory)
    async with _ONE_AT_A_TIME:
        if lane.database_url:
            await _postgres(lane.database_url)
        else:
            await asyncio.to_thread(_sqlite, lane.directory / "onewindow.db")


def _upgrade(connection: Connection, revision: str = FIRST) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _sqlite(path: Path) -> None:
    old = path.with_name("before.db")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(old.with_name(old.name + suffix))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        _upgrade(connection)
    engine.dispose()
    raw = sqlite3.connect(path, isolation_level=None)
    try:
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("ATTACH ? AS before", (str(old),))
        tables = [
            name for (name,) in raw.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        ]
        raw.execute("BEGIN")
        for table in tables:
            if table == "alembic_version" or table.startswith("sqlite_"):
                continue
            mine = [row[1] for row in raw.execute(f"PRAGMA main.table_info({table})")]
            theirs = {row[1] for row in raw.execute(f"PRAGMA before.table_info({table})")}
            columns = ", ".join(name for name in mine if name in theirs)
            raw.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM before.{table} WHERE {_fits(table)}"
            )
        raw.execute("COMMIT")
    finally:
        raw.close()
    for suffix in ("", "-wal", "-shm"):
        old.with_name(old.name + suffix).unlink(missing_ok=True)


def _fits(table: str) -> str:
    """The first revision's journal speaks of declarations only."""
    return (
        "declaration_id IS NOT NULL AND organisation_id IS NOT NULL AND version IS NOT NULL"
        if table == "journal"
        else "1 = 1"
    )


async def _postgres(url: str) -> None:
    """Within the database: what stands there goes into a schema aside, and back into tables of the first revision."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER SCHEMA public RENAME TO before; CREATE SCHEMA public")
    finally:
        await connection.close()
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as opened:
        await opened.run_sync(_upgrade)
        await opened.commit()
    await engine.dispose()
    connection = await asyncpg.connect(url)
    try:
        names = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = $1"
        mine: dict[str, list[str]] = {}
        for table, column in await connection.fetch(names, "public"):
            mine.setdefault(table, []).append(column)
        theirs = {(table, column) for table, column in await connection.fetch(names, "before")}
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for table, columns in mine.items():
                if table == "alembic_version":
                    continue
                shared = ", ".join(name for name in columns if (table, name) in theirs)
                await connection.execute(
                    f"INSERT INTO public.{table} ({shared}) SELECT {shared} FROM before.{table} WHERE {_fits(table)}"
                )
            for table in ("outbox", "journal"):
                await connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('public.{table}', 'id'), coalesce(max(id), 0) + 1) FROM public.{table}"
                )
            await connection.execute("DROP SCHEMA before CASCADE")
    finally:
        await connection.close()
