"""Agencies are configuration: inspection folded into customs, as since 2018, is another set of tables and no other code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from core_forms import JSON, ROOT, bundle, filing, rulebook
from folding import RECORD, folded
from lxml import etree

from declarations.checking import check, read_form
from declarations.form import Declaration
from declarations.routing import Leg, plan
from declarations.rulebook import Rulebook
from declarations.split import render
from declarations.stats import table_stats
from declarations.tablecheck import prove
from tests.support.windows import START

SHIPS = sorted((ROOT / "tests/data/ships").glob("*.json"))
THREE = {"customs", "maritime", "border"}


@cache
def three() -> Rulebook:
    return Rulebook(folded(bundle(), "inspection", "customs"))


def ship(step: str, tables: Rulebook) -> tuple[Declaration, list[Leg]]:
    declaration = read_form(tables, (ROOT / f"tests/data/ships/{step}.json").read_bytes(), JSON)
    return declaration, plan(tables, declaration, tables.context(START).accepted_on)


def test_the_tables_of_three_agencies_prove() -> None:
    assert [(fault.pointer, fault.message_en) for fault in prove(three())] == []
    assert set(three().agencies) == THREE
    assert set(three().forms["vessel"].agencies) == THREE


@pytest.mark.parametrize("path", SHIPS, ids=lambda path: path.stem)
def test_the_same_form_goes_to_three_agencies(path: Path) -> None:
    _, four_legs = ship(path.stem, rulebook())
    declaration, legs = ship(path.stem, three())
    assert {leg.agency for leg in legs} == {leg.agency for leg in four_legs} & THREE
    assert check(three(), path.read_bytes(), JSON, three().context(START)).valid
    for leg in legs:
        on = three().context(START).accepted_on
        assert render(three(), leg, declaration, filing(leg, scope=declaration.scope), on)


def test_customs_gets_what_inspection_got_and_nothing_of_the_others() -> None:
    declaration, legs = ship("arrival", three())
    (customs,) = (leg for leg in legs if leg.agency == "customs")
    values = filing(customs, scope=declaration.scope)
    body = render(three(), customs, declaration, values, three().context(START).accepted_on)
    (record,) = (each for each in etree.fromstring(body) if etree.QName(each).localname == RECORD)
    told = {etree.QName(each).localname for each in record.iter(etree.Element)}
    assert {"quarantine_office_code", "mdh_death_indicator", "sanitation_certificate_type_code"} <= told
    form = rulebook().forms["vessel"]
    others = {name for name, item in form.items.items() if not {"customs", "inspection"} & item.obligations.keys()}
    assert not told & others


def test_the_reduction_is_counted_over_the_agencies_there_are() -> None:
    four, merged = (table_stats(tables)["forms"]["vessel"] for tables in (rulebook(), three()))
    assert merged["items"] == four["items"]
    assert set(merged["reduction"]["agencies"]) == THREE
    assert merged["reduction"]["of"] == sum(merged["by_agency"][agency]["items"] for agency in THREE)
    assert merged["reduction"]["of"] < four["reduction"]["of"], "what two asked, one asks once"
