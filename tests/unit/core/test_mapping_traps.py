"""The traps of the two agencies' messages that goods-facts name, each on a real form."""

from __future__ import annotations

from typing import Any

import pytest
from core_forms import (
    COSMETICS,
    ELECTRONICS,
    HOUSEHOLD,
    OLIVE_OIL,
    TABLEWARE,
    TODAY,
    filing,
    message,
    read,
    rulebook,
    sample,
)
from lxml import etree

from declarations.errors import InvalidDeclaration
from declarations.split import carried, render, split

WOOD = {
    "commodity_classification_id": "0001",
    "inspection_classification_id": "0001",
    "goods_description": "木质包装",
    "transaction_quantity": "5",
    "transaction_quantity_unit_code": "007",
    "statutory_quantity": "5",
    "statutory_quantity_unit_code": "007",
    "item_total_amount": "0",
    "currency_code": "300",
    "origin_country_code": "305",
    "item_net_mass": "0",
    "goods_purpose_code": "99",
}


def texts(root: etree._Element, path: str) -> list[str | None]:
    return [element.text for element in root.findall(path)]


def with_wood(name: str, place: int) -> dict[str, Any]:
    """A sample with a line of wood packaging put at `place`, numbered anew."""
    form = sample(name)
    form["goods_items"].insert(place, dict(WOOD))
    for number, row in enumerate(form["goods_items"], 1):
        row["goods_item_sequence_number"] = number
    return form


def test_an_export_swaps_origin_and_destination_for_customs_only() -> None:
    form = sample(TABLEWARE)
    assert {row["origin_country_code"] for row in form["goods_items"]} == {"142"}
    assert {row["final_destination_country_code"] for row in form["goods_items"]} == {"304"}
    customs, inspection = message(form, "customs"), message(form, "inspection")
    assert set(texts(customs, "DecLists/DecList/OriginCountry")) == {"304"}
    assert set(texts(customs, "DecLists/DecList/DestinationCountry")) == {"142"}
    assert set(texts(inspection, ".//ITF_DCL_IO_DECL_GOODS/OriCtryCode")) == {"156"}


def test_an_import_means_what_it_says() -> None:
    form = sample(ELECTRONICS)
    customs = message(form, "customs")
    assert texts(customs, "DecLists/DecList/OriginCountry") == [
        row["origin_country_code"] for row in form["goods_items"]
    ]
    assert set(texts(customs, "DecLists/DecList/DestinationCountry")) == {"142"}


@pytest.mark.parametrize(
    ("customs_code", "iso"), [("344", "643"), ("410", "076"), ("133", "410"), ("110", "344"), ("502", "840")]
)
def test_country_numbers_collide_and_are_never_passed_through(customs_code: str, iso: str) -> None:
    """Customs 344 is Russia and ISO 344 Hong Kong; customs 410 is Brazil and ISO 410 Korea."""
    form = sample(COSMETICS)
    form["goods_items"][0]["origin_country_code"] = customs_code
    assert texts(message(form, "customs"), "DecLists/DecList/OriginCountry")[0] == customs_code
    assert texts(message(form, "inspection"), ".//ITF_DCL_IO_DECL_GOODS/OriCtryCode")[0] == iso


@pytest.mark.parametrize(("customs_code", "iso"), [("110", "344"), ("502", "840"), ("142", "156"), ("300", "978")])
def test_currency_numbers_are_converted_too(customs_code: str, iso: str) -> None:
    form = sample(COSMETICS)
    for row in form["goods_items"]:
        row["currency_code"] = customs_code
    assert set(texts(message(form, "inspection"), ".//ITF_DCL_IO_DECL_GOODS/Currency")) == {iso}
    assert set(texts(message(form, "customs"), "DecLists/DecList/TradeCurr")) == {customs_code}


def test_transport_modes_are_many_to_one_and_come_back_only_where_they_can() -> None:
    sent = {}
    for mode in ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"):
        form = sample(COSMETICS) | {"transport_mode_code": mode}
        sent[mode] = texts(message(form, "inspection"), ".//TransModeCode")[0]
        assert texts(message(form, "customs"), "DecHead/TrafMode") == [mode]
    assert sent == {"0": "9", "1": "9", "2": "1", "3": "2", "4": "3", "5": "4", "6": "9", "7": "9", "8": "9", "9": "9"}
    codes = rulebook().agencies["inspection"].codes
    assert codes.back("CL_TRANSPORT_MODE", "1", TODAY) == "2"
    assert codes.back("CL_TRANSPORT_MODE", "9", TODAY) == "9", "of ten modes that are sent as 9 only 9 comes back"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_wood_packaging_goes_to_inspection_only_and_customs_lines_are_numbered_without_it(place: int) -> None:
    form = with_wood(COSMETICS, place)
    customs, inspection = message(form, "customs"), message(form, "inspection")
    assert texts(customs, "DecLists/DecList/GNo") == ["1", "2", "3"]
    assert "0001" not in texts(customs, "DecLists/DecList/CodeTS")
    assert texts(inspection, ".//ITF_DCL_IO_DECL_GOODS/GoodsNo") == ["1", "2", "3", "4"]
    assert texts(inspection, ".//ITF_DCL_IO_DECL_GOODS/ProdHsCode")[place] == "0001"


