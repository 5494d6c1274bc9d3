"""The merged form, read from and written to a tree of XML (design.md section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from xml.sax.saxutils import escape

from lxml import etree

from declarations.dictionary import Form
from declarations.errors import UnreadableDocument
from declarations.form import Declaration, Row
from declarations.parsing import Unparsable, parse_xml
from declarations.words import FaultWords

BLANKS = " \t\r\n\u3000"
"""What may stand around a value and does not belong to it; U+3000 is the blank of Chinese typing."""


def parse_form(data: bytes, words: FaultWords) -> etree._Element:
    """The tree of a trader's document; raises UnreadableDocument with one fault in words."""
    try:
        return parse_xml(data)
    except Unparsable as why:
        raise unreadable(words, f"F-{why.reason}", why.line, why.said) from why


def unreadable(
    words: FaultWords, code: str, line: int | None, reason: str, *, expected: str = ""
) -> UnreadableDocument:
    """The error for bytes that are no document of ours, carrying its single fault."""
    fault = words.fault(code, None, None, "", line, value=" ".join(reason.split()), expected=expected)
    return UnreadableDocument(fault.message_en, fault.message_zh, faults=[fault])


def normalise(form: Form, root: etree._Element) -> None:
    """Drop empty items and groups and blanks around values: what people's systems add and nobody means.

    An empty row stays, so that the rows behind it keep their numbers; so does what the form does not know.
    """
    for element in list(root.iter()):
        if element.text and len(element) == 0:
            element.text = element.text.strip(BLANKS) or None
    for element in reversed(list(root.iter())):
        parent = element.getparent()
        if parent is None or element.text is not None or len(element) or element.attrib or (element.tail or "").strip():
            continue
        if element.tag in form.items or element.tag in form.groups:
            parent.remove(element)


def read_tree(form: Form, root: etree._Element, plain: bool) -> Declaration:
    """The declaration in a tree that the form's XSD found valid."""
    return Declaration(form.name, str(root.attrib["filing_scope"]), _read_row(form, root, "", ""), plain)


def _read_row(form: Form, element: etree._Element, group: str, pointer: str) -> Row:
    values = [(child.tag, child.text) for child in element]
    row = Row(values, pointer)
    nested = form.nested[group]
    # a row's groups stand behind its items, so its last child says whether it has any
    if nested and values and values[-1][0] in nested:
        for child in element.iterchildren(*nested):
            name = str(child.tag)
            del row[name]
            inner = f"{pointer}/{name}/"
            row.children[name] = [_read_row(form, each, name, f"{inner}{number}") for number, each in enumerate(child)]
    return row


def to_xml(form: Form, declaration: Declaration) -> bytes:
    """The XML form of a declaration, in dictionary order, indented for people."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{form.root} filing_scope="{declaration.scope}">']
    lines += _row_lines(form, "", declaration.header, "  ")
    return ("\n".join([*lines, f"</{form.root}>"]) + "\n").encode()


def _row_lines(form: Form, group: str, row: Row, indent: str) -> Iterator[str]:
    for item in form.group_items(group):
        if item.item_id in row:
            yield f"{indent}<{item.item_id}>{escape(row[item.item_id])}</{item.item_id}>"
    for child in form.children(group):
        rows = row.children.get(child.group)
        if rows:
            yield f"{indent}<{child.group}>"
            for inner in rows:
                yield f"{indent}  <{child.row}>"
                yield from _row_lines(form, child.group, inner, indent + "    ")
                yield f"{indent}  </{child.row}>"
            yield f"{indent}</{child.group}>"


class XmlLines:
    """Finds the line of a JSON pointer in the trader's XML file."""

    def __init__(self, form: Form, root: etree._Element) -> None:
        self._form = form
        self._root = root

    def line(self, pointer: str) -> int | None:
        """The line of the element, or of its nearest ancestor that is there."""
        element = self._root
        for part in pointer.split("/")[1:]:
            found = element[int(part)] if part.isdecimal() and int(part) < len(element) else element.find(part)
            if found is None:
                break
            element = found
        return line_of(element)


def schema_errors(schema: etree.XMLSchema) -> list[tuple[str, str]]:
    """(XPath, words) of what the last validation found."""
    log = cast("list[Any]", schema.error_log)
    return [(error.path or "", error.message) for error in log]


def line_of(element: etree._Element) -> int | None:
    """The line of an element in the file it was parsed from."""
    return cast("int | None", element.sourceline)
