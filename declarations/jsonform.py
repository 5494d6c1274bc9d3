"""The merged form as JSON: read into the same tree as XML, and written with every digit kept."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from declarations.dictionary import GOODS, Form, Group
from declarations.faults import LIMIT, Fault
from declarations.form import Declaration, Row
from declarations.limits import MAX_DEPTH, MAX_ELEMENTS, MAX_VALUE
from declarations.words import NOT_XML, FaultWords, shown
from declarations.xmlform import BLANKS, unreadable

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+|\n')


class Number(str):
    """A JSON number by its own digits."""


class Object(dict[str, Any]):
    """A JSON object. `repeated`: keys that stand more than once, for which two readers could take different values."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = (
            [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
            if len(self) < len(pairs)
            else []
        )


class _Constant(Exception):
    """NaN or Infinity, which JSON does not have."""


class _TooMany(Exception):
    """More objects and numbers than any form has."""


class _Hooks:
    """What the JSON reader calls for one document; it stops before a huge one is built."""

    def __init__(self) -> None:
        self.left = MAX_ELEMENTS

    def object(self, pairs: list[tuple[str, Any]]) -> Object:
        self.left -= 1
        if self.left < 0:
            raise _TooMany
        return Object(pairs)

    def number(self, digits: str) -> Number:
        self.left -= 1
        if self.left < 0:
            raise _TooMany
        return Number(digits)

    def constant(self, name: str) -> Any:
        raise _Constant(name)


def parse_json(data: bytes, words: FaultWords) -> Object:
    """The JSON object in the bytes; numbers keep their digits. Raises UnreadableDocument with one fault in words."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(words, "F-ENCODING", data.count(b"\n", 0, error.start) + 1, error.reason) from error
    try:
        if text.count("[") > MAX_ELEMENTS:  # the reader has no hook for lists
            raise _TooMany
        hooks = _Hooks()
        found = json.loads(
            text,
            object_pairs_hook=hooks.object,
            parse_int=hooks.number,
            parse_float=hooks.number,
            parse_constant=hooks.constant,
        )
    except RecursionError as error:
        raise unreadable(words, "F-TOO-DEEP", _line_of_depth(text), "JSON") from error
    except json.JSONDecodeError as error:
        raise unreadable(words, "F-MALFORMED", error.lineno, error.msg) from error
    except _TooMany as error:
        raise unreadable(words, "F-TOO-LARGE", None, str(MAX_ELEMENTS)) from error
    except _Constant as error:
        # the reader stops at the constant even where it runs on into other characters
        line = next((line for token, line in _tokens(text) if token.startswith(str(error))), None)
        raise unreadable(words, "F-MALFORMED", line, f"{error} is not JSON") from error
    if not isinstance(found, Object):
        raise unreadable(words, "F-ROOT", 1, _kind(found), expected="{…}")
    return found


@dataclass(slots=True)
class _Builder:
    """Writes the XML text of a JSON object in dictionary order and notes what XML cannot say."""

    form: Form
    words: FaultWords
    faults: list[Fault]
    parts: int = 0
    """Keys and rows so far; a document with too many is refused before it is written out."""

    def row(self, group: str, given: Object, pointer: str) -> str:
        items = self.form.group_items(group)
        children = self.form.children(group)
        known = {item.item_id for item in items} | {child.group for child in children}
        self.count(len(given))
        for key in given:
            if key not in known and not (group == "" and key in ("form", "filing_scope")):
                self.note("F-UNKNOWN", key, f"{pointer}/{_pointer_part(key)}")
        for key in given.repeated:
            self.note("F-REPEATED", key, f"{pointer}/{_pointer_part(key)}")
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
        self.count(len(given))
        written = []
        for number, row in enumerate(given):
            here = f"{pointer}/{number}"
            if isinstance(row, Object):
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
            self.note("F-TYPE", item_id, pointer, value=_kind(value), expected='"…"')
            return ""
        if isinstance(value, Number) and self.form.items[item_id].type not in ("integer", "decimal"):
            self.note("F-TYPE", item_id, pointer, value=value, expected=f'"{value}"')
            return ""
        if len(value) > MAX_VALUE:
            item = self.form.items[item_id]
            self.note("F-LENGTH", item_id, pointer, value=f"{value[:80]}…", expected=item.format)
            return ""
        if NOT_XML.search(value):
            self.note("F-CHARACTER", item_id, pointer, value=value)
            return ""
        text = value.strip(BLANKS)
        return f"<{item_id}>{escape(text)}</{item_id}>" if text else ""

    def count(self, more: int) -> None:
        self.parts += more
        if self.parts > MAX_ELEMENTS:
            raise unreadable(self.words, "F-TOO-LARGE", None, str(MAX_ELEMENTS))

    def note(self, code: str, item: str, pointer: str, **placeholders: str) -> None:
        if len(self.faults) < LIMIT:
            self.faults.append(self.words.fault(code, self.form, item, pointer, None, **placeholders))


def _kind(value: Any) -> str:
    names = {Object: "{…}", list: "[…]", bool: str(value).lower(), type(None): "null"}
    return names.get(type(value)) or str(value)


def json_to_xml(form: Form, given: Object, words: FaultWords) -> tuple[bytes, list[Fault]]:
    """The compact XML form of a JSON object, and the faults of what JSON holds that the form does not.

    Raises UnreadableDocument for more keys and rows than any form has.
    """
    builder = _Builder(form, words, [])
    body = builder.row("", given, "")
    scope = given.get("filing_scope")
    attribute = (
        f' filing_scope="{escape(scope, {chr(34): "&quot;"})}"'
        if isinstance(scope, str) and not NOT_XML.search(scope)
        else ""
    )
    return f"<{form.root}{attribute}>{body}</{form.root}>".encode(), builder.faults


def to_json(form: Form, declaration: Declaration) -> dict[str, Any]:
    """The JSON form: whole numbers as numbers, all else as typed; a group of single values as a bare list."""
    named = {} if form.name == GOODS else {"form": form.name}
    return {**named, "filing_scope": declaration.scope, **_row_object(form, "", declaration.header)}


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
        """The line where the value starts (the last one of a repeated key), or its nearest ancestor's."""
        if self._lines is None:
            self._lines = _pointer_lines(self._text)
        while pointer not in self._lines and pointer:
            pointer = pointer.rpartition("/")[0]
        return self._lines.get(pointer)


def _pointer_lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {"": 1}
    stack: list[list[Any]] = []  # [kind, key or index] of each open object or list
    expecting_key = False
    for token, line in _tokens(text):
        if token in "{[":
            if stack:
                lines[_pointer(stack)] = line
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
            lines[_pointer(stack)] = line
    return lines


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """The tokens of JSON text, each with its line."""
    line = 1
    for found in _TOKEN.finditer(text):
        if found[0] == "\n":
            line += 1
        else:
            yield found[0], line


def _line_of_depth(text: str) -> int | None:
    """The line on which the nesting passes MAX_DEPTH."""
    depth = 0
    for token, line in _tokens(text):
        depth += (token in "{[") - (token in "}]")
        if depth > MAX_DEPTH:
            return line
    return None


def _pointer(stack: list[list[Any]]) -> str:
    return "".join(f"/{_pointer_part(str(part))}" for _, part in stack)


def _pointer_part(key: str) -> str:
    """A key in a JSON pointer (RFC 6901)."""
    return shown(key).replace("~", "~0").replace("/", "~1")
