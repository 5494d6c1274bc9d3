"""The window's own condition: whether there is room for a filing, whether it can store, and its figures for Prometheus.

Asked by machines every few seconds, by several of them: what costs a statement is asked once a second and shared.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection

from declarations.errors import OnewindowError, StorageUnavailable
from gateway.database.stores import ledger, processes
from gateway.observe import gauges, metrics
from gateway.observe.heartbeat import sign

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
T = TypeVar("T")
SHARED_SECONDS = 1.0
PROBE_SECONDS = 3.0
"""A store that does not take one row in this time takes no filing either."""


class Shared(Generic[T]):
    """The answer to a costly question, asked once in a while however many ask: those who come meanwhile wait for the same."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._task: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        if self._task is None or (self._task.done() and time.monotonic() >= self._until):
            self._task = asyncio.ensure_future(self._asked())
        # one who goes away does not take the answer from the others
        return await asyncio.shield(self._task)

    def forget(self) -> None:
        """The next one asks anew."""
        self._until = 0.0

    async def _asked(self) -> T:
        try:
            return await self._ask()
        finally:
            self._until = time.monotonic() + self._seconds


class Condition:
    """One for each window."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._free = 0
        self._free_until = 0.0
        self._probed = Shared(self._probe, SHARED_SECONDS)
        self._gauged = Shared(self._gauge, SHARED_SECONDS)
        metrics.know(window.rulebook.agencies)

    def require_room(self) -> None:
        """Raises StorageUnavailable when a filing would eat the room kept for recording what is under way.

        Only where the store is on our own disk; a server of its own is asked by writing to it.
        """
        window = self._window
        if not window.database.exclusive or not window.settings.storage_reserve_bytes:
            return
        if time.monotonic() >= self._free_until:
            self._free = self.free_bytes()
            self._free_until = time.monotonic() + SHARED_SECONDS
        if self._free < window.settings.storage_reserve_bytes:
            raise StorageUnavailable(
                "the disk is nearly full; nothing was filed, come again later", "磁盘空间不足，未申报，请稍后再试"
            )

    def free_bytes(self) -> int:
        """Room left on the disk of the data directory."""
        disk = os.statvfs(self._window.settings.data_dir)
        return disk.f_bavail * disk.f_frsize

    async def ready(self) -> None:
        """Returns when a filing could be stored now; raises StorageUnavailable when not."""
        self.require_room()
        try:
            await self._probed.get()
        except OnewindowError:
            raise
        except Exception as error:
            raise StorageUnavailable("nothing can be stored now", "目前无法保存") from error

    async def exposition(self) -> bytes:
        """All figures in Prometheus' text format: this process's own, and those of the whole window from the database."""
        return generate_latest(metrics.REGISTRY) + await self._gauged.get()

    def forget(self) -> None:
        """What is asked next is true now, and not of a second ago."""
        self._free_until = 0.0
        self._probed.forget()
        self._gauged.forget()

    async def _probe(self) -> None:
        """A row is written and taken away again: only writing tells a full disk or a read-only store."""
        row = sign("probe", self._window.clock())

        def act(connection: Connection) -> None:
            processes.seen(connection, row)
            processes.gone(connection, row["id"])

        async with asyncio.timeout(PROBE_SECONDS):
            await self._window.database.write(act)

    def _figures(self, connection: Connection) -> list[Metric]:
        """Those that the database knows, as of one moment."""
        window, now = self._window, self._window.clock()
        found = gauges.families(window.rulebook.agencies, gauges.read(connection, now))
        pending = ledger.pending(connection)
        unstamped = ledger.unstamped(connection) if window.settings.timestamp_url else None
        return [*found, *gauges.journal(now, pending.entries, pending.oldest, unstamped)]

    async def _gauge(self) -> bytes:
        """The figures of the whole window. With the store away this process's own are told all the same."""
        window = self._window
        made = [*gauges.bus(), *gauges.keys(window.keys, window.clock())]
        try:
            await self.ready()
            ready = True
        except StorageUnavailable:
            ready = False
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                made += await window.database.read(self._figures)
            answers = True
        except Exception as error:
            log.warning("figures without the database", reason=str(error))
            answers = False
        made += gauges.condition(ready=ready, answers=answers, delivers=window.delivering, free_bytes=self.free_bytes())
        return gauges.text_of(made)
