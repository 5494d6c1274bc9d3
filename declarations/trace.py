"""The tables read row by row instead of compiled: slower, and every value tells where it came from.

It writes the same elements as `compiler.Program` (a test compares them on every case) and serves explain, the way back from
an agency's element to the trader's field, and the search for the fault when a compiled table refused a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from declarations.bundle import TableRow
from declarations.conditions import Condition
from declarations.conversions import Unmapped, cut, format_date, format_number, split_part, total
from declarations.form import Declaration, Row
from declarations.functions import FUNCTIONS
from declarations.reach import Frames
from declarations.tablecontext import MissingValue, TableContext, distinct, parse_each
from declarations.tables import Each, MapRow, Node


@dataclass(frozen=True, slots=True)
class Frame:
    """One loop at run time: its row, the members of a `by` loop, its position."""

    row: Row
    members: list[Row]
    number: int


@dataclass(frozen=True, slots=True)
class Written:
    """One value of a message. `target` counts repeats from 1; `item` and `row` say where the trader typed it."""

    target: str
    value: str
    map_row: MapRow
    operand: str | None
    item: str | None
    row: Row | None
    typed: str | None
    code_row: TableRow | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that could not make its value."""

    target: str
    map_row: MapRow
    item: str | None
    row: Row | None
    typed: str | None
    error: Exception


Source = tuple[str | None, str | None, Row | None, str | None]


@dataclass(slots=True)
class Coverage:
    """What runs of a tracer have exercised: rows that made a value, and how each row's conditions came out."""

    rows: set[str] = field(default_factory=set)
    conditions: dict[str, set[bool]] = field(default_factory=dict)


