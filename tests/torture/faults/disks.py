"""Disks that are full or cannot be written: 503 with Retry-After, and on again by itself when there is room."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from pathlib import Path

from tests.torture.faults.fault import Load, Scene, fault
from tests.torture.lane import Lane
from tests.torture.points import POSTGRESQL, SQLITE

DISK_BYTES = 48_000_000


def mount(directory: Path, size: int) -> None:
    """A small disk in memory; only this namespace sees it."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], check=True)


@fault("no_retry_after", "reply_before_commit", backends=(SQLITE,), namespace=True)
async def disk_full(scene: Scene) -> None:
    """The disk of database, exchange folders and secrets fills up under load, to the last byte, and is emptied again."""
    await _full(scene, reserve=0)


@fault("no_retry_after", backends=(SQLITE,), namespace=True)
async def disk_reserve(scene: Scene) -> None:
    """Less room than the reserve: filings are refused early, and what is under way is still delivered and recorded."""
    await _full(scene, reserve=16_000_000)


async def _full(scene: Scene, reserve: int) -> None:
    disk = scene.stage.directory / "disk"
    mount(disk, DISK_BYTES)
    settings = {"storage_reserve_bytes": reserve, "delivery_lease_seconds": 4.0}
    try:
        async with scene.stage.running(SQLITE, sabotage=scene.sabotage, settings=settings, at=disk / "lane") as lane:
            load = Load(lane, scene)
            load.file(4)
            if reserve:
                await load.answered()
            ballast = disk / "ballast"
            _fill(ballast, leave=reserve // 2)
            during = [] if reserve else load.file(4)
            await scene.until_not_ready(lane)
            during += load.file(4)
            await _refused(scene, lane, during)
            ballast.unlink()
            await load.settle(repeats=30)
            [(said,)] = await lane.database.rows("PRAGMA integrity_check")
            scene.expect(said == "ok", f"the database is damaged: {said}")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def _fill(path: Path, leave: int) -> None:
    """Writes until no more than `leave` bytes are free."""
    with path.open("ab") as file:
        for size in (1_000_000, 4096, 1):
            block = bytes(size)
            while (free := os.statvfs(path.parent)).f_bavail * free.f_frsize > leave + size:
                try:
                    file.write(block)
                    file.flush()
                except OSError:
                    break


async def _refused(scene: Scene, lane: Lane, cases: list[object]) -> None:
    """Some of what was filed is told 503 soon."""
    for _ in range(600):
        told = [status for case in cases for status, _ in case.requests[0].told]  # type: ignore[attr-defined]
        if 503 in told:
            scene.figures.append(f"{told.count(503)} times 503")
            return
        await asyncio.sleep(0.05)
    scene.seen.append(f"no filing was refused on a full disk: {told}")


@fault("no_retry_after", "reply_before_commit", backends=(SQLITE,))
async def database_unwritable(scene: Scene) -> None:
    """No file of the window can be written (its limit of file size is set to nothing): refused, then on again by itself."""
    # what was sent and could not be recorded is asked for again when its lease has run out
    quick = {"delivery_lease_seconds": 4.0}
    async with scene.stage.running(SQLITE, sabotage=scene.sabotage, settings=quick) as lane:
        load = Load(lane, scene)
        load.file(3)
        await load.answered()
        pid = lane.running["serve"].pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))
        during = load.file(4)
        await scene.until_not_ready(lane)
        await _refused(scene, lane, list(during))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        await load.settle(repeats=30)
        [(said,)] = await lane.database.rows("PRAGMA integrity_check")
        scene.expect(said == "ok", f"the database is damaged: {said}")


@fault("no_retry_after", backends=(POSTGRESQL,))
async def database_read_only(scene: Scene) -> None:
    """PostgreSQL takes no writes (as a stand-by after a failover): refused, then on again by itself."""
    server = await scene.stage.postgres()
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        load.file(3)
        await load.answered()
        cut = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE datname = '{lane.name}' AND pid <> pg_backend_pid()"
        )
        only = f"ALTER DATABASE {lane.name} SET default_transaction_read_only = "
        await asyncio.to_thread(server.sql, only + "on")
        await asyncio.to_thread(server.sql, cut)
        during = load.file(4)
        await scene.until_not_ready(lane)
        await _refused(scene, lane, list(during))
        await asyncio.to_thread(server.sql, only + "off")
        await asyncio.to_thread(server.sql, cut)
        await load.settle(repeats=5)
