"""A private PostgreSQL cluster in a directory of its own: durable as in production, open to this machine only."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from scripts.services.process import (
    CACHE,
    SECONDS,
    ServiceError,
    alone,
    apt_install,
    end,
    pid_in,
    port_of,
    tail,
    wait_until,
)

USER = "onewindow"
SUPERUSER = "postgres"
"""The account Debian makes for the server, which refuses to run as root."""
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "300",
    # of 128 MB, PostgreSQL's own default, a hundred thousand declarations see little
    "shared_buffers": f"{min(2048, max(128, _MEMORY // 8 // 2**20))}MB",
    "default_toast_compression": "lz4",
    "log_min_duration_statement": "5s",
    "log_line_prefix": "'%m [%p] %d %a '",
}
"""fsync, full_page_writes and synchronous_commit stay on: what is measured and killed here is what runs elsewhere."""


def binaries() -> Path | None:
    """Where the newest installed server has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def install() -> None:
    """Debian's package, where no server is there yet."""
    with alone(CACHE / "lock"):
        if binaries() is None:
            apt_install("postgresql")


class Postgres:
    """One cluster below `directory`. Every method may be called again, and from another process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute() / "postgres"
        self.data = self.directory / "data"
        self.log = self.directory / "log"

    @property
    def port(self) -> int:
        return port_of(self.directory / "port")

    def url(self, database: str = USER) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def pid(self) -> int | None:
        return pid_in(self.data / "postmaster.pid", str(self.data))

    def answers(self) -> bool:
        """Whether the server runs and accepts connections."""
        return self.pid() is not None and self._run("pg_isready", "-q", "-d", self.url("postgres")) == 0

    def start(self) -> str:
        """Starts what does not run, waits until it answers, and gives the address of the database `onewindow`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with alone(self.directory / "lock"):
            if not (self.data / "PG_VERSION").exists():
                self._create()
            if self.pid() is None:
                self._launch()
            wait_until(self.answers, "PostgreSQL answers")
            if self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{USER}'") == "":
                self.sql(f"CREATE DATABASE {USER}")
        return self.url()

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """Ends it: SIGINT cuts connections and closes in order, SIGQUIT leaves recovery to the next start."""
        pid = self.pid()
        if pid is not None:
            end(pid, str(self.data), sign)

    def kill(self) -> None:
        """As a power cut would, as far as processes go: nothing is written any more, connections break."""
        pid = self.pid()
        if pid is None:
            return
        # first the parent, so that it cannot take notice of the others and start recovery
        family = [pid, *_children(pid)]
        for member in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        end(pid, str(self.data), signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{member}/exe").exists() for member in family), "its processes end")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Runs one statement; the rows as text, columns separated by `|`."""
        found = binaries()
        assert found is not None
        command = [str(found / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ServiceError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _create(self) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam(SUPERUSER)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        if self._run("test", "-w", str(self.directory)) != 0:
            raise ServiceError(f"the user {SUPERUSER} cannot get to {self.directory}; name a directory it can enter")
        shutil.rmtree(self.data, ignore_errors=True)
        self._must(
            *("initdb", "-D", str(self.data), "-U", USER, "-E", "UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=trust", "--no-instructions"),
        )
        socket = str(self.directory)
        settings = {
            **SETTINGS,
            "port": str(self.port),
            # the path of a socket holds 107 bytes
            "unix_socket_directories": f"'{socket}'" if len(socket) < 85 else "''",
        }
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def _launch(self) -> None:
        # a killed server that nobody waited for still has its number: the new one would take it for alive
        for left in (self.data / "postmaster.pid", *self.directory.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)
        self._must("pg_ctl", "start", "--silent", "-t", f"{SECONDS:.0f}", "-D", str(self.data), "-l", str(self.log))

    def _must(self, program: str, *arguments: str) -> None:
        if self._run(program, *arguments) != 0:
            raise ServiceError(f"{program} failed; {self.log} ends:\n{tail(self.log)}")

    def _run(self, program: str, *arguments: str) -> int:
        found = binaries()
        if found is None:
            raise ServiceError("PostgreSQL is not installed here: python3 -m scripts.services install postgres")
        path = found / program
        command = [str(path if path.exists() else program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={SUPERUSER}", f"--regid={SUPERUSER}", "--init-groups", *command]
        # the server keeps what it inherits: it must not hold a caller's pipe open
        output = self.directory / "commands.log"
        with output.open("ab") as file:
            return subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            ).returncode


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []
