"""An agency is told only what is mapped to it: proved on the tables, and on the real messages of every golden case."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from core_forms import bundle

from declarations.checking import read_form
from declarations.errors import OnewindowError
from declarations.form import Declaration
from declarations.routing import Leg, plan
from declarations.rulebook import Rulebook
from declarations.split import render
from tests.support.windows import ROOT, rulebook

CASES = sorted(path.parent for path in (ROOT / "tests" / "data" / "cases").glob("*/case.toml"))
FORM = "goods"
AGENCIES = ("customs", "inspection")
FILING = {"message_id": "M01KAHJ3R6V0N7E9QK2M4T8WXYZ", "accepted_at": "2015-10-23T01:00:00+00:00"}
_NAME = re.compile(r"[a-z][a-z0-9_]+")


def hidden_from(agency: str) -> set[str]:
    """Items of the form that are not for this agency: its column is blank, another's is not. What nobody gets is routing."""
    items = rulebook().forms[FORM].items.values()
    return {item.item_id for item in items if not item.obligations.get(agency) and any(item.obligations.values())}


def test_each_agency_has_items_of_its_own() -> None:
    for agency in AGENCIES:
        assert len(hidden_from(agency)) > 5


@pytest.mark.parametrize("agency", AGENCIES)
def test_no_row_of_an_agencys_map_reads_what_is_not_for_it(agency: str) -> None:
    hidden, read = hidden_from(agency), 0
    for path in bundle().paths(f"mappings/{agency}/", "/map.csv"):
        for row in bundle().table(path):
            named = {name for column in ("source", "when", "each", "arg") for name in _NAME.findall(row[column])}
            assert not named & hidden, f"{path} {row['line']} reads {sorted(named & hidden)}"
            read += 1
    assert read > 50


def legs(folder: Path) -> Iterator[tuple[Leg, Declaration, Any]]:
    """The messages of a case's forms, as they are planned on its day; waiting ones as if their number had come."""
    at = datetime.fromisoformat(tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))["filed_at"])
    accepted_on = rulebook().context(at, "default").accepted_on
    for path in sorted(folder.glob("declaration*")):
        body = path.read_bytes()
        media_type = "application/json" if path.suffix == ".json" else "application/xml"
        for leg in plan(rulebook(), read_form(rulebook(), body, media_type, FORM), accepted_on):
            yield leg, read_form(rulebook(), body, media_type, FORM), accepted_on


def altered(declaration: Declaration, items: set[str]) -> int:
    """Gives every one of these items another value, in each row where it belongs, given or not; returns how many."""
    known, changed = rulebook().forms[FORM].items, 0
    for group, row in declaration.walk():
        for item in sorted(items):
            if known[item].group == (group or ""):
                row[item] = "@" + row.get(item, "")[::-1] + "@"
                changed += 1
    return changed


def rendered(tables: Rulebook, leg: Leg, declaration: Declaration, accepted_on: Any) -> bytes:
    filing = {**FILING, "scope": declaration.scope, "clearance_form_id": "440100115000001", "clearance_form_type": "A"}
    return render(tables, leg, declaration, filing, accepted_on)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_what_is_not_for_an_agency_changes_no_byte_of_its_message(folder: Path) -> None:
    for leg, declaration, accepted_on in legs(folder):
        before = rendered(rulebook(), leg, declaration, accepted_on)
        assert altered(declaration, hidden_from(leg.agency)) > 5
        assert rendered(rulebook(), leg, declaration, accepted_on) == before, leg.agency
        # the counterproof: what is for it does change it, or cannot be written any more
        own = set(rulebook().forms[FORM].items) - hidden_from(leg.agency)
        assert altered(declaration, own & {"total_gross_mass", "declarant_name"})
        with suppress(OnewindowError):
            assert rendered(rulebook(), leg, declaration, accepted_on) != before
