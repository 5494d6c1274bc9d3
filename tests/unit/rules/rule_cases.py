"""The cases of the goods rules: what is wrong with a base form, and where the fault must stand; and what must still pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rule_forms import Settings, World

SEA, AIR, EXPORT = "sea_import", "air_import", "sea_export"
BOTH, INSPECTION = {"/filing_scope": "customs_and_inspection"}, {"/filing_scope": "inspection_only"}


@dataclass(frozen=True)
class Case:
    """A base form with changes. `words` names the variant of the rule's words that a failing case is about."""

    rule: str
    form: str
    changes: Mapping[str, Any]
    pointer: str = ""
    words: str = ""
    severity: str = "error"
    world: World = field(default_factory=World)

    def __str__(self) -> str:
        return "-".join(
            part for part in (self.rule, self.words, self.form, self.pointer.strip("/").replace("/", ".")) if part
        )


def line(number: int, **values: Any) -> dict[str, Any]:
    """A goods line of 15 kg for a customs import, with other values where given."""
    return {
        "goods_item_sequence_number": number,
        "commodity_classification_id": "3926909090",
        "goods_description": "塑料配件",
        "goods_specification": "材质:ABS",
        "transaction_quantity": "15",
        "transaction_quantity_unit_code": "035",
        "statutory_quantity": "15",
        "statutory_quantity_unit_code": "035",
        "unit_price_amount": "2",
        "item_total_amount": "30",
        "currency_code": "502",
        "origin_country_code": "133",
        "final_destination_country_code": "142",
        "duty_mode_code": "1",
    } | values


def lines(count: int) -> dict[str, Any]:
    """So many lines of 15 kg in one container, with the masses that go with them."""
    return {
        "/goods_items": [line(number) for number in range(1, count + 1)],
        "/containers": [],
        "/package_type_code": "4",
        "/package_quantity": "1",
        "/total_net_mass": str(15 * count),
        "/total_gross_mass": str(16 * count),
    }


def one(**values: Any) -> dict[str, Any]:
    """The form with one line."""
    return {**lines(1), "/goods_items": [line(1, **values)]}


WOOD_LINE = {
    "goods_item_sequence_number": 4,
    "commodity_classification_id": "0001",
    "inspection_classification_id": "0001",
    "goods_description": "木托盘",
    "transaction_quantity": "0",
    "transaction_quantity_unit_code": "011",
    "statutory_quantity": "0",
    "statutory_quantity_unit_code": "011",
    "item_total_amount": "0",
    "currency_code": "300",
    "origin_country_code": "305",
    "item_net_mass": "0",
    "goods_purpose_code": "99",
}
TOY = {
    "/goods_items/0/commodity_classification_id": "9503008900",
    "/goods_items/0/inspection_classification_id": "9503008900101",
}
FOOD = {
    "/goods_items/0/commodity_classification_id": "1806310000",
    "/goods_items/0/inspection_classification_id": "1806310000101",
}
AIR_EXPORT = {
    "/trade_direction_code": "E",
    "/inspection_category_code": "24",
    "/border_crossing_date": None,
    "/delivery_terms_code": "3",
    "/goods_items/0/final_destination_country_code": "305",
    "/goods_items/1/final_destination_country_code": "305",
    "/goods_items/2/final_destination_country_code": "305",
}
YEAR_2015 = World(profile=Settings("2015", {"line_limit": "20"}))

