"""The cells of a worksheet's XML (ECMA-376 part 1, SpreadsheetML), as values.

We read them ourselves: the fast libraries make room for every cell up to the last one, and end the whole process where a
stranger's reference names cell XFD1048576.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from lxml import etree

from declarations.limits import MAX_SHEET_CELLS, MAX_SHEET_COLUMNS, MAX_SHEET_ROWS
from declarations.sheets.cells import Cell
from declarations.sheets.columns import MOST_ROWS_ABOVE

LAST_ROW = MAX_SHEET_ROWS + MOST_ROWS_ABOVE + 1
SAFELY: dict[str, Any] = {
    "encoding": "utf-8", "resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False,
}  # fmt: skip
"""How XML of strangers is parsed: in the encoding that spreadsheet programs write, whatever it says of itself."""
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW = re.compile(r"[1-9][0-9]{0,6}")
_DATE_FORMATS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
"""Number formats that every workbook has and that show dates and times (section 18.8.30; 27 to 58 are those of East Asia)."""
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
"""What of a format is no placeholder: quoted text, escaped signs, colours and conditions."""
_DATE_SIGN = re.compile("[ymdhs]", re.IGNORECASE)
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LAST_SERIAL = 2_958_466
"""The day after 9999-12-31."""
_NO_LEAP_DAY = 60
"""Serial of 29 February 1900, which spreadsheet programs believe in: days before it are one further."""


class Malformed(ValueError):
    """The part is not what it should be."""


class TooFar(ValueError):
    """A value stands where no list of ours reaches."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What cells refer to: texts, which styles show dates, and from which day these count."""

    texts: Sequence[str]
    dates: frozenset[int]
    from_1904: bool


def shared(texts: bytes | None, styles: bytes | None, from_1904: bool) -> Shared:
    """From the parts of a workbook; raises Malformed, TooFar."""
    return Shared(list(_texts(texts)) if texts else [], _date_styles(styles) if styles else frozenset(), from_1904)


def read_cells(sheet: bytes, known: Shared) -> tuple[list[list[Cell]], frozenset[tuple[int, int]]]:
    """The rows of a worksheet, and which cells (row, column from 0) hold a formula. Raises Malformed, TooFar."""
    rows: list[list[Cell]] = []
    formulas = set()
    for row, column, element in _elements(sheet):
        parts = {_local(child): child for child in element}
        formula = "f" in parts
        if formula:
            formulas.add((row, column))
        value = None if formula else _value(element, parts, known)
        if value is None and not formula:
            continue
        if row >= LAST_ROW or column >= MAX_SHEET_COLUMNS:
            raise TooFar
        rows.extend([] for _ in range(row + 1 - len(rows)))
        cells = rows[row]
        cells.extend([None] * (column + 1 - len(cells)))
        cells[column] = value
    return rows, frozenset(formulas)


def _elements(sheet: bytes) -> Iterator[tuple[int, int, etree._Element]]:
    """(row, column, element) of each cell, counted from 0; who leaves out a reference means the next one."""
    row = column = -1
    for event, element in _streamed(sheet, ("start", "end"), "{*}row", "{*}c"):
        if _local(element) == "row":
            if event == "start":
                row, column = _row(element.get("r"), row + 1), -1
        elif event == "end":
            column += 1
            reference = element.get("r")
            if reference is not None:
                found = _REFERENCE.fullmatch(reference)
                if found is None:
                    raise Malformed(f"{reference[:20]} is no cell")
                row, column = int(found[2]) - 1, _column(found[1])
            yield row, column, element


def _streamed(part: bytes, events: tuple[str, ...], *tags: str) -> Iterator[tuple[str, etree._Element]]:
    """Elements as they come, forgotten as they go. Raises Malformed, and TooFar where there are more than a list can have."""
    count = 0
    try:
        for event, element in etree.iterparse(io.BytesIO(part), events=events, tag=tags, **SAFELY):
            yield event, element
            if event == "end":
                count += 1
                if count > MAX_SHEET_CELLS:
                    raise TooFar
                element.clear()
    except etree.XMLSyntaxError as error:
        raise Malformed(str(error)) from error


def _row(text: str | None, following: int) -> int:
    if text is None:
        return following
    if not _ROW.fullmatch(text):
        raise Malformed(f"{text[:20]} is no row")
    return int(text) - 1


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _local(element: etree._Element) -> str:
    """The name without its namespace: there are two, transitional and strict."""
    return str(element.tag).rpartition("}")[2]


def _value(element: etree._Element, parts: Mapping[str, etree._Element], known: Shared) -> Cell:
    kind = element.get("t", "n")
    if kind == "inlineStr":
        return "".join(_runs(element))
    text = parts["v"].text if "v" in parts else None
    if not text:
        return None
    if kind == "s":
        try:
            return known.texts[int(text)] if text.isdigit() else None
        except IndexError:
            raise Malformed("a cell names a text that is not there") from None
    if kind == "b":
        return text.strip() == "1"
    if kind in ("str", "e", "d"):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    style = element.get("s", "0")
    return _moment(number, known) if style.isdigit() and int(style) in known.dates else number


def _moment(serial: float, known: Shared) -> Cell:
    """A count of days as a date, with a fraction as a time; what is neither stays a number."""
    if not 0 <= serial < _LAST_SERIAL:
        return serial
    if serial < 1:
        return (_EPOCH + timedelta(seconds=round(serial * 86400))).time() if serial else time()
    days = serial + 1 if serial < _NO_LEAP_DAY and not known.from_1904 else serial
    epoch = _EPOCH_1904 if known.from_1904 else _EPOCH
    moment = epoch + timedelta(days=int(days), seconds=round(days % 1 * 86400))
    return moment if days % 1 else date(moment.year, moment.month, moment.day)


def _runs(element: etree._Element) -> Iterator[str]:
    """The text of a string, run by run; readings above Chinese signs (rPh) are none of it."""
    for text in element.iter("{*}t"):
        parent = text.getparent()
        if parent is None or _local(parent) != "rPh":
            yield text.text or ""


def _texts(part: bytes) -> Iterator[str]:
    for _, element in _streamed(part, ("end",), "{*}si"):
        yield "".join(_runs(element))


def _date_styles(part: bytes) -> frozenset[int]:
    """Numbers of the cell styles that show dates or times."""
    own: dict[str, str] = {}
    found = set()
    number = 0
    for _, element in _streamed(part, ("end",), "{*}numFmt", "{*}xf"):
        parent = element.getparent()
        above = _local(parent) if parent is not None else ""
        identity = str(element.get("numFmtId", "0"))
        if above == "numFmts":
            own[identity] = str(element.get("formatCode", ""))
        elif above == "cellXfs":
            if _shows_dates(identity, own.get(identity)):
                found.add(number)
            number += 1
    return frozenset(found)


def _shows_dates(identity: str, written: str | None) -> bool:
    """Whether a number format shows dates or times: by its own text, or by its number where the workbook has none."""
    if written is None:
        return identity.isdigit() and int(identity) in _DATE_FORMATS
    return written.lower() != "general" and _DATE_SIGN.search(_LITERAL.sub("", written)) is not None
