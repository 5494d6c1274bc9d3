"""Runs the business rules of a form over a declaration, and makes their findings into faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from declarations.agencycodes import AgencyCodes
from declarations.bundle import Bundle
from declarations.codelists import CodeLists
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import LIMIT, Fault
from declarations.form import Declaration, Row
from declarations.rules.coded import CodedItems
from declarations.rules.required import RequiredItems, load_required
from declarations.rules.rule import REGISTRY, Finding, RuleContext, Snapshot
from declarations.rules.runner import Failure, Runner, compile_runner, place
from declarations.rules.subjects import LOADERS
from declarations.rules.values import convertible
from declarations.rules.words import RuleWords, load_words
from declarations.words import FaultWords

CODE_WORDS = "R-MAP-01"
"""Rules that judge codes borrow the variants of this one's words."""
ENOUGH_ERRORS = 5 * LIMIT
"""A form with more errors than this is refused all the same; the rest need no words."""
KEPT_CONTEXTS = 16
"""Days x scopes x profiles whose contexts are kept ready."""


class Profile(Protocol):
    """Settings of a profile (mappings/profiles.csv)."""

    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, str]: ...


class World(Protocol):
    """The clock's day, the acceptance date and the profile a declaration is judged by."""

    @property
    def today(self) -> date: ...
    @property
    def accepted_on(self) -> date: ...
    @property
    def profile(self) -> Profile: ...


class Agency(Protocol):
    """What rules need of an agency: its names for codes."""

    @property
    def codes(self) -> AgencyCodes: ...


class Source(Protocol):
    """What rules are made from: the rulebook."""

    @property
    def bundle(self) -> Bundle: ...
    @property
    def forms(self) -> Mapping[str, Form]: ...
    @property
    def codes(self) -> CodeLists: ...
    @property
    def agencies(self) -> Mapping[str, Agency]: ...


