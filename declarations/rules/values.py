"""Typed text as values for rules. Only ASCII digits count, and a date must exist in the calendar."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import NoReturn

from declarations.dateforms import SHANGHAI
from declarations.dictionary import Item

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+")


def refuse(text: str) -> NoReturn:
    """Stops a run at a value the schema should have kept out."""
    raise ValueError(f"not a value: {text!r}")


@lru_cache(1024)
def day(text: str) -> date:
    """yyyyMMdd as a date; raises ValueError when no calendar has it."""
    if len(text) != 8 or not _DIGITS.fullmatch(text):
        refuse(text)
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


@lru_cache(1024)
def moment(text: str) -> datetime:
    """yyyyMMddHHmm, local time in Shanghai, as an aware time; raises ValueError when there is no such time."""
    if len(text) != 12 or not _DIGITS.fullmatch(text):
        refuse(text)
    return datetime.combine(day(text[:8]), time(int(text[8:10]), int(text[10:])), SHANGHAI)


CONVERSIONS = {
    "decimal": "Decimal({0}) if {0}.isascii() else refuse({0})",
    "integer": "int({0}) if {0}.isascii() and {0}.isdigit() else refuse({0})",
    "date": "day({0})",
    "datetime": "moment({0})",
}
"""Item type -> the Python expression by which the generated runner converts a value; other types stay text."""

NAMESPACE = {"Decimal": Decimal, "day": day, "moment": moment, "refuse": refuse}


def convertible(item: Item, text: str) -> bool:
    """Whether a text is a value of the item's type; stricter and slower than the runner's own conversions."""
    if item.type == "decimal":
        return _DECIMAL.fullmatch(text) is not None
    if item.type == "integer":
        return _DIGITS.fullmatch(text) is not None
    if item.type in ("date", "datetime"):
        try:
            (day if item.type == "date" else moment)(text)
        except ValueError:
            return False
    return True


def decimals(text: str) -> int:
    """Decimals of a number as typed, without closing zeros: '8.6000' -> 1."""
    return len(text.rstrip("0").partition(".")[2]) if "." in text else 0


def digits(text: str, length: int) -> bool:
    """Whether a text is exactly so many ASCII digits."""
    return len(text) == length and text.isascii() and text.isdigit()
