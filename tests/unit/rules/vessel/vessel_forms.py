"""The vessel rules over the repository's tables, and filings of a ship with 22 crew built straight from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from declarations.agencycodes import AgencyCodes
from declarations.bundle import Bundle
from declarations.codelists import CodeLists
from declarations.dictionary import Form, load_form
from declarations.faults import Fault
from declarations.form import Declaration, Row
from declarations.rules.engine import RuleSet

ROOT = Path(__file__).resolve().parents[4]
SHIPS = ROOT / "tests/data/ships"
STEPS = (
    "application", "report_24h", "arrival", "shift", "departure", "entry_and_exit", "periodic", "movement", "emergency",
)  # fmt: skip


@dataclass(frozen=True)
class AgencyNames:
    codes: AgencyCodes


@dataclass(eq=False)
class VesselSource:
    """The tables the rules are made from."""

    bundle: Bundle
    forms: Mapping[str, Form] = field(init=False)
    codes: CodeLists = field(init=False)
    agencies: Mapping[str, AgencyNames] = field(init=False)

    def __post_init__(self) -> None:
        self.forms = {"vessel": load_form(self.bundle, "vessel")}
        self.codes = CodeLists.load(self.bundle)
        names = self.forms["vessel"].agencies
        self.agencies = {name: AgencyNames(AgencyCodes.load(self.bundle, name, self.codes)) for name in names}


@dataclass(frozen=True)
class Plain:
    name: str = "default"
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Day:
    """The day of the tests: the ship is in port."""

    today: date = date(2015, 10, 23)
    accepted_on: date = date(2015, 10, 23)
    profile: Plain = Plain()


@cache
def vessel_rules() -> RuleSet:
    return RuleSet(VesselSource(Bundle.read(ROOT)), "vessel")


@cache
def _text(step: str) -> str:
    return (SHIPS / f"{step}.json").read_text(encoding="utf-8")


def filing(step: str) -> dict[str, Any]:
    """The valid filing of a step, the caller's own copy."""
    form: dict[str, Any] = json.loads(_text(step))
    return form


def changed(form: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values set at JSON pointers; None removes, `/group/-` appends (RFC 6902)."""
    for pointer, value in changes.items():
        *parents, last = pointer.split("/")[1:]
        place: Any = form
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, [])
        if isinstance(place, list):
            if last == "-":
                place.append(value)
            elif value is None:
                del place[int(last)]
            else:
                place[int(last)] = value
        elif value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return form


def declaration(form: Mapping[str, Any]) -> Declaration:
    """A declaration from JSON as the readers make it: blank is absent, digits are kept."""
    groups = vessel_rules().form.groups
    header = Row()

    def fill(row: Row, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if name in groups:
                row.children[name] = [Row((), f"{row.pointer}/{name}/{at}") for at in range(len(value))]
                for child, each in zip(row.children[name], value, strict=True):
                    fill(child, each)
            elif value != "":
                row[name] = str(value)

    fill(header, {name: value for name, value in form.items() if name not in ("form", "filing_scope")})
    header.children = {group: rows for group, rows in header.children.items() if rows}
    return Declaration("vessel", form["filing_scope"], header)


def faults(step: str, changes: Mapping[str, Any] | None = None, day: Day | None = None) -> list[Fault]:
    """All rules over the filing of a step with changes."""
    return vessel_rules().run(declaration(changed(filing(step), changes or {})), day or Day())