def test_containers_stand_inside_the_goods_lines_they_hold() -> None:
    form = sample(TABLEWARE)
    first = form["containers"][0]["container_id"]
    form["containers"] = [
        {"container_id": first, "container_type_code": "21", "container_goods_item_numbers": "1, 2"},
        {"container_id": "TGHU4182739", "container_type_code": "11", "container_goods_item_numbers": "2"},
    ]
    root = message(form, "inspection")
    held = [texts(line, "ITF_DCL_IO_DECL_GOODS_CONT/ContNo") for line in root.iter("ITF_DCL_IO_DECL_GOODS")]
    assert held == [[first], [first, "TGHU4182739"]]
    numbers = [texts(line, "ITF_DCL_IO_DECL_GOODS_CONT/GoodsNo") for line in root.iter("ITF_DCL_IO_DECL_GOODS")]
    assert numbers == [["1"], ["2", "2"]]


def test_line_1_is_not_in_the_container_of_lines_11_and_21() -> None:
    form = sample(TABLEWARE)
    form["containers"][0]["container_goods_item_numbers"] = "11,21"
    assert list(message(form, "inspection").iter("ITF_DCL_IO_DECL_GOODS_CONT")) == []


def test_containers_are_gathered_by_size_and_type() -> None:
    form = sample(TABLEWARE)
    form["containers"] = [
        {"container_id": name, "container_type_code": kind, "container_goods_item_numbers": "1,2"}
        for name, kind in [("AAAU1000001", "21"), ("BBBU1000002", "11"), ("CCCU1000003", "21")]
    ]
    form["containers"][2]["lcl_indicator"] = "1"
    groups = list(message(form, "inspection").iter("ITF_DCL_IO_DECL_CONT"))
    assert [(group.findtext("Qty"), texts(group, ".//ContNo")) for group in groups] == [
        ("2", ["AAAU1000001", "CCCU1000003"]),
        ("1", ["BBBU1000002"]),
    ]
    assert texts(groups[0], ".//LclFlag") == ["1"]
    assert texts(message(form, "customs"), "DecContainers/Container/ContainerId") == [
        "AAAU1000001",
        "BBBU1000002",
        "CCCU1000003",
    ]


@pytest.mark.parametrize(
    ("typed", "main", "house"),
    [
        ("11244081730_BMF150921", "11244081730", "BMF150921"),
        ("MAIN123*HOUSE9", "MAIN123", "HOUSE9"),
        ("MAIN123", "MAIN123", None),
        ("MAIN123_", "MAIN123", None),
    ],
)
def test_house_bills_are_split_for_inspection_and_kept_for_customs(typed: str, main: str, house: str | None) -> None:
    form = sample(COSMETICS) | {"transport_document_id": typed}
    root = message(form, "inspection")
    assert root.findtext(".//BillLadNo") == main
    assert root.findtext(".//SplitBillLadNo") == house
    assert message(form, "customs").findtext("DecHead/BillNo") == typed


def test_a_mass_goes_to_weight_and_everything_else_to_quantity() -> None:
    form = sample(COSMETICS)
    form["goods_items"][0] |= {"statutory_quantity": "7", "statutory_quantity_unit_code": "007"}
    lines = list(message(form, "inspection").iter("ITF_DCL_IO_DECL_GOODS"))
    assert [(line.findtext("StdQty"), line.findtext("StdWeight")) for line in lines[:2]] == [
        ("7", None),
        (None, "36.00"),
    ]
    assert lines[0].find("StdWeightUnitCode") is None
    assert lines[1].find("StdQtyUnitCode") is None


def test_totals_are_exact_and_leave_wood_packaging_out() -> None:
    form = with_wood(COSMETICS, 3)
    for row, amount in zip(form["goods_items"], ["0.10", "0.2000", "99999999999999.9999", "5"], strict=True):
        row |= {"currency_code": "502", "item_total_amount": amount}
    root = message(form, "inspection")
    assert root.findtext(".//TotalValUs") == "100000000000000.2999"
    assert root.find(".//TotalValCn") is None


def test_names_are_cut_by_characters_not_bytes() -> None:
    form = sample(COSMETICS)
    form["goods_items"][0]["goods_description"] = "润" * 40
    assert message(form, "inspection").findtext(".//ITF_DCL_IO_DECL_GOODS/CiqName") == "润" * 25
    assert message(form, "customs").findtext("DecLists/DecList/GName") == "润" * 40


def test_the_district_stands_on_every_customs_line() -> None:
    form = sample(HOUSEHOLD)
    assert texts(message(form, "customs"), "DecLists/DecList/DistrictCode") == [form["domestic_region_code"]] * 20


