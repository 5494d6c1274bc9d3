"""The whole thing as a newcomer meets it: `onewindow demo`, and `onewindow run` killed in the middle and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator.state import count_effects
from declarations.stats import table_stats
from gateway.config import AGENCY_URLS
from gateway.supervise import free_port
from tests.support.backend import environment_at
from tests.support.pki import Authority
from tests.support.windows import ROOT, rulebook

EXPECTED: dict[str, dict[str, Any]] = json.loads((ROOT / "samples" / "expected.json").read_text())
AGENCIES = {path.parent.name for path in (ROOT / "mappings").glob("*/agency.toml")}
COMMAND = [sys.executable, "-m", "gateway.cli"]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def environment(**settings: str) -> dict[str, str]:
    """This environment without settings of a window, and with these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}
    return {**clean, "PYTHONPATH": str(ROOT), **settings}


def children(pid: int) -> dict[str, int]:
    """name -> process id of a supervisor's children: `serve` and the agencies."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                words = (stat.parent / "cmdline").read_bytes().decode().split("\0")
                found[[word for word in words if word][-1]] = int(stat.parent.name)
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and no mere entry that waits for its parent."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(true: Callable[[], Any], process: subprocess.Popen[str], seconds: float = 45.0) -> Any:
    """What `true` returns once it is true; fails when the program ended meanwhile, with what it said."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[0]}")
        found = true()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("waited in vain")


class Run:
    """`onewindow run` in a directory, on ports of its own."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.scheme = "https" if "ONEWINDOW_TLS_CERTIFICATE" in settings else "http"
        self.port = free_port()
        urls = json.dumps({agency: f"http://127.0.0.1:{free_port()}/messages" for agency in AGENCY_URLS})
        self.environment = environment(
            ONEWINDOW_PORT=str(self.port),
            ONEWINDOW_AGENCY_URLS=urls,
            ONEWINDOW_DELIVERY_POLL_SECONDS="0.2",
            ONEWINDOW_SIM_DELAY_SCALE="0.5",
            **environment_at(data_dir),
            **settings,
        )

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [*COMMAND, "run", "--data-dir", str(self.data_dir)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)

    def ask(self, path: str) -> Any:
        token = (self.data_dir / "secrets" / "clients" / "default.token").read_text().strip()
        request = urllib.request.Request(
            f"{self.scheme}://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        # what the window shows is what the commands of this machine are tested for
        with urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()) as reply:
            return json.load(reply)

    def filed(self) -> list[dict[str, Any]]:
        """The window's declarations; none while it does not answer."""
        with suppress(OSError):
            items: list[dict[str, Any]] = self.ask("/api/v1/declarations?limit=200")["items"]
            return items
        return []

    def all_as_expected(self) -> bool:
        ends = {
            json.loads((ROOT / "samples" / name).read_text())["trader_assigned_reference_id"]: end
            for name, end in EXPECTED.items()
        }
        found = {item["reference"]: item for item in self.filed()}
        return set(found) == set(ends) and all(
            found[reference]["status"] == end["combined"] and found[reference]["legs"] == end["legs"]
            for reference, end in ends.items()
        )


@pytest.mark.sqlite_only
def test_the_demonstration_ends_well_in_under_a_minute() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "demo"], env=environment(), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - started < 60
    assert "every sample reached its expected end" in done.stdout
    assert re.search(r"http://127\.0\.0\.1:\d+/docs", done.stdout)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_ships_certificate_is_issued_printed_verified_and_found_out(tmp_path: Path, seed: str) -> None:
    """Whatever order four agencies answer in, and however often."""
    done = subprocess.run(
        [*COMMAND, "demo", "--vessel", "--out", str(tmp_path), "--seed", seed],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counted = table_stats(rulebook())["forms"]["vessel"]
    assert f"one form of {counted['items']} items instead of {counted['reduction']['of']} on 4 forms" in done.stdout
    genuine, altered = sorted(tmp_path.glob("*.pdf"), key=lambda path: len(path.name))
    assert genuine.read_bytes()[:5] == b"%PDF-"
    assert sum(a != b for a, b in zip(genuine.read_bytes(), altered.read_bytes(), strict=True)) == 1
    assert done.stdout.count("the signature is good and the file was not altered") == 1
    assert re.search(r"state +有效 / Valid", done.stdout)
    assert done.stderr.count("not a valid certificate") == 1


def test_a_killed_window_starts_again_and_each_message_has_one_effect(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.started() as process:
        # in the middle: all are filed, some agency has answered, not all is done
        wait_until(
            lambda: len(run.filed()) == len(EXPECTED) and any(one["status"] != "filed" for one in run.filed()), process
        )
        assert not run.all_as_expected()
        born = children(process.pid)
        assert set(born) == {"serve", *AGENCIES}
        os.kill(born["serve"], signal.SIGKILL)
        said, _ = process.communicate(timeout=30)
        assert process.returncode not in (0, None)
        assert "window" in said
        assert "SIGKILL" in said
        assert not any(runs(pid) for pid in born.values())
    with run.started() as process:
        wait_until(run.all_as_expected, process)
        born = children(process.pid)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert not any(runs(pid) for pid in born.values())
    effects = count_effects(tmp_path / "simulators")
    assert len(effects) == len(EXPECTED)
    assert {count for kinds in effects.values() for count in kinds.values()} == {1}


def test_a_window_that_ends_tls_itself_runs_too(tmp_path: Path) -> None:
    """With a certificate of an authority that this machine does not know, for a name that is not its address: commands and
    simulated agencies of the same machine trust exactly that certificate."""
    authority = Authority(datetime.now(UTC))
    certificate, key = authority.server("window.example").write(tmp_path, "server")
    run = Run(tmp_path / "data", ONEWINDOW_TLS_CERTIFICATE=str(certificate), ONEWINDOW_TLS_KEY=str(key))
    with run.started() as process:
        wait_until(run.all_as_expected, process)
        status = [*COMMAND, "status", run.filed()[0]["id"]]
        environment = {**run.environment, "ONEWINDOW_DATA_DIR": str(run.data_dir)}
        done = subprocess.run(status, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        # another certificate, though of the same authority
        other, _ = authority.server("window.example").write(tmp_path, "other")
        environment["ONEWINDOW_TLS_CERTIFICATE"] = str(other)
        done = subprocess.run(status, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode != 0
        assert "shows another certificate" in done.stdout + done.stderr


def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.started() as process:
        wait_until(lambda: set(children(process.pid)) == {"serve", *AGENCIES}, process)
        born = children(process.pid)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 15
        while any(runs(pid) for pid in born.values()):
            assert time.monotonic() < deadline, "a child outlives its supervisor"
            time.sleep(0.1)


def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.started() as process:
        wait_until(run.filed, process)
        second = subprocess.run(
            [*COMMAND, "run", "--data-dir", str(tmp_path)],
            env=run.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 3
    assert "ONEWINDOW_PORT" in second.stderr
    assert str(run.port) in second.stderr
    assert "Traceback" not in second.stderr
