"""Rules of the cargo declaration (FAL form 2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule
from declarations.rules.vessel.voyage import shown

TONNE = 1000
"""Kilograms."""


@vessel_rule(
    "R-CGO-01",
    "cargo_operation_code",
    optional("port_of_loading_code"),
    optional("port_of_discharge_code"),
    optional("port_of_call_code"),
    ROW,
    CONTEXT,
)
def cargo_is_worked_here(
    operation: str, loading: str | None, discharge: str | None, call: str | None, row: Row, context: Context
) -> Finding | None:
    """What is discharged is bound for this port, what is loaded comes from it."""
    codes = context.tables.codes
    for code, item, port in (
        (codes["discharge"], "port_of_discharge_code", discharge),
        (codes["load"], "port_of_loading_code", loading),
    ):
        if operation == code and port is not None and call is not None and port != call:
            return Finding(item, row, port, call=call)
    return None


@vessel_rule(
    "R-CGO-02",
    optional("discharge_weight_total"),
    optional("loading_weight_total"),
    rows("cargo_items", "cargo_operation_code", "gross_weight"),
    CONTEXT,
)
def weights_add_up(
    discharged: Decimal | None, loaded: Decimal | None, cargo: Sequence[Row], context: Context
) -> list[Finding] | None:
    """The items' gross weights (kg) add up to the totals (t), within the tolerance of the settings."""
    if not cargo:
        return None
    found = []
    for item, meaning, total in (
        ("discharge_weight_total", "discharge", discharged),
        ("loading_weight_total", "load", loaded),
    ):
        added = _sum(cargo, context.tables.codes[meaning])
        if total is None or added is None:
            continue
        if abs(added - total * TONNE) > max(
            Decimal(1), total * TONNE * context.tables.numbers["weight_tolerance_percent"] / 100
        ):
            found.append(Finding(item, value=total, sum=(added / TONNE).normalize()))
    return found or None


def _sum(cargo: Sequence[Row], operation: str) -> Decimal | None:
    """Kilograms of the items of an operation; None when an item has no readable weight."""
    try:
        return sum(
            (Decimal(row["gross_weight"]) for row in cargo if row.get("cargo_operation_code") == operation), Decimal(0)
        )
    except (KeyError, InvalidOperation):
        return None


@vessel_rule("R-CGO-03", "supply_date_time", "ata", ROW)
def supplied_during_the_stay(supplied: datetime, ata: datetime, row: Row) -> bool | Finding:
    """Stores and bunkers are supplied and returned while she is here."""
    return supplied >= ata or Finding("supply_date_time", row, shown(supplied), ata=shown(ata))
