"""A cruise ship with 900 crew and 3,000 passengers: the largest filing the trade knows. Ship and people are invented."""

from __future__ import annotations

import json
from typing import Any

from tests.support.windows import ROOT

CREW, PASSENGERS = 900, 3_000
SHIPS = ROOT / "tests/data/ships"


def letters(number: int) -> str:
    """A name of its own for each number: A for 0, B for 1, AA for 26."""
    found = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def arrival() -> dict[str, Any]:
    """Her arrival, valid without a word on the day of the tests."""
    form: dict[str, Any] = json.loads((SHIPS / "arrival.json").read_text(encoding="utf-8"))
    form["crew"] += [_steward(form["crew"][-1], number) for number in range(len(form["crew"]), CREW)]
    form["passengers"] = [_passenger(number) for number in range(PASSENGERS)]
    return form | {
        "trader_assigned_reference_id": "SHV201510219000",
        "ship_name_en": "AZURE VECTOR",
        "ship_imo_number": "9900021",
        "ship_customs_id": "UN9900021/2225",
        "ship_type_code": "1591",
        "gross_tonnage": "148528",
        "net_tonnage": "110000",
        "minimum_safe_manning": 120,
        "passenger_capacity": 3200,
        "crew_quantity": CREW,
        "foreign_crew_quantity": CREW - form["chinese_crew_quantity"],
        "passenger_quantity": PASSENGERS,
        "transit_passenger_quantity": PASSENGERS,
        "persons_on_board_quantity": CREW + PASSENGERS,
    }


def _steward(like: dict[str, Any], number: int) -> dict[str, Any]:
    return like | {
        "crew_sequence_number": number + 1,
        "crew_family_name": f"FILIP{letters(number)}",
        "crew_given_name": "ANNA",
        "crew_gender_code": "F",
        "crew_date_of_birth": f"19{70 + number % 29}{1 + number % 12:02}{1 + number % 28:02}",
        "crew_rank_code": "CAB",
        "crew_rank_name": "Cabin steward",
        "crew_document_number": f"P{5_000_000 + number}",
        "crew_seaman_book_number": f"B{number:07}",
        "crew_shore_leave_indicator": "0",
    }


def _passenger(number: int) -> dict[str, Any]:
    return {
        "passenger_sequence_number": number + 1,
        "passenger_family_name": f"TANAKA{letters(number)}",
        "passenger_given_name": "HANA",
        "passenger_gender_code": "MF"[number % 2],
        "passenger_date_of_birth": f"19{40 + number % 60}{1 + number % 12:02}{1 + number % 28:02}",
        "passenger_place_of_birth": "Osaka",
        "passenger_nationality_code": "JPN",
        "passenger_document_type_code": "PP",
        "passenger_document_number": f"TR{1_000_000 + number}",
        "passenger_document_issuing_country_code": "JPN",
        "passenger_document_expiry_date": "20261231",
        "passenger_embark_port_code": "KRPUS",
        "passenger_disembark_port_code": "JPOSA",
        "passenger_transit_indicator": "1",
        "passenger_type_code": "PAX",
        "passenger_luggage_quantity": 2,
    }
