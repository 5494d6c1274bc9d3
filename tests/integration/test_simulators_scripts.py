"""The scripts of the simulated world: tables alone decide what follows a message, and every answer can be read."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import etree

from adapters.simulator import customs, inspection
from adapters.simulator.clerk import AgencyFile
from adapters.simulator.engine import FIRST_OF_SHIPS, HERE, Copy, Filing, Plan, Planned, Scripts
from adapters.simulator.knobs import Knobs
from declarations.bundle import Bundle
from declarations.errors import BadConfiguration

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.sqlite_only  # agencies keep books of their own; no window is open here
SMOOTH = Knobs()
NOW = datetime(2015, 10, 19, 8, 30, tzinfo=UTC)
AGENCIES: dict[str, AgencyFile] = {"customs": customs, "inspection": inspection}
SCHEMAS = {
    "DecImportResponse": ROOT / "xsd/customs/2015/DecImportResponse.xsd",
    "DEC_RESULT": ROOT / "xsd/customs/2015/DEC_RESULT.xsd",
    "ROOT": ROOT / "xsd/inspection/2015/DCL_RESPONSE.xsd",
}
SCRIPTED = sorted(
    {
        (row["script"], row["agency"])
        for row in csv.DictReader((HERE / "scripts.csv").read_text(encoding="utf-8").splitlines())
        if row["script"] == "default" or "X" < row["script"] < FIRST_OF_SHIPS
    }
)
"""Of goods; those of ships: tests/unit/test_ship_simulators.py."""


def filing(agency: str = "customs", key: str = "f1", *facts: str, commodity: str = "8542319000") -> Filing:
    values = {"direction": "I", "office": "2248", "date": "20151019"}
    if agency == "inspection":
        values = {"office": "310400", "place": "浦东机场货站", "registration": "3100910043"}
    return Filing(
        key,
        "SWSH2015A00000001",
        AGENCIES[agency].MESSAGE,
        frozenset(facts or {"import"}),
        frozenset({commodity}),
        values,
    )


def plan(agency: str, script: str = "default", knobs: Knobs = SMOOTH, of: Filing | None = None) -> Plan:
    return Scripts.load(agency).plan(script, of or filing(agency), knobs)


def codes(answers: Iterable[Planned]) -> list[str]:
    return [f"{one.answer} {one.code}" if one.answer != "result" else one.code for one in answers]


def written(agency: str, planned: Planned) -> tuple[str, bytes]:
    module = AGENCIES[agency]
    given = module.numbers(filing(agency), 2015, of_reference=lambda series: 7, fresh=lambda series: 8)
    return module.answer(planned, filing(agency), given, NOW + timedelta(seconds=planned.dated))


def test_a_smooth_import_is_answered_as_observed_and_closed_comes_before_released() -> None:
    answers = plan("customs").answers
    assert codes(answers) == ["receipt 0", "7", "L", "J", "R", "P"]
    closed, released = answers[-2:]
    assert closed.dated == released.dated
    assert closed.due < released.due
    assert answers[-1].due < 6


def test_a_smooth_inspection_is_six_answers_with_a_clearance_form() -> None:
    answers = plan("inspection").answers
    assert [one.code for one in answers] == ["10", "20", "60", "65", "85", "80"]
    assert answers[-1].dated == answers[-2].dated
    name, body = written("inspection", answers[2])
    document = etree.fromstring(body)
    assert re.fullmatch(r"[0-9]{18}", document.findtext("DCL_RESPONSE/AddInfo") or "")
    assert document.findtext("DCL_RESPONSE/ResponseId") == name


def test_an_export_ends_closed_without_a_transfer_notice() -> None:
    answers = plan("inspection", of=filing("inspection", "m1", "export", "certificates")).answers
    assert [one.code for one in answers] == ["10", "20", "60", "70", "85", "80"]
    assert answers[-2].text == "结案"


def test_numbers_have_the_forms_of_the_facts() -> None:
    given = customs.numbers(filing(), 2015, of_reference=lambda series: 7, fresh=lambda series: 762)
    assert (given["unified"], given["entry"]) == ("I20150000000000007", "224820151000000762")
    given = inspection.numbers(filing("inspection"), 2015, of_reference=lambda series: 7, fresh=lambda series: 8)
    assert (len(given["inspection"]), len(given["clearance"])) == (15, 18)


def test_imported_cosmetics_are_examined_by_both_agencies_at_overlapping_times() -> None:
    cosmetics = filing("customs", "f1", "import", "clearance_form", commodity="3304990010")
    at_customs = plan("customs", of=cosmetics).answers
    at_inspection = plan("inspection", of=filing("inspection", "m1", "import", commodity="3304990010")).answers
    assert "C" in [one.code for one in at_customs]
    assert [one.code for one in at_inspection] == ["10", "20", "60", "50", "51", "65", "85", "80"]
    due = {one.code: one.due for one in at_inspection}
    # customs gets its message once the clearance form is there
    ordered_by_customs = due["60"] + next(one.due for one in at_customs if one.code == "C")
    assert due["50"] < ordered_by_customs < due["51"]


def test_other_goods_are_not_examined() -> None:
    plain = filing("customs", "f1", "import", commodity="3304990010")
    assert "C" not in codes(plan("customs", of=plain).answers)
    assert "50" not in codes(plan("inspection").answers)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("X01", ["receipt 0", "7", "E"]),
        ("X03", ["receipt 0", "7", "E"]),
        ("X04", ["receipt 0", "7", "L", "N"]),
        ("X05", ["receipt 0", "7", "L", "J", "C", "R", "P"]),
        ("X07", ["receipt 0"]),
        ("X08", []),
        ("X09", ["receipt 1"]),
        ("X10", ["receipt 0", "7", "L", "J", "T", "R", "P"]),
        ("X11", ["receipt 0", "7", "L", "H", "J", "R", "P"]),
        ("X12", ["receipt 0", "7", "L", "J", "B", "R"]),
        ("X13", ["receipt 0", "7", "L", "Q", "J", "R", "P"]),
        ("X14", ["receipt 0", "7", "L", "broken J", "J", "R", "P"]),
        ("X15", ["receipt 0", "7", "L", "J", "D"]),
        ("X16", ["receipt 0", "7", "L", "J", "M", "J", "R", "P"]),
        ("X18", [code for code in ["receipt 0", "7", "L", "J", "R", "P"] for _ in range(2)]),
        ("X19", ["P", "R", "J", "L", "7", "receipt 0"]),
    ],
)
def test_customs_plays_the_script(script: str, expected: list[str]) -> None:
    assert codes(plan("customs", script).answers) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("X02", ["10", "30"]),
        ("X03", ["10", "30"]),
        ("X05", ["10", "20", "60", "50", "51", "65", "85", "80"]),
        ("X06", ["10", "20", "60", "50", "52", "53", "51", "65", "85", "80"]),
        ("X07", ["10"]),
        ("X08", []),
        ("X09", ["0000"]),
        ("X13", ["10", "20", "97", "60", "65", "85", "80"]),
        ("X17", ["10", "20", "85", "80"]),
        ("X19", ["80", "85", "65", "60", "20", "10"]),
    ],
)
def test_inspection_plays_the_script(script: str, expected: list[str]) -> None:
    assert [one.code for one in plan("inspection", script).answers] == expected


def test_a_returned_form_points_at_an_element() -> None:
    assert plan("customs", "X01").answers[-1].text.startswith("DecLists/DecList[1]/GName: ")
    assert (
        plan("inspection", "X02")
        .answers[-1]
        .text.startswith("ITF_DCL_IO_DECL/ITF_DCL_IO_DECL_GOODS[1]/DeclGoodsCname: ")
    )


@pytest.mark.parametrize(("script", "agency"), SCRIPTED)
def test_every_answer_is_valid_by_its_schema_or_broken_on_purpose(script: str, agency: str) -> None:
    for planned in plan(agency, script).answers:
        _, body = written(agency, planned)
        root = etree.fromstring(body)
        for element in root.iter():
            # receipts come with and without their namespace; readers drop it before they validate
            element.tag = etree.QName(element).localname
        etree.cleanup_namespaces(root)
        name = etree.QName(root).localname
        etree.XMLSchema(etree.parse(SCHEMAS[name])).assertValid(root)


@pytest.mark.parametrize(("script", "agency"), SCRIPTED)
def test_times_in_answers_follow_the_script_however_fast_it_runs(script: str, agency: str) -> None:
    def dates(scale: float) -> dict[tuple[int, Copy], float]:
        return {(one.step, one.copy): one.dated for one in plan(agency, script, Knobs(delay_scale=scale)).answers}

    fast, slow = dates(0), dates(100)
    order = sorted(slow, key=lambda step: slow[step])
    for earlier, later in pairwise(order):
        assert (fast[earlier] < fast[later]) == (slow[earlier] < slow[later])


def test_only_the_first_message_of_a_rehearsed_reference_is_scripted() -> None:
    scripts = Scripts.load("customs")

    def referring(reference: str) -> Filing:
        return Filing("key", reference, customs.MESSAGE, frozenset())

    assert scripts.chosen(referring("SWSH2015A0000X01"), first=True, rehearsal=True) == "X01"
    assert scripts.chosen(referring("SWSH2015A0000X01"), first=False, rehearsal=True) == "default"
    assert scripts.chosen(referring("SWSH2015A0000X01"), first=True, rehearsal=False) == "default"
    assert scripts.chosen(referring("SWSH2015A0000X99"), first=True, rehearsal=True) == "default"
    assert scripts.chosen(referring("SWSH2015A0000X02"), first=True, rehearsal=True) == "default"
    assert scripts.chosen(referring("SWSH2015A0000x01"), first=True, rehearsal=True) == "default"


def test_the_same_message_gets_the_same_answers_with_the_same_troubles() -> None:
    knobs = Knobs(duplicates=0.5, reorder=0.5, loss=0.3, corruption=0.5, seed=4)
    assert plan("customs", knobs=knobs) == plan("customs", knobs=knobs)
    others = {plan("customs", knobs=knobs, of=filing("customs", f"f{number}")).answers for number in range(20)}
    assert len(others) > 10


def test_knobs_do_what_they_say() -> None:
    assert plan("customs", knobs=Knobs(loss=1)).answers == ()
    doubled = plan("customs", knobs=Knobs(duplicates=1)).answers
    assert len(doubled) == 12
    damaged = plan("customs", knobs=Knobs(corruption=1)).answers
    assert [one.sound for one in damaged] == [False, True] * 6
    mixed = plan("customs", knobs=Knobs(reorder=1)).answers
    assert codes(mixed) != codes(plan("customs").answers)
    assert sorted(codes(mixed)) == sorted(codes(plan("customs").answers))
    assert plan("customs", knobs=Knobs(delay_scale=0.1)).answers[-1].due == pytest.approx(0.41)


def test_knobs_come_from_the_environment_and_wrong_ones_stop_the_start() -> None:
    environment = {"ONEWINDOW_SIM_DELAY_SCALE": "0.5", "ONEWINDOW_SIM_SEED": "9", "ONEWINDOW_PORT": "1", "HOME": "/"}
    assert Knobs.from_environment(environment) == Knobs(delay_scale=0.5, seed=9)
    for name, value in [("LOSS", "1.5"), ("LOSS", "often"), ("LOST", "1"), ("SEED", "1.5"), ("DELAY_SCALE", "-1")]:
        with pytest.raises(BadConfiguration):
            Knobs.from_environment({f"ONEWINDOW_SIM_{name}": value})


@pytest.mark.parametrize(
    "row",
    [
        "X50,customs,10,,,,answer,7,,,",
        "X50,customs,10,,soon,,result,7,,,",
        "X50,customs,10,,,,play,X51,,,",
        "X50,customs,10,,,,play,X50,,,",
        "X50,customs,10,,,,refuse,busy,,,",
    ],
)
def test_a_broken_script_table_names_its_line(row: str) -> None:
    head = (HERE / "scripts.csv").read_text(encoding="utf-8").splitlines()[0]
    table = Bundle({"scripts.csv": f"{head}\n{row}\n".encode()}).table("scripts.csv")
    with pytest.raises(BadConfiguration, match=r"scripts\.csv:2"):
        Scripts("customs", table, [])


def test_the_guide_lists_every_script() -> None:
    guide = (ROOT / "docs/simulators.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(X[0-9]{2})` \|", guide, re.MULTILINE))
    rows = csv.DictReader((HERE / "scripts.csv").read_text(encoding="utf-8").splitlines())
    assert listed == {row["script"] for row in rows if row["script"].startswith("X")}


def test_an_agency_without_a_simulation_is_refused_by_name(tmp_path: Path) -> None:
    from adapters.simulator.run import run_simulator

    with pytest.raises(BadConfiguration, match="forestry"):
        asyncio.run(
            run_simulator(
                "forestry",
                state_dir=tmp_path,
                exchange_dir=tmp_path,
                host="127.0.0.1",
                port=0,
                window_url="",
                token="t",
                hmac_key=b"k",
                rehearsal=False,
                knobs=Knobs(),
                bundle_root=ROOT,
            )
        )
