"""`python3 -m scripts.services install|start|stop|kill|status [postgres] [kafka] --dir DIR`; needs nothing beyond Python.

`install` knows `tools`, `oidc` and `browser` too: what some tests need beside the services; `tools` brings the others along.

`start` and `status` print what to put into the environment of `onewindow`. `run [postgres] [kafka] -- COMMAND` runs a command
with that environment on services of its own, which go with it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.services import broker, browser, oidc, postgres, tools
from scripts.services.broker import Kafka
from scripts.services.postgres import Postgres
from scripts.services.process import ServiceError

SERVICES: dict[str, type[Postgres] | type[Kafka]] = {"postgres": Postgres, "kafka": Kafka}
NAMES = tuple(SERVICES)
INSTALLS = {
    "postgres": postgres.install,
    "kafka": broker.install,
    "tools": tools.install,
    "oidc": oidc.install,
    "browser": browser.install,
}
DIRECTORY = Path("var") / "services"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it did what it says, 1 with a message on standard error when not."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)
    words, program = words[:end], words[end + 1 :]
    parser = argparse.ArgumentParser(prog="python3 -m scripts.services", description=__doc__)
    parser.add_argument("command", choices=("install", "start", "stop", "kill", "status", "run"))
    parser.add_argument("services", nargs="*", metavar="postgres|kafka", help="both when none is named")
    parser.add_argument("--dir", type=Path, default=DIRECTORY, help=f"where they live (default: {DIRECTORY})")
    given = parser.parse_args(words)
    for name in given.services:
        known = INSTALLS if given.command == "install" else SERVICES
        if name not in known:
            parser.error(f"{given.command}: no {name!r}, but {', '.join(known)}")
    names = given.services or NAMES
    name = "services"
    try:
        if given.command == "run":
            return _run(names, program)
        for name in names:
            if given.command == "install":
                INSTALLS[name]()
            else:
                _act(given.command, name, given.dir)
    except ServiceError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(names: Sequence[str], program: list[str]) -> int:
    directory = Path(tempfile.mkdtemp(prefix="onewindow-services-"))
    # PostgreSQL's own account must get in
    directory.chmod(0o755)
    environment = dict(os.environ)
    started = [SERVICES[name](directory) for name in names]
    try:
        for service in started:
            service.start()
            variable, _, value = _address(service).partition("=")
            environment[variable] = value
        return subprocess.run(program, env=environment).returncode
    finally:
        for service in started:
            service.stop()
        shutil.rmtree(directory)


def _act(command: str, name: str, directory: Path) -> None:
    service = SERVICES[name](directory)
    if command == "start":
        service.start()
    elif command == "stop":
        service.stop()
    elif command == "kill":
        service.kill()
    if command in ("start", "status"):
        if not service.answers():
            raise ServiceError("does not run")
        print(_address(service), flush=True)


def _address(service: Postgres | Kafka) -> str:
    if isinstance(service, Postgres):
        return f"ONEWINDOW_DATABASE_URL={service.url()}"
    return f"ONEWINDOW_KAFKA_BOOTSTRAP={service.bootstrap()}"


if __name__ == "__main__":
    sys.exit(main())
