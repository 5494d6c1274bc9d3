"""Several programs as one command: the window and the simulated agencies as child processes that live and die together.

A child that ends by itself stops the others, and the supervisor says which it was and what it said last. Children are ended by
their own process id; on Linux the kernel ends them too when the supervisor is killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from declarations.errors import OnewindowError

GRACE_SECONDS = 10.0
"""From the polite signal to the rude one."""
LAST_LINES = 8
_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent dies."""


class ChildStopped(OnewindowError):
    """A child process ended although nobody asked it to."""

    code = "child_stopped"


class PortTaken(OnewindowError):
    """Another program listens where one of ours should."""

    code = "port_taken"


@dataclass
class Child:
    """One program: its name for people and where what it writes goes."""

    name: str
    log: Path
    process: asyncio.subprocess.Process | None = None

    def last_lines(self) -> str:
        """The end of its log: usually the reason."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_LINES:])


@dataclass
class Supervisor:
    """Starts children and watches them. Use as `async with`: leaving it ends every child."""

    children: list[Child] = field(default_factory=list)

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, name: str, arguments: Sequence[str], log: Path) -> Child:
        """Start `onewindow <arguments>` in this process's environment; what it writes goes to `log`."""
        child = Child(name, log)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as written:
            child.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.cli",
                *arguments,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                preexec_fn=_die_with_parent(),
                # Ctrl-C in the terminal is for the supervisor, which ends its children in its own order
                start_new_session=True,
            )
        self.children.append(child)
        return child

    async def watch(self) -> None:
        """Returns never; raises ChildStopped as soon as a child ends by itself."""
        waits = {asyncio.ensure_future(_process(child).wait()): child for child in self.children}
        try:
            ended, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        child = waits[ended.pop()]
        how = _how_it_ended(_process(child).returncode)
        said = child.last_lines()
        raise ChildStopped(
            f"{child.name} {how}; its log is {child.log}\n{said}".rstrip(),
            f"{child.name} 已退出（{how}），日志见 {child.log}",
        )

    async def stop(self) -> None:
        """End the children, last started first; each gets time to finish what it does."""
        running = [child for child in reversed(self.children) if _process(child).returncode is None]
        for child in running:
            _signal(child, signal.SIGTERM)
        for child in running:
            try:
                await asyncio.wait_for(_process(child).wait(), GRACE_SECONDS)
            except TimeoutError:
                _signal(child, signal.SIGKILL)
                await _process(child).wait()


def require_free_port(host: str, port: int, setting: str) -> None:
    """Raises PortTaken, with the setting to change, when something listens there already."""
    try:
        # asked like a server asks: a connection that merely lingers does not count
        with socket.create_server((host, port), reuse_port=False):
            return
    except OSError as error:
        raise PortTaken(
            f"port {port} on {host} cannot be used ({os.strerror(error.errno or 0)}); "
            f"stop what listens there, or choose another with {setting}",
            f"{host} 的端口 {port} 无法使用，请停止占用它的程序，或用 {setting} 指定其他端口",
        ) from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody uses at this moment."""
    with socket.create_server((host, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _process(child: Child) -> asyncio.subprocess.Process:
    assert child.process is not None
    return child.process


def _signal(child: Child, number: signal.Signals) -> None:
    process = _process(child)
    if process.returncode is None:
        process.send_signal(number)


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by signal {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


def _die_with_parent() -> Callable[[], None] | None:
    """What a child does before it becomes its program, on Linux: ask to be ended with its parent."""
    if not sys.platform.startswith("linux"):
        return None
    # loaded here, before the fork: between fork and exec nothing may be imported
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
