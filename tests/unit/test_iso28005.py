"""ISO 28005: a ship's filing as EPC request, the authorities' answers as EPC acknowledge."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from lxml import etree

from declarations import iso28005
from declarations.iso28005 import Clearance
from declarations.responses import ANSWERED, DELIVERY
from tests.support.shipforms import ARRIVAL, filled
from tests.support.windows import rulebook

VALUES = {"accepted_at": "2015-10-21T02:00:00+00:00", "message_id": "D01.2"}
IN = {"e": iso28005.NAMESPACE}
NOW = datetime(2015, 10, 23, 8, tzinfo=UTC)


def request(**more: object) -> etree._Element:
    declaration = filled(rulebook().forms["vessel"], {**ARRIVAL, **more})
    return etree.fromstring(iso28005.request(rulebook(), declaration, VALUES, date(2015, 10, 21)))


def text(root: etree._Element, path: str) -> list[str]:
    found = root.xpath("/".join(f"e:{part}" for part in path.split("/")), namespaces=IN)
    return [each.text or "" for each in found]


def test_the_request_has_the_headers_members_in_their_order() -> None:
    root = request()
    assert root.tag == f"{{{iso28005.NAMESPACE}}}EPCMessage"
    assert [etree.QName(part).localname for part in root] == ["EPCMessageHeader", "EPCRequestBody"]
    assert [etree.QName(part).localname for part in root[0]] == [
        "SenderId", "SentTime", "ShipMessageId", "ArrivalDeparture", "Authenticator", "SenderDuty", "JournalNumber",
        "MessageType", "SenderName", "ReportingSystem", "Version",
    ]  # fmt: skip
    header = "EPCMessageHeader"
    assert text(root, f"{header}/SentTime") == ["2015-10-21T10:00:00+08:00"]
    assert text(root, f"{header}/ArrivalDeparture") == ["Arrival"]
    assert text(root, f"{header}/JournalNumber") == ["D01.2"]
    assert text(request(arrival_departure_code="D"), f"{header}/ArrivalDeparture") == ["Departure"]


def test_the_body_has_a_row_for_each_person_and_escapes_what_was_typed() -> None:
    root = request()
    assert text(root, "EPCRequestBody/CrewList/CrewMember/FamilyName") == ["ZHANG", "SANTOS"]
    assert text(root, "EPCRequestBody/CrewList/CrewMember/IDDocument/ExpiryDate") == ["2029-06-30"]
    assert text(root, "EPCRequestBody/CargoData/BriefDescription") == ["集装箱货物 & <general>"]
    assert text(root, "EPCRequestBody/PortCall/ETA") == ["2015-10-22T06:00:00+08:00"]
    assert text(root, "EPCRequestBody/PassengerList/Passenger") == []


def test_every_row_of_the_map_writes_its_element() -> None:
    form = rulebook().forms["vessel"]
    by_type = {"date": "20151021", "datetime": "201510211000", "decimal": "1.50", "integer": "7"}
    given: dict[str, object] = {}
    for item in form.items.values():
        value = by_type.get(item.type, "X")
        if item.group:
            rows = given.setdefault(item.group, [{}])
            assert isinstance(rows, list)
            rows[0][item.item_id] = value
        else:
            given[item.item_id] = value
    root = request(**{**given, "arrival_departure_code": "A"})
    for row in iso28005._table(rulebook()).rows:
        if row.how:
            assert text(root, row.target.replace("[]", "")), row.line


def test_the_acknowledge_has_one_status_for_each_authority() -> None:
    declaration = filled(rulebook().forms["vessel"], ARRIVAL)
    told = [
        Clearance("customs", "released", "Released"),
        Clearance("border", "in_review"),
        Clearance("maritime", "rejected", "<why>"),
    ]
    root = etree.fromstring(iso28005.acknowledge(rulebook(), declaration, told, "D01.2", NOW))
    status = "EPCAcknowledgeBody/EPCClearanceStatus"
    assert text(root, f"{status}/Authority") == ["customs", "border", "maritime"]
    assert text(root, f"{status}/RequestStatus/Status") == ["Accepted", "Pending", "Rejected"]
    assert text(root, f"{status}/RequestStatus/Comment") == ["Released", "<why>"]
    assert text(root, f"{status}/UsesSW") == ["true"] * 3
    assert text(root, "EPCMessageHeader/SentTime") == ["2015-10-23T16:00:00+08:00"]


def test_every_state_of_a_message_has_a_status() -> None:
    told = {row["state"]: row["status"] for row in rulebook().bundle.table(iso28005.STATUSES)}
    assert set(told) >= {*ANSWERED, *DELIVERY}
    # the standard has five values
    assert len(set(told.values())) <= 5


@pytest.mark.parametrize("state", ["released", "closed"])
def test_only_what_was_released_is_accepted(state: str) -> None:
    told = {row["state"]: row["status"] for row in rulebook().bundle.table(iso28005.STATUSES)}
    assert {each for each, status in told.items() if status == "Accepted"} == {"released", "closed"} and told[
        state
    ] == "Accepted"
