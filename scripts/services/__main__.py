"""`python3 -m scripts.services install|start|stop|kill|status [postgres] [kafka] --dir DIR`.

`start` and `status` print what to put into the environment of `onewindow`; needs nothing beyond Python.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.services import broker, postgres
from scripts.services.broker import Kafka
from scripts.services.postgres import Postgres
from scripts.services.process import ServiceError

NAMES = ("postgres", "kafka")
DIRECTORY = Path("var") / "services"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it did what it says, 1 with a message on standard error when not."""
    parser = argparse.ArgumentParser(prog="python3 -m scripts.services", description=__doc__)
    parser.add_argument("command", choices=("install", "start", "stop", "kill", "status"))
    parser.add_argument("services", nargs="*", metavar="postgres|kafka", help="both when none is named")
    parser.add_argument("--dir", type=Path, default=DIRECTORY, help=f"where they live (default: {DIRECTORY})")
    given = parser.parse_args(arguments)
    for name in given.services:
        if name not in NAMES:
            parser.error(f"no service {name!r}: {' or '.join(NAMES)}")
    names = given.services or NAMES
    try:
        for name in names:
            if given.command == "install":
                {"postgres": postgres, "kafka": broker}[name].install()
            else:
                _act(given.command, name, given.dir)
    except ServiceError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


def _act(command: str, name: str, directory: Path) -> None:
    service = {"postgres": Postgres, "kafka": Kafka}[name](directory)
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
