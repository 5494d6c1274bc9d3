"""Rules of goods lines: their numbers and their commodity codes."""

from __future__ import annotations

from collections.abc import Sequence

from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, RuleContext, each_coded, every, rows, rule


@rule("R-LIN-01", rows("goods_items", "goods_item_sequence_number"), every("goods_items", "goods_item_sequence_number"))
def lines_are_numbered(lines: Sequence[Row], numbers: Sequence[int | None]) -> Finding | None:
    """Lines are numbered 1 to n in order; the first that is not is shown, for the rest follows from it."""
    for position, number in enumerate(numbers, 1):
        if number is not None and number != position:
            return Finding("goods_item_sequence_number", lines[position - 1], number, expected=position)
    return None


@rule("R-LIN-02", rows("goods_items"), CONTEXT)
def number_of_lines(lines: Sequence[Row], context: RuleContext) -> Finding | None:
    """At least one line, at most as many as the profile allows."""
    limit = int(context.settings["line_limit"])
    if 1 <= len(lines) <= limit:
        return None
    words = "" if lines else "none"
    return Finding("goods_item_sequence_number", group="goods_items", value=len(lines), words=words, limit=limit)


@rule("R-LIN-02", rows("goods_items"), CONTEXT)
def customs_has_a_line(lines: Sequence[Row], context: RuleContext) -> Finding | None:
    """A customs filing needs a line that is not an inspection-only one."""
    pseudo = context.codes["CL_PSEUDO_COMMODITY"]
    if (
        "customs" in context.agencies
        and lines
        and all(row.get("commodity_classification_id") in pseudo for row in lines)
    ):
        return Finding("commodity_classification_id", lines[0], words="inspection_only")
    return None


@rule("R-LIN-03", each_coded(only=("commodity_classification_id",)), ROW, CONTEXT)
def commodity_code_is_known(item: str, code: str, row: Row, context: RuleContext) -> Finding | None:
    """The code stands in the tariff on the day; unknown in our partial list is a warning (design.md section 2)."""
    return context.coded.fault(item, code, row)


@rule("R-LIN-03", rows("goods_items", "commodity_classification_id"), CONTEXT)
def inspection_only_codes_go_to_inspection(lines: Sequence[Row], context: RuleContext) -> list[Finding] | None:
    """0001 and 0002 are no codes of the tariff: without inspection they cannot be filed."""
    if "inspection" in context.agencies:
        return None
    pseudo, item = context.codes["CL_PSEUDO_COMMODITY"], "commodity_classification_id"
    return [Finding(item, row, row[item], words="inspection_only") for row in lines if row.get(item) in pseudo] or None


@rule("R-LIN-04", "inspection_classification_id", "commodity_classification_id", CONTEXT)
def inspection_code_belongs_to_the_commodity(inspection_code: str, code: str, context: RuleContext) -> Finding | None:
    """The inspection code is the commodity code and three digits; inspection-only lines repeat theirs."""
    if inspection_code.startswith(code) or code in context.codes["CL_PSEUDO_COMMODITY"]:
        return None
    return Finding(value=inspection_code, code=code)


@rule("R-LIN-05", rows("goods_items", "commodity_classification_id"), CONTEXT)
def inspection_only_lines_stand_last(lines: Sequence[Row], context: RuleContext) -> Finding | None:
    """Wood packaging and container lines come after the goods: customs lines are numbered without them."""
    pseudo = context.codes["CL_PSEUDO_COMMODITY"]
    early: Row | None = None
    for row in lines:
        if row.get("commodity_classification_id") in pseudo:
            early = early or row
        elif early is not None:
            return Finding("commodity_classification_id", early, early["commodity_classification_id"])
    return None
