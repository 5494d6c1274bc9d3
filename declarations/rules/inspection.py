"""Rules of inspection: category, what a kind of commodity must say, wood packaging, dangerous goods, permits."""

from __future__ import annotations

from collections.abc import Sequence

from declarations.codelists import Code
from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, RuleContext, known, optional, rows, rule
from declarations.rules.semantics import DIRECTION_WORDS, YES
from declarations.rules.values import digits


@rule("R-INS-01", known("inspection_category_code"), "trade_direction_code")
def category_fits_the_direction(category: Code, direction: str) -> Finding | None:
    """Import and export have their own inspection categories."""
    if category.attributes["direction"] in ("", direction):
        return None
    name, way = (category.name_zh, category.name_en), DIRECTION_WORDS.get(direction, (direction, direction))
    return Finding(value=category.code, name=name, direction=way)


@rule("R-INS-02", known("commodity_classification_id"), "trade_direction_code", ROW, CONTEXT)
def commodity_says_what_its_kind_needs(
    commodity: Code, direction: str, row: Row, context: RuleContext
) -> list[Finding] | None:
    """By table: items a kind of commodity must give, and the attribute an inspection class must say."""
    kind, classes = commodity.attributes["kind"], commodity.attributes["classes"]
    if not kind and not classes:
        return None
    name = (commodity.name_zh, commodity.name_en)
    found = [
        Finding(item, row, name=name)
        for way, item in context.tables.kind_items.get(kind, ())
        if way in ("", direction) and item not in row
    ]
    for letter in classes:
        need = context.tables.class_attributes.get(letter)
        if need and need.direction in ("", direction):
            kinds = {code.attributes["kind"] for code in _attributes(row, context)}
            if need.attribute_kind not in kinds:
                codes = context.codes["CL_GOODS_ATTRIBUTE"].values()
                allowed = [code for code in codes if code.attributes["kind"] == need.attribute_kind]
                choice = (
                    "、".join(f"{code.code} {code.name_zh}" for code in allowed),
                    ", ".join(f"{code.code} {code.name_en}" for code in allowed),
                )
                value = row.get("goods_attribute_codes")
                found.append(Finding("goods_attribute_codes", row, value, words="attribute", name=name, choice=choice))
    return found or None


def _attributes(row: Row, context: RuleContext) -> list[Code]:
    codes = context.codes["CL_GOODS_ATTRIBUTE"]
    return [codes[each.strip()] for each in row.get("goods_attribute_codes", "").split(",") if each.strip() in codes]


@rule(
    "R-INS-03",
    known("package_type_code"),
    rows("goods_items", "commodity_classification_id"),
    optional("special_inspection_requirement"),
    CONTEXT,
)
def wood_packaging_is_declared(
    package: Code, lines: Sequence[Row], requirement: str | None, context: RuleContext
) -> Finding | None:
    """Wooden packaging needs an inspection-only line, or words in the special requirement; by table a pallet may be of wood."""
    wood = package.attributes["wood"]
    settings = context.tables.settings
    if not wood or settings["wood_packaging_words"] in (requirement or ""):
        return None
    line = settings["wood_packaging_commodity"]
    if any(row.get("commodity_classification_id") == line for row in lines):
        return None
    fill = {"name": (package.name_zh, package.name_en), "line": line, "text": settings["wood_packaging_words"]}
    if wood == "warning":
        return Finding(value=package.code, words="perhaps", severity="warning", fill=fill)
    return Finding(value=package.code, fill=fill)


@rule("R-INS-04", "dangerous_goods_un_id", ROW, CONTEXT)
def un_number_is_well_formed(number: str, row: Row, context: RuleContext) -> Finding | None:
    """A UN number is four digits; one that is not in our partial list is a warning."""
    if not digits(number, 4):
        return Finding(value=number)
    return context.coded.fault("dangerous_goods_un_id", number, row)


@rule(
    "R-INS-04",
    known("commodity_classification_id"),
    optional("dangerous_goods_un_id"),
    optional("non_dangerous_indicator"),
    optional("special_inspection_requirement"),
    CONTEXT,
)
def dangerous_goods_are_declared(
    commodity: Code, number: str | None, not_dangerous: str | None, requirement: str | None, context: RuleContext
) -> Finding | None:
    """A commodity with a UN number in the tariff gives one, or says that the goods are not dangerous."""
    expected = commodity.attributes["un"]
    words = context.tables.settings["not_dangerous_words"]
    if not expected or number is not None or not_dangerous == YES or words in (requirement or ""):
        return None
    return Finding(words="required", name=(commodity.name_zh, commodity.name_en), un=expected, text=words)


@rule(
    "R-INS-05",
    "trade_direction_code",
    rows("goods_items"),
    rows("enterprise_qualifications", "enterprise_qualification_type_code"),
    CONTEXT,
)
def permits_are_there(
    direction: str, lines: Sequence[Row], qualifications: Sequence[Row], context: RuleContext
) -> list[Finding] | None:
    """By table: the enterprise's qualifications and the product's permits that a kind of commodity needs."""
    commodities = context.codes["CL_HS"]
    given = {row.get("enterprise_qualification_type_code") for row in qualifications}
    wanted: dict[str, list[str]] = {}
    found = []
    for line in lines:
        commodity = commodities.get(line.get("commodity_classification_id", ""))
        for need in context.tables.permits.get(commodity.attributes["kind"], ()) if commodity else ():
            if need.direction not in ("", direction):
                continue
            if need.goods_attribute and need.goods_attribute not in (code.code for code in _attributes(line, context)):
                continue
            number = line.get("goods_item_sequence_number", "?")
            if need.qualification and need.qualification not in given:
                wanted.setdefault(need.qualification, []).append(number)
            permits = {row.get("product_permit_type_code") for row in line.children.get("product_permits", ())}
            if need.permit and need.permit not in permits:
                fill = {
                    "code": need.permit,
                    "name": context.code_name("CL_PRODUCT_PERMIT", need.permit),
                    "lines": number,
                }
                found.append(Finding("product_permit_type_code", line, group="product_permits", fill=fill))
    for code, numbers in wanted.items():
        fill = {
            "code": code,
            "name": context.code_name("CL_ENTERPRISE_QUALIFICATION", code),
            "lines": ", ".join(numbers),
        }
        found.append(
            Finding(
                "enterprise_qualification_type_code",
                group="enterprise_qualifications",
                words="qualification",
                fill=fill,
            )
        )
    return found or None


@rule("R-INS-06", "related_inspection_id")
def related_application_is_well_formed(number: str) -> bool:
    """An inspection application number has 15 digits."""
    return digits(number, 15)
