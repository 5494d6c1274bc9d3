"""Cells of a spreadsheet: where they stand, and what a form's item makes of what is in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from declarations.dictionary import Item

Cell = str | int | float | bool | date | datetime | time | timedelta | None
"""What spreadsheet programs keep in a cell; a date is no text to them."""
ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
"""What a cell shows whose formula failed."""
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that a spreadsheet program takes for a formula when it opens a CSV file."""
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_MOMENT = re.compile(r"(.+?日?)[ T]\s*([0-9]{1,2})[:：]([0-9]{2})(?:[:：]00)?")
_BLANKS = " \t\r\n\u3000\u00a0"


def column_letters(column: int) -> str:
    """A for 1, Z for 26, AA for 27."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def a1(row: int, column: int) -> str:
    """How people name a cell: row and column counted from 1."""
    return f"{column_letters(column)}{row}"


def is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip(_BLANKS))


def text_of(cell: Cell, item: Item, codes_by_name: Mapping[str, str]) -> str:
    """The value of an item as it would be typed: digits as they are, dates as yyyyMMdd, a code where its name stands.

    What cannot be made fit is left as it is: the checks of the form say what is wrong with it.
    """
    if isinstance(cell, bool):
        text = "1" if cell else "0"
    elif isinstance(cell, datetime):
        text = cell.strftime("%Y%m%d%H%M" if item.type == "datetime" else "%Y%m%d")
    elif isinstance(cell, date):
        text = cell.strftime("%Y%m%d") + ("0000" if item.type == "datetime" else "")
    elif isinstance(cell, (int, float)):
        text = _digits(cell)
    elif isinstance(cell, (time, timedelta)):
        text = str(cell)
    else:
        text = (cell or "").strip(_BLANKS)
    if item.type in ("date", "datetime"):
        return _typed_date(text, item)
    if item.code_list:
        return codes_by_name.get(name_key(text), text)
    return text


def _digits(number: float) -> str:
    """A number without exponent and without `.0`: 8542310000.0 is 8542310000."""
    if number != number or number in (float("inf"), float("-inf")):
        return str(number)
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _typed_date(text: str, item: Item) -> str:
    """2015-10-22, 2015/10/22, 2015年10月22日 and the like as yyyyMMdd; with a time as yyyyMMddHHmm."""
    moment = _MOMENT.fullmatch(text) if item.type == "datetime" else None
    day = _DAY.fullmatch(moment[1] if moment else text)
    if day is None:
        return text
    found = f"{day[1]}{int(day[2]):02}{int(day[3]):02}"
    if moment:
        return f"{found}{int(moment[2]):02}{moment[3]}"
    return found if item.type == "date" else text


def name_key(text: str) -> str:
    """A name without what people write differently: width, case, blanks, marks of mandatory columns."""
    return re.sub(r"[\s*＊/|:：_]+", "", unicodedata.normalize("NFKC", text).casefold())


def guarded(text: str) -> str:
    """A text for a CSV file that no program takes for a formula: an apostrophe in front of what begins like one.

    One also in front of what already has such an apostrophe, so that reading drops what writing put there and nothing else.
    """
    return f"'{text}" if _risky(text) and not _PLAIN_NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The text without the apostrophe that `guarded` put in front."""
    return text[1:] if text.startswith("'") and _risky(text) else text


def _risky(text: str) -> bool:
    return text.lstrip("'").startswith(RISKY)
