"""Working calendars: open time as an agency's counters count it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from core_forms import bundle, edited
from hypothesis import given
from hypothesis import strategies as st

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.rulebook import Rulebook
from declarations.tablecheck import check_tables
from declarations.workdays import WorkingCalendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
CUSTOMS_TOML = "mappings/customs/agency.toml"
HOLIDAYS = "mappings/public_holidays.csv"
HOURS = st.integers(0, 400 * 60).map(lambda minutes: timedelta(minutes=minutes))
ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
MOMENTS = st.datetimes(
    datetime(2015, 1, 1), datetime(2027, 1, 1), timezones=st.sampled_from([UTC, SHANGHAI, ZoneInfo("America/New_York")])
)


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    """Any agency's week, with days off and made-up days near the dates that are drawn, and clocks that change."""
    opens = draw(st.times(max_value=time(22, 0)))
    closes = draw(st.none() | st.times(min_value=time(opens.hour + 1)))
    days = st.dates(date(2015, 1, 1), date(2027, 12, 31))
    return WorkingCalendar(
        ZoneInfo(draw(st.sampled_from(ZONES))),
        draw(st.frozensets(st.integers(0, 6), min_size=1)),
        opens,
        closes,
        draw(st.frozensets(days, max_size=20)),
        draw(st.frozensets(days, max_size=5)),
    )


@given(calendars(), MOMENTS, HOURS)
def test_a_deadline_is_never_at_a_closed_hour(calendar: WorkingCalendar, moment: datetime, hours: timedelta) -> None:
    due = calendar.add(moment, hours)
    assert calendar.is_open(due)
    assert due >= moment
    assert due.utcoffset() == timedelta(0)


@given(calendars(), MOMENTS, HOURS, HOURS)
def test_time_adds_up(calendar: WorkingCalendar, moment: datetime, one: timedelta, other: timedelta) -> None:
    assert calendar.add(calendar.add(moment, one), other) == calendar.add(moment, one + other)


@given(calendars(), MOMENTS, HOURS, HOURS, HOURS)
def test_later_and_longer_is_never_earlier(
    calendar: WorkingCalendar, moment: datetime, waited: timedelta, hours: timedelta, more: timedelta
) -> None:
    due = calendar.add(moment, hours)
    assert calendar.add(moment + waited, hours) >= due
    assert calendar.add(moment, hours + more) >= due


@given(calendars(), MOMENTS, HOURS)
def test_what_was_added_lies_between(calendar: WorkingCalendar, moment: datetime, hours: timedelta) -> None:
    assert calendar.between(moment, calendar.add(moment, hours)) == hours
    assert calendar.between(calendar.add(moment, hours), moment) == timedelta(0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("since", "hours", "due"),
    [
        ("2015-10-23 09:00", 2, "2015-10-23 11:00"),
        ("2015-10-23 16:30", 2, "2015-10-26 09:30"),  # over a weekend
        ("2015-10-23 16:30", 1, "2015-10-23 17:30"),  # the last moment of the day, not the first of the next
        ("2015-10-23 20:00", 1, "2015-10-26 09:30"),
        ("2015-10-24 12:00", 0, "2015-10-26 08:30"),
        ("2015-09-30 17:00", 1, "2015-10-08 09:00"),  # National Day
        ("2015-10-09 17:00", 1, "2015-10-10 09:00"),  # a Saturday that made up for it
        ("2015-02-17 17:00", 1, "2015-02-25 09:00"),
        ("2026-02-13 17:00", 1, "2026-02-14 09:00"),
    ],
)
def test_customs_hours(since: str, hours: int, due: str) -> None:
    calendar = Rulebook(bundle()).agencies["customs"].calendar
    assert calendar.add(at(since), Decimal(hours)) == at(due)


def test_a_clock_put_back_makes_the_day_longer() -> None:
    day_and_night = WorkingCalendar(ZoneInfo("America/New_York"), frozenset(range(7)), time(0), None)
    eve = datetime(2015, 10, 31, 12, tzinfo=ZoneInfo("America/New_York"))
    assert day_and_night.add(eve, timedelta(hours=30)) == eve.astimezone(UTC) + timedelta(hours=30)
    night = datetime(2015, 11, 1, 0, 30, tzinfo=ZoneInfo("America/New_York"))
    assert day_and_night.add(night, timedelta(hours=3)) == night.astimezone(UTC) + timedelta(hours=3)


def test_negative_time_and_moments_without_a_zone_are_refused() -> None:
    calendar = WorkingCalendar(SHANGHAI, frozenset({0}), time(8), time(9))
    with pytest.raises(ValueError, match="forward"):
        calendar.add(at("2015-10-23 09:00"), timedelta(seconds=-1))
    with pytest.raises(ValueError, match="time zone"):
        calendar.add(datetime(2015, 10, 23), timedelta(0))


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ('closes = "17:30"', 'closes = "08:30"', "calendar.closes"),
        ('closes = "17:30"', 'closes = "half past five"', "calendar.closes"),
        ('opens = "08:30"', 'opens = "24:00"', "calendar.opens"),
        ('"Friday"]', '"Fryday"]', "calendar.working_days"),
        ('opens = "08:30"', 'opens = "08:30"\nlunch = "12:00"', "calendar.lunch"),
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Shanghia"', "timezone"),
        ('public_holidays = "CN"', 'public_holidays = "XX"', "calendar.public_holidays"),
        ("holidays = []", 'holidays = ["2015-02-30"]', "calendar.holidays"),
        ("working_weekends = []", 'working_weekends = ["2015-10-23"]', "calendar.working_weekends"),
        ("[calendar]", "[hours]", "calendar"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_named(old: str, new: str, column: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        Rulebook(edited(CUSTOMS_TOML, lambda text: text.replace(old, new, 1)))
    fault = refused.value.faults[0]
    assert fault.pointer == f"{CUSTOMS_TOML}#{column}"
    assert fault.message_zh


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("CN,free,2016-01-01,,元旦,New Year,", "kind"),
        ("CN,off,2016-13-01,,元旦,New Year,", "first_day"),
        ("CN,off,2016-01-03,2016-01-01,元旦,New Year,", "last_day"),
        ("CN,work,2015-10-01,,国庆节,National Day,", "first_day"),
        ("CN,off,2016-01-01,,,New Year,", "name_zh"),
    ],
)
def test_a_bad_public_holiday_is_named(row: str, column: str) -> None:
    broken = edited(HOLIDAYS, lambda text: text.rstrip("\n") + f"\n{row}\n")
    fault = check_tables(broken, None, at("2015-10-23 09:00"))[0]
    assert (fault.pointer, fault.line) == (f"{HOLIDAYS}#{column}", len(broken.text(HOLIDAYS).splitlines()))


def test_a_year_without_its_holidays_is_a_warning() -> None:
    found = check_tables(bundle(), None, at("2099-10-23 09:00"))
    assert [(fault.severity, fault.pointer) for fault in found] == [("warning", f"{HOLIDAYS}#first_day")]
    assert "2099" in found[0].message_en


def test_an_agency_may_do_without_public_holidays() -> None:
    files = edited(CUSTOMS_TOML, lambda text: text.replace('public_holidays = "CN"', "")).files
    del files[HOLIDAYS]
    inspection = "mappings/inspection/agency.toml"
    files[inspection] = files[inspection].replace(b'public_holidays = "CN"', b"")
    calendar = Rulebook(Bundle(files)).agencies["customs"].calendar
    assert calendar.is_open(at("2015-10-01 09:00"))
