"""What runs in a forked process: one program of the window, or the simulated agencies. Imported once, by the process all others
are forked from: modules and tables are there when a child begins. Nothing here starts a thread or an event loop before the fork.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.forkserver import _forkserver  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiokafka.admin
import asyncpg
import prometheus_client
import uvicorn
import uvloop

import gateway.bus.consumer
import gateway.bus.producer
import gateway.database.postgres
import gateway.database.sqlite
import gateway.main
import gateway.observe.heartbeat
import gateway.observe.statusserver
import gateway.wiring
from adapters.broker import reader
from adapters.simulator.knobs import Knobs
from adapters.simulator.run import run_simulator
from declarations.bundle import Bundle
from declarations.rulebook import Rulebook
from gateway import programs
from gateway.api import requestlog
from gateway.config import Settings
from gateway.identity import Secrets
from tests.torture import broken, points
from tests.torture.tables import ROOT, rulebooks
from tests.torture.trap import Trap

AGENCIES = ("customs", "inspection")
_PRELOADED = (aiokafka, asyncpg, prometheus_client, uvicorn, gateway)
# a process of its own reads what it needs itself: three sets of tables are most of its start
TABLES = {} if __name__ == "__main__" else {ROOT.name: Rulebook.load(ROOT), **rulebooks()}
"""By the name of the folder they were read from; others are read by who needs them, once."""
gc.collect()
gc.freeze()


@dataclass(frozen=True)
class Spec:
    """One process to be. `program`: serve, worker, consume or agencies."""

    program: str
    settings: dict[str, Any]
    log: Path
    trap: Path
    sabotage: str = ""
    knobs: dict[str, Any] = field(default_factory=dict)
    rehearsal: bool = True
    ahead: timedelta = timedelta()
    """The window's clock is so much ahead: for what happens after days only."""
    session_seconds: float = 2.0
    """After so long the broker gives a dead consumer's partitions to another: a quarter of the default, for cheap rounds."""


def run(spec: Spec) -> None:
    """Runs until a signal ends it."""
    # no process outlives the one that started it; a fork's parent ends with the harness once nobody else holds this pipe
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if _forkserver._forkserver_alive_fd is not None:  # type: ignore[attr-defined]
        os.close(_forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # for itself only: in place of a file's end it would be told a signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    output = os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    requestlog.configure()
    settings = Settings(**spec.settings)
    Rulebook.load = staticmethod(_tables)  # type: ignore[method-assign,assignment]
    if spec.program == "agencies":
        _run(_agencies(spec, settings))
        return
    _quick_sessions(spec.session_seconds)
    if spec.ahead:
        gateway.wiring.system_clock = lambda: datetime.now(UTC) + spec.ahead
    # what is broken first, then the trap around it
    if spec.sabotage:
        broken.install(spec.sabotage)
    points.install(Trap(spec.trap))
    start: dict[str, Callable[[Settings], Any]] = {
        "serve": programs.serve_window,
        "worker": programs.work,
        "consume": programs.consume_answers,
    }
    _run(start[spec.program](settings))


def _run(program: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(program)


def _tables(path: Path) -> Rulebook:
    name = Path(path).name
    if name not in TABLES:
        TABLES[name] = Rulebook(Bundle.read(Path(path)))
    return TABLES[name]


def _quick_sessions(seconds: float) -> None:
    reader.SESSION_SECONDS, reader.HEARTBEAT_SECONDS = seconds, seconds / 4


async def _agencies(spec: Spec, settings: Settings) -> None:
    secrets = Secrets.create_missing(settings.secrets_dir, AGENCIES)
    await asyncio.gather(
        *(
            run_simulator(
                agency,
                state_dir=settings.data_dir / "simulators",
                exchange_dir=settings.exchange_dir / agency,
                host="127.0.0.1",
                port=_port(settings.agency_urls.get(agency, "")),
                window_url=f"http://{settings.host}:{settings.port}",
                token=secrets.agency_token(agency),
                hmac_key=secrets.agency_key(agency),
                rehearsal=spec.rehearsal,
                knobs=Knobs(**spec.knobs),
                bundle_root=settings.tables_dir,
                url=settings.agency_urls.get(agency, ""),
                window_keys=settings.secrets_dir / "keys",
            )
            for agency in AGENCIES
        )
    )


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or 0 if parts.scheme == "http" else 0


if __name__ == "__main__":
    # a process of its own instead of a fork: for what has to be there before the first instruction, as another clock
    run(pickle.loads(bytes.fromhex(sys.argv[1])))
