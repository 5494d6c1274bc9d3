"""Rules of levy, processing manuals, and the papers that supervision conditions ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from declarations.codelists import Code
from declarations.form import Row
from declarations.rules.clearance_form import applies, clearance_conditions, documents_given
from declarations.rules.rule import CONTEXT, Finding, RuleContext, known, optional, rows, rule
from declarations.rules.semantics import DIRECTION_WORDS
from declarations.rules.values import digits


@rule("R-REG-01", "trade_mode_code", "levy_nature_code", CONTEXT)
def levy_fits_the_trade_mode(trade_mode: str, levy: str, context: RuleContext) -> Finding | None:
    """By table: the levy natures a trade mode allows; a mode without rows is not checked."""
    allowed = context.tables.levies.get(trade_mode)
    if allowed is None or levy in allowed:
        return None
    return Finding(value=levy, mode=context.code_name("CL_TRADE_MODE", trade_mode), allowed=", ".join(sorted(allowed)))


@rule("R-REG-02", "levy_nature_code", "duty_mode_code", CONTEXT)
def duty_mode_fits_the_levy(levy: str, duty_mode: str, context: RuleContext) -> Finding | None:
    """By table: the duty modes a levy nature allows."""
    allowed = context.tables.duties.get(levy)
    if allowed is None or duty_mode in allowed:
        return None
    return Finding(value=duty_mode, levy=context.code_name("CL_LEVY_NATURE", levy), allowed=", ".join(sorted(allowed)))


@rule("R-REG-03", known("trade_mode_code"), optional("processing_manual_id"), optional("levy_nature_code"), CONTEXT)
def manual_fits_the_trade_mode(
    trade_mode: Code, manual: str | None, levy: str | None, context: RuleContext
) -> Finding | None:
    """A manual id has 12 characters; some trade modes need one, and some, with their levy, may not have one (tables)."""
    mode = (trade_mode.name_zh, trade_mode.name_en)
    if manual is None:
        return Finding(words="required", mode=mode) if trade_mode.attributes["manual"] == "yes" else None
    if len(manual) != 12 or not manual.isascii() or not manual.isalnum():
        return Finding(value=manual)
    if (trade_mode.code, levy or "") in context.tables.without_manual:
        return Finding(value=manual, words="forbidden", mode=mode, levy=context.code_name("CL_LEVY_NATURE", levy or ""))
    return None


@rule("R-REG-03", "processing_manual_id", optional("manual_item_number"))
def lines_name_their_manual_item(manual: str, item_number: int | None) -> Finding | None:
    """With a manual, every line says which of its items it is."""
    return None if item_number is not None else Finding("manual_item_number", words="item", manual=manual)


def _conditions(lines: Iterable[Row], direction: str, context: RuleContext) -> list[tuple[Row, Code]]:
    """(line, supervision condition) of every condition of the direction, over lines whose commodity is known."""
    commodities, conditions = context.codes["CL_HS"], context.codes["CL_SUPERVISION_CONDITION"]
    of_commodity: dict[str, list[Code]] = {}  # lines of one form share few commodities
    found = []
    for line in lines:
        number = line.get("commodity_classification_id", "")
        mine = of_commodity.get(number)
        if mine is None:
            commodity = commodities.get(number)
            letters = commodity.attributes["conditions"] if commodity is not None else ""
            mine = [each for letter in letters if (each := conditions.get(letter)) and applies(each, direction)]
            of_commodity[number] = mine
        found += [(line, condition) for condition in mine]
    return found


def _numbers(lines: Iterable[Row]) -> str:
    """The lines' numbers, for words: '1, 3'."""
    return ", ".join(line.get("goods_item_sequence_number", "?") for line in lines)


