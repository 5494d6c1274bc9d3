"""Heartbeat: every running program says so in the database every ten seconds, with its own clock beside the database's.

Leases and due times run on the database's clock; answers, versions and timers carry the program's. When the two differ, somebody
has to set a clock, and before that to know.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from declarations.errors import StorageUnavailable
from gateway import ids
from gateway.database.stores import processes
from gateway.observe import tracing

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
BEAT_SECONDS = 10.0
SKEW_SECONDS = 5.0
"""A clock further away than this is told to the operator."""
FORGOTTEN_SECONDS = 86_400.0
"""A program that was killed leaves its row; the next start after a day takes it away."""
GOODBYE_SECONDS = 2.0
PROGRAM = "P"


def sign(kind: str, now: datetime) -> dict[str, Any]:
    """The row of this process as a program of `kind`, under a new id."""
    try:
        release = version("onewindow")
    except PackageNotFoundError:
        release = "0"
    return {
        "id": ids.new_id(PROGRAM, now),
        "kind": kind,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": release,
        "started_at": now,
        "clock_at": now,
    }


@asynccontextmanager
async def beating(window: Window, kind: str, every: float = BEAT_SECONDS) -> AsyncIterator[None]:
    """While the body runs, this process is known as a `kind` (serve, worker, consume); at its end the row goes."""
    row = sign(kind, window.clock())
    try:
        await window.database.write(lambda connection: processes.forget(connection, FORGOTTEN_SECONDS))
    except StorageUnavailable as error:
        log.warning("no sign of life", reason=error.message_en)
    await _beat(window, row)
    task = asyncio.create_task(_beats(window, row, every))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await window.database.write(lambda connection: processes.gone(connection, row["id"]))
        except Exception as error:
            log.warning("the row of this program stays", reason=str(error))
        await asyncio.to_thread(tracing.stop)


async def _beats(window: Window, row: dict[str, Any], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await _beat(window, row)


async def _beat(window: Window, row: dict[str, Any]) -> None:
    """One sign of life. A store that is away is no reason to stop: the next sign tells that it is back."""

    def act(connection: Connection) -> float:
        # the clock is read here and not before: waiting for one's turn is no skew
        processes.seen(connection, {**row, "clock_at": window.clock()})
        return next(processes.skew(each) for each in processes.every(connection) if each.id == row["id"])

    try:
        skew = await window.database.write(act)
    except StorageUnavailable as error:
        log.warning("no sign of life", reason=error.message_en)
    except Exception:
        log.exception("no sign of life")
    else:
        if abs(skew) > SKEW_SECONDS:
            log.warning("clock differs from the database's", seconds=round(skew, 3))
