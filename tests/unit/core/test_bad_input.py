"""Every kind of bad input gets one clear answer: code, item, pointer, line in the trader's own file, words in zh and en."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from typing import Any

import pytest
from core_forms import (
    COSMETICS,
    ELECTRONICS,
    FIFTY_LINES,
    JSON,
    ROOT,
    XML,
    as_json,
    as_xml,
    checked,
    context,
    errors,
    line_of,
    rulebook,
    sample,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarations.checking import Checked, check
from declarations.faults import LIMIT, Fault
from declarations.rulebook import Rulebook

CASES = ROOT / "tests/data/bad_input"
EXPECTED: dict[str, dict[str, Any]] = json.loads((CASES / "expected.json").read_text())


def assert_speakable(fault: Fault) -> None:
    """Words in both languages, nothing left to fill in, and an answer that JSON can carry."""
    for words in (fault.message_zh, fault.message_en):
        assert words.strip()
        assert not re.search(r"\{[a-z_]+\}", words), words
        assert len(words) < 1000
    assert re.search("[\u4e00-\u9fff]", fault.message_zh), "the Chinese words are Chinese"
    json.dumps(fault.as_dict(), ensure_ascii=False).encode()


def test_every_file_of_bad_input_has_its_expected_answer() -> None:
    assert {path.name for path in CASES.iterdir()} == {*EXPECTED, "expected.json"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_input_gets_one_clear_answer(name: str) -> None:
    expected = EXPECTED[name]
    found = checked((CASES / name).read_bytes(), expected["media_type"])
    assert not found.valid
    assert found.readable is expected["readable"]
    faults = errors(found)
    assert [(fault.code, fault.item, fault.pointer, fault.line) for fault in faults] == [
        (expected["code"], expected["item"], expected["pointer"], expected["line"])
    ]
    assert_speakable(faults[0])


def test_a_code_of_another_system_is_told_by_name() -> None:
    """ISO 840 is the United States, which customs calls 502: the answer says so instead of passing 840 on."""
    fault = errors(checked((CASES / "other_code_system.xml").read_bytes(), XML))[0]
    assert "502" in fault.message_zh
    assert "502" in fault.message_en


HUGE = {
    "xml_open": (b"<a>" * 3_300_000, XML, "F-TOO-LARGE"),
    "xml_closed": (b"<a>" * 1_400_000 + b"</a>" * 1_400_000, XML, "F-TOO-LARGE"),
    "xml_wide": (b'<goods_declaration filing_scope="customs_only">' + b"<a/>" * 2_400_000, XML, "F-TOO-LARGE"),
    "xml_rows": (
        b'<goods_declaration filing_scope="customs_only"><containers>'
        + b"<container/>" * 800_000
        + b"</containers></goods_declaration>",
        XML,
        "F-TOO-LARGE",
    ),
    "xml_attributes": (b"<a " + b" ".join(b'a%d=""' % n for n in range(900_000)) + b"/>", XML, "F-TOO-LARGE"),
    "json_lists": (b"[" * 10_000_000, JSON, "F-TOO-LARGE"),
    "json_objects": (b'{"a":' * 2_000_000, JSON, "F-TOO-DEEP"),
    "json_rows": (b'{"filing_scope":"customs_only","containers":[' + b"{}," * 3_300_000 + b"{}]}", JSON, "F-TOO-LARGE"),
    "json_numbers": (b'{"containers":[' + b"1," * 4_900_000 + b"1]}", JSON, "F-TOO-LARGE"),
    "json_texts": (b'{"containers":[' + b'"",' * 3_300_000 + b'""]}', JSON, "F-TOO-LARGE"),
    "json_number": (b'{"filing_scope":"customs_only","package_quantity":' + b"9" * 9_900_000 + b"}", JSON, "F-LENGTH"),
    "json_key": (b'{"filing_scope":"customs_only","' + b"9" * 9_900_000 + b'":""}', JSON, "F-UNKNOWN"),
    "json_value": (b'{"filing_scope":"customs_only","remarks":"' + b"x" * 9_900_000 + b'"}', JSON, "F-LENGTH"),
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_ten_megabytes_of_nonsense_are_answered_at_once(name: str) -> None:
    data, media_type, code = HUGE[name]
    started = time.process_time()
    found = checked(data, media_type)
    assert time.process_time() - started < 2
    assert not found.valid
    assert len(found.faults) <= LIMIT
    if code is not None:
        assert code in [fault.code for fault in found.faults]
    for fault in found.faults:
        assert_speakable(fault)
        assert len(json.dumps(fault.as_dict())) < 5000, "a fault never repeats megabytes"


@pytest.mark.parametrize(("data", "media_type"), [(b"[" * 10_000_000, JSON), (b"<a>" * 3_300_000, XML)])
def test_memory_stays_flat_under_nesting(data: bytes, media_type: str) -> None:
    checked(data[:1000], media_type)
    tracemalloc.start()
    checked(data, media_type)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(data)


def test_a_valid_form_of_a_plausible_size_is_never_too_large() -> None:
    form = sample(FIFTY_LINES)
    form["containers"] = form["containers"] * 200
    assert "F-TOO-LARGE" not in {fault.code for fault in checked(as_json(form), JSON).faults}


def ten_faults() -> dict[str, Any]:
    """A cosmetics declaration with ten faults planted: five of structure, five of rules."""
    form = sample(COSMETICS)
    form["contract_id"] = "C" * 33  # too long
    form["border_crossing_date"] = "20150230"  # no such day
    form["package_quantity"] = "٣٠"  # Arabic-Indic digits
    form["goods_items"][0]["brand_name"] = "BELLE\tMARNE"  # control character
    form["goods_items"][1]["unit_price_amount"] = "14,25"  # comma
    form["transport_document_id"] = "11244081731_BMF150921"  # check digit of the air waybill
    form["total_net_mass"] = "999.00"  # more than gross
    form["goods_items"][0]["origin_country_code"] = "840"  # ISO number
    form["goods_items"][1]["inspection_classification_id"] = "9999990010101"  # another commodity's
    form["goods_items"][2]["currency_code"] = "502"  # a second currency
    return form


TEN = [
    ("F-LENGTH", "/contract_id"),
    ("R-TRN-01", "/transport_document_id"),
    ("F-PATTERN", "/package_quantity"),
    ("F-DATE", "/border_crossing_date"),
    ("R-WGT-01", "/total_net_mass"),
    ("R-MAP-01", "/goods_items/0/origin_country_code"),
    ("F-CHARACTER", "/goods_items/0/brand_name"),
    ("F-PATTERN", "/goods_items/1/unit_price_amount"),
    ("R-LIN-04", "/goods_items/1/inspection_classification_id"),
    ("R-AMT-03", "/goods_items/2/currency_code"),
]


def ten_faults_xml() -> bytes:
    """The same as XML; written by hand, since a faulty form is not converted."""
    text = as_xml(sample(COSMETICS)).decode()
    planted, clean = ten_faults(), sample(COSMETICS)
    for code, pointer in TEN:
        parts = pointer.split("/")[1:]
        old: Any = clean
        new: Any = planted
        for part in parts:
            old, new = (each[int(part)] if part.isdecimal() else each[part] for each in (old, new))
        element = parts[-1]
        start = 0
        for _ in range(int(parts[1]) if len(parts) > 1 else 0):
            start = text.index("</goods_item>", start) + 1
        at = text.index(f"<{element}>", start)
        assert text[at:].startswith(f"<{element}>{old}<"), (code, pointer)
        written = str(new).replace("\t", "&#9;")
        text = text[:at] + f"<{element}>{written}<" + text[at + len(f"<{element}>{old}<") :]
    return text.encode()


@pytest.mark.parametrize("media_type", [JSON, XML])
def test_ten_planted_faults_are_ten_found_in_form_order(media_type: str) -> None:
    data = as_json(ten_faults()) if media_type == JSON else ten_faults_xml()
    found = errors(checked(data, media_type))
    planted = set(TEN)
    assert [(fault.code, fault.pointer) for fault in found if (fault.code, fault.pointer) in planted] == TEN
    consequences = {(fault.code, fault.pointer) for fault in found} - planted
    assert consequences <= {("R-WGT-03", "/total_net_mass")}, "nothing is reported that was not planted"
    lines = data.decode().split("\n")
    for fault in found:
        assert fault.item is not None
        assert fault.line is not None
        assert fault.item in lines[fault.line - 1], "the line is the value's line in the trader's file"
        assert_speakable(fault)


def test_more_than_a_hundred_faults_are_cut_at_a_hundred() -> None:
    form = sample(FIFTY_LINES)
    for row in form["goods_items"]:
        row |= {"unit_price_amount": "x", "item_total_amount": "y", "transaction_quantity": "z"}
    found = checked(as_json(form), JSON)
    assert len(found.faults) == LIMIT
    assert [fault.pointer for fault in errors(found)][:2] == [
        "/goods_items/0/transaction_quantity",
        "/goods_items/0/unit_price_amount",
    ]


def test_the_line_limit_is_a_profile_row() -> None:
    form = sample(FIFTY_LINES)
    assert checked(as_json(form), JSON).valid
    limited = errors(checked(as_json(form), JSON, "2015"))
    assert [(fault.code, fault.pointer) for fault in limited] == [("R-LIN-02", "/goods_items")]
    assert "20" in limited[0].message_en


def test_an_empty_row_keeps_the_numbers_of_those_behind_it() -> None:
    form = sample(ELECTRONICS)
    form["containers"].insert(0, {})
    form["containers"][1]["container_id"] = "TOO-LONG-FOR-A-CONTAINER"
    data = as_json(form)
    found = {fault.pointer: fault for fault in errors(checked(data, JSON))}
    assert found["/containers/1/container_id"].line == line_of(data, "TOO-LONG")
    assert found["/containers/0/container_id"].code == "R-HDR-01"


def test_a_value_of_the_wrong_type_is_not_reported_missing_as_well() -> None:
    form = sample(ELECTRONICS)
    form["domestic_trader_name"] = ["上海澜芯微电子有限公司"]
    form["package_quantity"] = "many"
    found = [(fault.code, fault.pointer) for fault in errors(checked(as_json(form), JSON))]
    assert found == [("F-TYPE", "/domestic_trader_name"), ("F-PATTERN", "/package_quantity")]


def test_a_bare_value_is_pointed_at_where_it_stands() -> None:
    form = sample(COSMETICS)
    form["requested_certificates"] = ["16", "216"]
    data = as_json(form)
    found = errors(checked(data, JSON))
    assert [(fault.code, fault.item, fault.pointer) for fault in found] == [
        ("F-LENGTH", "requested_certificate_type_code", "/requested_certificates/1")
    ]
    assert found[0].line == line_of(data, '"216"')


def test_blanks_and_empty_elements_mean_nothing() -> None:
    """What people's systems add: blanks around values, empty items, empty lists."""
    text = as_xml(sample(ELECTRONICS)).decode()
    text = text.replace("<contract_id>LX-KR-15073<", "<contract_id>\u3000 LX-KR-15073 \n <")
    text = text.replace("</goods_declaration>", "<enterprise_qualifications/></goods_declaration>")
    text = (
        text.replace("<remarks>", "<remarks>  ")
        if "<remarks>" in text
        else text.replace("<goods_items>", "<remarks/><goods_items>")
    )
    found = checked(text.encode(), XML)
    assert found.valid
    assert found.declaration is not None
    assert found.declaration.header["contract_id"] == "LX-KR-15073"


