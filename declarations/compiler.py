"""Mapping tables compiled into Python that writes a message as text in one pass (ADR 0002).

A *shape* is the tuple of items a row gives. For each shape of the header and of each loop's rows one function is generated:
what the shape lacks is folded away, so the function is little more than one `%` format over the row's values. Shapes come
from what clients send, so their number is capped. Nothing of a client's text ever reaches the generated source: names come
from the tables, are checked against a pattern, and every literal goes through `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from declarations.agencycodes import AgencyCodes
from declarations.codelists import CodeLists
from declarations.conditions import parse, split_values
from declarations.conversions import Translation, cut, format_date, format_number, split_part, total
from declarations.dictionary import Form
from declarations.form import Declaration, Row
from declarations.functions import FUNCTIONS
from declarations.reach import Frames
from declarations.tables import Each, MapRow, MessageTable, Node

MAX_SHAPES = 500
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class MissingValue(ValueError):
    """A row with `empty: error` found no value."""


@dataclass(frozen=True, slots=True)
class TableContext:
    """What the rows of one message need around them: its form, the code lists of one day, the agency's conversions."""

    table: MessageTable
    form: Form
    filing: frozenset[str]
    codes: CodeLists
    agency_codes: AgencyCodes
    timezone: str
    on: date

    def translation(self, name: str) -> Translation:
        """The conversion table of a code list on the day."""
        code_list = self.codes.lists[name]
        left_out = self.agency_codes.leaves_out(name)
        open_ended = not code_list.complete and (left_out or self.agency_codes.same_system(name))
        pattern = code_list.pattern if open_ended else None
        return Translation(name, self.agency_codes.out_table(name, self.on), pattern, leaves_out=left_out)

    def code_set(self, name: str) -> frozenset[str]:
        """The codes of a list that are valid on the day."""
        return frozenset(self.codes.lists[name].current(self.on))

    def attribute(self, arg: str) -> dict[str, str]:
        """`CL_LIST.attribute` -> code to attribute, where it has one."""
        name, _, attribute = arg.partition(".")
        current = self.codes.lists[name].current(self.on).items()
        return {code: row.attributes[attribute] for code, row in current if row.attributes.get(attribute)}


@dataclass(slots=True)
class _Content:
    """Text under construction: literal pieces and Python expressions. `certain`: it can never come out empty."""

    template: str = ""
    expressions: list[str] = field(default_factory=list)
    certain: bool = False

    def literal(self, text: str) -> None:
        self.template += text.replace("%", "%%")

    def expression(self, code: str) -> None:
        self.template += "%s"
        self.expressions.append(code)

    def add(self, other: _Content) -> None:
        self.template += other.template
        self.expressions += other.expressions
        self.certain = self.certain or other.certain

    def python(self) -> str:
        if not self.expressions:
            return repr(self.template.replace("%%", "%"))
        if self.template == "%s":
            return self.expressions[0]
        return f"{self.template!r} % ({', '.join(self.expressions)},)"


class Program:
    """One message table compiled for one day. `plain` forms (no entity, no CDATA) need no escaping and take the faster text."""

    def __init__(self, context: TableContext, *, plain: bool) -> None:
        self.context = context
        self.plain = plain
        self.names: dict[str, Any] = {
            "esc": escape, "attr": _attribute, "missing": _missing, "split_values": split_values, "FUNCTIONS": FUNCTIONS,
            "cut": cut, "format_date": format_date, "format_number": format_number, "split_part": split_part, "total": total,
            "only": only, "distinct": distinct,
        }  # fmt: skip
        self._root = _Shapes(self, context.table.tree, Frames(context.form, context.filing))
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


class _Shapes:
    """The functions of one loop (or of the root), one per shape of its rows, made when first met."""

    def __init__(self, program: Program, node: Node, frames: Frames) -> None:
        self.program = program
        self.node = node
        self.frames = frames
        self.functions: dict[tuple[str, ...], Callable[..., str]] = {}
        self.loops: dict[str, str] = {}

    def function(self, row: Row) -> Callable[..., str]:
        key = tuple(row)
        return self.functions.get(key) or self.compile(key)

    def compile(self, key: tuple[str, ...]) -> Callable[..., str]:
        if len(self.functions) >= MAX_SHAPES:
            self.functions.clear()
        source = _ShapeWriter(self, frozenset(key)).source()
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


