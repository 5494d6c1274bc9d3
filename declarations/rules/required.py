"""What must be given: the dictionary's M items, and C items on the conditions of mappings/rules/<form>.required.csv.

An item is required by an agency of the scope only. A row that an agency never gets needs none of what only that agency asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.conditions import Condition, ConditionError, parse, split_values
from declarations.dictionary import Form, Item
from declarations.errors import BadConfiguration
from declarations.faults import Fault, Severity
from declarations.form import Declaration, Row
from declarations.rules.rule import Finding, RuleContext, Snapshot
from declarations.rules.runner import Skipped

COLUMNS = ("item", "agency", "when", "severity", "note")

NOTHING: Mapping[str, object] = {}

Missing = Callable[[Row, Row, Row, Snapshot], list[str]]
"""(row, row it stands in, header, code lists of the day) -> items missing on a condition"""


@dataclass(frozen=True, slots=True)
class Conditional:
    """One row of the table: the item is required by the agency when the condition holds (None = always)."""

    item: str
    agency: str
    when: Condition | None
    severity: str


def load_required(
    bundle: Bundle, form: Form, lists: Sequence[str], filing_values: Sequence[str] = ("scope",)
) -> list[Conditional]:
    """Read and prove the table; raises BadConfiguration with every fault."""
    path = f"mappings/rules/{form.name}.required.csv"
    faults: list[Fault] = []
    found = []
    for row in bundle.table(path):
        if tuple(row) != COLUMNS:
            faults.append(table_fault(path, row.line, "", "列名不符", f"columns must be {', '.join(COLUMNS)}"))
            break
        found.append(_conditional(row, form, lists, filing_values, faults))
    if faults:
        raise BadConfiguration(f"{path} has faults: {faults[0].message_en}", f"{path} 有误", faults=faults)
    return found


def _conditional(
    row: TableRow, form: Form, lists: Sequence[str], filing_values: Sequence[str], faults: list[Fault]
) -> Conditional:
    def fault(column: str, zh: str, en: str) -> None:
        faults.append(table_fault(row.path, row.line, column, zh, en))

    item = form.items.get(row["item"])
    if item is None:
        fault("item", "没有此数据项", "there is no such item")
    elif not item.obligations.get(row["agency"]):
        fault("agency", "该机构不收此数据项", "this agency does not take the item")
    if row["severity"] not in ("", "error", "warning"):
        fault("severity", "只能是 error、warning 或空", "must be error, warning or blank")
    condition = None
    try:
        condition = parse(row["when"]) if row["when"] else None
    except ConditionError as error:
        fault("when", f"条件写法有误：{error}", f"not a condition: {error}")
    if condition is not None and item is not None:
        for operand in condition.operands():
            if not _readable(operand, form, item.group, filing_values):
                fault("when", f"此处读不到 {operand}", f"{operand} cannot be read here")
        for name in condition.code_lists():
            if name not in lists:
                fault("when", f"没有代码表 {name}", f"there is no list {name}")
    return Conditional(row["item"], row["agency"], condition, row["severity"])


def _readable(operand: str, form: Form, group: str, filing_values: Sequence[str]) -> bool:
    if operand.startswith("filing."):
        return operand.removeprefix("filing.") in filing_values
    if operand.startswith("parent."):
        parent = form.groups[group].parent if group else None
        item = form.items.get(operand.removeprefix("parent."))
        return item is not None and item.group == parent
    item = form.items.get(operand)
    return item is not None and item.group in ("", group)


class RequiredItems:
    """What one scope requires, ready to be asked."""

    def __init__(
        self,
        form: Form,
        conditionals: Sequence[Conditional],
        scope: str,
        agencies: frozenset[str],
        skipped: Sequence[Skipped],
    ) -> None:
        self._form = form
        self._scope = scope
        self._skips = {skip.group: skip for skip in skipped if skip.agency in agencies}
        self._always: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._on_condition: dict[str, tuple[Missing, Missing]] = {}
        self._severity: dict[str, Severity] = {
            each.item: "warning" for each in conditionals if each.severity == "warning"
        }
        for group in ("", *form.groups):
            others = agencies - {self._skips[group].agency} if group in self._skips else agencies
            self._always[group] = (self._mandatory(group, agencies), self._mandatory(group, others))
            mine = [each for each in conditionals if _asked(form.items[each.item], group, scope)]
            full = [each for each in mine if each.agency in agencies]
            reduced = [each for each in mine if each.agency in others]
            if full:
                self._on_condition[group] = (_compile(form, group, full, scope), _compile(form, group, reduced, scope))
        self.needed_groups = [
            group.group
            for group in form.groups.values()
            if not group.parent and group.occurs == "c..n" and self._always[group.group][0]
        ]
        """Groups that may be empty as far as the schema goes, but hold something an agency must have."""

    def _mandatory(self, group: str, agencies: frozenset[str]) -> frozenset[str]:
        return frozenset(
            item.item_id
            for item in self._form.group_items(group)
            if any(item.obligation(agency, self._scope) == "M" for agency in agencies)
        )

    def missing(self, declaration: Declaration, context: RuleContext) -> list[Finding] | None:
        """Every required item that is not given."""
        header = declaration.header
        found: list[Finding] = []
        for group in self.needed_groups:
            if not header.children.get(group):
                found.append(
                    Finding(next(item for item in self._form.items if item in self._always[group][0]), group=group)
                )
        self._of_rows("", [header], header, header, context, found)
        for group, rows in header.children.items():
            self._of_rows(group, rows, header, header, context, found)
        return found or None

    def _of_rows(
        self, group: str, rows: Sequence[Row], parent: Row, header: Row, context: RuleContext, found: list[Finding]
    ) -> None:
        skip = self._skips.get(group)
        codes = context.codes
        skipped = codes[skip.code_list] if skip else NOTHING
        skip_item = skip.item if skip else ""
        full, reduced = self._always[group]
        conditions = self._on_condition.get(group)
        for row in rows:
            is_reduced = row.get(skip_item) in skipped
            always = reduced if is_reduced else full
            if not row.keys() >= always:
                found += [Finding(item, row) for item in self._form.items if item in always and item not in row]
            if conditions:
                for item in conditions[is_reduced](row, parent, header, codes):
                    if item not in always:
                        found.append(Finding(item, row, severity=self._severity.get(item)))
            if row.children and parent is header and row is not header:
                for child_group, children in row.children.items():
                    self._of_rows(child_group, children, row, header, context, found)


def _asked(item: Item, group: str, scope: str) -> bool:
    """Whether conditions of the item are asked in rows of this group: in a form filed step by step, at its steps only."""
    return item.group == group and (not item.steps or scope in item.steps)


def _code_set(name: str) -> str:
    return f"codes[{name!r}]"


def _compile(form: Form, group: str, conditionals: Sequence[Conditional], scope: str) -> Missing:
    """The conditions of one group as a Python function: they are asked of every row."""

    def operand(name: str) -> str:
        if name == "filing.scope":
            return repr(scope)
        if name.startswith("parent."):
            return f"parent.get({name.removeprefix('parent.')!r})"
        return f"{'row' if form.items[name].group == group and group else 'header'}.get({name!r})"

    lines = ["def missing(row, parent, header, codes):", "    found = []"]
    for item in dict.fromkeys(each.item for each in conditionals):
        conditions = [
            each.when.python(operand, _code_set) if each.when else "True" for each in conditionals if each.item == item
        ]
        lines.append(f"    if {item!r} not in row and ({' or '.join(conditions)}): found.append({item!r})")
    lines.append("    return found")
    namespace: dict[str, Any] = {"split_values": split_values}
    exec(compile("\n".join(lines), f"<required items of {group or 'header'}>", "exec"), namespace)  # noqa: S102
    missing: Missing = namespace["missing"]
    return missing
