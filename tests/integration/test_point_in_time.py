"""PostgreSQL to the last commit: a base backup and the log kept by a receiver that confirms every commit (docs/backup.md)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import ask
from gateway.config import Settings
from gateway.wiring import open_window
from scripts.services.postgres import SUPERUSER, Postgres, binaries
from scripts.services.process import wait_until
from tests.support.windows import CLIENT, TickingClock, file, rulebook

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(postgres_server: str) -> Iterator[Path]:
    """A directory that PostgreSQL's account can enter; the suite's own server shows that one can be had here."""
    directory = Path(tempfile.mkdtemp(prefix="onewindow-wal-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def given_to_postgres(directory: Path) -> None:
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, SUPERUSER, SUPERUSER)


async def test_no_commit_is_lost_with_the_disk(place: Path, tmp_path: Path) -> None:
    server, wal, base = Postgres(place), place / "wal", place / "base"
    url = server.start()
    programs = binaries()
    assert programs is not None
    wal.mkdir()
    keeper = [str(programs / "pg_receivewal"), "-D", str(wal), "-d", f"{url}?application_name=keeper", "--slot=keeper"]
    subprocess.run([*keeper, "--create-slot"], check=True)
    receiving = subprocess.Popen([*keeper, "--synchronous"], stderr=subprocess.DEVNULL)
    clock, ids = TickingClock(), []
    settings = Settings(data_dir=tmp_path / "data", database_url=url)
    try:
        wait_until(lambda: bool(server.sql("SELECT 1 FROM pg_stat_replication")), "the log is received")
        async with open_window(settings, clock, rulebook()) as window:
            ids.append((await file(window, trader_assigned_reference_id="P0000000")).body["id"])
            arguments = ["-D", str(base), "-d", url, "--wal-method=none", "--checkpoint=fast"]
            subprocess.run([str(programs / "pg_basebackup"), *arguments], check=True, capture_output=True)
            server.sql("ALTER SYSTEM SET synchronous_standby_names = 'keeper'")
            server.sql("SELECT pg_reload_conf()")
            for number in range(1, 6):
                ids.append((await file(window, trader_assigned_reference_id=f"P000000{number}")).body["id"])
            server.kill()
    finally:
        receiving.kill()
        receiving.wait()
    # the disk is gone; what is left is the base backup, and the log on the other machine
    shutil.rmtree(server.data)
    base.rename(server.data)
    (server.data / "recovery.signal").touch()
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"""restore_command = 'cp {wal}/%f "%p" || cp {wal}/%f.partial "%p"'\n""")
    given_to_postgres(server.data)
    given_to_postgres(wal)
    try:
        server.start()
        wait_until(lambda: server.sql("SELECT pg_is_in_recovery()") == "f", "the log is replayed")
        async with open_window(settings, clock, rulebook()) as window:
            for declaration_id in ids:
                assert (await ask.declaration(window, CLIENT, declaration_id))["status"] == "filed"
    finally:
        server.stop()
