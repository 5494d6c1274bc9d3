"""Complete and plausible declarations to build cases from: take one, change what the case is about, write it to a file.

Values are as a trader types them in the JSON form. Parties are invented; all check digits are right.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from declarations.dictionary import Form as Dictionary
from declarations.rules.containers import container_check_digit

Form = dict[str, Any]

_DECLARANT = {
    "declarant_name": "上海汇桥报关有限公司",
    "declarant_customs_id": "3122980219",
    "declarant_inspection_id": "3100910043",
    "contact_person_name": "周宁",
    "contact_phone_number": "021-55500172",
}
KITCHENWARE = {
    "domestic_trader_name": "上海炊石厨具有限公司",
    "domestic_trader_customs_id": "3114960231",
    "domestic_trader_uscc": "91310114MA1GT7QH0J",
    "domestic_trader_inspection_id": "3100619027",
    "owner_customs_id": "3114960231",
    "owner_name": "上海炊石厨具有限公司",
    "domestic_region_code": "31149",
    "overseas_trader_name": "KESSELRING GMBH",
    "overseas_trader_address": "WERKSTRASSE 9, 28195 BREMEN, GERMANY",
}
_ELSEWHERE = {
    "domestic_trader_name": "宁波远帆进出口有限公司",
    "domestic_trader_customs_id": "3302960555",
    "domestic_trader_inspection_id": "3302600777",
    "owner_customs_id": "3302960555",
    "owner_name": "宁波远帆进出口有限公司",
    "declarant_name": "宁波通达报关行",
    "declarant_customs_id": "3302980666",
    "declarant_inspection_id": "3302910888",
    "overseas_trader_name": "NORDLICHT HANDEL AG",
    "contract_id": "YF-2015-7731",
    "transport_means_name": "YM UNIFORMITY",
    "voyage_id": "115W",
    "transport_document_id": "YMLUW166203377",
    "client_reference_id": "NL-9917",
}


def decoy(reference: str) -> Form:
    """A form that shares no number and no name with any other: what nobody's search may find."""
    return sea_import(reference, **_ELSEWHERE, containers=[container("YMLU337150", container_goods_item_numbers="1,2")])


def container(first_ten: str, **more: Any) -> Form:
    """A 20-foot plain container; the check digit is added."""
    return {"container_id": first_ten + container_check_digit(first_ten), "container_type_code": "21", **more}


