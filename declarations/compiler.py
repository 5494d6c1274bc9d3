"""Mapping tables compiled into Python that writes a message as text in one pass (ADR 0002).

A *shape* is the tuple of items a row gives. For each shape of the header and of each loop's rows one function is generated:
what the shape lacks is folded away, so the function is little more than one f-string over the row's values. Shapes come
from what clients send, so their number is capped. Nothing of a client's text ever reaches the generated source: names come
from the tables, are checked against a pattern, and every literal goes through `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from declarations.conditions import split_values
from declarations.conversions import format_date, format_number, split_part, total
from declarations.form import Declaration, Row
from declarations.functions import FUNCTIONS
from declarations.reach import Frames
from declarations.shapewriter import ShapeWriter
from declarations.tablecontext import MissingValue, TableContext, distinct
from declarations.tables import Node

MAX_SHAPES = 200
"""Of each loop; the oldest goes when a new one comes."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Program:
    """One message table compiled for one day. `plain` forms (no entity, no CDATA) need no escaping and take the faster text."""

    def __init__(self, context: TableContext, *, plain: bool) -> None:
        self.context = context
        self.plain = plain
        self.names: dict[str, Any] = {
            "esc": escape, "attr": _attribute, "missing": _missing, "split_values": split_values, "FUNCTIONS": FUNCTIONS,
            "format_date": format_date, "format_number": format_number, "split_part": split_part, "total": total,
            "distinct": distinct,
        }  # fmt: skip
        self._root = Shapes(self, context.table.tree, Frames(context.form, context.filing))
        table = context.table
        namespace = f" xmlns={quoteattr(table.namespace)}" if table.namespace else ""
        self._head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{table.root}{namespace}'

    def render(self, declaration: Declaration, filing: Mapping[str, str]) -> str:
        """The message as text. Raises MissingValue, Unmapped or another ValueError where a table row says error."""
        header = declaration.header
        return self._head + self._root.function(header)(1, filing, header)

    def constant(self, prefix: str, key: str, make: Callable[[], Any]) -> str:
        """A name in the generated code for something made once per program."""
        name = f"{prefix}_{re.sub('[^A-Za-z0-9]', '_', key)}"
        if name not in self.names:
            self.names[name] = make()
        return name


class Shapes:
    """The functions of one loop (or of the root), one per shape of its rows, made when first met."""

    def __init__(self, program: Program, node: Node, frames: Frames) -> None:
        self.program = program
        self.node = node
        self.frames = frames
        self.functions: dict[tuple[str, ...], Callable[..., str]] = {}

    def inside(self, node: Node, frames: Frames) -> Shapes:
        """The shapes of a loop inside this one."""
        return Shapes(self.program, node, frames)

    def function(self, row: Row) -> Callable[..., str]:
        key = tuple(row)
        return self.functions.get(key) or self.compile(key)

    def compile(self, key: tuple[str, ...]) -> Callable[..., str]:
        if len(self.functions) >= MAX_SHAPES:
            del self.functions[next(iter(self.functions))]
        source = ShapeWriter(self, key).source()
        scope: dict[str, Any] = {}
        exec(compile(source, f"<{self.program.context.table.path}>", "exec"), self.program.names, scope)  # noqa: S102
        function: Callable[..., str] = scope["shape"]
        self.functions[key] = function
        return function

    def run(self, rows: Iterable[Row], filing: Mapping[str, str], *outer: Any) -> str:
        """Write every row of a loop. `outer` is the header, then row and members of each enclosing loop."""
        written = []
        functions = self.functions
        for number, row in enumerate(rows, 1):
            key = tuple(row)
            function = functions.get(key) or self.compile(key)
            written.append(function(number, filing, *outer, row, ()))
        return "".join(written)

    def run_grouped(self, groups: Iterable[tuple[Row, list[Row]]], filing: Mapping[str, str], *outer: Any) -> str:
        """The same for a `by` loop: each distinct value's first row stands for its members."""
        found = [self.function(row)(n, filing, *outer, row, members) for n, (row, members) in enumerate(groups, 1)]
        return "".join(found)


def _missing(line: str) -> str:
    raise MissingValue(line)


def _attribute(text: object) -> str:
    """A value, escaped already, as it stands between an attribute's quotes."""
    return str(text or "").replace('"', "&quot;")
