"""Which columns a group's spreadsheet has, and which column of somebody's spreadsheet is which item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from declarations.codelists import CodeLists
from declarations.dictionary import Form, Item
from declarations.sheets.cells import Cell, is_empty, name_key

MOST_ROWS_ABOVE = 20
"""Rows of titles and remarks that may stand above the row of names."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The row of names: where it stands (from 0), and what its columns are; names it has twice, and names we do not know."""

    row: int
    items: Mapping[int, Item]
    repeated: tuple[int, ...]
    unknown: tuple[int, ...]


def sheet_items(form: Form, group: str) -> list[Item]:
    """The columns of a group's sheet; a group inside another one begins with the item that counts the rows it stands in."""
    parent = form.groups[group].parent
    return [*form.group_items(parent)[:1], *form.group_items(group)] if parent else form.group_items(group)


def column_name(item: Item, mandatory: bool = False) -> str:
    """Both names, as a template and an export write them: `船员姓 / Crew family name *`."""
    return f"{item.name_zh} / {item.name_en}{' *' if mandatory else ''}"


def find_heading(form: Form, group: str, rows: Sequence[Sequence[Cell]]) -> Heading | None:
    """The first row near the top that names an item; None when none does."""
    names = {
        key: item
        for item in sheet_items(form, group)
        for key in (name_key(item.item_id), name_key(item.name_zh), name_key(item.name_en), name_key(column_name(item)))
    }
    for number, row in enumerate(rows[:MOST_ROWS_ABOVE]):
        keys = {at: name_key(str(cell)) for at, cell in enumerate(row) if not is_empty(cell)}
        if any(key in names for key in keys.values()):
            items: dict[int, Item] = {}
            repeated, unknown = [], []
            for at, key in keys.items():
                item = names.get(key)
                if item is None:
                    unknown.append(at)
                elif item in items.values():
                    repeated.append(at)
                else:
                    items[at] = item
            return Heading(number, items, tuple(repeated), tuple(unknown))
    return None


def codes_by_name(codes: CodeLists, item: Item) -> dict[str, str]:
    """name (zh, en) -> code of an item's list, where the name has one code only."""
    if not item.code_list:
        return {}
    found: dict[str, str] = {}
    ambiguous: set[str] = set()
    code_list = codes.lists[item.code_list]
    for code, periods in code_list.codes.items():
        for each in periods:
            for name in (each.name_zh, each.name_en, f"{code} {each.name_zh}", f"{code} {each.name_en}"):
                key = name_key(name)
                if found.setdefault(key, code) != code:
                    ambiguous.add(key)
    return {key: code for key, code in found.items() if key not in ambiguous and key not in code_list.codes}
