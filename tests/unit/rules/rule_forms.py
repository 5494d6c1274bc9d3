"""The rules over the repository's tables, and declarations built straight from JSON: no schema stands before the rules here."""

from __future__ import annotations

import copy
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

ROOT = Path(__file__).resolve().parents[3]
FORMS = Path(__file__).parent / "forms"


@dataclass(frozen=True)
class AgencyNames:
    """An agency as far as rules know it."""

    codes: AgencyCodes


@dataclass(eq=False)
class Tables:
    """The tables the rules are made from, with some files replaced."""

    bundle: Bundle
    forms: Mapping[str, Form] = field(init=False)
    codes: CodeLists = field(init=False)
    agencies: Mapping[str, AgencyNames] = field(init=False)

    def __post_init__(self) -> None:
        self.forms = {"goods": load_form(self.bundle, "goods")}
        self.codes = CodeLists.load(self.bundle)
        names = self.forms["goods"].agencies
        self.agencies = {name: AgencyNames(AgencyCodes.load(self.bundle, name, self.codes)) for name in names}


@dataclass(frozen=True)
class Settings:
    name: str = "default"
    settings: Mapping[str, str] = field(default_factory=lambda: {"line_limit": "50"})


@dataclass(frozen=True)
class World:
    """The day of a test: by default one on which all base forms are in time."""

    today: date = date(2015, 10, 28)
    accepted_on: date = date(2015, 10, 28)
    profile: Settings = Settings()


def changed_tables(changes: Mapping[str, tuple[str, str]]) -> Tables:
    """The repository's tables with some text replaced: path -> (what, by what)."""
    files = Bundle.read(ROOT).files
    for path, (old, new) in changes.items():
        assert old.encode() in files[path], f"{path} has no {old!r}"
        files[path] = files[path].replace(old.encode(), new.encode())
    return Tables(Bundle(files))


@cache
def goods_rules() -> RuleSet:
    return RuleSet(Tables(Bundle.read(ROOT)), "goods")


@cache
def _base(name: str) -> str:
    return (FORMS / f"{name}.json").read_text(encoding="utf-8")


def base(name: str) -> dict[str, Any]:
    """A base form as JSON, the caller's own copy."""
    form: dict[str, Any] = json.loads(_base(name))
    return form


def change(form: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Set values at JSON pointers (None removes); `/group/-` appends, as in RFC 6902."""
    form = copy.deepcopy(form)
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
    """A declaration from JSON as the readers make it: blank is absent, digits are kept, bare lists are rows."""
    goods = goods_rules().form
    header = Row()

    def fill(row: Row, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if name in goods.groups:
                row.children[name] = [read(name, each, f"{row.pointer}/{name}/{at}") for at, each in enumerate(value)]
            elif value != "":
                row[name] = str(value)

    def read(group: str, given: Any, pointer: str) -> Row:
        row = Row((), pointer)
        bare = goods.bare_item(group)
        fill(row, given if isinstance(given, dict) else {bare.item_id if bare else "": given})
        return row

    fill(header, {name: value for name, value in form.items() if name != "filing_scope"})
    header.children = {group: rows for group, rows in header.children.items() if rows}
    return Declaration("goods", form["filing_scope"], header)


def faults(name: str, changes: Mapping[str, Any] | None = None, world: World | None = None) -> list[Fault]:
    """All rules over a base form with changes."""
    return goods_rules().run(declaration(change(base(name), changes or {})), world or World())
