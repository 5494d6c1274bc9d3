"""Code lists: the canonical ones (mappings/codes/), and search.

Every row has a validity [valid_from, valid_to); an empty date is open. Loading proves the lists: a contradiction raises
BadConfiguration with faults that name file, row and column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import PurePosixPath
from typing import Protocol

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.faults import Fault

FOLDER = "mappings/codes/"
FIXED_COLUMNS = ("code", "name_zh", "name_en", "valid_from", "valid_to", "reference")
"""Columns of every list; what stands between name_en and valid_from are the list's attributes."""
STATUSES = ("complete", "partial")
SEARCHED_ATTRIBUTES = ("alpha2", "alpha3")
"""Attributes a trader types instead of the code: CN, USD."""


class Dated(Protocol):
    """Anything valid in [valid_from, valid_to)."""

    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_to(self) -> date | None: ...


def valid(period: Dated, on: date) -> bool:
    """Whether the period holds on that day."""
    return (period.valid_from is None or period.valid_from <= on) and (period.valid_to is None or on < period.valid_to)


def overlap(one: Dated, other: Dated) -> bool:
    """Whether two periods share a day."""
    return (one.valid_from or date.min) < (other.valid_to or date.max) and (
        (other.valid_from or date.min) < (one.valid_to or date.max)
    )


@dataclass(frozen=True, slots=True)
class Code:
    """One value in one period. `attributes` are the list's own columns (HS: unit1, conditions …), '' when blank."""

    code: str
    name_zh: str
    name_en: str
    attributes: dict[str, str]
    valid_from: date | None
    valid_to: date | None
    reference: str


@dataclass
class CodeList:
    """One canonical list. `system`: whose codes they are; `subset_of`: the list a small condition list picks from."""

    name: str
    complete: bool
    system: str
    pattern: re.Pattern[str] | None
    name_zh: str
    name_en: str
    attributes: tuple[str, ...] = ()
    subset_of: str = ""
    codes: dict[str, list[Code]] = field(default_factory=dict)

    def get(self, code: str, on: date) -> Code | None:
        """The code as it stands on that day."""
        for period in self.codes.get(code, ()):
            if valid(period, on):
                return period
        return None

    def well_formed(self, code: str) -> bool:
        """Whether it could be a code of this list: by pattern, else by being in it at some time."""
        return bool(self.pattern.fullmatch(code)) if self.pattern else code in self.codes

    def current(self, on: date) -> dict[str, Code]:
        """All codes valid on that day, in the order of the file."""
        return {code: period for code, periods in self.codes.items() for period in periods if valid(period, on)}

    def search(self, q: str, on: date, limit: int = 20) -> list[Code]:
        """What a trader may mean by `q`, best first: code, codes that begin so, names, pinyin initials (mg: 美国)."""
        asked = q.strip().casefold()
        found = []
        for position, code in enumerate(self.current(on).values()):
            rank = self._rank(code, q.strip(), asked)
            if rank is not None:
                found.append((rank, position, code))
        return [code for _, _, code in sorted(found, key=lambda each: each[:2])[:limit]]

    def _rank(self, code: Code, exact: str, asked: str) -> int | None:
        """0 is best; None means no match."""
        own, zh, en = code.code.casefold(), code.name_zh.casefold(), code.name_en.casefold()
        initials = self._initials.get(code.name_zh, "") if asked.isascii() and asked.isalnum() else ""
        tests = (
            code.code == exact,
            own.startswith(asked),
            asked in (code.attributes.get(name, "").casefold() for name in SEARCHED_ATTRIBUTES) and bool(asked),
            asked in (zh, en),
            zh.startswith(asked) or en.startswith(asked),
            initials == asked,
            initials.startswith(asked) and bool(initials),
            asked in zh,
            f" {asked}" in en,
            asked in en,
        )
        return tests.index(True) if True in tests else None

    @cached_property
    def _initials(self) -> dict[str, str]:
        """Pinyin initials by Chinese name. The pinyin dictionary costs megabytes: imported when first asked for."""
        from pypinyin import Style, lazy_pinyin

        def other(text: str) -> str:
            return "".join(sign.casefold() for sign in text if sign.isalnum())

        names = {period.name_zh for periods in self.codes.values() for period in periods}
        return {name: "".join(lazy_pinyin(name, style=Style.FIRST_LETTER, errors=other)) for name in names}


class CodeLists:
    """Every canonical list by name (CL_COUNTRY …)."""

    def __init__(self, lists: dict[str, CodeList]) -> None:
        self.lists = lists

    @classmethod
    def load(cls, bundle: Bundle) -> CodeLists:
        """Read and prove all lists; raises BadConfiguration with every fault found."""
        faults: list[Fault] = []
        lists: dict[str, CodeList] = {}
        for path in bundle.paths(FOLDER, ".csv"):
            code_list = read_list(bundle, path, faults)
            lists[code_list.name] = code_list
        for code_list in lists.values():
            _check_subset(code_list, lists, faults)
        refuse(faults)
        return cls(lists)


