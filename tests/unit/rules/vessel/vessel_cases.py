"""The cases of the vessel rules: what is wrong with a valid filing, and where the fault must stand; and what must pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ARR, DEP, APP, REP = "arrival", "departure", "application", "report_24h"
BOTH, PER, SHIFT, EMERGENCY = "entry_and_exit", "periodic", "shift", "emergency"


@dataclass(frozen=True)
class Case:
    """The filing of a step with changes. `words` names the variant of the rule's words that a failing case is about."""

    rule: str
    step: str
    changes: Mapping[str, Any]
    pointer: str = ""
    words: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        return "-".join(
            part for part in (self.rule, self.words, self.step, self.pointer.strip("/").replace("/", ".")) if part
        )


def crew(number: int, **values: Any) -> dict[str, Any]:
    """One more crew member, a rating who joins nowhere."""
    return {
        "crew_sequence_number": number,
        "crew_family_name": "LIM",
        "crew_given_name": "AH KOW",
        "crew_gender_code": "M",
        "crew_date_of_birth": "19850101",
        "crew_place_of_birth": "Singapore",
        "crew_nationality_code": "SGP",
        "crew_rank_code": "OSN",
        "crew_document_type_code": "PP",
        "crew_document_number": "K1234567E",
        "crew_document_issuing_country_code": "SGP",
        "crew_document_expiry_date": "20290630",
        "crew_seaman_book_number": "S0001",
        "crew_seaman_book_expiry_date": "20261231",
        "crew_embark_port_code": "SGSIN",
        "crew_embark_date": "20151012",
        "crew_movement_type_code": "REM",
        "crew_shore_leave_indicator": "0",
        "crew_health_certificate_number": "H1",
    } | values


def passenger(number: int, **values: Any) -> dict[str, Any]:
    """A passenger from Busan to Osaka in transit."""
    return {
        "passenger_sequence_number": number,
        "passenger_family_name": "TANAKA",
        "passenger_given_name": f"HANA {'ABCDEFGHIJ'[number]}",
        "passenger_gender_code": "F",
        "passenger_date_of_birth": "19920229",
        "passenger_place_of_birth": "Osaka",
        "passenger_nationality_code": "JPN",
        "passenger_document_type_code": "PP",
        "passenger_document_number": f"TR800000{number}",
        "passenger_document_issuing_country_code": "JPN",
        "passenger_document_expiry_date": "20261231",
        "passenger_embark_port_code": "KRPUS",
        "passenger_disembark_port_code": "JPOSA",
        "passenger_transit_indicator": "1",
        "passenger_type_code": "PAX",
    } | values


def passengers(count: int, **values: Any) -> dict[str, Any]:
    """So many passengers, with the numbers that go with them."""
    return {
        "/passengers": [passenger(number, **values) for number in range(1, count + 1)],
        "/passenger_quantity": count,
        "/passenger_capacity": 12,
        "/persons_on_board_quantity": 22 + count,
        "/transit_passenger_quantity": count,
    }


ONE_MORE = {
    "/crew/-": crew(23), "/crew_quantity": 23, "/foreign_crew_quantity": 9, "/persons_on_board_quantity": 23,
}  # fmt: skip
"""A crew of 23."""
ILL = {
    "ill_person_name": "TORRES MARIO", "ill_person_symptom": "Fever", "ill_person_onset_date": "20151019",
    "ill_person_status_code": "ILL", "ill_person_disposition_code": "ONB",
}  # fmt: skip
EXPLOSIVE = {
    "/dangerous_goods/0/dg_un_number": "0336",
    "/dangerous_goods/0/dg_proper_shipping_name": "FIREWORKS",
    "/dangerous_goods/0/dg_hazard_class_code": "1.4G",
    "/dangerous_goods/0/dg_packing_group_code": None,
    "/dangerous_goods/0/dg_flash_point": None,
    "/dangerous_goods/0/dg_net_explosive_mass": "900",
    "/dangerous_goods/0/dg_ems_number": "F-B,S-X",
}
W = "warning"

