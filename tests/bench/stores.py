"""PostgreSQL and Kafka for a run, in a directory of their own, ended with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from scripts.services.broker import Kafka
from scripts.services.postgres import Postgres

_numbers = count(1)


@dataclass
class Servers:
    """Both, started when first asked for."""

    directory: Path
    postgres: Postgres
    kafka: Kafka

    def database(self, name: str = "") -> str:
        """The address of a database, new unless it is there under this name."""
        self.postgres.start()
        name = name or f"bench{next(_numbers)}"
        if not self.postgres.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.postgres.sql(f"CREATE DATABASE {name}")
        return self.postgres.url(name)


@contextmanager
def services(directory: Path | None = None) -> Iterator[Servers]:
    """Servers below `directory`, which is kept; without one they leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="onewindow-bench-") as temporary:
        where = directory or Path(temporary)
        # the server is another user's process
        where.mkdir(parents=True, exist_ok=True)
        where.chmod(0o755)
        servers = Servers(where, Postgres(where), Kafka(where))
        try:
            yield servers
        finally:
            servers.kafka.stop()
            servers.postgres.stop()
