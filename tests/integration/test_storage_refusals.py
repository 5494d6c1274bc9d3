"""A store that cannot take anything: refusals in words, nothing half done, and all goes on by itself once it can."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from sqlalchemy import Connection, make_url

from adapters.signatures import HEADER
from declarations.errors import StorageUnavailable
from gateway import amend, receive, submit
from gateway.database.sqlite import SqliteDatabase
from gateway.main import create_app
from gateway.wiring import Window
from scripts.services.postgres import SUPERUSER, Postgres
from tests.support.figures import Figures
from tests.support.listening import listening
from tests.support.program import Program, program
from tests.support.served import JSON, numbered, problem
from tests.support.signed import signature
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    HOUSEHOLD,
    ROOT,
    agency,
    deliver,
    file,
    receipt,
    sample,
    window_at,
)

SMALL = "24m"
REFERENCE = orjson.loads(sample(ELECTRONICS))["trader_assigned_reference_id"]


def _may_mount() -> bool:
    """Whether this process may have a small disk of its own, which nobody else sees."""
    try:
        done = subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


small_disk = pytest.mark.skipif(not _may_mount(), reason="a small disk needs root and mount namespaces (unshare -m)")


@dataclass
class Served:
    """A window in a process of its own, whose data directory is a small disk."""

    program: Program
    data: Path
    """The small disk as seen from here."""

    @property
    def url(self) -> str:
        return f"{self.program.url}/api/v1"

    @property
    def session(self) -> aiohttp.ClientSession:
        return self.program.session

    def token(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.data / 'secrets' / f'{name}.token').read_text().strip()}"}

    def free(self) -> int:
        disk = os.statvfs(self.data)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Takes all room but so many bytes."""
        with open(self.data / "ballast", "ab", buffering=0) as ballast, suppress(OSError):
            while (room := self.free() - leave) > 0:
                ballast.write(b"\0" * min(room, 1_000_000))

    def empty(self) -> None:
        (self.data / "ballast").unlink()

    async def file(self, reference: str, name: str = ELECTRONICS) -> tuple[int, dict[str, Any]]:
        body = numbered(sample(name), reference)
        headers = JSON | self.token("clients/default")
        async with self.session.post(f"{self.url}/declarations", data=body, headers=headers) as reply:
            if reply.status == 503:
                await _refusal(reply)
            content: dict[str, Any] = orjson.loads(await reply.read())
            return reply.status, content

    async def answer(self, body: bytes) -> int:
        """An agency's answer at the HTTP door; the status."""
        headers = self.token("agencies/inspection") | {HEADER: signature(self.data / "secrets", "inspection", body)}
        async with self.session.post(f"{self.url}/agencies/inspection/answers", data=body, headers=headers) as reply:
            if reply.status == 503:
                await _refusal(reply)
            await reply.read()
            return reply.status

    async def figures(self) -> Figures:
        async with self.session.get(f"{self.program.url}/metrics") as reply:
            return Figures.of(await reply.read())

    async def until_ready(self, status: int) -> None:
        async with asyncio.timeout(30):
            while await self.program.ready() != status:
                await asyncio.sleep(0.1)


async def _refusal(reply: aiohttp.ClientResponse) -> None:
    """A refusal a machine and a person can act on."""
    await problem(reply, 503, "storage_unavailable")
    assert int(reply.headers["Retry-After"]) >= 1


@asynccontextmanager
async def on_small_disk(tmp_path: Path, **settings: str) -> AsyncIterator[Served]:
    data = tmp_path / "data"
    data.mkdir()
    mounted = f'mount -t tmpfs -o size={SMALL} tmpfs "$0" && exec "$@"'
    before = ("unshare", "-m", "sh", "-c", mounted, str(data))
    quick = {"delivery_poll_seconds": "0.1", "agency_urls": '{"inspection": "http://127.0.0.1:9/messages"}'}
    async with program(tmp_path, before=before, **quick, **settings) as started:
        seen = Path(f"/proc/{started.pid}/root{data}")
        # makes the agency's key while there is room for it
        signature(seen / "secrets", "inspection", b"")
        yield Served(started, seen)


def _no_fault_of_ours(started: Program) -> None:
    log = started.written()
    assert "Traceback" not in log, log
    assert "request_crashed" not in log


