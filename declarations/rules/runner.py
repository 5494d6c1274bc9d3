"""Writes the Python that runs all rules of one form and scope over a declaration.

Calling some sixty rules on fifty rows through a general interpreter costs more than everything else in a check. The
generated function walks the rows once, converts each value once, calls the rules directly, and builds nothing unless a
rule fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

from declarations.dictionary import Form, Item
from declarations.form import Declaration, Row
from declarations.rules.rule import Argument, Rule, RuleContext
from declarations.rules.values import CONVERSIONS, NAMESPACE

Failure = tuple[int, Row, Any]
"""(number of the rule, row of the call, what the rule answered)"""
Bad = Mapping[str, frozenset[str]]
"""row pointer -> items whose values failed the schema"""
Runner = Callable[[Declaration, RuleContext[Any], list[Failure], Bad], None]

_DIRECT = ("item", "optional", "known")
_CALLED_WITH = ("item", "known")
_EACH = ("each_coded", "each_decimal")


@dataclass(frozen=True, slots=True)
class Skipped:
    """Rows of a group that one agency never gets (goods: the inspection-only lines): its rules do not see them."""

    group: str
    agency: str
    item: str
    code_list: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule with the agencies whose filings it is for, and the group over whose rows it runs ("" = once)."""

    rule: Rule
    agencies: frozenset[str]
    group: str


class RuleFault(ValueError):
    """A rule that cannot be placed; a programming error, found when the rules are prepared."""


def place(form: Form, rule: Rule, agencies: frozenset[str]) -> Placed:
    """Find the group a rule runs over; raises RuleFault when its items belong to no single row."""
    named = [*rule.items, *(item for argument in rule.arguments for item in (*argument.only, *argument.but))]
    unknown = [item for item in named if item not in form.items]
    if unknown:
        raise RuleFault(f"{rule.rule_id}: no such item {', '.join(unknown)}")
    expected = sum(2 if argument.kind in _EACH else 1 for argument in rule.arguments)
    if len(signature(rule.check).parameters) != expected:
        raise RuleFault(f"{rule.rule_id}: {rule.check.__name__} does not take {expected} arguments")
    groups = {
        form.items[item].group for argument in rule.arguments if argument.kind in _DIRECT for item in argument.items
    }
    groups.discard("")
    innermost = [group for group in groups if all(other in _ancestors(form, group) for other in groups - {group})]
    if groups and len(innermost) != 1:
        raise RuleFault(f"{rule.rule_id}: items of {', '.join(sorted(groups))} stand in no common row")
    return Placed(rule, agencies, innermost[0] if groups else "")


def _ancestors(form: Form, group: str) -> list[str]:
    parent = form.groups[group].parent
    return [parent, *_ancestors(form, parent)] if parent else []


def compile_runner(
    form: Form, rules: Sequence[Placed], agencies: frozenset[str], skipped: Sequence[Skipped], careful: bool
) -> Runner:
    """The function for a scope's agencies; `careful` guards every rule against values that failed the schema."""
    writer = _Writer(form, rules, agencies, {skip.group: skip for skip in skipped}, careful)
    source = writer.source()
    namespace: dict[str, Any] = {**NAMESPACE, **writer.namespace}
    exec(compile(source, f"<rules of {form.name} for {'+'.join(sorted(agencies))}>", "exec"), namespace)  # noqa: S102
    runner: Runner = namespace["run"]
    return runner


