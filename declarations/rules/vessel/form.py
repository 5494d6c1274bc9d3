"""Rules of the whole filing: what the step asks for, indicators, codes and numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from declarations.faults import Severity
from declarations.form import Declaration
from declarations.rules import amounts, codes, header
from declarations.rules.rule import CONTEXT, DECLARATION, EACH_DECIMAL, ROW, Finding, each_coded
from declarations.rules.vessel.tables import Context, vessel_rule

OWN_RULE = ("dg_hazard_class_code",)
"""Items whose codes another rule speaks of (R-DGS-02)."""

vessel_rule("R-HDR-01", DECLARATION, CONTEXT)(header.required_items_are_given)
vessel_rule("R-HDR-03", DECLARATION, CONTEXT)(header.items_fit_the_scope)
vessel_rule("R-MAP-01", each_coded(but=OWN_RULE), ROW, CONTEXT)(codes.code_can_be_sent)
vessel_rule("R-AMT-04", EACH_DECIMAL, ROW, CONTEXT)(amounts.decimals_fit)


@vessel_rule("R-HDR-11", "arrival_departure_code", CONTEXT)
def direction_fits_the_step(direction: str, context: Context) -> bool | Finding:
    """Formalities of arrival say arrival, those of departure say departure (table of steps)."""
    expected = context.tables.steps[context.scope].direction
    if not expected or direction == context.tables.codes[expected]:
        return True
    return Finding(value=direction, expected=context.tables.codes[expected])


@vessel_rule("R-HDR-12", DECLARATION, CONTEXT)
def indicators_say_what_the_rows_say(declaration: Declaration, context: Context) -> list[Finding] | None:
    """An indicator is 1 where its list has rows and 0 where it has none (table of indicators)."""
    found = []
    given = declaration.header
    for indicator in context.tables.indicators:
        said = given.get(indicator.item)
        if said is None or context.scope not in indicator.steps:
            continue
        count = len(given.children.get(indicator.group, ()))
        group = context.form.groups[indicator.group]
        name = (group.name_zh, group.name_en)
        if said == "0" and count:
            found.append(Finding(indicator.item, value=said, words="rows", group_name=name, count=count))
        elif said == "1" and not count and indicator.missing:
            severity: Severity = "warning" if indicator.missing == "warning" else "error"
            found.append(Finding(indicator.item, value=said, severity=severity, group_name=name))
    return found or None


@vessel_rule("R-HDR-13", DECLARATION, CONTEXT)
def rows_are_numbered_once(declaration: Declaration, context: Context) -> list[Finding] | None:
    """No sequence number stands twice in its list: other lists refer to it."""
    found = []
    for group, item in context.tables.sequences.items():
        rows = declaration.header.children.get(group, ())
        if len({row.get(item) for row in rows}) == len(rows):
            continue
        seen: dict[str, int] = {}
        for position, row in enumerate(rows, 1):
            number = row.get(item)
            if number is not None and seen.setdefault(number, position) != position:
                found.append(Finding(item, row, number, first=seen[number]))
    return found or None


@vessel_rule("R-RNG-01", DECLARATION, CONTEXT)
def numbers_are_plausible(declaration: Declaration, context: Context) -> list[Finding] | None:
    """Numbers lie within what ships can have (table of ranges)."""
    found = []
    for group, ranges in context.tables.ranges.items():
        for row in [declaration.header] if not group else declaration.header.children.get(group, ()):
            for item in ranges.keys() & row.keys():
                limits = ranges[item]
                try:
                    value = Decimal(row[item])
                    fits = limits.lowest <= value <= limits.highest
                except InvalidOperation:
                    continue
                if not fits:
                    shown = {"lowest": limits.lowest, "highest": limits.highest}
                    found.append(Finding(item, row, row[item], severity=limits.severity, fill=shown))
    return found or None
