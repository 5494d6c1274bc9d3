"""The window as a whole: how it starts, when it refuses to, who may call, and how it ends."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from declarations.errors import BadConfiguration, Unauthorised
from gateway.config import load_settings
from gateway.identity import Secrets, caller_of
from gateway.wiring import open_window
from tests.support.backend import settings_at
from tests.support.windows import ROOT, TickingClock, agency, file, rulebook, until, window_at


async def test_the_first_start_makes_secrets_only_we_can_read(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        files = {
            path.relative_to(tmp_path / "secrets").as_posix(): path for path in (tmp_path / "secrets").rglob("*.*")
        }
        agencies = {f"agencies/{name}.{kind}" for name in window.rulebook.agencies for kind in ("token", "hmac")}
        made = {name for name in files if not name.startswith("keys/")}
        assert made == {"clients/default.token", "operators/default.token", "master/00000000T000000Z.key", *agencies}
        # of the window itself, for each algorithm one of its agencies asks for
        assert {name.rpartition("/")[0] for name in set(files) - made} == {"keys/window"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
        token = files["clients/default.token"].read_text().strip()
        caller = caller_of(window, token)
        assert (caller.kind, caller.name, caller.organisation_id) == ("client", "default", "default")
        assert caller_of(window, files["agencies/customs.token"].read_text().strip()).kind == "agency"
        assert caller_of(window, files["operators/default.token"].read_text().strip()).kind == "operator"
        assert window.agency_key("customs") == files["agencies/customs.hmac"].read_bytes().strip()
        for wrong in ("", token[:-1], token + "x", token.upper(), "中文", window.agency_key("customs").decode()):
            with pytest.raises(Unauthorised):
                caller_of(window, wrong)
    async with window_at(tmp_path) as window:
        assert caller_of(window, token) == caller, "the next start keeps them"


def test_an_empty_secret_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "careless.token").write_text("\n")
    with pytest.raises(BadConfiguration, match="careless"):
        Secrets(tmp_path)


@pytest.mark.sqlite_only
async def test_a_second_window_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with window_at(tmp_path):
        with pytest.raises(BadConfiguration, match="another onewindow process"):
            async with window_at(tmp_path):
                pass
    async with window_at(tmp_path):
        pass


async def test_broken_tables_stop_the_start_and_leave_the_data_free(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    for path, content in rulebook().bundle.files.items():
        (tables / path).parent.mkdir(parents=True, exist_ok=True)
        (tables / path).write_bytes(content)
    (tables / "mappings/customs/responses.csv").write_text("message,code\nX,1\n")
    settings = settings_at(data_dir=tmp_path / "data", tables_dir=tables)
    with pytest.raises(BadConfiguration) as refused:
        async with open_window(settings):
            pass
    assert any("responses.csv" in fault.pointer for fault in refused.value.faults)
    async with open_window(settings_at(data_dir=tmp_path / "data"), tables=rulebook()):
        pass


@pytest.mark.parametrize(
    "settings", [{"profile": "none"}, {"filer": {"shoe_size": "44"}}, {"database_url": "mysql://localhost/x"}]
)
async def test_settings_that_fit_nothing_stop_the_start(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(BadConfiguration):
        async with open_window(settings_at(data_dir=tmp_path, **settings), tables=rulebook()):  # type: ignore[arg-type]
            pass


async def test_the_filers_own_values_come_from_the_settings(tmp_path: Path) -> None:
    async with window_at(tmp_path, filer={"inputter_name": "李录入"}) as window:
        window.start_worker()
        await file(window)
        await until(lambda: len(agency(window, "customs").got) == 1)
        assert "<InputerName>李录入</InputerName>".encode() in agency(window, "customs").got[0].body


async def test_a_running_worker_is_woken_and_stops_in_order(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_poll_seconds=60) as window:
        window.start_worker()
        await asyncio.sleep(0.1)
        await file(window)
        await until(lambda: len(agency(window, "customs").got) == 1, 2)
        async with asyncio.timeout(2):
            await window.stop()
            await window.stop()


def test_settings_below_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ONEWINDOW_PORT", "9000")
    monkeypatch.setenv("ONEWINDOW_SIM_DELAY", "0")
    settings = load_settings()
    assert (settings.port, settings.tables_dir) == (9000, ROOT)
    assert settings.database_url == f"sqlite:///{tmp_path}/onewindow.db"
    assert (settings.secrets_dir, settings.exchange_dir) == (tmp_path / "secrets", tmp_path / "exchange")
    monkeypatch.setenv("ONEWINDOW_SECRETS_DIR", "/run/secrets")
    assert load_settings().secrets_dir == Path("/run/secrets")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ONEWINDOW_PROT", "1"), ("ONEWINDOW_PORT", "x"), ("ONEWINDOW_AGENCY_URLS", "x"), ("onewindow_prot", "1")],
)
def test_a_setting_nobody_knows_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadConfiguration) as refused:
        load_settings()
    assert refused.value.faults
    assert name.upper().removeprefix("ONEWINDOW_")[:4] in str(refused.value).upper()


async def test_time_is_the_windows_clock(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        assert window.clock() is clock.now
