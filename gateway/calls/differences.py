"""What differs between two versions of a form, item by item; rows of a group are paired by what they are, not by their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from declarations import dictionary
from declarations.form import Declaration, Row


def between(form: dictionary.Form, old: Declaration, new: Declaration) -> list[dict[str, Any]]:
    """`[{item, pointer, name_zh, name_en, old, new}]` in form order; a row that came or went is one entry for its group."""
    return sorted(_rows(form, old.header, new.header), key=lambda each: form.position(each["pointer"]))


def _rows(form: dictionary.Form, old: Row, new: Row) -> Iterator[dict[str, Any]]:
    for item in dict.fromkeys((*old, *new)):
        if old.get(item) != new.get(item):
            named = form.items[item]
            yield _entry(item, f"{new.pointer}/{item}", named, old.get(item), new.get(item))
    for group in dict.fromkeys((*old.children, *new.children)):
        yield from _group(form, group, old.children.get(group, []), new.children.get(group, []))


def _group(form: dictionary.Form, group: str, old: list[Row], new: list[Row]) -> Iterator[dict[str, Any]]:
    named = form.groups[group]
    gone = {_identity(row): row for row in old}
    came = [row for row in new if _identity(row) not in gone]
    same = {_identity(row) for row in new} & gone.keys()
    left = [row for key, row in gone.items() if key not in same]
    if len(left) == len(came):
        # as many as before: rows that changed, not others
        for one, other in zip(left, came, strict=True):
            yield from _rows(form, one, other)
        return
    for row in left:
        yield _entry(group, row.pointer, named, _text(row), None)
    for row in came:
        yield _entry(group, row.pointer, named, None, _text(row))


def _identity(row: Row) -> tuple[Any, ...]:
    """A row by all it says."""
    inside = tuple((name, tuple(_identity(each) for each in rows)) for name, rows in sorted(row.children.items()))
    return (*sorted(row.items()), inside)


def _text(row: Row) -> str:
    return "; ".join(f"{item}={value}" for item, value in row.items())


def _entry(
    item: str, pointer: str, named: dictionary.Item | dictionary.Group, old: str | None, new: str | None
) -> dict[str, Any]:
    return {
        "item": item,
        "pointer": pointer,
        "name_zh": named.name_zh,
        "name_en": named.name_en,
        "old": old,
        "new": new,
    }
