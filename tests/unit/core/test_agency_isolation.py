"""An agency is told only what is mapped to it: proved on the tables, and on the real messages of every golden case and ship."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from declarations.checking import read_form
from declarations.errors import OnewindowError
from declarations.form import Declaration
from declarations.routing import Leg, plan
from declarations.rulebook import Rulebook
from declarations.split import render
from tests.support.windows import ROOT, START, rulebook

CASES = sorted(path.parent for path in (ROOT / "tests" / "data" / "cases").glob("*/case.toml"))
SHIPS = sorted((ROOT / "tests" / "data" / "ships").glob("*.json"))
PAIRS = [
    ("goods", "customs"), ("goods", "inspection"),
    ("vessel", "customs"), ("vessel", "inspection"), ("vessel", "maritime"), ("vessel", "border"),
]  # fmt: skip
FOR_ALL = {"goods": {"total_gross_mass", "declarant_name"}, "vessel": {"ship_name_en", "agent_name"}}
"""Items of each form that every agency is told."""
FILING = {"message_id": "M01KAHJ3R6V0N7E9QK2M4T8WXYZ", "accepted_at": "2015-10-23T01:00:00+00:00"}
_NAME = re.compile(r"[a-z][a-z0-9_]+")


def hidden_from(form: str, agency: str) -> set[str]:
    """Items of the form that are not for this agency: its column is blank, another's is not. What nobody gets is routing."""
    items = rulebook().forms[form].items.values()
    return {item.item_id for item in items if not item.obligations.get(agency) and any(item.obligations.values())}


def test_every_agency_of_every_form_is_looked_at() -> None:
    assert {(name, agency) for name, form in rulebook().forms.items() for agency in form.agencies} == set(PAIRS)


@pytest.mark.parametrize(("form", "agency"), PAIRS)
def test_each_agency_is_not_told_some_things(form: str, agency: str) -> None:
    assert len(hidden_from(form, agency)) > 5


@pytest.mark.parametrize(("form", "agency"), PAIRS)
def test_no_row_of_an_agencys_map_reads_what_is_not_for_it(form: str, agency: str) -> None:
    hidden, read = hidden_from(form, agency), 0
    for table in rulebook().agencies[agency].messages:
        if (table.form, table.direction) != (form, "out"):
            continue
        for row in (each.row for each in table.rows):
            named = {name for column in ("source", "when", "each", "arg") for name in _NAME.findall(row[column])}
            assert not named & hidden, f"{table.path} {row['line']} reads {sorted(named & hidden)}"
            read += 1
    assert read > 50


def test_what_only_border_inspection_takes_reaches_nobody_else() -> None:
    """One agency's items by name: what is said of the crew for landing is no business of customs or the port."""
    only = {"crew_visa_number", "crew_shore_leave_indicator", "shore_leave_quantity", "passenger_visa_number"}
    others = ("customs", "inspection", "maritime")
    assert all(only <= hidden_from("vessel", agency) for agency in others)
    assert not only & hidden_from("vessel", "border")


def legs(path: Path) -> Iterator[tuple[Leg, Declaration, Any]]:
    """The messages of a case's forms or of a ship's, as planned on its day; waiting ones as if their number had come."""
    at, files = START, [path]
    if path.is_dir():
        at = datetime.fromisoformat(tomllib.loads((path / "case.toml").read_text(encoding="utf-8"))["filed_at"])
        files = sorted(path.glob("declaration*"))
    accepted_on = rulebook().context(at, "default").accepted_on
    for file in files:
        body = file.read_bytes()
        media_type = "application/json" if file.suffix == ".json" else "application/xml"
        for leg in plan(rulebook(), read_form(rulebook(), body, media_type), accepted_on):
            yield leg, read_form(rulebook(), body, media_type), accepted_on


def altered(declaration: Declaration, items: set[str]) -> int:
    """Gives every one of these items another value, in each row where it belongs, given or not; returns how many."""
    known, changed = rulebook().forms[declaration.form].items, 0
    for group, row in declaration.walk():
        for item in sorted(items):
            if known[item].group == (group or ""):
                row[item] = "@" + row.get(item, "")[::-1] + "@"
                changed += 1
    return changed


def rendered(tables: Rulebook, leg: Leg, declaration: Declaration, accepted_on: Any) -> bytes:
    filing = {**FILING, "scope": declaration.scope, "clearance_form_id": "440100115000001", "clearance_form_type": "A"}
    return render(tables, leg, declaration, filing, accepted_on)


@pytest.mark.parametrize("path", [*CASES, *SHIPS], ids=lambda path: path.stem)
def test_what_is_not_for_an_agency_changes_no_byte_of_its_message(path: Path) -> None:
    for leg, declaration, accepted_on in legs(path):
        form = declaration.form
        before = rendered(rulebook(), leg, declaration, accepted_on)
        assert altered(declaration, hidden_from(form, leg.agency)) > 5
        assert rendered(rulebook(), leg, declaration, accepted_on) == before, leg.agency
        # the counterproof: what is for it does change it, or cannot be written any more
        own = set(rulebook().forms[form].items) - hidden_from(form, leg.agency)
        assert altered(declaration, own & FOR_ALL[form])
        with suppress(OnewindowError):
            assert rendered(rulebook(), leg, declaration, accepted_on) != before
