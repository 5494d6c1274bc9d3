"""The declaration that the API's documentation shows: small and complete, so that whoever tries it gets a `202`."""

from __future__ import annotations

from typing import Any

DECLARATION: dict[str, Any] = {
    "filing_scope": "customs_only",
    "trader_assigned_reference_id": "SWSH2015B00000001",
    "trade_direction_code": "I",
    "declaration_office_code": "2248",
    "contract_id": "LX-KR-15073",
    "transport_mode_code": "2",
    "transport_means_name": "HANJIN AQUILA",
    "voyage_id": "0087W",
    "transport_document_id": "HJSCPUSA15073321",
    "trade_mode_code": "0110",
    "departure_destination_country_code": "133",
    "transit_destination_port_code": "KRPUS",
    "marks_and_numbers": "N/M",
    "domestic_trader_name": "上海澜芯微电子有限公司",
    "domestic_trader_customs_id": "3122940173",
    "domestic_trader_uscc": "91310115342088153B",
    "declarant_name": "上海汇桥报关有限公司",
    "declarant_customs_id": "3122980219",
    "domestic_region_code": "31222",
    "customs_declaration_type_code": "M",
    "border_customs_office_code": "2248",
    "border_crossing_date": "20151019",
    "owner_customs_id": "3122940173",
    "owner_name": "上海澜芯微电子有限公司",
    "levy_nature_code": "101",
    "delivery_terms_code": "3",
    "freight_charge_type_code": "3",
    "freight_amount": "350.00",
    "freight_currency_code": "502",
    "insurance_charge_type_code": "1",
    "insurance_amount": "0.3",
    "package_quantity": 12,
    "package_type_code": "2",
    "total_gross_mass": "214.50",
    "total_net_mass": "180.00",
    "goods_items": [
        {
            "goods_item_sequence_number": 1,
            "commodity_classification_id": "8542319000",
            "goods_description": "处理器集成电路",
            "goods_specification": "用途:工业控制器|品牌:LANXIN|型号:LX32F407|是否切割:已切割封装",
            "transaction_quantity": "20000",
            "transaction_quantity_unit_code": "007",
            "statutory_quantity": "20000",
            "statutory_quantity_unit_code": "007",
            "unit_price_amount": "3.1500",
            "item_total_amount": "63000.00",
            "currency_code": "502",
            "origin_country_code": "133",
            "final_destination_country_code": "142",
            "duty_mode_code": "1",
            "second_statutory_quantity": "180.00",
            "second_statutory_quantity_unit_code": "035",
        },
    ],
    "containers": [
        {
            "container_id": "TGHU4182739",
            "container_type_code": "11",
        },
    ],
    "attachments": [
        {
            "attachment_type_code": "00000001",
            "attachment_id": "224800000001IM201510190000000011.pdf",
        },
        {
            "attachment_type_code": "00000002",
            "attachment_id": "224800000002IM201510190000000012.pdf",
        },
        {
            "attachment_type_code": "00000003",
            "attachment_id": "224800000003IM201510190000000013.pdf",
        },
        {
            "attachment_type_code": "00000004",
            "attachment_id": "224800000004IM201510190000000014.pdf",
        },
    ],
}
