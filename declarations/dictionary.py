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
TAIL_COLUMNS = ("wco_id", "hint_zh", "hint_en", "reference")
GROUP_COLUMNS = ("group", "parent", "row", "occurs", "name_zh", "name_en")
TYPES = ("text", "code", "integer", "decimal", "date")
FORMATS = {
    "text": re.compile(r"(an|id)(\.\.)?\d+"),
    "code": re.compile(r"an(\.\.)?\d+"),
    "integer": re.compile(r"n\.\.\d+"),
    "decimal": re.compile(r"n\.\.\d+,\d+"),
    "date": re.compile(r"yyyyMMdd"),
}
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Item:
    """One data item. `format` is UN/CEFACT notation: an..18, an4, n..9, n..19,5 (digits in all, decimals), yyyyMMdd;
    id..18 allows capital letters and digits only."""

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
    wco_id: str
    hint_zh: str
    hint_en: str
    reference: str

    @property
    def length(self) -> int:
        """Characters of text and codes, digits of numbers."""
        found = re.search(r"\d+", self.format)
        return int(found[0]) if found else 8

    @property
    def fixed_length(self) -> bool:
        return self.type in ("text", "code") and ".." not in self.format

    @property
    def decimals(self) -> int:
        return int(self.format.split(",")[1]) if self.type == "decimal" else 0


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group; `row` is the XML element of one row, `parent` the group it stands in ("" = the header)."""

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

    @property
    def root(self) -> str:
        return f"{self.name}_declaration"

    def group_items(self, group: str) -> list[Item]:
        """The items of a group ("" = the header), in order."""
        return [item for item in self.items.values() if item.group == group]

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
        base = [item for item in self.group_items(group) if item.profile == "base"]
        return base[0] if len(base) == 1 and not self.children(group) else None

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
        items[row["item_id"]] = Item(obligations=obligations, **fields)
    scopes: dict[str, frozenset[str]] = {}
    for row in bundle.table(f"mappings/forms/{name}.scopes.csv"):
        scopes[row["scope"]] = frozenset(row["agencies"].split())
        if not NAME.fullmatch(row["scope"]):
            faults.append(table_fault(row.path, row.line, "scope", "范围名不合规", "scope name malformed"))
        if not scopes[row["scope"]] or not scopes[row["scope"]] <= set(agencies):
            text = "须列出字典中的机构", f"must name agencies of the dictionary: {', '.join(agencies)}"
            faults.append(table_fault(row.path, row.line, "agencies", *text))
    if faults:
        raise BadConfiguration(
            f"the dictionary of form {name} has faults", f"表单 {name} 的数据字典有误", faults=faults
        )
    return Form(name, items, groups, agencies, scopes)


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
    if row["occurs"] not in ("0..n", "1..n"):
        found.append(fault("occurs", "只能是 0..n 或 1..n", "must be 0..n or 1..n"))
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
