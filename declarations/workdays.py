"""When an agency's people work: the time between two moments as its counters count it. For timers only, never for status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.faults import Fault

PUBLIC_HOLIDAYS = "mappings/public_holidays.csv"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KINDS = ("off", "work")
KEYS = ("working_days", "opens", "closes", "public_holidays", "holidays", "working_weekends")
END_OF_DAY = "24:00"
DAYS_KEPT = 1_000
"""Days whose opening hours are remembered in UTC: looking up a time zone is the costly part."""
Hours = tuple[datetime, datetime]


@dataclass(frozen=True)
class WorkingCalendar:
    """Open hours of one agency. `extra_days` are days of work on which it would be closed by the week (调休上班)."""

    zone: ZoneInfo
    weekdays: frozenset[int]
    opens: time
    closes: time | None
    """None: at the end of the day."""
    holidays: frozenset[date] = frozenset()
    extra_days: frozenset[date] = frozenset()
    _known: dict[date, Hours | None] = field(default_factory=dict, compare=False, repr=False)

    def hours(self, day: date) -> Hours | None:
        """From when to when it is open on a day of its own calendar, in UTC; None on a day it is closed."""
        if day not in self._known:
            if len(self._known) >= DAYS_KEPT:
                self._known.clear()
            self._known[day] = self._hours(day)
        return self._known[day]

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody is there; the moment of closing still counts."""
        hours = self.hours(moment.astimezone(self.zone).date())
        return hours is not None and hours[0] <= moment <= hours[1]

    def add(self, moment: datetime, hours: Decimal | timedelta) -> datetime:
        """The moment by which so much open time has passed since `moment`, UTC; always one at which it is open.

        Raises ValueError for a negative time and for a moment without a time zone.
        """
        left = hours if isinstance(hours, timedelta) else length(hours)
        if left < timedelta(0):
            raise ValueError("open hours are counted forward only")
        # in UTC: adding to a local time would pass over an hour that a clock was put back
        moment = _utc(moment)
        for begins, ends in self._from(moment):
            start = max(begins, moment)
            if start + left <= ends:
                return start + left
            left -= ends - start
        raise AssertionError("a calendar without working days was refused when it was read")

    def between(self, earlier: datetime, later: datetime) -> timedelta:
        """How much open time lies between two moments; zero when `later` is not later."""
        passed = timedelta(0)
        for begins, ends in self._from(earlier):
            begins = max(begins, earlier)
            if begins >= later:
                break
            passed += min(ends, later) - begins
        return passed

    def _from(self, moment: datetime) -> Iterator[Hours]:
        """Open hours that have not ended at `moment`, one day after the other, without end."""
        moment = _utc(moment)
        day = moment.astimezone(self.zone).date()
        while True:
            hours = self.hours(day)
            if hours is not None and hours[1] >= moment:
                yield hours
            day += timedelta(days=1)

    def _hours(self, day: date) -> Hours | None:
        if day not in self.extra_days and (day.weekday() not in self.weekdays or day in self.holidays):
            return None
        begins = datetime.combine(day, self.opens, self.zone).astimezone(UTC)
        if self.closes is None:
            ends = datetime.combine(day + timedelta(days=1), time(0), self.zone).astimezone(UTC)
        else:
            ends = datetime.combine(day, self.closes, self.zone).astimezone(UTC)
        # where a clock is put forward, an hour of the day is missing and the hours may be turned round
        return (begins, ends) if begins < ends else None


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)


def length(hours: Decimal) -> timedelta:
    """So many hours, to the microsecond."""
    return timedelta(microseconds=int(hours * 3_600_000_000))