class RuleSet:
    """The rules of one form over one set of tables. Making it proves words and tables; raises BadConfiguration."""

    def __init__(self, source: Source, form: str) -> None:
        self.form = source.forms[form]
        self._lists = source.codes
        self._agency_codes = {name: agency.codes for name, agency in source.agencies.items()}
        self.words = load_words(source.bundle, self.form)
        self._fault_words = FaultWords(source.bundle)
        self.tables = LOADERS[form](source.bundle, self.form, source.codes)
        self._required = load_required(source.bundle, self.form, list(source.codes.lists))
        self._skipped = self.tables.skipped
        missing = sorted({rule.rule_id for rule in REGISTRY[form]} - self.words.keys())
        if missing:
            raise BadConfiguration(f"rules without words: {', '.join(missing)}", f"规则缺少文字：{', '.join(missing)}")
        self.rules = [place(self.form, rule, self.words[rule.rule_id].agencies) for rule in REGISTRY[form]]
        self._runners: dict[tuple[str, bool], Runner] = {}
        self._snapshots: dict[date, Snapshot] = {}
        self._contexts: dict[tuple[str, date, date, str], RuleContext[Any]] = {}

    def context(self, scope: str, world: World) -> RuleContext[Any]:
        """The rules' world for a scope; kept ready for the days and profiles in use."""
        accepted_on = world.accepted_on
        key = (scope, world.today, accepted_on, world.profile.name)
        found = self._contexts.get(key)
        if found is None:
            if len(self._contexts) >= KEPT_CONTEXTS:
                self._contexts.clear()
                self._snapshots.clear()
            found = self._contexts[key] = self._make_context(scope, world.today, accepted_on, world.profile.settings)
        return found

    def _make_context(
        self, scope: str, today: date, accepted_on: date, settings: Mapping[str, str]
    ) -> RuleContext[Any]:
        agencies = self.form.scopes[scope]
        snapshot = self._snapshots.setdefault(accepted_on, Snapshot(self._lists.lists, accepted_on))
        coded = CodedItems(self.form, self._lists, self._agency_codes, agencies, snapshot)
        groups = ("", *self.form.groups)
        foreign = {
            group: frozenset(
                item.item_id
                for item in self.form.group_items(group)
                if item.obligations and not agencies & item.obligations.keys()
            )
            for group in groups
        }
        return RuleContext(
            form=self.form,
            today=today,
            accepted_on=accepted_on,
            scope=scope,
            agencies=agencies,
            settings=settings,
            codes=snapshot,
            tables=self.tables,
            coded=coded,
            required=RequiredItems(self.form, self._required, scope, agencies, self._skipped),
            foreign={group: items for group, items in foreign.items() if items},
        )

    def _runner(self, scope: str, careful: bool) -> Runner:
        runner = self._runners.get((scope, careful))
        if runner is None:
            runner = compile_runner(self.form, self.rules, self.form.scopes[scope], self._skipped, careful)
            self._runners[scope, careful] = runner
        return runner

    def run(self, declaration: Declaration, world: World) -> list[Fault]:
        """Every fault of every rule, in form order, not capped."""
        scope = declaration.scope
        context = self.context(scope, world)
        failures: list[Failure] = []
        unread: list[Fault] = []
        try:
            self._runner(scope, bool(declaration.faulty))(declaration, context, failures, _by_row(declaration.faulty))
        except (ValueError, ArithmeticError):
            unread = self._unreadable(declaration)
            if not unread:
                raise
            failures = []
            faulty = declaration.faulty | {(fault.pointer.rpartition("/")[0], fault.item or "") for fault in unread}
            self._runner(scope, True)(declaration, context, failures, _by_row(faulty))
        if not failures and not unread:
            return []
        return self._faults(declaration, failures, unread)

    def _unreadable(self, declaration: Declaration) -> list[Fault]:
        """Values the schema should have refused; without it (a caller's own declaration) they are faults here."""
        faults = []
        for _, row in declaration.walk():
            for item_id, value in row.items():
                item = self.form.items[item_id]
                if not convertible(item, value) and (row.pointer, item_id) not in declaration.faulty:
                    code = "F-DATE" if item.type in ("date", "datetime") else "F-PATTERN"
                    pointer = f"{row.pointer}/{item_id}"
                    fault = self._fault_words.fault(
                        code, self.form, item_id, pointer, None, value=value, expected=item.format
                    )
                    faults.append(fault)
        return faults

    def _faults(self, declaration: Declaration, failures: Sequence[Failure], unread: Sequence[Fault]) -> list[Fault]:
        unreadable = declaration.faulty | {(fault.pointer.rpartition("/")[0], fault.item or "") for fault in unread}
        places = _Places(self.form, declaration)
        placed = [(self.form.position(fault.pointer), fault) for fault in unread]
        errors = 0
        for number, row, answer in failures:
            if errors > ENOUGH_ERRORS:
                break
            words = self.words[self.rules[number].rule.rule_id]
            for finding in answer if isinstance(answer, list) else [answer]:
                fault = self._fault(words, row, finding if isinstance(finding, Finding) else Finding(), places)
                if (fault.pointer.rpartition("/")[0], fault.item) not in unreadable:
                    placed.append((self.form.position(fault.pointer), fault))
                    errors += fault.severity == "error"
        placed.sort(key=lambda each: each[0])
        return [fault for _, fault in placed]

    def _fault(self, main: RuleWords, called_with: Row, finding: Finding, places: _Places) -> Fault:
        words = main
        if finding.words:
            variant = f"{main.rule_id}.{finding.words}"
            words = self.words.get(variant) or self.words[f"{CODE_WORDS}.{finding.words}"]
        item = finding.item or words.item or main.item
        row = finding.row or called_with
        if finding.group is not None:
            base = f"{finding.row.pointer}/{finding.group}" if finding.row is not None else f"/{finding.group}"
            pointer = base
        else:
            if item and not self.form.items[item].group:
                row = places.header
            pointer = places.pointer(row, item)
        value = finding.value if finding.value is not None else row.get(item, "")
        described = self.form.items.get(item)
        fill: dict[str, Any] = {
            "item": (described.name_zh, described.name_en) if described else "",
            "value": value,
            **finding.fill,
        }
        return Fault(
            main.rule_id,
            item or None,
            pointer,
            None,  # checking.py knows the trader's file and fills the line in
            words.zh.format_map({name: _text(text, 0) for name, text in fill.items()}),
            words.en.format_map({name: _text(text, 1) for name, text in fill.items()}),
            main.agency,
            finding.severity or words.severity,
        )


def _text(value: object, language: int) -> str:
    """A placeholder's text: a pair has one for each language; days as people write them; numbers without exponent."""
    if isinstance(value, tuple):
        return str(value[language])
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _by_row(faulty: set[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pointer, item in faulty:
        found.setdefault(pointer, set()).add(item)
    return {pointer: frozenset(items) for pointer, items in found.items()}


class _Places:
    """Pointers into the JSON form."""

    def __init__(self, form: Form, declaration: Declaration) -> None:
        self._form = form
        self._declaration = declaration
        self.header = declaration.header

    def pointer(self, row: Row, item: str) -> str:
        """Where an item of a row stands; a group of single values is a bare list in JSON."""
        group = self._form.items[item].group if item else ""
        if not item or (group and item in row and self._bare(group)):
            return row.pointer
        return f"{row.pointer}/{item}"

    def _bare(self, group: str) -> bool:
        item = self._form.bare_item(group)
        return item is not None and all(len(row) == 1 and item.item_id in row for row in self._declaration.rows(group))


_RULE_SETS: WeakKeyDictionary[Any, dict[str, RuleSet]] = WeakKeyDictionary()


def rule_set(source: Source, form: str) -> RuleSet:
    """The rule set of a rulebook's form, made once. Call it when loading: it proves the tables of the rules."""
    forms = _RULE_SETS.setdefault(source, {})
    if form not in forms:
        forms[form] = RuleSet(source, form)
    return forms[form]


def run(rulebook: Source, declaration: Declaration, context: World) -> list[Fault]:
    """All faults of the business rules, for the agencies of the filing's scope, in form order."""
    return rule_set(rulebook, declaration.form).run(declaration, context)