FAILING = [
    Case("R-HDR-01", ARR, {"/ship_call_sign": None}, "/ship_call_sign"),
    Case("R-HDR-01", ARR, {"/crew/3/crew_document_number": None}, "/crew/3/crew_document_number"),
    Case("R-HDR-01", ARR, {"/mdh_affected_area_indicator": "1"}, "/mdh_affected_port_code"),
    Case("R-HDR-01", ARR, {"/issc_number": None}, "/issc_absence_reason"),
    Case("R-HDR-01", ARR, {"/tonnage_dues_certificate_number": None}, "/tonnage_dues_certificate_number"),
    Case(
        "R-HDR-01",
        ARR,
        {"/tonnage_dues_application_indicator": "1", "/tonnage_dues_certificate_number": None},
        "/tonnage_dues_period_code",
    ),
    Case(
        "R-HDR-01",
        ARR,
        {"/crew/1/crew_competency_certificate_number": None},
        "/crew/1/crew_competency_certificate_number",
    ),
    Case("R-HDR-01", ARR, {"/containers/0/container_seal_number": None}, "/containers/0/container_seal_number"),
    Case("R-HDR-01", ARR, {"/previous_clearance_number": None}, "/previous_clearance_number", severity=W),
    Case("R-HDR-01", SHIFT, {"/shift_to_berth_code": None}, "/shift_to_berth_code"),
    Case("R-HDR-01", DEP, {"/ata": None}, "/ata"),
    Case("R-HDR-01", EMERGENCY, {"/emergency_position": None}, "/emergency_position"),
    Case("R-HDR-03", APP, {"/customs_office_code": "2225"}, "/customs_office_code", severity=W),
    Case("R-MAP-01", ARR, {"/next_port_code": "ZZZZZ"}, "/next_port_code", "unlisted", W),
    Case("R-MAP-01", ARR, {"/quarantine_method_code": "8"}, "/quarantine_method_code", "unknown"),
    Case("R-MAP-01", ARR, {"/crew/0/crew_nationality_code": "CN"}, "/crew/0/crew_nationality_code", "other_system"),
    Case("R-AMT-04", ARR, {"/draught_aft": "11.605"}, "/draught_aft"),
    Case("R-HDR-11", DEP, {"/arrival_departure_code": "A"}, "/arrival_departure_code"),
    Case("R-HDR-11", REP, {"/arrival_departure_code": "D"}, "/arrival_departure_code"),
    Case("R-HDR-12", ARR, {"/dangerous_goods": []}, "/dangerous_goods_indicator"),
    Case("R-HDR-12", ARR, {"/ship_stores": []}, "/ship_stores_declaration_indicator"),
    Case("R-HDR-12", ARR, {"/ballast_tanks": []}, "/ballast_on_board_indicator", severity=W),
    Case("R-HDR-12", ARR, {"/dangerous_goods_indicator": "0"}, "/dangerous_goods_indicator", "rows"),
    Case("R-HDR-12", ARR, {"/crew_effects_declaration_indicator": "0"}, "/crew_effects_declaration_indicator", "rows"),
    Case("R-HDR-12", ARR, {"/mdh_ill_now_indicator": "1", "/mdh_ill_quantity": 1}, "/mdh_ill_now_indicator"),
    Case("R-HDR-13", ARR, {"/crew/4/crew_sequence_number": 1}, "/crew/4/crew_sequence_number"),
    Case("R-HDR-13", ARR, {"/port_calls/2/call_sequence_number": 1}, "/port_calls/2/call_sequence_number"),
    Case("R-DAT-11", ARR, {"/etd": "201510220600"}, "/eta"),
    Case("R-DAT-11", ARR, {"/last_port_departure_date_time": "201510220601"}, "/last_port_departure_date_time"),
    Case("R-DAT-11", ARR, {"/next_port_eta": "201510231959"}, "/etd"),
    Case("R-DAT-11", ARR, {"/planned_berthing_date_time": "201510220500"}, "/eta", severity=W),
    Case("R-DAT-11", ARR, {"/cargo_work_end_date_time": "201510220800"}, "/cargo_work_start_date_time"),
    Case("R-DAT-11", ARR, {"/port_calls/1/call_departure_date": "20151009"}, "/port_calls/1/call_arrival_date"),
    Case("R-DAT-11", ARR, {"/crew/0/crew_document_issue_date": "20300101"}, "/crew/0/crew_document_issue_date"),
    Case(
        "R-DAT-11",
        ARR,
        {"/ballast_tanks/0/ballast_exchange_date": "20151001"},
        "/ballast_tanks/0/ballast_source_date",
        severity=W,
    ),
    Case(
        "R-DAT-11",
        DEP,
        {"/crew/7/crew_document_expiry_date": "20151022"},
        "/crew/7/crew_document_expiry_date",
        "expires",
    ),
    Case(
        "R-DAT-11",
        DEP,
        {"/ship_certificates/2/certificate_expiry_date": "20151001"},
        "/ship_certificates/2/certificate_expiry_date",
        "expires",
    ),
    Case("R-DAT-11", ARR, {"/issc_expiry_date": "20151022"}, "/issc_expiry_date", "expires"),
    Case("R-DAT-11", ARR, {"/ship_registry_expiry_date": "20151022"}, "/ship_registry_expiry_date", "expires"),
    Case("R-DAT-11", ARR, {"/tonnage_dues_expiry_date": "20151021"}, "/tonnage_dues_expiry_date", "expires", W),
    Case(
        "R-DAT-11",
        ARR,
        passengers(2, passenger_document_expiry_date="20151022"),
        "/passengers/1/passenger_document_expiry_date",
        "expires",
    ),
    Case("R-DAT-11", DEP, {"/ata": "201510240600", "/etd": "201510250600"}, "/ata", "happened"),
    Case("R-DAT-11", ARR, {"/authentication_date_time": "201510240001"}, "/authentication_date_time", "happened"),
    Case("R-DAT-11", ARR, {"/crew/0/crew_date_of_birth": "20161231"}, "/crew/0/crew_date_of_birth", "happened"),
    Case("R-DAT-11", DEP, {"/ata": "201510232100"}, "/ata", "departure"),
    Case("R-RNG-01", ARR, {"/draught_forward": "52.10"}, "/draught_forward", severity=W),
    Case("R-RNG-01", ARR, {"/gross_tonnage": "0"}, "/gross_tonnage"),
    Case("R-RNG-01", ARR, {"/ballast_tanks/1/ballast_salinity": "80"}, "/ballast_tanks/1/ballast_salinity", severity=W),
    Case("R-SHP-01", ARR, {"/ship_imo_number": "9900018", "/ship_customs_id": None}, "/ship_imo_number"),
    Case("R-SHP-01", ARR, {"/ship_imo_number": "9900022"}, "/ship_imo_number"),
    Case("R-SHP-01", ARR, {"/ship_imo_number": "9074728"}, "/ship_imo_number"),
    Case("R-SHP-01", ARR, {"/ship_imo_number": "907472"}, "/ship_imo_number", "form"),
    Case("R-SHP-01", ARR, {"/ship_imo_number": "9O74729"}, "/ship_imo_number", "form"),
    Case("R-SHP-02", ARR, {"/ship_customs_id": "UN9900021/2225"}, "/ship_customs_id"),
    Case("R-SHP-02", ARR, {"/ship_customs_id": "9900019"}, "/ship_customs_id", "form", W),
    Case("R-SHP-03", ARR, {"/ship_call_sign": "BQXY7"}, "/ship_call_sign", severity=W),
    Case("R-SHP-03", ARR, {"/ship_call_sign": "3F-7"}, "/ship_call_sign", "form", W),
    Case("R-SHP-04", ARR, {"/ship_mmsi_number": 412999001}, "/ship_mmsi_number", severity=W),
    Case("R-SHP-04", ARR, {"/ship_mmsi_number": 35299900}, "/ship_mmsi_number", "form"),
    Case("R-SHP-04", ARR, {"/ship_mmsi_number": 852999001}, "/ship_mmsi_number", "form"),
    Case("R-SHP-05", ARR, {"/net_tonnage": "54005.5"}, "/net_tonnage"),
    Case("R-SHP-06", ARR, {"/company_imo_number": "2041998"}, "/company_imo_number", severity=W),
    Case("R-SHP-06", ARR, {"/owner_imo_number": "204199"}, "/owner_imo_number", severity=W),
    Case("R-SHP-07", ARR, {"/breadth": "295"}, "/breadth", severity=W),
    Case("R-SHP-07", ARR, {"/moulded_depth": "12"}, "/summer_draught", severity=W),
    Case("R-SHP-08", ARR, {"/ship_local_id": "CN123"}, "/ship_local_id", severity=W),
    Case("R-SHP-09", ARR, {"/draught_forward": "13.70", "/draught_aft": "14.00"}, "/draught_aft", severity=W),
    Case("R-PTY-11", ARR, {"/agent_code": "91310115342088154B"}, "/agent_code"),
    Case("R-PTY-11", ARR, {"/agent_code": "9131011534208815"}, "/agent_code", "form"),
    Case("R-PTY-12", ARR, {"/operator_code": "91350100M000100Y44"}, "/operator_code", severity=W),
    Case(
        "R-PTY-12",
        DEP,
        {"/supplies_and_returns/-": {"supply_company_code": "D2143569X"}},
        "/supplies_and_returns/0/supply_company_code",
        severity=W,
    ),
    Case("R-PTY-13", ARR, {"/agent_inspection_code": "31009"}, "/agent_inspection_code", severity=W),
    Case("R-PTY-13", ARR, {"/agent_customs_code": "31229"}, "/agent_customs_code", severity=W),
    Case("R-VOY-04", BOTH, {"/etd": "201510230600"}, "/etd"),
    Case("R-VOY-05", PER, {"/periodic_to_date": "20151027"}, "/periodic_to_date"),
    Case("R-VOY-06", ARR, {"/stay_period_hours": 12}, "/stay_period_hours", severity=W),
    Case("R-VOY-07", ARR, {"/next_port_code": "CNSHA"}, "/next_port_code", severity=W),
    Case("R-VOY-08", ARR, {"/domestic_first_port_code": "JPOSA"}, "/domestic_first_port_code"),
    Case("R-VOY-09", APP, {"/authentication_date_time": "201510150601"}, "/authentication_date_time", severity=W),
    Case("R-VOY-09", REP, {"/authentication_date_time": "201510210601"}, "/authentication_date_time", severity=W),
    Case("R-VOY-09", DEP, {"/authentication_date_time": "201510231559"}, "/authentication_date_time", "early", W),
    Case("R-VOY-10", SHIFT, {"/shift_to_berth_code": "WGQ5-01"}, "/shift_to_berth_code"),
    Case("R-VOY-11", BOTH, {"/simultaneous_clearance_indicator": "0"}, "/simultaneous_clearance_indicator", severity=W),
    Case("R-VOY-12", ARR, {"/last_port_code": "SGSIN"}, "/last_port_code"),
    Case(
        "R-VOY-12",
        ARR,
        {"/port_calls/0/call_departure_date": "20151011", "/port_calls/0/call_arrival_date": "20151011"},
        "/last_port_code",
    ),
    Case(
        "R-VOY-13",
        ARR,
        {"/port_calls/1/call_departure_date": "20151020"},
        "/port_calls/0/call_arrival_date",
        severity=W,
    ),
    Case("R-SEC-01", ARR, {"/port_calls/9": None}, "/port_calls/8/call_sequence_number", severity=W),
    Case(
        "R-SEC-02",
        ARR,
        {"/port_calls/3/call_security_level_code": "2"},
        "/port_calls/3/call_additional_measures",
        severity=W,
    ),
    Case("R-SEC-03", ARR, {"/issc_absence_reason": "in renewal"}, "/issc_absence_reason", severity=W),
    Case("R-SEC-03", ARR, {"/security_plan_indicator": "0"}, "/security_plan_indicator", "plan", W),
    Case("R-SEC-04", ARR, {"/current_security_level_code": "3"}, "/current_security_level_code", severity=W),
    Case("R-PER-01", ARR, {"/crew/5/crew_document_number": "E12345601"}, "/crew/5/crew_document_number"),
    Case("R-PER-01", ARR, passengers(2, passenger_document_number="TR1"), "/passengers/1/passenger_document_number"),
    Case(
        "R-PER-02",
        ARR,
        ONE_MORE
        | {"/crew/22": crew(23, crew_family_name="Zhang", crew_given_name="WEI", crew_date_of_birth="19710202")},
        "/crew/22/crew_family_name",
        severity=W,
    ),
    Case("R-PER-04", ARR, {"/crew/21/crew_date_of_birth": "19991024"}, "/crew/21/crew_date_of_birth", severity=W),
    Case(
        "R-PER-04",
        ARR,
        passengers(1, passenger_date_of_birth="19001231"),
        "/passengers/0/passenger_date_of_birth",
        "old",
        W,
    ),
    Case("R-PER-05", ARR, {"/crew/2/crew_document_number": "e 12345603"}, "/crew/2/crew_document_number", severity=W),
    Case("R-PER-06", ARR, {"/crew/2/crew_given_name": "L3I"}, "/crew/2/crew_given_name", severity=W),
    Case(
        "R-PER-06",
        ARR,
        {"/crew/2/crew_family_name": "<", "/crew/2/crew_given_name": "<"},
        "/crew/2/crew_family_name",
        "none",
    ),
    Case("R-CRW-01", ARR, {"/crew_quantity": 23}, "/crew_quantity"),
    Case("R-CRW-01", REP, {"/crew": []}, "/crew_quantity"),
    Case("R-CRW-02", ARR, {"/crew/0/crew_rank_code": "CHO"}, "/crew"),
    Case("R-CRW-02", ARR, {"/crew/1/crew_rank_code": "MST"}, "/crew/1/crew_rank_code", "several"),
    Case("R-CRW-03", ARR, {"/master_given_name": "WEIMIN"}, "/master_given_name"),
    Case("R-CRW-03", ARR, {"/master_nationality_code": "PHL"}, "/master_nationality_code"),
    Case("R-CRW-04", ARR, {"/chinese_crew_quantity": 15}, "/foreign_crew_quantity"),
    Case(
        "R-CRW-04", ARR, {"/chinese_crew_quantity": 13, "/foreign_crew_quantity": 9}, "/chinese_crew_quantity", "listed"
    ),
    Case("R-CRW-05", DEP, {"/minimum_safe_manning": 23}, "/crew_quantity", severity=W),
    Case("R-CRW-06", ARR, {"/crew_signing_on_quantity": 1}, "/crew_signing_on_quantity", severity=W),
    Case("R-CRW-06", ARR, {"/crew/3/crew_movement_type_code": "LEA"}, "/crew_signing_off_quantity", severity=W),
    Case("R-CRW-06", ARR, {"/shore_leave_quantity": 22}, "/shore_leave_quantity", severity=W),
    Case(
        "R-CRW-07",
        ARR,
        {"/crew_effects/0/effects_crew_sequence_number": 99},
        "/crew_effects/0/effects_crew_sequence_number",
    ),
    Case("R-PAX-01", ARR, passengers(3) | {"/passenger_quantity": 2}, "/passenger_quantity"),
    Case("R-PAX-01", ARR, {"/passenger_quantity": 3, "/persons_on_board_quantity": 25}, "/passenger_quantity"),
    Case("R-PAX-02", ARR, {"/persons_on_board_quantity": 21}, "/persons_on_board_quantity"),
    Case(
        "R-PAX-02", ARR, {"/persons_on_board_quantity": 24, "/rescued_person_quantity": 1}, "/persons_on_board_quantity"
    ),
    Case("R-PAX-03", ARR, passengers(2, passenger_transit_indicator="0"), "/transit_passenger_quantity", severity=W),
    Case("R-PAX-03", ARR, {"/transit_passenger_quantity": 1}, "/transit_passenger_quantity", "more"),
    Case("R-PAX-04", ARR, passengers(1, passenger_type_code="STO"), "/stowaway_indicator", severity=W),
    Case(
        "R-PAX-05",
        ARR,
        passengers(1, passenger_embark_port_code="JPOSA"),
        "/passengers/0/passenger_disembark_port_code",
        severity=W,
    ),
    Case("R-PAX-06", ARR, passengers(2) | {"/passenger_capacity": 1}, "/passenger_quantity", severity=W),
    Case(
        "R-CGO-01",
        ARR,
        {"/cargo_items/0/port_of_discharge_code": "JPOSA"},
        "/cargo_items/0/port_of_discharge_code",
        severity=W,
    ),
    Case(
        "R-CGO-01",
        ARR,
        {"/cargo_items/2/port_of_loading_code": "JPOSA"},
        "/cargo_items/2/port_of_loading_code",
        severity=W,
    ),
    Case("R-CGO-02", ARR, {"/discharge_weight_total": "40"}, "/discharge_weight_total", severity=W),
    Case("R-CGO-02", ARR, {"/loading_weight_total": "17.8"}, "/loading_weight_total", severity=W),
    Case(
        "R-CGO-03",
        DEP,
        {"/supplies_and_returns/-": {"supply_date_time": "201510220639"}},
        "/supplies_and_returns/0/supply_date_time",
        severity=W,
    ),
    Case("R-CON-01", ARR, {"/containers/0/container_id": "TSTU0000015"}, "/containers/0/container_id"),
    Case("R-CON-01", ARR, {"/containers/0/container_id": "TGHU7654321"}, "/containers/0/container_id"),
    Case("R-CON-01", ARR, {"/containers/0/container_id": "TSTA3054380"}, "/containers/0/container_id", "form"),
    Case("R-CON-01", ARR, {"/containers/0/container_id": "CSQU 305438-3"}, "/containers/0/container_id", "spelled"),
    Case("R-CON-01", ARR, {"/containers/0/container_id": "csqu3054383"}, "/containers/0/container_id", "spelled"),
    Case("R-CON-01", ARR, {"/dangerous_goods/0/dg_container_id": "TSTU1234567"}, "/dangerous_goods/0/dg_container_id"),
    Case("R-CON-02", ARR, {"/containers/1/container_id": "TSTU3054380"}, "/containers/1/container_id"),
    Case(
        "R-CON-03",
        ARR,
        {"/containers/0/container_verified_gross_mass": "3700"},
        "/containers/0/container_verified_gross_mass",
        severity=W,
    ),
    Case(
        "R-CON-03",
        ARR,
        {"/containers/2/container_verified_gross_mass": "9000"},
        "/containers/2/container_full_empty_code",
        "empty",
        W,
    ),
    Case(
        "R-CON-04",
        ARR,
        {"/containers/0/container_owner_code": "MSKU"},
        "/containers/0/container_owner_code",
        severity=W,
    ),
    Case(
        "R-CON-05",
        ARR,
        {"/containers/0/container_size_type_code": "45R1"},
        "/containers/0/container_temperature_setting",
        severity=W,
    ),
    Case("R-DGS-01", ARR, {"/dangerous_goods/0/dg_un_number": "UN12"}, "/dangerous_goods/0/dg_un_number"),
    Case(
        "R-DGS-02",
        ARR,
        {"/dangerous_goods/0/dg_hazard_class_code": "10"},
        "/dangerous_goods/0/dg_hazard_class_code",
        "unknown",
    ),
    Case(
        "R-DGS-02",
        ARR,
        EXPLOSIVE | {"/dangerous_goods/0/dg_hazard_class_code": "1.4"},
        "/dangerous_goods/0/dg_hazard_class_code",
        "letter",
    ),
    Case("R-DGS-03", ARR, {"/dangerous_goods/0/dg_flash_point": None}, "/dangerous_goods/0/dg_flash_point"),
    Case(
        "R-DGS-03", ARR, {"/dangerous_goods/0/dg_packing_group_code": None}, "/dangerous_goods/0/dg_packing_group_code"
    ),
    Case(
        "R-DGS-03",
        ARR,
        EXPLOSIVE | {"/dangerous_goods/0/dg_net_explosive_mass": None},
        "/dangerous_goods/0/dg_net_explosive_mass",
    ),
    Case(
        "R-DGS-03",
        ARR,
        EXPLOSIVE | {"/dangerous_goods/0/dg_packing_group_code": "II"},
        "/dangerous_goods/0/dg_packing_group_code",
        "never",
        W,
    ),
    Case(
        "R-DGS-04", ARR, {"/dangerous_goods/0/dg_flash_point": "60.1"}, "/dangerous_goods/0/dg_flash_point", severity=W
    ),
    Case(
        "R-DGS-05",
        ARR,
        {"/dangerous_goods/0/dg_hazard_class_code": "8"},
        "/dangerous_goods/0/dg_hazard_class_code",
        severity=W,
    ),
    Case(
        "R-DGS-05",
        ARR,
        {"/dangerous_goods/0/dg_un_number": "1203", "/dangerous_goods/0/dg_packing_group_code": "III"},
        "/dangerous_goods/0/dg_packing_group_code",
        severity=W,
    ),
    Case(
        "R-DGS-05",
        ARR,
        {"/dangerous_goods/0/dg_un_number": "3082"},
        "/dangerous_goods/0/dg_marine_pollutant_code",
        "pollutant",
        W,
    ),
    Case("R-DGS-06", ARR, {"/dangerous_goods/0/dg_ems_number": "FESE"}, "/dangerous_goods/0/dg_ems_number", severity=W),
    Case("R-DGS-07", ARR, {"/dangerous_goods/0/dg_net_mass": "18000.5"}, "/dangerous_goods/0/dg_net_mass"),
    Case(
        "R-DGS-08",
        ARR,
        {"/dangerous_goods/0/dg_container_id": "TSTU9999996"},
        "/dangerous_goods/0/dg_container_id",
        severity=W,
    ),
    Case(
        "R-DGS-09",
        ARR,
        {"/dangerous_goods/0/dg_proper_shipping_name": "FLAMMABLE LIQUID, N.O.S."},
        "/dangerous_goods/0/dg_technical_name",
        severity=W,
    ),
    Case("R-HLT-01", ARR, {"/mdh_death_indicator": "1", "/mdh_death_quantity": 0}, "/mdh_death_quantity"),
    Case("R-HLT-01", ARR, {"/mdh_death_quantity": 1}, "/mdh_death_quantity"),
    Case(
        "R-HLT-02",
        ARR,
        {"/mdh_ill_now_indicator": "1", "/mdh_ill_quantity": 0, "/ill_persons/-": ILL},
        "/mdh_ill_quantity",
    ),
    Case(
        "R-HLT-03",
        ARR,
        {"/mdh_affected_port_code": "BRSSZ", "/mdh_affected_visit_date": "20151001"},
        "/mdh_affected_port_code",
        severity=W,
    ),
    Case(
        "R-HLT-03",
        ARR,
        {"/mdh_affected_port_code": "SGSIN", "/mdh_affected_visit_date": "20150921"},
        "/mdh_affected_visit_date",
        "long_ago",
        W,
    ),
    Case(
        "R-HLT-04", ARR, {"/mdh_death_indicator": "1", "/mdh_death_quantity": 1}, "/quarantine_method_code", severity=W
    ),
    Case(
        "R-HLT-05",
        ARR,
        {
            "/ill_persons/-": ILL | {"ill_person_name": "DOE JOHN"},
            "/mdh_ill_now_indicator": "1",
            "/mdh_ill_quantity": 1,
        },
        "/ill_persons/0/ill_person_name",
        severity=W,
    ),
    Case("R-EMG-01", EMERGENCY, {"/emergency_person_quantity": 0}, "/emergency_person_quantity", severity=W),
    Case(
        "R-CRT-01",
        ARR,
        {
            "/ship_certificates/3/certificate_type_code": "IOPP",
            "/ship_certificates/3/certificate_number": "IOPP-2014-001",
        },
        "/ship_certificates/3/certificate_number",
        severity=W,
    ),
    Case(
        "R-CRT-02",
        ARR,
        {"/sanitation_certificate_issue_date": "20150421"},
        "/sanitation_certificate_issue_date",
        severity=W,
    ),
    Case("R-CRT-03", ARR, {"/ship_certificates/1": None}, "/ship_certificates", severity=W),
    Case("R-CRT-04", ARR, {"/bunker_certificate_number": "BCC-1"}, "/bunker_certificate_number", severity=W),
    Case(
        "R-CRT-05",
        ARR,
        {"/ship_certificates/1/certificate_expiry_date": None},
        "/ship_certificates/1/certificate_expiry_date",
    ),
    Case("R-BLW-01", ARR, {"/ballast_tank_quantity": 3}, "/ballast_tank_quantity"),
    Case("R-BLW-02", ARR, {"/ballast_total_volume": "5300"}, "/ballast_total_volume", severity=W),
    Case("R-BLW-03", ARR, {"/ballast_total_capacity": "5200"}, "/ballast_total_volume"),
    Case(
        "R-BLW-04",
        ARR,
        {"/ballast_tanks/0/ballast_discharge_volume": "2601"},
        "/ballast_tanks/0/ballast_discharge_volume",
    ),
    Case("R-BLW-05", ARR, {"/ballast_discharge_indicator": "0"}, "/ballast_discharge_indicator", severity=W),
    Case(
        "R-WST-01",
        ARR,
        {"/waste_items/0/waste_retained_volume": "6.1"},
        "/waste_items/0/waste_retained_volume",
        severity=W,
    ),
    Case(
        "R-WST-02",
        ARR,
        {"/waste_items/0/waste_remaining_port_code": None},
        "/waste_items/0/waste_remaining_port_code",
        severity=W,
    ),
]

