"""An agency's own names for canonical codes (mappings/<agency>/codes/): out to the agency, back to the trader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.codelists import CodeList, CodeLists, check_head, overlap, period, refuse, table_rows, valid
from declarations.faults import Fault

AGENCY_COLUMNS = ("code", "agency_code", "way", "valid_from", "valid_to", "reference")
WAYS = ("out", "in", "both", "none")
"""How a conversion may be used. `none`: the agency has no such code, so the value cannot be filed there."""
NEUTRAL_SYSTEMS = ("un_locode", "iso", "imo", "un_ece", "wco")
"""Systems of no agency, which every agency takes as written."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """One row of an agency's list: what the agency calls a code, which way, and when."""

    code: str
    agency_code: str
    way: str
    valid_from: date | None
    valid_to: date | None
    row: TableRow


class AgencyCodes:
    """An agency's names for canonical codes. A list without a table goes as it is only if its system is the agency's
    own or neutral."""

    def __init__(self, agency: str, lists: CodeLists) -> None:
        self.agency = agency
        self.canonical = lists
        self.systems: dict[str, str] = {}
        self._left_out: set[str] = set()
        self._out: dict[str, dict[str, list[Conversion]]] = {}
        self._back: dict[str, dict[str, list[Conversion]]] = {}

    @classmethod
    def load(cls, bundle: Bundle, agency: str, lists: CodeLists | None = None) -> AgencyCodes:
        """Read and prove the agency's tables against the canonical lists (read from the bundle when not given)."""
        self = cls(agency, lists or CodeLists.load(bundle))
        faults: list[Fault] = []
        for path in bundle.paths(f"mappings/{agency}/codes/", ".csv"):
            self._read(bundle, path, faults)
        refuse(faults)
        return self

    def _read(self, bundle: Bundle, path: str, faults: list[Fault]) -> None:
        name, head = PurePosixPath(path).stem, bundle.head(path)
        check_head(path, head, ("system",), faults)
        code_list = self.canonical.lists.get(name)
        if code_list is None:
            faults.append(table_fault(path, None, "list", f"没有代码表 {name}", f"there is no list {name}"))
            return
        self.systems[name] = head.get("system", "")
        if head.get("unknown") == "omit":
            self._left_out.add(name)
        out: dict[str, list[Conversion]] = defaultdict(list)
        back: dict[str, list[Conversion]] = defaultdict(list)
        for row in table_rows(bundle, path, AGENCY_COLUMNS, faults):
            conversion = Conversion(row["code"], row["agency_code"], row["way"], *period(row, faults), row)
            _check_conversion(conversion, code_list, faults)
            if conversion.way != "in":
                _add(conversion, out[conversion.code], "code", faults)
            if conversion.way in ("in", "both"):
                _add(conversion, back[conversion.agency_code], "agency_code", faults)
        if code_list.complete:
            _check_cover(path, code_list, out, faults)
        self._out[name], self._back[name] = dict(out), dict(back)

    def same_system(self, name: str) -> bool:
        """Whether the agency writes this list's codes as they are.

        Only then may an unknown, well-formed code of a partial list go as written.
        """
        code_list = self.canonical.lists[name]
        if name in self.systems:
            return self.systems[name] == code_list.system
        return code_list.system == self.agency or code_list.system in NEUTRAL_SYSTEMS

    def leaves_out(self, name: str) -> bool:
        """Whether an unknown code of this list is left out of the agency's message (head `unknown: omit`).

        Only for elements the agency can do without, of partial lists whose systems differ.
        """
        return name in self._left_out

    def _conversion_out(self, name: str, code: str, on: date) -> Conversion | None:
        return next((each for each in self._out[name].get(code, ()) if valid(each, on)), None)

    def out(self, name: str, code: str, on: date) -> str | None:
        """What the agency calls `code` on that day; None means it cannot be sent as a known code."""
        if name not in self._out:
            return code if self.same_system(name) and self.canonical.lists[name].get(code, on) else None
        conversion = self._conversion_out(name, code, on)
        return (conversion.agency_code or None) if conversion else None

    def row_out(self, name: str, code: str, on: date) -> TableRow | None:
        """The table row behind `out`, for explaining; None when no table takes part."""
        conversion = self._conversion_out(name, code, on) if name in self._out else None
        return conversion.row if conversion else None

    def back(self, name: str, agency_code: str, on: date) -> str | None:
        """The canonical code of an agency's code; None unless a row says `both` or `in`."""
        if name not in self._back:
            return agency_code if self.same_system(name) and self.canonical.lists[name].get(agency_code, on) else None
        return next((each.code for each in self._back[name].get(agency_code, ()) if valid(each, on)), None)

    def out_table(self, name: str, on: date) -> dict[str, str]:
        """Every code that can be sent on that day, with what the agency calls it."""
        codes: Iterable[str] = self._out[name] if name in self._out else self.canonical.lists[name].current(on)
        converted = {code: self.out(name, code, on) for code in codes}
        return {code: target for code, target in converted.items() if target is not None}


def _check_conversion(conversion: Conversion, code_list: CodeList, faults: list[Fault]) -> None:
    path, line = conversion.row.path, conversion.row.line
    if conversion.way not in WAYS:
        zh, en = f"未知的 way：{conversion.way}", f"unknown way {conversion.way}: {', '.join(WAYS)}"
        faults.append(table_fault(path, line, "way", zh, en))
    if conversion.code not in code_list.codes:
        zh, en = f"{code_list.name} 中没有 {conversion.code}", f"{conversion.code} is not in {code_list.name}"
        faults.append(table_fault(path, line, "code", zh, en))
    if bool(conversion.agency_code) == (conversion.way == "none"):
        zh, en = "way 为 none 时应为空，否则必填", "blank exactly when way is none"
        faults.append(table_fault(path, line, "agency_code", zh, en))


def _add(conversion: Conversion, others: list[Conversion], column: str, faults: list[Fault]) -> None:
    """Add to the conversions of one code, which must not share a day: the conversion would be ambiguous."""
    if any(overlap(conversion, other) for other in others):
        key = conversion.row[column]
        zh, en = f"{key} 在同一时间有两行对应", f"{key} is converted in two ways on the same days"
        faults.append(table_fault(conversion.row.path, conversion.row.line, column, zh, en))
    others.append(conversion)


def _check_cover(path: str, code_list: CodeList, out: dict[str, list[Conversion]], faults: list[Fault]) -> None:
    """A complete list must say of every value, on every day it is valid, what the agency calls it."""
    for code in (code for periods in code_list.codes.values() for code in periods):
        reached = code.valid_from or date.min
        for conversion in sorted(out.get(code.code, ()), key=lambda each: each.valid_from or date.min):
            if (conversion.valid_from or date.min) <= reached:
                reached = max(reached, conversion.valid_to or date.max)
        if reached < (code.valid_to or date.max):
            zh, en = f"{code.code} 自 {reached} 起没有对应代码", f"{code.code} has no conversion from {reached}"
            faults.append(table_fault(path, None, "code", zh, en))