def load_calendar(bundle: Bundle, agency: str, settings: Mapping[str, Any]) -> WorkingCalendar:
    """The `[calendar]` of an agency.toml; raises BadConfiguration with every fault."""
    path = f"mappings/{agency}/agency.toml"
    faults: list[Fault] = []

    def fault(key: str, zh: str, en: str) -> None:
        faults.append(table_fault(path, None, f"calendar.{key}" if key else "calendar", zh, en))

    table = settings.get("calendar")
    if not isinstance(table, dict):
        fault("", "缺少 [calendar]", "there is no [calendar]")
        table = {}
    for key in sorted(set(table) - set(KEYS)):
        fault(key, "没有这一项", f"must be one of {', '.join(KEYS)}")
    names = table.get("working_days", [])
    if not names or not isinstance(names, list) or not set(map(str, names)) <= set(WEEKDAYS):
        fault("working_days", "须列出工作日的英文星期名", f"list at least one of {', '.join(WEEKDAYS)}")
    opens, closes = (_time(table.get(key)) for key in ("opens", "closes"))
    at_midnight = table.get("closes") == END_OF_DAY
    for key, value in (("opens", opens), ("closes", closes)):
        if value is None and not (key == "closes" and at_midnight):
            fault(key, "须写作 08:30", 'must be written "08:30"')
    if opens and closes and closes <= opens:
        fault("closes", "须晚于 opens", "must be later than opens")
    try:
        zone = ZoneInfo(str(settings.get("timezone", "")))
    except (KeyError, ValueError, OSError):
        faults.append(table_fault(path, None, "timezone", "没有这个时区", "there is no such time zone"))
        zone = ZoneInfo("UTC")
    off, work = _public(bundle, str(table["public_holidays"])) if table.get("public_holidays") else (set(), set())
    if table.get("public_holidays") and not off:
        fault("public_holidays", f"{PUBLIC_HOLIDAYS} 中没有", f"{PUBLIC_HOLIDAYS} has no row of it")
    own: dict[str, set[date]] = {"holidays": set(), "working_weekends": set()}
    for key, days in own.items():
        for text in table.get(key, []):
            day = _day(str(text))
            if day is None or day in days:
                fault(key, f"{text} 不是日期或重复", f"{text} is no date (yyyy-MM-dd) or stands twice")
            else:
                days.add(day)
    for day in sorted(own["holidays"] & own["working_weekends"]):
        fault("holidays", f"{day} 既放假又上班", f"{day} is a holiday and a day of work")
    weekdays = frozenset(WEEKDAYS.index(str(name)) for name in names if str(name) in WEEKDAYS)
    for day in sorted(own["working_weekends"]):
        if day.weekday() in weekdays and day not in off:
            fault("working_weekends", f"{day} 本来就是工作日", f"{day} is a working day anyhow")
    if faults:
        raise BadConfiguration(f"{path}: {faults[0].message_en}", f"{path} 的 [calendar] 有误", faults=faults)
    assert opens is not None
    # what the agency says of itself goes before what the country says
    holidays = (off - own["working_weekends"]) | own["holidays"]
    extra = (work - own["holidays"]) | own["working_weekends"]
    return WorkingCalendar(zone, weekdays, opens, closes, frozenset(holidays), frozenset(extra))


def prove_public_holidays(bundle: Bundle) -> list[Fault]:
    """Every fault of the table of public holidays."""
    faults: list[Fault] = []
    seen: dict[tuple[str, date], TableRow] = {}
    for row in bundle.table(PUBLIC_HOLIDAYS) if PUBLIC_HOLIDAYS in bundle else []:
        for column in ("country", "name_zh", "name_en"):
            if not row[column]:
                faults.append(table_fault(row.path, row.line, column, "未填写", "is blank"))
        if row["kind"] not in KINDS:
            faults.append(table_fault(row.path, row.line, "kind", "须为 off 或 work", "must be off or work"))
        first, last = _day(row["first_day"]), _day(row["last_day"] or row["first_day"])
        if first is None or last is None or not first <= last < first + timedelta(days=60):
            zh, en = "不是日期，或早于开始、晚于两个月后", "is no date, or before the first day, or two months later"
            column = "first_day" if first is None else "last_day"
            faults.append(table_fault(row.path, row.line, column, zh, en))
            continue
        for day in _days(first, last):
            other = seen.setdefault((row["country"], day), row)
            if other is not row:
                zh, en = f"{day} 已在第 {other.line} 行", f"{day} stands in line {other.line} already"
                faults.append(table_fault(row.path, row.line, "first_day", zh, en))
                break
    return faults


def holidays_missing(bundle: Bundle, now: datetime) -> list[Fault]:
    """Warnings: countries of which no holiday of this year is listed, so that its first one would be a false alarm."""
    rows = bundle.table(PUBLIC_HOLIDAYS) if PUBLIC_HOLIDAYS in bundle else []
    year = f"{now.year}-"
    listed = {row["country"] for row in rows if row["first_day"].startswith(year)}
    return [
        Fault(
            "T-TABLE", "first_day", f"{PUBLIC_HOLIDAYS}#first_day", None,
            f"没有 {country} {now.year} 年的节假日", f"there is no holiday of {country} in {now.year}", severity="warning",
        )
        for country in sorted({row["country"] for row in rows} - listed)
    ]  # fmt: skip


def _public(bundle: Bundle, country: str) -> tuple[set[date], set[date]]:
    """Days off and made-up days of work of a country."""
    found: dict[str, set[date]] = {kind: set() for kind in KINDS}
    for row in bundle.table(PUBLIC_HOLIDAYS) if PUBLIC_HOLIDAYS in bundle else []:
        first, last = _day(row["first_day"]), _day(row["last_day"] or row["first_day"])
        if row["country"] == country and row["kind"] in KINDS and first and last:
            found[row["kind"]].update(_days(first, last))
    return found["off"], found["work"]


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _time(text: Any) -> time | None:
    try:
        return datetime.strptime(str(text), "%H:%M").time()
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2015-01-31") else None
    except ValueError:
        return None
