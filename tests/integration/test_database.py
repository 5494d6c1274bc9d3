"""The store: durable before it answers, one process, units that fail alone, a schema that its migrations make."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from declarations.errors import BadConfiguration, StorageUnavailable
from gateway import ask
from gateway.database import schema
from gateway.database.engine import open_database
from gateway.database.people import organisation
from gateway.database.prepared import Prepared
from gateway.database.schema import metadata
from gateway.database.sqlite import SqliteDatabase
from gateway.database.stores import bundles, inbox, messages, outbox
from gateway.database.types import Moment, database_now
from gateway.wiring import Window
from tests.support.windows import CLIENT, ROOT, TickingClock, file, window_at

pytestmark = pytest.mark.sqlite_only  # PostgreSQL has a module of its own

NOW = datetime(2015, 10, 22, 1, 2, 3, 456_789, tzinfo=UTC)


def row(name: str) -> dict[str, object]:
    return {"id": name, "name": name, "created_at": NOW}


def add(name: str) -> object:
    def act(connection: Connection) -> str:
        connection.execute(insert(organisation), row(name))
        return name

    return act


async def opened_and_closed(url: str) -> None:
    await (await open_database(url, 1)).close()


def names(connection: Connection) -> set[str]:
    return set(connection.scalars(select(organisation.c.id)))


# SQLite cannot tell what expression an index has
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")
def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    asyncio.run(opened_and_closed(f"sqlite:///{path}"))
    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == "0004"


def test_the_schema_is_sayable_on_postgresql() -> None:
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))
    claim = str(outbox._DUE.statement.compile(dialect=postgresql.dialect()))
    assert "FOR UPDATE OF outbox SKIP LOCKED" in claim
    assert "clock_timestamp()" in claim


def test_every_row_of_an_organisation_says_whose_it_is() -> None:
    shared = {"organisation", "bundle", "bundle_file", "inbox", "unmatched", "message_body"}
    shared |= {"agency_control", "approval", "process", "compatibility"}  # the operator's own
    # people may belong to several organisations; a mandate names two; chains, keys and failures to log in name an owner
    shared |= {"person", "credential", "challenge", "throttle", "mandate", "journal_batch", "journal_link", "data_key"}
    # of a call, which says whose it is; a handover names two, a sequence nobody
    shared |= {"call_void", "manifest_bill", "handover", "certificate_sequence"}
    shared.add("registration")  # an undecided applicant belongs to no organisation yet
    without = {table.name for table in metadata.sorted_tables if "organisation_id" not in table.c}
    assert without == shared, "tables, agencies' documents before they are matched, and bytes behind an owned message"


def test_a_newer_database_says_which_is_the_oldest_program_that_may_use_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    asyncio.run(opened_and_closed(f"sqlite:///{path}"))
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    asyncio.run(opened_and_closed(f"sqlite:///{path}"))
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE compatibility SET oldest = '9999'")
    with pytest.raises(BadConfiguration, match="9999"):
        asyncio.run(opened_and_closed(f"sqlite:///{path}"))


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "postgresql://localhost", "sqlite://", "sqlite:///:memory:", "nonsense"]
)
def test_other_addresses_are_refused_with_words(url: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        asyncio.run(opened_and_closed(url))
    assert refused.value.message_zh != refused.value.message_en


async def test_a_second_process_is_refused_and_told_who_holds_the_file(tmp_path: Path) -> None:
    program = f"from gateway.database.sqlite import SqliteDatabase; SqliteDatabase('{tmp_path}/a.db')"
    database = SqliteDatabase(tmp_path / "a.db")
    second = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"pid {os.getpid()}" in second.stderr
    await database.close()
    third = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert third.returncode == 0, third.stderr


async def test_the_pragmas_that_make_a_commit_durable(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")

    def pragmas(connection: Connection) -> tuple[object, ...]:
        wanted = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted)

    assert await database.write(pragmas) == ("wal", 2, 1)
    await database.close()


async def test_units_that_wait_are_committed_together(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    commits = []
    event.listen(database._writer, "commit", lambda _: commits.append(1))
    gate = threading.Event()
    blocked = database.write(lambda _: gate.wait(5))
    await asyncio.sleep(0.05)
    waiting = [database.write(add(f"o{number}")) for number in range(100)]  # type: ignore[arg-type]
    gate.set()
    await asyncio.gather(blocked, *waiting)
    assert len(await database.read(names)) == 100
    assert len(commits) <= 3, "one for the first, then groups of 64"
    await database.close()


async def test_a_unit_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")

    def half(connection: Connection) -> None:
        connection.execute(insert(organisation), row("half"))
        raise LookupError("no")

    gate = threading.Event()
    blocked = database.write(lambda _: gate.wait(5))
    await asyncio.sleep(0.05)
    units = [add("a"), half, add("b"), add("a"), add("c")]
    waiting = [database.write(unit) for unit in units]  # type: ignore[arg-type, var-annotated]
    gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    await blocked
    assert [type(result) for result in results] == [str, LookupError, str, IntegrityError, str]
    assert await database.read(names) == {"a", "b", "c"}
    await database.close()


async def test_a_write_resolves_only_after_its_commit(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    path = tmp_path / "a.db"
    for number in range(20):
        await database.write(add(f"o{number}"))  # type: ignore[arg-type]
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT count(*) FROM organisation").fetchone() == (number + 1,)
    await database.close()


async def test_readers_cannot_write(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    with pytest.raises(Exception, match="readonly"):
        await database.read(add("x"))  # type: ignore[arg-type]
    assert await database.read(names) == set()
    await database.close()


async def test_a_cancelled_waiter_leaves_the_writer_running(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")

    async def one(name: str) -> None:
        await database.write(add(name))  # type: ignore[arg-type]

    task = asyncio.create_task(one("gone"))
    await asyncio.sleep(0)
    task.cancel()
    await one("stays")
    assert "stays" in await database.read(names)
    await database.close()
    with pytest.raises(StorageUnavailable):
        await one("late")


async def fifty(window: Window) -> None:
    for number in range(50):
        await file(window, trader_assigned_reference_id=f"FULL{number}")


async def test_a_full_disk_is_said_and_got_over(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        first = await file(window)

        def limit(pages: int | None) -> object:
            def act(connection: Connection) -> None:
                used = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
                connection.exec_driver_sql(f"PRAGMA max_page_count = {used if pages is None else pages}")

            return act

        # SQLite answers a file that may not grow as it answers a full disk
        await window.database.write(limit(None))  # type: ignore[arg-type]
        with pytest.raises(StorageUnavailable) as refused:
            await fifty(window)
        assert refused.value.message_zh
        await window.database.write(limit(1_000_000))  # type: ignore[arg-type]
        assert (await file(window, trader_assigned_reference_id="AFTER")).status == 202
        assert (await ask.declaration(window, CLIENT, first.body["id"]))["status"] == "filed"
    with sqlite3.connect(tmp_path / "onewindow.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        (declarations, messages, queued) = (
            raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("declaration", "message", "outbox")
        )
        assert declarations == messages == queued, "no filing was half stored"


async def test_moments_keep_their_instant_and_sort(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    moments = [
        datetime(2015, 10, 22, 9, 2, 3, 456_789, tzinfo=timezone(timedelta(hours=8))),
        datetime(2015, 10, 22, 1, 2, 3, tzinfo=UTC),
        datetime(999, 1, 1, tzinfo=UTC),
    ]

    def act(connection: Connection) -> list[datetime]:
        for number, moment in enumerate(moments):
            connection.execute(insert(organisation), {"id": str(number), "name": "", "created_at": moment})
        return list(connection.scalars(select(organisation.c.created_at).order_by(organisation.c.created_at)))

    found = await database.write(act)
    assert found == sorted(moments)
    assert all(moment.tzinfo is UTC for moment in found)
    await database.close()


def test_a_moment_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(datetime(2015, 10, 22, 9, 2, 3), postgresql.dialect())


async def test_the_databases_clock_is_a_moment_like_ours(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    before = datetime.now(UTC)
    now, later, soon = await database.read(
        lambda connection: connection.execute(select(database_now(), database_now(60), database_now(0.00001))).one()
    )
    assert abs((now - before).total_seconds()) < 5
    assert 59 < (later - now).total_seconds() < 61
    assert abs((soon - now).total_seconds()) < 1
    await database.close()


async def test_the_tables_in_use_are_kept_by_hash(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        pass
    async with window_at(tmp_path) as window:

        def kept(connection: Connection) -> tuple[int, int, bool]:
            loaded = bundles.load(connection, window.rulebook.digest)
            count = connection.scalar(select(func.count()).select_from(schema.bundle)) or 0
            files = connection.scalar(select(func.count()).select_from(schema.bundle_file)) or 0
            return count, files, loaded.files == window.rulebook.bundle.files

        count, files, same = await window.database.read(kept)
        assert (count, same) == (1, True)
        assert files == len(set(window.rulebook.bundle.digests.values()))


PROGRAM = """
import asyncio, os, signal, sys
from sqlalchemy import insert
from gateway.database.sqlite import SqliteDatabase
from gateway.database.people import organisation
from tests.support.windows import START

