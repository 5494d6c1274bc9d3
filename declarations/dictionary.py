"""The dictionary: the merged forms as tables, one row per data item (mappings/forms/, design.md section 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.faults import Fault

if TYPE_CHECKING:
    from declarations.form import Row

ITEM_COLUMNS = (
    "item_id", "section", "group", "profile", "name_zh", "name_en", "type", "format", "code_list", "occurs",
)  # fmt: skip
STEP = "step"
"""Column behind these in a form that is filed step by step: the scopes in which its M and C hold."""
TAIL_COLUMNS = ("wco_id", "hint_zh", "hint_en", "reference")
GROUP_COLUMNS = ("group", "parent", "row", "occurs", "name_zh", "name_en")
TYPES = ("text", "code", "integer", "decimal", "date", "datetime")
FORMATS = {
    "text": re.compile(r"(an|id)(\.\.)?\d+"),
    "code": re.compile(r"an(\.\.)?\d+"),
    "integer": re.compile(r"n\.\.\d+"),
    "decimal": re.compile(r"n\.\.\d+,\d+"),
    "date": re.compile(r"yyyyMMdd"),
    "datetime": re.compile(r"yyyyMMddHHmm"),
}
NAME = re.compile(r"[a-z][a-z0-9_]*")
FORMS = "mappings/forms.csv"
FORM_ITEMS = ("reference_item", "direction_item", "office_item", "urgent_item")
GOODS = "goods"
"""The form of a JSON document that names none: it was the only one when the first systems were connected."""


@dataclass(frozen=True, slots=True)
class Item:
    """One data item. `format` is UN/CEFACT notation: an..18, an4, n..9, n..19,5 (digits in all, decimals), yyyyMMdd,
    yyyyMMddHHmm (local time in Shanghai); id..18 allows capital letters and digits only."""

    item_id: str
    section: str
    group: str
    profile: str
    name_zh: str
    name_en: str
    type: str
    format: str
    code_list: str
    occurs: str
    obligations: dict[str, str]
    steps: tuple[str, ...]
    """The filing scopes in which its obligations hold; elsewhere it is optional. Empty: in all."""
    wco_id: str
    hint_zh: str
    hint_en: str
    reference: str

    @property
    def length(self) -> int:
        """Characters of text and codes, digits of numbers."""
        found = re.search(r"\d+", self.format)
        return int(found[0]) if found else len(self.format)

    @property
    def fixed_length(self) -> bool:
        return self.type in ("text", "code") and ".." not in self.format

    @property
    def decimals(self) -> int:
        return int(self.format.split(",")[1]) if self.type == "decimal" else 0

    def obligation(self, agency: str, scope: str) -> str:
        """What an agency says of the item in a filing of this scope: M, C, O, or "" where it does not take it."""
        found = self.obligations.get(agency, "")
        return found if not self.steps or scope in self.steps or not found else "O"


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group; `row` is the XML element of one row, `parent` the group it stands in ("" = the header).

    `occurs`: 0..n, 1..n, or c..n: at least one where an agency of the filing has mandatory items in it."""

    group: str
    parent: str
    row: str
    occurs: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Form:
    """A merged form: items and groups in dictionary order."""

    name: str
    items: dict[str, Item]
    groups: dict[str, Group]
    agencies: tuple[str, ...]
    scopes: dict[str, frozenset[str]]
    """filing_scope -> the agencies such a filing is for."""
    name_zh: str
    name_en: str
    reference_item: str
    """The item with the trader's own number of the filing."""
    direction_item: str
    office_item: str
    """Direction of trade and the office it is filed with: what a mandate may be limited to."""
    urgent_item: str
    """The indicator that puts a filing into the urgent lane; "" = there is none."""

    @property
    def root(self) -> str:
        return f"{self.name}_declaration"

    @cached_property
    def stepwise(self) -> bool:
        """Whether its scopes are steps of one chain, filed one after another."""
        return any(item.steps for item in self.items.values())

    def group_items(self, group: str) -> list[Item]:
        """The items of a group ("" = the header), in order."""
        return list(self._of_group.get(group, ()))

    @cached_property
    def _of_group(self) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for item in self.items.values():
            found.setdefault(item.group, []).append(item)
        return found

    def children(self, group: str) -> list[Group]:
        """The groups inside a group ("" = the header), in order."""
        return list(self.nested[group].values())

    @cached_property
    def nested(self) -> dict[str, dict[str, Group]]:
        """group ("" = the header) -> the groups inside it by name; kept, because readers ask for every row."""
        return {
            parent: {child.group: child for child in self.groups.values() if child.parent == parent}
            for parent in ("", *self.groups)
        }

    def bare_item(self, group: str) -> Item | None:
        """The item a bare value in this group's JSON list stands for: the only base item of the group."""
        return self._bare_items[group]

    @cached_property
    def _bare_items(self) -> dict[str, Item | None]:
        """Kept, because readers ask for every value."""
        base = {
            group: [item for item in self._of_group.get(group, ()) if item.profile == "base"]
            for group in ("", *self.groups)
        }
        return {
            group: items[0] if len(items) == 1 and not self.nested[group] else None for group, items in base.items()
        }

    @cached_property
    def _order(self) -> dict[str, int]:
        return {name: number for number, name in enumerate([*self.items, *self.groups])}

    def position(self, pointer: str) -> tuple[int, ...]:
        """Sorts pointers as the form stands: header items first, then groups row by row, items of a row in order."""
        parts = pointer.split("/")[1:]
        after = len(self._order)
        in_group = bool(parts) and parts[0] in self.groups
        # a trader's key may be digits too, thousands of them
        place = [int(part) if part.isdecimal() and len(part) < 10 else self._order.get(part, after) for part in parts]
        return (int(in_group), *place)

    def pointer(self, row: Row, item_id: str) -> str:
        """JSON pointer of an item of a row; a row of nothing but its group's single value is that value, a bare one."""
        item = self.items[item_id]
        bare = item.group and list(row) == [item_id] and self.bare_item(item.group) == item
        return row.pointer if bare else f"{row.pointer}/{item_id}"


