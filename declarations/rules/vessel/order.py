"""The rule of times that follow one another, by the table of order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from declarations.form import Declaration, Row
from declarations.rules.rule import CONTEXT, DECLARATION, Finding
from declarations.rules.vessel.tables import TODAY, Context, Order, vessel_rule

DAY = 8
"""Characters of yyyyMMdd; a time begins with its day."""


class _Asked(NamedTuple):
    """A row of the table with what is the same for all rows of a group; None where the row itself has it."""

    order: Order
    earlier: str | None
    later: str | None


@vessel_rule("R-DAT-11", DECLARATION, CONTEXT)
def times_follow_one_another(declaration: Declaration, context: Context) -> list[Finding] | None:
    """What comes before what (table of order): times of the voyage, validity of papers, dates of persons."""
    found: list[Finding] = []
    header = declaration.header
    for group, orders in context.tables.order.items():
        rows = header.children.get(group, ()) if group else [header]
        asked = _asked(orders, header, context) if rows else []
        for row in rows:
            for order, earlier, later in asked:
                before = row.get(order.earlier) if earlier is None else earlier
                after = row.get(order.later) if later is None else later
                if before is None or after is None:
                    continue
                if len(before) != len(after):
                    before, after = before[:DAY], after[:DAY]
                if (before > after or (before == after and not order.equal)) and not _faulty(order, row, declaration):
                    found.append(_late(order, row, before, after, context))
    return found or None


def _asked(orders: Sequence[Order], header: Row, context: Context) -> list[_Asked]:
    """The rows of the table that this step asks, without those whose header item is not given."""
    today = context.today.strftime("%Y%m%d")
    found = []
    for order in orders:
        sides = []
        for item in (order.earlier, order.later):
            of_row = item != TODAY and context.form.items[item].group
            sides.append(None if of_row else today if item == TODAY else header.get(item, ""))
        if context.scope in order.steps and "" not in sides:
            found.append(_Asked(order, *sides))
    return found


def _faulty(order: Order, row: Row, declaration: Declaration) -> bool:
    items = (order.earlier, order.later)
    return any((pointer, item) in declaration.faulty for pointer in {row.pointer, ""} for item in items)


def _late(order: Order, row: Row, before: str, after: str, context: Context) -> Finding:
    """The fault stands at the later item for papers that expire, else at the earlier one."""
    expires = order.words == "expires"
    at, other = (order.later, order.earlier) if expires else (order.earlier, order.later)
    described = context.form.items.get(other)
    name = (described.name_zh, described.name_en) if described else ("今天", "today")
    value, limit = (after, before) if expires else (before, after)
    shown = {"other": name, "limit": written(limit)}
    return Finding(at, row, written(value), words=order.words, severity=order.severity, fill=shown)


def written(value: str) -> str:
    """A date or time as people write it: 2015-10-22, 2015-10-22 06:00."""
    day = f"{value[:4]}-{value[4:6]}-{value[6:8]}"
    return f"{day} {value[8:10]}:{value[10:]}" if len(value) > DAY else day
