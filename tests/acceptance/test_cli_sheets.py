"""`onewindow sheet`: spreadsheets and passport lines on the desk of whoever files, without a window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.support.handmade_books import ATTACKS
from tests.support.windows import ROOT

pytestmark = pytest.mark.sqlite_only

ARRIVAL = ROOT / "tests/data/ships/arrival.json"
PASSPORT = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\n"


def sheet(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(app, ["sheet", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_crew_list_goes_out_and_comes_back(tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"crew.{kind}"
    assert sheet("write", ARRIVAL, "--group", "crew", "--out", out).exit_code == 0
    read = sheet("read", out, "--form", "vessel", "--group", "crew", "--json")
    assert read.exit_code == 0
    filed = json.loads(ARRIVAL.read_bytes())["crew"]
    rows = json.loads(read.stdout)["rows"]
    assert rows == [{item: str(value) for item, value in row.items()} for row in filed]
    words = sheet("read", out, "--form", "vessel", "--group", "crew")
    assert "22 行，0 行有误" in words.stdout


def test_faults_name_the_cell_in_both_languages_and_exit_1(tmp_path: Path) -> None:
    given = tmp_path / "boxes.csv"
    given.write_text(
        "集装箱号,箱型尺寸代码,空重箱标志,封志号\nCSQU 305438-3,42G1,5,S1\ncsqu3054384,42G1,5,S2\n", encoding="gb18030"
    )
    read = sheet("read", given, "--form", "vessel", "--group", "containers")
    assert read.exit_code == 1
    assert "A2" in read.stdout
    assert "CSQU3054383" in read.stdout
    assert "请写作" in read.stdout
    assert "Write container number" in read.stdout
    assert "2 行，2 行有误" in read.stdout
    good = sheet("read", given, "--form", "vessel", "--group", "containers", "--mode", "good", "--json")
    assert json.loads(good.stdout)["rows"] == []


def test_a_template_in_both_kinds(tmp_path: Path) -> None:
    for kind in ("xlsx", "csv"):
        out = tmp_path / f"template.{kind}"
        assert sheet("template", "--form", "vessel", "--group", "dangerous_goods", "--out", out).exit_code == 0
        assert sheet("read", out, "--form", "vessel", "--group", "dangerous_goods").exit_code == 0


def test_lines_of_a_passport_reader_become_crew(tmp_path: Path) -> None:
    lines = tmp_path / "passports.txt"
    lines.write_text(PASSPORT)
    read = sheet("mrz", lines, "--json")
    assert read.exit_code == 0
    assert json.loads(read.stdout)["rows"][0]["crew_document_number"] == "L898902C3"
    lines.write_text(PASSPORT.replace("L898902C36", "L898902C37"))
    wrong = sheet("mrz", lines)
    assert wrong.exit_code == 1
    assert "F-MRZ-CHECK" in wrong.stdout
    assert "L898902C3" in wrong.stdout


def test_what_cannot_be_read_is_said_and_ends_otherwise() -> None:
    harmful = sheet("read", ATTACKS / "macro.xlsx", "--form", "goods", "--group", "containers")
    assert harmful.exit_code == 2
    assert "vbaProject" in harmful.stderr
    assert sheet("read", ARRIVAL, "--form", "vessel", "--group", "boats").exit_code == 1
    assert sheet("read", ARRIVAL, "--form", "vessel", "--group", "crew", "--mode", "some").exit_code not in (0, 1)
