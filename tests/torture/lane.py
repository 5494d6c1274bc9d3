"""A lane: one window with its database, its agencies and its clients, apart from all other lanes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.torture import child
from tests.torture.client import Client
from tests.torture.points import SQLITE
from tests.torture.tables import ROOT
from tests.torture.trap import Trap
from tests.torture.views import Database

START_SECONDS = 120.0
"""Patience is for slow machines: what is whole does not need it, and what is broken says so all the same."""
QUICK: dict[str, Any] = {
    "delivery_poll_seconds": 0.1,
    "delivery_backoff_seconds": 0.02,
    "delivery_backoff_cap_seconds": 0.5,
    "breaker_seconds": 0.5,
    "sweep_seconds": 0.5,
    "retake_seconds": 1.5,
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
    """One that nobody has and nobody is given for an outgoing connection (those begin at 32768 here)."""
    while True:
        port = random.randrange(16_000, 32_000)
        if port in _PORTS:
            continue
        with socket.socket() as probe:
            # as the servers here bind: what is closing may be taken again
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _PORTS.add(port)
        return port


_PORTS: set[int] = set()


@dataclass
class Program:
    """One process of a lane, forked or started on its own."""

    name: str
    process: BaseProcess | subprocess.Popen[bytes]
    again: Callable[[], Program]
    """Starts another like it."""

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def code(self) -> int | None:
        """How it ended, a signal's number below zero; None while it runs."""
        return self.process.poll() if isinstance(self.process, subprocess.Popen) else self.process.exitcode

    @property
    def alive(self) -> bool:
        return self.code is None

    def end(self) -> None:
        """Kills it, if it still runs, and waits."""
        if self.alive:
            self.process.kill()
        if isinstance(self.process, subprocess.Popen):
            self.process.wait(10)
        else:
            self.process.join(10)


@dataclass
class Lane:
    """Everything below `directory`; stopped at the end."""

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
    patience: float = 120.0
    """Seconds until all must be quiet."""
    deduplicates: bool = True
    """Whether the agencies of its tables take a message that comes twice for one."""

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        # ours from here: lanes share what they were given
        self.settings = dict(self.settings)
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
        self.removed: list[str] = []
        """References that retention has removed."""
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

    def launch(
        self,
        name: str,
        environment: dict[str, str] | None = None,
        ahead: timedelta = timedelta(),
        tree: Path | None = None,
        **settings: Any,
    ) -> Program:
        """Starts a program; `name` is its kind, perhaps with a number behind: `worker-2`. Forked; with an `environment` or the
        source `tree` of another version it begins from nothing."""
        spec = child.Spec(
            program=name.partition("-")[0],
            settings={**self._settings(), **settings},
            log=self.log,
            trap=self.directory / "trap",
            sabotage=self.sabotage,
            knobs=self.knobs,
            ahead=ahead,
        )
        process: BaseProcess | subprocess.Popen[bytes]
        if environment is None and tree is None:
            forked = self._context.Process(target=child.run, args=(spec,), name=f"{self.name}-{name}", daemon=True)
            forked.start()
            process = forked
        else:
            command = [sys.executable, "-m", "tests.torture.child", pickle.dumps(spec).hex()]
            process = subprocess.Popen(command, cwd=tree or ROOT, env={**os.environ, **(environment or {})})
        self.running[name] = Program(name, process, lambda: self.launch(name, environment, ahead, tree, **settings))
        return self.running[name]

    @property
    def dead(self) -> list[str]:
        """Who ended and was not started again."""
        return [program.name for program in self.running.values() if not program.alive]

    def revive(self) -> list[str]:
        """Notes who died and how, and starts them again."""
        dead = self.dead
        for name in dead:
            program = self.running[name]
            program.end()
            if program.code == -signal.SIGKILL:
                self.killed.append(name)
            else:
                self.fallen.append(f"{name} ended by itself with {program.code}: {self.last_words()}")
            program.again()
        return dead

    def by_topic(self, agency: str) -> bool:
        """Whether the agency is reached over two topics."""
        return self.agency_urls.get(agency, "").startswith("kafka")

    @property
    def said(self) -> str:
        """All its programs' log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def last_words(self) -> str:
        """The last line of the log that speaks of an error."""
        found = next((line for line in reversed(self.said.splitlines()) if "rror: " in line), "it said nothing")
        return found.replace(str(self.directory), self.name)[-300:]

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        if sign == signal.SIGKILL:
            # until it is gone nobody can take its place
            self.running[name].end()
        else:
            os.kill(self.running[name].pid, sign)

    def remove(self, name: str) -> None:
        """Kills a program for good."""
        self.running.pop(name).end()

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

    async def stop(self) -> None:
        """Its files go with the stage: nothing is deleted beside rounds that still run."""
        await self.client.close()
        await self.database.close()
        for program in list(self.running.values()):
            await asyncio.to_thread(program.end)
        self.running.clear()

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