@pytest.mark.sqlite_only
@small_disk
async def test_a_full_disk_refuses_and_goes_on_by_itself_when_there_is_room(tmp_path: Path) -> None:
    async with on_small_disk(tmp_path, storage_reserve_bytes="0") as site:
        accepted = {}
        status, filed = await site.file("BEFORE")
        assert status == 202
        accepted["BEFORE"] = filed["id"]
        site.fill()
        refused = 0
        for number in range(400):
            status, filed = await site.file(f"FULL{number}", HOUSEHOLD)
            assert status in (202, 503), filed
            if status == 202:
                accepted[f"FULL{number}"] = filed["id"]
            refused = refused + 1 if status == 503 else 0
            if refused == 5:
                break
        assert refused == 5, "the disk never was full"
        await site.until_ready(503)
        assert (await site.figures()).get("onewindow_storage_ready") == 0
        for number in range(5):
            assert await site.answer(f"<nonsense number='{number}'>{'x' * 100_000}</nonsense>".encode()) == 503
        async with site.session.get(f"{site.program.url}/healthz") as reply:
            assert reply.status == 200, "it runs"
        headers = site.token("clients/default")
        async with site.session.get(f"{site.url}/declarations/{accepted['BEFORE']}", headers=headers) as reply:
            assert reply.status == 200, "what was filed can be read"

        site.empty()
        await site.until_ready(200)
        status, filed = await site.file("AFTER")
        assert status == 202, "the same process, without a restart"
        accepted["AFTER"] = filed["id"]
        assert await site.answer(b"<nonsense/>") == 200

        async with site.session.get(f"{site.url}/declarations", params={"limit": "200"}, headers=headers) as reply:
            known = {item["reference"]: item["id"] for item in orjson.loads(await reply.read())["items"]}
        assert known == accepted, "nothing lost, nothing that was refused"
        await _all_handed_over(site, set(accepted))
        assert _integrity(site.program, tmp_path / "data/onewindow.db") == "[('ok',)]"
        assert await site.program.end() == 0
        _no_fault_of_ours(site.program)


async def _all_handed_over(site: Served, references: set[str]) -> None:
    """Each message lies in the agency's folder once, whole; nothing half written lies beside."""
    box = site.data / "exchange/customs/OutBox"

    def names() -> set[str]:
        return {path.name.split("_")[0] for path in box.glob("*.zip")}

    async with asyncio.timeout(60):
        while names() != references or list(box.glob("*.temp")):
            await asyncio.sleep(0.1)
    assert len(list(box.iterdir())) == len(references)
    for path in box.iterdir():
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None


