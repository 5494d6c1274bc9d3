"""Every vessel rule fails where it must, in words of both languages, and passes where it may; valid filings pass in silence."""

from __future__ import annotations

import pytest
from vessel_cases import FAILING, PASSING, Case
from vessel_forms import STEPS, faults, vessel_rules

from declarations.rules.rule import REGISTRY

AT_SUBMISSION = {"R-HDR-02"}
"""Rules whose words are in the table but which only the store can judge."""
NEVER_SHOWN = {"R-MAP-01", "R-DGS-02", "R-MAP-01.left_out", "R-MAP-01.expired", "R-MAP-01.unmapped"}
"""Rules that always speak through a variant of their words, and variants whose cases need other tables (test_coded_items)."""


@pytest.mark.parametrize("step", STEPS)
def test_the_filing_of_every_step_is_valid_without_a_word(step: str) -> None:
    assert [(fault.code, fault.pointer, fault.message_en) for fault in faults(step)] == []


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_a_wrong_filing_gets_the_fault_at_its_item(case: Case) -> None:
    every = faults(case.step, case.changes)
    found = [fault for fault in every if fault.code == case.rule]
    at = [fault for fault in found if fault.pointer == case.pointer]
    assert at, [(fault.code, fault.pointer, fault.message_en) for fault in every]
    assert case.severity in {fault.severity for fault in at}
    for fault in at:
        assert fault.item is None or fault.item in vessel_rules().form.items
        assert not set("{}") & set(fault.message_zh + fault.message_en)
        assert "None" not in fault.message_zh + fault.message_en
        assert any("一" <= sign <= "鿿" for sign in fault.message_zh)


@pytest.mark.parametrize("case", PASSING, ids=str)
def test_a_filing_that_keeps_the_rule_has_no_fault_of_it(case: Case) -> None:
    assert [fault for fault in faults(case.step, case.changes) if fault.code == case.rule] == []


def test_rules_words_and_cases_name_the_same_rules() -> None:
    in_code = {rule.rule_id for rule in REGISTRY["vessel"]}
    in_table = {row.rule_id for row in vessel_rules().words.values()}
    assert in_code | AT_SUBMISSION == in_table
    assert in_code == {case.rule for case in FAILING} == {case.rule for case in PASSING}


def test_every_variant_of_words_is_shown_by_a_case() -> None:
    shown = set()
    for case in FAILING:
        at = {fault.message_zh for fault in faults(case.step, case.changes) if fault.pointer == case.pointer}
        for key in (f"{case.rule}.{case.words}".rstrip("."), f"R-MAP-01.{case.words}"):
            words = vessel_rules().words.get(key)
            if words and any(_spoken(words.zh, text) for text in at):
                shown.add(key)
                break
        else:
            pytest.fail(f"{case}: not in the words it names")
    assert set(vessel_rules().words) - shown - AT_SUBMISSION == NEVER_SHOWN


def _spoken(words: str, text: str) -> bool:
    """Whether a text was made from these words."""
    fixed = [part.partition("}")[2] if "}" in part else part for part in words.split("{")]
    return all(part in text for part in fixed)


def test_a_faulty_value_gets_no_second_fault_from_a_rule() -> None:
    for pointer, value in (("/eta", "2015102"), ("/gross_tonnage", "5x"), ("/crew_quantity", "x")):
        found = faults("arrival", {pointer: value})
        assert [(fault.code, fault.pointer) for fault in found if fault.pointer == pointer] in (
            [("F-DATE", pointer)],
            [("F-PATTERN", pointer)],
        )
