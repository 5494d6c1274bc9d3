"""The rows of the vessel rule tables: each does what it says, and faults of a table are told with file and line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from vessel_forms import Day, VesselSource, vessel_rules

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.form import Declaration, Row
from declarations.rules.engine import RuleSet
from declarations.rules.vessel.tables import TODAY, Order
from tests.support.windows import ROOT

ORDERS = [(group, order) for group, orders in vessel_rules().tables.order.items() for order in orders]
RANGES = [(group, item) for group, ranges in vessel_rules().tables.ranges.items() for item in ranges]


def faults(step: str, values: dict[str, str]) -> list[tuple[str, str | None, str]]:
    """(code, item, severity) of a filing with these values alone."""
    form = vessel_rules().form
    header = Row()
    for item, value in values.items():
        group = form.items[item].group
        row = header if not group else header.children.setdefault(group, [Row((), f"/{group}/0")])[0]
        row[item] = value
    found = vessel_rules().run(Declaration("vessel", step, header), Day())
    return [(fault.code, fault.item, fault.severity) for fault in found]


def moment(item: str, day: str) -> str:
    return day if vessel_rules().form.items[item].type == "date" else f"{day}0600"


@pytest.mark.parametrize("order", [order for _, order in ORDERS], ids=lambda order: f"{order.earlier}-{order.later}")
def test_what_comes_first_comes_first(order: Order) -> None:
    at = order.later if order.words == "expires" else order.earlier
    wrong = ("R-DAT-11", at, order.severity)
    for step in sorted(order.steps):
        if order.later == TODAY:
            early, late = (
                {order.earlier: moment(order.earlier, "20151022")},
                {order.earlier: moment(order.earlier, "20151024")},
            )
        else:
            late = {order.earlier: moment(order.earlier, "20151024"), order.later: moment(order.later, "20151022")}
            early = {order.earlier: moment(order.earlier, "20151021"), order.later: moment(order.later, "20151022")}
            early = {item: value for item, value in early.items() if item}
        if not _asked(step, late):
            continue
        assert wrong in faults(step, late)
        assert wrong not in faults(step, early)


def _asked(step: str, values: dict[str, str]) -> bool:
    """Whether the step's agencies take all of it."""
    form = vessel_rules().form
    return all(form.scopes[step] & form.items[item].obligations.keys() for item in values)


@pytest.mark.parametrize(("group", "item"), RANGES, ids=str)
def test_both_ends_of_a_range_are_plausible_and_nothing_beyond(group: str, item: str) -> None:
    limits = vessel_rules().tables.ranges[group][item]
    wrong = ("R-RNG-01", item, limits.severity)
    for value, said in (
        (limits.lowest, False),
        (limits.highest, False),
        (limits.highest + 1, True),
        (limits.lowest - 1, True),
    ):
        if vessel_rules().form.items[item].type == "integer" and (value < 0 or value != int(value)):
            continue
        assert (wrong in faults("arrival", {item: format(Decimal(value), "f")})) is said


def changed(path: str, old: str, new: str) -> list[tuple[str, int | None]]:
    """(file and column, line) of each fault of the tables with some text replaced."""
    files = Bundle.read(ROOT).files
    assert old.encode() in files[path]
    files[path] = files[path].replace(old.encode(), new.encode(), 1)
    with pytest.raises(BadConfiguration) as refused:
        RuleSet(VesselSource(Bundle(files)), "vessel")
    return [(fault.pointer, fault.line) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("table", "old", "new", "column"),
    [
        ("settings", "short_stay_hours,24", "short_stay_hours,a day", "value"),
        ("settings", "periodic_days,7", "periodic_day,7", ""),
        ("codes", "crew_movement_type_code,JOI", "crew_movement_type_code,IOJ", "code"),
        ("codes", "joins,", "joined,", ""),
        ("steps", "application,arrival", "application,sideways", "direction"),
        ("steps", "movement,", "moving,", "step"),
        ("indicators", "dangerous_goods_indicator,dangerous_goods", "dangerous_goods_indicator,explosives", "group"),
        ("order", "eta,etd,no,error", "eta,etd,no,mistake", "severity"),
        ("order", "eta,etd,no", "eta,gross_tonnage,no", "earlier"),
        ("order", "call_arrival_date,call_departure_date", "call_arrival_date,crew_embark_date", "later"),
        ("ranges", "breadth,2,80", "breadth,two,80", "lowest"),
        ("ranges", "breadth,2,80", "ship_name_en,2,80", "item"),
        ("dangerous_classes", "3,always", "3,sometimes", "packing_group"),
        ("un_numbers", "1203,3,", "1203,33,", "class"),
        ("flags", "PA,351", "XX,351", "flag"),
        ("flags", "3E-3F", "3F-3E", "call_signs"),
        ("certificates", "REG,0", "GER,0", "certificate_type"),
        ("sequences", "crew_sequence_number", "crew_number", "item"),
        ("mrz", "birth,crew_date_of_birth", "birth,crew_birthday", "crew"),
        ("mrz_codes", "sex,M,M", "sex,M,male", "code"),
        ("required", "present(issc_number)", "present(nothing)", "when"),
    ],
)  # fmt: skip
def test_a_faulty_row_is_named(table: str, old: str, new: str, column: str) -> None:
    path = f"mappings/rules/vessel.{table}.csv"
    found = changed(path, old, new)
    assert f"{path}#{column}" in [pointer for pointer, _ in found]
    assert all(line for _, line in found)