def test_a_blank_value_of_a_required_item_is_missing_in_xml_as_in_json() -> None:
    form = sample(ELECTRONICS)
    xml = as_xml(form).decode().replace(f"<owner_name>{form['owner_name']}<", "<owner_name>  <")
    form["owner_name"] = "  "
    for data, media_type in ((xml.encode(), XML), (as_json(form), JSON)):
        assert [(fault.code, fault.pointer) for fault in errors(checked(data, media_type))] == [
            ("R-HDR-01", "/owner_name")
        ]


SEEDS = [
    (as_xml(sample(ELECTRONICS)), XML),
    (as_json(sample(ELECTRONICS)), JSON),
    ((CASES / "doctype.xml").read_bytes(), XML),
    (as_xml(sample(ELECTRONICS)).replace(b"UTF-8", b"GB18030").decode().encode("gb18030"), XML),
]
PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [
            b"<", b">", b"&", b"</", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf",
            b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"null", b"true", b"-1",
            b"9" * 5000, "٣".encode(), b"<goods_item/>", b"<foo>", b"filing_scope", b'""', b"20150230", b"{}", b"[[]]",
        ]
    ),
)  # fmt: skip


def assert_answered(rules: Rulebook, data: bytes, media_type: str) -> None:
    found = checked(data, media_type)
    assert isinstance(found, Checked)
    assert found.readable or (len(found.faults) == 1 and found.declaration is None)
    assert len(found.faults) <= LIMIT
    assert found.valid or errors(found), "what is refused says why"
    for fault in found.faults:
        assert_speakable(fault)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.sampled_from([XML, JSON]))