class _Writer:
    def __init__(
        self, form: Form, rules: Sequence[Placed], agencies: frozenset[str], skipped: dict[str, Skipped], careful: bool
    ) -> None:
        self.form = form
        self.agencies = agencies
        self.rules = [(number, placed) for number, placed in enumerate(rules) if self._concerns(placed)]
        self.skipped = skipped
        self.careful = careful
        self.namespace: dict[str, Any] = {"NOTHING": frozenset()}
        self.lines: list[str] = []

    def _foreign(self, item: str) -> bool:
        """Whether none of the scope's agencies takes the item: it is ignored (R-HDR-03), so no rule asks about its value."""
        obligations = self.form.items[item].obligations
        return bool(obligations) and not self.agencies & obligations.keys()

    def _concerns(self, placed: Placed) -> bool:
        """A rule is for one of the scope's agencies, and cannot be called without an item that none of them takes."""
        called_with = [
            item for argument in placed.rule.arguments if argument.kind in _CALLED_WITH for item in argument.items
        ]
        return bool(placed.agencies & self.agencies) and not any(self._foreign(item) for item in called_with)

    def source(self) -> str:
        self.lines = [
            "def run(declaration, context, found, bad):",
            "    header = declaration.header",
            "    codes = context.codes",
        ]
        lists = {
            self.form.items[item].code_list
            for _, placed in self.rules
            for argument in placed.rule.arguments
            if argument.kind == "known"
            for item in argument.items
        }
        lists |= {skip.code_list for skip in self.skipped.values()}
        for name in sorted(lists):
            self.lines.append(f"    list_{name} = codes[{name!r}]")
        for item in {item.item_id: item for _, placed in self.rules for item in self._each(placed.rule)}.values():
            if item.code_list:
                self.lines.append(f"    accepted_{item.item_id} = context.coded.accepted[{item.item_id!r}]")
        if self.careful:
            self.lines.append("    anywhere = frozenset().union(*bad.values())")
            self.lines.append("    bad_header = bad.get('', NOTHING)")
        for name in self.form.groups:
            self.lines += [f"    {variable} = []" for variable, *_ in self._columns(name)]
        self._values("", "    ", "header")
        for group in self.form.children(""):
            self._group(group.group, "    ", "header")
        self._calls("", "    ", "header")
        return "\n".join([*self.lines, ""])

    def _of(self, group: str) -> list[tuple[int, Placed]]:
        return [(number, placed) for number, placed in self.rules if placed.group == group]

    def _wanted(self, group: str) -> bool:
        return bool(self._of(group) or self._columns(group) or self._needed(group))

    def _columns(self, group: str) -> list[tuple[str, str, str, bool]]:
        """(variable, kind, item, skips rows) of each list some rule wants of a group."""
        found = {}
        for _, placed in self.rules:
            for argument in placed.rule.arguments:
                if argument.group == group and argument.kind in ("every", "rows"):
                    skips = self._skips(placed, group)
                    item = argument.items[0] if argument.kind == "every" else ""
                    found[self._column(argument, skips)] = (self._column(argument, skips), argument.kind, item, skips)
        return list(found.values())

    def _skips(self, placed: Placed, group: str) -> bool:
        return group in self.skipped and placed.agencies == {self.skipped[group].agency}

    @staticmethod
    def _column(argument: Argument, skips: bool) -> str:
        which = argument.items[0] if argument.kind == "every" else "rows"
        return f"{'some' if skips else 'all'}_{argument.group}_{which}"

    def _group(self, group: str, indent: str, parent: str) -> None:
        columns = self._columns(group)
        nested = [child for child in self.form.children(group) if self._wanted(child.group)]
        if not (self._wanted(group) or nested):
            return
        row = f"row_{group}"
        self.lines.append(f"{indent}for {row} in {parent}.children.get({group!r}, ()):")
        inner = indent + "    "
        if self.careful:
            above = "bad_header" if parent == "header" else f"bad_{parent}"
            self.lines.append(f"{inner}bad_{row} = {above} | bad.get({row}.pointer, NOTHING)")
        self._values(group, inner, row)
        skip = self.skipped.get(group)
        if skip:
            self.lines.append(f"{inner}kept_{group} = {row}.get({skip.item!r}) not in list_{skip.code_list}")
        for skips in (False, True):
            if skips and any(column[3] for column in columns):
                self.lines.append(f"{inner}if kept_{group}:")
            for variable, kind, item, skipping in columns:
                if skipping == skips:
                    value = row if kind == "rows" else "None" if self._foreign(item) else f"v_{item}"
                    self.lines.append(f"{inner}{'    ' if skips else ''}{variable}.append({value})")
        self._calls(group, inner, row)
        for child in nested:
            self._group(child.group, inner, row)

    def _each(self, rule: Rule) -> list[Item]:
        """The items for which a rule of every coded or decimal item is called."""
        argument = rule.arguments[0] if rule.arguments and rule.arguments[0].kind in _EACH else None
        if argument is None:
            return []
        chosen = argument.only or self.form.items
        items = [self.form.items[item] for item in chosen if item not in argument.but and not self._foreign(item)]
        return [
            item for item in items if (item.type == "decimal" if argument.kind == "each_decimal" else item.code_list)
        ]

    def _needed(self, group: str) -> dict[str, set[str]]:
        """item -> kinds in which rules want it, of the items of one group."""
        needed: dict[str, set[str]] = {}
        for _, placed in self.rules:
            for argument in placed.rule.arguments:
                for item in argument.items:
                    if (
                        self.form.items[item].group == group
                        and argument.kind in (*_DIRECT, "every")
                        and not self._foreign(item)
                    ):
                        needed.setdefault(item, set()).add(argument.kind)
            for each in self._each(placed.rule):
                if each.group == group:
                    needed.setdefault(each.item_id, set()).add("each")
        return needed

    def _values(self, group: str, indent: str, row: str) -> None:
        needed = self._needed(group)
        if needed:
            self.lines.append(f"{indent}get = {row}.get")
        for item, kinds in needed.items():
            conversion = CONVERSIONS.get(self.form.items[item].type)
            variable = f"v_{item}"
            readable = f" if {item!r} not in bad_{row} else None" if self.careful else ""
            self.lines.append(f"{indent}{variable} = get({item!r}){readable}")
            if "each" in kinds and conversion:
                self.lines.append(f"{indent}t_{item} = {variable}")
            if conversion and kinds != {"each"}:
                self.lines.append(f"{indent}if {variable} is not None: {variable} = {conversion.format(variable)}")
            if "known" in kinds:
                self.lines.append(f"{indent}k_{item} = list_{self.form.items[item].code_list}.get({variable})")

    def _calls(self, group: str, indent: str, row: str) -> None:
        calls = self._of(group)
        kept = [each for each in calls if self._skips(each[1], group)]
        for number, placed in calls:
            if (number, placed) not in kept and not self._each(placed.rule):
                self._call(number, placed, indent, row)
        for number, placed in self.rules:
            for item in self._each(placed.rule):
                if item.group == group:
                    self._each_call(number, placed, item, indent, row)
        if kept:
            self.lines.append(f"{indent}if kept_{group}:")
            for number, placed in kept:
                self._call(number, placed, indent + "    ", row)

    def _call(self, number: int, placed: Placed, indent: str, row: str) -> None:
        rule = placed.rule
        self.namespace[f"check_{number}"] = rule.check
        values = [self._argument(argument, placed, row) for argument in rule.arguments]
        conditions = [
            f"{value} is not None"
            for value, argument in zip(values, rule.arguments, strict=True)
            if argument.kind in _CALLED_WITH
        ]
        if self.careful:
            conditions = [*self._guards(number, rule, row), *conditions]
        inner = indent
        if conditions:
            self.lines.append(f"{indent}if {' and '.join(conditions)}:")
            inner += "    "
        self.lines.append(f"{inner}answer = check_{number}({', '.join(values)})")
        self.lines.append(
            f"{inner}if answer is not True and answer is not None: found.append(({number}, {row}, answer))"
        )

    def _each_call(self, number: int, placed: Placed, item: Item, indent: str, row: str) -> None:
        """A cheap question in place, the rule itself only when it may fail."""
        self.namespace[f"check_{number}"] = placed.rule.check
        text = f"{'t_' if item.type in CONVERSIONS else 'v_'}{item.item_id}"
        decimal = placed.rule.arguments[0].kind == "each_decimal"
        test = (
            f"{text} is not None and '.' in {text}[:-{item.decimals + 1}]"
            if decimal
            else f"{text} not in accepted_{item.item_id}"
        )
        others = ", ".join(self._argument(argument, placed, row) for argument in placed.rule.arguments[1:])
        self.lines.append(f"{indent}if {test}:")
        self.lines.append(f"{indent}    answer = check_{number}({item.item_id!r}, {text}, {others})")
        self.lines.append(
            f"{indent}    if answer is not True and answer is not None: found.append(({number}, {row}, answer))"
        )

    def _guards(self, number: int, rule: Rule, row: str) -> list[str]:
        """A rule is not asked about values that already failed the schema."""
        guards = []
        direct = frozenset(item for argument in rule.arguments if argument.kind in _DIRECT for item in argument.items)
        columns = frozenset(rule.items) - direct
        for name, items, bad in (("direct", direct, f"bad_{row}"), ("column", columns, "anywhere")):
            if items:
                self.namespace[f"{name}_{number}"] = items
                guards.append(f"not {bad} & {name}_{number}")
        return guards

    def _argument(self, argument: Argument, placed: Placed, row: str) -> str:
        if argument.kind in ("every", "rows"):
            return self._column(argument, self._skips(placed, argument.group))
        if argument.kind in ("row", "context", "declaration"):
            return {"row": row, "context": "context", "declaration": "declaration"}[argument.kind]
        item = argument.items[0]
        if self._foreign(item):
            return "None"
        return f"{'k_' if argument.kind == 'known' else 'v_'}{item}"