def _integrity(started: Program, database: Path) -> str:
    """What SQLite says of the file, asked by another process that sees the same disk."""
    check = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())"
    command = ["nsenter", "-t", str(started.pid), "-m", sys.executable, "-c", check, str(database)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.sqlite_only
@small_disk
async def test_the_reserve_keeps_room_for_what_is_under_way(tmp_path: Path) -> None:
    async with on_small_disk(tmp_path, storage_reserve_bytes="6000000") as site:
        assert (await site.file("BEFORE"))[0] == 202
        site.fill(leave=5_500_000)
        await site.until_ready(503)
        assert (await site.file("NOROOM"))[0] == 503
        assert (await site.figures()).get("onewindow_storage_ready") == 0
        # answers and what became of deliveries are still recorded
        assert await site.answer(f"<nonsense>{'x' * 100_000}</nonsense>".encode()) == 200
        await _all_handed_over(site, {"BEFORE"})
        site.empty()
        await site.until_ready(200)
        assert (await site.file("AFTER"))[0] == 202
        assert await site.program.end() == 0
        _no_fault_of_ours(site.program)


@pytest.mark.sqlite_only
@small_disk
async def test_a_start_on_a_read_only_disk_is_refused_in_words(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with window_at(data) as window:
        await file(window)
    mounted = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    with pytest.raises(AssertionError) as ended:
        async with program(tmp_path, before=("unshare", "-m", "sh", "-c", mounted, str(data))):
            pass
    said = str(ended.value)
    assert "Traceback" not in said
    assert str(data) in said
    assert any("\u4e00" <= character <= "\u9fff" for character in said)


@asynccontextmanager
async def _read_only(window: Window) -> AsyncIterator[None]:
    """While the body runs, the store refuses every change, as it does on a file system or a server set read-only under it."""
    if isinstance(window.database, SqliteDatabase):

        def writing(connection: Connection) -> Any:
            return connection.connection.dbapi_connection

        driver = await window.database.write(writing)
        driver.execute("PRAGMA query_only=ON")
        yield
        driver.execute("PRAGMA query_only=OFF")
        return
    url = make_url(window.settings.database_url)
    server = await asyncpg.connect(url.set(database="postgres").render_as_string(hide_password=False))
    try:
        for value in ("on", "off"):
            await server.execute(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = {value}')
            # for sessions from now on; the window makes new ones by itself
            await server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", url.database
            )
            if value == "on":
                yield
    finally:
        await server.close()


async def test_every_way_in_refuses_when_nothing_can_be_written(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window, listening(create_app(opened=window, worker=False)) as url:
        filed = (await file(window)).body["id"]
        waiting = (await file(window, COSMETICS)).body["id"]
        await window.deliverers["customs"].run_once()
        await receive.receive(window, "customs", receipt(REFERENCE, None, code="1", message="wrong"))
        secrets = tmp_path / "secrets"

        def token(name: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {(secrets / f'{name}.token').read_text().strip()}"}

        answer = b"<nonsense/>"
        signed = {HEADER: signature(secrets, "inspection", answer, clock=window.clock)}
        client = JSON | token("clients/default")
        ways = {
            "declarations": (client, numbered(sample(ELECTRONICS), "NEW")),
            f"declarations/{filed}/versions": (client, sample(ELECTRONICS, remarks="corrected")),
            f"declarations/{waiting}/withdrawal": (client, b""),
            "agencies/inspection/answers": (token("agencies/inspection") | signed, answer),
        }
        async with aiohttp.ClientSession() as session:

            async def readiness() -> int:
                window.condition.forget()
                async with session.get(f"{url}/readyz") as reply:
                    if reply.status != 200:
                        await _refusal(reply)
                    return reply.status

            assert await readiness() == 200
            async with _read_only(window):
                assert await readiness() == 503
                for way, (headers, body) in ways.items():
                    async with session.post(f"{url}/api/v1/{way}", data=body, headers=headers) as reply:
                        await _refusal(reply)
                async with session.get(f"{url}/api/v1/declarations/{filed}", headers=client) as reply:
                    assert (reply.status, (await reply.json())["version"]) == (200, 1), "reading goes on"
                for use in (
                    submit.submit(window, CLIENT, ways["declarations"][1], "application/json", idempotency_key="k"),
                    amend.withdraw(window, CLIENT, waiting),
                    receive.keep(window, "customs", answer),
                    receive.receive(window, "customs", answer),
                ):
                    with pytest.raises(StorageUnavailable) as refused:
                        await use
                    assert refused.value.message_zh
            assert await readiness() == 200
            for way, (headers, body) in ways.items():
                async with session.post(f"{url}/api/v1/{way}", data=body, headers=headers) as reply:
                    assert reply.status in (200, 202), (way, await reply.text())
        assert len(agency(window, "customs").got) == 1, "nothing of what was refused was stored"


@pytest.fixture
def server_with_small_disk(postgres_server: str, own_directory: Path) -> Iterator[Path]:
    """The directory of a PostgreSQL server of its own, which sees a small disk at `small`."""
    small = own_directory / "small"
    small.mkdir(parents=True)
    account = pwd.getpwnam(SUPERUSER).pw_uid
    mounted = f'mount -t tmpfs -o size={SMALL},uid={account} tmpfs "$0" && exec "$@"'
    start = (sys.executable, "-m", "scripts.services", "start", "postgres", "--dir", str(own_directory))
    subprocess.run(
        ["unshare", "-m", "sh", "-c", mounted, str(small), *start], cwd=ROOT, check=True, capture_output=True
    )
    yield own_directory
    Postgres(own_directory).stop()


@pytest.mark.postgres
@small_disk
async def test_a_full_disk_of_the_server(tmp_path: Path, server_with_small_disk: Path) -> None:
    """PostgreSQL's tables stand on a disk that fills up (its log has room, as it must: without that it stops altogether)."""
    server = Postgres(server_with_small_disk)
    small = Path(f"/proc/{server.pid()}/root{server_with_small_disk}/small")
    server.sql(f"CREATE TABLESPACE small LOCATION '{server_with_small_disk}/small'")
    server.sql("CREATE DATABASE filled TABLESPACE small")
    async with window_at(tmp_path, database_url=server.url("filled")) as window:
        accepted = [(await file(window)).body["id"]]
        with open(small / "ballast", "ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"\0" * 4096)
        refusals = 0
        for number in range(3000):
            try:
                reply = await file(window, HOUSEHOLD, trader_assigned_reference_id=f"FULL{number}")
            except StorageUnavailable:
                refusals += 1
            else:
                accepted.append(reply.body["id"])
            if refusals == 3:
                break
        assert refusals == 3, "the disk never was full"
        (small / "ballast").unlink()
        accepted.append((await file(window, trader_assigned_reference_id="AFTER")).body["id"])
        await window.condition.ready()
        await deliver(window)
        assert sorted(each.declaration_id for each in agency(window, "customs").got) == sorted(accepted)


@pytest.mark.usefixtures("postgres_server")
async def test_a_server_that_goes_away_and_comes_back(tmp_path: Path, own_directory: Path) -> None:
    server = Postgres(own_directory)
    async with window_at(tmp_path, database_url=server.start()) as window:
        await file(window)
        server.stop(signal.SIGQUIT)
        with pytest.raises(StorageUnavailable):
            await file(window, trader_assigned_reference_id="AWAY")
        window.condition.forget()
        with pytest.raises(StorageUnavailable):
            await window.condition.ready()
        server.start()
        window.condition.forget()
        await window.condition.ready()
        await file(window, trader_assigned_reference_id="BACK")
        await deliver(window)
        assert [each.reference for each in agency(window, "customs").got] == [REFERENCE, "BACK"]
    server.stop()
