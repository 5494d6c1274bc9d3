"""The golden cases: a form and agencies' answers in, exact messages and what the trader sees out (tests/data/cases)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from declarations.tablecheck import check_tables
from gateway.submit import submit
from tests.acceptance import forms, golden, seen
from tests.acceptance.golden import CASES, Case, cases
from tests.support.windows import CLIENT, ROOT, rulebook, window_at

ALL = cases()
SHUFFLES = 20
DAY = datetime(2015, 10, 23, 1, 0, tzinfo=UTC)


def name(case: Case) -> str:
    return case.folder.name


def write(case: Case, played: golden.Played) -> None:
    folder = case.folder / "messages"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for file, body in played.messages.items():
        (folder / file).write_bytes(body)
    (case.folder / "expected.json").write_text(seen.written(played.expected) + "\n", encoding="utf-8")


@pytest.mark.parametrize("case", ALL, ids=name)
async def test_case_goes_as_expected(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every message to the byte, the trader's view after every answer, the timeline, the searches."""
    played = await golden.play(case, tmp_path)
    if request.config.getoption("--golden"):
        write(case, played)
    messages = {path.name: path.read_bytes() for path in (case.folder / "messages").iterdir()}
    assert played.messages == messages
    expected = json.loads((case.folder / "expected.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(played.expected))
    for part in expected.keys() | found.keys():
        assert found.get(part) == expected.get(part), part


@pytest.mark.parametrize("case", [case for case in ALL if case.shuffle], ids=name)
async def test_end_is_the_same_in_whatever_order_answers_come(case: Case, tmp_path: Path) -> None:
    """Duplicates and disorder change nothing in the end; nor is any answer lost or taken twice."""
    expected = await golden.play_in_order(case, tmp_path / "in order")
    for seed in range(SHUFFLES):
        found = await golden.play_shuffled(case, tmp_path / str(seed), seed)
        assert found == expected, f"seed {seed}"


def test_every_sample_is_a_case_and_comes_to_its_expected_end() -> None:
    """The same bytes in both places, and samples/expected.json says what the cases say."""
    told = json.loads((ROOT / "samples" / "expected.json").read_text(encoding="utf-8"))
    by_sample = {case.sample: case for case in ALL if case.sample}
    assert (
        by_sample.keys() == told.keys() == {path.name for path in (ROOT / "samples").glob("*.json")} - {"expected.json"}
    )
    for sample, case in by_sample.items():
        assert case.form.read_bytes() == (ROOT / "samples" / sample).read_bytes()
        expected = json.loads((case.folder / "expected.json").read_text(encoding="utf-8"))
        assert expected["end"]["status"] == told[sample]["combined"]
        assert {agency: leg["state"] for agency, leg in expected["end"]["legs"].items()} == told[sample]["legs"]
        assert {warning["code"] for warning in expected["warnings"]} <= set(told[sample]["warnings_at_most"])
        waits = {f"{agency}_waits_for" for agency in expected["events"][0].get("waits_for", {})}
        assert waits == {key for key in told[sample] if key.endswith("_waits_for")}


def test_cases_run_every_row_of_the_tables_and_both_sides_of_every_condition() -> None:
    faults = check_tables(rulebook().bundle, CASES.parent, DAY)
    assert [(fault.pointer, fault.line, fault.message_en) for fault in faults] == []


@pytest.mark.parametrize("build", [forms.sea_import, forms.air_import, forms.sea_export, forms.parts_import])
async def test_forms_to_build_from_are_valid(build, tmp_path: Path) -> None:
    """They can be filed as they are, without a warning, to both agencies and to inspection alone."""
    form = build("SWSH2015T00000001")
    alone = forms.for_agency(form, rulebook().forms["goods"], "inspection")
    async with window_at(tmp_path) as window:
        for body in (form, alone):
            reply = await submit(window, CLIENT, orjson.dumps(body), "application/json", check_only=True)
            assert (reply.body["valid"], reply.body["faults"]) == (True, [])
