"""Compiled tables against the same tables read row by row: one text, one set of values, whatever the form holds."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from core_forms import (
    COSMETICS,
    ELECTRONICS,
    FIFTY_LINES,
    HOUSEHOLD,
    OLIVE_OIL,
    ROOT,
    TABLEWARE,
    TODAY,
    as_xml,
    bundle,
    filing,
    read,
    rulebook,
    sample,
    set_cell,
    table_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from strategies_of_forms import AWKWARD, forms, values

from declarations import compiler
from declarations.bundle import Bundle
from declarations.checking import read_form
from declarations.compiler import Program
from declarations.form import Declaration
from declarations.split import trace
from declarations.tablecontext import TableContext
from declarations.tables import MessageTable, TableFaults, load_message
from declarations.trace import Refused, Tracer, Written

AGENCIES = ["customs", "inspection"]
FULL_FILING = {
    name: {"accepted_at": "2026-03-02T01:30:00+00:00", "sign_date": "2026-03-02T01:31:00+00:00"}.get(name, "A&<\"'中")
    for name in rulebook().filing
    if name != "scope"
}


def leaves(root: etree._Element) -> list[tuple[str, str]]:
    """(path below the root, text) of every value of a message, attributes too, in message order."""
    found = [(f"@{name}", str(value)) for name, value in root.attrib.items()]

    def walk(element: etree._Element, path: str) -> None:
        counts: dict[str, int] = {}
        for child in element:
            name = etree.QName(child).localname
            counts[name] = counts.get(name, 0) + 1
            here = f"{path}{name}[{counts[name]}]"
            if len(child):
                walk(child, here + "/")
            else:
                found.append((here, child.text or ""))

    walk(root, "")
    return found


def full(target: str) -> str:
    """'DecHead/IEFlag' -> 'DecHead[1]/IEFlag[1]'."""
    return "/".join(part if part[-1] == "]" or part[0] == "@" else f"{part}[1]" for part in target.split("/"))


def assert_same(declaration: Declaration, table: MessageTable, given: dict[str, str], *, plain: bool) -> None:
    found = trace(rulebook(), table, declaration, given, TODAY)
    program = rulebook().program(table, TODAY, plain=plain)
    refused = [each for each in found if isinstance(each, Refused)]
    try:
        text = program.render(declaration, {**given, "scope": declaration.scope})
    except (ValueError, ArithmeticError):
        assert refused, "the compiled table refused what explain takes"
        return
    assert not refused, refused[0]
    written = [(full(each.target), each.value) for each in found if isinstance(each, Written)]
    assert leaves(etree.fromstring(text.encode())) == written


def both_ways(form: dict[str, Any], given: dict[str, str]) -> None:
    declaration = read(form)
    for agency in AGENCIES:
        assert_same(declaration, table_of(agency), given, plain=False)
        if declaration.plain:
            assert_same(declaration, table_of(agency), given, plain=True)


@pytest.mark.parametrize("name", [ELECTRONICS, COSMETICS, HOUSEHOLD, TABLEWARE, OLIVE_OIL, FIFTY_LINES])
@pytest.mark.parametrize("given_values", [filing(), FULL_FILING], ids=["bare", "full"])
def test_samples_compile_to_what_explain_says(name: str, given_values: dict[str, str]) -> None:
    both_ways(sample(name), given_values)


@cache
def codes_of(name: str) -> list[str]:
    """Some codes of a list; none for an item without one."""
    found = rulebook().codes.lists.get(name)
    return sorted(found.codes)[:40] if found else []


@st.composite
def changed_samples(draw: st.DrawFn) -> dict[str, Any]:
    """A sample with items dropped and changed, rows dropped, doubled and shuffled, awkward text, other codes."""
    form = copy.deepcopy(sample(draw(st.sampled_from([ELECTRONICS, COSMETICS, TABLEWARE, OLIVE_OIL]))))
    items = rulebook().forms["goods"].items
    # most changes keep what the agencies demand, so that most forms get as far as a message
    optional = [item for item in items.values() if "M" not in item.obligations.values()]

    def change(row: dict[str, Any], group: str) -> None:
        here = [item for item in items.values() if item.group == group]
        for item in draw(st.lists(st.sampled_from([i for i in here if i in optional] or here), max_size=3)):
            row.pop(item.item_id, None)
        for item in draw(st.lists(st.sampled_from(here), max_size=3)):
            if item.type == "text" and not item.format.startswith("id"):
                joined = "".join(draw(st.lists(AWKWARD, min_size=1, max_size=4)))
                row[item.item_id] = joined[: item.length].strip() or "x"
            elif codes_of(item.code_list) and draw(st.integers(0, 3)):
                row[item.item_id] = draw(st.sampled_from(codes_of(item.code_list)))
            elif draw(st.booleans()):
                row[item.item_id] = draw(values(item))

    change(form, "")
    for group in [name for name in rulebook().forms["goods"].groups if isinstance(form.get(name), list)]:
        rows = form[group]
        if rows and draw(st.booleans()):
            place = draw(st.integers(0, len(rows) - 1))
            if isinstance(rows[place], dict):
                if draw(st.booleans()):
                    rows.append(copy.deepcopy(rows[place]))
                change(rows[place], group)
        if len(rows) > 1 and draw(st.booleans()):
            del rows[draw(st.integers(0, len(rows) - 1))]
    return form


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(changed_samples(), st.sampled_from([filing(), FULL_FILING, {**filing(), "clearance_form_id": "1" * 18}]))
def test_changed_samples_compile_to_what_explain_says(form: dict[str, Any], given_values: dict[str, str]) -> None:
    both_ways(form, given_values)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(forms())
def test_any_form_is_refused_or_written_alike(form: dict[str, Any]) -> None:
    both_ways(form, filing())


@pytest.mark.parametrize("agency", AGENCIES)
def test_escaping_and_plain_text_are_the_same_message(agency: str) -> None:
    """`plain` is only a shortcut: a form with no entity and no CDATA comes out the same by both programs."""
    for name in (ELECTRONICS, COSMETICS, HOUSEHOLD):
        declaration = read_form(rulebook(), as_xml(sample(name)), "application/xml")
        assert declaration.plain
        texts = [
            rulebook().program(table_of(agency), TODAY, plain=plain).render(declaration, filing())
            for plain in (True, False)
            if agency in rulebook().forms["goods"].scopes[declaration.scope]
        ]
        assert len(set(texts)) <= 1


def test_a_form_with_entities_never_takes_the_plain_text() -> None:
    for written in ("&lt;b&gt;", "<![CDATA[<b>]]>", "&#60;b>"):
        xml = as_xml(sample(ELECTRONICS)).decode().replace("LX-KR-15073", written)
        declaration = read_form(rulebook(), xml.encode(), "application/xml")
        assert declaration.header["contract_id"] == "<b>"
        assert not declaration.plain


@pytest.mark.parametrize("plain", [True, False])
def test_the_window_s_own_values_are_escaped_in_every_program(plain: bool) -> None:
    declaration = read_form(rulebook(), as_xml(sample(ELECTRONICS)), "application/xml")
    text = rulebook().program(table_of("customs"), TODAY, plain=plain).render(declaration, FULL_FILING)
    assert etree.fromstring(text.encode()).findtext("{*}DecHead/{*}InputerName") == "A&<\"'中"


def fresh_program(table: MessageTable, *, plain: bool = False) -> Program:
    return Program(rulebook().table_context(table, TODAY), plain=plain)


def test_the_cache_of_shapes_is_bounded_and_forgets_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "MAX_SHAPES", 20)
    program = fresh_program(table_of("customs"))
    optional = ["contract_id", "remarks", "licence_id", "voyage_id", "related_manual_id", "bonded_place_id"]
    outputs: dict[int, str] = {}
    for _ in range(2):
        for number in range(2 ** len(optional)):
            form = sample(ELECTRONICS)
            for bit, item in enumerate(optional):
                form.pop(item, None)
                form["goods_items"][0].pop("goods_use_code", None)
                if number >> bit & 1:
                    form[item] = "V1"
            text = program.render(read(form), filing())
            assert outputs.setdefault(number, text) == text, "a shape met again is written the same"
            assert len(program._root.functions) <= 20
    assert len(set(outputs.values())) == 64


def test_goods_lines_of_many_shapes_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "MAX_SHAPES", 8)
    program = fresh_program(table_of("customs"))
    form = sample(FIFTY_LINES)
    optional = [
        "goods_specification",
        "manual_item_number",
        "goods_use_code",
        "second_statutory_quantity",
        "brand_name",
    ]
    for number, row in enumerate(form["goods_items"]):
        for bit, item in enumerate(optional):
            row.pop(item, None)
            if number >> bit & 1:
                row[item] = "1"
    root = etree.fromstring(program.render(read(form), filing()).encode())
    assert len(root.findall(".//{*}DecList")) == 50
    for found in program.names.values():
        assert len(getattr(found, "functions", ())) <= 8


def test_nothing_of_the_traders_text_becomes_code() -> None:
    form = sample(ELECTRONICS)
    form["remarks"] = "'''%s{0}\\'); raise SystemExit('"
    form["contract_id"] = "__import__('os')"
    program = fresh_program(table_of("customs"))
    root = etree.fromstring(program.render(read(form), filing()).encode())
    assert root.findtext(".//{*}NoteS") == form["remarks"]
    assert root.findtext(".//{*}ContrNo") == form["contract_id"]


MAP = "mappings/customs/DecMessage/2015/map.csv"


def table_with(*changes: tuple[str, str, str]) -> MessageTable:
    """The customs table with cells changed (line, column, value); its schema is not asked."""
    text = bundle().text(MAP)
    for line, column, value in changes:
        text = set_cell(line, column, value)(text)
    faults = TableFaults()
    table = load_message(Bundle({**bundle().files, MAP: text.encode()}), "mappings/customs/DecMessage/2015", faults)
    assert table is not None
    assert faults.found == []
    return table


def outcome(table: MessageTable, form: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    declaration = read(form)
    found: TableContext = rulebook().table_context(table, TODAY)
    text = Program(found, plain=declaration.plain).render(declaration, filing())
    traced = Tracer(found, declaration, filing()).run()
    return leaves(etree.fromstring(text.encode())), [
        (full(each.target), each.value) for each in traced if isinstance(each, Written)
    ]


@pytest.mark.parametrize(
    ("changes", "target", "value"),
    [
        ([("CUS-0120", "how", "number")], "DecHead[1]/FeeRate[1]", "1850"),
        ([("CUS-0120", "how", "number"), ("CUS-0120", "arg", "5")], "DecHead[1]/FeeRate[1]", "1850.00000"),
        ([("CUS-0120", "how", "number"), ("CUS-0120", "arg", "0 half-up")], "DecHead[1]/FeeRate[1]", "1850"),
        ([("CUS-0140", "how", "date"), ("CUS-0140", "arg", "yyyy-MM-dd")], "DecHead[1]/IEDate[1]", "2015-10-19"),
        ([("CUS-0060", "source", "licence_id | contract_id")], "DecHead[1]/ContrNo[1]", "LX-KR-15073"),
        ([("CUS-0060", "source", "licence_id"), ("CUS-0060", "empty", "default:A&B")], "DecHead[1]/ContrNo[1]", "A&B"),
        ([("CUS-0370", "arg", "<&>")], "DecHead[1]/EdiId[1]", "<&>"),
        ([("CUS-0370", "arg", "100%s")], "DecHead[1]/EdiId[1]", "100%s"),
        (
            [
                ("CUS-0060", "source", "goods_description"),
                ("CUS-0060", "how", "join"),
                ("CUS-0060", "arg", "goods_items ; +"),
            ],
            "DecHead[1]/ContrNo[1]",
            "处理器集成电路+四层印刷电路板+片式多层瓷介电容器",
        ),
        (
            [
                ("CUS-0060", "source", ""),
                ("CUS-0060", "how", "count"),
                ("CUS-0060", "arg", "goods_items where origin_country_code = '116'"),
            ],
            "DecHead[1]/ContrNo[1]",
            "1",
        ),
        (
            [
                ("CUS-0060", "source", "item_total_amount"),
                ("CUS-0060", "how", "sum"),
                ("CUS-0060", "arg", "goods_items ; 1 half-up"),
            ],
            "DecHead[1]/ContrNo[1]",
            "102530.0",
        ),
        ([("CUS-0550", "arg", "10")], "DecLists[1]/DecList[3]/GNo[1]", "12"),
    ],
)
def test_each_way_of_making_a_value(changes: list[tuple[str, str, str]], target: str, value: str) -> None:
    compiled, traced = outcome(table_with(*changes), sample(ELECTRONICS))
    assert dict(compiled)[target] == value
    assert compiled == traced


def test_an_attribute_holds_any_text() -> None:
    table = table_with(("CUS-0010", "how", "copy"), ("CUS-0010", "source", "contract_id"), ("CUS-0010", "arg", ""))
    for typed in ('say "A" & <B>', "plain", 'a"b'):
        compiled, traced = outcome(table, sample(ELECTRONICS) | {"contract_id": typed})
        assert compiled[0] == ("@Version", typed)
        assert compiled == traced
    compiled, traced = outcome(table, sample(ELECTRONICS) | {"contract_id": ""})
    assert compiled == traced
    assert "@Version" not in dict(compiled)


def test_programs_change_only_when_a_list_does() -> None:
    """One program serves all days between two changes of any list; validity is judged on the acceptance date."""
    table = table_of("inspection")
    later = TODAY.replace(day=20)
    assert rulebook().program(table, TODAY, plain=True) is rulebook().program(table, later, plain=True)
    assert (ROOT / table.path).exists()
