"""A ship's filing put together by hand, for tests of what is printed and exported from one."""

from __future__ import annotations

from typing import Any

from declarations.dictionary import Form
from declarations.form import Declaration, Row

ARRIVAL: dict[str, Any] = {
    "trader_assigned_reference_id": "SHV201510210002",
    "arrival_departure_code": "A",
    "declaration_port_code": "CNSHA",
    "authentication_date_time": "201510211000",
    "authenticator_family_name": "CHEN",
    "authenticator_given_name": "JIE",
    "authenticator_role_code": "AGT",
    "ship_name_en": "EASTERN HARBINGER",
    "ship_name_zh": "东方先驱",
    "ship_imo_number": "9900019",
    "ship_call_sign": "3FAB7",
    "ship_flag_state_code": "PA",
    "gross_tonnage": "54005",
    "master_family_name": "ZHANG",
    "master_given_name": "WEI",
    "agent_code": "91310115342088153B",
    "agent_name": "上海示范船舶代理有限公司",
    "voyage_id": "1542W",
    "port_of_call_code": "CNSHA",
    "eta": "201510220600",
    "etd": "201510232000",
    "last_port_code": "KRPUS",
    "next_port_code": "SGSIN",
    "crew_quantity": "2",
    "passenger_quantity": "0",
    "cargo_brief_description": "集装箱货物 & <general>",
    "crew": [
        {
            "crew_sequence_number": "1", "crew_family_name": "ZHANG", "crew_given_name": "WEI", "crew_gender_code": "M",
            "crew_date_of_birth": "19710202", "crew_nationality_code": "CHN", "crew_rank_code": "MST",
            "crew_document_type_code": "PP", "crew_document_number": "E12345601", "crew_document_expiry_date": "20290630",
        },
        {
            "crew_sequence_number": "2", "crew_family_name": "SANTOS", "crew_given_name": "JOSÉ MARIA", "crew_gender_code": "M",
            "crew_date_of_birth": "19850416", "crew_nationality_code": "PHL", "crew_rank_code": "COK",
        },
    ],
    "crew_effects": [
        {"effects_crew_sequence_number": "2", "effects_article_name": "Cigarettes", "effects_quantity": "200"},
    ],
}  # fmt: skip


def filled(form: Form, given: dict[str, Any], scope: str = "arrival") -> Declaration:
    """The form as it is read from a document with these values."""
    header = Row({item: value for item, value in given.items() if item in form.items})
    for group in form.groups:
        header.children[group] = [Row(row, f"/{group}/{at}") for at, row in enumerate(given.get(group, ()))]
    return Declaration(form.name, scope, header, plain=False)