@rule(
    "R-REG-04",
    "trade_direction_code",
    rows("goods_items", "commodity_classification_id"),
    rows("regulatory_documents", "regulatory_document_type_code", "regulatory_document_id"),
    optional("licence_id"),
    optional("trade_mode_code"),
    CONTEXT,
)
def papers_are_there(
    direction: str,
    lines: Sequence[Row],
    documents: Sequence[Row],
    licence: str | None,
    trade_mode: str | None,
    context: RuleContext,
) -> list[Finding] | None:
    """By table: a licence condition needs licence_id, a document condition a regulatory document of its code."""
    described = context.codes["CL_TRADE_MODE"].get(trade_mode or "")
    trade_class = described.attributes["trade_class"] if described else ""
    wanted: dict[str, tuple[Code, list[Row]]] = {}
    for line, condition in _conditions(lines, direction, context):
        if condition.attributes["trade_class"] in ("", trade_class):
            wanted.setdefault(condition.code, (condition, []))[1].append(line)
    if not wanted:
        return None
    given = documents_given(documents)
    found = []
    for condition, asked in wanted.values():
        handling = condition.attributes["handling"]
        fill = {"condition": condition.code, "name": (condition.name_zh, condition.name_en), "lines": _numbers(asked)}
        if handling == "licence" and licence is None:
            found.append(Finding("licence_id", fill=fill))
        elif handling in ("document", "processing_only") and condition.code not in given:
            found.append(
                Finding("regulatory_document_type_code", group="regulatory_documents", words="document", fill=fill)
            )
    return found or None


@rule(
    "R-REG-05",
    "trade_direction_code",
    rows("goods_items", "commodity_classification_id"),
    rows("regulatory_documents", "regulatory_document_type_code", "regulatory_document_id"),
    CONTEXT,
)
def clearance_form_can_come(
    direction: str, lines: Sequence[Row], documents: Sequence[Row], context: RuleContext
) -> list[Finding] | None:
    """Goods to be inspected go to inspection too, or their clearance form is given.

    In a both-scope filing the window carries the number over itself (routing: clearance_form_missing).
    """
    if "inspection" in context.agencies:
        return None
    conditions = context.codes["CL_SUPERVISION_CONDITION"]
    needed = clearance_conditions(lines, direction, context.codes["CL_HS"], conditions)
    if not needed:
        return None
    given = documents_given(documents)
    return [
        Finding(
            "regulatory_document_type_code",
            group="regulatory_documents",
            condition=code,
            name=context.code_name("CL_SUPERVISION_CONDITION", code),
            lines=_numbers(asked),
        )
        for code, asked in needed.items()
        if code not in given
    ] or None


@rule(
    "R-REG-06",
    "trade_direction_code",
    rows("goods_items", "commodity_classification_id", "goods_attribute_codes"),
    CONTEXT,
)
def goods_are_not_prohibited(direction: str, lines: Sequence[Row], context: RuleContext) -> list[Finding] | None:
    """Goods whose import or export is prohibited are refused; by table only when they have an attribute (used goods)."""
    found = []
    for line, condition in _conditions(lines, direction, context):
        if condition.attributes["handling"] == "prohibition":
            attribute = condition.attributes["goods_attribute"]
            attributes = [each.strip() for each in line.get("goods_attribute_codes", "").split(",")]
            if not attribute or attribute in attributes:
                code, name = line["commodity_classification_id"], (condition.name_zh, condition.name_en)
                found.append(Finding("commodity_classification_id", line, code, condition=condition.code, name=name))
    return found or None


@rule("R-REG-07", "trade_direction_code", known("regulatory_document_type_code"), "regulatory_document_id")
def clearance_form_is_well_formed(direction: str, document: Code, number: str) -> list[Finding] | None:
    """A clearance form has 18 digits and is of the trade's direction."""
    if document.attributes["handling"] != "clearance_form":
        return None
    found = []
    if not applies(document, direction):
        fill = {
            "name": (document.name_zh, document.name_en),
            "direction": DIRECTION_WORDS.get(direction, (direction, direction)),
        }
        found.append(Finding("regulatory_document_type_code", value=document.code, words="direction", fill=fill))
    if not digits(number, 18):
        found.append(Finding("regulatory_document_id", value=number))
    return found or None
