"""The commands that need no server: what they print, the JSON scripts rely on, and their exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from lxml import etree
from typer.testing import CliRunner

from gateway.cli import app
from tests.support.windows import ROOT

SAMPLES = ROOT / "samples"
ELECTRONICS = SAMPLES / "sea-import-electronics-customs-only.json"
COSMETICS = SAMPLES / "air-import-cosmetics-both.json"
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text())
pytestmark = pytest.mark.sqlite_only  # these commands open no database

FAULT_KEYS = {"code", "item", "pointer", "line", "message_zh", "message_en", "agency", "severity"}


def onewindow(*arguments: str | Path) -> Result:
    """Run a command; an exception that is no exit is a traceback the user would see."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result  # type: ignore[return-value]


def parsed(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_sample_is_valid_with_no_more_than_its_warnings(name: str) -> None:
    result = onewindow("check", SAMPLES / name, "--json")
    assert result.exit_code == 0
    checked = parsed(result)
    assert checked["valid"] is True
    assert {fault["code"] for fault in checked["faults"]} <= set(EXPECTED[name]["warnings_at_most"])
    assert all(set(fault) == FAULT_KEYS for fault in checked["faults"])


def test_check_says_in_words_what_is_wrong_and_where(tmp_path: Path) -> None:
    form = json.loads(ELECTRONICS.read_text())
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**form, "total_net_mass": "999999.00"}, ensure_ascii=False, indent=1))
    result = onewindow("check", bad)
    assert result.exit_code == 1
    assert "/total_net_mass" in result.stdout
    assert "净重" in result.stdout
    assert "mass" in result.stdout
    fault = next(fault for fault in parsed(onewindow("check", bad, "--json"))["faults"] if fault["severity"] == "error")
    line = bad.read_text().splitlines()[fault["line"] - 1]
    assert "total_net_mass" in line


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("empty.json", b""),
        ("broken.json", b'{"filing_scope":'),
        ("broken.xml", b"<goods_declaration>"),
        ("doctype.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><goods_declaration>&a;</goods_declaration>'),
        ("noise.bin", bytes(range(256))),
        ("deep.xml", b"<a>" * 1_000_000),
        ("huge.json", b" " * 10_000_001),
    ],
)
def test_check_of_what_cannot_be_read_exits_2_with_words(tmp_path: Path, name: str, body: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    result = onewindow("check", path, "--json")
    assert result.exit_code == 2
    checked = parsed(result)
    assert checked["valid"] is False
    assert checked["faults"][0]["message_zh"]
    assert onewindow("check", path).exit_code == 2


def test_check_of_a_missing_file_exits_2() -> None:
    assert onewindow("check", "no-such-file.json").exit_code == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_xml_is_read_in_the_encodings_traders_have(tmp_path: Path, encoding: str) -> None:
    xml = onewindow("convert", COSMETICS, "--to", "xml").stdout
    path = tmp_path / "form.xml"
    declared = encoding.removesuffix("-sig")
    path.write_bytes(xml.replace('encoding="UTF-8"', f'encoding="{declared}"').encode(encoding))
    assert onewindow("check", path).exit_code == 0
    back = onewindow("convert", path, "--to", "json").stdout
    assert json.loads(back)["domestic_trader_name"] == json.loads(COSMETICS.read_text())["domestic_trader_name"]


def test_convert_there_and_back_loses_nothing(tmp_path: Path) -> None:
    for sample in (COSMETICS, SAMPLES / "sea-export-household-20-lines-customs-only.json"):
        there, back = tmp_path / "there.xml", tmp_path / "back.json"
        again = tmp_path / "again.xml"
        assert onewindow("convert", sample, "--to", "xml", "--out", there).exit_code == 0
        assert onewindow("convert", there, "--to", "json", "--out", back).exit_code == 0
        assert onewindow("convert", back, "--to", "xml", "--out", again).exit_code == 0
        assert again.read_bytes() == there.read_bytes()


def test_convert_takes_a_form_that_rules_object_to_but_none_with_misplaced_values(tmp_path: Path) -> None:
    form = json.loads(ELECTRONICS.read_text())
    draft, odd = tmp_path / "draft.json", tmp_path / "odd.json"
    draft.write_text(json.dumps({**form, "total_net_mass": "999999.00"}))
    odd.write_text(json.dumps({**form, "no_such_item": "1"}))
    assert "<total_net_mass>999999.00" in onewindow("convert", draft, "--to", "xml").stdout
    result = onewindow("convert", odd, "--to", "xml")
    assert result.exit_code == 1
    assert "no_such_item" in result.stderr
    assert onewindow("convert", draft, "--to", "pdf").exit_code == 3


def test_split_writes_every_message_and_proves_it(tmp_path: Path) -> None:
    for sample, end in EXPECTED.items():
        out = tmp_path / sample
        result = onewindow("split", SAMPLES / sample, "--out", out, "--json")
        assert result.exit_code == 0
        rows = parsed(result)
        assert {row["agency"] for row in rows} == set(end["legs"])
        for row in rows:
            assert set(row) == {"agency", "message", "version", "file", "schema_valid", "waits_for"}
            assert row["schema_valid"] is True
            assert row["file"].endswith(".preview.xml" if row["waits_for"] else f"{row['message']}.xml")
            etree.parse(row["file"])


def test_a_waiting_message_is_a_preview_until_its_number_is_given(tmp_path: Path) -> None:
    waiting = {row["agency"]: row for row in parsed(onewindow("split", COSMETICS, "--out", tmp_path, "--json"))}
    assert waiting["customs"]["waits_for"] == "inspection.clearance_form_id"
    assert waiting["customs"]["file"].endswith("customs-DecMessage.preview.xml")
    assert "LicenseDocu" not in Path(waiting["customs"]["file"]).read_text()
    number = "310400115000123000"
    given = onewindow("split", COSMETICS, "--out", tmp_path, "--json", "--clearance-form", number)
    rows = {row["agency"]: row for row in parsed(given)}
    assert (rows["customs"]["schema_valid"], rows["customs"]["waits_for"]) == (True, None)
    assert number in Path(rows["customs"]["file"]).read_text()


def test_split_of_a_faulty_form_writes_nothing(tmp_path: Path) -> None:
    bad, out = tmp_path / "bad.json", tmp_path / "out"
    bad.write_text(json.dumps({**json.loads(ELECTRONICS.read_text()), "trade_mode_code": "9Z"}))
    result = onewindow("split", bad, "--out", out)
    assert result.exit_code == 1
    assert "trade_mode_code" in result.stderr
    assert not out.exists()


def test_explain_tells_item_conversion_code_row_and_version_and_the_way_back() -> None:
    there = parsed(
        onewindow(
            "explain", COSMETICS, "--agency", "inspection", "--pointer", "/departure_destination_country_code", "--json"
        )
    )
    value = there[0]
    assert (value["typed"], value["value"]) == ("305", "250")
    assert value["code_row"]["agency_code"] == "250"
    assert value["line"].startswith("INS-")
    assert len(value["table"]["sha256"]) == 64
    target = value["target"]
    here = parsed(onewindow("explain", COSMETICS, "--agency", "inspection", "--target", target, "--json"))
    assert here == there
    back = parsed(onewindow("explain", COSMETICS, "--agency", "inspection", "--element", target, "--json"))
    assert back[0]["pointer"] == "/departure_destination_country_code"
    shown = onewindow("explain", COSMETICS, "--agency", "inspection", "--target", target).stdout
    assert "305" in shown
    assert "CL_COUNTRY" in shown


def test_explain_refuses_in_words() -> None:
    for arguments in (["--target", "No/Such"], ["--element", "No/Such"]):
        result = onewindow("explain", COSMETICS, "--agency", "customs", *arguments)
        assert result.exit_code == 1
        assert result.stderr
    assert onewindow("explain", ELECTRONICS, "--agency", "inspection", "--target", "x").exit_code == 1
    assert onewindow("explain", ELECTRONICS, "--agency", "customs").exit_code == 3


def test_tables_stats_say_103_and_32() -> None:
    goods = parsed(onewindow("tables", "stats", "--json"))["forms"]["goods"]
    assert (goods["items"], goods["shared"]) == (103, 32)
    assert set(goods) == {"items", "shared", "ext", "by_agency", "reduction"}
    reduction = goods["reduction"]
    separate = sum(counted["items"] for counted in goods["by_agency"].values())
    assert (reduction["saved"], reduction["of"]) == (separate - 103, separate)
    assert set(reduction["agencies"]) == {"customs", "inspection"}
    assert "103" in onewindow("tables", "stats").stdout


@pytest.fixture
def copied_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tables in a directory of their own, for tests that change them."""
    for folder in ("mappings", "xsd"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setenv("ONEWINDOW_TABLES_DIR", str(tmp_path))
    return tmp_path


def test_sound_tables_pass_and_broken_ones_are_named_by_file_row_and_column(copied_tables: Path) -> None:
    assert onewindow("tables", "check").exit_code == 0
    path = copied_tables / "mappings" / "customs" / "DecMessage" / "2015" / "map.csv"
    path.write_text(path.read_text().replace(",trade_mode_code,", ",trade_mood_code,"))
    row = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if "trade_mood_code" in line)
    result = onewindow("tables", "check")
    assert result.exit_code == 1
    assert f"mappings/customs/DecMessage/2015/map.csv:{row}" in result.stdout
    faults = parsed(onewindow("tables", "check", "--json"))["faults"]
    assert any(fault["line"] == row and fault["pointer"].endswith("#source") for fault in faults)
    refused = onewindow("check", ELECTRONICS)
    assert refused.exit_code == 3
    assert "trade_mood_code" in refused.stderr or "map.csv" in refused.stderr


def test_generated_files_follow_the_dictionary(copied_tables: Path) -> None:
    assert onewindow("tables", "generate").exit_code == 0
    assert onewindow("tables", "generate", "--check").exit_code == 0
    path = copied_tables / "mappings" / "forms" / "goods.csv"
    path.write_text(path.read_text().replace("合同协议号", "合同号", 1))
    stale = onewindow("tables", "generate", "--check")
    assert stale.exit_code == 1
    assert "docs/items-goods.md" in stale.stdout


def test_an_official_list_is_compared_and_loaded_with_its_day(copied_tables: Path) -> None:
    official = copied_tables / "CL_COUNTRY.csv"
    official.write_text("code,name_zh,name_en\n305,法兰西,France\n")
    changes = parsed(onewindow("codes", "diff", official, "--on", "2027-01-01", "--json"))
    assert changes["list"] == "CL_COUNTRY"
    assert [(each["kind"], each["code"], each["new"]) for each in changes["changes"]] == [("changed", "305", "法兰西")]
    assert any(row["code"] == "305" for row in changes["affected"])
    table = copied_tables / "mappings" / "codes" / "CL_COUNTRY.csv"
    before = table.read_text()
    assert onewindow("codes", "diff", official, "--on", "2027-01-01").exit_code == 0
    assert table.read_text() == before, "diff writes nothing"
    assert onewindow("codes", "load", official, "--on", "2027-01-01").exit_code == 0
    assert "法兰西" in table.read_text()
    assert onewindow("tables", "check").exit_code == 0
    assert onewindow("codes", "diff", official, "--list", "CL_NOTHING").exit_code == 1


def test_a_list_that_other_tables_must_follow_is_not_loaded_by_accident(copied_tables: Path) -> None:
    official = copied_tables / "CL_COUNTRY.csv"
    official.write_text("code,name_zh,name_en\n990,新国,Newland\n")
    table = copied_tables / "mappings" / "codes" / "CL_COUNTRY.csv"
    before = table.read_text()
    refused = onewindow("codes", "load", official, "--on", "2027-01-01")
    assert refused.exit_code == 1
    assert table.read_text() == before
    assert onewindow("codes", "load", official, "--on", "2027-01-01", "--force").exit_code == 0
    assert "新国" in table.read_text()


def test_the_worker_refuses_sqlite_with_words() -> None:
    result = onewindow("worker")
    assert result.exit_code == 3
    assert "serve" in result.stderr


def test_an_unknown_setting_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWINDOW_PORTT", "1")
    result = onewindow("check", ELECTRONICS)
    assert result.exit_code == 3
    assert "ONEWINDOW_PORTT" in result.stderr


def test_no_window_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(tmp_path))
    missing = onewindow("status", "D1")
    assert missing.exit_code == 3
    assert "token" in missing.stderr
    token = tmp_path / "token"
    token.write_text("x" * 20)
    away = onewindow("submit", ELECTRONICS, "--url", "http://127.0.0.1:9", "--token-file", token)
    assert away.exit_code == 3
    assert "onewindow serve" in away.stderr
