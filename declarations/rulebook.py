"""The rulebook: everything the tables say, read once from a bundle, its structure proved before anybody uses it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from lxml import etree

from declarations.agency import Agency, agency_names, load_agency
from declarations.bundle import Bundle, table_fault
from declarations.codelists import CodeLists
from declarations.compiler import Program
from declarations.dateforms import SHANGHAI
from declarations.dictionary import Form, load_form
from declarations.errors import BadConfiguration
from declarations.parsing import Unparsable, parse_xml
from declarations.rules.engine import rule_set
from declarations.tablecontext import TableContext
from declarations.tables import MessageTable, TableFaults
from declarations.words import FaultWords

PROFILES = "mappings/profiles.csv"


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of a rule set by name, from mappings/profiles.csv; what it does not say, `default` says."""

    name: str
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """When a check happens and under which profile. `today` is the injected clock's day in Shanghai."""

    today: date
    accepted_at: datetime
    profile: Profile

    @property
    def accepted_on(self) -> date:
        """The acceptance date: code lists and message versions are taken on it."""
        return self.accepted_at.astimezone(SHANGHAI).date()


@dataclass
class FormRules:
    """A form with its compiled schema and what checking needs of it."""

    form: Form
    xsd: bytes
    schema: etree.XMLSchema
    words: FaultWords
    date_items: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        dates = [item for item in self.form.items.values() if item.type in ("date", "datetime")]
        self.date_items = {
            group: tuple(item.item_id for item in dates if item.group == group)
            for group in {item.group for item in dates}
        }


class Rulebook:
    """Forms, code lists, agencies, profiles and words of one bundle. Raises BadConfiguration naming file, row and column."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.digest = bundle.digest
        faults = TableFaults()
        self.forms = {name: load_form(bundle, name) for name in _form_names(bundle)}
        self.codes = CodeLists.load(bundle)
        self.filing = frozenset(row["value"] for row in bundle.table("mappings/filing.csv"))
        self.profiles = _profiles(bundle)
        found = [load_agency(bundle, name, self.codes, faults) for name in agency_names(bundle)]
        self.agencies: dict[str, Agency] = {agency.name: agency for agency in found if agency is not None}
        self.words = FaultWords(bundle)
        faults.raise_if_any("mapping tables")
        self._form_rules = {name: self._compiled(form) for name, form in self.forms.items()}
        for name in self.forms:
            rule_set(self, name)
        self._schemas: dict[str, etree.XMLSchema] = {}
        self._programs: dict[tuple[str, int, bool], Program] = {}

    @classmethod
    def load(cls, root: Path) -> Rulebook:
        """The rulebook of the tables below `root`, proved by the table check."""
        from declarations.tablecheck import prove

        rulebook = cls(Bundle.read(root))
        faults = prove(rulebook)
        if faults:
            first = faults[0]
            raise BadConfiguration(
                f"tables: {first.pointer}:{first.line}: {first.message_en}", first.message_zh, faults=faults
            )
        return rulebook

    def form_rules(self, form: str) -> FormRules:
        return self._form_rules[form]

    def context(self, now: datetime, profile: str = "default") -> Context:
        """The context of a check at a moment; raises BadConfiguration for an unknown profile."""
        if profile not in self.profiles:
            raise BadConfiguration(f"no profile {profile} in mappings/profiles.csv", f"没有配置 {profile}")
        return Context(now.astimezone(SHANGHAI).date(), now, self.profiles[profile])

    def schema(self, path: str) -> etree.XMLSchema:
        """A compiled agency schema."""
        if path not in self._schemas:
            self._schemas[path] = _compile(self.bundle, path)
        return self._schemas[path]

    def table_context(self, table: MessageTable, on: date) -> TableContext:
        agency = self.agencies[table.agency]
        return TableContext(table, self.forms[table.form], self.filing, self.codes, agency.codes, agency.timezone, on)

    def program(self, table: MessageTable, on: date, *, plain: bool) -> Program:
        """The compiled table; one program serves all days between two changes of any list."""
        key = (table.path, bisect_right(self._changes, on), plain)
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = Program(self.table_context(table, on), plain=plain)
        return program

    @cached_property
    def _changes(self) -> list[date]:
        """Every day on which some code or conversion begins or ends."""
        days: set[date] = set()
        for code_list in self.codes.lists.values():
            for periods in code_list.codes.values():
                days |= {day for code in periods for day in (code.valid_from, code.valid_to) if day}
        for path in self.bundle.paths("mappings/", ".csv"):
            if path.count("/") == 3 and path.split("/")[2] == "codes":
                for row in self.bundle.table(path):
                    days |= {date.fromisoformat(row[column]) for column in ("valid_from", "valid_to") if row[column]}
        return sorted(days)

    def _compiled(self, form: Form) -> FormRules:
        path = f"xsd/merged/{form.name}.xsd"
        return FormRules(form, self.bundle.data(path), _compile(self.bundle, path), self.words)


def _form_names(bundle: Bundle) -> list[str]:
    paths = bundle.paths("mappings/forms/", ".csv")
    return [path.split("/")[-1][:-4] for path in paths if path.count(".") == 1]


def _profiles(bundle: Bundle) -> dict[str, Profile]:
    rows = bundle.table(PROFILES)
    default = {row["setting"]: row["value"] for row in rows if row["profile"] == "default"}
    names = {row["profile"] for row in rows}
    faults = [
        table_fault(row.path, row.line, "value", "须为正整数", "must be a whole number of at least 1")
        for row in rows
        if row["setting"] == "line_limit" and re.fullmatch("[1-9][0-9]{0,3}", row["value"]) is None
    ]
    if "line_limit" not in default:
        faults.append(table_fault(PROFILES, None, "setting", "default 缺少 line_limit", "default lacks line_limit"))
    if faults:
        raise BadConfiguration(f"{PROFILES}: {faults[0].message_en}", f"{PROFILES} 有误", faults=faults)
    return {
        name: Profile(name, default | {row["setting"]: row["value"] for row in rows if row["profile"] == name})
        for name in names
    }


def _compile(bundle: Bundle, path: str) -> etree.XMLSchema:
    try:
        return etree.XMLSchema(parse_xml(bundle.data(path)))
    except (etree.XMLSchemaParseError, Unparsable) as error:
        line = error.line if isinstance(error, Unparsable) else error.lineno
        fault = table_fault(path, line, "", f"不是可用的 XSD：{error}", f"is no schema: {error}")
        raise BadConfiguration(f"{path} is no schema: {error}", f"{path} 不是可用的 XSD", faults=[fault]) from error
