"""Rules of delivery terms and of the three charges: freight, insurance, other."""

from __future__ import annotations

from decimal import Decimal

from declarations.codelists import Code
from declarations.rules.rule import CONTEXT, Finding, RuleContext, known, optional, rule
from declarations.rules.semantics import DIRECTION_WORDS, IMPORT

CHARGES = ("freight", "insurance")
"""Charges the delivery terms decide about; their items are <charge>_charge_type_code, <charge>_amount, <charge>_currency_code."""


def _charge(
    charge: str,
    mark: str | None,
    amount: Decimal | None,
    currency: str | None,
    items: tuple[str, str, str],
    context: RuleContext,
) -> list[Finding]:
    """One charge: mark and amount together; the currency unless the mark says a rate; marks that are for freight alone."""
    mark_item, amount_item, currency_item = items
    if mark is None and amount is None and currency is None:
        return []
    if mark is None:
        return [Finding(mark_item, words="missing")]
    found = []
    if amount is None:
        found.append(Finding(amount_item, words="missing"))
    elif amount < 0 and charge in CHARGES:
        found.append(Finding(amount_item, value=amount, words="negative"))
    described = context.codes["CL_CHARGE_MARK"].get(mark)
    if described is None:
        return found
    if described.attributes["freight_only"] and charge != "freight":
        found.append(Finding(mark_item, value=mark, words="freight_only", mark=(described.name_zh, described.name_en)))
    if described.attributes["currency"] and currency is None:
        found.append(Finding(currency_item, words="missing"))
    elif not described.attributes["currency"] and currency is not None:
        found.append(
            Finding(currency_item, value=currency, words="no_currency", mark=(described.name_zh, described.name_en))
        )
    return found


@rule(
    "R-TRM-01",
    optional("freight_charge_type_code"),
    optional("freight_amount"),
    optional("freight_currency_code"),
    CONTEXT,
)
def freight_is_complete(
    mark: str | None, amount: Decimal | None, currency: str | None, context: RuleContext
) -> list[Finding] | None:
    """Freight: mark, amount, and a currency unless it is a rate."""
    items = ("freight_charge_type_code", "freight_amount", "freight_currency_code")
    return _charge("freight", mark, amount, currency, items, context) or None


@rule(
    "R-TRM-01",
    optional("insurance_charge_type_code"),
    optional("insurance_amount"),
    optional("insurance_currency_code"),
    CONTEXT,
)
def insurance_is_complete(
    mark: str | None, amount: Decimal | None, currency: str | None, context: RuleContext
) -> list[Finding] | None:
    """Insurance: as freight, but never by unit."""
    items = ("insurance_charge_type_code", "insurance_amount", "insurance_currency_code")
    return _charge("insurance", mark, amount, currency, items, context) or None


@rule(
    "R-TRM-01",
    optional("other_charge_type_code"),
    optional("other_charge_amount"),
    optional("other_charge_currency_code"),
    CONTEXT,
)
def other_charge_is_complete(
    mark: str | None, amount: Decimal | None, currency: str | None, context: RuleContext
) -> list[Finding] | None:
    """Other charges: as insurance; a deduction is negative."""
    items = ("other_charge_type_code", "other_charge_amount", "other_charge_currency_code")
    return _charge("other", mark, amount, currency, items, context) or None


@rule(
    "R-TRM-02",
    known("delivery_terms_code"),
    "trade_direction_code",
    optional("freight_amount"),
    optional("insurance_amount"),
)
def charges_fit_the_delivery_terms(
    terms: Code, direction: str, freight: Decimal | None, insurance: Decimal | None
) -> list[Finding] | None:
    """By table: what the price does not hold is declared beside it, and nothing else."""
    way = "import" if direction == IMPORT else "export"
    found = []
    for charge, item, amount in (("freight", "freight_amount", freight), ("insurance", "insurance_amount", insurance)):
        needed = terms.attributes[f"{way}_{charge}"] == "yes"
        if needed == (amount is not None):
            continue
        fill = {
            "terms": (terms.name_zh, terms.name_en),
            "direction": DIRECTION_WORDS.get(direction, (direction, direction)),
        }
        found.append(Finding(item, value=amount, words="" if needed else "blank", fill=fill))
    return found or None


@rule(
    "R-TRM-03",
    optional("freight_charge_type_code"),
    optional("freight_amount"),
    optional("insurance_charge_type_code"),
    optional("insurance_amount"),
    CONTEXT,
)
def rates_are_plausible(
    freight_mark: str | None,
    freight: Decimal | None,
    insurance_mark: str | None,
    insurance: Decimal | None,
    context: RuleContext,
) -> list[Finding] | None:
    """A rate outside the range of the table is probably an amount."""
    found = []
    for charge, item, mark, amount in (
        ("freight", "freight_amount", freight_mark, freight),
        ("insurance", "insurance_amount", insurance_mark, insurance),
    ):
        described = context.codes["CL_CHARGE_MARK"].get(mark or "")
        if amount is None or amount < 0 or described is None or described.attributes["currency"]:
            continue
        limits = context.tables.rates.get(charge)
        if limits and not limits[0] <= amount <= limits[1]:
            found.append(Finding(item, value=amount, lowest=limits[0], highest=limits[1]))
    return found or None