FAILING = [
    Case("R-HDR-01", SEA, {"/contract_id": None, "/owner_name": None}, "/owner_name"),
    Case("R-HDR-01", AIR, {"/contract_id": None}, "/contract_id"),
    Case("R-HDR-01", SEA, {"/voyage_id": ""}, "/voyage_id"),
    Case("R-HDR-01", AIR, {"/transport_document_id": None}, "/transport_document_id"),
    Case("R-HDR-01", SEA, {"/goods_items/1/duty_mode_code": None}, "/goods_items/1/duty_mode_code"),
    Case(
        "R-HDR-01",
        AIR,
        {"/goods_items/0/product_permits/0/product_permit_id": ""},
        "/goods_items/0/product_permits/0/product_permit_id",
    ),
    Case("R-HDR-01", AIR, {"/inspection_attachments": []}, "/inspection_attachments"),
    Case("R-HDR-01", AIR, {"/trading_country_code": None}, "/trading_country_code"),
    Case("R-HDR-01", SEA, {"/containers/1/container_type_code": None}, "/containers/1/container_type_code"),
    Case("R-HDR-01", AIR, AIR_EXPORT, "/goods_items/0/manufacturer_registration_id", severity="warning"),
    Case("R-HDR-01", AIR, {**AIR_EXPORT, "/goods_items/2/manufacturer_name": None}, "/goods_items/2/manufacturer_name"),
    Case("R-HDR-03", SEA, {"/goods_location_name": "洋山"}, "/goods_location_name", severity="warning"),
    Case("R-HDR-03", AIR, INSPECTION, "/levy_nature_code", severity="warning"),
    Case("R-PTY-01", SEA, {"/domestic_trader_uscc": "91310115342088153C"}, "/domestic_trader_uscc"),
    Case("R-PTY-01", SEA, {"/domestic_trader_uscc": "9131011534208815IB"}, "/domestic_trader_uscc", "form"),
    Case("R-PTY-01", SEA, {"/domestic_trader_uscc": "٩١310115342088153B"}, "/domestic_trader_uscc", "form"),
    Case("R-PTY-02", SEA, {"/domestic_trader_customs_id": "312294017"}, "/domestic_trader_customs_id"),
    Case("R-PTY-02", SEA, {"/declarant_customs_id": "3A22980219"}, "/declarant_customs_id"),
    Case("R-PTY-02", SEA, {"/domestic_trader_customs_id": "3122980173"}, "/domestic_trader_customs_id", "nature"),
    Case("R-PTY-03", SEA, {"/owner_customs_id": "NONE"}, "/owner_customs_id"),
    Case("R-PTY-03", SEA, {"/owner_customs_id": "3122980173"}, "/owner_customs_id", "nature"),
    Case("R-PTY-04", AIR, {"/domestic_trader_inspection_id": "31006177"}, "/domestic_trader_inspection_id"),
    Case("R-PTY-04", AIR, {"/declarant_inspection_id": "310091004A"}, "/declarant_inspection_id"),
    Case("R-CNT-01", SEA, {"/containers/0/container_id": "TGHU4182738"}, "/containers/0/container_id"),
    Case("R-CNT-01", SEA, {"/containers/0/container_id": "TGHA4182739"}, "/containers/0/container_id", "form"),
    Case("R-CNT-02", SEA, {"/containers/1/container_id": "TGHU4182739"}, "/containers/1/container_id"),
    Case("R-CNT-02", SEA, {"/containers/0/container_type_code": "14"}, "/containers/0/container_type_code", "unknown"),
    Case(
        "R-CNT-03",
        SEA,
        {"/containers/1/container_goods_item_numbers": "2"},
        "/goods_items/2/goods_item_sequence_number",
    ),
    Case(
        "R-CNT-03",
        SEA,
        {"/containers/1/container_goods_item_numbers": "3,4"},
        "/containers/1/container_goods_item_numbers",
        "unknown",
    ),
    Case(
        "R-CNT-03",
        SEA,
        {"/containers/1/container_goods_item_numbers": "3;1"},
        "/containers/1/container_goods_item_numbers",
        "form",
    ),
    Case(
        "R-CNT-03",
        AIR,
        {"/containers": [{"container_id": "TGHU4182739", "container_type_code": "11"}]},
        "/containers/0/container_goods_item_numbers",
        "required",
    ),
    Case("R-CNT-04", SEA, {"/containers": []}, "/containers", severity="warning"),
    Case(
        "R-CNT-04",
        AIR,
        {
            "/containers": [
                {"container_id": "TGHU4182739", "container_type_code": "11", "container_goods_item_numbers": "1,2,3"}
            ]
        },
        "/containers/0/container_id",
        "unexpected",
        "warning",
    ),
    Case("R-CNT-05", SEA, {"/containers/0/container_tare_mass": "0"}, "/containers/0/container_tare_mass"),
    Case(
        "R-LIN-01", SEA, {"/goods_items/1/goods_item_sequence_number": 3}, "/goods_items/1/goods_item_sequence_number"
    ),
    Case("R-LIN-02", SEA, lines(51), "/goods_items"),
    Case("R-LIN-02", SEA, lines(21), "/goods_items", world=YEAR_2015),
    Case("R-LIN-02", SEA, {"/goods_items": []}, "/goods_items", "none"),
    Case(
        "R-LIN-02",
        AIR,
        {"/goods_items": [{**WOOD_LINE, "goods_item_sequence_number": 1}]},
        "/goods_items/0/commodity_classification_id",
        "inspection_only",
    ),
    Case(
        "R-LIN-03",
        SEA,
        {"/goods_items/0/commodity_classification_id": "854231900"},
        "/goods_items/0/commodity_classification_id",
        "unknown",
    ),
    Case(
        "R-LIN-03",
        SEA,
        {"/goods_items/0/commodity_classification_id": "8542319099"},
        "/goods_items/0/commodity_classification_id",
        "unlisted",
        "warning",
    ),
    Case(
        "R-LIN-03",
        SEA,
        {},
        "/goods_items/0/commodity_classification_id",
        "expired",
        world=World(date(2014, 12, 31), date(2014, 12, 31)),
    ),
    Case(
        "R-LIN-03",
        SEA,
        {"/goods_items/2/commodity_classification_id": "0002"},
        "/goods_items/2/commodity_classification_id",
        "inspection_only",
    ),
    Case(
        "R-LIN-04",
        AIR,
        {"/goods_items/1/inspection_classification_id": "3304990090101"},
        "/goods_items/1/inspection_classification_id",
    ),
    Case(
        "R-LIN-05",
        AIR,
        {"/goods_items/0/commodity_classification_id": "0001"},
        "/goods_items/0/commodity_classification_id",
    ),
    Case(
        "R-UNT-01",
        SEA,
        {"/goods_items/0/statutory_quantity_unit_code": "008"},
        "/goods_items/0/statutory_quantity_unit_code",
    ),
    Case(
        "R-UNT-01",
        SEA,
        {"/goods_items/0/second_statutory_quantity_unit_code": "036"},
        "/goods_items/0/second_statutory_quantity_unit_code",
    ),
    Case(
        "R-UNT-01",
        SEA,
        {"/goods_items/0/second_statutory_quantity": None},
        "/goods_items/0/second_statutory_quantity",
        "second_missing",
    ),
    Case(
        "R-UNT-01",
        SEA,
        {"/goods_items/0/second_statutory_quantity_unit_code": None},
        "/goods_items/0/second_statutory_quantity_unit_code",
        "second_missing",
    ),
    Case(
        "R-UNT-01",
        SEA,
        one(second_statutory_quantity="5", second_statutory_quantity_unit_code="011"),
        "/goods_items/0/second_statutory_quantity",
        "no_second",
    ),
    Case("R-UNT-02", SEA, {"/goods_items/0/statutory_quantity": "20001"}, "/goods_items/0/statutory_quantity"),
    Case(
        "R-UNT-02",
        SEA,
        {"/goods_items/0/transaction_quantity_unit_code": "035"},
        "/goods_items/0/second_statutory_quantity",
    ),
    Case(
        "R-UNT-03",
        SEA,
        one(transaction_quantity="15010", transaction_quantity_unit_code="036"),
        "/goods_items/0/statutory_quantity",
    ),
    Case("R-AMT-01", SEA, {"/goods_items/0/item_total_amount": "63001.02"}, "/goods_items/0/item_total_amount"),
    Case(
        "R-AMT-02",
        SEA,
        {"/goods_items/0/unit_price_amount": "0", "/goods_items/0/item_total_amount": "0"},
        "/goods_items/0/unit_price_amount",
    ),
    Case("R-AMT-02", SEA, {"/goods_items/1/transaction_quantity": "-15000"}, "/goods_items/1/transaction_quantity"),
    Case("R-AMT-02", AIR, {"/goods_items/1/item_net_mass": "0"}, "/goods_items/1/item_net_mass"),
    Case("R-AMT-03", SEA, {"/goods_items/2/currency_code": "300"}, "/goods_items/2/currency_code"),
    Case("R-AMT-04", SEA, {"/goods_items/0/unit_price_amount": "3.15001"}, "/goods_items/0/unit_price_amount"),
    Case("R-AMT-04", SEA, {"/total_net_mass": "2480.000001"}, "/total_net_mass"),
    Case("R-WGT-01", SEA, {"/total_gross_mass": "2479.99"}, "/total_net_mass"),
    Case("R-WGT-02", SEA, {"/total_net_mass": "0.5", "/total_gross_mass": "0.9"}, "/total_gross_mass"),
    Case(
        "R-WGT-03",
        SEA,
        {"/goods_items/2/statutory_quantity": "975", "/goods_items/2/transaction_quantity": "975"},
        "/total_net_mass",
    ),
    Case("R-WGT-04", SEA, {"/package_quantity": 0}, "/package_quantity"),
    Case("R-WGT-04", SEA, {"/package_type_code": "4"}, "/package_quantity", "bulk"),
    Case("R-WGT-05", AIR, {"/goods_items/0/item_net_mass": "74"}, "/total_net_mass"),
    Case("R-TRM-01", SEA, {"/freight_currency_code": None}, "/freight_currency_code", "missing"),
    Case("R-TRM-01", SEA, {"/insurance_charge_type_code": None}, "/insurance_charge_type_code", "missing"),
    Case(
        "R-TRM-01",
        SEA,
        {"/other_charge_type_code": "3", "/other_charge_currency_code": "502"},
        "/other_charge_amount",
        "missing",
    ),
    Case("R-TRM-01", SEA, {"/freight_amount": "-1850"}, "/freight_amount", "negative"),
    Case(
        "R-TRM-01",
        SEA,
        {"/insurance_charge_type_code": "2", "/insurance_currency_code": "502"},
        "/insurance_charge_type_code",
        "freight_only",
    ),
    Case("R-TRM-01", SEA, {"/insurance_currency_code": "502"}, "/insurance_currency_code", "no_currency", "warning"),
    Case(
        "R-TRM-02",
        SEA,
        {"/freight_charge_type_code": None, "/freight_amount": None, "/freight_currency_code": None},
        "/freight_amount",
    ),
    Case("R-TRM-02", SEA, {"/delivery_terms_code": "4"}, "/insurance_amount", "blank"),
    Case("R-TRM-02", EXPORT, {"/delivery_terms_code": "3"}, "/freight_amount", "blank"),
    Case("R-TRM-03", SEA, {"/insurance_amount": "5.01"}, "/insurance_amount", severity="warning"),
    Case(
        "R-TRM-03",
        SEA,
        {"/freight_charge_type_code": "1", "/freight_currency_code": None},
        "/freight_amount",
        severity="warning",
    ),
    Case("R-REG-01", SEA, {"/levy_nature_code": "502"}, "/levy_nature_code"),
    Case("R-REG-02", SEA, {"/goods_items/1/duty_mode_code": "3"}, "/goods_items/1/duty_mode_code"),
    Case(
        "R-REG-03", SEA, {"/trade_mode_code": "0654", "/processing_manual_id": "B2200512345"}, "/processing_manual_id"
    ),
    Case("R-REG-03", SEA, {"/trade_mode_code": "0654"}, "/processing_manual_id", "required"),
    Case("R-REG-03", SEA, {"/processing_manual_id": "B22005123456"}, "/processing_manual_id", "forbidden"),
    Case(
        "R-REG-03",
        SEA,
        {"/trade_mode_code": "0654", "/processing_manual_id": "B22005123456"},
        "/goods_items/0/manual_item_number",
        "item",
    ),
    Case("R-REG-04", EXPORT, {"/goods_items/1/commodity_classification_id": "2709000000"}, "/licence_id"),
    Case("R-REG-04", SEA, one(commodity_classification_id="0402210000"), "/regulatory_documents", "document"),
    Case("R-REG-05", SEA, one(commodity_classification_id="3304990010"), "/regulatory_documents"),
    Case(
        "R-REG-05",
        SEA,
        {
            **one(commodity_classification_id="3304990010"),
            "/regulatory_documents": [
                {"regulatory_document_type_code": "B", "regulatory_document_id": "310200115012345000"}
            ],
        },
        "/regulatory_documents",
    ),
    Case("R-REG-06", SEA, one(commodity_classification_id="2620210000"), "/goods_items/0/commodity_classification_id"),
    Case(
        "R-REG-06",
        EXPORT,
        {"/goods_items/1/commodity_classification_id": "4402900090"},
        "/goods_items/1/commodity_classification_id",
    ),
    Case(
        "R-REG-06",
        AIR,
        {"/goods_items/0/commodity_classification_id": "8429521200", "/goods_items/0/goods_attribute_codes": "19,21"},
        "/goods_items/0/commodity_classification_id",
    ),
    Case(
        "R-REG-07",
        AIR,
        {
            "/regulatory_documents/-": {
                "regulatory_document_type_code": "A",
                "regulatory_document_id": "31020011501234500",
            }
        },
        "/regulatory_documents/0/regulatory_document_id",
    ),
    Case(
        "R-REG-07",
        AIR,
        {
            "/regulatory_documents/-": {
                "regulatory_document_type_code": "B",
                "regulatory_document_id": "310200115012345000",
            }
        },
        "/regulatory_documents/0/regulatory_document_type_code",
        "direction",
    ),
    Case("R-TRN-01", SEA, {"/transport_document_id": "HJSC PUSA"}, "/transport_document_id"),
    Case("R-TRN-01", SEA, {"/transport_document_id": "HJSCPUSA*"}, "/transport_document_id"),
    Case("R-TRN-01", AIR, {"/transport_document_id": "11244081730*BMF"}, "/transport_document_id", "air"),
    Case("R-TRN-01", AIR, {"/transport_document_id": "11244081731_BMF"}, "/transport_document_id", "check"),
    Case("R-TRN-02", SEA, {"/border_customs_office_code": "2233"}, "/border_customs_office_code"),
    Case(
        "R-TRN-03",
        SEA,
        {"/departure_destination_country_code": "142"},
        "/departure_destination_country_code",
        "departure",
    ),
    Case("R-TRN-03", EXPORT, {"/departure_destination_country_code": "142"}, "/departure_destination_country_code"),
    Case(
        "R-TRN-03",
        EXPORT,
        {"/goods_items/19/final_destination_country_code": "142"},
        "/goods_items/19/final_destination_country_code",
    ),
    Case(
        "R-TRN-04",
        SEA,
        {"/transit_destination_port_code": "JPTYO"},
        "/transit_destination_port_code",
        severity="warning",
    ),
    Case("R-TRN-05", SEA, {"/transit_declaration_indicator": "1"}, "/transit_declaration_indicator"),
    Case(
        "R-TRN-05",
        SEA,
        {"/goods_items/2/final_destination_country_code": "136"},
        "/goods_items/2/final_destination_country_code",
        "through",
        "warning",
    ),
    Case("R-DAT-01", SEA, {"/border_crossing_date": "20151029"}, "/border_crossing_date"),
    Case("R-DAT-01", EXPORT, {"/border_crossing_date": "20151020"}, "/border_crossing_date", "export"),
    Case("R-DAT-02", AIR, {"/departure_date": "20151023"}, "/departure_date"),
    Case(
        "R-DAT-02",
        AIR,
        {"/goods_items/0/production_date": "20150612;20151022"},
        "/goods_items/0/production_date",
        "production",
    ),
    Case("R-DAT-02", AIR, {"/goods_items/2/expiry_date": "20151022"}, "/goods_items/2/expiry_date", "expiry"),
    Case(
        "R-DAT-02",
        AIR,
        {**AIR_EXPORT, "/goods_items/2/expiry_date": "20151021"},
        "/goods_items/2/expiry_date",
        "expiry",
    ),
    Case(
        "R-DAT-03",
        SEA,
        {},
        "/border_crossing_date",
        severity="warning",
        world=World(date(2015, 11, 3), date(2015, 11, 3)),
    ),
    Case("R-DAT-04", AIR, {"/goods_items/0/production_date": "20150612;20150230"}, "/goods_items/0/production_date"),
    Case("R-DAT-04", AIR, {"/goods_items/0/production_date": "２０１５０６１２"}, "/goods_items/0/production_date"),
    Case("R-INS-01", AIR, {"/inspection_category_code": "24"}, "/inspection_category_code"),
    Case("R-INS-02", AIR, {"/goods_items/0/ingredients": None}, "/goods_items/0/ingredients"),
    Case("R-INS-02", AIR, {**FOOD, "/goods_items/0/expiry_date": None}, "/goods_items/0/expiry_date"),
    Case(
        "R-INS-02",
        AIR,
        {**TOY, "/goods_items/0/goods_attribute_codes": "19"},
        "/goods_items/0/goods_attribute_codes",
        "attribute",
    ),
    Case("R-INS-03", AIR, {"/package_type_code": "93"}, "/package_type_code"),
    Case("R-INS-03", AIR, {"/package_type_code": "5"}, "/package_type_code", "perhaps", "warning"),
    Case("R-INS-04", AIR, {"/goods_items/2/dangerous_goods_un_id": "12A6"}, "/goods_items/2/dangerous_goods_un_id"),
    Case(
        "R-INS-04",
        AIR,
        {"/goods_items/2/dangerous_goods_un_id": None},
        "/goods_items/2/dangerous_goods_un_id",
        "required",
    ),
    Case(
        "R-INS-04",
        AIR,
        {"/goods_items/2/dangerous_goods_un_id": "9999"},
        "/goods_items/2/dangerous_goods_un_id",
        "unlisted",
        "warning",
    ),
    Case("R-INS-05", AIR, {"/goods_items/1/product_permits": []}, "/goods_items/1/product_permits"),
    Case("R-INS-05", AIR, {"/enterprise_qualifications": []}, "/enterprise_qualifications", "qualification"),
    Case(
        "R-INS-05",
        AIR,
        {**FOOD, "/goods_items/0/goods_attribute_codes": "14"},
        "/enterprise_qualifications",
        "qualification",
    ),
    Case("R-INS-06", AIR, {"/related_inspection_id": "31040011500001"}, "/related_inspection_id"),
    Case("R-DOC-01", SEA, {"/attachments/2": None}, "/attachments"),
    Case("R-DOC-01", SEA, {"/attachments/0/attachment_id": "invoice.pdf"}, "/attachments/0/attachment_id", "name"),
    Case("R-DOC-01", SEA, {"/declaration_office_code": "2225"}, "/attachments/0/attachment_id", "name"),
    Case("R-DOC-02", AIR, {"/inspection_attachments/3": None}, "/inspection_attachments", severity="warning"),
    Case("R-MAP-01", SEA, {"/levy_nature_code": "99"}, "/levy_nature_code", "unknown"),
    Case("R-MAP-01", SEA, {"/domestic_region_code": "3122A"}, "/domestic_region_code", "unknown"),
    Case("R-MAP-01", SEA, {"/domestic_region_code": "44031"}, "/domestic_region_code", "unlisted", "warning"),
    Case("R-MAP-01", AIR, {"/domestic_region_code": "44031"}, "/domestic_region_code", "left_out", "warning"),
    Case("R-MAP-01", SEA, {"/goods_items/0/currency_code": "840"}, "/goods_items/0/currency_code", "other_system"),
    Case(
        "R-MAP-01",
        SEA,
        {"/departure_destination_country_code": "840"},
        "/departure_destination_country_code",
        "other_system",
    ),
    Case("R-MAP-01", SEA, {"/goods_items/0/currency_code": "USD"}, "/goods_items/0/currency_code", "other_system"),
    Case("R-MAP-01", SEA, {}, "/transport_mode_code", "expired", world=World(date(2014, 12, 31), date(2014, 12, 31))),
    Case(
        "R-MAP-01",
        AIR,
        {"/goods_items/1/goods_attribute_codes": "19,77"},
        "/goods_items/1/goods_attribute_codes",
        "unknown",
    ),
    Case("R-MAP-01", AIR, {"/inspection_attachments/-": "99"}, "/inspection_attachments/4", "unknown"),
]