def read_list(bundle: Bundle, path: str, faults: list[Fault]) -> CodeList:
    """One list from its file; what is wrong with it is added to `faults`."""
    head, rows = bundle.head(path), table_rows(bundle, path, FIXED_COLUMNS, faults)
    check_head(path, head, ("status", "name_zh", "name_en", "system"), faults)
    if head.get("status") not in STATUSES:
        faults.append(table_fault(path, None, "status", "应为 complete 或 partial", "must be complete or partial"))
    pattern = None
    try:
        pattern = re.compile(head["pattern"]) if head.get("pattern") else None
    except re.error as error:
        faults.append(table_fault(path, None, "pattern", f"正则表达式有误：{error}", f"bad pattern: {error}"))
    if head.get("status") == "partial" and not head.get("pattern"):
        faults.append(table_fault(path, None, "pattern", "partial 表需要 pattern", "a partial list needs a pattern"))
    attributes = tuple(column for column in (rows[0] if rows else ()) if column not in FIXED_COLUMNS)
    code_list = CodeList(
        PurePosixPath(path).stem, head.get("status") == "complete", head.get("system", ""), pattern,
        head.get("name_zh", ""), head.get("name_en", ""), attributes, head.get("subset_of", ""),
    )  # fmt: skip
    for row in rows:
        for column in ("code", "name_zh", "name_en"):
            if not row[column]:
                faults.append(table_fault(path, row.line, column, "不能为空", "must not be blank"))
        if pattern and not pattern.fullmatch(row["code"]):
            zh, en = f"{row['code']} 不符合 {pattern.pattern}", f"{row['code']} does not match {pattern.pattern}"
            faults.append(table_fault(path, row.line, "code", zh, en))
        values = {column: row[column] for column in attributes}
        dates = period(row, faults)
        code = Code(row["code"], row["name_zh"], row["name_en"], values, *dates, row["reference"])
        periods = code_list.codes.setdefault(code.code, [])
        if any(overlap(code, other) for other in periods):
            zh, en = f"{code.code} 的有效期重叠", f"{code.code} appears twice for the same days"
            faults.append(table_fault(path, row.line, "valid_from", zh, en))
        periods.append(code)
    return code_list


def table_rows(bundle: Bundle, path: str, columns: tuple[str, ...], faults: list[Fault]) -> list[TableRow]:
    """The rows of a table that has these columns; otherwise none, and a fault."""
    try:
        rows = bundle.table(path)
    except BadConfiguration as error:
        faults.extend(error.faults)
        return []
    missing = [column for column in columns if rows and column not in rows[0]]
    faults.extend(table_fault(path, None, column, f"缺少列 {column}", f"no column {column}") for column in missing)
    return [] if missing else rows


def check_head(path: str, head: dict[str, str], keys: tuple[str, ...], faults: list[Fault]) -> None:
    if head.get("list") != PurePosixPath(path).stem:
        faults.append(table_fault(path, None, "list", "list 与文件名不符", "list is not the file's name"))
    missing = [key for key in keys if not head.get(key)]
    faults.extend(table_fault(path, None, key, f"表头缺少 {key}", f"the head lacks {key}") for key in missing)


def period(row: TableRow, faults: list[Fault]) -> tuple[date | None, date | None]:
    """valid_from and valid_to of a row (ISO dates, blank = open)."""
    found: list[date | None] = []
    for column in ("valid_from", "valid_to"):
        try:
            found.append(date.fromisoformat(row[column]) if row[column] else None)
        except ValueError:
            zh, en = f"{row[column]} 不是日期（YYYY-MM-DD）", f"{row[column]} is not a date (YYYY-MM-DD)"
            faults.append(table_fault(row.path, row.line, column, zh, en))
            found.append(None)
    if found[0] and found[1] and found[0] >= found[1]:
        faults.append(table_fault(row.path, row.line, "valid_to", "早于或等于 valid_from", "is not after valid_from"))
    return found[0], found[1]


def _check_subset(code_list: CodeList, lists: dict[str, CodeList], faults: list[Fault]) -> None:
    if not code_list.subset_of:
        return
    path, base = f"{FOLDER}{code_list.name}.csv", lists.get(code_list.subset_of)
    missing = [code for code in code_list.codes if base is None or code not in base.codes]
    for code in missing:
        zh, en = f"{code_list.subset_of} 中没有 {code}", f"{code} is not in {code_list.subset_of}"
        faults.append(table_fault(path, None, "code", zh, en))


def refuse(faults: list[Fault]) -> None:
    if faults:
        first = f"{faults[0].pointer}:{faults[0].line or ''} {faults[0].message_en}"
        raise BadConfiguration(f"code lists: {len(faults)} faults, first {first}", "代码表有误", faults=faults)
