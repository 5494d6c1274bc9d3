"""Valid declarations for both agencies, made from a seed: what a busy trader files, most items given, no fault by any rule.

A sea import on FOB terms in containers, with the clearance form already on it, so that no leg waits. Goods are drawn from
the rulebook's own commodity list: food, cosmetics, tableware, clothing, machinery; so lines have several shapes, as real
forms do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from declarations.checking import check
from declarations.codelists import Code
from declarations.form import Declaration, Row
from declarations.routing import plan
from declarations.rulebook import Rulebook
from declarations.rules.containers import container_check_digit
from declarations.xmlform import to_xml

MOMENT = datetime(2015, 10, 23, 3, 30, tzinfo=UTC)
"""When the benchmark's declarations are filed."""
LINES = (1, 20, 50)
KINDS = ("food", "cosmetics", "clothing", "tableware", "machinery")
GOODS = {
    "food": ("1509100000", "1806310000"),
    "cosmetics": ("3304990010", "3303000000", "3305100000"),
    "clothing": ("6109100010", "6110200090", "6203429062"),
    "tableware": ("7013370000", "7323930000", "3924100000"),
    "machinery": ("8481804090", "8471301000"),
}
PIECE, KILOGRAM = "007", "035"
OFFICE = "2248"


@dataclass(frozen=True, slots=True)
class Document:
    """A declaration as a trader sends it. `rich` says how much beyond what is mandatory is filled in."""

    lines: int
    xml: bytes


def make(
    rulebook: Rulebook, lines: int, seed: int = 7, *, rich: bool = True, sign: str = "", watched: bool = True
) -> Document:
    """A declaration of so many lines. `sign` goes into the remarks: an `&` there takes the escaping path. Without `watched` it
    holds nothing that agencies examine or certify: they answer no more than they always do."""
    declaration = Maker(rulebook, random.Random(f"{seed} {lines}"), rich, sign, watched).declaration(lines)
    return Document(lines, to_xml(rulebook.forms["goods"], declaration))


def prove(rulebook: Rulebook, document: Document) -> None:
    """Stops the benchmark if a document is not what it is said to be: without any fault, and with no leg that waits."""
    context = rulebook.context(MOMENT)
    checked = check(rulebook, document.xml, "application/xml", context)
    if checked.faults or checked.declaration is None:
        raise SystemExit(f"the benchmark's own document has faults: {[each.message_en for each in checked.faults]}")
    legs = plan(rulebook, checked.declaration, context.accepted_on)
    if [leg.waits_for for leg in legs] != [None, None]:
        raise SystemExit("the benchmark's own document does not go to both agencies at once")


