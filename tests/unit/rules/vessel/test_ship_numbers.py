"""Check digits of ships, companies and travel documents against numbers from outside this project and a second way to count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarations.mrz import check_digit
from declarations.registration import Wrong
from declarations.rules.containers import container_check_digit
from declarations.shipnumbers import (
    company_check_digit,
    imo_company_number,
    imo_ship_number,
    ship_check_digit,
    ship_station_mmsi,
)

SIX = st.text("0123456789", min_size=6, max_size=6)
ZONE = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<", min_size=1, max_size=40)


@pytest.mark.parametrize(
    "number",
    [
        "9074729",
        "9811000",
        "9321483",
        "9839430",
        "9776171",
        "9900019",
        "9900021",
        "9900033",
        "9900045",
        "9876543",
        "9123453",
    ],
)
def test_ships_numbers(number: str) -> None:
    assert imo_ship_number(number) is None


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        ("9074728", Wrong.CHECK),
        ("9900018", Wrong.CHECK),
        ("9900022", Wrong.CHECK),
        ("907472", Wrong.FORM),
        ("9O74729", Wrong.FORM),
        ("IMO9074729", Wrong.FORM),
        ("９０７４７２９", Wrong.FORM),  # digits of another script are none
    ],
)
def test_wrong_ships_numbers(number: str, wrong: Wrong) -> None:
    assert imo_ship_number(number) is wrong


@given(SIX)
def test_weights_from_the_other_side_give_the_same_ship_digit(six: str) -> None:
    """With weights 3 to 8 from the left, the digit fills the sum up to a multiple of ten."""
    digit = ship_check_digit(six)
    assert (
        sum(int(each) * weight for each, weight in zip(six, (3, 4, 5, 6, 7, 8), strict=True)) + int(digit)
    ) % 10 == 0
    assert imo_ship_number(six + digit) is None


def test_a_companys_number() -> None:
    assert imo_company_number("2041999") is None
    assert imo_company_number("2041998") is Wrong.CHECK
    assert imo_company_number("204199") is Wrong.FORM


@given(SIX)
def test_a_company_digit_makes_the_sum_a_multiple_of_eleven_unless_it_is_nought(six: str) -> None:
    digit = int(company_check_digit(six))
    total = sum(int(each) * weight for each, weight in zip(six, (8, 6, 4, 2, 9, 7), strict=True))
    assert (total + digit) % 11 == 0 or (digit == 0 and total % 11 in (0, 1)) or (digit == 1 and total % 11 == 0)


@pytest.mark.parametrize("number", ["413999001", "352999001", "538000001"])
def test_mmsi_of_ships(number: str) -> None:
    assert ship_station_mmsi(number) is None


@pytest.mark.parametrize("number", ["041399900", "99900001", "992999001", "4139990012", ""])
def test_what_is_no_mmsi_of_a_ship(number: str) -> None:
    assert ship_station_mmsi(number) is Wrong.FORM


@pytest.mark.parametrize(
    "number", ["TSTU0000014", "TSTU0000020", "TSTU3054380", "TSTU1234568", "TSTU9999996", "TGHU7654320", "CSQU3054383"]
)
def test_containers_of_the_facts(number: str) -> None:
    assert container_check_digit(number[:10]) == number[10]


@pytest.mark.parametrize("number", ["TSTU0000015", "TGHU7654321"])
def test_their_invalid_twins(number: str) -> None:
    assert container_check_digit(number[:10]) != number[10]


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("L898902C3", "6"),
        ("740812", "2"),
        ("120415", "9"),
        ("ZE184226B<<<<<", "1"),
        ("E12345678", "2"),
        ("850101", "9"),
        ("290630", "2"),
        ("920229", "8"),
        ("261231", "7"),
    ],
)
def test_digits_of_machine_readable_zones(text: str, digit: str) -> None:
    assert check_digit(text) == digit


@given(ZONE)
def test_a_digit_of_a_zone_counted_by_thirds(text: str) -> None:
    """Signs 1, 4, 7 … weigh 7, signs 2, 5, 8 … weigh 3, signs 3, 6, 9 … weigh 1; letters are their base-36 value."""
    values = [0 if sign == "<" else int(sign, 36) for sign in text]
    assert check_digit(text) == str((7 * sum(values[0::3]) + 3 * sum(values[1::3]) + sum(values[2::3])) % 10)
