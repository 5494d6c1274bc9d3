"""Bringing an official code list in: what it changes from a day on, the table's new text, and which rows it touches.

The official file is a CSV (UTF-8 or GB18030) with `code, name_zh, name_en`, any of the list's attributes and, if
wanted, `valid_from, valid_to, reference`. Nothing is rewritten backwards: a value that changes gets its old row closed
on the day and a new row from it, so declarations accepted before keep what they were judged by. (design.md section 2)
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Literal

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.codelists import FIXED_COLUMNS, FOLDER, Code, CodeList, CodeLists, read_list
from declarations.errors import BadConfiguration
from declarations.faults import Fault

Kind = Literal["added", "ended", "changed", "reopened"]
NAMES = ("name_zh", "name_en")
ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order: Chinese text in GB18030 is practically never valid UTF-8."""
DATES_AND_REFERENCE = ("valid_from", "valid_to", "reference")
COMPARED = re.compile(r"([\w.]+)\s*=\s*'([^']*)'")
"""An item compared with a code in a `when` condition."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `column` names a changed cell ('' for a whole row); `at` is the day it takes effect."""

    kind: Kind
    code: str
    column: str
    old: str
    new: str
    at: date


@dataclass(frozen=True, slots=True)
class Touched:
    """A table row that uses a changed code; `line` is None where a row is missing altogether."""

    path: str
    line: int | None
    code: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class Official:
    """One row of an official file as of `start`; `before`: what stands on that day; `known`: the code ever stood."""

    code: Code
    start: date
    before: Code | None
    known: bool


def diff(current: CodeList, data: bytes, on: date, *, complete: bool = False) -> list[Change]:
    """What the official file changes in `current` from the day `on` (or a row's own valid_from).

    `complete` says that the file is the whole list: codes it leaves out end on that day. Raises BadConfiguration.
    """
    officials = _official(current, data, on, "")
    changes = [change for official in officials for change in _changes(official)]
    if complete:
        left_out = _left_out(current, officials, on)
        changes.extend(Change("ended", code.code, "", code.name_zh, "", on) for code in left_out)
    return changes


def load(current: CodeList, text: str, data: bytes, on: date, *, complete: bool = False, reference: str = "") -> str:
    """The list's table with the official file brought in from the day `on`; `text` is the table as it stands.

    Rows the file agrees with stay as they are. Raises BadConfiguration, also when the result would not load.
    """
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    head = [line for line in lines if line.lstrip('"').startswith("#")]
    reader = csv.DictReader(io.StringIO("".join(lines[len(head) :])))
    columns = list(reader.fieldnames or ())
    table: dict[str, list[dict[str, str]]] = {}
    for row in reader:
        table.setdefault(row["code"].strip(), []).append({column: (row[column] or "").strip() for column in columns})
    officials = _official(current, data, on, reference)
    for official in officials:
        if any(_changes(official)):
            _bring_in(table.setdefault(official.code.code, []), official)
    for code in _left_out(current, officials, on) if complete else ():
        _end(table[code.code], code, on)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for rows in table.values() for row in rows)
    return _proved(current.name, "".join(head) + out.getvalue())


def affected(
    changes: Iterable[Change], name: str, lists: CodeLists, rows: Iterable[TableRow], item_lists: Mapping[str, str]
) -> list[Touched]:
    """Rows that use a code of list `name` which changes or ends, and rows of small lists picked from it.

    `rows` are table rows of any kind; `item_lists` gives the code list of each dictionary item.
    """
    standing = [change for change in changes if change.kind != "added"]
    codes, columns = {change.code for change in standing}, {change.column for change in standing}
    return [
        Touched(row.path, row.line, code, zh, en)
        for row in rows
        for code, zh, en in _uses(row, name, lists, item_lists, columns)
        if code in codes or (code == "" and standing)
    ]