PASSING = [
    Case("R-HDR-01", APP, {"/crew": []}),  # the crew list is due later
    Case(
        "R-HDR-01",
        ARR,
        {
            "/issc_number": None,
            "/isps_certificate_type_code": None,
            "/issc_issuer_name": None,
            "/issc_expiry_date": None,
            "/issc_absence_reason": "new ship",
        },
    ),
    Case(
        "R-HDR-01",
        ARR,
        {
            "/tonnage_dues_certificate_number": None,
            "/tonnage_dues_expiry_date": None,
            "/tonnage_dues_application_indicator": "1",
            "/tonnage_dues_period_code": "30",
        },
    ),
    Case("R-HDR-03", ARR, {}),
    Case("R-MAP-01", ARR, {"/ship_flag_state_code": "LR", "/ship_call_sign": "A8XY7", "/ship_mmsi_number": 636099001}),
    Case("R-AMT-04", ARR, {"/draught_aft": "11.600"}),
    Case("R-HDR-11", BOTH, {"/arrival_departure_code": "D"}),
    Case("R-HDR-12", ARR, {"/dangerous_goods": [], "/dangerous_goods_indicator": "0"}),
    Case("R-HDR-12", REP, {"/dangerous_goods": []}),  # the manifest is not due with the report
    Case("R-HDR-13", ARR, {}),
    Case("R-DAT-11", DEP, {"/crew/7/crew_document_expiry_date": "20151023"}),  # the last day is a day
    Case("R-DAT-11", ARR, {"/last_port_departure_date_time": "201510220559"}),
    Case("R-DAT-11", ARR, {"/crew/0/crew_date_of_birth": "19920229"}),
    Case("R-RNG-01", ARR, {"/draught_forward": "28"}),
    *(
        Case("R-SHP-01", ARR, {"/ship_imo_number": number})
        for number in ("9900019", "9900021", "9876543", "9123453", "9074729", "9776171")
    ),
    Case("R-SHP-02", ARR, {"/ship_customs_id": "UN9900019"}),
    Case("R-SHP-02", ARR, {"/ship_customs_id": "CN1234567/2225"}),
    Case("R-SHP-03", ARR, {"/ship_flag_state_code": "HK", "/ship_call_sign": "VRQX7"}),
    Case("R-SHP-03", ARR, {"/ship_flag_state_code": "VE", "/ship_call_sign": "YYAB"}),  # no row, not checked
    Case("R-SHP-04", ARR, {"/ship_flag_state_code": "CN", "/ship_mmsi_number": 413999001}),
    Case("R-SHP-05", ARR, {"/net_tonnage": "54005"}),
    Case("R-SHP-06", ARR, {"/company_imo_number": "2041999"}),
    Case("R-SHP-07", ARR, {}),
    Case("R-SHP-08", ARR, {"/ship_local_id": "CN20121234567"}),
    Case("R-SHP-09", ARR, {"/draught_forward": "13.60", "/draught_aft": "13.70"}),
    Case("R-PTY-11", ARR, {"/agent_code": "91350100M000100Y43"}),
    Case("R-PTY-12", ARR, {"/operator_code": "SGP-200312345K"}),
    Case("R-PTY-13", ARR, {}),
    Case("R-VOY-04", BOTH, {"/etd": "201510230559"}),
    Case("R-VOY-04", ARR, {"/etd": "201510250600"}),
    Case("R-VOY-05", PER, {"/periodic_to_date": "20151026"}),
    Case("R-VOY-06", ARR, {"/stay_period_hours": 40}),
    Case("R-VOY-07", ARR, {}),
    Case("R-VOY-08", ARR, {"/domestic_first_port_code": "CNNGB"}),
    Case("R-VOY-09", APP, {"/authentication_date_time": "201510150600"}),
    Case(
        "R-VOY-09", REP, {"/authentication_date_time": "201510212000", "/last_port_departure_date_time": "201510212000"}
    ),  # a short voyage
    Case("R-VOY-09", DEP, {"/authentication_date_time": "201510231600"}),
    Case("R-VOY-10", SHIFT, {}),
    Case("R-VOY-11", BOTH, {}),
    Case("R-VOY-12", ARR, {"/port_calls": []}),
    Case(
        "R-VOY-12", ARR, {"/port_calls/0/call_sequence_number": 10, "/port_calls/9/call_sequence_number": 1}
    ),  # dates tell
    Case("R-VOY-13", ARR, {"/port_calls/1/call_departure_date": "20151019"}),  # left and arrived on one day
    Case("R-SEC-01", ARR, {}),
    Case(
        "R-SEC-02",
        ARR,
        {"/port_calls/3/call_security_level_code": "2", "/port_calls/3/call_additional_measures": "gangway watch"},
    ),
    Case("R-SEC-03", ARR, {"/gross_tonnage": "499", "/net_tonnage": "300", "/security_plan_indicator": "0"}),
    Case("R-SEC-04", ARR, {"/current_security_level_code": "2", "/security_other_matters": "by order of the flag"}),
    Case(
        "R-PER-01",
        ARR,
        {"/crew/5/crew_document_number": "E12345601", "/crew/5/crew_document_issuing_country_code": "PHL"},
    ),
    Case("R-PER-02", ARR, ONE_MORE),
    Case("R-PER-04", ARR, {"/crew/21/crew_date_of_birth": "19991023"}),  # sixteen today
    Case("R-PER-05", ARR, {}),
    Case("R-PER-06", ARR, {"/crew/2/crew_family_name": "<"}),  # a person with one name
    Case("R-CRW-01", ARR, ONE_MORE),
    Case("R-CRW-01", APP, {}),
    Case("R-CRW-02", ARR, {}),
    Case("R-CRW-03", ARR, {"/master_family_name": "Zhang"}),
    Case("R-CRW-04", ARR, ONE_MORE),
    Case("R-CRW-05", ARR, {"/minimum_safe_manning": 23}),  # she has arrived; before she sails others may join
    Case("R-CRW-06", ARR, {"/crew/3/crew_movement_type_code": "LEA", "/crew_signing_off_quantity": 1}),
    Case("R-CRW-07", ARR, {}),
    Case("R-PAX-01", ARR, passengers(3)),
    Case("R-PAX-02", ARR, {"/persons_on_board_quantity": 24, "/rescued_person_quantity": 2}),
    Case(
        "R-PAX-02",
        ARR,
        {"/persons_on_board_quantity": 23, "/stowaway_indicator": "1", "/stowaway_embark_port_code": "SGSIN"},
    ),
    Case("R-PAX-03", ARR, passengers(3)),
    Case("R-PAX-04", ARR, passengers(1, passenger_type_code="STO") | {"/stowaway_indicator": "1"}),
    Case("R-PAX-05", ARR, passengers(1)),
    Case("R-PAX-06", ARR, passengers(9)),
    Case("R-CGO-01", ARR, {"/cargo_items/2/cargo_operation_code": "T", "/cargo_items/2/port_of_loading_code": "SGSIN"}),
    Case("R-CGO-02", ARR, {"/discharge_weight_total": "36.8"}),  # within a hundredth
    Case("R-CGO-03", DEP, {"/supplies_and_returns/-": {"supply_date_time": "201510221200"}}),
    *(
        Case("R-CON-01", ARR, {"/containers/0/container_id": number})
        for number in ("TSTU0000014", "TSTU0000020", "TSTU9999996", "CSQU3054383", "TGHU7654320")
    ),
    Case("R-CON-01", ARR, {"/dangerous_goods/0/dg_container_id": "TRAILER 7"}),  # a transport unit may be no container
    Case("R-CON-02", ARR, {}),
    Case("R-CON-03", ARR, {"/containers/2/container_verified_gross_mass": None}),
    Case("R-CON-04", ARR, {"/containers/0/container_owner_code": "TSTU"}),
    Case(
        "R-CON-05",
        ARR,
        {"/containers/0/container_size_type_code": "45R1", "/containers/0/container_temperature_setting": "-18.0"},
    ),
    Case("R-DGS-01", ARR, {"/dangerous_goods/0/dg_un_number": "0336"}),
    Case("R-DGS-02", ARR, EXPLOSIVE),
    Case("R-DGS-03", ARR, EXPLOSIVE),
    Case(
        "R-DGS-03",
        ARR,
        {
            "/dangerous_goods/0/dg_un_number": "3480",
            "/dangerous_goods/0/dg_hazard_class_code": "9",
            "/dangerous_goods/0/dg_packing_group_code": None,
            "/dangerous_goods/0/dg_flash_point": None,
        },
    ),
    Case("R-DGS-04", ARR, {"/dangerous_goods/0/dg_flash_point": "60"}),
    Case("R-DGS-05", ARR, EXPLOSIVE),
    Case("R-DGS-06", ARR, {"/dangerous_goods/0/dg_ems_number": "F-E, S-E"}),
    Case("R-DGS-07", ARR, {"/dangerous_goods/0/dg_net_mass": "18000"}),
    Case("R-DGS-08", ARR, {"/containers": []}),
    Case(
        "R-DGS-09",
        ARR,
        {
            "/dangerous_goods/0/dg_proper_shipping_name": "FLAMMABLE LIQUID, N.O.S.",
            "/dangerous_goods/0/dg_technical_name": "hexene",
        },
    ),
    Case("R-HLT-01", ARR, {"/mdh_death_indicator": "1", "/mdh_death_quantity": 1}),
    Case("R-HLT-02", ARR, {"/mdh_ill_now_indicator": "1", "/mdh_ill_quantity": 2, "/ill_persons/-": ILL}),
    Case("R-HLT-03", ARR, {"/mdh_affected_port_code": "SGSIN", "/mdh_affected_visit_date": "20151012"}),
    Case("R-HLT-04", ARR, {"/mdh_death_indicator": "1", "/mdh_death_quantity": 1, "/quarantine_method_code": "2"}),
    Case(
        "R-HLT-05",
        ARR,
        {
            "/ill_persons/-": ILL | {"ill_person_name": "Mario Torres"},
            "/mdh_ill_now_indicator": "1",
            "/mdh_ill_quantity": 1,
        },
    ),
    Case(
        "R-HLT-05",
        ARR,
        {"/ill_persons/-": ILL | {"ill_person_name": "张伟"}, "/mdh_ill_now_indicator": "1", "/mdh_ill_quantity": 1},
    ),
    Case("R-EMG-01", EMERGENCY, {"/emergency_person_quantity": 0, "/urgent_call_reason_code": "SH"}),
    Case("R-CRT-01", ARR, {}),
    Case("R-CRT-02", ARR, {"/sanitation_certificate_issue_date": "20150422"}),
    Case("R-CRT-03", ARR, {"/ship_certificates/1": None, "/gross_tonnage": "399", "/net_tonnage": "200"}),
    Case("R-CRT-04", ARR, {}),
    Case("R-CRT-05", ARR, {}),
    Case("R-BLW-01", ARR, {"/ballast_tanks": []}),
    Case("R-BLW-02", ARR, {"/ballast_total_volume": "5240"}),
    Case("R-BLW-03", ARR, {"/ballast_total_capacity": "5200.5"}),
    Case("R-BLW-04", ARR, {"/ballast_tanks/0/ballast_discharge_volume": "2600.5"}),
    Case(
        "R-BLW-05",
        ARR,
        {
            "/ballast_discharge_indicator": "0",
            "/ballast_tanks/0/ballast_discharge_volume": "0",
            "/ballast_tanks/1/ballast_discharge_volume": None,
        },
    ),
    Case("R-WST-01", ARR, {"/waste_items/0/waste_retained_volume": "6"}),
    Case(
        "R-WST-02", ARR, {"/waste_items/0/waste_retained_volume": "0", "/waste_items/0/waste_remaining_port_code": None}
    ),
]
