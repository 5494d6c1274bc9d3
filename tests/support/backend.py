"""Which database stands behind a test's data directory: its SQLite file, or a PostgreSQL database of its own.

`pytest --backend=postgresql` sets TEST_DATABASE, which the programs that tests start inherit: whoever opens a data directory,
in whatever process, gets the same database.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import uuid
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
from sqlalchemy import make_url

from gateway.config import Settings
from gateway.database.engine import open_database

VARIABLE = "TEST_DATABASE"
"""The address of a migrated, empty database all others are copied from; their names begin with its name."""

_made: dict[str, Path] = {}
"""Addresses of databases this process has asked for -> their data directories."""


def on_postgres() -> bool:
    return VARIABLE in os.environ


def settings_at(data_dir: Path, **settings: Any) -> Settings:
    """Settings of a window on the database of `data_dir`."""
    return Settings(**{"data_dir": data_dir, **database_at(data_dir), **settings})


def database_at(data_dir: Path) -> dict[str, str]:
    """The setting that names the database of `data_dir`, which is made when nobody asked before; none on SQLite."""
    if not on_postgres():
        file = data_dir / "onewindow.db"
        if not file.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_migrated_file())
        return {}
    template = make_url(os.environ[VARIABLE])
    name = f"{template.database}_{hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:16]}"
    address = template.set(database=name).render_as_string(hide_password=False)
    if address not in _made:
        _run(_copy(os.environ[VARIABLE], name))
        _made[address] = data_dir.absolute()
    return {"database_url": address}


def environment_at(data_dir: Path) -> dict[str, str]:
    """The same for a program: `serve` delivers itself, as it does on SQLite."""
    found = database_at(data_dir)
    return {"ONEWINDOW_DATABASE_URL": found["database_url"], "ONEWINDOW_DELIVER_INSIDE": "true"} if found else {}


def forget(below: Path) -> None:
    """Drops the databases of the data directories in and below a directory."""
    for address in [address for address, data_dir in _made.items() if data_dir.is_relative_to(below.absolute())]:
        del _made[address]
        _run(_drop(address))


def make_template(server: str) -> str:
    """A migrated database on a server to copy from; its address."""
    url = make_url(server).set(drivername="postgresql", database=f"test_{uuid.uuid4().hex[:8]}")
    address = url.render_as_string(hide_password=False)
    _run(_execute(address, f'CREATE DATABASE "{url.database}"'))
    _run(_migrated(address))
    return address


def drop_all(template: str) -> None:
    """Drops a template and all that was copied from it, by whichever process."""
    url = make_url(template)
    for name in _run(_names(template)):
        _run(_drop(url.set(database=name).render_as_string(hide_password=False)))
    _made.clear()


@cache
def _migrated_file() -> bytes:
    """A migrated, empty SQLite database: making one is most of the work of a window's first start."""
    with TemporaryDirectory() as directory:
        file = Path(directory, "onewindow.db")
        _run(_migrated(f"sqlite:///{file}"))
        return file.read_bytes()


async def _copy(template: str, name: str) -> None:
    # another process of this test may have been first
    with contextlib.suppress(asyncpg.DuplicateDatabaseError):
        await _execute(template, f'CREATE DATABASE "{name}" TEMPLATE "{make_url(template).database}"')


async def _migrated(address: str) -> None:
    await (await open_database(address, 1)).close()


async def _drop(address: str) -> None:
    await _execute(address, f'DROP DATABASE IF EXISTS "{make_url(address).database}" WITH (FORCE)')


async def _names(template: str) -> list[str]:
    connection = await _server_of(template)
    try:
        rows = await connection.fetch(
            "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", make_url(template).database
        )
        return [row["datname"] for row in rows]
    finally:
        await connection.close()


async def _execute(address: str, statement: str) -> None:
    connection = await _server_of(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _server_of(address: str) -> Any:
    return await asyncpg.connect(make_url(address).set(database="postgres").render_as_string(hide_password=False))


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    # a test may have its own loop running in this thread
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
