"""An agency as its tables describe it: channel, routing, messages by date, conversions, answers, working hours."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from typing import Any

from declarations.agencycodes import AgencyCodes
from declarations.answers import AnswerTables
from declarations.bundle import Bundle, TableRow
from declarations.codelists import CodeLists
from declarations.conditions import Condition, parse
from declarations.errors import BadConfiguration
from declarations.expectations import Expectations, load_expectations
from declarations.responses import Responses, load_responses
from declarations.tables import MessageTable, TableFaults, load_message, message_versions
from declarations.workdays import WorkingCalendar, load_calendar

TEXTS = ("name_zh", "name_en", "channel", "timezone", "reference_kind")
"""What every agency.toml says."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of routing.csv: when a message is due and what it waits for."""

    form: str
    message: str
    due: Condition
    waits_for: str
    waits_when: str
    carries: str
    required_for_release: bool
    row: TableRow


@dataclass(frozen=True, slots=True)
class Agency:
    """Everything the tables say of one agency. `settings` is its agency.toml."""

    name: str
    name_zh: str
    name_en: str
    channel: str
    timezone: str
    reference_kind: str
    """Under which kind its own number of a declaration is searched for."""
    settings: dict[str, Any]
    routes: tuple[Route, ...]
    messages: tuple[MessageTable, ...]
    codes: AgencyCodes
    responses: Responses
    answers: AnswerTables
    calendar: WorkingCalendar
    expectations: Expectations

    def table(self, message: str, version: str) -> MessageTable:
        """One version of an outgoing message; KeyError when the tables do not have it."""
        for table in self.messages:
            if (table.message, table.version, table.direction) == (message, version, "out"):
                return table
        raise KeyError(f"{self.name} {message} {version}")

    def table_on(self, message: str, day: date) -> MessageTable:
        """The version of a message that is valid on the acceptance date; raises BadConfiguration when there is none."""
        for table in self.messages:
            if table.message == message and table.direction == "out" and table.valid_on(day):
                return table
        raise BadConfiguration(
            f"no version of {self.name} {message} is valid on {day}", f"{day} 没有有效的 {self.name} {message} 版本"
        )


def agency_names(bundle: Bundle) -> list[str]:
    """The folders of mappings/ that describe an agency."""
    return [path.split("/")[1] for path in bundle.paths("mappings/", "/agency.toml")]


def load_agency(bundle: Bundle, name: str, lists: CodeLists, faults: TableFaults) -> Agency | None:
    """Read an agency's folder; faults of its tables go into `faults`."""
    path = f"mappings/{name}/agency.toml"
    try:
        settings = tomllib.loads(bundle.text(path))
        texts = {key: str(settings[key]) for key in TEXTS}
    except (tomllib.TOMLDecodeError, KeyError) as error:
        faults.note_file(path, str(error).strip("'"), f"agency.toml 无法使用：{error}", f"cannot be used: {error}")
        return None
    routes = tuple(_route(row, faults) for row in bundle.table(f"mappings/{name}/routing.csv"))
    found = [load_message(bundle, folder, faults) for folder in message_versions(bundle, name)]
    try:
        calendar = load_calendar(bundle, name, settings)
        return Agency(
            name=name,
            **texts,
            settings=settings,
            routes=routes,
            messages=tuple(table for table in found if table is not None),
            codes=AgencyCodes.load(bundle, name, lists),
            responses=load_responses(bundle, name),
            answers=AnswerTables.load(bundle, name),
            calendar=calendar,
            expectations=load_expectations(bundle, name, calendar),
        )
    except BadConfiguration as error:
        faults.found += error.faults
        return None


def _route(row: TableRow, faults: TableFaults) -> Route:
    due: Condition | None = None
    try:
        due = parse(row["due"])
    except ValueError as error:
        faults.note(row, "due", f"条件写法有误：{error}", f"not a condition: {error}")
        due = parse("present(filing.scope)")
    for column in ("waits_for", "waits_when", "carries"):
        if bool(row[column]) != bool(row["waits_for"]):
            faults.note(
                row,
                column,
                "waits_for、waits_when、carries 须同时填写",
                "fill waits_for, waits_when and carries together",
            )
    required = row["required_for_release"] == "yes"
    return Route(row["form"], row["message"], due, row["waits_for"], row["waits_when"], row["carries"], required, row)