def line(
    number: int,
    commodity: str,
    description: str,
    quantity: str,
    unit: str,
    price: str,
    mass: str,
    **more: Any,
) -> Form:
    """A goods line whose first statutory unit is the kilogram; everything else is changed by `more`."""
    total = (Decimal(quantity) * Decimal(price)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {
        "goods_item_sequence_number": number,
        "commodity_classification_id": commodity,
        "goods_description": description,
        "transaction_quantity": quantity,
        "transaction_quantity_unit_code": unit,
        "statutory_quantity": mass,
        "statutory_quantity_unit_code": "035",
        "unit_price_amount": price,
        "item_total_amount": str(total),
        "currency_code": "502",
        "origin_country_code": "304",
        "final_destination_country_code": "142",
        "duty_mode_code": "1",
        "inspection_classification_id": f"{commodity}101",
        "item_net_mass": mass,
        "goods_purpose_code": "99",
        "goods_attribute_codes": "19",
        **more,
    }


def pseudo_line(number: int, heading: str, description: str, quantity: str, unit: str, **more: Any) -> Form:
    """A line 0001 (wood packaging) or 0002 (containers), for inspection only."""
    return {
        "goods_item_sequence_number": number,
        "commodity_classification_id": heading,
        "goods_description": description,
        "transaction_quantity": quantity,
        "transaction_quantity_unit_code": unit,
        "statutory_quantity": "0",
        "statutory_quantity_unit_code": "035",
        "item_total_amount": "0",
        "currency_code": "502",
        "origin_country_code": "304",
        "inspection_classification_id": heading,
        "item_net_mass": "0",
        "goods_purpose_code": "99",
        "goods_attribute_codes": "19",
        **more,
    }


def sea_import(reference: str, **changes: Any) -> Form:
    """Stainless kitchenware from Hamburg to Waigaoqiao for both agencies; condition A, so customs waits."""
    pots = {"goods_specification": "材质:不锈钢|种类:汤锅|品牌:KESSELRING|型号:K24"}
    bowls = {"goods_specification": "材质:不锈钢|种类:调料碗|品牌:KESSELRING|型号:B12"}
    return {
        "filing_scope": "customs_and_inspection",
        "trader_assigned_reference_id": reference,
        "trade_direction_code": "I",
        "declaration_office_code": "2225",
        "contract_id": "KR-CS-15118",
        "transport_mode_code": "2",
        "transport_means_name": "COSCO PRIDE",
        "voyage_id": "034E",
        "transport_document_id": "COSU6117728340",
        "trade_mode_code": "0110",
        "departure_destination_country_code": "304",
        "transit_destination_port_code": "DEHAM",
        "marks_and_numbers": "KESSELRING / SHANGHAI / 1-180",
        **KITCHENWARE,
        **_DECLARANT,
        "customs_declaration_type_code": "M",
        "border_customs_office_code": "2225",
        "border_crossing_date": "20151019",
        "levy_nature_code": "101",
        "delivery_terms_code": "1",
        "package_quantity": 180,
        "package_type_code": "2",
        "total_gross_mass": "2410.00",
        "total_net_mass": "2160.00",
        "inspection_category_code": "13",
        "inspection_office_code": "310200",
        "port_inspection_office_code": "310200",
        "destination_inspection_office_code": "310000",
        "certificate_office_code": "310200",
        "trading_country_code": "304",
        "departure_port_code": "DEHAM",
        "entry_exit_port_code": "310101",
        "departure_date": "20150915",
        "goods_arrival_date": "20151019",
        "goods_location_name": "外高桥港区五期堆场C07",
        "requested_certificates": ["16"],
        "goods_items": [
            line(1, "7323930000", "不锈钢汤锅", "1200", "007", "9.8000", "1440.00", **pots),
            line(2, "7323930000", "不锈钢调料碗", "6000", "007", "1.1500", "720.00", **bowls),
        ],
        "containers": [container("CCLU305311", container_goods_item_numbers="1,2")],
        "attachments": attachments("2225", "20151023", ("00000001", "00000002", "00000003", "00000004")),
        "inspection_attachments": ["102001", "102002", "102003", "102004"],
        **changes,
    }


def air_import(reference: str, **changes: Any) -> Form:
    """The same goods as a sample lot by air to Pudong."""
    by_air = {
        "declaration_office_code": "2233",
        "border_customs_office_code": "2233",
        "transport_mode_code": "5",
        "transport_means_name": "LH8402",
        "transport_document_id": "02036615740",
        "transit_destination_port_code": "DEFRA",
        "departure_port_code": "DEFRA",
        "entry_exit_port_code": "310302",
        "inspection_office_code": "310400",
        "port_inspection_office_code": "310400",
        "certificate_office_code": "310400",
        "departure_date": "20151020",
        "goods_arrival_date": "20151021",
        "border_crossing_date": "20151021",
        "goods_location_name": "浦东机场汉莎货站监管仓库",
        "package_quantity": 12,
        "total_gross_mass": "168.00",
        "total_net_mass": "144.00",
        "marks_and_numbers": "KESSELRING / PVG / 1-12",
        "goods_items": [
            line(
                1,
                "7323930000",
                "不锈钢汤锅",
                "120",
                "007",
                "9.8000",
                "144.00",
                goods_specification="材质:不锈钢|种类:汤锅|品牌:KESSELRING|型号:K24",
            )
        ],
        "attachments": attachments("2233", "20151023", ("00000001", "00000002", "00000003", "00000004")),
    }
    form = sea_import(reference) | by_air
    for item in ("voyage_id", "containers"):
        del form[item]
    return form | changes


def sea_export(reference: str, **changes: Any) -> Form:
    """Aluminium cookware from Jiading to Hamburg for both agencies; no condition B, so both go at once."""
    maker = {"manufacturer_name": "上海炊石厨具有限公司嘉定工厂", "manufacturer_registration_id": "3100MA0112"}
    pans = {
        "goods_specification": "材质:铝|种类:煎锅|品牌:炊石|型号:P28",
        "goods_description_en": "Aluminium frying pans",
    }
    lids = {"goods_specification": "材质:铝|种类:锅盖|品牌:炊石|型号:L28", "goods_description_en": "Aluminium lids"}
    way = {"origin_country_code": "142", "final_destination_country_code": "304"}
    return {
        "filing_scope": "customs_and_inspection",
        "trader_assigned_reference_id": reference,
        "trade_direction_code": "E",
        "declaration_office_code": "2225",
        "contract_id": "CS-KR-15209",
        "transport_mode_code": "2",
        "transport_means_name": "CMA CGM ALASKA",
        "voyage_id": "FL512W",
        "transport_document_id": "CMDUSHZ1177302",
        "trade_mode_code": "0110",
        "departure_destination_country_code": "304",
        "transit_destination_port_code": "DEHAM",
        "marks_and_numbers": "KESSELRING / HAMBURG / 1-240",
        **KITCHENWARE,
        **_DECLARANT,
        "customs_declaration_type_code": "M",
        "border_customs_office_code": "2225",
        "levy_nature_code": "101",
        "delivery_terms_code": "3",
        "package_quantity": 240,
        "package_type_code": "2",
        "total_gross_mass": "1980.00",
        "total_net_mass": "1700.00",
        "inspection_category_code": "24",
        "inspection_office_code": "310000",
        "port_inspection_office_code": "310200",
        "certificate_office_code": "310000",
        "entry_exit_port_code": "310101",
        "departure_date": "20151029",
        "goods_location_name": "上海市嘉定区安亭镇仓库1号",
        "goods_items": [
            line(1, "7615109090", "铝制煎锅", "2000", "007", "4.6000", "1300.00", **way, **maker, **pans),
            line(2, "7615109090", "铝制锅盖", "2000", "007", "0.9500", "400.00", **way, **maker, **lids),
        ],
        "containers": [container("CMAU417720", container_goods_item_numbers="1,2")],
        "attachments": attachments("2225", "20151023", ("10000001",)),
        "inspection_attachments": ["102001", "102002", "102003"],
        **changes,
    }


def parts_import(reference: str, **changes: Any) -> Form:
    """Bolts and plastic parts from Hamburg: no supervision condition, so nobody waits for anybody."""
    bolts = {"goods_specification": "用途:机械紧固|材质:钢|种类:螺栓|品牌:KESSELRING|型号:M12"}
    parts = {"goods_specification": "用途:锅具把手|材质:酚醛塑料|品牌:KESSELRING|型号:H7"}
    lines = [
        line(1, "7318159090", "钢制螺栓", "600", "035", "3.2500", "600.00", **bolts),
        line(2, "3926909090", "塑料把手", "8000", "007", "0.4200", "560.00", **parts),
    ]
    mass = {"total_gross_mass": "1288.00", "total_net_mass": "1160.00", "package_quantity": 58}
    return sea_import(reference, goods_items=lines, **mass) | changes


def attachments(office: str, day: str, types: tuple[str, ...]) -> list[Form]:
    """One PDF of each type, named as customs wants it."""
    return [
        {"attachment_type_code": kind, "attachment_id": f"{office}{kind}IM{day}{number:010}.pdf"}
        for number, kind in enumerate(types, 61)
    ]


def for_agency(form: Form, dictionary: Dictionary, agency: str) -> Form:
    """The form cut down to what one agency takes, as a filing to that agency alone."""

    def kept(row: Form) -> Form:
        found: Form = {}
        for name, value in row.items():
            item = dictionary.items.get(name)
            if item is not None:
                if agency in item.obligations or not item.obligations:
                    found[name] = value
            elif isinstance(value, list):
                rows = [kept(each) if isinstance(each, dict) else each for each in value]
                items = dictionary.group_items(name)
                mine = any(agency in each.obligations for each in items)
                found |= {name: [each for each in rows if each]} if mine and any(rows) else {}
        return found

    lines = [
        each for each in form["goods_items"] if agency != "customs" or len(each["commodity_classification_id"]) > 4
    ]
    return {"filing_scope": f"{agency}_only", **kept({**form, "goods_items": lines})}
