"""What a row of a table can reach from where it stands: the header, its loop's row, the enclosing rows, the window's values."""

from __future__ import annotations

from dataclasses import dataclass

from declarations.dictionary import Form
from declarations.tables import Each


class Unreachable(ValueError):
    """The table names something that does not exist, or that cannot be seen from there."""


@dataclass(frozen=True, slots=True)
class Value:
    """Where an operand's value stands: `depth` 0 is the header, 1 the outermost loop's row; None is a value of the window."""

    depth: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows of a group stand: children of the row at `depth`, or the members a `by` loop at `depth` gathered."""

    depth: int
    group: str
    members: bool


@dataclass(frozen=True, slots=True)
class Frames:
    """The loops around a table row, outermost first: ("", False) is the header, then (group, grouped by an item)."""

    form: Form
    filing: frozenset[str]
    loops: tuple[tuple[str, bool], ...] = (("", False),)

    @property
    def depth(self) -> int:
        return len(self.loops) - 1

    def inside(self, each: Each | None) -> Frames:
        """The frames of what stands inside a loop; a further occurrence ([+]) loops over nothing and adds none."""
        if each is None:
            return self
        return Frames(self.form, self.filing, (*self.loops, (each.group, bool(each.by))))

    def value(self, operand: str) -> Value:
        """Resolve `item`, `parent.item` or `filing.NAME`; raises Unreachable."""
        if operand.startswith("filing."):
            name = operand.removeprefix("filing.")
            if name not in self.filing:
                raise Unreachable(f"{operand} is not in mappings/filing.csv")
            return Value(None, name)
        loops = self.loops
        if operand.startswith("parent."):
            operand, loops = operand.removeprefix("parent."), loops[:-1]
        item = self.form.items.get(operand)
        if item is None:
            raise Unreachable(f"{operand} is no item of form {self.form.name}")
        for depth in reversed(range(len(loops))):
            if loops[depth][0] == item.group:
                return Value(depth, operand)
        raise Unreachable(f"{operand} belongs to {item.group}, which no loop here goes through")

    def rows(self, group: str) -> Rows:
        """Where the rows of a group are found from here; raises Unreachable."""
        known = self.form.groups.get(group)
        if known is None:
            raise Unreachable(f"{group} is no group of form {self.form.name}")
        for depth in reversed(range(len(self.loops))):
            if self.loops[depth] == (group, True):
                return Rows(depth, group, True)
            if self.loops[depth][0] == known.parent:
                return Rows(depth, group, False)
        raise Unreachable(f"{group} stands inside {known.parent}, which no loop here goes through")
