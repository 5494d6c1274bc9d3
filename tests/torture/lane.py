"""A lane: one window with its database, its agencies and its clients, apart from all other lanes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.torture import child
from tests.torture.client import Client
from tests.torture.points import SQLITE
from tests.torture.trap import Trap
from tests.torture.views import Database

START_SECONDS = 40.0
QUICK: dict[str, Any] = {
    "delivery_poll_seconds": 0.1,
    "delivery_backoff_seconds": 0.02,
    "delivery_backoff_cap_seconds": 0.5,
    "breaker_seconds": 0.5,
    "sweep_seconds": 0.5,
    "storage_reserve_bytes": 0,
    "drain_seconds": 5.0,
}
"""Settings of every lane: the product's waiting times, shortened, so that a round costs work and not waiting."""
LEASE_SECONDS = 2.0
"""On PostgreSQL a dead worker's messages are claimed again after so long (on SQLite at the start)."""


class NotQuiet(Exception):
    """Something did not come about in time; the words are the violation."""


def forks() -> ForkServerContext:
    """The server that all processes are forked from: everything imported, tables read, no thread."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.child"])
    return context


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """One process of a lane. A name may run more than once: `worker`, `worker-2`."""

    name: str
    process: BaseProcess
    deaths: int = 0

    @property
    def alive(self) -> bool:
        return self.process.exitcode is None


@dataclass
class Lane:
    """Everything below `directory`; stopped and removed at the end."""

    name: str
    backend: str
    directory: Path
    database_url: str = ""
    kafka_bootstrap: str = ""
    agency_urls: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    knobs: dict[str, Any] = field(default_factory=lambda: {"delay_scale": 0})
    sabotage: str = ""
    programs: tuple[str, ...] = ()
    """Empty: `serve` on SQLite; serve, worker and consume otherwise."""
    deduplicates: bool = True
    """Whether the agencies of its tables take a message that comes twice for one."""

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.agency_urls = {"inspection": f"http://127.0.0.1:{free_port()}/messages", **self.agency_urls}
        self.programs = self.programs or (("serve",) if self.backend == SQLITE else ("serve", "worker", "consume"))
        url = self.database_url or f"sqlite:///{self.directory / 'onewindow.db'}"
        self.database = Database(url)
        self.trap = Trap(self.directory / "trap")
        self.running: dict[str, Program] = {}
        self.killed: list[str] = []
        """Names of the programs that died of the trap, in order."""
        self.fallen: list[str] = []
        """What ended otherwise than by our hand: always a violation."""
        self.client = Client(f"http://127.0.0.1:{self.port}", self.directory / "secrets" / "clients" / "default.token")
        self.numbered = 0
        self._context = forks()

    @property
    def books_dir(self) -> Path:
        return self.directory / "simulators"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    async def start(self) -> None:
        self.launch("agencies")
        for name in self.programs:
            self.launch(name)
        await self.ready()

    def launch(self, name: str, **settings: Any) -> Program:
        """Forks a program; `name` is its kind, perhaps with a number behind."""
        spec = child.Spec(
            program=name.partition("-")[0],
            settings={**self._settings(), **settings},
            log=self.log,
            trap=self.directory / "trap",
            sabotage=self.sabotage,
            knobs=self.knobs,
        )
        process = self._context.Process(target=child.run, args=(spec,), name=f"{self.name}-{name}", daemon=True)
        process.start()
        before = self.running.get(name)
        self.running[name] = Program(name, process, before.deaths if before else 0)
        return self.running[name]

    def look(self) -> list[str]:
        """Notes who died; returns the names of the dead that nobody has started again."""
        dead = []
        for program in self.running.values():
            code = program.process.exitcode
            if code is None:
                continue
            dead.append(program.name)
            if program.deaths == 0:
                program.deaths = 1
                if code == -signal.SIGKILL:
                    self.killed.append(program.name)
                else:
                    self.fallen.append(f"{program.name} ended by itself with {code}; {self.log} says why")
        return dead

    def revive(self) -> list[str]:
        """Starts the dead again."""
        dead = self.look()
        for name in dead:
            self.running[name].process.join()
            self.launch(name).deaths = 0
        return dead

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        pid = self.running[name].process.pid
        assert pid is not None
        os.kill(pid, sign)

    async def ready(self, seconds: float = START_SECONDS) -> None:
        """Returns when filings can be stored; starts again whoever dies on the way."""
        deadline = time.monotonic() + seconds
        while True:
            if self.revive() and self.fallen:
                raise NotQuiet("; ".join(self.fallen))
            if "serve" not in self.running or await self.client.ready():
                return
            if time.monotonic() > deadline:
                raise NotQuiet(f"not ready within {seconds:.0f} s")
            await asyncio.sleep(0.02)

    async def stop(self, keep: bool = False) -> None:
        await self.client.close()
        await self.database.close()
        for program in self.running.values():
            if program.alive:
                program.process.kill()
        for program in self.running.values():
            await asyncio.to_thread(program.process.join, 10)
        self.running.clear()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _settings(self) -> dict[str, Any]:
        found = {
            **QUICK,
            "data_dir": self.directory,
            "port": self.port,
            "agency_urls": self.agency_urls,
            "rehearsal": True,
        }
        if self.backend != SQLITE:
            found |= {
                "database_url": self.database_url,
                "database_connections": 8,
                "kafka_bootstrap": self.kafka_bootstrap,
                "kafka_prefix": self.name,
                "delivery_lease_seconds": LEASE_SECONDS,
            }
        return {**found, **self.settings}
