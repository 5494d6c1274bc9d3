"""Check digits against numbers from outside this project."""

from __future__ import annotations

import pytest

from declarations.registration import uscc_check_sign
from declarations.rules.containers import container_check_digit
from declarations.rules.dates import production_dates
from declarations.rules.transport import waybill_check_digit


@pytest.mark.parametrize(
    "number",
    [
        "CSQU3054383",  # the example of ISO 6346 itself
        "MSKU6011672",  # its remainder is 2
        "TEXU3070079",
        "HLXU2008419",
        "TGHU4182739",
        "CBHU3650911",
        "CCLU7318464",
    ],
)
def test_container_numbers(number: str) -> None:
    assert container_check_digit(number[:10]) == number[10]


def test_a_remainder_of_ten_counts_as_nought() -> None:
    tens = [number for number in range(1000) if container_check_digit(f"CSQU{number:06}") == "0"]
    assert len(tens) > 1.8 * 1000 / 11  # nought stands for two of the eleven remainders


@pytest.mark.parametrize(
    "code",
    [
        "91350100M000100Y43",  # the example of GB 32100-2015
        "91310115342088153B",
        "91310115MA1H7K20XJ",
        "913101155820517393",
    ],
)
def test_social_credit_codes(code: str) -> None:
    assert uscc_check_sign(code[:17]) == code[17]


def test_a_swapped_pair_changes_the_social_credit_check_sign() -> None:
    assert uscc_check_sign("91350100M000100Y4") != uscc_check_sign("91350100M000010Y4")


@pytest.mark.parametrize(("serial", "check"), [("4408173", "0"), ("1234567", "5"), ("0000006", "6"), ("0000007", "0")])
def test_air_waybills(serial: str, check: str) -> None:
    assert waybill_check_digit(serial) == check


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20150612", 1),
        ("20150612;20160229", 2),
        ("20150612; 20150613", 2),
        ("20150229", None),
        ("", None),
        ("2015061", None),
    ],
)
def test_production_dates(text: str, count: int | None) -> None:
    found = production_dates(text)
    assert (len(found) if found is not None else None) == count
