"""Rules of ballast water (IMO ballast water reporting form) and of waste (MEPC.1/Circ.834)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule


@vessel_rule("R-BLW-01", "ballast_tank_quantity", rows("ballast_tanks", "ballast_tank_name"))
def tanks_are_as_many_as_said(quantity: int, tanks: Sequence[Row]) -> bool | Finding:
    """Every tank in ballast has its row."""
    return not tanks or quantity == len(tanks) or Finding("ballast_tank_quantity", value=quantity, rows=len(tanks))


@vessel_rule("R-BLW-02", "ballast_total_volume", rows("ballast_tanks", "ballast_source_volume"), CONTEXT)
def volumes_add_up(total: Decimal, tanks: Sequence[Row], context: Context) -> bool | Finding:
    """The volumes of the tanks add up to the total, within the tolerance of the settings."""
    added = _sum(tanks, "ballast_source_volume")
    if not tanks or added is None:
        return True
    tolerance = max(Decimal(1), total * context.tables.numbers["weight_tolerance_percent"] / 100)
    return abs(added - total) <= tolerance or Finding("ballast_total_volume", value=total, sum=added)


@vessel_rule("R-BLW-03", "ballast_total_volume", "ballast_total_capacity")
def ballast_fits_the_tanks(total: Decimal, capacity: Decimal) -> bool | Finding:
    """There is no more ballast than the tanks hold."""
    return total <= capacity or Finding("ballast_total_volume", value=total, capacity=capacity)


@vessel_rule("R-BLW-04", "ballast_discharge_volume", "ballast_source_volume", ROW)
def no_more_is_discharged_than_there_is(discharged: Decimal, volume: Decimal, row: Row) -> bool | Finding:
    """A tank discharges at most what it holds."""
    return discharged <= volume or Finding("ballast_discharge_volume", row, discharged, volume=volume)


@vessel_rule("R-BLW-05", "ballast_discharge_indicator", rows("ballast_tanks", "ballast_discharge_volume"))
def discharge_is_asked_for(asked: str, tanks: Sequence[Row]) -> bool | Finding:
    """Who asks to discharge says how much of which tank, and the other way round."""
    discharged = _sum(tanks, "ballast_discharge_volume")
    if not tanks or discharged is None or (asked == "1") == (discharged > 0):
        return True
    return Finding("ballast_discharge_indicator", value=asked, sum=discharged)


def _sum(tanks: Sequence[Row], item: str) -> Decimal | None:
    try:
        return sum((Decimal(row[item]) for row in tanks if item in row), Decimal(0))
    except InvalidOperation:
        return None


@vessel_rule("R-WST-01", "waste_retained_volume", "waste_capacity_volume", ROW)
def waste_fits_on_board(retained: Decimal, capacity: Decimal, row: Row) -> bool | Finding:
    """No more waste stays on board than there is room for."""
    return retained <= capacity or Finding("waste_retained_volume", row, retained, capacity=capacity)


@vessel_rule("R-WST-02", "waste_retained_volume", optional("waste_remaining_port_code"), ROW)
def retained_waste_goes_somewhere(retained: Decimal, port: str | None, row: Row) -> bool | Finding:
    """Waste that stays on board is delivered at a named port."""
    return retained <= 0 or port is not None or Finding("waste_remaining_port_code", row, retained)
