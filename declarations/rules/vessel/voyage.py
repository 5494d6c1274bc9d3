"""Rules of the voyage, the call and the berth. (What comes before what is a table: R-DAT-11.)"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from declarations.rules.rule import CONTEXT, Finding, optional
from declarations.rules.vessel.tables import Context, vessel_rule

HOUR = timedelta(hours=1)


@vessel_rule("R-VOY-04", "eta", "etd", CONTEXT)
def both_formalities_only_for_short_stays(eta: datetime, etd: datetime, context: Context) -> bool | Finding:
    """Entry and exit are handled together only where the stay is under 24 hours (Decree 175; facts section 2.1)."""
    hours = context.tables.numbers["short_stay_hours"]
    if context.tables.steps[context.scope].kind != "short" or etd - eta < hours * HOUR:
        return True
    return Finding("etd", value=shown(etd), hours=hours, eta=shown(eta))


@vessel_rule("R-VOY-05", "periodic_from_date", "periodic_to_date", CONTEXT)
def periodic_clearance_holds_a_week(start: date, end: date, context: Context) -> bool | Finding:
    """A periodic clearance is for at most 7 days, both ends counted (facts section 2.1)."""
    days = context.tables.numbers["periodic_days"]
    if context.tables.steps[context.scope].kind != "periodic" or (end - start).days < days:
        return True
    return Finding("periodic_to_date", value=end, days=days, start=start)


@vessel_rule("R-VOY-06", "stay_period_hours", "eta", "etd", CONTEXT)
def stay_fits_the_times(hours: int, eta: datetime, etd: datetime, context: Context) -> bool | Finding:
    """The planned stay is the time between arrival and departure, give or take (FAL form 3 item 7)."""
    between = (etd - eta) / HOUR
    if abs(hours - between) <= context.tables.numbers["stay_tolerance_hours"]:
        return True
    return Finding("stay_period_hours", value=hours, between=round(between))


@vessel_rule("R-VOY-07", "port_of_call_code", optional("last_port_code"), optional("next_port_code"))
def ports_differ(port: str, last: str | None, following: str | None) -> list[Finding] | None:
    """She comes from another port and sails to another one."""
    given = (("last_port_code", last), ("next_port_code", following))
    return [Finding(item, value=code) for item, code in given if code == port] or None


@vessel_rule(
    "R-VOY-08",
    optional("port_of_call_code"),
    optional("declaration_port_code"),
    optional("domestic_first_port_code"),
    CONTEXT,
)
def ports_here_are_ours(
    call: str | None, declared: str | None, first: str | None, context: Context
) -> list[Finding] | None:
    """The port of call, the port of the declaration and the first Chinese port are Chinese ports."""
    home = context.tables.texts["home_country"]
    given = (("port_of_call_code", call), ("declaration_port_code", declared), ("domestic_first_port_code", first))
    return [Finding(item, value=code) for item, code in given if code is not None and code[:2] != home] or None


@vessel_rule("R-VOY-09", "authentication_date_time", "eta", optional("last_port_departure_date_time"), CONTEXT)
def filed_in_time_before_arrival(
    signed: datetime, eta: datetime, left: datetime | None, context: Context
) -> bool | Finding:
    """The application comes 7 days before arrival, the report 24 hours; on shorter voyages when she leaves the last port."""
    numbers = context.tables.numbers
    ahead = {
        "application": timedelta(days=numbers["application_days"]),
        "report_24h": numbers["report_hours"] * HOUR,
    }.get(context.scope)
    if ahead is None or eta - signed >= ahead or (left is not None and eta - left < ahead):
        return True
    return Finding("authentication_date_time", value=shown(signed), due=shown(eta - ahead))


@vessel_rule("R-VOY-09", "authentication_date_time", "etd", CONTEXT)
def exit_asked_for_in_time(signed: datetime, etd: datetime, context: Context) -> bool | Finding:
    """Exit formalities are asked for within 4 hours before departure (Decree 175, Art. 12)."""
    hours = context.tables.numbers["exit_hours"]
    if context.scope != "departure" or signed >= etd or etd - signed <= hours * HOUR:
        return True
    return Finding("authentication_date_time", value=shown(signed), words="early", hours=hours, etd=shown(etd))


@vessel_rule("R-VOY-10", "shift_from_berth_code", "shift_to_berth_code")
def shifts_to_another_berth(before: str, after: str) -> bool | Finding:
    """A shift ends at another berth than it began."""
    return before != after or Finding("shift_to_berth_code", value=after)


@vessel_rule("R-VOY-11", "simultaneous_clearance_indicator", CONTEXT)
def together_is_said_where_it_is(together: str, context: Context) -> bool | Finding:
    """Who files both formalities in one says so, nobody else does."""
    expected = "1" if context.tables.steps[context.scope].kind == "short" else "0"
    return together == expected or Finding(value=together, expected=expected)


def shown(moment: datetime) -> str:
    """A time as people write it, in Shanghai."""
    return moment.strftime("%Y-%m-%d %H:%M")
