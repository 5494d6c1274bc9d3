"""The merged form as JSON: read into the same tree as XML, and written with every digit kept."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from declarations.dictionary import Form, Group
from declarations.faults import Fault
from declarations.form import Declaration, Row
from declarations.words import FaultWords
from declarations.xmlform import unreadable

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|\n')


class Number(str):
    """A JSON number by its own digits."""


class Repeated(Exception):
    """A key stands twice in one object: two readers could take different values."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Repeated(next(key for key in keys if keys.count(key) > 1))
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_json(data: bytes, words: FaultWords) -> dict[str, Any]:
    """The JSON object in the bytes; numbers keep their digits. Raises UnreadableDocument with one fault in words."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(words, "F-ENCODING", data.count(b"\n", 0, error.start) + 1, error.reason) from error
    try:
        found = json.loads(
            text, object_pairs_hook=_once, parse_int=Number, parse_float=Number, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise unreadable(words, "F-TOO-DEEP", None, "JSON") from error
    except json.JSONDecodeError as error:
        raise unreadable(words, "F-MALFORMED", error.lineno, error.msg) from error
    except Repeated as error:
        raise unreadable(words, "F-MALFORMED", None, f"key {error} stands twice") from error
    except ValueError as error:
        raise unreadable(words, "F-MALFORMED", None, str(error)) from error
    if not isinstance(found, dict):
        raise unreadable(words, "F-ROOT", 1, type(found).__name__)
    return found


@dataclass(slots=True)
class _Builder:
    """Writes the XML text of a JSON object in dictionary order and notes what XML cannot say."""

    form: Form
    words: FaultWords
    faults: list[Fault]

    def row(self, group: str, given: dict[str, Any], pointer: str) -> str:
        items = self.form.group_items(group)
        children = self.form.children(group)
        known = {item.item_id for item in items} | {child.group for child in children}
        for key in given:
            if key not in known and not (group == "" and pointer == "" and key == "filing_scope"):
                self.note("F-UNKNOWN", key, f"{pointer}/{key}")
        written = [
            self.value(item.item_id, given[item.item_id], f"{pointer}/{item.item_id}")
            for item in items
            if item.item_id in given
        ]
        for child in children:
            if given.get(child.group):
                written.append(self.rows(child, given[child.group], f"{pointer}/{child.group}"))
        return "".join(written)

    def rows(self, group: Group, given: Any, pointer: str) -> str:
        if not isinstance(given, list):
            self.note("F-TYPE", group.group, pointer, value=_kind(given), expected="[…]")
            return ""
        bare = self.form.bare_item(group.group)
        written = []
        for number, row in enumerate(given):
            here = f"{pointer}/{number}"
            if isinstance(row, dict):
                text = self.row(group.group, row, here)
            elif bare is not None and isinstance(row, str):
                text = self.value(bare.item_id, row, here)
            else:
                self.note("F-TYPE", group.group, here, value=_kind(row), expected="{…}")
                text = ""
            written.append(f"<{group.row}>{text}</{group.row}>")
        return f"<{group.group}>{''.join(written)}</{group.group}>"

    def value(self, item_id: str, value: Any, pointer: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            self.note("F-TYPE", item_id, pointer, value=_kind(value), expected="…")
            return ""
        if isinstance(value, Number) and self.form.items[item_id].type not in ("integer", "decimal"):
            self.note("F-TYPE", item_id, pointer, value=value, expected=f'"{value}"')
            return ""
        if _NOT_XML.search(value):
            self.note("F-CHARACTER", item_id, pointer, value=_NOT_XML.sub("�", value))
            return ""
        text = value.strip()
        return f"<{item_id}>{escape(text)}</{item_id}>" if text else ""

    def note(self, code: str, item: str, pointer: str, **placeholders: str) -> None:
        self.faults.append(self.words.fault(code, self.form, item, pointer, None, **placeholders))


def _kind(value: Any) -> str:
    names = {dict: "{…}", list: "[…]", bool: str(value).lower()}
    return names.get(type(value), str(value))


def json_to_xml(form: Form, given: dict[str, Any], words: FaultWords) -> tuple[bytes, list[Fault]]:
    """The compact XML form of a JSON object, and the faults of what JSON holds that the form does not."""
    builder = _Builder(form, words, [])
    body = builder.row("", given, "")
    scope = given.get("filing_scope")
    attribute = (
        f' filing_scope="{escape(scope, {chr(34): "&quot;"})}"'
        if isinstance(scope, str) and not _NOT_XML.search(scope)
        else ""
    )
    return f"<{form.root}{attribute}>{body}</{form.root}>".encode(), builder.faults


def to_json(form: Form, declaration: Declaration) -> dict[str, Any]:
    """The JSON form: whole numbers as numbers, all else as typed; a group of single values as a bare list."""
    return {"filing_scope": declaration.scope, **_row_object(form, "", declaration.header)}


def _row_object(form: Form, group: str, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in form.group_items(group):
        value = row.get(item.item_id)
        if value is not None:
            # a number with leading zeros would lose them
            whole = item.type == "integer" and re.fullmatch("0|[1-9][0-9]{0,17}", value)
            found[item.item_id] = int(value) if whole else value
    for child in form.children(group):
        rows = row.children.get(child.group)
        if rows:
            bare = form.bare_item(child.group)
            if bare is not None and all(set(inner) == {bare.item_id} for inner in rows):
                found[child.group] = [inner[bare.item_id] for inner in rows]
            else:
                found[child.group] = [_row_object(form, child.group, inner) for inner in rows]
    return found


class JsonLines:
    """Finds the line of a pointer in the trader's JSON text; read only when a fault asks."""

    def __init__(self, data: bytes) -> None:
        self._text = data.decode("utf-8-sig", "replace")
        self._lines: dict[str, int] | None = None

    def line(self, pointer: str) -> int | None:
        """The line where the value starts, or its nearest ancestor's."""
        if self._lines is None:
            self._lines = _pointer_lines(self._text)
        while pointer not in self._lines and pointer:
            pointer = pointer.rpartition("/")[0]
        return self._lines.get(pointer)


def _pointer_lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {"": 1}
    stack: list[list[Any]] = []  # [kind, key or index] of each open object or list
    line = 1
    expecting_key = False
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in "{[":
            if stack:
                lines.setdefault(_pointer(stack), line)
            stack.append([token, 0 if token == "[" else ""])
            expecting_key = token == "{"
        elif token in "}]":
            stack.pop()
            expecting_key = False
        elif token == ",":
            if stack[-1][0] == "[":
                stack[-1][1] += 1
            expecting_key = stack[-1][0] == "{"
        elif token == ":":
            expecting_key = False
        elif expecting_key:
            stack[-1][1] = json.loads(token)
        elif stack:
            lines.setdefault(_pointer(stack), line)
    return lines


def _pointer(stack: list[list[Any]]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for _, part in stack)
