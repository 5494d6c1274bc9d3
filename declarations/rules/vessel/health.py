"""Rules of the maritime declaration of health (IHR 2005, Annex 8) and of quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from declarations.form import Row
from declarations.rules.rule import CONTEXT, Finding, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule

ALARMS = (
    "mdh_affected_area_indicator",
    "mdh_death_indicator",
    "mdh_infectious_disease_indicator",
    "mdh_ill_above_expected_indicator",
)
"""Answers of yes that need a ship looked at before anybody lands (facts section 2.1, quarantine mode)."""


@vessel_rule("R-HLT-01", "mdh_death_indicator", optional("mdh_death_quantity"))
def deaths_are_counted(said: str, dead: int | None) -> bool | Finding:
    """Who says that somebody died says how many, and the other way round."""
    if dead is None or (said == "1") == (dead > 0):
        return True
    return Finding("mdh_death_quantity", value=dead)


@vessel_rule("R-HLT-02", "mdh_ill_quantity", rows("ill_persons", "ill_person_name"))
def the_ill_are_as_many_as_said(quantity: int, ill: Sequence[Row]) -> bool | Finding:
    """The list of the ill has no more persons than said."""
    return len(ill) <= quantity or Finding("mdh_ill_quantity", value=quantity, rows=len(ill))


@vessel_rule(
    "R-HLT-03",
    "mdh_affected_port_code",
    optional("mdh_affected_visit_date"),
    optional("eta"),
    rows("port_calls", "call_port_code"),
    CONTEXT,
)
def affected_port_was_called_at(
    port: str, visited: date | None, eta: datetime | None, calls: Sequence[Row], context: Context
) -> list[Finding] | None:
    """The port in the affected area is in the history of calls, and the visit within the 30 days the declaration is about."""
    found = []
    if calls and port not in {row.get("call_port_code") for row in calls}:
        found.append(Finding("mdh_affected_port_code", value=port))
    days = context.tables.numbers["affected_days"]
    if visited is not None and eta is not None and eta.date() - visited > timedelta(days=days):
        found.append(Finding("mdh_affected_visit_date", value=visited, words="long_ago", days=days))
    return found or None


@vessel_rule("R-HLT-04", "quarantine_method_code", *(optional(item) for item in ALARMS), CONTEXT)
def radio_quarantine_only_without_risk(
    method: str, area: str | None, death: str | None, disease: str | None, ill: str | None, context: Context
) -> bool | Finding:
    """Quarantine by radio is for ships without risk; others go to the quarantine anchorage (facts section 2.1)."""
    if method != context.tables.codes["radio"]:
        return True
    given = zip(ALARMS, (area, death, disease, ill), strict=True)
    because = next((item for item, answer in given if answer == "1"), None)
    if because is None:
        return True
    described = context.form.items[because]
    return Finding("quarantine_method_code", value=method, because=(described.name_zh, described.name_en))


@vessel_rule(
    "R-HLT-05",
    rows("ill_persons", "ill_person_name"),
    rows("crew", "crew_family_name", "crew_given_name", "crew_name_zh"),
    rows("passengers", "passenger_family_name", "passenger_given_name"),
)
def the_ill_are_on_board(ill: Sequence[Row], crew: Sequence[Row], passengers: Sequence[Row]) -> list[Finding] | None:
    """Who is ill is in the crew or passenger list."""
    if not ill or not (crew or passengers):
        return None
    names = {
        frozenset(" ".join(row.get(f"{prefix}_{part}", "") for part in ("family_name", "given_name")).upper().split())
        for prefix, people in (("crew", crew), ("passenger", passengers))
        for row in people
    }
    names |= {frozenset({row["crew_name_zh"]}) for row in crew if "crew_name_zh" in row}
    return [
        Finding("ill_person_name", row, name)
        for row in ill
        if (name := row.get("ill_person_name")) is not None
        and frozenset(name.upper().replace(",", " ").split()) not in names
    ] or None


PERSONS = ("sick", "dead", "evacuation", "rescue", "overboard", "stowaways")
"""Emergencies that are about persons."""


@vessel_rule("R-EMG-01", "urgent_call_reason_code", "emergency_person_quantity", CONTEXT)
def emergencies_of_persons_count_them(reason: str, persons: int, context: Context) -> bool | Finding:
    """Where persons are sick, dead, rescued or missing, the report says how many."""
    if persons > 0 or reason not in {context.tables.codes[meaning] for meaning in PERSONS}:
        return True
    return Finding("emergency_person_quantity", value=persons)
