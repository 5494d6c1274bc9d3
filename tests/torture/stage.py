"""The stage: a temporary directory, PostgreSQL and Kafka for the runs that need them, and lanes on it. Leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scripts.services.broker import Kafka
from scripts.services.postgres import Postgres
from tests.torture.lane import Lane, free_port
from tests.torture.points import POSTGRESQL


class Stage:
    """Where lanes live. Services are started at the first need."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._postgres: Postgres | None = None
        self._kafka: Kafka | None = None
        self._starting = asyncio.Lock()
        self._count = 0
        self.lanes: list[Lane] = []

    async def postgres(self) -> Postgres:
        async with self._starting:
            if self._postgres is None:
                service = Postgres(self.directory / "services")
                await asyncio.to_thread(service.start)
                self._postgres = service
        return self._postgres

    async def kafka(self) -> Kafka:
        async with self._starting:
            if self._kafka is None:
                service = Kafka(self.directory / "services")
                await asyncio.to_thread(service.start)
                self._kafka = service
        return self._kafka

    async def lane(self, backend: str, **more: Any) -> Lane:
        """A lane of its own, not started. On PostgreSQL with Kafka, unless `kafka_bootstrap` is given."""
        self._count += 1
        name = f"{'p' if backend == POSTGRESQL else 's'}{self._count}"
        if backend == POSTGRESQL:
            postgres = await self.postgres()
            await asyncio.to_thread(postgres.sql, f"CREATE DATABASE {name}")
            more.setdefault("database_url", postgres.url(name))
            if "kafka_bootstrap" not in more:
                more["kafka_bootstrap"] = (await self.kafka()).bootstrap()
            if more.pop("topics", False):
                # the agency itself is reached over two topics
                more["agency_urls"] = {"inspection": f"kafka://{more['kafka_bootstrap']}/{name}.inspection.agency"}
        lane = Lane(name=name, backend=backend, directory=more.pop("at", self.directory / name), **more)
        self.lanes.append(lane)
        return lane

    @contextlib.asynccontextmanager
    async def running(self, backend: str, **more: Any) -> AsyncIterator[Lane]:
        """A lane, started and afterwards stopped."""
        lane = await self.lane(backend, **more)
        try:
            await lane.start()
            yield lane
        finally:
            await lane.stop()

    async def close(self) -> None:
        for lane in self.lanes:
            await lane.stop()
        for service in (self._kafka, self._postgres):
            if service is not None:
                await asyncio.to_thread(service.kill)


@contextlib.asynccontextmanager
async def stage(keep: bool = False) -> AsyncIterator[Stage]:
    # PostgreSQL runs as a user of its own, who must get in
    directory = Path(tempfile.mkdtemp(prefix="onewindow-torture-"))
    os.chmod(directory, 0o755)
    made = Stage(directory)
    try:
        yield made
    finally:
        await made.close()
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


__all__ = ["Stage", "free_port", "stage"]