class Tracer:
    """Walks one table over one declaration."""

    def __init__(
        self,
        context: TableContext,
        declaration: Declaration,
        filing: Mapping[str, str],
        coverage: Coverage | None = None,
    ) -> None:
        self.context = context
        self.declaration = declaration
        self.filing = filing
        self.coverage = coverage or Coverage()

    def run(self) -> Iterator[Written | Refused]:
        """Every value in message order, and every refusal."""
        frames = Frames(self.context.form, self.context.filing)
        stack = (Frame(self.declaration.header, [], 1),)
        for child in self.context.table.tree.children.values():
            yield from self._node(child, "", frames, stack, {})

    def _node(
        self, node: Node, path: str, frames: Frames, stack: tuple[Frame, ...], counts: dict[str, int]
    ) -> Iterator[Written | Refused]:
        target = f"{path}/{node.name}" if path else node.name
        if node.mark == "[]":
            assert node.loop is not None
            assert node.loop.each is not None
            inner = frames.inside(node.loop.each)
            for number, (row, members) in enumerate(self._loop_rows(node.loop.each, frames, stack, node.loop.line), 1):
                self.coverage.rows.add(node.loop.line)
                counts[target] = number
                inner_stack = (*stack, Frame(row, members, number))
                yield from self._children(node, f"{target}[{number}]", inner, inner_stack)
        elif node.mark == "[+]":
            if node.loop is not None and self._when(node.loop, frames, stack):
                self.coverage.rows.add(node.loop.line)
                counts[target] = number = counts.get(target, 0) + 1
                yield from self._children(node, f"{target}[{number}]", frames, stack)
        elif node.rows:
            yield from self._leaf(node, target, frames, stack)
        else:
            yield from self._children(node, target, frames, stack)

    def _children(
        self, node: Node, target: str, frames: Frames, stack: tuple[Frame, ...]
    ) -> Iterator[Written | Refused]:
        counts: dict[str, int] = {}
        for child in node.children.values():
            yield from self._node(child, target, frames, stack, counts)

    def _leaf(self, node: Node, target: str, frames: Frames, stack: tuple[Frame, ...]) -> Iterator[Written | Refused]:
        row = next((row for row in node.rows if self._when(row, frames, stack)), None)
        if row is None:
            return
        operand, item, item_row, typed = self._source(row, frames, stack)
        try:
            value, code_row = self._value(row, typed, frames, stack)
        except (ValueError, ArithmeticError) as error:
            yield Refused(target, row, item, item_row, typed, error)
            return
        if value:
            self.coverage.rows.add(row.line)
            yield Written(target, value, row, operand, item, item_row, typed, code_row)

    def _source(self, row: MapRow, frames: Frames, stack: tuple[Frame, ...]) -> Source:
        """(operand, item, its row, value as typed) of the first source that is not empty, or of the first one."""
        if row.how in ("sum", "join"):
            return row.sources[0], row.sources[0], self.declaration.header, None
        found: Source = (None, None, None, None)
        for number, source in enumerate(row.sources):
            value = frames.value(source)
            if value.depth is None:
                typed = self.filing.get(value.name)
                candidate: Source = (source, None, None, typed)
            else:
                held = stack[value.depth].row
                candidate = (source, value.name, held, held.get(value.name))
            if candidate[3]:
                return candidate
            found = candidate if number == 0 else found
        return found

    def _value(
        self, row: MapRow, typed: str | None, frames: Frames, stack: tuple[Frame, ...]
    ) -> tuple[str | None, TableRow | None]:
        value, code_row = self._made(row, typed, frames, stack)
        if value:
            return value, code_row
        if row.default is not None:
            return row.default, None
        if row.empty == "error" and row.how not in ("const", "seq", "count"):
            raise MissingValue(row.line)
        return None, None

    def _made(
        self, row: MapRow, typed: str | None, frames: Frames, stack: tuple[Frame, ...]
    ) -> tuple[str | None, TableRow | None]:
        context = self.context
        if row.how == "const":
            return row.arg, None
        if row.how == "seq":
            return str(stack[-1].number + int(row.arg or 1) - 1), None
        if row.how in ("count", "sum", "join"):
            return self._aggregate(row, frames, stack), None
        if not typed:
            return None, None
        if row.how == "code":
            return context.translation(row.arg)[typed], context.agency_codes.row_out(row.arg, typed, context.on)
        if row.how == "lookup":
            return context.attribute(row.arg).get(typed), None
        if row.how == "date":
            return format_date(typed, row.arg, context.timezone), None
        if row.how == "number":
            return format_number(typed, row.arg), None
        if row.how == "text":
            return cut(typed, row.arg), None
        if row.how == "split":
            return split_part(typed, row.arg), None
        if row.how.startswith("fn:"):
            return FUNCTIONS[row.how[3:]](typed), None
        return typed, None

    def _aggregate(self, row: MapRow, frames: Frames, stack: tuple[Frame, ...]) -> str | None:
        where, _, option = row.arg.partition(";")
        rows = [found for found, _ in self._loop_rows(parse_each(where), frames, stack, row.line)]
        if row.how == "count":
            return str(len(rows))
        values = [found.get(row.sources[0]) for found in rows]
        if row.how == "sum":
            return total(values, option.strip())
        return (option.removeprefix(" ") or ",").join(value for value in values if value)

    def _loop_rows(
        self, each: Each, frames: Frames, stack: tuple[Frame, ...], line: str
    ) -> list[tuple[Row, list[Row]]]:
        place = frames.rows(each.group)
        held = stack[place.depth]
        rows = held.members if place.members else held.row.children.get(each.group, [])
        if each.where is not None:
            inside = frames.inside(Each(each.group, None, ""))
            rows = [row for row in rows if self._holds(line, each.where, inside, (*stack, Frame(row, [], 0)))]
        return distinct(rows, each.by) if each.by else [(row, []) for row in rows]

    def _when(self, row: MapRow, frames: Frames, stack: tuple[Frame, ...]) -> bool:
        return row.when is None or self._holds(row.line, row.when, frames, stack)

    def _holds(self, line: str, condition: Condition, frames: Frames, stack: tuple[Frame, ...]) -> bool:
        def lookup(operand: str) -> str | None:
            value = frames.value(operand)
            return self.filing.get(value.name) if value.depth is None else stack[value.depth].row.get(value.name)

        answer = condition.holds(lookup, self.context.codes, self.context.on)
        self.coverage.conditions.setdefault(line, set()).add(answer)
        return answer


def describe(error: Exception) -> tuple[str, str]:
    """What a refusal means, in Chinese and English."""
    if isinstance(error, MissingValue):
        return "该机构必填，但没有值", "the agency requires it and there is no value"
    if isinstance(error, Unmapped):
        return f"没有代码对应：{error}", f"no code conversion: {error}"
    return f"无法转换：{error}", f"cannot be converted: {error}"
