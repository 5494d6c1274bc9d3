"""PostgreSQL as the store: shared by programs, faults that stay alone; a killed server keeps what it acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from declarations.errors import BadConfiguration, StorageUnavailable
from gateway.database.engine import Database, open_database
from gateway.database.people import organisation
from gateway.database.schema import metadata
from gateway.database.types import database_now
from scripts.services.postgres import Postgres
from tests.support.backend import database_at

NOW = datetime(2015, 10, 22, 1, 2, 3, 456_789, tzinfo=UTC)


@pytest.fixture
def url(postgres_backend: None, tmp_path: Path) -> str:
    """The address of a migrated database of the test's own."""
    return database_at(tmp_path)["database_url"]


@asynccontextmanager
async def opened(url: str, connections: int = 8) -> AsyncIterator[Database]:
    database = await open_database(url, connections)
    try:
        yield database
    finally:
        await database.close()


def add(name: str) -> Any:
    def act(connection: Connection) -> str:
        connection.execute(insert(organisation), {"id": name, "name": name, "created_at": NOW})
        return name

    return act


def rename(first: str, second: str, name: str) -> Any:
    def act(connection: Connection) -> None:
        for each in (first, second):
            connection.execute(update(organisation).where(organisation.c.id == each).values(name=name))
            connection.execute(text("SELECT pg_sleep(0.2)"))

    return act


def names(connection: Connection) -> set[str]:
    return set(connection.scalars(select(organisation.c.id)))


def execute(statement: str) -> Any:
    def act(connection: Connection) -> None:
        connection.execute(text(statement))

    return act


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")
async def test_the_migrations_make_the_schema(url: str) -> None:
    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with opened(url) as database:
        assert await database.read(differences) == []


async def test_programs_that_start_together_migrate_once(url: str) -> None:
    async with opened(url, 1) as database:
        await database.write(execute("DROP SCHEMA public CASCADE"))
        await database.write(execute("CREATE SCHEMA public"))
    found = await asyncio.gather(*(open_database(url, 2) for _ in range(8)))
    try:
        assert [await database.read(names) for database in found] == [set()] * 8
    finally:
        await asyncio.gather(*(database.close() for database in found))


async def test_a_newer_database_says_which_is_the_oldest_program_that_may_use_it(url: str) -> None:
    async with opened(url) as database:
        await database.write(execute("UPDATE alembic_version SET version_num = '9999'"))
    async with opened(url) as database:
        await database.write(execute("UPDATE compatibility SET oldest = '9999'"))
    with pytest.raises(BadConfiguration, match="9999"):
        await open_database(url, 1)


async def test_a_unit_that_fails_takes_no_other_with_it(url: str) -> None:
    async with opened(url) as database:
        await database.write(add("a"))
        results = await asyncio.gather(*(database.write(add(name)) for name in ("b", "a", "c")), return_exceptions=True)
        assert [type(result) for result in results] == [str, IntegrityError, str]
        assert await database.read(names) == {"a", "b", "c"}


async def test_a_write_is_seen_by_another_program_once_it_resolves(url: str) -> None:
    async with opened(url) as database, opened(url) as other:
        for number in range(20):
            await database.write(add(f"o{number}"))
            assert len(await other.read(names)) == number + 1


async def test_readers_cannot_write(url: str) -> None:
    async with opened(url) as database:
        with pytest.raises(Exception, match="read-only"):
            await database.read(add("x"))
        assert await database.read(names) == set()


async def test_more_work_than_connections_waits_its_turn(url: str) -> None:
    async with opened(url, 2) as database:
        await asyncio.gather(*(database.write(add(f"o{number}")) for number in range(100)))
        assert len(await database.read(names)) == 100


async def test_units_that_meet_in_a_deadlock_both_end(url: str) -> None:
    async with opened(url) as database:
        await database.write(add("a"))
        await database.write(add("b"))
        await asyncio.gather(database.write(rename("a", "b", "first")), database.write(rename("b", "a", "second")))
        found = await database.read(lambda connection: connection.scalars(select(organisation.c.name).distinct()).all())
        assert len(found) == 1, "one after the other, each whole"


async def test_a_cancelled_waiter_leaves_nothing_locked(url: str) -> None:
    async with opened(url, 1) as database:
        await database.write(add("a"))
        slow = asyncio.create_task(database.write(rename("a", "a", "slow")))
        await asyncio.sleep(0.1)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        await database.write(rename("a", "a", "next"))
        assert await database.read(lambda connection: connection.scalar(select(organisation.c.name))) == "next"


async def test_the_databases_clock_is_a_moment_like_ours(url: str) -> None:
    before = datetime.now(UTC)
    async with opened(url) as database:
        now, later = await database.read(
            lambda connection: connection.execute(select(database_now(), database_now(60))).one()
        )
    assert abs((now - before).total_seconds()) < 5
    assert round((later - now).total_seconds()) == 60


@pytest.fixture
def server(postgres_server: str, own_directory: Path) -> Iterator[Postgres]:
    """A server of the test's own, to be killed. (The shared one says that PostgreSQL can be had here.)"""
    own = Postgres(own_directory)
    own.start()
    yield own
    own.kill()


async def test_a_server_killed_under_load_has_all_that_was_acknowledged(server: Postgres) -> None:
    acknowledged: set[str] = set()

    async def write(database: Database, writer: int) -> None:
        for number in range(10_000):
            try:
                acknowledged.add(await database.write(add(f"w{writer}-{number}")))
            except StorageUnavailable:
                return
        raise AssertionError("the server was never gone")

    async with opened(server.url()) as database:
        writers = [asyncio.create_task(write(database, writer)) for writer in range(8)]
        while len(acknowledged) < 200:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.kill)
        await asyncio.gather(*writers)
        await asyncio.to_thread(server.start)
        stored = await database.read(names)
        assert acknowledged <= stored
        # told "it may have been stored or not"
        assert len(stored - acknowledged) <= 8
        await database.write(add("after"))


async def test_connections_that_are_cut_are_replaced(url: str) -> None:
    async with opened(url) as database, opened(url) as operator:
        await asyncio.gather(*(database.write(add(f"o{number}")) for number in range(8)))
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        await operator.write(execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        assert len(await database.read(names)) == 8
