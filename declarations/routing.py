"""Routing: which agencies get which message of a declaration, and what a message waits for (design.md section 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING

from declarations.answers import Response
from declarations.codelists import CodeLists
from declarations.form import Declaration
from declarations.reach import Frames, Unreachable
from declarations.rules.clearance_form import clearance_form_missing, clearance_form_type
from declarations.tables import TableFaults

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook

WAITS: dict[str, Callable[[Declaration, CodeLists, date], bool]] = {"clearance_form_missing": clearance_form_missing}
"""The named functions of `waits_when`."""
CARRIED: dict[str, Callable[[Declaration, CodeLists, date], str]] = {"clearance_form_type": clearance_form_type}
"""The named functions of `carries`."""
ANSWER_FIELDS = frozenset(field.name for field in fields(Response))
"""What a leg can wait for: the fields of the neutral response."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One agency's part of a declaration. `waits_for` is `agency.answer_field` while something must come first."""

    agency: str
    message: str
    version: str
    waits_for: str | None
    carries: str | None
    required_for_release: bool


def plan(rulebook: Rulebook, declaration: Declaration, on: date) -> list[Leg]:
    """The legs of a declaration by routing.csv, messages in the version valid on the acceptance date."""
    scope = rulebook.forms[declaration.form].scopes[declaration.scope]
    legs = []
    for agency in rulebook.agencies.values():
        for route in agency.routes:
            if route.form != declaration.form:
                continue
            if not route.due.holds(lambda name: _routed(name, declaration), rulebook.codes, on):
                continue
            # An agency outside the filing cannot be waited for.
            awaited = route.waits_for.split(".")[0]
            waits = awaited in scope and WAITS[route.waits_when.removeprefix("fn:")](declaration, rulebook.codes, on)
            version = agency.table_on(route.message, on).version
            legs.append(
                Leg(
                    agency.name,
                    route.message,
                    version,
                    route.waits_for if waits else None,
                    route.carries or None if waits else None,
                    route.required_for_release,
                )
            )
    return legs


def carried_values(carries: str) -> list[tuple[str, str]]:
    """`clearance_form_id clearance_form_type=fn:clearance_form_type` -> (window's value, function or "" for what was awaited)."""
    parts = (part.partition("=") for part in carries.split())
    return [(name, function.removeprefix("fn:")) for name, _, function in parts]


def _routed(name: str, declaration: Declaration) -> str | None:
    return declaration.scope if name == "filing.scope" else declaration.header.get(name)


def prove_routes(rulebook: Rulebook, agency: str, faults: TableFaults) -> None:
    """The table check's part for routing.csv: what a row names exists."""
    out = {table.message for table in rulebook.agencies[agency].messages if table.direction == "out"}
    for route in rulebook.agencies[agency].routes:
        row = route.row
        if route.message not in out:
            faults.note(row, "message", f"没有报文 {route.message}", f"there are no tables of {route.message}")
        if route.form not in rulebook.forms:
            faults.note(row, "form", f"没有表单 {route.form}", f"there is no form {route.form}")
            continue
        for operand in route.due.operands():
            try:
                Frames(rulebook.forms[route.form], rulebook.filing).value(operand)
            except Unreachable as error:
                faults.note(row, "due", str(error), str(error))
        awaited, _, answer_field = route.waits_for.partition(".")
        if awaited and awaited not in rulebook.agencies:
            faults.note(row, "waits_for", "等待的机构不存在", "waits for an agency that is not there")
        elif awaited and answer_field not in ANSWER_FIELDS:
            faults.note(row, "waits_for", "回执没有此字段", f"answers have no {answer_field or 'such field'}")
        if route.waits_when and route.waits_when.removeprefix("fn:") not in WAITS:
            faults.note(row, "waits_when", "未知函数", f"must be one of {', '.join(f'fn:{name}' for name in WAITS)}")
        for name, function in carried_values(route.carries):
            if name not in rulebook.filing:
                faults.note(row, "carries", f"filing.csv 中没有 {name}", f"{name} is not in mappings/filing.csv")
            if function and function not in CARRIED:
                faults.note(row, "carries", "未知函数", f"must be one of {', '.join(f'fn:{name}' for name in CARRIED)}")