class Maker:
    """Draws one declaration. Amounts, masses and container contents agree with each other, as the rules demand."""

    def __init__(self, rulebook: Rulebook, chance: random.Random, rich: bool, sign: str, watched: bool) -> None:
        self.form = rulebook.forms["goods"]
        self.tariff: dict[str, Code] = rulebook.codes.lists["CL_HS"].current(MOMENT.date())
        self.chance = chance
        self.rich = rich
        self.sign = sign
        self.watched = watched
        self.kinds = KINDS if watched else tuple(kind for kind in KINDS if kind != "cosmetics")

    def declaration(self, lines: int) -> Declaration:
        items = [self.line(number) for number in range(1, lines + 1)]
        net = sum((Decimal(item["item_net_mass"]) for item in items), Decimal(0))
        header = self.row("", self.header(net))
        header.children["goods_items"] = items
        header.children["containers"] = self.containers(lines)
        for group, values in self.documents().items():
            header.children[group] = [self.row(group, value) for value in values]
        return Declaration("goods", "customs_and_inspection", header)

    def row(self, group: str, values: dict[str, str]) -> Row:
        """A row in the form's order."""
        return Row(
            [(item.item_id, values[item.item_id]) for item in self.form.group_items(group) if item.item_id in values]
        )

    def number(self, digits: int) -> str:
        return "".join(self.chance.choices("0123456789", k=digits))

    def header(self, net: Decimal) -> dict[str, str]:
        values = {
            "trader_assigned_reference_id": f"SWSH2015B{self.number(8)}",
            "trade_direction_code": "I",
            "declaration_office_code": OFFICE,
            "contract_id": f"OB-2015-{self.number(5)}",
            "transport_mode_code": "2",
            "transport_means_name": "CSCL MARS",
            "voyage_id": f"{self.number(3)}E",
            "transport_document_id": f"CSLU{self.number(10)}*HB{self.number(6)}",
            "trade_mode_code": "0110",
            "departure_destination_country_code": "305",
            "transit_destination_port_code": "FRLEH",
            "marks_and_numbers": f"ORCHID BAY / SHANGHAI / C/NO.1-{self.chance.randint(10, 900)}",
            "domestic_trader_name": "上海博舜家居用品有限公司",
            "domestic_trader_customs_id": "3122960388",
            "domestic_trader_uscc": "913101155820517393",
            "domestic_trader_inspection_id": "3100618833",
            "declarant_name": "上海汇桥报关有限公司",
            "declarant_customs_id": "3122980219",
            "declarant_inspection_id": "3100910043",
            "contact_person_name": "周宁",
            "contact_phone_number": "021-55500172",
            "domestic_region_code": "31222",
            "package_quantity": str(self.chance.randint(10, 900)),
            "package_type_code": "2",
            "customs_declaration_type_code": "M",
            "border_customs_office_code": OFFICE,
            "border_crossing_date": "20151021",
            "owner_customs_id": "3122960388",
            "owner_name": "上海博舜家居用品有限公司",
            "levy_nature_code": "101",
            "delivery_terms_code": "3",
            "freight_charge_type_code": "3",
            "freight_amount": f"{self.chance.randint(800, 4000)}.50",
            "freight_currency_code": "502",
            "insurance_charge_type_code": "1",
            "insurance_amount": "0.3",
            "total_gross_mass": format(net * Decimal("1.1"), ".2f"),
            "total_net_mass": format(net, "f"),
            "inspection_category_code": "13",
            "inspection_office_code": "310000",
            "port_inspection_office_code": "310200",
            "destination_inspection_office_code": "310000",
            "certificate_office_code": "310000",
            "overseas_trader_name": "ORCHID BAY DISTRIBUTION SAS",
            "trading_country_code": "305",
            "departure_port_code": "FRLEH",
            "entry_exit_port_code": "310301",
            "departure_date": "20150922",
            "goods_arrival_date": "20151021",
            "goods_location_name": "洋山港区三期监管堆场",
        }
        if self.rich:
            values |= {
                "overseas_trader_address": "18 QUAI DES DOCKS, 76600 LE HAVRE, FRANCE",
                "other_charge_type_code": "3",
                "other_charge_amount": "120.00",
                "other_charge_currency_code": "502",
                "remarks": f"协议号 {self.number(8)} 运保费见合同{self.sign}",
                "related_inspection_id": self.number(15),
                "correlation_reason_code": "7",
                "special_inspection_requirement": "请于上午查验",
                "transit_declaration_indicator": "0",
                "claim_expiry_date": "20160420",
                "unloading_completion_date": "20151021",
                "delivery_order_id": f"DO{self.number(10)}",
                "letter_of_credit_id": f"LC{self.number(10)}",
                "urgent_indicator": "0",
                "client_reference_id": f"PO-{self.number(6)}",
            }
        return values

    def line(self, number: int) -> Row:
        kind = self.kinds[(number - 1) % len(self.kinds)] if self.rich else self.chance.choice(self.kinds)
        commodity = self.tariff[self.chance.choice(GOODS[kind])]
        mass = Decimal(self.chance.randint(1000, 200000)) / 100
        quantity = Decimal(self.chance.randint(10, 5000))
        price = Decimal(self.chance.randint(1, 900000)) / 10000
        by_mass = commodity.attributes["unit1"] == KILOGRAM
        values = {
            "goods_item_sequence_number": str(number),
            "commodity_classification_id": commodity.code,
            "goods_description": commodity.name_zh,
            "goods_specification": f"品牌:ORCHID BAY|型号:OB-{self.number(4)}|包装规格:12件/箱",
            "transaction_quantity": str(quantity),
            "transaction_quantity_unit_code": PIECE if by_mass else commodity.attributes["unit1"],
            "statutory_quantity": str(mass if by_mass else quantity),
            "statutory_quantity_unit_code": commodity.attributes["unit1"],
            "unit_price_amount": format(price, ".4f"),
            "item_total_amount": format(quantity * price, ".2f"),
            "currency_code": "502",
            "origin_country_code": self.chance.choice(("305", "304", "307", "301")),
            "final_destination_country_code": "142",
            "duty_mode_code": "1",
            "inspection_classification_id": f"{commodity.code}101",
            "item_net_mass": str(mass),
            "goods_purpose_code": "99",
            "goods_attribute_codes": {"food": "14,17,19", "machinery": "11,19"}.get(kind, "19"),
            "goods_use_code": "01",
        }
        if commodity.attributes["unit2"]:
            values |= {
                "second_statutory_quantity": str(mass),
                "second_statutory_quantity_unit_code": commodity.attributes["unit2"],
            }
        if kind in ("food", "cosmetics"):
            values |= {
                "ingredients": "水、甘油、乳木果油、香精",
                "production_date": "20150612;20150613",
                "production_batch_id": f"B{self.number(6)}",
                "expiry_date": "20180611",
                "manufacturer_name": "ORCHID BAY LABORATOIRES SAS",
            }
        if commodity.attributes["un"]:
            values["dangerous_goods_un_id"] = commodity.attributes["un"]
        if self.rich:
            values |= {
                "goods_description_en": commodity.name_en[:100],
                "brand_name": "ORCHID BAY",
                "manufacturer_name": "ORCHID BAY LABORATOIRES SAS",
                "inspection_goods_specification": "12件/箱",
                "non_dangerous_indicator": "0" if commodity.attributes["un"] else "1",
            }
        row = self.row("goods_items", values)
        if kind == "cosmetics":
            permit = {"product_permit_type_code": "516", "product_permit_id": f"国妆备进字J2015{self.number(4)}"}
            row.children["product_permits"] = [self.row("product_permits", permit)]
        return row

    def containers(self, lines: int) -> list[Row]:
        """A container for every ten lines; sizes in turn, so that inspection's records are grouped."""
        rows = []
        for first in range(1, lines + 1, 10):
            prefix = f"CSLU{self.number(6)}"
            values = {
                "container_id": prefix + container_check_digit(prefix),
                "container_type_code": ("11", "21")[len(rows) % 2],
                "container_goods_item_numbers": ",".join(map(str, range(first, min(first + 10, lines + 1)))),
                "container_tare_mass": "2230",
                "lcl_indicator": "0",
            }
            rows.append(self.row("containers", values))
        return rows

    def documents(self) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {
            "regulatory_documents": [
                {"regulatory_document_type_code": "A", "regulatory_document_id": self.number(18)},
            ],
            "attachments": [
                {
                    "attachment_type_code": f"0000000{number}",
                    "attachment_id": f"{OFFICE}0000000{number}IM{self.number(18)}.pdf",
                }
                for number in range(1, 5)
            ],
            "inspection_attachments": [{"inspection_attachment_type_code": f"10200{number}"} for number in range(1, 5)],
            "enterprise_qualifications": [
                {
                    "enterprise_qualification_type_code": code,
                    "enterprise_qualification_id": f"3100-{code}-{self.number(4)}",
                }
                for code in ("509", "515")
            ],
        }
        if self.rich and self.watched:
            found["requested_certificates"] = [
                {
                    "requested_certificate_type_code": code,
                    "certificate_original_count": "1",
                    "certificate_copy_count": "2",
                }
                for code in ("16", "21")
            ]
        return found
