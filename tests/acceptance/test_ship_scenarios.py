"""Ships as they really come: the cruise ship, the tanker, the ship from an affected area, the ferry; changes, delays, rejections,
answers twice and too late. Each through a whole window, told as the agent sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree

from declarations.callerrors import CertificateNotInForce
from declarations.errors import InvalidDeclaration
from declarations.faults import Fault
from gateway import ask
from gateway.calls import certificates as printing
from gateway.calls import changing, showing
from gateway.database.stores import certificates as store
from gateway.identity import Caller
from gateway.receive import receive
from gateway.submit import submit
from gateway.wiring import Window
from tests.support import cruise_ship
from tests.support.ships import (
    AGENCIES,
    ENTRY,
    EXIT,
    answer,
    certificates,
    corrected,
    file,
    form,
    leaving,
    message_of,
    released,
    says,
    ship_window,
)
from tests.support.windows import CLIENT, JSON, TickingClock, agency, deliver

OFFICER = Caller("agency", "msa.li", "agency-maritime", agency="maritime")
BOTH = "RBO"
PERSON_ROWS = ("CrewMember", "Crew", "Cy")
"""How the agencies call one of the crew."""


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
async def window(tmp_path: Path, clock: TickingClock) -> AsyncIterator[Window]:
    async with ship_window(tmp_path, clock) as opened:
        yield opened


async def view(window: Window, declaration_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await ask.declaration(window, CLIENT, declaration_id)
    return found


async def states(window: Window, declaration_id: str) -> dict[str, str]:
    return {name: leg["state"] for name, leg in (await view(window, declaration_id))["legs"].items()}


async def call_of(window: Window, call_id: str, caller: Caller = CLIENT) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(orjson.dumps(await showing.call(window, caller, call_id)))
    return found


def got(window: Window, name: str, declaration_id: str) -> list[etree._Element]:
    """The messages an agency has of a filing, oldest first."""
    return [etree.fromstring(each.body) for each in agency(window, name).got if each.declaration_id == declaration_id]


def told(message: etree._Element, path: str) -> list[str]:
    return [each.text or "" for each in message.findall(path)]


async def obligations(window: Window, declaration_id: str, name: str) -> list[str]:
    """What the agent still owes an agency."""
    leg = (await view(window, declaration_id))["legs"][name]
    return [each["kind"] for each in leg.get("obligations", [])]


async def faults(window: Window, step: str, **changes: Any) -> list[Fault]:
    """What is wrong with a filing that is refused."""
    with pytest.raises(InvalidDeclaration) as refused:
        await file(window, step, **changes)
    return [fault for fault in refused.value.faults if fault.severity == "error"]


async def test_a_cruise_ship_brings_every_person_to_whom_they_concern(window: Window) -> None:
    arrival = await submit(window, CLIENT, orjson.dumps(cruise_ship.arrival()), JSON)
    assert arrival.status == 202, arrival.body
    await deliver(window)
    [border] = got(window, "border", arrival.body["id"])
    assert len(border.findall("Cymd/Cy")) == cruise_ship.CREW
    assert len(border.findall("Lkmd/Lk")) == cruise_ship.PASSENGERS
    for name in AGENCIES:
        # nobody is missing, nobody stands twice
        [message] = got(window, name, arrival.body["id"])
        people = [row for row in message.iter() if row.tag in PERSON_ROWS]
        assert len({row[0].text for row in people}) == len(people) == cruise_ship.CREW
    await released(window, arrival.body["id"], ENTRY)
    assert (await call_of(window, arrival.body["call_id"]))["may_move"] is True


async def test_a_tanker_tells_her_dangerous_goods_and_is_boarded(window: Window, clock: TickingClock) -> None:
    [without] = await faults(window, "kinds/tanker", dangerous_goods=None)
    assert (without.code, without.pointer) == ("R-HDR-12", "/dangerous_goods_indicator")
    arrival = await file(window, "kinds/tanker")
    assert arrival.status == 202, arrival.body
    tanker = arrival.body["id"]
    await deliver(window)
    [maritime] = got(window, "maritime", tanker)
    assert told(maritime, "DangerousGoods/Goods/UNNo") == ["1267"]
    assert told(maritime, "DangerousGoods/Goods/FlashPoint") == ["-18"]
    assert told(maritime, "Containers/Container") == []
    clock.tick(60)
    await says(window, tanker, "maritime", "BRD")
    assert await obligations(window, tanker, "maritime") == ["boarding"]
    clock.tick(60)
    await says(window, tanker, "maritime", "BOK")
    assert await obligations(window, tanker, "maritime") == []
    # boarding done is no release
    assert (await states(window, tanker))["maritime"] == "in_review"
    clock.tick(60)
    await released(window, tanker, ENTRY)
    assert (await view(window, tanker))["status"] == "released"


async def test_a_bulk_carrier_from_an_affected_area_is_treated_before_she_may_work(
    window: Window, clock: TickingClock
) -> None:
    by_radio = {"quarantine_method_code": "1", "ship_health_certificate_number": "SHC2015000124"}
    radio = await file(window, "kinds/bulk_carrier", voyage_id="B006", **by_radio)
    said = [each["code"] for each in radio.body["warnings"] if each["item"] == "quarantine_method_code"]
    assert said == ["R-HLT-04"]
    arrival = await file(window, "kinds/bulk_carrier")
    assert arrival.status == 202, arrival.body
    carrier = arrival.body["id"]
    assert "R-HLT-04" not in [each["code"] for each in arrival.body["warnings"]]
    await deliver(window)
    [inspection] = got(window, "inspection", carrier)
    assert told(inspection, "Health/AffectedAreaFlag") == ["1"]
    assert told(inspection, "Quarantine/QuarMethodCode") == ["2"]
    await released(window, carrier, ENTRY, "customs", "maritime", "border")
    for code, owed, state in (
        ("BRD", ["boarding"], "in_review"),
        ("BOK", [], "in_review"),
        ("TRT", ["ship_treatment"], "in_review"),
        ("TOK", [], "in_review"),
    ):
        clock.tick(3600)
        await says(window, carrier, "inspection", code)
        assert await obligations(window, carrier, "inspection") == owed, code
        assert (await states(window, carrier))["inspection"] == state
        assert (await call_of(window, arrival.body["call_id"]))["may_move"] is False
    clock.tick(3600)
    await says(window, carrier, "inspection", ENTRY)
    assert (await call_of(window, arrival.body["call_id"]))["may_move"] is True


async def test_a_ferry_has_one_clearance_for_seven_days_and_not_for_eight(window: Window) -> None:
    [eight] = await faults(window, "periodic", periodic_to_date="20151027")
    assert (eight.code, eight.pointer) == ("R-VOY-05", "/periodic_to_date")
    ferry = await file(window, "periodic")
    assert ferry.status == 202, ferry.body
    await released(window, ferry.body["id"], BOTH)
    [paper] = await certificates(window)
    content = await window.database.read(lambda connection: store.content(connection, paper.id))
    issued_at = datetime.fromisoformat(content["issued_at"])
    assert (paper.state, content["kind"]) == ("valid", "periodic")
    assert datetime.fromisoformat(content["valid_until"]) - issued_at <= timedelta(days=7)
    call = await call_of(window, ferry.body["call_id"])
    assert (call["may_move"], call["may_sail"]) == (True, True)
    body, _, _ = await printing.printed(window, CLIENT, ferry.body["call_id"])
    assert body.startswith(b"%PDF")


async def issued(window: Window) -> tuple[str, str]:
    """Call and exit filing of a ship that may sail."""
    call_id, exit_id = await leaving(window)
    await deliver(window)
    await released(window, exit_id, EXIT)
    assert (await call_of(window, call_id))["may_sail"] is True
    return call_id, exit_id


async def reported(window: Window, call_id: str, exit_id: str, **changes: Any) -> dict[str, Any]:
    reference = (await view(window, exit_id))["reference"]
    body = form("departure", **{"trader_assigned_reference_id": reference, **changes})
    return await changing.report(window, CLIENT, call_id, body, JSON)


async def test_a_crew_change_after_issue_asks_whom_it_concerns_and_the_certificate_is_replaced(
    window: Window, clock: TickingClock
) -> None:
    call_id, exit_id = await issued(window)
    clock.tick(600)
    crew = orjson.loads(form("departure"))["crew"]
    crew[-1] |= {
        "crew_family_name": "DELA CRUZ",
        "crew_given_name": "JUAN",
        "crew_document_number": "P12345699",
        "crew_seaman_book_number": "A08765099",
    }
    made = await reported(window, call_id, exit_id, crew=crew)
    assert {each["item"] for each in made["items"]} == {
        "crew_family_name",
        "crew_given_name",
        "crew_document_number",
        "crew_seaman_book_number",
    }
    # every agency has crew lists
    assert set(made["agencies"]) == set(AGENCIES)
    assert (await call_of(window, call_id))["may_sail"] is False
    with pytest.raises(CertificateNotInForce):
        await printing.printed(window, CLIENT, call_id)
    await deliver(window)
    [_, second] = got(window, "border", exit_id)
    assert "DELA CRUZ" in told(second, "Cymd/Cy/YWX")
    clock.tick(600)
    await released(window, exit_id, EXIT)
    assert (await call_of(window, call_id))["may_sail"] is False
    await changing.decide(window, OFFICER, call_id, "continue", None)
    old, new = await certificates(window)
    assert (old.state, new.state, new.replaces) == ("superseded", "valid", old.number)
    _, number, _ = await printing.printed(window, CLIENT, call_id)
    assert number == new.number


@pytest.mark.parametrize("decision", ["continue", "redo"])
async def test_another_next_port_after_issue_is_for_maritime_to_decide(
    window: Window, clock: TickingClock, decision: str
) -> None:
    call_id, exit_id = await issued(window)
    clock.tick(600)
    made = await reported(window, call_id, exit_id, next_port_code="KRPUS")
    assert [(each["item"], each["old"], each["new"]) for each in made["items"]] == [
        ("next_port_code", "JPOSA", "KRPUS")
    ]
    clock.tick(600)
    await deliver(window)
    await released(window, exit_id, EXIT)
    await changing.decide(window, OFFICER, call_id, decision, "bound for Busan")
    if decision == "redo":
        assert (await call_of(window, call_id))["may_sail"] is False
        clock.tick(600)
        again = await corrected(window, exit_id, "departure", next_port_code="KRPUS")
        assert again.status == 202, again.body
        clock.tick(600)
        await released(window, exit_id, EXIT)
    old, new = await certificates(window)
    assert (old.state, new.state) == ("superseded", "valid")
    call = await call_of(window, call_id)
    assert call["may_sail"] is True
    assert call["certificate"]["number"] == new.number


async def test_a_ship_that_has_not_sailed_in_a_day_is_flagged_and_may_sail_all_the_same(
    window: Window, clock: TickingClock
) -> None:
    call_id, _ = await issued(window)
    clock.now += timedelta(hours=24, seconds=1)
    assert await changing.flag_overdue(window) == 1
    for caller in (CLIENT, OFFICER):
        call = await call_of(window, call_id, caller)
        assert [each["code"] for each in call["flags"]] == ["overdue"]
        assert call["may_sail"] is True
    # she sails in the end: the certificate is used, the call is closed
    sailed = await file(window, "movement", eta=None, planned_berthing_date_time=None, atd="201510241000")
    assert sailed.status == 202, sailed.body
    [paper] = await certificates(window)
    assert paper.state == "used"
    assert (await call_of(window, call_id))["state"] == "departed"


async def test_a_rejection_is_corrected_and_released(window: Window, clock: TickingClock) -> None:
    # who built her is told to customs alone
    arrival = (await file(window, "arrival", build_place="Ulsan 3")).body
    await deliver(window)
    await released(window, arrival["id"], ENTRY, "inspection", "maritime", "border")
    clock.tick(60)
    await says(window, arrival["id"], "customs", "REJ")
    found = await view(window, arrival["id"])
    assert found["legs"]["customs"]["state"] == "rejected"
    assert "correct_form" in [step["kind"] for step in found["next_steps"] if step["actor"] == "trader"]
    assert (await call_of(window, arrival["call_id"]))["may_move"] is False
    clock.tick(60)
    again = await corrected(window, arrival["id"], "arrival", build_place="Ulsan")
    assert (again.status, again.body["version"]) == (202, 2), again.body
    await deliver(window)
    versions = {name: leg["version"] for name, leg in (await view(window, arrival["id"]))["legs"].items()}
    assert versions == {"customs": 2, "inspection": 1, "maritime": 1, "border": 1}
    clock.tick(60)
    await says(window, arrival["id"], "customs", ENTRY)
    assert (await view(window, arrival["id"]))["status"] == "released"
    assert (await call_of(window, arrival["call_id"]))["may_move"] is True


async def test_answers_twice_and_answers_to_an_older_version_change_nothing(
    window: Window, clock: TickingClock
) -> None:
    _, exit_id = await leaving(window)
    await deliver(window)
    first = {name: await message_of(window, exit_id, name) for name in AGENCIES}
    clock.tick(60)
    await says(window, exit_id, "customs", "REJ")
    clock.tick(60)
    # draughts are told to customs and maritime
    again = await corrected(window, exit_id, "departure", draught_forward="11.5")
    assert again.status == 202, again.body
    await deliver(window)
    changed = {name for name in AGENCIES if await message_of(window, exit_id, name) != first[name]}
    assert changed == {"customs", "maritime"}
    clock.tick(60)
    for name in AGENCIES:
        # a release of the first version, twice; too late for those who have a second
        for _ in range(2):
            await receive(window, name, answer(name, first[name], EXIT, clock(), own=f"LATE{name[:3]}"))
    after = await states(window, exit_id)
    assert {name for name, state in after.items() if state == "released"} == set(AGENCIES) - changed
    assert await certificates(window) == []
    clock.tick(60)
    for name in changed:
        release = answer(name, await message_of(window, exit_id, name), EXIT, clock())
        for _ in range(3):
            await receive(window, name, release)
    [paper] = await certificates(window)
    assert (paper.state, paper.version) == ("valid", 2)


async def test_an_amendment_during_review_is_reviewed_by_all_it_concerns(window: Window, clock: TickingClock) -> None:
    call_id, exit_id = await leaving(window)
    await deliver(window)
    await released(window, exit_id, EXIT, "customs", "border")
    old = {name: await message_of(window, exit_id, name) for name in AGENCIES}
    clock.tick(60)
    # one of the crew stays behind in hospital
    moved = await file(window, "movement", crew_quantity=21, eta=None, planned_berthing_date_time=None)
    assert moved.status == 202, moved.body
    clock.tick(60)
    fewer = {
        "crew": orjson.loads(form("departure"))["crew"][:-1],
        "crew_quantity": 21,
        "persons_on_board_quantity": 21,
        "foreign_crew_quantity": 7,
    }
    again = await corrected(window, exit_id, "departure", **fewer)
    assert (again.status, again.body["version"]) == (202, 2), again.body
    await deliver(window)
    for name in AGENCIES:
        assert len([row for row in got(window, name, exit_id)[-1].iter() if row.tag in PERSON_ROWS]) == 21, name
    clock.tick(60)
    for name in AGENCIES:
        # what they release now is the ship of before
        await receive(window, name, answer(name, old[name], EXIT, clock()))
    assert await certificates(window) == []
    clock.tick(60)
    await released(window, exit_id, EXIT)
    [paper] = await certificates(window)
    assert (paper.state, paper.version) == ("valid", 2)
    assert (await call_of(window, call_id))["may_sail"] is True
