"""The grown deployment as an operator starts it: API, two workers, a consumer, both agencies, on PostgreSQL and Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.simulator.state import count_effects
from gateway.supervise import free_port
from tests.conftest import Kafka
from tests.support.backend import database_at
from tests.support.program import Program, program
from tests.support.windows import ROOT, until

EXPECTED = json.loads((ROOT / "samples" / "expected.json").read_text())


@dataclass
class Grown:
    """All programs of one window."""

    directory: Path
    settings: dict[str, str]
    programs: dict[str, Program]

    def environment(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}
        given = {"data_dir": str(self.directory / "data"), **self.settings, **more}
        return clean | {f"ONEWINDOW_{name.upper()}": value for name, value in given.items()}

    async def demo(self) -> tuple[int | None, str]:
        """`onewindow demo --url` at this window: how it ended and what it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "demo", "--url", self.programs["serve"].url),
            cwd=ROOT,
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 200)
        return process.returncode, said.decode()


@asynccontextmanager
async def grown(directory: Path, kafka: Kafka, inspection: str) -> AsyncIterator[Grown]:
    """`inspection` is its address."""
    settings = {
        "database_url": database_at(directory / "data")["database_url"],
        "database_connections": "4",
        "kafka_bootstrap": kafka.bootstrap,
        "kafka_prefix": kafka.prefix,
        "agency_urls": json.dumps({"inspection": inspection}),
        "deliver_inside": "false",
        "delivery_poll_seconds": "0.5",
        "rehearsal": "1",
    }
    running = Grown(directory, settings, {})
    async with AsyncExitStack() as stack:
        for name, command in (("serve", "serve"), ("one", "worker"), ("two", "worker"), ("consume", "consume")):
            running.programs[name] = await stack.enter_async_context(program(directory, (command,), **settings))
        port = running.programs["serve"].url.rpartition(":")[2]
        for agency in ("customs", "inspection"):
            await stack.enter_async_context(simulator(running, agency, port))
        yield running


@asynccontextmanager
async def simulator(running: Grown, agency: str, window_port: str) -> AsyncIterator[None]:
    log = running.directory / f"{agency}.log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "simulate", agency),
            cwd=ROOT,
            env=running.environment(port=window_port, sim_delay_scale="0.2"),
            stdout=written,
            stderr=written,
        )
    try:
        await until(lambda: "simulator_ready" in log.read_text(), 30)
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.usefixtures("postgres_backend")
@pytest.mark.parametrize("way", ["http", "kafka"])
async def test_every_sample_reaches_its_end_and_every_program_ends_in_order(
    tmp_path: Path, kafka: Kafka, way: str
) -> None:
    address = {
        "http": f"http://127.0.0.1:{free_port()}/messages",
        "kafka": f"kafka://{kafka.bootstrap}/{kafka.prefix}-inspection",
    }[way]
    async with grown(tmp_path, kafka, address) as running:
        for round_ in (1, 2):
            # again at the same window: under references of its own
            code, said = await running.demo()
            assert code == 0, said
            effects = count_effects(tmp_path / "data" / "simulators")
            assert len(effects) == round_ * len(EXPECTED)
            assert {count for kinds in effects.values() for count in kinds.values()} == {1}
        # the API delivers nothing itself
        assert "delivered" not in running.programs["serve"].written()
        for name, each in running.programs.items():
            assert await each.end() == 0, (name, each.written()[-2000:])


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("command", "settings", "word"),
    [
        ("worker", {}, "ONEWINDOW_DATABASE_URL"),
        ("consume", {}, "ONEWINDOW_DATABASE_URL"),
        ("serve", {"ONEWINDOW_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "ONEWINDOW_KAFKA_BOOTSTRAP"),
        ("consume", {"ONEWINDOW_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "ONEWINDOW_KAFKA_BOOTSTRAP"),
    ],
)
async def test_programs_that_cannot_work_here_say_so(
    tmp_path: Path, command: str, settings: dict[str, str], word: str
) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", command),
        cwd=ROOT,
        env=clean | {"ONEWINDOW_DATA_DIR": str(tmp_path), "ONEWINDOW_PORT": str(free_port()), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    words = said.decode()
    assert process.returncode == 3
    assert word in words
    assert "Traceback" not in words
    assert any("\u4e00" <= character <= "\u9fff" for character in words)