def test_import_and_export_fill_the_parties_the_other_way_round() -> None:
    imported, exported = message(sample(COSMETICS), "inspection"), message(sample(TABLEWARE), "inspection")
    assert imported.findtext(".//ConsigneeCname") == sample(COSMETICS)["domestic_trader_name"]
    assert imported.findtext(".//ConsignorEname") == sample(COSMETICS)["overseas_trader_name"]
    assert imported.find(".//ConsignorCname") is None
    assert exported.findtext(".//ConsignorCname") == sample(TABLEWARE)["domestic_trader_name"]
    assert exported.findtext(".//ConsigneeEname") == sample(TABLEWARE)["overseas_trader_name"]
    assert exported.find(".//ConsigneeCname") is None


def test_inspections_own_specification_wins() -> None:
    lines = list(message(sample(TABLEWARE), "inspection").iter("ITF_DCL_IO_DECL_GOODS"))
    assert lines[0].findtext("GoodsSpec") == sample(TABLEWARE)["goods_items"][0]["goods_specification"]
    assert lines[1].findtext("GoodsSpec") == "300ml, 12只/箱"


def test_the_moment_of_acceptance_is_told_in_the_agencys_time() -> None:
    """01:30 in UTC is half past nine in Shanghai; at 17:00 in UTC it is already tomorrow there."""
    assert message(sample(COSMETICS), "customs").findtext("DecSign/SignDate") == "20260302093000"
    late = message(sample(COSMETICS), "inspection", accepted_at="2026-03-02T17:00:00+00:00")
    assert late.findtext(".//DeclDate") == "2026-03-03"


def test_the_customs_leg_waits_for_the_clearance_form_and_then_carries_it() -> None:
    form = sample(COSMETICS)
    form["regulatory_documents"] = [{"regulatory_document_type_code": "7", "regulatory_document_id": "L1"}]
    declaration = read(form)
    messages = {each.leg.agency: each for each in split(rulebook(), declaration, filing, TODAY)}
    assert messages["customs"].leg.waits_for == "inspection.clearance_form_id"
    assert messages["customs"].body is None
    assert messages["inspection"].body is not None
    leg = messages["customs"].leg
    more = carried(rulebook(), leg, "310000115000001234", declaration, TODAY)
    root = etree.fromstring(render(rulebook(), leg, declaration, filing(**more), TODAY))
    documents = root.findall(".//{*}LicenseDocu")
    assert [(each.findtext("{*}DocuCode"), each.findtext("{*}CertCode")) for each in documents] == [
        ("7", "L1"),
        ("A", "310000115000001234"),
    ]


def test_a_form_that_carries_the_clearance_form_waits_for_nothing() -> None:
    form = sample(COSMETICS)
    form["regulatory_documents"] = [
        {"regulatory_document_type_code": "A", "regulatory_document_id": "310000115000001234"}
    ]
    messages = split(rulebook(), read(form), filing, TODAY)
    assert {each.leg.agency for each in messages if each.leg.waits_for is None} == {"customs", "inspection"}


@pytest.mark.parametrize(
    ("name", "agencies"),
    [
        (ELECTRONICS, {"customs"}),
        (OLIVE_OIL, {"inspection"}),
        (TABLEWARE, {"customs", "inspection"}),
        (COSMETICS, {"customs", "inspection"}),
    ],
)
def test_each_scope_reaches_its_agencies(name: str, agencies: set[str]) -> None:
    assert {each.leg.agency for each in split(rulebook(), read(sample(name)), filing, TODAY)} == agencies


def test_a_code_without_conversion_is_refused_at_the_traders_item() -> None:
    form = sample(COSMETICS)
    form["goods_items"][1]["currency_code"] = "999"
    with pytest.raises(InvalidDeclaration) as caught:
        message(form, "inspection")
    [fault] = caught.value.faults
    assert (fault.code, fault.item, fault.pointer, fault.agency) == (
        "F-MAP",
        "currency_code",
        "/goods_items/1/currency_code",
        "inspection",
    )
    assert "999" in fault.message_zh
    assert "检" in fault.message_zh
    assert "999" in fault.message_en
    assert "{" not in fault.message_zh + fault.message_en


def test_a_value_that_the_agency_demands_and_nobody_typed_is_refused_at_the_traders_item() -> None:
    form = sample(COSMETICS)
    del form["goods_items"][2]["goods_purpose_code"]
    with pytest.raises(InvalidDeclaration) as caught:
        message(form, "inspection")
    assert [(fault.code, fault.pointer) for fault in caught.value.faults] == [
        ("F-MAP", "/goods_items/2/goods_purpose_code")
    ]


def test_what_the_agencys_schema_refuses_comes_back_to_the_traders_item() -> None:
    form = sample(ELECTRONICS)
    form["goods_items"][1]["transaction_quantity"] = "-5"
    with pytest.raises(InvalidDeclaration) as caught:
        message(form, "customs")
    assert {(fault.code, fault.item, fault.pointer) for fault in caught.value.faults} == {
        ("F-OUTPUT", "transaction_quantity", "/goods_items/1/transaction_quantity")
    }


def test_the_only_line_of_a_form_is_found_too() -> None:
    form = sample(ELECTRONICS)
    form["goods_items"] = [form["goods_items"][0] | {"transaction_quantity": "-5"}]
    with pytest.raises(InvalidDeclaration) as caught:
        message(form, "customs")
    assert [fault.pointer for fault in caught.value.faults] == ["/goods_items/0/transaction_quantity"]
