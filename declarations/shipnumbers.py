"""Numbers that ships and their companies are known by: their structure and check digits, as pure functions.

IMO ship identification number: IMO resolution A.1117(30). IMO company and registered owner number: MSC.160(78). MMSI: ITU-R
M.585. Container numbers (ISO 6346) stand in `rules/containers.py`, enterprises' numbers in `registration.py`.
"""

from __future__ import annotations

import re

from declarations.registration import Wrong

_SEVEN_DIGITS = re.compile(r"[0-9]{7}")
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_COMPANY_WEIGHTS = (8, 6, 4, 2, 9, 7)
MARITIME_IDENTIFICATION = "234567"
"""How the MMSI of a ship station begins: its three digits of the country (MID) are 201 to 775 (ITU-R M.585)."""


def ship_check_digit(first_six: str) -> str:
    """The 7th digit of an IMO ship number: the sum of the six, times 7 to 2, modulo 10."""
    return str(sum(int(digit) * weight for digit, weight in zip(first_six, range(7, 1, -1), strict=True)) % 10)


def company_check_digit(first_six: str) -> str:
    """The 7th digit of an IMO company or registered owner number: (11 - the weighted sum modulo 11) modulo 10."""
    total = sum(int(digit) * weight for digit, weight in zip(first_six, _COMPANY_WEIGHTS, strict=True))
    return str((11 - total % 11) % 10)


def imo_ship_number(number: str) -> Wrong | None:
    """Seven digits without the letters IMO. A number that checks does not prove that the ship exists."""
    if _SEVEN_DIGITS.fullmatch(number) is None:
        return Wrong.FORM
    return None if number[6] == ship_check_digit(number[:6]) else Wrong.CHECK


def imo_company_number(number: str) -> Wrong | None:
    """Seven digits, as a ship's number, with another check digit."""
    if _SEVEN_DIGITS.fullmatch(number) is None:
        return Wrong.FORM
    return None if number[6] == company_check_digit(number[:6]) else Wrong.CHECK


def ship_station_mmsi(number: str) -> Wrong | None:
    """Nine digits that begin with the country of a ship station; it has no check digit."""
    return None if _NINE_DIGITS.fullmatch(number) and number[0] in MARITIME_IDENTIFICATION else Wrong.FORM
