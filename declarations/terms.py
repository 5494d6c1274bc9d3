"""How long things are kept in the database (`mappings/retention.csv`), and when an ended declaration goes to the archive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.expectations import CERTAINTIES
from declarations.faults import Fault

RETENTION = "mappings/retention.csv"
COLUMNS = ("what", "status", "archive_days", "remove_days", "file_years", "certainty", "reference", "note")
ENDED = ("closed", "cancelled", "rejected")
"""Combined statuses after which nothing more has to happen. `released` is not one: the agency still closes the case."""
RECORDS = ("idempotency", "approval", "process", "call")
"""What else is removed by age, when operators have it removed."""
FORGOTTEN = ("session", "challenge", "throttle", "invitation", "registration", "prepared", "person")
"""What is kept about people: removed by age without anybody asking. Each counts from its end: a session, challenge or invitation
from when it expired, a throttle from the last failure, a registration from when it was decided, a prepared filing from when it
was filed or dropped, a person from leaving the last organisation."""
BY_AGE = (*RECORDS, *FORGOTTEN)
MOST_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Term:
    """For declarations of a form that ended with a status: after how long without change they are archived, and removed."""

    form: str
    status: str
    archive_after: timedelta
    remove_after: timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """The table. What has no row is kept for good."""

    declarations: tuple[Term, ...]
    records: dict[str, timedelta]


def load_terms(bundle: Bundle) -> Terms:
    """The terms, none when there is no table; raises BadConfiguration with every fault, each naming row and column."""
    rows = bundle.table(RETENTION) if RETENTION in bundle else []
    if rows and tuple(rows[0]) != COLUMNS:
        fault = table_fault(RETENTION, 1, "", "列名与规定不符", f"columns must be {', '.join(COLUMNS)}")
        raise BadConfiguration(f"{RETENTION}: wrong columns", f"{RETENTION}：列名有误", faults=[fault])
    forms = {path.split("/")[-1].removesuffix(".groups.csv") for path in bundle.paths("mappings/forms/", ".groups.csv")}
    faults: list[Fault] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        faults += (table_fault(row.path, row.line, *each) for each in _faults(row, forms, seen))
        seen.add((row["what"], row["status"]))
    if faults:
        raise BadConfiguration(f"{RETENTION}: {faults[0].message_en}", f"{RETENTION} 有误", faults=faults)
    return Terms(
        tuple(
            Term(row["what"], row["status"], _days(row["archive_days"]), _days(row["remove_days"]))
            for row in rows
            if row["what"] in forms
        ),
        {row["what"]: _days(row["remove_days"]) for row in rows if row["what"] in BY_AGE},
    )


def _days(text: str) -> timedelta:
    return timedelta(days=int(text))


def _faults(row: TableRow, forms: set[str], seen: set[tuple[str, str]]) -> Iterable[tuple[str, str, str]]:
    what = (*sorted(forms), *BY_AGE)
    if row["what"] not in what:
        yield "what", f"只能是 {'、'.join(what)}", f"must be one of {', '.join(what)}"
    if (row["what"], row["status"]) in seen:
        yield "status", "该行重复", "this has its row already"
    if not _number(row["remove_days"], 1, MOST_DAYS):
        yield "remove_days", "须为天数", f"must be days, from 1 to {MOST_DAYS}"
    if row["certainty"] not in CERTAINTIES:
        yield "certainty", f"只能是 {'、'.join(CERTAINTIES)}", f"must be one of {', '.join(CERTAINTIES)}"
    if row["what"] in BY_AGE:
        for column in ("status", "archive_days", "file_years"):
            if row[column]:
                yield column, "此处须为空", "must be blank here"
        return
    if row["status"] not in ENDED:
        zh = f"只有办结的申报可以归档和清理：{'、'.join(ENDED)}"
        yield "status", zh, f"only what has ended is archived and removed: one of {', '.join(ENDED)}"
    if not _number(row["archive_days"], 0, MOST_DAYS):
        yield "archive_days", "须为天数", f"must be days, from 0 to {MOST_DAYS}"
    elif _number(row["remove_days"], 1, MOST_DAYS) and int(row["archive_days"]) > int(row["remove_days"]):
        yield "archive_days", "须先归档、后清理", "must not be more than remove_days: archived first, then removed"
    if not _number(row["file_years"], 1, 100):
        yield "file_years", "须为年数", "must be years, from 1 to 100"


def _number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6 and least <= int(text) <= most
