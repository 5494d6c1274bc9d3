"""The tables of ships' calls contradict neither themselves nor the dictionary, and have words for all that is said by code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from declarations.errors import BadConfiguration
from gateway.calls.changing import REASONS
from gateway.calls.tables import CallTables
from gateway.database.stores import calls, certificates
from tests.support.windows import changed_rulebook, rulebook

ROOT = Path(__file__).resolve().parents[2]
FORM = "vessel"


@pytest.fixture(scope="module")
def tables() -> CallTables:
    return CallTables(rulebook())


def test_every_scope_of_the_form_is_a_step(tables: CallTables) -> None:
    assert tables.forms[FORM].keys() == rulebook().forms[FORM].scopes.keys()


def test_a_call_can_be_begun_and_each_clearance_be_had(tables: CallTables) -> None:
    assert any(step.begins for step in tables.forms[FORM].values())
    assert tables.steps_of(FORM, "entry") >= {"arrival", "entry_and_exit", "periodic"}
    assert tables.steps_of(FORM, "exit") >= {"departure", "entry_and_exit", "periodic"}
    for step in tables.forms[FORM].values():
        assert step.begins or step.after, f"{step.name} could never be filed"


def test_every_agency_is_told_of_the_times_of_the_ship(tables: CallTables) -> None:
    for item in ("eta", "etd", "ata", "atd"):
        assert {each.agency for each in tables.effects[FORM] if each.item == item} == rulebook().agencies.keys()


def test_what_a_movement_changes_is_asked_of_the_agency_it_concerns(tables: CallTables) -> None:
    """An agency cannot be concerned by what its messages do not carry."""
    items = rulebook().forms[FORM].items
    for each in tables.effects[FORM]:
        assert each.agency in items[each.item].obligations, f"{each.item}: {each.agency} has no such item"


def test_there_are_words_for_every_code(tables: CallTables) -> None:
    wanted = {("certificate", state) for state in (*certificates.STATES, "unknown")}
    wanted |= {("stage", state) for state in calls.STATES if state != calls.OPEN}
    wanted |= {("cancel", reason) for reason in REASONS}
    source = "".join(path.read_text() for path in (ROOT / "gateway" / "calls").glob("*.py"))
    wanted |= {("bar", code) for code in re.findall(r'Bar\("(\w+)"', source)}
    wanted |= {("bar", code) for code in re.findall(r'(?:VOID|SUPERSEDED), "(\w+)"', source)}
    wanted |= {("side", code) for code in ("changed", "overdue", "redo")}
    wanted |= {("step", code) for code in re.findall(r'_step\(window, "(\w+)"', source)}
    wanted |= {("warning", code) for code in re.findall(r'_warning\(window, "(\w+)"', source)}
    assert len(wanted) > 30
    assert wanted <= tables.words.keys(), wanted - tables.words.keys()
    for key, said in tables.words.items():
        assert said.name_zh, key
        assert said.name_en, key
        assert bool(said.next_zh) is bool(said.next_en), key


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("steps", "vessel,shift,,", "vessel,shunt,,"),
        ("steps", "vessel,departure,exit,", "vessel,departure,sideways,"),
        ("steps", "arrival,entry_and_exit periodic,,,,4,", "berthing,entry_and_exit periodic,,,,4,"),
        ("steps", ",,,,4,law", ",,,,soon,law"),
        ("voids", "vessel,eta,customs,tell", "vessel,etc,customs,tell"),
        ("voids", "vessel,eta,customs,tell", "vessel,eta,coastguard,tell"),
        ("voids", "vessel,eta,customs,tell", "vessel,eta,customs,shout"),
        ("voids", "vessel,eta,customs,tell", "vessel,eta,customs,void"),
        ("carrying", "vessel,voyage_id,", "vessel,voyage,"),
        ("certificate_numbers", ",MSA,", "999999,MSA,"),
        ("notices", "release,maritime,ReleaseNotice", "release,maritime,NoNotice"),
        ("notices", "release,maritime,ReleaseNotice", "rumour,maritime,ReleaseNotice"),
        ("manifest_items", "goods,voyage_id,,voyage_id,", "goods,voyage,,voyage_id,"),
        ("manifest_items", "goods,voyage_id,,voyage_id,", "goods,voyage_id,,voyage_id,containers"),
    ],
)
def test_a_row_that_contradicts_the_others_refuses_the_start(path: str, old: str, new: str) -> None:
    broken = changed_rulebook({f"mappings/{path}.csv": (old, new)})
    with pytest.raises(BadConfiguration):
        CallTables(broken)
