"""Backup and restore: taken beside a running window, put back where nothing is, and brought up to what others still know."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy import make_url, select

from declarations.errors import BadConfiguration, StorageUnavailable
from declarations.rulebook import Rulebook
from gateway import ask, backup, restore
from gateway.config import Settings
from gateway.database.schema import outbox
from gateway.operations.faults import operator_faults
from gateway.wiring import Window, open_window
from tests.support.backend import settings_at
from tests.support.program import program
from tests.support.signed import put
from tests.support.windows import (
    CLIENT,
    ELECTRONICS,
    ROOT,
    START,
    TickingClock,
    agency,
    changed_rulebook,
    file,
    receipt,
    result,
    rulebook,
    sample,
    window_at,
)


def window_on(settings: Settings, clock: TickingClock, tables: Rulebook | None = None) -> Any:
    """A window with its real channels."""
    return open_window(settings, clock, tables or rulebook())


async def send_out(window: Window) -> None:
    while await window.deliverers["customs"].run_once():
        pass


async def answer(window: Window, name: str, body: bytes) -> None:
    """Customs leaves a file in InBox, and the window takes it up."""
    box = window.settings.exchange_dir / "customs" / "InBox"
    put(window.settings.data_dir, "customs", name, body, window.clock)
    collector = next(each for each in window.collectors if each._agency == "customs")
    await collector.run_once()
    assert not (box / name).exists()


async def empty(settings: Settings) -> None:
    """Destroys the database and what belongs to it."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        for suffix in ("", "-wal", "-shm"):
            Path(f"{url.database}{suffix}").unlink(missing_ok=True)
        return
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


def outgoing(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (settings.exchange_dir / "customs" / "OutBox").glob("*.zip")}


async def status(window: Window, declaration_id: str) -> tuple[str, str]:
    found = await ask.declaration(window, CLIENT, declaration_id)
    return found["status"], found["legs"]["customs"]["state"]


async def after_a_disaster(tmp_path: Path, clock: TickingClock) -> tuple[Settings, dict[str, str], dict[str, bytes]]:
    """Two filings, a backup, then more answers and a third filing; then the database is gone. Returns also the ids and all
    messages that ever lay in OutBox."""
    settings = settings_at(tmp_path / "data")
    ids: dict[str, str] = {}
    async with window_on(settings, clock) as window:
        for name in "AB":
            ids[name] = (await file(window, trader_assigned_reference_id=f"{name}0000001")).body["id"]
            if name == "A":
                await send_out(window)
        await answer(window, "a1.xml", receipt("A0000001", "I20150000000000001"))
        # B is queued when the backup is taken, beside the window that holds the database
        taken = await asyncio.to_thread(backup.take, settings, tmp_path / "backup", clock())
        assert taken["files"] >= 4
        await send_out(window)
        clock.tick(60)
        for number, code in enumerate("LPR"):
            await answer(window, f"a{number + 2}.xml", result(code, clock.tick(60), "I20150000000000001"))
        await answer(window, "b1.xml", receipt("B0000001", "I20150000000000002"))
        ids["C"] = (await file(window, trader_assigned_reference_id="C0000001")).body["id"]
        await send_out(window)
        assert await status(window, ids["A"]) == ("closed", "closed")
    await empty(settings)
    return settings, ids, outgoing(settings)


async def restored(settings: Settings, source: Path, clock: TickingClock, keep: bool) -> dict[str, Any]:
    done = await asyncio.to_thread(restore.put_back, settings, source, keep)
    async with window_on(settings, clock) as window:
        return done | await restore.tell_again(window, START)


async def test_nothing_that_anybody_still_knows_is_lost(tmp_path: Path) -> None:
    clock = TickingClock()
    settings, ids, sent = await after_a_disaster(tmp_path, clock)
    done = await restored(settings, tmp_path / "backup", clock, keep=True)
    assert done["kept"] == ["secrets", "exchange"]
    # the answer of before the backup is known, the four of after it are taken up
    assert done["answers"] == {"duplicate": 1, "done": 4}
    [lost] = done["lost"]
    assert lost.startswith("C0000001_")
    async with window_on(settings, clock) as window:
        assert await status(window, ids["A"]) == ("closed", "closed")
        assert await status(window, ids["B"]) == ("in_progress", "stored")
        await send_out(window)
        assert outgoing(settings) == sent  # B answered, so it is not sent again
        again = await restore.tell_again(window, START)
        assert again["answers"] == {"duplicate": 5}


