"""Rows of a group from the cells of a sheet, and every fault with the cell it stands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from declarations.checking import check_rows
from declarations.dictionary import Form, Item
from declarations.faults import Fault, has_errors
from declarations.limits import MAX_SHEET_ROWS, MAX_VALUE
from declarations.rulebook import Context, Rulebook
from declarations.sheets.cells import ERRORS, Cell, a1, is_empty, text_of
from declarations.sheets.columns import Heading, codes_by_name, find_heading
from declarations.words import FaultWords

Mode = Literal["all", "good", "check"]
"""Which rows are given back: all or none, those without errors, or none because somebody only asks."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cells of one sheet as they stand: row 0 is the first row of the sheet. `formulas` are cells that hold one."""

    rows: Sequence[Sequence[Cell]]
    formulas: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class SheetFault:
    """A fault and its cell: `C12`, or "" for the whole sheet; `row` counts as the spreadsheet program does."""

    fault: Fault
    cell: str
    row: int | None
    column: str

    def as_dict(self) -> dict[str, Any]:
        return {**self.fault.as_dict(), "cell": self.cell, "row": self.row, "column": self.column}


@dataclass(slots=True)
class SheetRead:
    """What a sheet held. Pointers of faults are into `rows` as they would be without faults: `/crew/<number>/…`."""

    rows: list[dict[str, str]] = field(default_factory=list)
    faults: list[SheetFault] = field(default_factory=list)
    count: int = 0
    """Rows the sheet has."""
    refused: int = 0
    """Of these, rows with errors."""

    @property
    def valid(self) -> bool:
        return not has_errors([each.fault for each in self.faults])


def read_sheet(
    rulebook: Rulebook, form: Form, group: str, sheet: Sheet, context: Context, *, scope: str = "", mode: Mode = "all"
) -> SheetRead:
    """Read, check by the form's schema and rules, and give the rows back as `mode` asks. Stores nothing, raises nothing.

    `scope` is the filing scope the rows are for; without it the one that asks most of them.
    """
    reader = _Reader(rulebook, form, group, sheet)
    if reader.heading is None:
        reader.note("F-SHEET-HEADING", None, 0, None)
        return reader.read
    reader.collect()
    faults = check_rows(rulebook, form, scope or fullest_scope(form, group), group, reader.made, context)
    reader.place(faults)
    return reader.finish(mode)


def fullest_scope(form: Form, group: str) -> str:
    """The filing scope that asks most of a group's rows."""
    items = form.group_items(group)

    def asked(scope: str) -> tuple[int, int]:
        agencies = form.scopes[scope]
        given = [[item.obligation(agency, scope) for agency in agencies] for item in items]
        return sum(any(each) for each in given), sum("M" in each for each in given)

    return max(form.scopes, key=asked)


