"""The proof of one outgoing message's table: against the agency's schema, the form and the code lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xmlschema import XMLSchema, XMLSchemaException
from xmlschema.validators import XsdComplexType, XsdElement, XsdGroup

from declarations.agencycodes import AgencyCodes
from declarations.conditions import Condition
from declarations.conversions import bad_argument
from declarations.errors import BadConfiguration
from declarations.functions import FUNCTIONS
from declarations.reach import Frames, Unreachable
from declarations.tablecontext import parse_each
from declarations.tables import MapRow, MessageTable, Node, TableFaults

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook

Limits = tuple[int, int | None]
OCCURS: dict[str, Limits] = {"1": (1, 1), "0..1": (0, 1), "1..n": (1, None), "0..n": (0, None)}


class MessageProof:
    """One outgoing message against its schema, the form and the lists."""

    def __init__(self, rulebook: Rulebook, table: MessageTable, codes: AgencyCodes, faults: TableFaults) -> None:
        self.rulebook = rulebook
        self.table = table
        self.form = rulebook.forms[table.form]
        self.codes = codes
        self.faults = faults

    def run(self) -> None:
        try:
            # libxml2 says whether it is a schema at all: xmlschema's own judgement takes five times as long as reading it
            self.rulebook.schema(self.table.schema)
            schema = XMLSchema(self.rulebook.bundle.text(self.table.schema), allow="none", validation="skip")
        except (BadConfiguration, XMLSchemaException) as error:
            self.faults.note_file(self.table.schema, "", f"不是可用的 XSD：{error}", f"is no schema: {error}")
            return
        root = schema.elements.get(self.table.root)
        if root is None:
            self.faults.note_file(
                self.table.schema, "root", f"没有根元素 {self.table.root}", f"has no root {self.table.root}"
            )
            return
        self.element(self.table.tree, root, Frames(self.form, self.rulebook.filing))

    def element(self, node: Node, declared: XsdElement, frames: Frames) -> None:
        """Children of an element: they exist, stand in order, and the mandatory ones are fed."""
        kind = declared.type
        if not isinstance(kind, XsdComplexType):
            below = _first_rows(next(iter(node.children.values())))[0]
            self.note(
                below, "target", f"Schema 中 {node.name} 没有下级元素", f"{node.name} has no elements in the schema"
            )
            return
        attributes = dict(declared.attributes)
        elements = dict(_particles(kind.content)) if isinstance(kind.content, XsdGroup) else {}
        order = {name: number for number, name in enumerate(elements)}
        reached = 0
        for child in node.children.values():
            row = child.loop or (child.rows or _first_rows(child))[0]
            if child.is_attribute:
                if child.name[1:] not in attributes:
                    self.note(
                        row, "target", f"Schema 没有属性 {child.name}", f"the schema has no attribute {child.name}"
                    )
                self.leaf(child, frames, mandatory=False, occurs=None)
                continue
            if child.name not in order:
                self.note(row, "target", f"Schema 此处没有 {child.name}", f"the schema has no {child.name} here")
                continue
            if order[child.name] < reached:
                self.note(row, "target", f"{child.name} 的次序与 Schema 不符", f"{child.name} is out of schema order")
            reached = max(reached, order[child.name])
            self.child(child, *elements[child.name], frames)
        fed = {child.name for child in node.children.values()}
        for name, (_, limits) in elements.items():
            if limits[0] > 0 and name not in fed:
                self.unfed(node, name)

    def child(self, node: Node, declared: XsdElement, limits: Limits, frames: Frames) -> None:
        if node.loop is None and node.rows:
            self.leaf(node, frames, mandatory=limits[0] > 0, occurs=limits)
            record = not declared.type.has_simple_content()
            if record or node.children:
                wrong = node.rows[0] if record else _first_rows(next(iter(node.children.values())))[0]
                text = f"{node.name} 不能既有值又有下级元素", f"{node.name} is either a value or a record"
                self.note(wrong, "target", *text)
            return
        if not node.children:
            text = f"{node.name} 之下没有任何行", f"nothing feeds {node.name}"
            self.note(_first_rows(node)[0], "target", *text)
            return
        if node.loop is not None:
            row = node.loop
            if node.mark == "[]":
                self.occurs(row, limits)
            if limits[1] == 1:
                self.note(row, "target", "Schema 不允许重复", "the schema lets it stand once only")
            self.condition(row, row.when, frames)
            inner = self.loop(row, frames)
            if inner is None:
                return
            frames = inner
        self.element(node, declared, frames)

    def loop(self, row: MapRow, frames: Frames) -> Frames | None:
        if row.each is None:
            return frames
        try:
            frames.rows(row.each.group)
        except Unreachable as error:
            self.note(row, "each", str(error), str(error))
            return None
        inner = frames.inside(row.each)
        self.condition(row, row.each.where, inner, "each")
        if row.each.by and row.each.by not in self.form.items:
            self.note(row, "each", f"没有数据项 {row.each.by}", f"there is no item {row.each.by}")
        return inner

    def leaf(self, node: Node, frames: Frames, *, mandatory: bool, occurs: Limits | None) -> None:
        for row in node.rows:
            if occurs is not None:
                self.occurs(row, occurs)
            self.condition(row, row.when, frames)
            self.sources(row, frames)
            self.conversion(row)
            if row is not node.rows[-1] and row.when is None:
                self.note(row, "when", "其后的行永远轮不到", "rows after it can never be reached")
        last = node.rows[-1]
        if mandatory and last.when is not None:
            self.note(
                last, "when", "必填元素的最后一行不能有条件", "a mandatory target must end with a row without `when`"
            )
        for row in node.rows:
            if mandatory and row.empty == "omit" and row.how not in ("const", "seq", "count"):
                self.note(row, "empty", "必填元素不能省略", "a mandatory target may not be omitted")

    def sources(self, row: MapRow, frames: Frames) -> None:
        within = frames
        if row.how in ("sum", "count", "join"):
            try:
                each = parse_each(row.arg.partition(";")[0])
                frames.rows(each.group)
                within = frames.inside(each)
                self.condition(row, each.where, within, "arg")
            except (Unreachable, ValueError) as error:
                self.note(row, "arg", str(error), str(error))
                return
        for source in row.sources:
            try:
                within.value(source)
            except Unreachable as error:
                self.note(row, "source", str(error), str(error))
                continue
            item = self.form.items.get(source.removeprefix("parent."))
            if item is not None and self.table.agency not in item.obligations:
                self.note(
                    row,
                    "source",
                    f"字典未把 {source} 给该机构",
                    f"the dictionary does not give {source} to this agency",
                )

    def conversion(self, row: MapRow) -> None:
        if (reason := bad_argument(row.how, row.arg)) is not None:
            self.note(
                row, "arg", f"{row.how} 不接受 {row.arg}：{reason}", f"{row.how} cannot take {row.arg!r}: {reason}"
            )
        elif row.how == "code" and row.arg not in self.rulebook.codes.lists:
            self.note(row, "arg", f"没有代码表 {row.arg}", f"there is no list {row.arg}")
        elif row.how == "code" and row.arg not in self.codes.systems and not self.codes.same_system(row.arg):
            self.note(row, "arg", f"该机构没有 {row.arg} 的对照表", f"this agency has no conversions of {row.arg}")
        elif row.how.startswith("fn:") and row.how[3:] not in FUNCTIONS:
            self.note(row, "how", "未知函数", f"must be one of {', '.join(FUNCTIONS)}")
        elif row.how == "lookup":
            name, _, attribute = row.arg.partition(".")
            known = self.rulebook.codes.lists.get(name)
            if known is None or attribute not in known.attributes:
                self.note(row, "arg", f"没有属性 {row.arg}", f"there is no attribute {row.arg}")
        elif row.how in ("copy", "text"):
            for source in row.sources:
                item = self.form.items.get(source.removeprefix("parent."))
                if item and item.code_list and not self._as_written(item.code_list):
                    self.note(row, "how", f"{source} 须换码", f"{source} needs a conversion: the systems differ")

    def _as_written(self, code_list: str) -> bool:
        known = self.rulebook.codes.lists.get(code_list)
        return known is None or known.system == "window" or self.codes.same_system(code_list)

    def condition(self, row: MapRow, condition: Condition | None, frames: Frames, column: str = "when") -> None:
        if condition is None:
            return
        for operand in condition.operands():
            try:
                frames.value(operand)
            except Unreachable as error:
                self.note(row, column, str(error), str(error))
        for name in condition.code_lists():
            if name not in self.rulebook.codes.lists:
                self.note(row, column, f"没有代码表 {name}", f"there is no list {name}")

    def occurs(self, row: MapRow, limits: Limits) -> None:
        said = OCCURS.get(row.occurs)
        if said is None:
            self.note(row, "occurs", "只能是 1、0..1、1..n、0..n", "must be 1, 0..1, 1..n or 0..n")
            return
        least, most = limits
        tighter = said[0] >= least and (most is None or (said[1] is not None and said[1] <= most) or most > 1)
        if not tighter:
            self.note(row, "occurs", f"Schema 为 {least}..{most or 'n'}", f"the schema says {least}..{most or 'n'}")

    def unfed(self, node: Node, name: str) -> None:
        rows = [node.loop] if node.loop else _first_rows(node)
        text = f"Schema 必填的 {name} 没有来源", f"{name} is mandatory in the schema and nothing feeds it"
        if rows and rows[0] is not None:
            self.note(rows[0], "target", *text)
        else:
            self.faults.note_file(self.table.path, "target", *text)

    def note(self, row: MapRow, column: str, zh: str, en: str) -> None:
        self.faults.note(row.row, column, f"{row.line} {zh}", f"{row.line}: {en}")


def _particles(group: XsdGroup, *, optional: bool = False) -> Iterator[tuple[str, tuple[XsdElement, Limits]]]:
    """(local name, (element, occurrence)) of a content model; inside a choice nothing is mandatory by itself."""
    optional = optional or group.model == "choice" or group.min_occurs == 0
    for particle in group:
        if isinstance(particle, XsdGroup):
            yield from _particles(particle, optional=optional)
        elif isinstance(particle, XsdElement):
            least = 0 if optional else particle.min_occurs
            yield particle.local_name, (particle, (least, particle.max_occurs))


def _first_rows(node: Node) -> list[MapRow]:
    """The first rows at or below a node."""
    for found in node.walk():
        if found.loop is not None:
            return [found.loop]
        if found.rows:
            return found.rows
    return []
