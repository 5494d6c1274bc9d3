"""Routing: which agencies get which message of a declaration, and what a message waits for (design.md section 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from declarations.codelists import CodeLists
from declarations.form import Declaration
from declarations.rules.clearance_form import clearance_form_missing

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook

WAITS: dict[str, Callable[[Declaration, CodeLists, date], bool]] = {"clearance_form_missing": clearance_form_missing}
"""The named functions of `waits_when`."""


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
    legs = []
    for agency in rulebook.agencies.values():
        for route in agency.routes:
            if route.form != declaration.form:
                continue
            if not route.due.holds(lambda name: _routed(name, declaration), rulebook.codes, on):
                continue
            # An agency outside the filing cannot be waited for.
            awaited = route.waits_for.split(".")[0]
            waits = awaited in declaration.agencies and WAITS[route.waits_when.removeprefix("fn:")](
                declaration, rulebook.codes, on
            )
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


def _routed(name: str, declaration: Declaration) -> str | None:
    return declaration.scope if name == "filing.scope" else declaration.header.get(name)
