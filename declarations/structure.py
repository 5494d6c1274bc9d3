"""The slow, complete pass over a form that its XSD refused: every fault at once, each at its item.

libxml2 stops at the first misplaced element of a parent, so its verdict only decides *whether* a form is valid. This pass
walks what stands there against the dictionary and asks the schema's own types (xmlschema) about every value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import xmlschema
from lxml import etree
from xmlschema.validators import XsdSimpleType

from declarations.dictionary import Form, Group, Item
from declarations.faults import LIMIT, Fault
from declarations.form import Declaration, Row
from declarations.formschema import value_pattern
from declarations.limits import MAX_VALUE
from declarations.words import FaultWords
from declarations.xmlform import line_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@cache
def value_schema(xsd: bytes) -> xmlschema.XMLSchema11:
    """The schema as xmlschema reads it. `allow='none'`: a schema of ours never fetches another."""
    return xmlschema.XMLSchema11(xsd.decode(), allow="none")


class StructurePass:
    """One pass over one tree. `declaration` afterwards holds what could be read; faulty values are left out of it."""

    def __init__(self, form: Form, xsd: bytes, words: FaultWords) -> None:
        self._form = form
        self._words = words
        self._type_of = _item_types(form, value_schema(xsd))
        self.faults: list[Fault] = []
        self.declaration = Declaration(form.name, "", Row(), plain=False)

    def run(self, root: etree._Element) -> list[Fault]:
        """All structural faults in document order, at most LIMIT."""
        if root.tag != self._form.root:
            self._note("F-ROOT", None, "", root, value=str(root.tag), expected=self._form.root)
            return self.faults
        scope = str(root.attrib.get("filing_scope", ""))
        scopes = self._form.scopes
        if scope not in scopes:
            self._note("F-SCOPE", None, "/filing_scope", root, value=scope or "—", expected=", ".join(scopes))
        self.declaration.scope = scope
        for name in root.attrib:
            if name != "filing_scope":
                self._note("F-UNKNOWN", str(name), f"/{name!s}", root)
        self._row("", root, self.declaration.header)
        return self.faults

    def _row(self, group: str, element: etree._Element, row: Row) -> None:
        items = {item.item_id: item for item in self._form.group_items(group)}
        children = {child.group: child for child in self._form.children(group)}
        order = {name: number for number, name in enumerate([*items, *children])}
        reached = -1
        seen: set[str] = set()
        self._stray(group or None, element, row.pointer)
        for child in element:
            if len(self.faults) >= LIMIT:
                return
            tag = str(child.tag)
            pointer = f"{row.pointer}/{tag}"
            if tag not in order:
                self._note("F-UNKNOWN", tag, pointer, child)
                continue
            if tag in seen:
                self._note("F-REPEATED", tag, pointer, child)
                continue
            seen.add(tag)
            if order[tag] < reached:
                self._note("F-ORDER", tag, pointer, child)
            reached = max(reached, order[tag])
            if child.attrib:
                self._note("F-UNKNOWN", str(next(iter(child.attrib))), pointer, child)
            if tag in items:
                self._value(items[tag], child, row)
            else:
                row.children[tag] = list(self._rows(children[tag], child, pointer))

    def _stray(self, group: str | None, element: etree._Element, pointer: str) -> None:
        """Text between the elements of a row or a group: nobody would read it."""
        for text, place in [(element.text, element), *((child.tail, child) for child in element)]:
            if (text or "").strip():
                self._note("F-TYPE", group, pointer, place, value=(text or "").strip()[:50], expected="< >")

    def _rows(self, group: Group, element: etree._Element, pointer: str) -> Iterator[Row]:
        self._stray(group.group, element, pointer)
        for number, child in enumerate(element):
            row = Row((), f"{pointer}/{number}")
            if child.attrib:
                self._note("F-UNKNOWN", str(next(iter(child.attrib))), row.pointer, child)
            if child.tag != group.row:
                self._note("F-UNKNOWN", str(child.tag), f"{pointer}/{number}", child)
                continue
            self._row(group.group, child, row)
            yield row

    def _value(self, item: Item, element: etree._Element, row: Row) -> None:
        pointer = f"{row.pointer}/{item.item_id}"
        parent = element.getparent()
        if item.group and item == self._form.bare_item(item.group) and parent is not None and len(parent) == 1:
            pointer = row.pointer  # in JSON the row is this value
        value = element.text or ""
        if len(element):
            self._note("F-TYPE", item.item_id, pointer, element, value="< >", expected=item.format)
            row_fault = True
        elif not value:
            return
        else:
            row_fault = len(value) > MAX_VALUE or not (
                _surely_fits(item, value) or self._type_of[item.item_id].is_valid(value)
            )
            if row_fault:
                self._note(
                    _code_of(item, value), item.item_id, pointer, element, value=value[:80], expected=item.format
                )
        if row_fault:
            self.declaration.faulty.add((row.pointer, item.item_id))
        else:
            row[item.item_id] = value

    def _note(self, code: str, item: str | None, pointer: str, element: etree._Element, **placeholders: str) -> None:
        fault = self._words.fault(code, self._form, item, pointer, line_of(element), **placeholders)
        self.faults.append(fault)


def _surely_fits(item: Item, value: str) -> bool:
    """Whether a value fits by the same patterns in Python's hand: xmlschema takes a hundred times as long to say so of each.

    It has the word on the others only: a passenger list of 3,000 has 50,000 values, and one of them may be wrong.
    """
    if item.type == "text" and not (item.length if item.fixed_length else 1) <= len(value) <= item.length:
        return False
    return _pattern(value_pattern(item)).fullmatch(value) is not None


_pattern = cache(re.compile)


def _item_types(form: Form, schema: xmlschema.XMLSchema11) -> dict[str, XsdSimpleType]:
    """item_id -> the schema's type of its element."""
    found = {}
    for element in schema.elements[form.root].iter():
        if element.local_name in form.items and isinstance(element.type, XsdSimpleType):
            found[element.local_name] = element.type
    return found


def _code_of(item: Item, value: str) -> str:
    if _CONTROL.search(value):
        return "F-CHARACTER"
    if item.type in ("date", "datetime"):
        return "F-DATE"
    if item.type in ("text", "code") and (
        len(value) > item.length or (item.fixed_length and len(value) != item.length)
    ):
        return "F-LENGTH"
    return "F-PATTERN"
