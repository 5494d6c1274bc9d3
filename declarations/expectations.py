"""How long an agency may be silent (`mappings/<agency>/expected_answers.csv`): after that, somebody should look.

A table of what is usual, for people who watch over the window. It changes no state: silence is an alarm, never an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.responses import ANSWERED, DELIVERY
from declarations.status import ENDED, LegStatus
from declarations.workdays import WorkingCalendar, length

COLUMNS = (
    "state", "hours", "urgent_hours", "clock", "severity", "words_zh", "words_en", "certainty", "reference",
)  # fmt: skip
CLOCKS = ("working", "always")
SEVERITIES = ("warning", "critical")
CERTAINTIES = ("law", "published", "practice", "estimate")
OURS = frozenset({"waiting", "queued", "outcome_unknown", "parked", "withdrawn"})
"""States in which the window has the move, or another agency: they have alarms of their own."""
STATES = tuple(state for state in dict.fromkeys((*ANSWERED, *DELIVERY)) if state not in OURS | ENDED)
LONGEST = Decimal(10_000)
"""Hours; more than a year of open time is a typing error."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One row: in this state the next answer comes within so many hours, by the agency's working clock or by any clock."""

    state: str
    hours: Decimal
    urgent_hours: Decimal
    working: bool
    severity: str
    words_zh: str
    words_en: str


@dataclass(frozen=True, slots=True)
class Expectations:
    """What is expected of one agency, by state of its leg."""

    calendar: WorkingCalendar
    rows: Mapping[str, Expectation]

    def of(self, leg: LegStatus) -> Expectation | None:
        """What is expected of the agency now; None while the trader has the move, or when silence is usual."""
        if leg.terminal or any(owed.actor == "trader" for owed in leg.obligations):
            return None
        return self.rows.get(leg.state)

    def expected_by(self, leg: LegStatus, since: datetime, urgent: bool) -> datetime | None:
        """When the next answer should be there, UTC; None when none is expected.

        `since`: the time of the leg's last answer, or when its message was handed over.
        """
        row = self.of(leg)
        if row is None:
            return None
        hours = row.urgent_hours if urgent else row.hours
        return self.calendar.add(since, hours) if row.working else since.astimezone(UTC) + length(hours)


def load_expectations(bundle: Bundle, agency: str, calendar: WorkingCalendar) -> Expectations:
    """The table of an agency, no rows when it has none; raises BadConfiguration with every fault."""
    path = f"mappings/{agency}/expected_answers.csv"
    rows = bundle.table(path) if path in bundle else []
    if rows and tuple(rows[0]) != COLUMNS:
        fault = table_fault(path, 1, "", "列名与规定不符", f"columns must be {', '.join(COLUMNS)}")
        raise BadConfiguration(f"{path}: wrong columns", f"{path}：列名有误", faults=[fault])
    found: dict[str, Expectation] = {}
    faults: list[Fault] = []
    for row in rows:
        faults += _faults(row, found)
        hours = _hours(row["hours"])
        urgent = _hours(row["urgent_hours"]) if row["urgent_hours"] else hours
        if hours is not None and urgent is not None:
            found[row["state"]] = Expectation(
                row["state"], hours, urgent, row["clock"] == "working",
                row["severity"], row["words_zh"], row["words_en"],
            )  # fmt: skip
    if faults:
        raise BadConfiguration(f"{path}: {faults[0].message_en}", f"{path} 有 {len(faults)} 处错误", faults=faults)
    return Expectations(calendar, found)


def _faults(row: TableRow, earlier: Mapping[str, Expectation]) -> list[Fault]:
    found: list[tuple[str, str, str]] = []
    if row["state"] not in STATES:
        zh = f"该状态下没有等待该机构的回执；只能是 {'、'.join(STATES)}"
        found.append(("state", zh, f"in it no answer of the agency is awaited; must be one of {', '.join(STATES)}"))
    if row["state"] in earlier:
        found.append(("state", "状态重复", "this state has its row already"))
    hours = _hours(row["hours"])
    if hours is None:
        found.append(("hours", "须为大于 0、不超过 10000 的小时数", "must be hours: more than 0, at most 10000"))
    if row["urgent_hours"]:
        urgent = _hours(row["urgent_hours"])
        if urgent is None or (hours is not None and urgent > hours):
            found.append(("urgent_hours", "须为小时数，且不超过 hours", "must be hours, not more than in hours"))
    for column, allowed in (("clock", CLOCKS), ("severity", SEVERITIES), ("certainty", CERTAINTIES)):
        if row[column] not in allowed:
            found.append((column, f"只能是 {'、'.join(allowed)}", f"must be one of {', '.join(allowed)}"))
    found += [(column, "缺少文字", "words are missing") for column in ("words_zh", "words_en") if not row[column]]
    return [table_fault(row.path, row.line, *each) for each in found]


def _hours(text: str) -> Decimal | None:
    """Hours as a plain number; None when it is none, or out of all proportion."""
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    try:
        hours = Decimal(text)
    except InvalidOperation:
        return None
    return hours if 0 < hours <= LONGEST else None
