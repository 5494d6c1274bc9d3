"""A program of the window as a real process: started, asked over HTTP, signalled, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.supervise import free_port
from tests.support import backend
from tests.support.windows import ROOT

START_SECONDS = 60.0


@dataclass
class Program:
    """One process, its address and its log."""

    process: asyncio.subprocess.Process
    url: str
    log: Path
    session: aiohttp.ClientSession

    @property
    def pid(self) -> int:
        return self.process.pid

    def written(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def ready(self) -> int:
        """The status `/readyz` answers with."""
        async with self.session.get(f"{self.url}/readyz") as reply:
            await reply.read()
            return reply.status

    async def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Signals it and waits; its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), seconds)


@asynccontextmanager
async def program(
    directory: Path,
    arguments: Sequence[str] = ("serve",),
    *,
    before: Sequence[str] = (),
    patch: str = "",
    tls: ssl.SSLContext | None = None,
    **settings: str,
) -> AsyncIterator[Program]:
    """`onewindow <arguments>` until the body ends. `before`: a command that starts it; `patch`: Python run in it first, to break
    something on purpose; `tls`: how to ask one that ends TLS; `settings` without their prefix."""
    port = free_port()
    code = f"{patch}\nfrom gateway.cli import app\napp()"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}
    given = {"data_dir": str(directory / "data"), "port": str(port), **settings}
    given.setdefault("metrics_port", str(port))
    environment |= backend.environment_at(directory / "data")
    environment |= {f"ONEWINDOW_{name.upper()}": value for name, value in given.items()}
    log = directory / f"{arguments[0]}-{port}.log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *before, sys.executable, "-c", code, *arguments, cwd=ROOT, env=environment, stdout=written, stderr=written
        )
    # a connection for each request: a server that ends is not kept by ours
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, ssl=tls or True)) as session:
        started = Program(process, f"{'https' if tls else 'http'}://127.0.0.1:{port}", log, session)
        try:
            await _answers(started)
            yield started
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _answers(started: Program) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            if started.process.returncode is not None:
                raise AssertionError(f"it ended with {started.process.returncode}:\n{started.written()}")
            try:
                if await started.ready() == 200:
                    return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
