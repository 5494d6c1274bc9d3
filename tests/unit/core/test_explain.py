"""Explain: where a value came from, and the way back from an agency's element to the trader's field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from core_forms import (
    COSMETICS,
    ELECTRONICS,
    TABLEWARE,
    TODAY,
    bundle,
    filing,
    message,
    read,
    row_line,
    rulebook,
    sample,
    table_of,
)

from declarations.explain import Origin, explain_message, fits, item_of
from declarations.split import element_path

CUSTOMS = "mappings/customs/DecMessage/2015/map.csv"
GOODS_LINE = "ITF_DCL_IO_DECL/ITF_DCL_IO_DECL_GOODS"


def explain(form: dict[str, Any], agency: str, **asked: str) -> list[dict[str, Any]]:
    return explain_message(rulebook(), table_of(agency), read(form), filing(), TODAY, **asked)


def origin(form: dict[str, Any], agency: str, element: str) -> Origin | None:
    return item_of(rulebook(), table_of(agency), read(form), filing(), TODAY, element)


def test_a_value_tells_item_row_conversion_and_versions() -> None:
    [found] = explain(sample(ELECTRONICS), "customs", target="DecLists/DecList[2]/GQty")
    assert found["value"] == found["typed"] == "15000"
    assert found["item"] == "transaction_quantity"
    assert found["item_name_zh"] == "成交数量"
    assert found["item_name_en"] == "Transaction quantity"
    assert found["pointer"] == "/goods_items/1/transaction_quantity"
    assert (found["line"], found["how"]) == ("CUS-0600", "copy")
    assert found["table"] == {
        "path": CUSTOMS,
        "row": row_line(CUSTOMS, "CUS-0600"),
        "sha256": bundle().digests[CUSTOMS],
    }
    assert found["schema"]["sha256"] == bundle().digests[found["schema"]["path"]]
    assert (found["agency"], found["message"], found["version"]) == ("customs", "DecMessage", "2015")
    assert found["bundle"] == bundle().digest
    assert found["code_row"] is None
    json.dumps(found)


def test_a_converted_code_shows_its_code_list_row() -> None:
    form = sample(COSMETICS)
    form["goods_items"][0]["origin_country_code"] = "344"
    [found] = explain(form, "inspection", target=f"{GOODS_LINE}[1]/OriCtryCode")
    assert (found["typed"], found["value"], found["how"], found["arg"]) == ("344", "643", "code", "CL_COUNTRY")
    row = found["code_row"]
    assert row["path"] == "mappings/inspection/codes/CL_COUNTRY.csv"
    assert row["row"] == row_line(row["path"], "344")
    assert (row["code"], row["agency_code"], row["way"]) == ("344", "643", "both")
    assert row["sha256"] == bundle().digests[row["path"]]
    json.dumps(found)


def test_the_export_swap_is_shown_with_its_condition() -> None:
    [found] = explain(sample(TABLEWARE), "customs", target="DecLists/DecList[1]/OriginCountry")
    assert found["item"] == "final_destination_country_code"
    assert found["when"] == "trade_direction_code = 'E'"
    assert "EXPORT SWAP" in found["note"]


def test_a_value_of_the_window_names_no_item() -> None:
    [found] = explain(sample(ELECTRONICS), "customs", target="DecHead/CopName")
    assert (found["item"], found["source"], found["pointer"]) == (None, "filing.filer_name", None)
    [constant] = explain(sample(ELECTRONICS), "customs", target="DecHead/EdiId")
    assert (constant["value"], constant["how"], constant["source"]) == ("1", "const", None)


def test_every_line_of_an_element_may_be_asked_for() -> None:
    found = explain(sample(ELECTRONICS), "customs", target="DecLists/DecList[]/GQty")
    assert [each["target"] for each in found] == [f"DecLists/DecList[{number}]/GQty" for number in (1, 2, 3)]
    assert explain(sample(ELECTRONICS), "customs", target="DecLists/DecList[9]/GQty") == []


def test_a_traders_field_shows_every_element_it_went_to() -> None:
    form = sample(COSMETICS)
    found = explain(form, "inspection", pointer="/transport_document_id")
    assert {each["target"]: each["value"] for each in found} == {
        "ITF_DCL_IO_DECL/BillLadNo": "11244081730",
        "ITF_DCL_IO_DECL/SplitBillLadNo": "BMF150921",
    }
    district = explain(form, "customs", pointer="/domestic_region_code")
    assert len(district) == len(form["goods_items"])


def test_a_refused_value_is_explained_as_refused() -> None:
    form = sample(COSMETICS)
    form["goods_items"][1]["currency_code"] = "999"
    [found] = explain(form, "inspection", target=f"{GOODS_LINE}[2]/Currency")
    assert found["value"] is None
    assert (found["typed"], found["pointer"]) == ("999", "/goods_items/1/currency_code")
    assert "999" in found["error"]["zh"]
    assert "999" in found["error"]["en"]


def test_the_way_back_finds_item_and_row() -> None:
    form = sample(ELECTRONICS)
    assert origin(form, "customs", "DecLists/DecList[2]/GQty") == Origin(
        "transaction_quantity", "/goods_items/1/transaction_quantity", True
    )
    assert origin(form, "customs", "/DecLists/DecList/GQty") == Origin(
        "transaction_quantity", "/goods_items/0/transaction_quantity", True
    )
    assert origin(form, "customs", "DecHead/TrafMode") == Origin("transport_mode_code", "/transport_mode_code", True)


def test_the_way_back_counts_customs_lines_without_wood_packaging() -> None:
    """Customs' line 2 is the form's line 3 when the second is wood packaging, and explain shows both numbers."""
    form = sample(COSMETICS)
    wood = dict(form["goods_items"][0]) | {"commodity_classification_id": "0001"}
    form["goods_items"].insert(1, wood)
    for number, row in enumerate(form["goods_items"], 1):
        row["goods_item_sequence_number"] = number
    assert origin(form, "customs", "DecLists/DecList[2]/GQty") == Origin(
        "transaction_quantity", "/goods_items/2/transaction_quantity", True
    )
    [number] = explain(form, "customs", target="DecLists/DecList[2]/GNo")
    assert (number["value"], number["typed"], number["pointer"]) == (
        "2",
        "3",
        "/goods_items/2/goods_item_sequence_number",
    )


def test_an_element_that_was_not_sent_falls_to_its_row() -> None:
    form = sample(ELECTRONICS)
    assert origin(form, "customs", "DecLists/DecList[2]/ContrItem") == Origin(
        "manual_item_number", "/goods_items/1/manual_item_number", False
    )
    assert origin(form, "customs", "DecLists/DecList[3]/Unheard") == Origin(None, "/goods_items/2", False)
    assert origin(form, "customs", "DecHead/LicenseNo") == Origin("licence_id", "/licence_id", False)


def test_a_record_that_was_not_sent_falls_to_its_group() -> None:
    found = origin(sample(ELECTRONICS), "customs", "DecLicenseDocus/LicenseDocu[4]/CertCode")
    assert found == Origin("regulatory_document_id", "/regulatory_documents", False)


@pytest.mark.parametrize(
    "element", ["", "/", "Nothing", "Nothing/At/All", "DecList[2]", "DecLists/DecList[x]/GQty", "[]"]
)
def test_nonsense_leads_nowhere_and_breaks_nothing(element: str) -> None:
    found = origin(sample(ELECTRONICS), "customs", element)
    assert found is None or found.exact is False


@pytest.mark.parametrize(
    ("name", "agency"), [(COSMETICS, "inspection"), (TABLEWARE, "customs"), (COSMETICS, "customs")]
)
def test_every_element_of_a_message_leads_back_or_is_the_windows_own(name: str, agency: str) -> None:
    form = sample(name)
    for element in message(form, agency).iter():
        if len(element) or element.getparent() is None:
            continue
        path = element_path(element)
        [found] = explain(form, agency, target=path)
        assert found["value"] == element.text
        if found["typed"] is not None and found["item"] is not None:
            value: Any = form
            for part in found["pointer"].split("/")[1:]:
                value = value[int(part)] if part.isdecimal() else value[part]
            assert str(value) == found["typed"], "the pointer is a pointer into the trader's own form"
            assert origin(form, agency, path) == Origin(found["item"], found["pointer"], True)


def test_paths_fit_with_and_without_indexes() -> None:
    assert fits("A/B[1]/C", "A/B[1]/C")
    assert fits("A/B/C", "A/B[1]/C")
    assert fits("/A/B[2]/C", "A/B[2]/C")
    assert not fits("A/B/C", "A/B[2]/C")
    assert fits("A/B[]/C", "A/B[2]/C")
    assert not fits("A/B[]/C", "A/B[2]/D")
