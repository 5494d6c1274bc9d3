"""XML and JSON are one form in two spellings: each converts into the other without loss."""

from __future__ import annotations

import json
from typing import Any

import pytest
from core_forms import (
    COSMETICS,
    ELECTRONICS,
    JSON,
    SAMPLES,
    TODAY,
    XML,
    as_json,
    as_xml,
    checked,
    errors,
    filing,
    rulebook,
    sample,
)
from hypothesis import HealthCheck, given, settings
from lxml import etree
from strategies_of_forms import forms

from declarations.checking import read_form
from declarations.convert import to_json, to_xml
from declarations.form import Declaration
from declarations.split import split


def without_empties(found: Any) -> Any:
    """JSON in which what is empty is absent, as design.md section 1 defines them to be the same."""
    if isinstance(found, dict):
        kept = {key: without_empties(value) for key, value in found.items()}
        return {key: value for key, value in kept.items() if value not in ("", [], None)}
    return [without_empties(value) for value in found] if isinstance(found, list) else found


def read(data: bytes, media_type: str) -> Declaration:
    return read_form(rulebook(), data, media_type)


def content(declaration: Declaration) -> Any:
    """Everything a declaration holds."""

    def row(found: Any) -> Any:
        return dict(found), {group: [row(inner) for inner in rows] for group, rows in found.children.items() if rows}

    return declaration.scope, row(declaration.header)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_come_back_from_xml_as_they_were(path: Any) -> None:
    original = json.loads(path.read_text())
    xml = to_xml(rulebook(), read(path.read_bytes(), JSON))
    back = json.loads(to_json(rulebook(), read(xml, XML)))
    assert back == without_empties(original)
    assert to_xml(rulebook(), read(to_json(rulebook(), read(xml, XML)), JSON)) == xml


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_both_spellings_of_a_sample_get_the_same_verdict_and_messages(path: Any) -> None:
    data = path.read_bytes()
    xml = to_xml(rulebook(), read(data, JSON))
    by_json, by_xml = checked(data, JSON), checked(xml, XML)
    assert by_json.valid
    assert by_xml.valid
    assert [(f.code, f.pointer, f.message_zh) for f in by_json.faults] == [
        (f.code, f.pointer, f.message_zh) for f in by_xml.faults
    ]
    for left, right in zip(
        split(rulebook(), read(data, JSON), filing, TODAY),
        split(rulebook(), read(xml, XML), filing, TODAY),
        strict=True,
    ):
        assert left == right


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(forms())
def test_any_form_survives_json_and_xml(form: dict[str, Any]) -> None:
    data = json.dumps(form).encode()
    declaration = read(data, JSON)
    xml = to_xml(rulebook(), declaration)
    assert rulebook().form_rules("goods").schema.validate(etree.fromstring(xml)), (
        "what we write is valid by the form's XSD"
    )
    again = read(xml, XML)
    assert content(again) == content(declaration)
    assert to_xml(rulebook(), again) == xml
    written = to_json(rulebook(), again)
    assert content(read(written, JSON)) == content(declaration)
    assert to_json(rulebook(), read(written, JSON)) == written
    for item_id, value in form.items():
        if isinstance(value, str) and item_id != "filing_scope":
            assert declaration.header[item_id] == value, "values are kept as typed"


def sample_with(**items: Any) -> dict[str, Any]:
    return {**sample(ELECTRONICS), **items}


