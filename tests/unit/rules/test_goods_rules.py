"""Every goods rule fails where it must, in words of both languages, and passes where it may."""

from __future__ import annotations

from datetime import date

import pytest
from rule_cases import FAILING, PASSING, Case
from rule_forms import World, faults, goods_rules

from declarations.rules.rule import REGISTRY

AT_SUBMISSION = {"R-HDR-02"}
"""Rules whose words are in the table but which only the store can judge."""
NEVER_SHOWN = {"R-LIN-03", "R-MAP-01", "R-TRM-01"}
"""Rules that always speak through a variant of their words."""


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_a_wrong_form_gets_the_fault_at_its_item(case: Case) -> None:
    found = [fault for fault in faults(case.form, case.changes, case.world) if fault.code == case.rule]
    at = [fault for fault in found if fault.pointer == case.pointer]
    assert at, [(fault.code, fault.pointer, fault.message_en) for fault in found]
    assert case.severity in {fault.severity for fault in at}
    for fault in at:
        assert fault.item in goods_rules().form.items
        assert not set("{}") & set(fault.message_zh + fault.message_en)
        assert "None" not in fault.message_zh + fault.message_en
        assert any("一" <= sign <= "鿿" for sign in fault.message_zh)


@pytest.mark.parametrize("case", PASSING, ids=str)
def test_a_form_that_keeps_the_rule_has_no_fault_of_it(case: Case) -> None:
    assert [fault for fault in faults(case.form, case.changes, case.world) if fault.code == case.rule] == []


@pytest.mark.parametrize(
    ("form", "warnings"),
    [("sea_import", {"R-HDR-03", "R-DAT-03"}), ("air_import", {"R-DAT-03"}), ("sea_export", {"R-HDR-03"})],
)
def test_samples_of_2015_pass_today_with_the_expected_warnings(form: str, warnings: set[str]) -> None:
    found = faults(form, world=World(date(2026, 5, 4), date(2026, 5, 4)))
    assert {fault.code for fault in found} == warnings
    assert {fault.severity for fault in found} == {"warning"}


def test_rules_words_and_cases_name_the_same_rules() -> None:
    in_code = {rule.rule_id for rule in REGISTRY["goods"]}
    in_table = {row.rule_id for row in goods_rules().words.values()}
    assert in_code | AT_SUBMISSION == in_table
    assert in_code == {case.rule for case in FAILING} == {case.rule for case in PASSING}


def test_every_variant_of_words_is_shown_by_a_case() -> None:
    shown = set()
    for case in FAILING:
        at = {
            (fault.message_zh) for fault in faults(case.form, case.changes, case.world) if fault.pointer == case.pointer
        }
        for key in (f"{case.rule}.{case.words}".rstrip("."), f"R-MAP-01.{case.words}"):
            words = goods_rules().words.get(key)
            if words and any(_spoken(words.zh, text) for text in at):
                shown.add(key)
                break
        else:
            pytest.fail(f"{case}: not in the words it names")
    unspoken = set(goods_rules().words) - shown - AT_SUBMISSION - NEVER_SHOWN
    assert unspoken == {"R-MAP-01.unmapped"}  # needs tables with a code no agency takes: test_coded_items


def _spoken(words: str, text: str) -> bool:
    """Whether a text was made from these words."""
    fixed = [part.partition("}")[2] if "}" in part else part for part in words.split("{")]
    return all(part in text for part in fixed)
