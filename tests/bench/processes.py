"""Programs of the window as processes of their own, and what processor time each took."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.supervise import free_port
from tests.bench.memory import ROOT

_TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0


@dataclass
class Site:
    """One window's directory and addresses, shared by its programs."""

    directory: Path
    port: int
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/declarations"

    @property
    def headers(self) -> dict[str, str]:
        token = (self.directory / "secrets" / "clients" / "default.token").read_text().strip()
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/xml"}


def site(directory: Path, **settings: Any) -> Site:
    """A window below `directory`; `settings` without their prefix."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    given = {
        "data_dir": str(directory),
        "port": str(port),
        "agency_urls": json.dumps({"inspection": f"http://127.0.0.1:{free_port()}/messages"}),
        "sim_delay_scale": "0",
        **settings,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}
    environment |= {f"ONEWINDOW_{name.upper()}": str(value) for name, value in given.items()}
    return Site(directory, port, environment)


@asynccontextmanager
async def running(where: Site, arguments: Sequence[str], module: str = "gateway.cli") -> AsyncIterator[int]:
    """A program until the body ends; gives its process id. It is there when its log has said something and it answers."""
    log = where.directory / f"{'-'.join(arguments)}.log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=ROOT, env=where.environment, stdout=written, stderr=written,
        )  # fmt: skip
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(where, arguments, log):
                if process.returncode is not None:
                    raise SystemExit(f"{' '.join(arguments)} ended:\n{log.read_text()[-2000:]}")
                await asyncio.sleep(0.1)
        yield process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), START_SECONDS)


async def _answers(where: Site, arguments: Sequence[str], log: Path) -> bool:
    if arguments[0] != "serve":
        return b"_ready" in log.read_bytes()
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{where.port}/readyz") as reply:
            return reply.status == 200
    except aiohttp.ClientError:
        return False


def processor_seconds(pid: int) -> float:
    """User and system time of a process, of its children, and of those it has waited for."""
    total = 0.0
    for member in (pid, *_children(pid)):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(map(int, fields[11:15] if member == pid else fields[11:13])) / _TICKS
    return total


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