@pytest.mark.parametrize(
    ("declared", "mark", "encoding"),
    [
        ("UTF-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        (None, b"", "utf-8"),
        (None, b"\xef\xbb\xbf", "utf-8"),
        ("GB18030", b"", "gb18030"),
        ("gb18030", b"", "gb18030"),
        ("GBK", b"", "gbk"),
        ("GB2312", b"", "gb18030"),
        ("GBK", b"\xef\xbb\xbf", "utf-8"),
    ],
)
def test_encodings_traders_use(declared: str | None, mark: bytes, encoding: str) -> None:
    xml = as_xml(sample(COSMETICS)).decode()
    head, body = xml.split("\n", 1)
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    found = checked(mark + (head + body).encode(encoding), XML)
    assert found.valid
    assert found.declaration is not None
    assert content(found.declaration) == content(read(as_json(sample(COSMETICS)), JSON))


def test_rare_characters_come_through_gb18030() -> None:
    """GB18030 holds all of Unicode, names with rare characters included."""
    form = sample_with(contact_person_name="王㐀𠮷")
    xml = as_xml(form).decode().replace("UTF-8", "GB18030")
    found = checked(xml.encode("gb18030"), XML)
    assert found.declaration is not None
    assert found.declaration.header["contact_person_name"] == "王㐀𠮷"


def test_a_json_byte_order_mark_is_dropped() -> None:
    assert checked(b"\xef\xbb\xbf" + as_json(sample(ELECTRONICS)), "application/json; charset=utf-8").valid


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("A &amp; B", "A & B"),
        ("&lt;b&gt;", "<b>"),
        ("&#20013;&#x6587;", "中文"),
        ("<![CDATA[A & <B>]]>", "A & <B>"),
        ("A<![CDATA[&]]>B", "A&B"),
        ("1<!--x-->5", "15"),
        ("1<?x y?>5", "15"),
        ("A]]&gt;B", "A]]>B"),
        ("\"'", "\"'"),
    ],
)
def test_a_value_means_the_same_to_every_reader(written: str, value: str) -> None:
    """What was validated is what is mapped and what is sent."""
    text = as_xml(sample(ELECTRONICS)).decode().replace("LX-KR-15073", written)
    found = checked(text.encode(), XML)
    assert errors(found) == []
    assert found.declaration is not None
    assert found.declaration.header["contract_id"] == value
    assert json.loads(to_json(rulebook(), found.declaration))["contract_id"] == value
    [message] = split(rulebook(), found.declaration, filing, TODAY)
    assert message.body is not None
    sent = etree.fromstring(message.body).findtext("{*}DecHead/{*}ContrNo")
    assert sent == value


def test_a_comment_inside_a_number_cannot_split_it() -> None:
    text = as_xml(sample(ELECTRONICS)).decode()
    quantity = sample(ELECTRONICS)["package_quantity"]
    written = f"{str(quantity)[0]}<!--x-->{str(quantity)[1:]}"
    text = text.replace(f"<package_quantity>{quantity}<", f"<package_quantity>{written}<")
    found = checked(text.encode(), XML)
    assert found.declaration is not None
    assert found.declaration.header["package_quantity"] == str(quantity)


@pytest.mark.parametrize("typed", ["1850.00", "1850", "1850.5", "01850.00000"])
def test_digits_stay_as_typed(typed: str) -> None:
    for data, media_type in (
        (as_json(sample_with(total_gross_mass=typed)), JSON),
        (as_json(sample_with(total_gross_mass="@")).replace(b'"@"', typed.encode()), JSON),
        (as_xml(sample_with(total_gross_mass=typed)), XML),
    ):
        if typed.startswith("0") and b'"total_gross_mass": 0' in data:
            continue  # JSON has no numbers with leading zeros
        declaration = read(data, media_type)
        assert declaration.header["total_gross_mass"] == typed
        assert json.loads(to_json(rulebook(), declaration))["total_gross_mass"] == typed
        assert f"<total_gross_mass>{typed}<".encode() in to_xml(rulebook(), declaration)


def test_whole_numbers_may_be_json_numbers_and_leading_zeros_are_kept() -> None:
    declaration = read(as_json(sample_with(package_quantity="007")), JSON)
    assert json.loads(to_json(rulebook(), declaration))["package_quantity"] == "007"
    declaration = read(as_json(sample_with(package_quantity=7)), JSON)
    assert json.loads(to_json(rulebook(), declaration))["package_quantity"] == 7


def test_a_group_of_single_values_is_a_bare_list_and_may_be_written_out() -> None:
    bare = sample(COSMETICS)
    written_out = sample(COSMETICS)
    assert bare["requested_certificates"] == ["16", "21"]
    written_out["requested_certificates"] = [{"requested_certificate_type_code": code} for code in ("16", "21")]
    assert content(read(as_json(bare), JSON)) == content(read(as_json(written_out), JSON))
    assert json.loads(to_json(rulebook(), read(as_json(written_out), JSON)))["requested_certificates"] == ["16", "21"]


def test_a_row_with_more_than_its_single_value_is_written_out() -> None:
    form = sample(COSMETICS)
    form["requested_certificates"] = ["16", {"requested_certificate_type_code": "21", "certificate_copy_count": 3}]
    assert json.loads(to_json(rulebook(), read(as_json(form), JSON)))["requested_certificates"] == [
        {"requested_certificate_type_code": "16"},
        {"requested_certificate_type_code": "21", "certificate_copy_count": 3},
    ]


def test_empty_and_absent_are_the_same() -> None:
    form = sample(ELECTRONICS)
    empty = {**form, "remarks": "", "licence_id": None, "enterprise_qualifications": [], "regulatory_documents": []}
    absent = without_empties(form)
    assert content(read(as_json(empty), JSON)) == content(read(as_json(absent), JSON))
