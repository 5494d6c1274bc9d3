"""Rules of the passenger list (FAL form 6) and of the persons on board."""

from __future__ import annotations

from collections.abc import Sequence

from declarations.form import Row
from declarations.rules.rule import CONTEXT, Finding, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule


@vessel_rule("R-PAX-01", "passenger_quantity", rows("passengers", "passenger_sequence_number"), CONTEXT)
def passengers_are_as_many_as_said(quantity: int, passengers: Sequence[Row], context: Context) -> bool | Finding:
    """The number of passengers is the number of rows, where the list is due or given."""
    if not passengers and "passengers" not in context.tables.steps[context.scope].lists:
        return True
    return quantity == len(passengers) or Finding("passenger_quantity", value=quantity, rows=len(passengers))


@vessel_rule(
    "R-PAX-02",
    "persons_on_board_quantity",
    "crew_quantity",
    "passenger_quantity",
    optional("rescued_person_quantity"),
    optional("stowaway_indicator"),
)
def persons_add_up(
    total: int, crew: int, passengers: int, rescued: int | None, stowaways: str | None
) -> bool | Finding:
    """Persons on board are crew and passengers, and the rescued and stowaways where they are in no list."""
    least = crew + passengers
    if total == least or (least < total <= least + (rescued or 0)) or (stowaways == "1" and total > least):
        return True
    return Finding("persons_on_board_quantity", value=total, crew=crew, passengers=passengers)


@vessel_rule(
    "R-PAX-03",
    "transit_passenger_quantity",
    "passenger_quantity",
    rows("passengers", "passenger_transit_indicator"),
)
def transit_passengers_are_as_many_as_said(transit: int, quantity: int, passengers: Sequence[Row]) -> bool | Finding:
    """Passengers in transit are passengers, and as many as the list has."""
    if transit > quantity:
        return Finding("transit_passenger_quantity", value=transit, words="more", quantity=quantity)
    marks = [row.get("passenger_transit_indicator") for row in passengers]
    if not any(mark is not None for mark in marks) or marks.count("1") == transit:
        return True
    return Finding("transit_passenger_quantity", value=transit, rows=marks.count("1"))


@vessel_rule("R-PAX-04", optional("stowaway_indicator"), rows("passengers", "passenger_type_code"), CONTEXT)
def stowaways_are_said(said: str | None, passengers: Sequence[Row], context: Context) -> bool | Finding:
    """A stowaway in the passenger list is said in the general declaration too (FAL 4.6; IHR Annex 8 question 8)."""
    code = context.tables.codes["stowaway"]
    if said == "1" or not any(row.get("passenger_type_code") == code for row in passengers):
        return True
    return Finding("stowaway_indicator", value=said or "")


@vessel_rule("R-PAX-05", "passenger_embark_port_code", "passenger_disembark_port_code")
def passengers_go_somewhere(embark: str, disembark: str) -> bool | Finding:
    """A passenger leaves at another port than where he came on board; a round trip ends where it began."""
    return embark != disembark


@vessel_rule("R-PAX-06", "passenger_quantity", "passenger_capacity")
def passengers_fit_the_ship(quantity: int, capacity: int) -> bool | Finding:
    """She carries no more passengers than she may (SOLAS I/12)."""
    return quantity <= capacity or Finding("passenger_quantity", value=quantity, capacity=capacity)
