"""What a rule is: a function, the items it reads, what it finds, and the world it may look at.

A rule is called once per declaration when all its items are header items, and once per row when they belong to a group
(items of the header, or of the row the row stands in, come along). It is not called when an argument is not given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, Literal

from typing_extensions import TypeVar

from declarations.codelists import Code, CodeList
from declarations.dictionary import Form
from declarations.faults import Severity
from declarations.form import Row

if TYPE_CHECKING:
    from declarations.rules.coded import CodedItems
    from declarations.rules.required import RequiredItems
    from declarations.rules.tables import RuleTables

Kind = Literal[
    "item", "optional", "known", "every", "rows", "row", "context", "declaration", "each_coded", "each_decimal"
]
Check = TypeVar("Check", bound=Callable[..., object])
Tables = TypeVar("Tables", default="RuleTables")
"""The tables a form's rules decide by."""


@dataclass(frozen=True, slots=True)
class Argument:
    """How a rule's parameter is filled; `items` are the items it reads; `only` and `but` choose among coded items."""

    kind: Kind
    items: tuple[str, ...] = ()
    group: str = ""
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


def optional(item: str) -> Argument:
    """The value, converted, or None: the rule is called all the same."""
    return Argument("optional", (item,))


def known(item: str) -> Argument:
    """The code-list row of a coded item on the acceptance date. Unknown codes are another rule's matter: not called."""
    return Argument("known", (item,))


def every(group: str, item: str) -> Argument:
    """The converted values of one item over all rows of a group, None where it is not given."""
    return Argument("every", (item,), group)


def rows(group: str, *items: str) -> Argument:
    """The rows of a group; `items` are those the rule reads in them."""
    return Argument("rows", items, group)


def each_coded(*, only: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> Argument:
    """Fills two parameters, item and value: the rule is called for every coded value that may not be filed without a word."""
    return Argument("each_coded", only=only, but=but)


EACH_DECIMAL = Argument("each_decimal")
"""Fills two parameters, item and value as typed: the rule is called for numbers typed with more decimals than their item has."""
ROW = Argument("row")
"""The row of the call (the header for a rule of the header)."""
CONTEXT = Argument("context")
"""The RuleContext."""
DECLARATION = Argument("declaration")
"""The whole declaration: for rules that the dictionary drives."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One function of a rule id; an id may have several."""

    rule_id: str
    arguments: tuple[Argument, ...]
    check: Callable[..., object]

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(item for argument in self.arguments for item in argument.items)


REGISTRY: defaultdict[str, list[Rule]] = defaultdict(list)
"""form -> its rules, in the order of the modules."""


def rule(rule_id: str, *arguments: str | Argument, form: str = "goods") -> Callable[[Check], Check]:
    """Register a function as (a part of) rule `rule_id`.

    An argument is an item id (converted: decimal -> Decimal, integer -> int, date -> date, datetime -> aware datetime, else
    text) or a marker above.
    The function answers True or None: holds; False: a fault at the rule's item; a Finding or a list of them.
    """
    read = tuple(Argument("item", (each,)) if isinstance(each, str) else each for each in arguments)

    def register(check: Check) -> Check:
        REGISTRY[form].append(Rule(rule_id, read, check))
        return check

    return register


class Finding:
    """What a rule found, where it is not simply the rule's item in the row of the call.

    `item` and `row` say where (an item of `row`, or of the header when it belongs there); `group` points at a whole
    group (of `row` where it stands inside one); `words` picks a variant of the rule's words (`R-TRM-01.missing` in the
    table). `fill` and other keywords fill placeholders: a value for both languages, or a pair of texts (zh, en).
    """

    __slots__ = ("fill", "group", "item", "row", "severity", "value", "words")

    def __init__(
        self,
        item: str | None = None,
        row: Row | None = None,
        value: object = None,
        *,
        group: str | None = None,
        words: str = "",
        severity: Severity | None = None,
        fill: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        self.item = item
        self.row = row
        self.value = value
        self.group = group
        self.words = words
        self.severity = severity
        self.fill: Mapping[str, object] = {**fill, **more} if fill else more


class Snapshot(dict[str, Mapping[str, Code]]):
    """Code lists as they stand on one day: list name -> code -> row. Lists are taken when first asked for."""

    def __init__(self, lists: Mapping[str, CodeList], on: date) -> None:
        super().__init__()
        self._lists = lists
        self.on = on

    def __missing__(self, name: str) -> Mapping[str, Code]:
        found = self[name] = self._lists[name].current(self.on)
        return found


@dataclass(frozen=True, slots=True)
class RuleContext(Generic[Tables]):
    """The world of a run: days, scope, settings, code lists and tables. Runs of one day, scope and profile share it."""

    form: Form
    today: date
    """The injected clock's day."""
    accepted_on: date
    """The day on which codes are judged."""
    scope: str
    agencies: frozenset[str]
    settings: Mapping[str, str]
    """Settings of the profile, e.g. line_limit."""
    codes: Snapshot
    tables: Tables
    coded: CodedItems
    required: RequiredItems
    foreign: Mapping[str, frozenset[str]]
    """group -> items none of the scope's agencies takes."""

    def code_name(self, code_list: str, code: str) -> tuple[str, str]:
        """A code's names, zh and en; the code itself when it is unknown."""
        found: Any = self.codes[code_list].get(code)
        return (found.name_zh, found.name_en) if found else (code, code)
