"""PostgreSQL and Kafka as scripts/services starts them: ready when told so, the same after a crash, only their own ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.services.broker import Kafka
from scripts.services.postgres import Postgres
from scripts.services.process import ServiceError, pid_in, port_of, wait_until
from tests.support.windows import ROOT


@pytest.fixture
def postgres(postgres_server: str, own_directory: Path) -> Iterator[Postgres]:
    own = Postgres(own_directory)
    yield own
    own.kill()


@pytest.fixture
def broker(kafka_server: str, own_directory: Path) -> Iterator[Kafka]:
    own = Kafka(own_directory)
    yield own
    own.kill()


def test_postgres_keeps_its_address_and_what_was_committed_over_a_crash(postgres: Postgres) -> None:
    address = postgres.start()
    assert postgres.start() == address, "a second start changes nothing"
    assert postgres.sql("SHOW fsync") == "on"
    assert postgres.sql("SHOW synchronous_commit") == "on"
    postgres.sql("CREATE TABLE kept (n int)")
    postgres.sql("INSERT INTO kept VALUES (7)")
    postgres.kill()
    assert not postgres.answers()
    assert postgres.start() == address
    assert postgres.sql("SELECT n FROM kept") == "7"
    postgres.stop()
    assert postgres.pid() is None
    assert "shut down" in postgres.log.read_text()


def test_a_broken_statement_is_said(postgres: Postgres) -> None:
    postgres.start()
    with pytest.raises(ServiceError, match="no_such_table"):
        postgres.sql("SELECT * FROM no_such_table")


def test_kafka_keeps_its_address_over_a_crash(broker: Kafka) -> None:
    address = broker.start()
    assert broker.start() == address
    first = broker.pid()
    broker.kill()
    assert not broker.answers()
    assert broker.start() == address
    assert broker.answers()
    assert broker.pid() != first
    broker.stop()
    assert broker.pid() is None


def test_a_service_that_cannot_start_says_why(postgres: Postgres) -> None:
    postgres.start()
    postgres.stop()
    with (postgres.data / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(ServiceError, match="no_such_setting"):
        postgres.start()


def test_a_pid_that_belongs_to_another_program_by_now_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(f"{os.getpid()}\n")
    assert pid_in(file, "server.properties") is None
    assert pid_in(file, "python") == os.getpid()
    assert pid_in(tmp_path / "none", "pytest") is None
    (tmp_path / "kafka").mkdir()
    file.rename(tmp_path / "kafka" / "pid")
    Kafka(tmp_path).kill()


def test_a_port_stays_and_what_never_comes_is_said(tmp_path: Path) -> None:
    assert port_of(tmp_path / "port") == port_of(tmp_path / "port")
    assert port_of(tmp_path / "port") < 32_768, "below the kernel's own"
    with pytest.raises(ServiceError, match="pigs fly"):
        wait_until(lambda: False, "pigs fly", 0.1)


@pytest.mark.usefixtures("postgres_server")
def test_a_command_runs_on_services_that_go_with_it() -> None:
    program = "import os; print(os.environ['ONEWINDOW_DATABASE_URL']); raise SystemExit(7)"
    done = subprocess.run(
        [sys.executable, "-m", "scripts.services", "run", "postgres", "--", sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("postgresql://onewindow@127.0.0.1:")
    port = done.stdout.rpartition(":")[2].partition("/")[0]
    assert not any(f"-p {port}" in command or f":{port}/" in command for command in _commands())


def _commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
