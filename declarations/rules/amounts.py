"""Rules of prices and totals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from declarations.form import Row
from declarations.rules.rule import CONTEXT, EACH_DECIMAL, ROW, Finding, RuleContext, optional, rows, rule
from declarations.rules.values import decimals

CENT = Decimal("0.01")
PRICE_ROUNDING = Decimal("0.00005")
"""Half of the last decimal of a unit price."""


@rule("R-AMT-01", "transaction_quantity", "unit_price_amount", "item_total_amount")
def total_is_quantity_times_price(quantity: Decimal, price: Decimal, total: Decimal) -> bool | Finding:
    """The total is quantity x price to the cent, within what rounding the price to four decimals allows."""
    expected = quantity * price
    if expected == total:
        return True
    expected = expected.quantize(CENT, ROUND_HALF_UP)
    if abs(total - expected) <= max(CENT, quantity * PRICE_ROUNDING):
        return True
    return Finding(value=total, expected=expected, quantity=quantity, price=price)


@rule(
    "R-AMT-02",
    optional("transaction_quantity"),
    optional("statutory_quantity"),
    optional("unit_price_amount"),
    optional("item_total_amount"),
    optional("item_net_mass"),
    optional("commodity_classification_id"),
    optional("trade_mode_code"),
    CONTEXT,
)
def amounts_are_positive(
    quantity: Decimal | None,
    statutory: Decimal | None,
    price: Decimal | None,
    total: Decimal | None,
    mass: Decimal | None,
    commodity: str | None,
    trade_mode: str | None,
    context: RuleContext,
) -> list[Finding] | None:
    """Quantities, price, total and mass are above 0. Inspection-only lines may say 0, and by table goods of no value."""
    if (
        (quantity is None or quantity > 0)
        and (statutory is None or statutory > 0)
        and (price is None or price > 0)
        and (total is None or total > 0)
        and (mass is None or mass > 0)
    ):
        return None
    pseudo = commodity in context.codes["CL_PSEUDO_COMMODITY"]
    free = pseudo or trade_mode in context.tables.no_value
    found = []
    for item, value, zero_allowed in (
        ("transaction_quantity", quantity, pseudo),
        ("statutory_quantity", statutory, pseudo),
        ("unit_price_amount", price, free),
        ("item_total_amount", total, free),
        ("item_net_mass", mass, pseudo),
    ):
        if value is not None and (value < 0 or (value == 0 and not zero_allowed)):
            found.append(Finding(item, value=value))
    return found or None


@rule("R-AMT-03", rows("goods_items", "currency_code"))
def one_currency(lines: Sequence[Row]) -> list[Finding] | None:
    """All lines are in the currency of the first."""
    given = [row["currency_code"] for row in lines if "currency_code" in row]
    if len(set(given)) < 2:
        return None
    others = [row for row in lines if row.get("currency_code", given[0]) != given[0]]
    return [Finding("currency_code", row, row["currency_code"], first=given[0]) for row in others]


@rule("R-AMT-04", EACH_DECIMAL, ROW, CONTEXT)
def decimals_fit(item: str, value: str, row: Row, context: RuleContext) -> bool | Finding:
    """Numbers have no more decimals than the dictionary gives them; closing zeros do not count."""
    allowed = context.form.items[item].decimals
    return decimals(value) <= allowed or Finding(item, row, value, allowed=allowed)
