"""Simulated agencies and ships: each message has its reader, each answer is one the tables know, rehearsals end as they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from adapters.simulator.documents import Reader
from adapters.simulator.engine import Filing, Plan, Scripts
from adapters.simulator.knobs import Knobs
from adapters.simulator.ships import ShipFile, load_ship_files
from declarations.checking import read_form
from declarations.routing import plan
from declarations.split import render
from declarations.status import Answer, LegStatus, leg_status
from tests.support.windows import ROOT, START, rulebook

AGENCIES = ("customs", "inspection", "maritime", "border")
STEPS = tuple(sorted(path.stem for path in (ROOT / "tests/data/ships").glob("*.json")))
NUMBERS = 7


@cache
def ship_file(agency: str) -> ShipFile:
    return load_ship_files()[agency]


def filings(agency: str, step: str) -> list[Filing]:
    """What the simulated agency reads of its message at this step: none, or one."""
    body = (ROOT / f"tests/data/ships/{step}.json").read_bytes()
    declaration = read_form(rulebook(), body, "application/json")
    values = {"message_id": "M1", "accepted_at": START.isoformat(), "scope": step}
    found = []
    for leg in plan(rulebook(), declaration, START.date()):
        if leg.agency == agency:
            message = render(rulebook(), leg, declaration, values, START.date())
            reader = Reader({root: ROOT / path for root, path in ship_file(agency).MESSAGES.items()})
            found.append(ship_file(agency).read(reader.read(message), "M1"))
    return found


def played(agency: str, script: str, filing: Filing) -> tuple[list[str], LegStatus]:
    """The codes of the answers as the window reads them, and the leg after them."""
    planned: Plan = Scripts.load(agency).plan(script, filing, Knobs())
    given = ship_file(agency).numbers(filing, START.year, lambda _: NUMBERS, lambda _: NUMBERS)
    answers: list[Answer] = []
    for each in planned.answers:
        at = START.replace(microsecond=0) + timedelta(seconds=each.dated)
        name, body = ship_file(agency).answer(each, filing, given, at)
        (response,) = rulebook().agencies[agency].answers.read(body, name)
        assert response.refers_to_file == "M1", "it names the message it answers"
        assert response.at == at
        answers.append(response.answer(START))
    return [answer.code for answer in answers], leg_status(rulebook().agencies[agency].responses, "sent", answers)


@pytest.mark.parametrize("agency", AGENCIES)
def test_every_ship_message_has_its_reader_and_its_schema(agency: str) -> None:
    out = [
        table for table in rulebook().agencies[agency].messages if (table.form, table.direction) == ("vessel", "out")
    ]
    assert {table.root: table.schema for table in out} == dict(ship_file(agency).MESSAGES)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("agency", AGENCIES)
def test_every_step_ends_released_or_noted(agency: str, step: str) -> None:
    for filing in filings(agency, step):
        codes, leg = played(agency, filing.script, filing)
        assert leg.state in ("released", "closed"), codes
        assert (leg.obligations, leg.unknown) == ((), ())
        assert leg.reference


@pytest.mark.parametrize("agency", AGENCIES)
@pytest.mark.parametrize(
    ("script", "state", "opened"),
    [
        ("X31", "released", {"upload_papers"}),
        ("X32", "released", {"boarding"}),
        ("X33", "released", set()),
        ("X34", "released", set()),
        ("X36", "released", set()),
        ("X37", "rejected", {"correct_form"}),
        ("X38", "released", set()),
        ("X39", "released", set()),
    ],
)
@pytest.mark.parametrize("step", ["arrival", "departure"])
def test_a_rehearsal_ends_as_it_says(agency: str, script: str, state: str, opened: set[str], step: str) -> None:
    (filing,) = filings(agency, step)
    codes, leg = played(agency, script, filing)
    assert (leg.state, leg.unknown) == (state, ())
    responses = rulebook().agencies[agency].responses
    asked = {kind for (_, code), row in responses.items() if code in codes for kind in row.opens}
    assert opened <= asked, "it is asked on the way"
    assert {owed.kind for owed in leg.obligations} == ({"correct_form"} if state == "rejected" else set())


@pytest.mark.parametrize("agency", AGENCIES)
def test_a_rehearsal_of_goods_is_not_played_for_a_ship(agency: str) -> None:
    (filing,) = filings(agency, "arrival")
    scripts = Scripts.load(agency)
    for end, played_then in (("X31", "X31"), ("X07", filing.script), ("X99", filing.script)):
        assert scripts.chosen(replace(filing, reference=f"SHV1{end}"), first=True, rehearsal=True) == played_then
    goods = replace(filing, reference="SWSHX31", script="default")
    assert scripts.chosen(goods, first=True, rehearsal=True) == "default", "nor the other way round"


def test_inspection_has_the_ship_treated_before_it_releases() -> None:
    (filing,) = filings("inspection", "arrival")
    codes, leg = played("inspection", "X35", filing)
    assert codes[2:4] == ["TRT", "TOK"]
    assert (leg.state, leg.obligations) == ("released", ())


@pytest.mark.parametrize("agency", AGENCIES)
def test_a_duplicate_is_told_from_a_second_answer(agency: str) -> None:
    (filing,) = filings(agency, "arrival")
    once, _ = played(agency, filing.script, filing)
    twice, _ = played(agency, "X38", filing)
    assert len(twice) == 2 * len(once)
