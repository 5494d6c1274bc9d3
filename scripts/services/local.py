"""The grown deployment on one machine without containers: `python3 -m scripts.services.local up|down|status`.

PostgreSQL, Kafka, the API, two workers, a consumer and the simulated agencies, each a process of its own with its pid and log
in a directory. What is set in the environment (ONEWINDOW_…) holds for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from scripts.services import broker, postgres
from scripts.services.broker import Kafka
from scripts.services.postgres import Postgres
from scripts.services.process import ROOT, ServiceError, end, pid_in, tail, wait_until

DIRECTORY = Path("var") / "local"
PROGRAM = Path(sys.prefix) / "bin" / "onewindow"


@dataclass(frozen=True)
class Program:
    """One `onewindow …`. `offset`: so far above the window's port it shows `/readyz` and `/metrics`; None: nowhere."""

    name: str
    arguments: tuple[str, ...]
    offset: int | None = None


PROGRAMS = (
    Program("api", ("serve",), 0),
    Program("worker-1", ("worker",), 4),
    Program("worker-2", ("worker",), 5),
    Program("consumer", ("consume",), 6),
    Program("customs", ("simulate", "customs")),
    Program("inspection", ("simulate", "inspection")),
    Program("maritime", ("simulate", "maritime")),
    Program("border", ("simulate", "border")),
)
AGENCY_OFFSETS = {"inspection": 12, "maritime": 13}
"""So far above the window's port listen those that are reached over HTTP."""


class Local:
    """The programs of one directory and one port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.port = int(os.environ.get("ONEWINDOW_PORT", "8080"))
        self.postgres, self.kafka = Postgres(self.directory), Kafka(self.directory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Starts what does not run, and returns when all are ready."""
        postgres.install()
        broker.install()
        settings = {
            "ONEWINDOW_DATABASE_URL": self.postgres.start(),
            "ONEWINDOW_KAFKA_BOOTSTRAP": self.kafka.start(),
            "ONEWINDOW_DATA_DIR": str(self.directory / "data"),
            # where `make run` keeps them too, so that commands find the tokens without being told
            "ONEWINDOW_SECRETS_DIR": str(self.directory.parent / "secrets"),
            "ONEWINDOW_AGENCY_URLS": json.dumps(
                {name: f"http://127.0.0.1:{self.port + offset}/messages" for name, offset in AGENCY_OFFSETS.items()}
            ),
            "ONEWINDOW_REHEARSAL": "1",
        }
        environment = {**settings, **os.environ, "PYTHONUNBUFFERED": "1"}
        for program in PROGRAMS:
            if self.pid(program) is None:
                self._start(program, environment)
        print(f"window:  {self.url}  (documentation: {self.url}/docs)")
        print(f"tokens:  {environment['ONEWINDOW_SECRETS_DIR']}")
        print(f"logs:    {self.directory / 'logs'}")
        print(f"try:     {PROGRAM} demo --url {self.url} --secrets {environment['ONEWINDOW_SECRETS_DIR']}")
        for name in ("ONEWINDOW_DATABASE_URL", "ONEWINDOW_KAFKA_BOOTSTRAP"):
            print(f"{name}={environment[name]}")

    def down(self) -> None:
        """Ends everything in order, the services last."""
        for program in reversed(PROGRAMS):
            pid = self.pid(program)
            if pid is not None:
                end(pid, self._words(program), signal.SIGTERM)
        self.kafka.stop()
        self.postgres.stop()

    def status(self) -> bool:
        """Prints what runs; whether all does."""
        running = {"postgres": self.postgres.pid(), "kafka": self.kafka.pid()}
        running |= {program.name: self.pid(program) for program in PROGRAMS}
        for name, pid in running.items():
            print(f"{name:12}{'-' if pid is None else pid}")
        return all(running.values())

    def pid(self, program: Program) -> int | None:
        return pid_in(self._pidfile(program), self._words(program))

    def _start(self, program: Program, environment: dict[str, str]) -> None:
        log = self.directory / "logs" / f"{program.name}.log"
        for folder in (log.parent, self._pidfile(program).parent):
            folder.mkdir(parents=True, exist_ok=True)
        metrics = {"ONEWINDOW_METRICS_PORT": str(self.port + program.offset)} if program.offset else {}
        with log.open("ab") as written:
            process = subprocess.Popen(
                [str(PROGRAM), *program.arguments],
                cwd=ROOT,
                env={**environment, **metrics},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        self._pidfile(program).write_text(f"{process.pid}\n")
        if program.offset is not None:
            ready = f"http://127.0.0.1:{self.port + program.offset}/readyz"
            wait_until(lambda: process.poll() is not None or _is_ready(ready), f"{program.name} is ready")
            if process.poll() is not None:
                raise ServiceError(f"{program.name} ended at once; {log} ends:\n{tail(log)}")

    def _pidfile(self, program: Program) -> Path:
        return self.directory / "run" / f"{program.name}.pid"

    def _words(self, program: Program) -> str:
        return f"{PROGRAM} {' '.join(program.arguments)}"


def main() -> int:
    """Runs one command; 1 with a message on standard error where something is missing or does not start."""
    parser = argparse.ArgumentParser(prog="python -m scripts.services.local", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--dir", type=Path, default=DIRECTORY, help=f"data, logs, pids (default: {DIRECTORY})")
    given = parser.parse_args()
    local = Local(given.dir)
    try:
        if given.command == "up":
            local.up()
        elif given.command == "down":
            local.down()
        else:
            return 0 if local.status() else 1
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    sys.exit(main())
