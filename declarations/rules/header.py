"""Rules of the whole form: what must be given, and what the scope has no use for. (R-HDR-02 needs the store: submit asks it.)"""

from __future__ import annotations

from collections.abc import Iterable

from declarations.form import Declaration, Row
from declarations.rules.rule import CONTEXT, DECLARATION, Finding, RuleContext, rule

NONE: frozenset[str] = frozenset()


@rule("R-HDR-01", DECLARATION, CONTEXT)
def required_items_are_given(declaration: Declaration, context: RuleContext) -> list[Finding] | None:
    """Every M item of the scope's agencies, and every C item whose condition holds, is given (dictionary; goods.required.csv)."""
    return context.required.missing(declaration, context)


@rule("R-HDR-03", DECLARATION, CONTEXT)
def items_fit_the_scope(declaration: Declaration, context: RuleContext) -> list[Finding] | None:
    """Items of an agency outside the scope are ignored: said once per item, at its first appearance."""
    found: dict[str, Finding] = {}
    header = declaration.header
    _add_foreign(context.foreign.get("", NONE), [header], found)
    for group, rows in header.children.items():
        foreign = context.foreign.get(group, NONE)
        if foreign:
            _add_foreign(foreign, rows, found)
        for row in rows:
            if row.children:
                for child_group, children in row.children.items():
                    _add_foreign(context.foreign.get(child_group, NONE), children, found)
    return list(found.values()) or None


def _add_foreign(foreign: frozenset[str], rows: Iterable[Row], found: dict[str, Finding]) -> None:
    for row in rows:
        if not foreign.isdisjoint(row):
            for item in row:
                if item in foreign and item not in found:
                    found[item] = Finding(item, row)
