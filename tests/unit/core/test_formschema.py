"""The schemas generated from the dictionary: fresh, usable by both validators, and true to the samples."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import xmlschema
from core_forms import ROOT, SAMPLES, as_xml, bundle, rulebook
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from strategies_of_forms import values

from declarations.formschema import form_json_schema, form_xsd

XSD = "xsd/merged/goods.xsd"


def test_the_xsd_in_the_tree_is_what_the_dictionary_gives() -> None:
    assert (ROOT / XSD).read_bytes() == form_xsd(rulebook().forms["goods"])


def test_the_xsd_holds_every_item_and_group_in_dictionary_order() -> None:
    form = rulebook().forms["goods"]
    tree = etree.fromstring(bundle().data(XSD))
    names = [str(found.get("name")) for found in tree.iter("{http://www.w3.org/2001/XMLSchema}element")]
    header = [item.item_id for item in form.group_items("")]
    assert names[: len(header) + 1] == [form.root, *header]
    assert set(names) == {form.root, *form.items, *form.groups, *(group.row for group in form.groups.values())}
    assert len(names) == len(set(names)), "an item has one name everywhere"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_both_validators_take_the_samples(path: Any) -> None:
    xml = as_xml(json.loads(path.read_text()))
    assert etree.XMLSchema(etree.fromstring(bundle().data(XSD))).validate(etree.fromstring(xml))
    assert xmlschema.XMLSchema11(bundle().text(XSD)).is_valid(etree.fromstring(xml))


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """The few words of JSON Schema that ours uses, as the specification reads them."""
    if "anyOf" in schema:
        return any(accepts(each, value) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if kind == "object":
        return (
            isinstance(value, dict)
            and set(schema.get("required", ())) <= set(value)
            and set(value) <= set(schema["properties"])
            and all(accepts(schema["properties"][key], inner) for key, inner in value.items())
        )
    if kind == "array":
        return isinstance(value, list) and all(accepts(schema["items"], inner) for inner in value)
    if kind == "integer":
        return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
    assert kind == "string"
    return (
        isinstance(value, str)
        and len(value) <= schema.get("maxLength", len(value))
        and re.search(schema["pattern"], value) is not None
    )


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_json_schema_takes_the_samples(path: Any) -> None:
    schema = form_json_schema(rulebook().forms["goods"])
    form = json.loads(path.read_text())
    assert accepts(schema, form)
    assert not accepts(schema, {**form, "container_count": "2"})
    assert not accepts(schema, {**form, "filing_scope": "everything"})
    assert not accepts(schema, {key: value for key, value in form.items() if key != "filing_scope"})


def test_the_json_schema_holds_every_item_with_both_names() -> None:
    form = rulebook().forms["goods"]
    schema = form_json_schema(form)
    json.dumps(schema)
    assert list(schema["properties"])[:2] == ["form", "filing_scope"]
    for item in form.group_items(""):
        assert schema["properties"][item.item_id]["title"] == f"{item.name_zh} / {item.name_en}"
    row = schema["properties"]["goods_items"]["items"]
    assert set(row["properties"]) == {item.item_id for item in form.group_items("goods_items")} | {"product_permits"}
    assert schema["properties"]["trade_mode_code"]["x-code-list"] == "CL_TRADE_MODE"


def test_lists_of_single_values_may_be_bare_in_the_json_schema() -> None:
    items = form_json_schema(rulebook().forms["goods"])["properties"]["requested_certificates"]["items"]
    assert accepts(items, "16")
    assert accepts(items, {"requested_certificate_type_code": "16", "certificate_copy_count": 2})
    assert not accepts(items, 16)


ITEM_CASES = [
    ("departure_date", ["20151019", "19000101"], ["2015-10-19", "20151319", "20151032", "２０１５１０１９", "2015101"]),
    ("package_quantity", ["0", "007", "999999999"], ["-1", "1.0", "1e3", "1234567890", "٦٢", " 6 2"]),
    ("total_net_mass", ["1850.00", "-1", "0.00001"], ["1.", ".5", "1,5", "1.000001", "123456789012345", "1e3", "+1"]),
    ("trader_assigned_reference_id", ["SWSH2015A00000001"], ["swsh", "A B", "A" * 19, "Ａ"]),
    ("trade_mode_code", ["0110", "ABCD"], ["110", "01100", "01 0", "０１１０"]),
    ("goods_attribute_codes", ["11,12", "11, 12"], ["1" * 21, "中"]),
    ("remarks", ["x", "中 文", "a" * 255, "字" * 255, "&<>\"'"], ["a" * 256, "a\tb", "a\nb", "a\x85b"]),
]


@pytest.mark.parametrize(("item_id", "good", "bad"), ITEM_CASES, ids=[case[0] for case in ITEM_CASES])
def test_types_take_and_refuse_alike_in_every_validator(item_id: str, good: list[str], bad: list[str]) -> None:
    form = rulebook().forms["goods"]
    item = form.items[item_id]
    lxml_schema = rulebook().form_rules("goods").schema
    other = xmlschema.XMLSchema11(bundle().text(XSD))
    json_item = form_json_schema(form)["properties"]
    json_item = json_item[item_id] if not item.group else json_item[item.group]["items"]["properties"][item_id]
    for value in good + bad:
        element = f"<{item_id}>{value.replace('&', '&amp;').replace('<', '&lt;')}</{item_id}>"
        if item.group:
            row = form.groups[item.group].row
            element = f"<{item.group}><{row}>{element}</{row}></{item.group}>"
        tree = etree.fromstring(f'<goods_declaration filing_scope="customs_only">{element}</goods_declaration>')
        verdicts = (lxml_schema.validate(tree), other.is_valid(tree), accepts(json_item, value))
        assert verdicts == ((value in good,) * 3), value


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_values_of_a_type_fit_its_json_schema(data: st.DataObject) -> None:
    form = rulebook().forms["goods"]
    item = data.draw(st.sampled_from(form.group_items("")))
    assert accepts(form_json_schema(form)["properties"][item.item_id], data.draw(values(item)))