def load_form(bundle: Bundle, name: str) -> Form:
    """Read `mappings/forms/<name>.csv` and its groups; raises BadConfiguration with every fault found."""
    path, groups_path = f"mappings/forms/{name}.csv", f"mappings/forms/{name}.groups.csv"
    faults: list[Fault] = []
    groups: dict[str, Group] = {}
    for row in bundle.table(groups_path):
        faults += _group_faults(row, groups)
        groups[row["group"]] = Group(**{column: row[column] for column in GROUP_COLUMNS})
    rows = bundle.table(path)
    columns = list(rows[0]) if rows else []
    if columns[len(ITEM_COLUMNS) : len(ITEM_COLUMNS) + 1] == [STEP]:
        columns.remove(STEP)
    agencies = tuple(columns[len(ITEM_COLUMNS) : -len(TAIL_COLUMNS)])
    if tuple(columns[: len(ITEM_COLUMNS)]) != ITEM_COLUMNS or tuple(columns[-len(TAIL_COLUMNS) :]) != TAIL_COLUMNS:
        faults.append(
            table_fault(path, 1, "", "列名与字典规定不符", f"columns must be {ITEM_COLUMNS} agencies {TAIL_COLUMNS}")
        )
        raise BadConfiguration(f"{path}: wrong columns", faults=faults)
    items: dict[str, Item] = {}
    for row in rows:
        faults += _row_faults(row, items, groups, agencies)
        obligations = {agency: row[agency] for agency in agencies if row[agency]}
        fields = {column: row[column] for column in (*ITEM_COLUMNS, *TAIL_COLUMNS)}
        steps = tuple(row.get(STEP, "").split())
        items[row["item_id"]] = Item(obligations=obligations, steps=steps, **fields)
    scopes: dict[str, frozenset[str]] = {}
    for row in bundle.table(f"mappings/forms/{name}.scopes.csv"):
        scopes[row["scope"]] = frozenset(row["agencies"].split())
        if not NAME.fullmatch(row["scope"]):
            faults.append(table_fault(row.path, row.line, "scope", "范围名不合规", "scope name malformed"))
        if not scopes[row["scope"]] or not scopes[row["scope"]] <= set(agencies):
            text = "须列出字典中的机构", f"must name agencies of the dictionary: {', '.join(agencies)}"
            faults.append(table_fault(row.path, row.line, "agencies", *text))
    for row in rows:
        if unknown := set(items[row["item_id"]].steps) - scopes.keys():
            text = f"没有申报范围 {sorted(unknown)}", f"there is no scope {', '.join(sorted(unknown))}"
            faults.append(table_fault(row.path, row.line, STEP, *text))
    said = _said(bundle, name, items, faults)
    if faults:
        raise BadConfiguration(
            f"the dictionary of form {name} has faults", f"表单 {name} 的数据字典有误", faults=faults
        )
    return Form(name, items, groups, agencies, scopes, **said)


