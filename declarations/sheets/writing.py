"""What a group's spreadsheet shows: its columns, rows, and the codes people choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from declarations.codelists import CodeLists
from declarations.dictionary import Form, Item
from declarations.form import Declaration
from declarations.sheets.columns import column_name, sheet_items
from declarations.sheets.reading import fullest_scope

MOST_CODES = 1_000
"""Codes of a list that a template offers; who needs one of a longer list looks it up."""
_NARROW, _WIDE = 10, 40


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """One column: its names, how wide it is in characters, the list its codes come from ("" = none), and a hint."""

    item: Item
    name: str
    width: int
    code_list: str
    hint: tuple[str, str]


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A sheet to be written: all cells are text, digits as they were typed."""

    title: str
    name: tuple[str, str]
    columns: Sequence[SheetColumn]
    rows: Sequence[Sequence[str]]
    codes: Mapping[str, Sequence[tuple[str, str, str]]]
    """list -> (code, name zh, name en)."""

    @property
    def lines(self) -> list[list[str]]:
        """The row of names and the rows, for a format that has nothing else."""
        return [[column.name for column in self.columns], *[list(row) for row in self.rows]]


def group_table(
    form: Form, codes: CodeLists, group: str, on: date, declaration: Declaration | None = None, scope: str = ""
) -> SheetTable:
    """The sheet of a group with the rows of a declaration; without one, the empty template.

    Columns that some agency must have in every row (in filings of `scope`) are marked with a star.
    """
    chosen = scope or (declaration.scope if declaration else "") or fullest_scope(form, group)
    items = sheet_items(form, group)
    columns = [
        SheetColumn(
            item,
            column_name(item, any(item.obligation(agency, chosen) == "M" for agency in form.scopes[chosen])),
            max(_NARROW, min(_WIDE, item.length + 2, 2 * len(item.name_zh) + len(item.name_en) + 4)),
            item.code_list,
            (item.hint_zh, item.hint_en),
        )
        for item in items
    ]
    named = form.groups[group]
    return SheetTable(
        group,
        (named.name_zh, named.name_en),
        columns,
        _rows(form, group, items, declaration) if declaration else [],
        {
            column.code_list: [
                (code, row.name_zh, row.name_en) for code, row in codes.lists[column.code_list].current(on).items()
            ][:MOST_CODES]
            for column in columns
            if column.code_list
        },
    )


def _rows(form: Form, group: str, items: Sequence[Item], declaration: Declaration) -> list[list[str]]:
    parent = form.groups[group].parent
    if not parent:
        return [[row.get(item.item_id, "") for item in items] for row in declaration.rows(group)]
    return [
        [{**outer, **row}.get(item.item_id, "") for item in items]
        for outer in declaration.rows(parent)
        for row in outer.children.get(group, ())
    ]
