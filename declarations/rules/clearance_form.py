"""The clearance form (通关单): which lines need one, and whether the form carries it. Routing asks here too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from declarations.codelists import Code, CodeLists
from declarations.form import Declaration, Row
from declarations.rules.semantics import EITHER_WAY

CLEARANCE_FORM = "clearance_form"
"""handling attribute of the conditions that ask for it (CL_SUPERVISION_CONDITION)."""


def applies(condition: Code, direction: str) -> bool:
    """Whether a supervision condition speaks of goods that go this way."""
    return condition.attributes["direction"] in (direction, EITHER_WAY)


def clearance_conditions(
    lines: Iterable[Row], direction: str, commodities: Mapping[str, Code], conditions: Mapping[str, Code]
) -> dict[str, list[Row]]:
    """Condition code of the direction -> lines whose commodity needs a clearance form of it. Unknown commodities need none."""
    wanted = {
        code
        for code, row in conditions.items()
        if row.attributes["handling"] == CLEARANCE_FORM and applies(row, direction)
    }
    found: dict[str, list[Row]] = {}
    for line in lines:
        commodity = commodities.get(line.get("commodity_classification_id", ""))
        for code in commodity.attributes["conditions"] if commodity else "":
            if code in wanted:
                found.setdefault(code, []).append(line)
    return found


def documents_given(documents: Iterable[Row]) -> set[str]:
    """Type codes of the regulatory documents whose number is given."""
    return {
        row["regulatory_document_type_code"]
        for row in documents
        if row.keys() >= {"regulatory_document_type_code", "regulatory_document_id"}
    }


def missing_clearance_forms(declaration: Declaration, codes: CodeLists, on: date) -> list[str]:
    """Type codes of the clearance forms that some line needs and that the form does not carry."""
    direction = declaration.header.get("trade_direction_code", "")
    commodity_list, conditions = codes.lists["CL_HS"], codes.lists["CL_SUPERVISION_CONDITION"].current(on)
    lines = declaration.rows("goods_items")
    commodities = {
        code: found
        for code in {line.get("commodity_classification_id", "") for line in lines}
        if (found := commodity_list.get(code, on))
    }
    needed = clearance_conditions(lines, direction, commodities, conditions)
    return sorted(needed.keys() - documents_given(declaration.rows("regulatory_documents")))


def clearance_form_missing(declaration: Declaration, codes: CodeLists, on: date) -> bool:
    """Whether customs must wait for inspection's answer (`waits_when` = fn:clearance_form_missing)."""
    return bool(missing_clearance_forms(declaration, codes, on))


def clearance_form_type(declaration: Declaration, codes: CodeLists, on: date) -> str:
    """The document type under which the awaited form is carried to customs: A import, B export; '' when none is missing."""
    missing = missing_clearance_forms(declaration, codes, on)
    return missing[0] if missing else ""