PASSING = [
    Case("R-HDR-01", SEA, {"/contract_id": None, "/border_crossing_date": None, "/levy_nature_code": None}),
    Case(
        "R-HDR-01",
        SEA,
        {
            "/transport_mode_code": "9",
            "/voyage_id": None,
            "/transport_document_id": None,
            "/transport_means_name": None,
        },
    ),
    Case(
        "R-HDR-01",
        AIR,
        {
            **INSPECTION,
            "/owner_name": None,
            "/goods_items/0/duty_mode_code": None,
            "/goods_items/0/unit_price_amount": None,
        },
    ),
    Case("R-HDR-01", AIR, {"/goods_items/-": WOOD_LINE}),
    Case("R-HDR-03", AIR, {"/urgent_indicator": "1", "/client_reference_id": "C-1"}),
    Case("R-HDR-03", SEA, {"/urgent_indicator": "1", "/containers": []}),
    Case("R-PTY-01", SEA, {"/domestic_trader_uscc": None}),
    Case("R-PTY-02", SEA, {"/domestic_trader_customs_id": "312294A17Z"}),
    Case("R-PTY-02", AIR, {**INSPECTION, "/domestic_trader_customs_id": "1"}),
    Case("R-PTY-03", SEA, {"/owner_customs_id": "NO"}),
    Case("R-PTY-03", SEA, {"/owner_customs_id": "12345678X"}),
    Case("R-PTY-04", SEA, {"/declarant_inspection_id": "1"}),
    Case("R-CNT-01", SEA, {"/containers/0/container_id": "CSQU3054383"}),
    Case("R-CNT-02", SEA, {"/containers/1/container_type_code": "32"}),
    Case(
        "R-CNT-03",
        SEA,
        {"/containers/0/container_goods_item_numbers": None, "/containers/1/container_goods_item_numbers": None},
    ),
    Case(
        "R-CNT-03",
        SEA,
        {"/containers/0/container_goods_item_numbers": "01,2", "/containers/1/container_goods_item_numbers": "1,3"},
    ),
    Case("R-CNT-04", SEA, {"/containers": [], "/package_type_code": "01"}),
    Case("R-CNT-04", SEA, {"/containers": [], "/transport_mode_code": "4"}),
    Case("R-CNT-05", SEA, {"/containers/0/container_tare_mass": "2200"}),
    Case("R-LIN-01", SEA, {"/goods_items/2/goods_item_sequence_number": "03"}),
    Case("R-LIN-02", SEA, lines(50)),
    Case("R-LIN-02", SEA, lines(20), world=YEAR_2015),
    Case("R-LIN-03", AIR, {"/goods_items/-": WOOD_LINE}),
    Case("R-LIN-04", AIR, {"/goods_items/-": WOOD_LINE}),
    Case("R-LIN-05", AIR, {"/goods_items/-": WOOD_LINE}),
    Case("R-UNT-01", SEA, one(second_statutory_quantity="0")),
    Case(
        "R-UNT-01",
        SEA,
        {"/goods_items/0/commodity_classification_id": "8542319099", "/goods_items/0/second_statutory_quantity": None},
    ),
    Case("R-UNT-02", SEA, one(transaction_quantity="3", transaction_quantity_unit_code="011")),
    Case("R-UNT-03", SEA, one(transaction_quantity="15000", transaction_quantity_unit_code="036")),
    Case("R-UNT-03", SEA, one(transaction_quantity="0.015", transaction_quantity_unit_code="070")),
    Case("R-AMT-01", SEA, {"/goods_items/0/item_total_amount": "63001"}),
    Case(
        "R-AMT-01",
        AIR,
        {**INSPECTION, "/goods_items/0/unit_price_amount": None, "/goods_items/0/item_total_amount": "1"},
    ),
    Case("R-AMT-02", AIR, {"/goods_items/-": WOOD_LINE}),
    Case("R-AMT-03", AIR, {"/goods_items/0/currency_code": "300"}),
    Case("R-AMT-04", SEA, {"/goods_items/0/unit_price_amount": "3.1500000"}),
    Case("R-WGT-01", SEA, {"/total_gross_mass": "2480"}),
    Case(
        "R-WGT-02",
        SEA,
        {**one(transaction_quantity="1", statutory_quantity="1"), "/total_net_mass": "1", "/total_gross_mass": "1"},
    ),
    Case("R-WGT-03", SEA, {"/total_net_mass": "2504", "/total_gross_mass": "2600"}),
    Case("R-WGT-03", SEA, {"/total_net_mass": "9", "/goods_items/0/second_statutory_quantity": None}),
    Case("R-WGT-04", SEA, {"/package_type_code": "00", "/package_quantity": 1}),
    Case("R-WGT-05", AIR, {"/goods_items/-": {**WOOD_LINE, "item_net_mass": "90"}}),
    Case(
        "R-TRM-01",
        SEA,
        {"/other_charge_type_code": "3", "/other_charge_amount": "-20", "/other_charge_currency_code": "502"},
    ),
    Case("R-TRM-02", AIR, {"/delivery_terms_code": "5"}),
    Case("R-TRM-02", EXPORT, {"/delivery_terms_code": "4", "/freight_amount": None, "/freight_charge_type_code": None}),
    Case("R-TRM-03", SEA, {"/insurance_amount": "5"}),
    Case("R-TRM-03", SEA, {"/freight_amount": "99999"}),
    Case("R-REG-01", SEA, {"/trade_mode_code": "2600", "/levy_nature_code": "502"}),
    Case("R-REG-02", SEA, {"/levy_nature_code": "789", "/goods_items/0/duty_mode_code": "3"}),
    Case(
        "R-REG-03",
        SEA,
        {
            "/processing_manual_id": "Z22005123456",
            "/levy_nature_code": "789",
            **{f"/goods_items/{n}/manual_item_number": n + 1 for n in range(3)},
        },
    ),
    Case(
        "R-REG-04", EXPORT, {"/goods_items/1/commodity_classification_id": "2709000000", "/licence_id": "15-AB-000001"}
    ),
    Case("R-REG-04", AIR, AIR_EXPORT),
    Case("R-REG-05", AIR, {}),
    Case(
        "R-REG-05",
        SEA,
        {
            **one(commodity_classification_id="3304990010"),
            "/regulatory_documents": [
                {"regulatory_document_type_code": "A", "regulatory_document_id": "310200115012345000"}
            ],
        },
    ),
    Case("R-REG-06", EXPORT, {"/goods_items/1/commodity_classification_id": "2620210000"}),
    Case("R-REG-06", AIR, {"/goods_items/0/commodity_classification_id": "8429521200"}),
    Case(
        "R-REG-07",
        AIR,
        {"/regulatory_documents/-": {"regulatory_document_type_code": "7", "regulatory_document_id": "15-1"}},
    ),
    Case("R-TRN-01", SEA, {"/transport_document_id": "HJSCPUSA15073321*LX01"}),
    Case("R-TRN-01", AIR, {"/transport_document_id": "11244081730"}),
    Case("R-TRN-01", SEA, {"/transport_mode_code": "4", "/transport_document_id": "CMR 15/7"}),
    Case("R-TRN-02", SEA, {"/border_customs_office_code": "2217"}),
    Case("R-TRN-03", SEA, {"/departure_destination_country_code": "142", "/trade_mode_code": "4561"}),
    Case("R-TRN-03", EXPORT, {"/transport_mode_code": "7", "/departure_destination_country_code": "142"}),
    Case("R-TRN-04", SEA, {"/transit_destination_port_code": "KRINC"}),
    Case("R-TRN-05", SEA, {"/transit_declaration_indicator": "0"}),
    Case("R-TRN-05", EXPORT, {}),
    Case("R-DAT-01", SEA, {"/border_crossing_date": "20151028"}),
    Case("R-DAT-02", AIR, {"/departure_date": "20151022", "/goods_items/0/production_date": "20150612;20151022"}),
    Case("R-DAT-03", SEA, {}, world=World(date(2015, 11, 2), date(2015, 11, 2))),
    Case("R-DAT-04", AIR, {"/goods_items/0/production_date": "20150612; 20160229", "/departure_date": None}),
    Case("R-INS-01", AIR, {"/inspection_category_code": "15"}),
    Case("R-INS-02", AIR, {**TOY, "/goods_items/0/goods_attribute_codes": "19,11", "/goods_items/0/ingredients": None}),
    Case(
        "R-INS-02",
        AIR,
        {
            "/goods_items/0/commodity_classification_id": "3924100000",
            "/goods_items/0/ingredients": None,
            "/goods_items/0/expiry_date": None,
        },
    ),
    Case("R-INS-03", AIR, {"/package_type_code": "1", "/goods_items/-": WOOD_LINE}),
    Case("R-INS-03", AIR, {"/package_type_code": "92", "/special_inspection_requirement": "带木质包装"}),
    Case(
        "R-INS-04", AIR, {"/goods_items/2/dangerous_goods_un_id": None, "/special_inspection_requirement": "非危险品"}
    ),
    Case(
        "R-INS-04", AIR, {"/goods_items/2/dangerous_goods_un_id": None, "/goods_items/2/non_dangerous_indicator": "1"}
    ),
    Case("R-INS-05", AIR, {**FOOD, "/goods_items/0/product_permits": []}),
    Case("R-INS-06", AIR, {"/related_inspection_id": "310400115000012"}),
    Case("R-DOC-01", EXPORT, {"/attachments": []}),
    Case("R-DOC-01", SEA, {"/attachments": [], "/customs_declaration_type_code": "0"}),
    Case("R-DOC-02", AIR, {**AIR_EXPORT, "/inspection_attachments/3": None}),
    Case(
        "R-MAP-01",
        AIR,
        {
            "/goods_items/0/inspection_classification_id": "3304990010999",
            "/goods_items/1/goods_attribute_codes": "19, 11",
        },
    ),
    Case("R-MAP-01", SEA, {"/destination_inspection_office_code": "77"}),
]