async def test_without_the_exchange_folder_all_of_the_backup_is_there(tmp_path: Path) -> None:
    clock = TickingClock()
    settings, ids, sent = await after_a_disaster(tmp_path, clock)
    masters = settings.secrets_dir / backup.MASTER_KEYS
    shutil.copytree(masters, tmp_path / "kept apart")
    for name in backup.FOLDERS:
        shutil.rmtree(backup.folder_of(settings, name), ignore_errors=True)
    assert not (tmp_path / "backup" / "secrets" / backup.MASTER_KEYS).exists()
    with pytest.raises(BadConfiguration, match="sealed under master key"):
        restore.put_back(settings, tmp_path / "backup", False)
    shutil.copytree(tmp_path / "kept apart", masters)
    done = await restored(settings, tmp_path / "backup", clock, keep=False)
    assert (done["kept"], done["answers"], done["lost"]) == ([], {"duplicate": 1}, [])
    async with window_on(settings, clock) as window:
        assert await status(window, ids["A"]) == ("in_progress", "stored")
        assert await status(window, ids["B"]) == ("filed", "queued")
        await send_out(window)
        # under the same name, the very bytes that went before
        assert outgoing(settings) == {name: body for name, body in sent.items() if not name.startswith("C")}
        # what customs says again settles it
        await answer(window, "a9.xml", result("R", clock.tick(), "I20150000000000001"))
        assert await status(window, ids["A"]) == ("closed", "closed")


async def test_a_master_key_that_was_lost_comes_back_with_a_backup_that_has_it(tmp_path: Path) -> None:
    settings, clock = settings_at(tmp_path / "data"), TickingClock()
    async with window_on(settings, clock) as window:
        filed = (await file(window)).body["id"]
        taken = await asyncio.to_thread(backup.take, settings, tmp_path / "backup", clock(), with_master_key=True)
    await empty(settings)
    masters = settings.secrets_dir / backup.MASTER_KEYS
    [key] = masters.iterdir()
    text = key.read_text()
    shutil.rmtree(masters)
    done = await restored(settings, tmp_path / "backup", clock, keep=True)
    assert "secrets" in done["kept"]
    assert (key.read_text(), key.stat().st_mode & 0o077) == (text, 0)
    assert backup.masters_of(settings).ids == taken["master_keys"]
    async with window_on(settings, clock) as window:
        assert (await ask.message_bytes(window, CLIENT, filed, f"{filed}.1"))[0] == sample(ELECTRONICS)


async def test_where_nobody_deduplicates_what_may_have_left_is_held(tmp_path: Path) -> None:
    careful = changed_rulebook(
        {"mappings/customs/agency.toml": ('duplicate_policy = "deduplicates"', 'duplicate_policy = "ask"')}
    )
    settings, clock = settings_at(tmp_path / "data"), TickingClock()
    async with window_at(tmp_path / "data", clock, careful) as window:
        await file(window)
        await asyncio.to_thread(backup.take, settings, tmp_path / "backup", clock())
        await send_out(window)
        assert len(agency(window, "customs").got) == 1
    await empty(settings)
    await asyncio.to_thread(restore.put_back, settings, tmp_path / "backup", True)
    async with window_at(tmp_path / "data", clock, careful) as window:
        assert (await restore.tell_again(window, START))["in_doubt"] == 1
        await send_out(window)
        assert agency(window, "customs").got == []
        [item] = (await operator_faults(window))["items"]
        assert item["kind"] == "outcome_unknown"


async def test_filings_go_on_while_a_backup_is_taken(tmp_path: Path) -> None:
    settings, clock = settings_at(tmp_path / "data"), TickingClock()
    async with window_on(settings, clock) as window:
        first = await file(window)
        taking = asyncio.create_task(asyncio.to_thread(backup.take, settings, tmp_path / "backup", clock()))
        filed = 0
        while not taking.done():
            await file(window, trader_assigned_reference_id=f"W{filed:07d}")
            filed += 1
        await taking
        assert filed
        await window.database.read(lambda connection: connection.execute(select(outbox.c.id)).all())
    await empty(settings)
    done = await restored(settings, tmp_path / "backup", clock, keep=True)
    assert 1 <= done["in_doubt"] <= filed + 1
    async with window_on(settings, clock) as window:
        assert await status(window, first.body["id"]) == ("filed", "queued")


