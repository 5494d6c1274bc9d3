"""What `how` does to a value. Used alike by the compiled tables and by explain, so both give the same text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from declarations.dateforms import SHANGHAI

ROUNDING = {"half-up": ROUND_HALF_UP, "half-even": ROUND_HALF_EVEN, "down": ROUND_DOWN}
_TIME_LENGTH = len("yyyyMMddHHmm")
_FORMAT = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


class Unmapped(ValueError):
    """A value without a conversion: an error, never passed through."""


class Translation(dict[str, str]):
    """canonical code -> agency code on one date.

    An unknown, well-formed code of a partial list goes as written, or comes out empty where the agency does without it.
    """

    def __init__(
        self, name: str, codes: Mapping[str, str], open_pattern: re.Pattern[str] | None, *, leaves_out: bool
    ) -> None:
        super().__init__(codes)
        self.name = name
        self._open = open_pattern
        self.leaves_out = leaves_out

    def __missing__(self, code: str) -> str:
        if self._open is not None and self._open.fullmatch(code):
            return "" if self.leaves_out else code
        raise Unmapped(f"{self.name} has no conversion of {code}")


def strftime_pattern(pattern: str) -> str:
    """'yyyy-MM-dd' -> '%Y-%m-%d'."""
    return re.sub("yyyy|MM|dd|HH|mm|ss", lambda found: _FORMAT[found[0]], pattern)


@lru_cache(1024)
def format_date(value: str, pattern: str, timezone: str) -> str:
    """A form's date (yyyyMMdd) or time (yyyyMMddHHmm, Shanghai), or a window's timestamp (ISO 8601, UTC), in an agency's
    format and local time."""
    if len(value) == _TIME_LENGTH:
        moment = datetime.strptime(value, "%Y%m%d%H%M").replace(tzinfo=SHANGHAI)
    else:
        moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment = moment.astimezone(ZoneInfo(timezone))
    return moment.strftime(strftime_pattern(pattern))


def format_number(value: str, arg: str) -> str:
    """`arg` is decimals and rounding, '2 half-up'; without it superfluous zeros behind the point go. Exact decimals."""
    number = Decimal(value)
    if not arg:
        text = format(number, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    decimals, _, rounding = arg.partition(" ")
    return format(number.quantize(Decimal(1).scaleb(-int(decimals)), ROUNDING[rounding or "half-up"]), "f")


def cut_length(arg: str) -> int:
    """`arg` 'max 25' -> 25."""
    return int(arg.removeprefix("max").strip())


def cut(value: str, arg: str) -> str:
    """`arg` 'max 25': the first 25 characters."""
    return value[: cut_length(arg)]


@lru_cache(1024)
def split_part(value: str, arg: str) -> str | None:
    """`arg` '*_ 2': the second part of a value split at any of the signs; None past the end."""
    signs, number = arg.rsplit(" ", 1)
    parts = re.split(f"[{re.escape(signs.strip())}]", value)
    index = int(number) - 1
    return parts[index] or None if index < len(parts) else None


def total(values: Iterable[str | None], arg: str) -> str | None:
    """The exact sum of decimals, rounded as `arg` says; None when there is none."""
    given = [Decimal(value) for value in values if value]
    return format_number(format(sum(given, Decimal(0)), "f"), arg) if given else None


def bad_argument(how: str, arg: str) -> str | None:
    """Why a conversion cannot work with its `arg`, or None; the argument is tried on a specimen."""
    try:
        if how == "const" and not arg:
            return "blank"
        if how == "seq":
            int(arg or 1)
        elif how in ("number", "sum"):
            format_number("1.5", arg if how == "number" else arg.partition(";")[2].strip())
        elif how == "text" and int(arg.removeprefix("max")) < 1:
            return "nothing would be left"
        elif how == "split" and int(arg.rsplit(" ", 1)[1]) < 1:
            return "parts are counted from 1"
        elif how == "date" and re.fullmatch("(yyyy|MM|dd|HH|mm|ss|[^A-Za-z%])+", arg) is None:
            return "not a date format"
    except (ValueError, LookupError, ArithmeticError) as error:
        return str(error) or type(error).__name__
    return None
