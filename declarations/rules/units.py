"""Rules of quantities and units: what the tariff asks for, and what must agree with what."""

from __future__ import annotations

from decimal import Decimal

from declarations.codelists import Code
from declarations.rules.rule import CONTEXT, Finding, RuleContext, known, optional, rule

LAST_DECIMAL = Decimal("0.00001")
"""Quantities carry five decimals."""
MASS_TOLERANCE = Decimal("0.0001")
"""Part of the mass within which two mass quantities agree: room for the rounding of units such as the long ton."""


@rule("R-UNT-01", known("commodity_classification_id"), optional("statutory_quantity_unit_code"), CONTEXT)
def first_unit_is_the_tariffs(commodity: Code, unit: str | None, context: RuleContext) -> Finding | None:
    """The first statutory unit is the first unit of the commodity code."""
    expected = commodity.attributes["unit1"]
    if unit is None or unit == expected or not expected:
        return None
    return Finding(
        "statutory_quantity_unit_code", value=unit, expected=expected, unit=context.code_name("CL_UNIT", expected)
    )


@rule(
    "R-UNT-01",
    known("commodity_classification_id"),
    optional("second_statutory_quantity_unit_code"),
    optional("second_statutory_quantity"),
    CONTEXT,
)
def second_unit_is_the_tariffs(
    commodity: Code, unit: str | None, quantity: Decimal | None, context: RuleContext
) -> list[Finding] | None:
    """Second unit and quantity are given exactly when the commodity code has a second unit (a quantity of 0 counts as blank)."""
    expected = commodity.attributes["unit2"]
    if not expected and unit is None and not quantity:
        return None
    found = []
    if not expected:
        if unit is not None:
            found.append(Finding("second_statutory_quantity_unit_code", value=unit, words="no_second"))
        if quantity:
            found.append(Finding("second_statutory_quantity", value=quantity, words="no_second"))
        return found
    if unit == expected and quantity is not None and quantity > 0:
        return None
    name = context.code_name("CL_UNIT", expected)
    if unit != expected:
        words = "second_missing" if unit is None else ""
        found.append(
            Finding("second_statutory_quantity_unit_code", value=unit, words=words, expected=expected, unit=name)
        )
    if quantity is None or quantity <= 0:
        found.append(
            Finding("second_statutory_quantity", value=quantity, words="second_missing", expected=expected, unit=name)
        )
    return found or None


@rule(
    "R-UNT-02",
    "transaction_quantity",
    "transaction_quantity_unit_code",
    optional("statutory_quantity"),
    optional("statutory_quantity_unit_code"),
    optional("second_statutory_quantity"),
    optional("second_statutory_quantity_unit_code"),
)
def same_unit_same_quantity(
    quantity: Decimal,
    unit: str,
    first: Decimal | None,
    first_unit: str | None,
    second: Decimal | None,
    second_unit: str | None,
) -> list[Finding] | None:
    """A statutory quantity in the unit of the transaction is the transaction quantity."""
    if first_unit != unit and second_unit != unit:
        return None
    found = []
    if first_unit == unit and first is not None and first != quantity:
        found.append(Finding("statutory_quantity", value=first, quantity=quantity))
    if second_unit == unit and second is not None and second != quantity:
        found.append(Finding("second_statutory_quantity", value=second, quantity=quantity))
    return found or None


@rule(
    "R-UNT-03",
    "transaction_quantity",
    known("transaction_quantity_unit_code"),
    optional("statutory_quantity"),
    optional("statutory_quantity_unit_code"),
    optional("second_statutory_quantity"),
    optional("second_statutory_quantity_unit_code"),
    CONTEXT,
)
def masses_agree(
    quantity: Decimal,
    unit: Code,
    first: Decimal | None,
    first_unit: str | None,
    second: Decimal | None,
    second_unit: str | None,
    context: RuleContext,
) -> list[Finding] | None:
    """Quantities in different units of mass are the same mass, up to their last decimal."""
    factor = unit.attributes["mass_kg"]
    if not factor:
        return None
    mass = quantity * Decimal(factor)
    found = []
    for item, other, other_unit in (
        ("statutory_quantity", first, first_unit),
        ("second_statutory_quantity", second, second_unit),
    ):
        if other is None or other_unit is None or other_unit == unit.code:
            continue
        row = context.codes["CL_UNIT"].get(other_unit)
        other_factor = row.attributes["mass_kg"] if row else ""
        if other_factor:
            tolerance = max(LAST_DECIMAL * Decimal(other_factor), LAST_DECIMAL * Decimal(factor), mass * MASS_TOLERANCE)
            if abs(other * Decimal(other_factor) - mass) > tolerance:
                found.append(Finding(item, value=other, mass=format((mass / Decimal(other_factor)).normalize(), "f")))
    return found or None