def affected_in(
    bundle: Bundle, lists: CodeLists, name: str, changes: list[Change], item_lists: Mapping[str, str]
) -> list[Touched]:
    """`affected` over all tables of a bundle, and each agency's table that lacks a code which is added."""
    paths = bundle.paths("mappings/", ".csv")
    touched = affected(changes, name, lists, (row for path in paths for row in bundle.table(path)), item_lists)
    for path in paths:
        if not path.endswith(f"/codes/{name}.csv") or path.startswith(FOLDER):
            continue
        known = {row["code"] for row in bundle.table(path)}
        touched.extend(
            Touched(path, None, change.code, "新代码尚无对应代码", "the new code has no conversion yet")
            for change in changes
            if change.kind == "added" and change.code not in known
        )
    return touched


def _uses(
    row: TableRow, name: str, lists: CodeLists, item_lists: Mapping[str, str], columns: set[str]
) -> Iterator[tuple[str, str, str]]:
    """The codes of list `name` that a row uses, and how; code '' when it uses the list as a whole."""
    path = PurePosixPath(row.path)
    if path.parent.name == "codes":
        picked = path.parent == PurePosixPath(FOLDER) and lists.lists[path.stem].subset_of == name
        if picked:
            yield row["code"], f"条件代码表 {path.stem}", f"condition list {path.stem}"
        elif path.stem == name and path.parent != PurePosixPath(FOLDER):
            yield row["code"], f"对应代码 {row['agency_code']}", f"converted to {row['agency_code'] or 'nothing'}"
        return
    for column, cell in row.items():
        for operand, code in COMPARED.findall(cell):
            if item_lists.get(operand.rpartition(".")[2]) == name:
                yield code, f"条件 {cell}", f"condition {cell}"
        if re.search(rf"\bin\s+{name}\b", cell):
            yield "", f"条件 {cell}", f"condition {cell}"
        source, _, attribute = cell.partition(".")
        if column == "arg" and row.get("how") == "lookup" and source == name and attribute in columns:
            yield "", f"取属性 {cell}", f"looks up {cell}"
        if item_lists.get(column) == name:
            for code in re.split(r"[\s,;|]+", cell):
                yield code, f"{column} 列", f"column {column}"


def _official(current: CodeList, data: bytes, on: date, reference: str) -> list[Official]:
    """The file's rows, each compared with what stands on its day; raises BadConfiguration with every fault."""
    faults: list[Fault] = []
    found: list[Official] = []
    seen: set[str] = set()
    for row in _read(current, data):
        start = _day(row, "valid_from", faults) or on
        end = _day(row, "valid_to", faults)
        before = current.get(row["code"], start)
        names = {column: row[column] or (getattr(before, column) if before else "") for column in NAMES}
        for column in ("code", *NAMES):
            if not (row[column] or names.get(column)):
                faults.append(_fault(row, column, "不能为空", "must not be blank"))
        if row["code"] in seen:
            faults.append(_fault(row, "code", f"{row['code']} 重复", f"{row['code']} appears twice"))
        seen.add(row["code"])
        if current.pattern and not current.pattern.fullmatch(row["code"]):
            pattern = current.pattern.pattern
            faults.append(_fault(row, "code", f"{row['code']} 不符合 {pattern}", f"{row['code']} is not {pattern}"))
        if end and end <= start:
            faults.append(_fault(row, "valid_to", "早于或等于生效日期", "is not after the first day"))
        own = {column: row.get(column, before.attributes[column] if before else "") for column in current.attributes}
        # a later period that is already announced stays: the new row reaches only to it
        later = [each.valid_from for each in current.codes.get(row["code"], ()) if (each.valid_from or on) > start]
        last = end or (before.valid_to if before else min((day for day in later if day), default=None))
        kept = row.get("reference") or reference or (before.reference if before else f"official list of {start}")
        code = Code(row["code"], names["name_zh"], names["name_en"], own, start, last, kept)
        found.append(Official(code, start, before, row["code"] in current.codes))
    if faults:
        raise BadConfiguration(f"official list {current.name}: {len(faults)} faults", "官方代码表有误", faults=faults)
    return found