async def main():
    database = SqliteDatabase(sys.argv[1])
    async def one(number):
        await database.write(lambda connection: connection.execute(
            insert(organisation), {"id": str(number), "name": "", "created_at": START}) and None)
        print(number, flush=True)
    await asyncio.gather(*(one(number) for number in range(100000)))

asyncio.run(main())
"""


async def test_killed_under_load_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "a.db")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    acknowledged = {line.strip() for line in told if line.endswith("\n")}
    assert len(acknowledged) >= 200
    database = SqliteDatabase(tmp_path / "a.db")
    assert acknowledged <= await database.read(names)
    assert await database.read(lambda connection: connection.execute(text("PRAGMA integrity_check")).scalar()) == "ok"
    await database.close()


async def test_what_people_and_workers_ask_often_is_found_by_an_index(tmp_path: Path) -> None:
    # the condition of a partial index must be the one that is asked, or the whole table is read
    statements = {
        inbox._FAULTY: "ix_inbox_not_done",
        inbox._UNKNOWN: "ix_answer_not_known",
        messages._BY_NUMBER["unified_number"]: "ix_message_agency_unified_number",
        messages._BY_NUMBER["agency_reference"]: "ix_message_agency_agency_reference",
        messages._BY_NUMBER["reference"]: "ix_message_agency_reference",
        messages._CURRENT: "ix_message_declaration_id_agency",
        outbox._DUE: "ix_outbox_agency_state_priority_due_at",
    }
    database = SqliteDatabase(tmp_path / "a.db")

    def plan(connection: Connection, statement: Prepared) -> str:
        compiled = statement.statement.compile(dialect=connection.dialect)
        blanks = tuple(1 for _ in compiled.positiontup or ())
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", blanks).all()
        return "\n".join(row[3] for row in rows)

    for statement, index in statements.items():
        found = await database.write(lambda connection, asked=statement: plan(connection, asked))  # type: ignore[misc]
        assert index in found, found
    await database.close()