class _ShapeWriter:
    """Writes the source of one shape's function."""

    def __init__(self, shapes: _Shapes, present: frozenset[str]) -> None:
        self.shapes = shapes
        self.program = shapes.program
        self.frames = shapes.frames
        self.present = present
        self.variables = 0

    def source(self) -> str:
        content = self.element(self.shapes.node, root=self.frames.depth == 0)
        return f"def shape(n, f, {self.arguments()}):\n    return {content.python()}\n"

    def arguments(self) -> str:
        return ", ".join(["h", *(f"r{d}, m{d}" for d in range(1, self.frames.depth + 1))])

    # --- elements

    def element(self, node: Node, *, root: bool = False) -> _Content:
        """An element with all its content, kept even when empty; of the root only what follows its name."""
        attributes, inner = self.parts(node)
        return self.wrapped(node, attributes, inner, "" if root else f"<{node.name}")

    def parts(self, node: Node) -> tuple[_Content, _Content]:
        """Attributes and content of an element."""
        attributes, inner = _Content(), _Content()
        for child in node.children.values():
            (attributes if child.is_attribute else inner).add(self.child(child))
        return attributes, inner

    def wrapped(self, node: Node, attributes: _Content, inner: _Content, opening: str) -> _Content:
        if not _NAME.fullmatch(node.name):
            raise ValueError(f"{node.name} is no element name")
        found = _Content(certain=True)
        found.literal(opening)
        found.add(attributes)
        found.literal(">")
        found.add(inner)
        found.literal(f"</{node.name}>")
        return found

    def child(self, node: Node) -> _Content:
        if node.mark == "[]":
            return self.loop(node)
        if node.mark == "[+]":
            return self.optional(self.element(node), self.condition(node.loop))
        if node.rows:
            return self.leaf(node)
        attributes, inner = self.parts(node)
        if inner.certain:
            return self.wrapped(node, attributes, inner, f"<{node.name}")
        found = _Content()
        if inner.template:
            # a plain wrapper appears when one of its children does
            variable = self.variable()
            held = _Content(expressions=[variable], template="%s")
            written = self.wrapped(node, attributes, held, f"<{node.name}").python()
            found.expression(f"({written} if ({variable} := {inner.python()}) else '')")
        return found

    def optional(self, content: _Content, condition: str) -> _Content:
        if condition == "True":
            return content
        found = _Content()
        if condition != "False":
            found.expression(f"({content.python()} if {condition} else '')")
        return found

    def loop(self, node: Node) -> _Content:
        row = node.loop
        assert row is not None  # the tables were proved when they were loaded
        assert row.each is not None
        inner = self.frames.inside(row.each)
        name = self.program.constant("loop", row.line, lambda: _Shapes(self.program, node, inner))
        rows = self.rows(row.each, f"where_{row.line}")
        method = "run_grouped" if row.each.by else "run"
        found = _Content()
        found.expression(f"{name}.{method}({rows}, f, {self.arguments()})")
        return found

    def rows(self, each: Each, name: str) -> str:
        """The expression of a loop's rows; `where` becomes a function made once."""
        place = self.frames.rows(each.group)
        rows = f"m{place.depth}" if place.members else f"{_frame(place.depth)}.children.get({each.group!r}, ())"
        if each.where is not None:
            inside = self.frames.inside(Each(each.group, None, ""))
            writer = _ShapeWriter(_Shapes(self.program, self.shapes.node, inside), frozenset())
            test = each.where.python(writer.operand_anywhere, self.code_set)
            function = self.program.constant(
                "w", name, lambda: self.evaluate(f"lambda f, {writer.arguments()}: {test}")
            )
            rows = f"only({rows}, {function}, f, {self.arguments()})"
        return f"distinct({rows}, {each.by!r})" if each.by else rows

    def evaluate(self, source: str) -> Any:
        return eval(compile(source, f"<{self.program.context.table.path}>", "eval"), self.program.names)  # noqa: S307

    # --- values

    def leaf(self, node: Node) -> _Content:
        value, certain = self.value(node.rows)
        found = _Content(certain=certain)
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
            written = (opening + "%s" + closing).replace("%s", "\0").replace("%", "%%").replace("\0", "%s")
            found.expression(f"({written!r} % {variable} if ({variable} := {value}) else '')")
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
        certain = [number for number, part in enumerate(parts) if part.endswith("]")]
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
            expression, sure = f"cut({value}, {row.arg!r})", True
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
        rows = self.rows(each, f"{row.line}_{row.how}")
        if row.how == "count":
            return f"len({rows if each.where or each.by else f'list({rows})'})", True
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
        """The expression of an operand's text or None; a subscript where the shape says that it is there."""
        value = self.frames.value(name)
        if value.depth == self.frames.depth:
            return f"{_frame(value.depth)}[{value.name!r}]" if value.name in self.present else "None"
        return self.operand_anywhere(name)

    def operand_anywhere(self, name: str) -> str:
        value = self.frames.value(name)
        return f"{'f' if value.depth is None else _frame(value.depth)}.get({value.name!r})"

    def code_set(self, name: str) -> str:
        return self.program.constant("set", name, lambda: self.program.context.code_set(name))

    def variable(self) -> str:
        self.variables += 1
        return f"v{self.variables}"


def parse_each(text: str) -> Each:
    """`group [where CONDITION]` of a sum, count or join."""
    group, _, where = text.strip().partition(" where ")
    return Each(group.strip(), parse(where) if where else None, "")


def only(rows: Iterable[Row], test: Callable[..., bool], filing: Mapping[str, str], *outer: Any) -> list[Row]:
    """The rows for which a loop's `where` holds."""
    return [row for row in rows if test(filing, *outer, row, ())]


def distinct(rows: Iterable[Row], item: str) -> list[tuple[Row, list[Row]]]:
    """Rows gathered by equal values of an item, in the order in which each value first comes."""
    found: dict[str | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get(item), []).append(row)
    return [(members[0], members) for members in found.values()]


def _frame(depth: int | None) -> str:
    return f"r{depth}" if depth else "h"


def _missing(line: str) -> str:
    raise MissingValue(line)


def _attribute(text: object) -> str:
    """A value, escaped already, as it stands between an attribute's quotes."""
    return str(text or "").replace('"', "&quot;")


def _xml_safe(texts: Iterable[str]) -> bool:
    return not any(sign in text for text in texts for sign in "&<>")
