"""Options of the test suite, and the services its tests stand on.

PostgreSQL and Kafka are started by `scripts/services` in a directory of their own, one for all workers of a run, and stopped
at the end, unless TEST_POSTGRES (`postgresql://user@host:port/name`) and TEST_KAFKA (`host:port`) name some that run. Where a
service cannot be had, its tests are skipped with the reason; with CI=true they fail.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.services import broker, browser, oidc, postgres
from scripts.services.broker import Kafka as KafkaService
from scripts.services.postgres import Postgres
from scripts.services.process import ServiceError
from tests.support import backend
from tests.support.lacking import lacks

FIXTURES_OF_SERVICES = {
    "kafka_server": "kafka",
    "postgres_server": "postgres",
    "postgres_template": "postgres",
    "postgres_backend": "postgres",
}
SERVICES = "TEST_SERVICES"
"""Where services live; not in pytest's own directories, which PostgreSQL's account cannot enter. Workers inherit it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden", action="store_true", help="rewrite what golden cases expect from what the code does now; review it"
    )
    parser.addoption(
        "--backend", choices=("sqlite", "postgresql"), default="sqlite", help="the database behind every data directory"
    )


def pytest_configure(config: pytest.Config) -> None:
    # ended by a time limit, what was started is stopped all the same
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not _is_worker(config):
        os.environ[SERVICES] = tempfile.mkdtemp(prefix="onewindow-services-")
        Path(os.environ[SERVICES]).chmod(0o755)
    for marker in (
        "sqlite_only: about SQLite itself, or about nothing a database has to do with; left out with --backend=postgresql",
        "postgres: needs PostgreSQL, whichever --backend",
        "kafka: needs Kafka",
    ):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        # asked for by fixture is asked for by marker
        for fixture in FIXTURES_OF_SERVICES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(FIXTURES_OF_SERVICES[fixture])
    if config.getoption("--backend") == "postgresql":
        left_out = [item for item in items if item.get_closest_marker("sqlite_only")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        directory = Path(os.environ.pop(SERVICES))
        for service in (Postgres(directory), KafkaService(directory)):
            service.stop()
        shutil.rmtree(directory)


def _is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for another one (`pytest -n`), which begins and ends what they share."""
    return hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def services_directory() -> Path:
    return Path(os.environ[SERVICES])


@pytest.fixture
def own_directory(services_directory: Path) -> Path:
    """A place for a service that is one test's own."""
    return services_directory / uuid.uuid4().hex[:8]


@pytest.fixture(scope="session")
def postgres_server(services_directory: Path) -> str:
    """The address of a PostgreSQL server."""
    if given := os.environ.get("TEST_POSTGRES"):
        return given
    with _or_skip("PostgreSQL"):
        postgres.install()
        return Postgres(services_directory).start()


@pytest.fixture(scope="session")
def kafka_server(services_directory: Path) -> str:
    """The address of a Kafka broker."""
    if given := os.environ.get("TEST_KAFKA"):
        return given
    with _or_skip("Kafka"):
        broker.install()
        return KafkaService(services_directory).start()


@pytest.fixture(scope="session")
def oidc_provider() -> None:
    """npm's oidc-provider is installed; `tests/support/provider.py` runs it."""
    with _or_skip("An OpenID Provider"):
        oidc.install()


@pytest.fixture(scope="session")
def axe() -> str:
    """Chromium is installed; the script that judges a page within it."""
    with _or_skip("Chromium"):
        browser.install()
    return browser.axe()


@dataclass(frozen=True)
class Kafka:
    """A broker shared by all tests, and names on it that are one test's own."""

    bootstrap: str
    prefix: str


@pytest.fixture
def kafka(kafka_server: str) -> Kafka:
    return Kafka(kafka_server, f"t{uuid.uuid4().hex[:10]}")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The address of a migrated, empty database to copy."""
    address = backend.make_template(postgres_server)
    yield address
    backend.drop_all(address)


@pytest.fixture
def postgres_backend(postgres_template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that is about PostgreSQL: its data directories stand on it whatever --backend says."""
    monkeypatch.setenv(backend.VARIABLE, postgres_template)


@pytest.fixture(scope="session", autouse=True)
def _backend(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--backend") == "postgresql":
        address = request.getfixturevalue("postgres_template")
        os.environ[backend.VARIABLE] = address


@pytest.fixture(autouse=True)
def _databases_go_with_their_test(request: pytest.FixtureRequest) -> Iterator[None]:
    # asked for here, so that it goes after this does
    directory = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if directory is not None:
        backend.forget(directory)


@contextmanager
def _or_skip(service: str) -> Iterator[None]:
    """Where the service cannot be had the test is skipped, or in CI fails."""
    try:
        yield
    except ServiceError as error:
        lacks(f"{service} cannot be had here: {error}")
