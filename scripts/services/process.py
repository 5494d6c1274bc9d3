"""What both services share: ports that stay theirs, programs known by a pidfile, waiting for what must come true."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("SERVICES_CACHE") or ROOT / ".services")
"""What was downloaded, shared by all directories services run in."""
SECONDS = 120.0
"""How long a service may take to start or stop, on a machine that does much else."""


class ServiceError(Exception):
    """A service cannot be had here; says why and what to do about it."""


def port_of(file: Path) -> int:
    """The port written in `file`; a free one, written there, at the first call: a service keeps its address over restarts."""
    while not file.exists():
        # below those the kernel gives to outgoing connections, which would take it while the service is down
        port = random.randint(15_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            file.write_text(str(port))
    return int(file.read_text())


def pid_in(file: Path, words: str) -> int | None:
    """The pid in the first line of `file`, if that process runs and its command line holds `words`: pids are used again."""
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if words in _command(pid) else None


def wait_until(holds: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Waits for a condition; raises ServiceError naming `what` when it does not come true."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ServiceError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.05)


def end(pid: int, words: str, sign: signal.Signals) -> None:
    """Signals a process and waits until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
    wait_until(lambda: not _runs(pid, words), f"process {pid} ends")


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, for a message about a start that failed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def apt_install(*packages: str) -> None:
    """Installs Debian packages; raises ServiceError where that cannot be done."""
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ServiceError(f"missing: {wanted}. Install it (on Debian, as root: apt-get install {wanted})")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
    if subprocess.run(install, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
        # the list of packages of a new machine is empty or old
        for command in (["apt-get", "update", "-qq"], install):
            done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)
            if done.returncode != 0:
                raise ServiceError(f"`{' '.join(command)}` failed with {done.returncode}")


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """One process at a time: tests that run side by side install and start the same things."""
    import fcntl

    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _runs(pid: int, words: str) -> bool:
    with contextlib.suppress(ChildProcessError):
        # our own child stays in the process table until somebody asks how it ended
        os.waitpid(pid, os.WNOHANG)
    return words in _command(pid)


def _command(pid: int) -> str:
    """Its command line; empty for one that is gone, or that ended and that nobody waited for."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