class _Reader:
    def __init__(self, rulebook: Rulebook, form: Form, group: str, sheet: Sheet) -> None:
        self.words: FaultWords = rulebook.words
        self.codes = rulebook.codes
        self.form = form
        self.group = group
        self.sheet = sheet
        self.heading: Heading | None = find_heading(form, group, sheet.rows)
        self.read = SheetRead()
        self.made: list[dict[str, str]] = []
        self.numbers: list[int] = []
        """Row of the sheet (from 0) of each row made."""
        self.spoilt: set[int] = set()
        """Rows made that have errors of the sheet itself."""

    def collect(self) -> None:
        """The rows below the names; what a cell may not hold is a fault, and the cell is left out."""
        heading = self.heading
        assert heading is not None
        for at in heading.repeated:
            self.note("F-SHEET-REPEATED", None, heading.row, at, value=self._shown(heading.row, at))
        for at in heading.unknown:
            self.note("F-SHEET-UNKNOWN", None, heading.row, at, value=self._shown(heading.row, at))
        named = {at: (item, codes_by_name(self.codes, item)) for at, item in heading.items.items()}
        for number in range(heading.row + 1, len(self.sheet.rows)):
            cells = self.sheet.rows[number]
            formulas = self.sheet.formulas
            if not any(not is_empty(cells[at]) or (number, at) in formulas for at in named if at < len(cells)):
                continue
            if len(self.made) >= MAX_SHEET_ROWS:
                self.note("F-SHEET-ROWS", None, number, None, expected=str(MAX_SHEET_ROWS))
                break
            self.numbers.append(number)
            self.made.append(self._row(number, cells, named))

    def _row(
        self, number: int, cells: Sequence[Cell], named: Mapping[int, tuple[Item, Mapping[str, str]]]
    ) -> dict[str, str]:
        row: dict[str, str] = {}
        for at, (item, names) in named.items():
            cell = cells[at] if at < len(cells) else None
            if (number, at) in self.sheet.formulas:
                self._spoil("F-SHEET-FORMULA", item, number, at)
            elif isinstance(cell, str) and cell.strip() in ERRORS:
                self._spoil("F-SHEET-ERROR", item, number, at, value=cell.strip())
            elif isinstance(cell, str) and len(cell) > MAX_VALUE:
                self._spoil("F-LENGTH", item, number, at, value=f"{cell[:80]}…", expected=item.format)
            elif not is_empty(cell):
                row[item.item_id] = text_of(cell, item, names)
        return row

    def place(self, faults: Sequence[Fault]) -> None:
        """The faults of the checks, each at its cell; what is missing stands in the column it would have."""
        columns = {item.item_id: at for at, item in self.heading.items.items()} if self.heading else {}
        spoilt = {(each.fault.item, each.row) for each in self.read.faults}
        for fault in faults:
            number = _row_number(fault, self.group)
            row = self.numbers[number] if number is not None and number < len(self.numbers) else None
            at = columns.get(fault.item or "")
            if (fault.item, row + 1 if row is not None else None) not in spoilt or row is None:
                self._add(fault, row, at)

    def finish(self, mode: Mode) -> SheetRead:
        """The rows that `mode` gives back."""
        read = self.read
        bad = {each.row for each in read.faults if each.fault.severity == "error" and each.row is not None}
        read.count = len(self.made)
        read.refused = sum(number + 1 in bad for number in self.numbers)
        if mode == "good":
            read.rows = [row for row, number in zip(self.made, self.numbers, strict=True) if number + 1 not in bad]
        elif mode == "all" and read.valid:
            read.rows = self.made
        read.faults.sort(key=lambda each: (each.row or 0, len(each.cell), each.cell))
        return read

    def note(self, code: str, item: Item | None, row: int | None, at: int | None, **filled: str) -> None:
        """A fault of the sheet itself."""
        pointer = f"/{self.group}"
        fault = self.words.fault(code, self.form, item.item_id if item else None, pointer, None, **filled)
        self._add(fault, row, at)

    def _spoil(self, code: str, item: Item, row: int, at: int, **filled: str) -> None:
        pointer = f"/{self.group}/{len(self.made)}/{item.item_id}"
        self._add(self.words.fault(code, self.form, item.item_id, pointer, None, **filled), row, at)

    def _add(self, fault: Fault, row: int | None, at: int | None) -> None:
        cell = a1(row + 1, at + 1) if row is not None and at is not None else ""
        column = self._shown(self.heading.row, at) if self.heading and at is not None else ""
        self.read.faults.append(SheetFault(fault, cell, row + 1 if row is not None else None, column))

    def _shown(self, row: int, at: int) -> str:
        cells = self.sheet.rows[row]
        return str(cells[at]) if at < len(cells) else ""


def _row_number(fault: Fault, group: str) -> int | None:
    """The number of the row a fault points at."""
    parts = fault.pointer.split("/")
    return int(parts[2]) if len(parts) > 2 and parts[1] == group and parts[2].isdecimal() else None