async def test_a_restore_refuses_what_is_not_empty(tmp_path: Path) -> None:
    settings, clock = settings_at(tmp_path / "data"), TickingClock()
    async with window_on(settings, clock) as window:
        await file(window)
        await asyncio.to_thread(backup.take, settings, tmp_path / "backup", clock())
    with pytest.raises(BadConfiguration, match=r"not empty|move it away"):
        restore.put_back(settings, tmp_path / "backup", True)
    await empty(settings)
    with pytest.raises(BadConfiguration, match="--keep"):
        restore.put_back(settings, tmp_path / "backup", False)
    restore.put_back(settings, tmp_path / "backup", True)


async def test_a_damaged_backup_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    settings, clock = settings_at(tmp_path / "data"), TickingClock()
    async with window_on(settings, clock) as window:
        await file(window)
        await asyncio.to_thread(backup.take, settings, tmp_path / "backup", clock())
    await empty(settings)
    source = tmp_path / "backup"
    database = source / orjson.loads((source / "manifest.json").read_bytes())["database"]
    content = database.read_bytes()
    for wrong in (content[:-1], content[:2000] + b"!onewindow!" + content[2011:]):
        database.write_bytes(wrong)
        with pytest.raises(BadConfiguration, match="damaged: database"):
            restore.put_back(settings, source, True)
    database.write_bytes(content)
    (source / "secrets" / "stray").write_text("x")
    with pytest.raises(BadConfiguration, match="secrets/stray"):
        restore.put_back(settings, source, True)
    (source / "secrets" / "stray").unlink()
    (source / "manifest.json").unlink()
    with pytest.raises(BadConfiguration, match="is no backup"):
        restore.put_back(settings, source, True)


async def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=f"sqlite:///{tmp_path}/nowhere.db")
    with pytest.raises(BadConfiguration, match="no database"):
        backup.take(settings, tmp_path / "to" / "backup", START)
    (tmp_path / "nowhere.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StorageUnavailable):
        backup.take(settings, tmp_path / "to" / "backup", START)
    assert list((tmp_path / "to").iterdir()) == []
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(BadConfiguration, match="not empty"):
        backup.take(settings, tmp_path / "full", START)


def test_a_file_that_moves_while_it_is_copied_is_found_where_it_went(tmp_path: Path, monkeypatch: Any) -> None:
    """The window takes an answer out of InBox in the middle of a backup."""
    box, kept = tmp_path / "exchange" / "customs" / "InBox", tmp_path / "exchange" / "customs" / "Archive" / "20151023"
    box.mkdir(parents=True)
    kept.mkdir(parents=True)
    (box / "a.xml").write_text("a")
    (box / "b.xml.temp").write_text("half")
    copy2 = shutil.copy2

    def taken_first(source: Path, target: Path) -> None:
        if source.parent == box:
            os.rename(source, kept / source.name)
        copy2(source, target)

    monkeypatch.setattr(shutil, "copy2", taken_first)
    backup._copy(tmp_path / "exchange", tmp_path / "copy")
    copied = [
        path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()
    ]
    assert copied == ["customs/Archive/20151023/a.xml"]


def run(settings: dict[str, str], *arguments: str) -> dict[str, Any]:
    """`onewindow <arguments> --json` as its own process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}
    environment |= {f"ONEWINDOW_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-c", "from gateway.cli import app; app()", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


@pytest.mark.sqlite_only
async def test_the_commands_beside_a_serving_process(tmp_path: Path) -> None:
    async with program(tmp_path) as serving:
        token = (tmp_path / "data" / "secrets" / "clients" / "default.token").read_text().strip()
        body = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with serving.session.post(f"{serving.url}/api/v1/declarations", data=body, headers=headers) as reply:
            assert reply.status == 202
            declaration_id = (await reply.json())["id"]
        here = {"data_dir": str(tmp_path / "data")}
        assert await asyncio.to_thread(run, here, "backup", str(tmp_path / "copy"), "--with-master-key")
        await serving.end()
    done = run({"data_dir": str(tmp_path / "new")}, "restore", str(tmp_path / "copy"))
    assert done["lost"] == []
    with sqlite3.connect(tmp_path / "new" / "onewindow.db") as database:
        assert database.execute("SELECT id FROM declaration").fetchall() == [(declaration_id,)]
