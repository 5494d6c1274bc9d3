"""Rules of masses and packages."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from declarations.codelists import Code
from declarations.rules.rule import CONTEXT, Finding, RuleContext, every, optional, rule

KILOGRAM = "1"
"""mass_kg attribute of the kilogram."""
ONE = Decimal(1)


@rule("R-WGT-01", "total_net_mass", "total_gross_mass")
def net_within_gross(net: Decimal, gross: Decimal) -> bool | Finding:
    """Net mass must not exceed gross mass (filling rules, mass columns)."""
    return net <= gross or Finding(value=net, gross=gross)


@rule("R-WGT-02", optional("total_gross_mass"), optional("total_net_mass"))
def masses_are_at_least_one(gross: Decimal | None, net: Decimal | None) -> list[Finding] | None:
    """Less than a kilogram is declared as 1 (filling rules of 2015)."""
    given = (("total_gross_mass", gross), ("total_net_mass", net))
    return [Finding(item, value=mass) for item, mass in given if mass is not None and mass < 1] or None


def tolerance(net: Decimal) -> Decimal:
    """How far masses of lines may be from the net mass: a kilogram, or one per cent."""
    return max(ONE, net / 100)


@rule(
    "R-WGT-03",
    "total_net_mass",
    every("goods_items", "statutory_quantity"),
    every("goods_items", "statutory_quantity_unit_code"),
    every("goods_items", "second_statutory_quantity"),
    every("goods_items", "second_statutory_quantity_unit_code"),
    CONTEXT,
)
def line_masses_add_up(
    net: Decimal,
    first: Sequence[Decimal | None],
    first_units: Sequence[str | None],
    second: Sequence[Decimal | None],
    second_units: Sequence[str | None],
    context: RuleContext,
) -> Finding | None:
    """When every line has a statutory quantity in kilograms, first or else second, they add up to the net mass."""
    units = context.codes["CL_UNIT"]
    total = Decimal(0)
    for one, one_unit, two, two_unit in zip(first, first_units, second, second_units, strict=True):
        if one is not None and _kilograms(units.get(one_unit or "")):
            total += one
        elif two is not None and _kilograms(units.get(two_unit or "")):
            total += two
        else:
            return None
    if not first or abs(total - net) <= tolerance(net):
        return None
    return Finding(value=net, sum=total)


def _kilograms(unit: Code | None) -> bool:
    return unit is not None and unit.attributes["mass_kg"] == KILOGRAM


@rule("R-WGT-04", "package_quantity", optional("package_type_code"), CONTEXT)
def package_quantity_fits(quantity: int, package: str | None, context: RuleContext) -> bool | Finding:
    """At least one package; exactly 1 for bulk and nude cargo."""
    described = context.codes["CL_PACKAGE_TYPE"].get(package or "")
    if described is not None and described.attributes["bulk"] == "yes" and quantity != 1:
        return Finding(value=quantity, words="bulk", package=(described.name_zh, described.name_en))
    return quantity >= 1


@rule(
    "R-WGT-05",
    "total_net_mass",
    every("goods_items", "item_net_mass"),
    every("goods_items", "commodity_classification_id"),
    CONTEXT,
)
def item_masses_fit(
    net: Decimal, masses: Sequence[Decimal | None], commodities: Sequence[str | None], context: RuleContext
) -> Finding | None:
    """The masses of the lines, without inspection-only ones, are not more than the net mass, within the tolerance of R-WGT-03."""
    pseudo = context.codes["CL_PSEUDO_COMMODITY"]
    given = [
        mass
        for mass, commodity in zip(masses, commodities, strict=True)
        if mass is not None and commodity not in pseudo
    ]
    total = sum(given, Decimal(0))
    return None if total <= net + tolerance(net) else Finding(value=net, sum=total)
