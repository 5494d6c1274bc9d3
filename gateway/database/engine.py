"""The store as use cases see it: `write` and `read` run plain functions over a SQLAlchemy connection.

Such a function holds no `await`, so that the same one runs in SQLite's writer thread and by `run_sync` on PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError

from declarations.errors import BadConfiguration
from gateway.database.together import Rows

if TYPE_CHECKING:
    from gateway.vault import Vault

T = TypeVar("T")


class Database(Protocol):
    """One store. Both calls raise StorageUnavailable when the store cannot be used now; nothing was stored then."""

    exclusive: bool
    """True when no other process can have the store open: leases of a process that died are void at once."""

    def write(self, act: Callable[[Connection], T]) -> Awaitable[T]:
        """Runs `act` in a transaction of its own; resolves after the commit is durable. An exception undoes `act` alone."""

    def insert(self, groups: Sequence[Rows]) -> Awaitable[None]:
        """Rows of several tables in a transaction of their own, as `write` does; raises IntegrityError when they do not fit."""

    def read(self, act: Callable[[Connection], T]) -> Awaitable[T]:
        """Runs `act` on one consistent snapshot; it cannot write."""

    async def close(self) -> None:
        """Finishes what was begun, then lets go."""


async def open_database(url: str, connections: int, vault: Vault | None = None) -> Database:
    """The store at `url`, its schema brought up to date; raises BadConfiguration when it cannot be ours.

    `connections`: at most so many to a database that is shared. `vault`: what seals and opens payloads; nothing sealed can be
    read or written without.
    """
    from gateway.database.postgres import PostgresDatabase
    from gateway.database.sqlite import SqliteDatabase

    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadConfiguration(f"not a database address: {error}", f"数据库地址有误：{error}") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql" and parsed.database:
        return await PostgresDatabase.open(parsed, connections, vault)
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise BadConfiguration(
            "the database must be a SQLite file, as in sqlite:////srv/onewindow/onewindow.db, "
            "or PostgreSQL, as in postgresql://user:password@host/name",
            "数据库须为 SQLite 文件（例如 sqlite:////srv/onewindow/onewindow.db）"
            "或 PostgreSQL（例如 postgresql://user:password@host/name）",
        )
    return await asyncio.to_thread(SqliteDatabase, parsed.database, vault)
