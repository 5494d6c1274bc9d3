"""A declaration as it was filed: a header, groups of rows, and values exactly as typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


class Row(dict[str, str]):
    """One row of a group, or the header: item_id -> value as typed. An item that was not given is absent, never ''."""

    __slots__ = ("children", "pointer")

    children: dict[str, list[Row]]
    pointer: str

    def __init__(self, values: object = (), pointer: str = "") -> None:
        super().__init__(values)  # type: ignore[call-overload]
        self.children = {}
        self.pointer = pointer

    def __bool__(self) -> bool:
        """A row that gives nothing is still a row: `row or other` must not pass it over."""
        return True


@dataclass(slots=True)
class Declaration:
    """The merged form in memory. `header.children` holds the groups; nested groups hang on their own rows."""

    form: str
    scope: str
    header: Row
    plain: bool = True
    """True when no value needs escaping in XML: the document held no entity and no CDATA section."""
    faulty: set[tuple[str, str]] = field(default_factory=set)
    """(row pointer, item_id) of values that failed the schema; rules leave them alone."""

    def rows(self, group: str) -> list[Row]:
        """All rows of a group in form order, those of nested groups too."""
        direct = self.header.children.get(group)
        if direct is not None:
            return direct
        return [
            row for rows in self.header.children.values() for parent in rows for row in parent.children.get(group, ())
        ]

    def walk(self) -> Iterator[tuple[str | None, Row]]:
        """(group, row) of the header (None) and every row, in form order."""
        yield None, self.header
        for group, rows in self.header.children.items():
            for row in rows:
                yield group, row
                for child_group, children in row.children.items():
                    for child in children:
                        yield child_group, child