def test_random_bytes_are_answered_not_raised(data: bytes, media_type: str) -> None:
    assert_answered(rulebook(), data, media_type)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), PIECES), min_size=1, max_size=4),
)
def test_mutated_samples_are_answered_not_raised(
    seed: tuple[bytes, str], edits: list[tuple[float, int, bytes]]
) -> None:
    data, media_type = seed
    for place, removed, piece in edits:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + removed :]
    assert_answered(rulebook(), data, media_type)


@st.composite
def odd_json(draw: st.DrawFn) -> Any:
    """A sample in which some values are anything JSON can hold."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=6,
    )
    form = sample(draw(st.sampled_from([ELECTRONICS, COSMETICS])))
    keys = [*form, *draw(st.lists(st.text(max_size=12), max_size=2))]
    for key in draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)):
        form[key] = draw(anything)
    if isinstance(form["goods_items"], list) and form["goods_items"] and isinstance(form["goods_items"][0], dict):
        row = form["goods_items"][0]
        for key in draw(st.lists(st.sampled_from([*row, "product_permits"]), max_size=3)):
            row[key] = draw(anything)
    return form


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(odd_json())
def test_any_json_in_place_of_a_value_is_answered_not_raised(form: Any) -> None:
    assert_answered(rulebook(), json.dumps(form).encode(), JSON)


def test_a_check_never_changes_its_mind() -> None:
    data = as_json(ten_faults())
    first, second = (check(rulebook(), data, JSON, context()) for _ in range(2))
    assert first.faults == second.faults


def test_an_error_is_not_lost_among_a_hundred_warnings() -> None:
    """Fifty lines of goods beyond our lists give more warnings than are shown; the wrong container number still blocks."""
    form = sample(COSMETICS)
    line = form["goods_items"][0]
    form["goods_items"] = [
        {
            **line,
            "goods_item_sequence_number": number,
            "commodity_classification_id": f"9999{number:06d}",
            "inspection_classification_id": f"9999{number:06d}101",
            "product_permits": [
                {"product_permit_type_code": code, "product_permit_id": "P"} for code in ("990", "991")
            ],
        }
        for number in range(1, 51)
    ]
    form["containers"] = [{"container_id": "ABCU1234567", "container_type_code": "11"}]
    found = checked(as_json(form), "application/json")
    assert len(found.faults) == 100
    assert not found.valid
    assert ("R-CNT-01", "/containers/0/container_id") in {(fault.code, fault.pointer) for fault in errors(found)}


@pytest.mark.parametrize(
    "data",
    [
        b'{"filing_scope": "customs_only", "goods_items": [' + b"[]," * 3_000_000 + b"[]]}",
        b'{"filing_scope": "customs_only", "remarks": "' + b"x" * 9_000_000 + b'"}',
        b'{"filing_scope": "customs_only", "goods_items": [' + b'{"zz": "1"},' * 9000 + b'{"zz": "1"}]}',
    ],
    ids=["lists", "one huge value", "unknown keys in thousands of rows"],
)
def test_what_no_form_holds_is_refused_before_the_rules_see_it(data: bytes) -> None:
    found = checked(data, "application/json")
    assert not found.valid
    assert len(found.faults) <= 100


@pytest.mark.parametrize(
    "text", ["NaN", "NaNx", "[NaN1]", '{"filing_scope": Infinitysomething}', '{"a":\n -Infinity2}']
)
def test_a_constant_that_json_does_not_have_is_refused_whatever_stands_behind_it(text: str) -> None:
    """The fuzzer's first finding: `NaNx` had no line, and the window made a mistake."""
    assert [fault.code for fault in checked(text.encode(), JSON).faults] == ["F-MALFORMED"]
