"""Rules of the history of calls and of ship-to-ship activities (SOLAS XI-2, ship security report)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from declarations.form import Row
from declarations.rules.rule import CONTEXT, Finding, rows
from declarations.rules.vessel.order import written
from declarations.rules.vessel.tables import Context, vessel_rule


def newest(calls: Sequence[Row]) -> Row | None:
    """The call she left last; of calls left on one day the one that stands first."""
    dated = [row for row in calls if row.get("call_departure_date")]
    return max(dated, key=lambda row: row["call_departure_date"], default=None)


@vessel_rule("R-VOY-12", "last_port_code", rows("port_calls", "call_port_code", "call_departure_date"))
def last_port_is_the_newest_call(last: str, calls: Sequence[Row]) -> bool | Finding:
    """The last port of call is the newest of the history of calls (facts section 5)."""
    found = newest(calls)
    port = found.get("call_port_code") if found is not None else None
    return port is None or port == last or Finding("last_port_code", value=last, port=port)


@vessel_rule("R-VOY-13", rows("port_calls", "call_port_code", "call_arrival_date", "call_departure_date"))
def calls_do_not_overlap(calls: Sequence[Row]) -> list[Finding] | None:
    """She was in one port at a time."""
    dated = sorted(
        (row for row in calls if row.get("call_arrival_date") and row.get("call_departure_date")),
        key=lambda row: row["call_arrival_date"],
    )
    found = []
    for before, after in pairwise(dated):
        if after["call_arrival_date"] < before["call_departure_date"]:
            shown = {"port": before.get("call_port_code", ""), "left": written(before["call_departure_date"])}
            found.append(Finding("call_arrival_date", after, written(after["call_arrival_date"]), fill=shown))
    return found or None


@vessel_rule("R-SEC-01", rows("port_calls", "call_port_code"), CONTEXT)
def history_has_ten_calls(calls: Sequence[Row], context: Context) -> Finding | None:
    """The security report lists the last 10 calls; a new ship has fewer (SOLAS XI-2/9.2.1)."""
    expected = context.tables.numbers["calls_expected"]
    if not calls or len(calls) >= expected:
        return None
    return Finding("call_sequence_number", calls[-1], value=len(calls), expected=expected)


@vessel_rule("R-SEC-02", rows("port_calls", "call_security_level_code", "call_additional_measures"))
def higher_levels_had_measures(calls: Sequence[Row]) -> list[Finding] | None:
    """A call at security level 2 or 3 says which measures were taken (SOLAS XI-2/9.2.1.3)."""
    found = [
        Finding("call_additional_measures", row, row["call_security_level_code"])
        for row in calls
        if row.get("call_security_level_code") in ("2", "3") and "call_additional_measures" not in row
    ]
    return found or None