def _said(bundle: Bundle, name: str, items: dict[str, Item], faults: list[Fault]) -> dict[str, str]:
    """What mappings/forms.csv says of a form: its names, and which of its items the window itself looks at."""
    for row in bundle.table(FORMS):
        if row["form"] == name:
            for column in FORM_ITEMS:
                if row[column] not in items and (row[column] or column != "urgent_item"):
                    faults.append(table_fault(row.path, row.line, column, "没有此数据项", "there is no such item"))
            return {column: row[column] for column in ("name_zh", "name_en", *FORM_ITEMS)}
    faults.append(table_fault(FORMS, None, "form", f"缺少表单 {name}", f"there is no row for the form {name}"))
    return dict.fromkeys(("name_zh", "name_en", *FORM_ITEMS), "")


def _group_faults(row: TableRow, groups: dict[str, Group]) -> list[Fault]:
    def fault(column: str, zh: str, en: str) -> Fault:
        return table_fault(row.path, row.line, column, zh, en)

    found = []
    if not NAME.fullmatch(row["group"]) or row["group"] in groups:
        found.append(fault("group", "分组名不合规或重复", "group name malformed or used twice"))
    if row["parent"] and row["parent"] not in groups:
        found.append(fault("parent", "上级分组须在前面声明", "the parent must be declared above"))
    if not NAME.fullmatch(row["row"]):
        found.append(fault("row", "行名不合规", "row name malformed"))
    if row["occurs"] not in ("0..n", "1..n", "c..n"):
        found.append(fault("occurs", "只能是 0..n、1..n 或 c..n", "must be 0..n, 1..n or c..n"))
    return found + [fault(name, "缺少名称", "name is missing") for name in ("name_zh", "name_en") if not row[name]]


def _row_faults(
    row: TableRow, items: dict[str, Item], groups: dict[str, Group], agencies: tuple[str, ...]
) -> list[Fault]:
    def fault(column: str, zh: str, en: str) -> Fault:
        return table_fault(row.path, row.line, column, zh, en)

    found = []
    if not NAME.fullmatch(row["item_id"]) or row["item_id"] in items or row["item_id"] in groups:
        found.append(fault("item_id", "数据项名不合规或重复", "item id malformed or used twice"))
    if row["group"] and row["group"] not in groups:
        found.append(fault("group", "分组未声明", "group is not declared"))
    if row["profile"] not in ("base", "ext"):
        found.append(fault("profile", "只能是 base 或 ext", "must be base or ext"))
    if row["type"] not in TYPES:
        found.append(fault("type", "未知类型", f"must be one of {', '.join(TYPES)}"))
    elif not FORMATS[row["type"]].fullmatch(row["format"]):
        found.append(fault("format", "格式与类型不符", "format does not fit the type"))
    if row["occurs"] not in ("1", "list"):
        found.append(fault("occurs", "只能是 1 或 list", "must be 1 or list"))
    if row["type"] == "code" and not row["code_list"]:
        found.append(fault("code_list", "代码项必须指明代码表", "a code needs its code list"))
    for agency in agencies:
        if row[agency] not in ("", "M", "C", "O"):
            found.append(fault(agency, "只能是 M、C、O 或空", "must be M, C, O or blank"))
    for column in ("name_zh", "name_en"):
        if not row[column]:
            found.append(fault(column, "缺少名称", "name is missing"))
    return found
