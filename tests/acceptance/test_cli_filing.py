"""`onewindow submit` and `status` against a served window: what they print and how they end."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.support.served import Site, numbered, served
from tests.support.windows import ROOT

ELECTRONICS = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


def onewindow(site: Site, *arguments: str | Path, token: str = "clients/default") -> Any:
    where = ["--url", site.url, "--token-file", str(site.secrets / f"{token}.token")]
    result = CliRunner().invoke(app, [*map(str, arguments), *where])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def sample(directory: Path, reference: str, **values: Any) -> Path:
    path = directory / f"{reference}.json"
    path.write_text(json.dumps({**json.loads(numbered(ELECTRONICS, reference)), **values}, ensure_ascii=False))
    return path


def test_a_filing_is_told_its_id_and_asked_for_by_it(site: Site, tmp_path: Path) -> None:
    result = onewindow(site, "submit", sample(tmp_path, "CLI000000000000001"), "--json")
    assert result.exit_code == 0
    filed = json.loads(result.stdout)
    answer = json.loads(onewindow(site, "status", filed["id"], "--json").stdout)
    assert (answer["reference"], answer["status"]) == ("CLI000000000000001", "filed")
    shown = onewindow(site, "status", filed["id"]).stdout
    assert "CLI000000000000001" in shown
    assert "customs" in shown
    assert answer["status_zh"] in shown


def test_words_tell_a_person_the_id_and_the_warnings(site: Site, tmp_path: Path) -> None:
    result = onewindow(site, "submit", sample(tmp_path, "CLI000000000000002"))
    assert result.exit_code == 0
    assert "CLI000000000000002" in result.stdout
    assert "R-DAT-03" in result.stdout


def test_faults_exit_1_and_unreadable_files_exit_2(site: Site, tmp_path: Path) -> None:
    faulty = onewindow(site, "submit", sample(tmp_path, "CLI000000000000003", trade_mode_code="9Z"))
    assert faulty.exit_code == 1
    assert "/trade_mode_code" in faulty.stderr
    (tmp_path / "broken.xml").write_bytes(b"<goods_declaration>")
    broken = onewindow(site, "submit", tmp_path / "broken.xml", "--json")
    assert broken.exit_code == 2
    assert json.loads(broken.stdout)["code"] == "malformed_document"


def test_a_repeated_filing_names_the_first(site: Site, tmp_path: Path) -> None:
    path = sample(tmp_path, "CLI000000000000004")
    first = json.loads(onewindow(site, "submit", path, "--json").stdout)
    again = onewindow(site, "submit", path)
    assert again.exit_code == 1
    assert first["id"] in again.stderr


def test_the_same_key_gets_the_same_answer(site: Site, tmp_path: Path) -> None:
    path = sample(tmp_path, "CLI000000000000005")
    answers = [onewindow(site, "submit", path, "--json", "--idempotency-key", "k5") for _ in range(2)]
    assert [answer.exit_code for answer in answers] == [0, 0]
    assert answers[0].stdout == answers[1].stdout


def test_refusals_are_words(site: Site, tmp_path: Path) -> None:
    unknown = onewindow(site, "status", "D1")
    assert unknown.exit_code == 1
    assert "not_found" in unknown.stderr
    wrong = onewindow(site, "submit", sample(tmp_path, "CLI000000000000006"), token="operators/default")
    assert wrong.exit_code == 1
    assert "forbidden" in wrong.stderr
    assert onewindow(site, "status", "D1", "--watch", "--json").exit_code == 3


def test_watching_ends_where_nothing_more_comes_by_itself(site: Site, tmp_path: Path) -> None:
    filed = json.loads(onewindow(site, "submit", sample(tmp_path, "CLI000000000000007"), "--json").stdout)
    corrected = onewindow(site, "submit", sample(tmp_path, "CLI000000000000007"), "--correct", filed["id"])
    assert corrected.exit_code == 1, "nothing was rejected, so there is nothing to correct"
    token = site.token("clients/default")
    stop = urllib.request.Request(
        f"{site.url}/api/v1/declarations/{filed['id']}/withdrawal", method="POST", headers=token
    )
    urllib.request.urlopen(stop, timeout=10).close()
    watched = onewindow(site, "status", filed["id"], "--watch")
    assert watched.exit_code == 0
    assert "CLI000000000000007" in watched.stdout