def _changes(official: Official) -> Iterator[Change]:
    """What one row of the file changes; nothing when it says what already stands."""
    code, before, start = official.code, official.before, official.start
    if before is None:
        yield Change("reopened" if official.known else "added", code.code, "", "", code.name_zh, start)
        return
    cells = [(column, str(getattr(before, column)), str(getattr(code, column))) for column in NAMES]
    cells += [(column, before.attributes[column], value) for column, value in code.attributes.items()]
    for column, old, new in cells:
        if old != new:
            yield Change("changed", code.code, column, old, new, start)
    if code.valid_to and code.valid_to != before.valid_to:
        yield Change("ended", code.code, "", before.name_zh, "", code.valid_to)


def _left_out(current: CodeList, officials: list[Official], on: date) -> list[Code]:
    given = {official.code.code for official in officials}
    return [code for code in current.current(on).values() if code.code not in given]


def _bring_in(rows: list[dict[str, str]], official: Official) -> None:
    """Among the rows of one code, close the one that stands on the day and put the new one after it."""
    code = official.code
    values = {
        "code": code.code, "name_zh": code.name_zh, "name_en": code.name_en, **code.attributes,
        "valid_from": code.valid_from.isoformat() if code.valid_from else "",
        "valid_to": code.valid_to.isoformat() if code.valid_to else "", "reference": code.reference,
    }  # fmt: skip
    if official.before is None:
        rows.append(values)
        return
    place = _place(rows, official.before)
    same = all(rows[place][column] == value for column, value in values.items() if column not in DATES_AND_REFERENCE)
    if same or official.before.valid_from == official.start:
        # nothing but the end differs, or the day's own row is corrected: no period would be left to close
        rows[place] |= values | {"valid_from": rows[place]["valid_from"]}
        return
    rows[place]["valid_to"] = official.start.isoformat()
    rows.insert(place + 1, values)


def _place(rows: list[dict[str, str]], code: Code) -> int:
    start = code.valid_from.isoformat() if code.valid_from else ""
    return next(place for place, row in enumerate(rows) if row["valid_from"] == start)


def _end(rows: list[dict[str, str]], code: Code, on: date) -> None:
    place = _place(rows, code)
    if code.valid_from == on:
        del rows[place]  # it would have been valid on no day
    else:
        rows[place]["valid_to"] = on.isoformat()


def _proved(name: str, text: str) -> str:
    """The text itself, once it reads as a list without faults."""
    faults: list[Fault] = []
    path = f"{FOLDER}{name}.csv"
    read_list(Bundle({path: text.encode()}), path, faults)
    if faults:
        raise BadConfiguration(f"the new {name} would not load: {faults[0].message_en}", faults=faults)
    return text


def _read(current: CodeList, data: bytes) -> list[TableRow]:
    """The rows of an official file with known columns only."""
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        fault = table_fault(current.name, None, "", "既不是 UTF-8 也不是 GB18030", "neither UTF-8 nor GB18030")
        raise BadConfiguration(f"official list {current.name}: unknown encoding", faults=[fault])
    rows = Bundle({current.name: text.encode()}).table(current.name)
    given = list(rows[0]) if rows else []
    faults = [
        table_fault(current.name, None, column, f"没有列 {column}", f"no column {column}")
        for column in ("code", *NAMES)
        if column not in given
    ] + [
        table_fault(current.name, None, column, f"{current.name} 没有 {column}", f"{current.name} has no {column}")
        for column in given
        if column not in (*FIXED_COLUMNS, *current.attributes)
    ]
    if faults:
        raise BadConfiguration(f"official list {current.name}: wrong columns", "列名有误", faults=faults)
    return rows


def _day(row: TableRow, column: str, faults: list[Fault]) -> date | None:
    try:
        return date.fromisoformat(row[column]) if row.get(column) else None
    except ValueError:
        faults.append(_fault(row, column, f"{row[column]} 不是日期", f"{row[column]} is not a date (YYYY-MM-DD)"))
        return None


def _fault(row: TableRow, column: str, message_zh: str, message_en: str) -> Fault:
    return table_fault(row.path, row.line, column, message_zh, message_en)
