"""Rules of the containers on board (ISO 6346) and their masses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from declarations.form import Row
from declarations.rules.containers import container_check_digit
from declarations.rules.rule import CONTEXT, ROW, Finding, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule

_FORM = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}")
_BETWEEN = re.compile(r"[\s/.-]+")


def _number_fault(number: str) -> Finding | None:
    """What is wrong with a container number, and how it is written where only blanks, hyphens and small letters are."""
    if _FORM.fullmatch(number):
        expected = container_check_digit(number[:10])
        return None if number[10] == expected else Finding(value=number, check=expected)
    plain = _BETWEEN.sub("", number).upper()
    if _FORM.fullmatch(plain) and plain[10] == container_check_digit(plain[:10]):
        return Finding(value=number, words="spelled", plain=plain)
    return Finding(value=number, words="form")


@vessel_rule("R-CON-01", "container_id")
def container_number_checks(number: str) -> bool | Finding:
    """Owner code, U J or Z, serial and check digit (ISO 6346)."""
    return _number_fault(number) or True


@vessel_rule("R-CON-01", "dg_container_id", ROW)
def dangerous_goods_container_checks(number: str, row: Row) -> bool | Finding:
    """The transport unit of dangerous goods, where it is a container: 11 signs or what is meant so."""
    wrong = _number_fault(number)
    if wrong is None or wrong.words == "form":
        return True
    return Finding("dg_container_id", row, number, words=wrong.words, fill=wrong.fill)


@vessel_rule("R-CON-02", rows("containers", "container_id"))
def container_numbers_are_unique(containers: Sequence[Row]) -> list[Finding] | None:
    """No container stands twice."""
    seen: dict[str, int] = {}
    found = []
    for position, row in enumerate(containers, 1):
        number = row.get("container_id")
        if number is not None and seen.setdefault(number, position) != position:
            found.append(Finding("container_id", row, number, first=seen[number]))
    return found or None


@vessel_rule("R-CON-03", "container_verified_gross_mass", "container_tare_weight", ROW)
def gross_mass_is_not_below_tare(gross: Decimal, tare: Decimal, row: Row) -> bool | Finding:
    """The verified gross mass includes the container itself (SOLAS VI/2)."""
    return gross >= tare or Finding("container_verified_gross_mass", row, gross, tare=tare)


@vessel_rule(
    "R-CON-03",
    "container_full_empty_code",
    "container_verified_gross_mass",
    optional("container_tare_weight"),
    ROW,
    CONTEXT,
)
def empty_containers_weigh_their_tare(
    state: str, gross: Decimal, tare: Decimal | None, row: Row, context: Context
) -> bool | Finding:
    """An empty container weighs no more than itself."""
    if state != context.tables.codes["empty"] or tare is None or gross <= tare:
        return True
    return Finding("container_full_empty_code", row, state, words="empty", tare=tare)


@vessel_rule("R-CON-04", "container_id", "container_owner_code", ROW)
def owner_code_is_the_beginning(number: str, owner: str, row: Row) -> bool | Finding:
    """The owner's code is how the number begins (ISO 6346)."""
    return number.startswith(owner) or Finding("container_owner_code", row, owner, begins=number[:4])


@vessel_rule("R-CON-05", "container_size_type_code", optional("container_temperature_setting"), ROW)
def refrigerated_containers_say_how_cold(size_type: str, temperature: Decimal | None, row: Row) -> bool | Finding:
    """A refrigerated container (R, third sign of its type) has a temperature setting."""
    return size_type[2:3] != "R" or temperature is not None or Finding("container_temperature_setting", row, size_type)
