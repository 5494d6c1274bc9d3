"""Whole filings of ships through the one check of every door: bytes in, faults out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from declarations.checking import check
from declarations.convert import to_json, to_xml
from declarations.faults import LIMIT, Fault
from tests.support import cruise_ship
from tests.support.windows import ROOT, rulebook

AT = datetime(2015, 10, 23, 1, tzinfo=UTC)
SHIPS = ROOT / "tests/data/ships"
FILINGS = sorted([*SHIPS.glob("*.json"), *SHIPS.glob("kinds/*.json")])
"""A container ship at each step; a tanker with dangerous goods; a bulk carrier from an affected area with somebody ill."""


def checked(form: dict[str, Any] | bytes, media_type: str = "application/json") -> list[Fault]:
    data = form if isinstance(form, bytes) else json.dumps(form, ensure_ascii=False).encode()
    return check(rulebook(), data, media_type, rulebook().context(AT)).faults


@pytest.mark.parametrize("path", FILINGS, ids=lambda path: path.stem)
def test_every_filing_is_valid_in_json_and_in_xml(path: Path) -> None:
    data = path.read_bytes()
    found = check(rulebook(), data, "application/json", rulebook().context(AT))
    assert [(fault.code, fault.pointer) for fault in found.faults] == []
    assert found.declaration is not None
    xml = to_xml(rulebook(), found.declaration)
    assert checked(xml, "application/xml") == []
    assert json.loads(to_json(rulebook(), found.declaration)) == json.loads(data)


def test_a_cruise_ship_is_valid_too() -> None:
    assert checked(cruise_ship.arrival()) == []


@pytest.mark.parametrize(
    ("item", "value", "code"),
    [
        ("passenger_document_number", "1" * 40, "F-LENGTH"),
        ("passenger_luggage_quantity", "x", "F-PATTERN"),
        ("passenger_date_of_birth", "19850230", "F-DATE"),
        ("passenger_nationality_code", "ZZZ", "R-MAP-01"),
        ("passenger_family_name", "N" * 1800, "F-LENGTH"),
        ("passenger_document_expiry_date", "20151022", "R-DAT-11"),
        ("passenger_document_number", "TR1000000", "R-PER-01"),
        ("passenger_place_of_birth", "", "R-HDR-01"),
    ],
)
def test_one_fault_among_thousands_of_people_is_found_where_it_is(item: str, value: str, code: str) -> None:
    form = cruise_ship.arrival()
    form["passengers"][2500][item] = value
    (fault,) = checked(form)
    assert (fault.code, fault.pointer, fault.item) == (code, f"/passengers/2500/{item}", item)


def test_a_thousand_faults_are_told_as_a_hundred() -> None:
    form = cruise_ship.arrival()
    for row in form["passengers"]:
        row["passenger_document_expiry_date"] = "20150101"
    found = checked(form)
    assert len(found) == LIMIT
    assert {fault.code for fault in found} == {"R-DAT-11"}
