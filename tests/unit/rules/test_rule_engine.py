"""How rules are run: order, pointers, values that failed the schema, scopes, and tables that contradict themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
from rule_cases import AIR, EXPORT, SEA, WOOD_LINE
from rule_forms import ROOT, Tables, World, base, change, changed_tables, declaration, faults, goods_rules

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.form import Declaration
from declarations.rules.clearance_form import clearance_form_missing
from declarations.rules.engine import RuleSet, rule_set, run
from declarations.rules.rule import CONTEXT, Rule, optional
from declarations.rules.runner import RuleFault, place


def test_faults_stand_in_form_order() -> None:
    found = faults(
        SEA,
        {
            "/attachments/0/attachment_id": "x.pdf",
            "/goods_items/2/duty_mode_code": "3",
            "/goods_items/0/item_total_amount": "1",
            "/goods_items/0/currency_code": "999",
            "/total_gross_mass": "1",
            "/owner_customs_id": "X",
        },
    )
    assert [fault.pointer for fault in found if fault.severity == "error"] == [
        "/owner_customs_id",
        "/total_net_mass",
        "/goods_items/0/item_total_amount",
        "/goods_items/0/currency_code",
        "/goods_items/1/currency_code",
        "/goods_items/2/currency_code",
        "/goods_items/2/duty_mode_code",
        "/attachments/0/attachment_id",
    ]


def test_a_bare_list_is_pointed_into_as_json_has_it() -> None:
    bare = faults(AIR, {"/requested_certificates": ["16", "77"]})
    assert [fault.pointer for fault in bare] == ["/requested_certificates/1"]
    with_counts = {"requested_certificate_type_code": "77", "certificate_copy_count": 2}
    rows = faults(AIR, {"/requested_certificates": [with_counts]})
    assert [fault.pointer for fault in rows] == ["/requested_certificates/0/requested_certificate_type_code"]


def test_rules_leave_values_alone_that_failed_the_schema() -> None:
    given = declaration(change(base(SEA), {"/total_gross_mass": "heavy", "/goods_items/0/transaction_quantity": "-1"}))
    given.faulty = {("", "total_gross_mass"), ("/goods_items/0", "transaction_quantity")}
    assert {fault.code for fault in goods_rules().run(given, World())} == {"R-HDR-03"}


def test_a_required_item_that_failed_the_schema_is_not_also_missing() -> None:
    given = declaration(change(base(SEA), {"/owner_name": None, "/goods_items/1/duty_mode_code": None}))
    given.faulty = {("", "owner_name")}
    assert [fault.pointer for fault in goods_rules().run(given, World()) if fault.code == "R-HDR-01"] == [
        "/goods_items/1/duty_mode_code"
    ]


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/border_crossing_date", "20150230", "F-DATE"),
        ("/border_crossing_date", "2015-1-1", "F-DATE"),
        ("/package_quantity", "٦٢", "F-PATTERN"),
        ("/total_net_mass", "２４８０", "F-PATTERN"),
        ("/total_net_mass", "NaN", "F-PATTERN"),
        ("/goods_items/0/unit_price_amount", "3,15", "F-PATTERN"),
    ],
)
def test_a_value_nobody_can_read_is_a_fault_and_hides_no_other(pointer: str, value: str, code: str) -> None:
    found = faults(SEA, {pointer: value, "/owner_customs_id": "X"})
    errors = {(fault.code, fault.pointer) for fault in found if fault.severity == "error"}
    assert errors == {("R-PTY-03", "/owner_customs_id"), (code, pointer)}


def test_customs_rules_do_not_see_inspection_only_lines() -> None:
    wood = {**WOOD_LINE, "duty_mode_code": "3", "statutory_quantity_unit_code": "035", "statutory_quantity": "500"}
    assert faults(AIR, {"/goods_items/-": wood}) == []


def test_items_of_an_agency_outside_the_scope_are_never_judged() -> None:
    changes = {
        "/filing_scope": "inspection_only",
        "/levy_nature_code": "000",
        "/owner_customs_id": "?",
        "/border_crossing_date": "20990101",
    }
    assert {fault.code for fault in faults(AIR, changes)} == {"R-HDR-03"}


def test_each_fault_says_whose_rule_it_is() -> None:
    found = faults(
        AIR, {"/levy_nature_code": "502", "/related_inspection_id": "1", "/containers": [{"container_id": "X"}]}
    )
    agencies = {fault.code: fault.agency for fault in found}
    assert agencies["R-REG-01"] == "customs"
    assert agencies["R-INS-06"] == "inspection"
    assert agencies["R-CNT-01"] is None


def test_a_rule_set_is_made_once_for_a_rulebook() -> None:
    tables = Tables(Bundle.read(ROOT))
    assert rule_set(tables, "goods") is rule_set(tables, "goods")
    assert [fault.code for fault in run(tables, declaration(base(AIR)), World(date(2026, 1, 1), date(2026, 1, 1)))] == [
        "R-DAT-03"
    ]


def test_codes_are_taken_on_the_acceptance_date() -> None:
    row = "9503008900,其他玩具,Other toys,007,035,AB,LMN,,,2015-01-01,,GK"
    rules = RuleSet(
        changed_tables({"mappings/codes/CL_HS.csv": (row, row.replace(",2015-01-01,,", ",2015-01-01,2016-01-01,"))}),
        "goods",
    )
    form = declaration(change(base(SEA), {"/goods_items/0/commodity_classification_id": "9503008900"}))

    def expired(on: date) -> bool:
        found = rules.run(form, World(today=date(2026, 1, 1), accepted_on=on))
        return any(fault.code == "R-LIN-03" and fault.severity == "error" for fault in found)

    assert not expired(date(2015, 12, 31))
    assert expired(date(2016, 1, 1))


def test_a_code_an_agency_has_no_name_for_cannot_be_filed_there() -> None:
    tables = changed_tables({"mappings/inspection/codes/CL_COUNTRY.csv": ("305,250,both", "305,,none")})
    found = RuleSet(tables, "goods").run(declaration(base(AIR)), World())
    assert {fault.code for fault in found} == {"R-MAP-01"}
    assert "inspection" in found[0].message_en
    only_customs = change(base(AIR), {"/filing_scope": "customs_only"})
    assert "R-MAP-01" not in {fault.code for fault in RuleSet(tables, "goods").run(declaration(only_customs), World())}


def test_an_iso_code_is_answered_with_the_code_to_use() -> None:
    found = [fault for fault in faults(SEA, {"/departure_destination_country_code": "840"}) if fault.code == "R-MAP-01"]
    assert [fault.item for fault in found] == ["departure_destination_country_code"]
    assert "502" in found[0].message_zh
    assert "502" in found[0].message_en
    assert "United States" in found[0].message_en


def test_rows_no_case_may_reach_are_proved_at_load() -> None:
    for path, change_of, column in [
        ("mappings/rules/goods.skips.csv", ("goods_items,customs,", "containers,customs,"), "group"),
        ("mappings/rules/goods.levies.csv", ("0110,101,", "0110,1O1,"), "levy_nature"),
        ("mappings/rules/goods.settings.csv", ("home_country,142,", "home_country,156,"), "value"),
        (
            "mappings/rules/goods.required.csv",
            ("voyage_id,customs,transport_mode_code = '2'", "voyage_id,customs,transport_mode = '2'"),
            "when",
        ),
        (
            "mappings/rules/goods.csv",
            ("R-WGT-01,rule,customs,error,total_net_mass", "R-WGT-01,rule,customs,eror,total_net_mass"),
            "severity",
        ),
    ]:
        with pytest.raises(BadConfiguration) as refused:
            RuleSet(changed_tables({path: change_of}), "goods")
        assert [fault.pointer for fault in refused.value.faults] == [f"{path}#{column}"]
        assert all(fault.line for fault in refused.value.faults)


def test_a_rule_without_words_stops_the_start() -> None:
    with pytest.raises(BadConfiguration, match="R-CNT-05"):
        RuleSet(changed_tables({"mappings/rules/goods.csv": ("R-CNT-05,", "R-CNT-06,")}), "goods")


def test_a_rule_must_fit_its_items() -> None:
    form = goods_rules().form
    customs = frozenset({"customs"})

    def two(first: Decimal, second: Decimal) -> bool:
        return first < second

    with pytest.raises(RuleFault, match="no such item"):
        place(form, Rule("R-X", (optional("weight"), CONTEXT), two), customs)
    with pytest.raises(RuleFault, match="arguments"):
        place(form, Rule("R-X", (optional("total_net_mass"),), two), customs)
    with pytest.raises(RuleFault, match="no common row"):
        place(form, Rule("R-X", (optional("container_id"), optional("duty_mode_code")), two), customs)


@pytest.mark.parametrize(
    ("form", "changes", "missing"),
    [
        (AIR, {}, True),
        (
            AIR,
            {
                "/regulatory_documents/-": {
                    "regulatory_document_type_code": "A",
                    "regulatory_document_id": "310200115012345000",
                }
            },
            False,
        ),
        (AIR, {"/regulatory_documents/-": {"regulatory_document_type_code": "A"}}, True),
        (
            AIR,
            {
                "/regulatory_documents/-": {
                    "regulatory_document_type_code": "B",
                    "regulatory_document_id": "310200115012345000",
                }
            },
            True,
        ),
        (AIR, {"/trade_direction_code": "E"}, True),
        (SEA, {}, False),
        (EXPORT, {}, False),
        (SEA, {"/goods_items/0/commodity_classification_id": "8542319099"}, False),
    ],
)
def test_customs_waits_exactly_when_a_clearance_form_is_needed_and_not_given(
    form: str, changes: Mapping[str, object], missing: bool
) -> None:
    given: Declaration = declaration(change(base(form), changes))
    tables = Tables(Bundle.read(ROOT))
    assert clearance_form_missing(given, tables.codes, date(2015, 10, 28)) is missing


@pytest.mark.parametrize("form", [SEA, AIR, EXPORT])
@pytest.mark.parametrize("odd", [None, "0", "-1", "²", "九", "1e5", "NaN", "Infinity", "00000000", ",;*_ ", "{item}"])
def test_no_value_breaks_a_run(form: str, odd: str | None) -> None:
    goods = goods_rules().form
    for item in goods.items.values():
        parent = goods.groups[item.group].parent if item.group else ""
        place_of = "/".join(["", *([parent, "0"] if parent else []), *([item.group, "0"] if item.group else [])])
        given = base(form)
        bare = goods.bare_item(item.group) if item.group else None
        if (
            item.group
            and not parent
            and (not given.get(item.group) or (bare and isinstance(given[item.group][0], str)))
        ):
            given[item.group] = [{}]
        if parent and not given[parent][0].get(item.group):
            given[parent][0][item.group] = [{}]
        for fault in goods_rules().run(declaration(change(given, {f"{place_of}/{item.item_id}": odd})), World()):
            assert fault.message_zh
            assert fault.message_en
