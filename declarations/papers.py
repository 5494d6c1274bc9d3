"""Papers that are printed from a filing: which box holds which items, from the tables of `mappings/papers/`.

`papers.csv` names them; each has a table of its own, whose rows are the boxes in reading order. A box stands in the `head`, is a
column of the `list`, or stands in the `foot`; `width` is in twelfths of a line, or a column's share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.codelists import CodeLists
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.form import Declaration, Row

INDEX, FOLDER = "mappings/papers/papers.csv", "mappings/papers/"
PARTS = HEAD, LIST, FOOT = ("head", "list", "foot")
LINE = 12
HOW = NAME, CODE = ("name", "code")
"""How a coded value is printed: its names and the code, or the code alone."""
SLASH = "/"
_LOOKUP = re.compile(r"(\w+)@(\w+)=(\w+)")
_WHEN = re.compile(r"(\w+)\?(\w+)=(\w+)")


@dataclass(frozen=True, slots=True)
class Source:
    """An item; that item in the row of another group whose `other` equals this row's `own`; or that item where the header's item
    `asked` has the value `wanted`."""

    item: str
    own: str = ""
    other: str = ""
    asked: str = ""
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of a paper: its number on the form, its words, and what stands in it, one behind the other ("/" as it is)."""

    number: str
    part: str
    width: int
    label_zh: str
    label_en: str
    sources: tuple[Source | str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper of one form. `group`: whose rows the list prints; "" = it has no list."""

    name: str
    form: str
    title_zh: str
    title_en: str
    landscape: bool
    group: str
    boxes: tuple[Box, ...]

    def of(self, part: str) -> list[Box]:
        return [box for box in self.boxes if box.part == part]


def load_papers(bundle: Bundle, forms: Mapping[str, Form]) -> dict[str, Paper]:
    """Every paper of forms that are there, by name. Raises BadConfiguration naming file, row and column."""
    faults: list[Fault] = []
    rows = bundle.table(INDEX) if INDEX in bundle else []
    found = {row["paper"]: _paper(bundle, row, forms[row["form"]], faults) for row in rows if row["form"] in forms}
    if faults:
        raise BadConfiguration(f"{faults[0].pointer}: {faults[0].message_en}", faults[0].message_zh, faults=faults)
    return found


def _paper(bundle: Bundle, row: TableRow, form: Form, faults: list[Fault]) -> Paper:
    boxes = tuple(_box(each, form, faults) for each in bundle.table(f"{FOLDER}{row['paper']}.csv"))
    for part in (HEAD, FOOT):
        across = 0
        for box in boxes:
            across = across % LINE + (box.width if box.part == part else 0)
            if across > LINE:
                break
        if across % LINE:
            zh, en = f"{part} 各行的宽度之和应为 {LINE}", f"widths of a line of the {part} add up to {LINE}"
            faults.append(table_fault(row.path, row.line, "paper", f"{row['paper']}：{zh}", f"{row['paper']}: {en}"))
    groups = {
        form.items[source.own or source.item].group
        for box in boxes
        if box.part == LIST
        for source in box.sources
        if isinstance(source, Source) and (source.own or source.item) in form.items
    }
    if len(groups) > 1:
        faults.append(table_fault(row.path, row.line, "paper", "清单须取自同一组", "a list prints one group"))
    landscape = row["orientation"] == "landscape"
    return Paper(row["paper"], form.name, row["title_zh"], row["title_en"], landscape, "".join(groups), boxes)


def _box(row: TableRow, form: Form, faults: list[Fault]) -> Box:
    def fault(column: str, zh: str, en: str) -> None:
        faults.append(table_fault(row.path, row.line, column, zh, en))

    sources: list[Source | str] = []
    for part in row["sources"].split():
        source = _source(part)
        sources.append(source)
        if isinstance(source, Source):
            for item in filter(None, (source.item, source.own, source.other, source.asked)):
                if item not in form.items:
                    fault("sources", f"没有数据项 {item}", f"there is no item {item}")
                elif form.items[item].group and row["part"] != LIST:
                    fault("sources", f"{item} 属于重复组", f"{item} repeats: it belongs into the list")
    if row["part"] not in PARTS:
        fault("part", f"应为 {'、'.join(PARTS)}", f"one of {', '.join(PARTS)}")
    if row["how"] not in ("", *HOW):
        fault("how", f"应为空或 {'、'.join(HOW)}", f"empty or one of {', '.join(HOW)}")
    if not re.fullmatch(r"1[0-2]|[1-9]", row["width"]):
        fault("width", "应为 1 至 12", "1 to 12")
        return Box(row["box"], row["part"], 1, row["label_zh"], row["label_en"], tuple(sources), row["how"])
    return Box(row["box"], row["part"], int(row["width"]), row["label_zh"], row["label_en"], tuple(sources), row["how"])


def _source(part: str) -> Source | str:
    if part == SLASH:
        return part
    if found := _LOOKUP.fullmatch(part):
        return Source(found[1], own=found[2], other=found[3])
    if found := _WHEN.fullmatch(part):
        return Source(found[1], asked=found[2], wanted=found[3])
    return Source(part)


class Filling:
    """What stands in the boxes of one filing's papers. `on`: the day on which codes are named."""

    def __init__(self, declaration: Declaration, form: Form, codes: CodeLists, on: date) -> None:
        self._declaration = declaration
        self._form = form
        self._codes = codes
        self._on = on
        self._indexes: dict[tuple[str, str], dict[str, Row]] = {}
        self._shown: dict[tuple[str, str, str], str] = {}

    def boxes(self, paper: Paper, part: str) -> list[str]:
        """The text of each box of the head or the foot."""
        return [self._text(box, self._declaration.header) for box in paper.of(part)]

    def rows(self, paper: Paper) -> list[list[str]]:
        """The text of each column of each row of the list."""
        columns = paper.of(LIST)
        return [[self._text(box, row) for box in columns] for row in self._declaration.rows(paper.group)]

    def _text(self, box: Box, row: Row) -> str:
        parts = [each if isinstance(each, str) else self._value(each, row, box.how) for each in box.sources]
        return " ".join(filter(None, parts)).strip(f" {SLASH}")

    def _value(self, source: Source, row: Row, how: str) -> str:
        if source.asked and self._declaration.header.get(source.asked) != source.wanted:
            return ""
        if source.own:
            group = self._form.items[source.other].group
            key = row.get(source.own, "")
            row = self._index(group, source.other).get(key, Row())
        value = row.get(source.item, "")
        if not value:
            return ""
        kept = (source.item, how, value)
        if kept not in self._shown:
            self._shown[kept] = self._said(source.item, how, value)
        return self._shown[kept]

    def _index(self, group: str, item: str) -> dict[str, Row]:
        if (group, item) not in self._indexes:
            self._indexes[group, item] = {row.get(item, ""): row for row in self._declaration.rows(group)}
        return self._indexes[group, item]

    def _said(self, item_id: str, how: str, value: str) -> str:
        item = self._form.items[item_id]
        if item.type in ("date", "datetime"):
            return when(value)
        if not item.code_list or how == CODE:
            return value
        code = self._codes.lists[item.code_list].get(value, self._on)
        return value if code is None else f"{code.name_en} {code.name_zh} ({value})"


def when(value: str) -> str:
    """A date or a time as people read it, 2015-10-23 or 2015-10-23 16:30; what is none, as it was typed."""
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d))?", value)
    if found is None:
        return value
    year, month, day, hour, minute = found.groups()
    return f"{year}-{month}-{day}" + (f" {hour}:{minute}" if hour else "")
