"""The merged form of a call: what is asked at which step, one meaning of an item everywhere, lists that fit."""

from itertools import combinations
from pathlib import Path

import pycountry
import pytest

from declarations.bundle import Bundle
from declarations.codelists import CodeLists
from declarations.dictionary import Form, load_form

ROOT = Path(__file__).resolve().parents[2]
ENVELOPE = 6
"""Items of the draft that the window itself supplies (message id, sender, time …): no dictionary rows."""
IDENTITY = {
    "trader_assigned_reference_id", "arrival_departure_code", "ship_name_en", "ship_imo_number", "agent_code", "agent_name",
    "voyage_id", "port_of_call_code", "customs_office_code", "quarantine_office_code", "maritime_office_code",
    "border_office_code",
}  # fmt: skip
"""What says whose call it is and who takes it: known from the call, asked at every step."""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.read(ROOT)


@pytest.fixture(scope="module")
def form(bundle: Bundle) -> Form:
    return load_form(bundle, "vessel")


@pytest.fixture(scope="module")
def goods(bundle: Bundle) -> Form:
    return load_form(bundle, "goods")


@pytest.fixture(scope="module")
def lists(bundle: Bundle) -> CodeLists:
    return CodeLists.load(bundle)


def asked(form: Form, step: str) -> set[str]:
    """Header items that some agency of the step must have."""
    return {
        item.item_id
        for item in form.group_items("")
        if any(item.obligation(agency, step) == "M" for agency in form.scopes[step])
    }


def test_the_form_has_about_390_items_and_every_one_explains_itself(form: Form) -> None:
    base = [item for item in form.items.values() if item.profile == "base"]
    assert len(base) + ENVELOPE == 391
    assert [
        item.item_id for item in form.items.values() if not (item.hint_zh and item.hint_en and item.reference)
    ] == []


def test_an_item_that_both_forms_have_means_the_same(form: Form, goods: Form) -> None:
    both = form.items.keys() & goods.items.keys()
    assert both >= {"container_id", "voyage_id", "transport_document_id", "trader_assigned_reference_id"}
    for name in both:
        ship, cargo = form.items[name], goods.items[name]
        assert (ship.type, ship.code_list, ship.name_zh) == (cargo.type, cargo.code_list, cargo.name_zh), name


def test_every_code_fits_the_item_it_is_typed_into(form: Form, lists: CodeLists) -> None:
    for item in form.items.values():
        for code in lists.lists[item.code_list].codes if item.code_list else ():
            assert len(code) <= item.length, (item.item_id, code)
            assert not item.fixed_length or len(code) == item.length, (item.item_id, code)


def test_a_movement_asks_for_nothing_but_whose_call_it_is(form: Form) -> None:
    assert asked(form, "movement") == IDENTITY


def test_an_emergency_report_asks_for_six_items_more(form: Form) -> None:
    assert asked(form, "emergency") - IDENTITY == {
        "urgent_call_reason_code",
        "emergency_date_time",
        "emergency_position",
        "emergency_person_quantity",
        "emergency_description",
        "emergency_assistance",
    }


def test_only_maritime_is_asked_seven_days_ahead(form: Form) -> None:
    assert form.scopes["application"] == {"maritime"}
    assert {step for step, agencies in form.scopes.items() if agencies != set(form.agencies)} == {"application"}


@pytest.mark.parametrize("step", ["application", "report_24h", "arrival", "entry_and_exit", "periodic"])
def test_nobody_must_know_the_actual_arrival_before_it(form: Form, step: str) -> None:
    assert not {"ata", "atd", "actual_berthing_date_time"} & asked(form, step)


def test_the_actual_arrival_is_asked_once_the_ship_is_in(form: Form) -> None:
    assert "ata" in asked(form, "shift") & asked(form, "departure")


def test_health_and_crews_effects_belong_to_arrival_only(form: Form) -> None:
    arriving = {item for item in form.items if item.startswith("mdh_")} | {"crew_effects_declaration_indicator"}
    assert arriving & asked(form, "arrival")
    assert not arriving & (asked(form, "departure") | asked(form, "application") | asked(form, "report_24h"))


def test_filing_once_spares_more_than_fujian_did_whichever_three_agencies_one_counts(form: Form) -> None:
    base = [item for item in form.items.values() if item.profile == "base"]
    for agencies in [*combinations(form.agencies, 3), form.agencies]:
        merged = sum(any(agency in item.obligations for agency in agencies) for item in base)
        separate = sum(agency in item.obligations for item in base for agency in agencies)
        assert 1 - merged / separate > (641 - 384) / 641, agencies


def test_countries_agree_with_the_standard(bundle: Bundle) -> None:
    standard = {country.alpha_2: country.alpha_3 for country in pycountry.countries}
    two = {row["code"]: row["alpha3"] for row in bundle.table("mappings/codes/CL_ISO_COUNTRY.csv")}
    three = {row["alpha2"]: row["code"] for row in bundle.table("mappings/codes/CL_ISO_COUNTRY3.csv") if row["alpha2"]}
    assert two == standard
    assert three == standard


def test_exactly_one_rank_is_the_masters(lists: CodeLists) -> None:
    ranks = lists.lists["CL_CREW_RANK"].codes
    assert [code for code, periods in ranks.items() if periods[0].attributes["master"] == "yes"] == ["MST"]
