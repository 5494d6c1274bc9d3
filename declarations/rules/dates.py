"""Rules of dates: what has happened, what comes after what. (That a date exists is the structure's matter: F-DATE.)"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from declarations.rules.rule import CONTEXT, Finding, RuleContext, optional, rule
from declarations.rules.semantics import EXPORT, IMPORT
from declarations.rules.values import day


@lru_cache(1024)
def production_dates(text: str) -> tuple[date, ...] | None:
    """The dates of a production_date item (yyyyMMdd, several separated by semicolons); None when one is no date."""
    try:
        return tuple(day(part.strip()) for part in text.split(";"))
    except ValueError:
        return None


@rule("R-DAT-01", "trade_direction_code", "border_crossing_date", CONTEXT)
def border_crossing_has_happened(direction: str, crossing: date, context: RuleContext) -> bool | Finding:
    """An import's date is not in the future (blank = advance declaration); an export's is filled by customs."""
    if direction == EXPORT:
        return Finding(value=crossing, words="export")
    return crossing <= context.today or Finding(value=crossing, today=context.today)


@rule("R-DAT-02", "departure_date", "goods_arrival_date")
def departure_before_arrival(departure: date, arrival: date) -> bool | Finding:
    """Goods depart before they arrive."""
    return departure <= arrival or Finding("departure_date", value=departure, arrival=arrival)


@rule("R-DAT-02", "production_date", "departure_date")
def produced_before_departure(text: str, departure: date) -> bool | Finding:
    """Every production date is on or before the departure."""
    produced = production_dates(text)
    late = [each for each in produced or () if each > departure]
    return not late or Finding("production_date", value=late[0], words="production", departure=departure)


@rule("R-DAT-02", "expiry_date", "trade_direction_code", optional("goods_arrival_date"), optional("departure_date"))
def goods_keep_until_after_the_journey(
    expiry: date, direction: str, arrival: date | None, departure: date | None
) -> bool | Finding:
    """Goods expire after they arrive (export: after they depart)."""
    reached = arrival if direction == IMPORT else departure
    return reached is None or expiry > reached or Finding("expiry_date", value=expiry, words="expiry", reached=reached)


@rule("R-DAT-03", "trade_direction_code", "border_crossing_date", CONTEXT)
def filed_in_time(direction: str, crossing: date, context: RuleContext) -> bool | Finding:
    """An import is filed within 14 days of arrival (settings table); later costs a fee."""
    days = int(context.tables.settings["late_after_days"])
    if direction != IMPORT or context.accepted_on <= crossing + timedelta(days=days):
        return True
    return Finding(value=crossing, days=days)


@rule("R-DAT-04", "production_date")
def production_dates_exist(text: str) -> bool:
    """Production dates are calendar dates yyyyMMdd, several separated by semicolons."""
    return production_dates(text) is not None
