"""Writes the Python of one shape's function: what the shape lacks is folded away, the rest becomes one f-string.

Nothing of a client's text reaches the source: names come from the tables, are checked against a pattern, and every literal
goes through `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from declarations.conversions import cut_length
from declarations.reach import Value
from declarations.tablecontext import parse_each
from declarations.tables import Each, MapRow, Node

if TYPE_CHECKING:
    from declarations.compiler import Shapes

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(slots=True)
class Content:
    """Text under construction: literal text and Python expressions in turn. `certain`: it can never come out empty."""

    pieces: list[tuple[bool, str]] = field(default_factory=list)
    """(is an expression, text or code)"""
    certain: bool = False

    def literal(self, text: str) -> None:
        self.pieces.append((False, text))

    def expression(self, code: str) -> None:
        self.pieces.append((True, code))

    def add(self, other: Content) -> None:
        self.pieces += other.pieces
        self.certain = self.certain or other.certain

    def python(self) -> str:
        """One expression for the whole text."""
        codes = [text for is_code, text in self.pieces if is_code]
        if len(codes) == len(self.pieces) == 1:
            return codes[0]
        template = "".join("%s" if is_code else text.replace("%", "%%") for is_code, text in self.pieces)
        return f"{template!r} % ({', '.join(codes)},)" if codes else repr("".join(text for _, text in self.pieces))

    def body(self) -> str:
        """The body of a function that returns the text: one f-string over local names, the quickest Python has."""
        lines, template = [], ""
        for number, (is_code, text) in enumerate(self.pieces):
            if not is_code:
                template += text.replace("{", "{{").replace("}", "}}")
            elif text.isidentifier():
                template += f"{{{text}}}"
            else:
                lines.append(f"    e{number} = {text}\n")
                template += f"{{e{number}}}"
        return f"{''.join(lines)}    return f{template!r}\n"


class ShapeWriter:
    """Writes the source of one shape's function."""

    def __init__(self, shapes: Shapes, shape: tuple[str, ...]) -> None:
        self.shapes = shapes
        self.program = shapes.program
        self.frames = shapes.frames
        self.shape = shape
        self.variables = 0

    def source(self) -> str:
        content = self.element(self.shapes.node, root=self.frames.depth == 0)
        values = f"    {', '.join(map(_local, self.shape))}, = {_frame(self.frames.depth)}.values()\n"
        return f"def shape(n, f, {self.arguments()}):\n{values if self.shape else ''}{content.body()}"

    def arguments(self) -> str:
        return ", ".join(["h", *(f"r{d}, m{d}" for d in range(1, self.frames.depth + 1))])

    # --- elements

    def element(self, node: Node, *, root: bool = False) -> Content:
        """An element with all its content, kept even when empty; of the root only what follows its name."""
        attributes, inner = self.parts(node)
        return self.wrapped(node, attributes, inner, "" if root else f"<{node.name}")

    def parts(self, node: Node) -> tuple[Content, Content]:
        """Attributes and content of an element."""
        attributes, inner = Content(), Content()
        for child in node.children.values():
            (attributes if child.is_attribute else inner).add(self.child(child))
        return attributes, inner

    def wrapped(self, node: Node, attributes: Content, inner: Content, opening: str) -> Content:
        if not _NAME.fullmatch(node.name):
            raise ValueError(f"{node.name} is no element name")
        found = Content(certain=True)
        found.literal(opening)
        found.add(attributes)
        found.literal(">")
        found.add(inner)
        found.literal(f"</{node.name}>")
        return found

    def child(self, node: Node) -> Content:
        if node.mark == "[]":
            return self.loop(node)
        if node.mark == "[+]":
            return self.optional(self.element(node), self.condition(node.loop))
        if node.rows:
            return self.leaf(node)
        attributes, inner = self.parts(node)
        if inner.certain:
            return self.wrapped(node, attributes, inner, f"<{node.name}")
        found = Content()
        if inner.pieces:
            # a plain wrapper appears when one of its children does
            variable = self.variable()
            held = Content([(True, variable)])
            written = self.wrapped(node, attributes, held, f"<{node.name}").python()
            found.expression(f"({written} if ({variable} := {inner.python()}) else '')")
        return found

    def optional(self, content: Content, condition: str) -> Content:
        if condition == "True":
            return content
        found = Content()
        if condition != "False":
            found.expression(f"({content.python()} if {condition} else '')")
        return found

    def loop(self, node: Node) -> Content:
        row = node.loop
        assert row is not None  # the tables were proved when they were loaded
        assert row.each is not None
        inner = self.frames.inside(row.each)
        name = self.program.constant("loop", row.line, lambda: self.shapes.inside(node, inner))
        method = "run_grouped" if row.each.by else "run"
        rows = self.variable()
        found = Content()
        run = f"{name}.{method}({rows}, f, {self.arguments()})"
        found.expression(f"({run} if ({rows} := {self.rows(row.each)}) else '')")
        return found

    def rows(self, each: Each) -> str:
        """The expression of a loop's rows."""
        place = self.frames.rows(each.group)
        rows = f"m{place.depth}" if place.members else f"{_frame(place.depth)}.children.get({each.group!r}, ())"
        if each.where is not None:
            inside = self.frames.inside(Each(each.group, None, ""))
            test = each.where.python(lambda name: _anywhere(inside.value(name)), self.code_set)
            row = _frame(inside.depth)
            rows = f"[{row} for {row} in {rows} if {test}]"
        return f"distinct({rows}, {each.by!r})" if each.by else rows

    # --- values

    def leaf(self, node: Node) -> Content:
        value, certain = self.value(node.rows)
        found = Content(certain=certain)
        if value == "None":
            return found
        opening, closing = (f' {node.name[1:]}="', '"') if node.is_attribute else (f"<{node.name}>", f"</{node.name}>")
        if node.is_attribute:
            value = f"attr({value})"
        if certain:
            found.literal(opening)
            found.expression(value)
            found.literal(closing)
        else:
            variable = self.variable()
            written = Content([(False, opening), (True, variable), (False, closing)]).python()
            found.expression(f"({written} if ({variable} := {value}) else '')")
        return found

    def value(self, rows: list[MapRow]) -> tuple[str, bool]:
        """(expression, never empty) of the first row whose `when` holds."""
        chosen: list[tuple[str, str, bool]] = []
        for row in rows:
            condition = self.condition(row)
            if condition == "False":
                continue
            chosen.append((condition, *self.row_value(row)))
            if condition == "True":
                break
        if not chosen:
            return "None", False
        last_condition, expression, certain = chosen[-1]
        if last_condition != "True":
            expression, certain = f"({expression} if {last_condition} else None)", False
        for condition, value, sure in reversed(chosen[:-1]):
            expression, certain = f"({value} if {condition} else {expression})", certain and sure
        return expression, certain

    def row_value(self, row: MapRow) -> tuple[str, bool]:
        if row.how == "const":
            return repr(escape(row.arg)), True
        if row.how == "seq":
            return f"(n + {int(row.arg or 1) - 1})", True
        empty, sure = self.empty(row)
        if row.how in ("count", "sum", "join"):
            expression, certain = self.aggregate(row)
        else:
            expression, certain = self.converted(row)
        if certain or expression == "None":
            return (expression, True) if certain else (empty, sure)
        return (f"({expression} or {empty})", sure) if empty != "None" else (expression, False)

    def converted(self, row: MapRow) -> tuple[str, bool]:
        parts = [part for source in row.sources if (part := self.operand(source)) != "None"]
        if not parts:
            return "None", False
        certain = [number for number, part in enumerate(parts) if part.isidentifier()]
        parts = parts[: certain[0] + 1] if certain else parts
        source = parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"
        from_window = any(name.startswith("filing.") for name in row.sources)
        if certain:
            expression, sure = self.conversion(row, source, from_window)
            return expression, sure
        if row.how == "copy" and self.plain_value(from_window):
            return source, False
        variable = self.variable()
        expression, _ = self.conversion(row, variable, from_window)
        return f"({expression} if ({variable} := {source}) else None)", False

    def conversion(self, row: MapRow, value: str, from_window: bool) -> tuple[str, bool]:
        """(expression, never empty) of a value that is there."""
        context = self.program.context
        safe = self.plain_value(from_window)
        if row.how == "code":
            name = self.program.constant("codes", row.arg, lambda: context.translation(row.arg))
            translation = self.program.names[name]
            expression, sure = f"{name}[{value}]", not translation.leaves_out
            safe = safe and _xml_safe(translation.values())
        elif row.how == "lookup":
            name = self.program.constant("attribute", row.arg, lambda: context.attribute(row.arg))
            expression, sure, safe = f"{name}.get({value})", False, False
        elif row.how == "date":
            return f"format_date({value}, {row.arg!r}, {context.timezone!r})", True
        elif row.how == "number":
            return f"format_number({value}, {row.arg!r})", True
        elif row.how == "text":
            expression, sure = f"{value}[:{cut_length(row.arg)}]", True
        elif row.how == "split":
            expression, sure = f"split_part({value}, {row.arg!r})", False
        elif row.how.startswith("fn:"):
            expression, sure = f"FUNCTIONS[{row.how[3:]!r}]({value})", False
        else:
            expression, sure = value, True
        if safe:
            return expression, sure
        return (f"esc({expression})", True) if sure else (f"esc({expression} or '')", False)

    def aggregate(self, row: MapRow) -> tuple[str, bool]:
        where, _, option = row.arg.partition(";")
        each = parse_each(where)
        rows = self.rows(each)
        if row.how == "count":
            return f"len({rows})", True
        values = f"[each.get({row.sources[0]!r}) for each in {rows}]"
        if row.how == "sum":
            return f"total({values}, {option.strip()!r})", False
        separator = option.removeprefix(" ") or ","
        return f"esc({separator!r}.join(filter(None, {values})))", False

    def empty(self, row: MapRow) -> tuple[str, bool]:
        if row.default is not None:
            return repr(escape(row.default)), True
        return (f"missing({row.line!r})", True) if row.empty == "error" else ("None", False)

    def plain_value(self, from_window: bool) -> bool:
        return self.program.plain and not from_window

    # --- operands

    def condition(self, row: MapRow | None) -> str:
        return row.when.python(self.operand, self.code_set) if row is not None and row.when is not None else "True"

    def operand(self, name: str) -> str:
        """The expression of an operand's text or None; a local name where the shape says that it is there."""
        value = self.frames.value(name)
        if value.depth == self.frames.depth:
            return _local(value.name) if value.name in self.shape else "None"
        return _anywhere(value)

    def code_set(self, name: str) -> str:
        return self.program.constant("set", name, lambda: self.program.context.code_set(name))

    def variable(self) -> str:
        self.variables += 1
        return f"v{self.variables}"


def _local(item: str) -> str:
    return f"x_{item}"


def _anywhere(value: Value) -> str:
    return f"{'f' if value.depth is None else _frame(value.depth)}.get({value.name!r})"


def _frame(depth: int | None) -> str:
    return f"r{depth}" if depth else "h"


def _xml_safe(texts: Iterable[str]) -> bool:
    return not any(sign in text for text in texts for sign in "&<>")
