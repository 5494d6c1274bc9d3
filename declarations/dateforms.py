"""Times as agencies write them in their answers, and the zone of the trade."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Where the trade is: forms are typed, days counted and times shown in its local time."""
_TOKENS = {
    "yyyy": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>[0-9]{2})",
    "dd": r"(?P<day>[0-9]{2})",
    "HH": r"(?P<hour>[0-9]{2})",
    "mm": r"(?P<minute>[0-9]{2})",
    "ss": r"(?P<second>[0-9]{2})",
}


class DateForms:
    """Reads times such as `yyyyMMddHHmmss|yyyy-MM-ddTHH:mm:ss` (fraction `ff…`, offset `XXX`), local to an agency.

    Stricter than strptime, which takes one digit for two and digits of any script, and so reads what was not written.
    """

    def __init__(self, arg: str, timezone: ZoneInfo) -> None:
        """Raises ValueError for a format outside the grammar."""
        self._forms = [_date_form(form.strip()) for form in arg.split("|")]
        self._timezone = timezone

    def read(self, text: str) -> datetime:
        """The moment, aware, in the agency's zone; raises ValueError when no format fits or there is no such time."""
        for form in self._forms:
            found = form.fullmatch(text)
            if found is None:
                continue
            given = found.groupdict()
            offset, fraction = given.pop("offset", None), given.pop("fraction", None)
            fields = {name: int(digits) for name, digits in given.items()}
            if fraction:
                fields["microsecond"] = int(fraction.ljust(6, "0")[:6])
            zone = datetime.strptime(offset, "%z").tzinfo if offset else self._timezone
            return datetime(**fields, tzinfo=zone)
        raise ValueError(text)


def _date_form(form: str) -> re.Pattern[str]:
    def part(found: re.Match[str]) -> str:
        token = found[0]
        if token in _TOKENS:
            return _TOKENS[token]
        if token == "XXX":
            return r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})"
        if token[0] == "f":
            return rf"(?P<fraction>[0-9]{{{len(token)}}})"
        if token.isalpha() and token != "T":
            raise ValueError(f"{token} in {form}")
        return re.escape(token)

    pattern = re.sub(r"yyyy|MM|dd|HH|mm|ss|f+|XXX|.", part, form)
    if not all(_TOKENS[token] in pattern for token in ("yyyy", "MM", "dd")):
        raise ValueError(f"{form} is not a date")
    return re.compile(pattern)
