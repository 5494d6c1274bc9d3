"""Receive: from an agency's bytes to what the trader reads, whatever the order, the repetitions and the surprises."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.transports.folder import FolderChannel, exchange_name
from declarations.errors import AgencyUnavailable, InvalidDeclaration, NotFound, OutcomeUnknown, StorageUnavailable
from gateway import amend, ask, standing
from gateway import receive as door
from gateway.collect import Collector
from gateway.database.stores import inbox, messages
from gateway.matching import exchange_names
from gateway.operations.faults import operator_faults
from gateway.receive import receive
from gateway.submit import submit
from gateway.taking import REMATCHED_AT_MOST
from gateway.wiring import Window
from tests.support.signed import put
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    JSON,
    ROOT,
    STRANGER,
    TickingClock,
    add_organisation,
    agency,
    changed_rulebook,
    deliver,
    file,
    inspected,
    receipt,
    result,
    rulebook,
    sample,
    window_at,
)

REFERENCE = "SWSH2015A00000001"
BOTH = "SWSH2015B00000002"
ENTRY = "222520151000000762"
FORM = "310000115000001000"


async def sent(window: Window, name: str = ELECTRONICS, **changes: Any) -> str:
    """A filing whose queued messages have been handed over; its id."""
    declaration_id: str = (await file(window, name, **changes)).body["id"]
    await deliver(window)
    return declaration_id


async def shown(window: Window, declaration_id: str) -> dict[str, Any]:
    return await ask.declaration(window, CLIENT, declaration_id)


async def test_a_smooth_import_ends_closed(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window)
        assert (await receive(window, "customs", receipt(REFERENCE))).state == "done"
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "stored"
        for channel in ("7", "L", "J"):
            clock.tick(10)
            assert (await receive(window, "customs", result(channel, clock(), entry=ENTRY))).state == "done"
        found = await shown(window, declaration_id)
        assert (found["status"], found["legs"]["customs"]["state"], found["may_collect"]) == (
            "in_progress",
            "assessed",
            False,
        )
        at = clock.tick(3600)
        # the observed trail: closed comes first, with the same time
        await receive(window, "customs", result("R", at, entry=ENTRY))
        await receive(window, "customs", result("P", at, entry=ENTRY))
        found = await shown(window, declaration_id)
        assert (found["status"], found["may_collect"], found["may_sell"]) == ("closed", True, True)
        assert found["numbers"] == {"customs_entry": ENTRY, "unified_number": "I20150000000000001"}
        for asked in (
            {"customs_entry": ENTRY},
            {"customs_entry": "000762"},
            {"q": "I20150000000000001"},
            {"state": "closed"},
        ):
            assert [item["id"] for item in (await ask.find(window, CLIENT, **asked))["items"]] == [declaration_id]


async def test_a_repeated_answer_changes_nothing(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window)
        first = await receive(window, "customs", receipt(REFERENCE), "Successed_a.xml")
        taken = [await receive(window, "customs", result("C", clock.tick(5), entry=ENTRY), "c.xml")]
        before = await shown(window, declaration_id), await ask.timeline(window, CLIENT, declaration_id)
        clock.tick(100)
        again = await receive(window, "customs", receipt(REFERENCE), "Successed_a.xml")
        assert (again.state, again.inbox_id) == ("duplicate", first.inbox_id)
        for name in ("c.xml", "another-name.xml"):
            body = result("C", clock() - timedelta(seconds=100), entry=ENTRY)
            assert (await receive(window, "customs", body, name)).state == "duplicate"
        assert taken[0].state == "done"
        after = await shown(window, declaration_id), await ask.timeline(window, CLIENT, declaration_id)
        assert after == before


async def test_the_clearance_form_releases_the_customs_leg_once(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window, COSMETICS)
        await receive(window, "inspection", inspected("20", BOTH, clock.tick(60), number="310400115000123"))
        await deliver(window)
        assert agency(window, "customs").got == []
        form = inspected("60", BOTH, clock.tick(60), number="310400115000123", add=FORM, own_id="r60")
        assert (await receive(window, "inspection", form)).state == "done"
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "queued"
        await deliver(window)
        (message,) = agency(window, "customs").got
        assert FORM.encode() in message.body
        assert (await receive(window, "inspection", form)).state == "duplicate"
        await receive(
            window, "inspection", inspected("60", BOTH, clock.tick(60), add="310000115000002000", own_id="r61")
        )
        await deliver(window)
        assert len(agency(window, "customs").got) == 1, "rendered once, sent once"
        kept, _, _ = await ask.message_bytes(window, CLIENT, declaration_id, message.message_id)
        assert kept == message.body
        page = await ask.find(window, CLIENT, clearance_form=FORM[-6:])
        assert [item["id"] for item in page["items"]] == [declaration_id]
        where = await ask.explain(
            window, CLIENT, declaration_id, "customs", target="DecLicenseDocus/LicenseDocu/CertCode"
        )
        assert where["items"][0]["value"] == FORM


async def test_a_clearance_form_taken_back_releases_nothing(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window, COSMETICS)
        given, returned = clock.tick(60), clock.tick(60)
        # the return arrives first, although it was made after the form
        await receive(window, "inspection", inspected("30", BOTH, returned))
        await receive(window, "inspection", inspected("60", BOTH, given, add=FORM))
        await deliver(window)
        assert agency(window, "customs").got == []
        assert (await shown(window, declaration_id))["legs"]["inspection"]["state"] == "rejected"


async def test_without_a_clearance_form_the_customs_leg_stays_and_says_why(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window, COSMETICS)
        await receive(window, "inspection", inspected("90", BOTH, clock.tick(60), number="310400115000123"))
        await deliver(window)
        assert agency(window, "customs").got == []
        found = await shown(window, declaration_id)
        assert found["legs"]["customs"]["state"] == "waiting"
        assert "waiting_in_vain" in {step["kind"] for step in found["next_steps"]}


async def test_a_waiting_leg_is_rendered_with_the_tables_of_its_acceptance(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window, COSMETICS)
        old = window.rulebook.digest
    # tables change before the clearance form comes: an element of the customs message would now say something else
    path = "mappings/customs/DecMessage/2015/map.csv"
    line = next(line for line in rulebook().bundle.text(path).splitlines() if ",DecHead/EdiId," in line)
    newer = changed_rulebook({path: (line, line.replace(",const,1,", ",const,3,"))})
    assert newer.digest != old
    async with window_at(tmp_path, clock, newer) as window:
        await receive(window, "inspection", inspected("60", BOTH, clock.tick(60), number="310400115000123", add=FORM))
        await deliver(window)
        (message,) = agency(window, "customs").got
        assert b"<EdiId>1</EdiId>" in message.body
        await file(window, ELECTRONICS)
        await deliver(window)
        assert b"<EdiId>3</EdiId>" in agency(window, "customs").got[1].body, "the new tables hold for new filings"
        where = await ask.explain(window, CLIENT, declaration_id, "customs", target="DecHead/EdiId")
        assert (where["items"][0]["value"], where["items"][0]["bundle"]) == ("1", old)


async def test_a_leg_that_cannot_be_rendered_is_parked_and_its_answer_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window, COSMETICS)

        def refuse(*_: object) -> bytes:
            raise InvalidDeclaration("the table refuses it", "映射表拒绝")

        monkeypatch.setattr(standing, "render", refuse)
        await receive(window, "inspection", inspected("60", BOTH, clock.tick(60), number="310400115000123", add=FORM))
        found = await shown(window, declaration_id)
        assert found["legs"]["customs"]["state"] == "parked"
        assert found["legs"]["inspection"]["clearance_form_id"] == FORM


async def test_answers_find_their_filing_by_exchange_file(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window, trader_assigned_reference_id="OURREF1")
        (message,) = agency(window, "customs").got
        for name in (f"Successed_{exchange_name(message)}.xml", f"{exchange_name(message)}_2.xml"):
            # the reference inside is garbled: the file name alone tells
            assert (await receive(window, "customs", receipt("GARBLED"), name)).state == "done"
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "stored"


async def test_an_answer_that_fits_two_filings_goes_to_the_operator(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await add_organisation(window, STRANGER.organisation_id)
        await sent(window)
        await submit(window, STRANGER, sample(ELECTRONICS), JSON)
        await deliver(window)
        received = await receive(window, "customs", receipt(REFERENCE))
        assert received.state == "quarantined"
        assert REFERENCE in (received.reason or "")
        (fault,) = (await operator_faults(window))["items"]
        assert (fault["kind"], fault["inbox_id"]) == ("quarantined", received.inbox_id)
        for caller in (CLIENT, STRANGER):
            (item,) = (await ask.find(window, caller))["items"]
            assert item["legs"] == {"customs": "sent"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<DEC_RESULT>",
        b"<!DOCTYPE x []><DEC_RESULT/>",
        b"<OTHER/>",
        b"\x00\xff",
        b"<DEC_RESULT><CHANNEL>L</CHANNEL></DEC_RESULT>",
    ],
)
async def test_what_cannot_be_read_is_kept_for_the_operator(tmp_path: Path, body: bytes) -> None:
    async with window_at(tmp_path) as window:
        received = await receive(window, "customs", body, "strange.xml")
        assert received.state == "quarantined"
        assert received.reason
        assert received.reason_zh
        again = await receive(window, "customs", body, "strange.xml")
        assert again.inbox_id == received.inbox_id, "kept once"
        (fault,) = (await operator_faults(window))["items"]
        assert (fault["kind"], fault["name"]) == ("quarantined", "strange.xml")


@pytest.mark.parametrize("place", ["read", "take"])
async def test_an_answer_that_trips_a_fault_of_ours_is_kept_for_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = await sent(window)

        def fail(*_: object) -> None:
            raise KeyError("ours")

        with monkeypatch.context() as broken:
            if place == "read":
                broken.setattr(type(window.rulebook.agencies["customs"].answers), "read", fail)
            else:
                broken.setattr(door, "settle_all", fail)
            received = await receive(window, "customs", receipt(REFERENCE), "a.xml")
        assert received.state == "quarantined"
        assert "KeyError('ours')" in (received.reason or "")
        (fault,) = (await operator_faults(window))["items"]
        assert (fault["kind"], fault["inbox_id"], fault["name"]) == ("quarantined", received.inbox_id, "a.xml")
        kept = await window.database.read(lambda connection: inbox.get(connection, received.inbox_id))
        assert kept is not None
        assert kept.body == receipt(REFERENCE)
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "sent", "nothing half taken"
        # it may come again once the fault is mended
        assert (await receive(window, "customs", receipt(REFERENCE), "a.xml")).state == "done"
        assert (await operator_faults(window))["items"] == []


async def test_an_answer_is_not_acknowledged_while_nothing_can_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with window_at(tmp_path) as window:

        def full(*_: object) -> None:
            raise StorageUnavailable("the disk is full")

        monkeypatch.setattr(door, "_take", full)
        with pytest.raises(StorageUnavailable):
            await receive(window, "customs", receipt(REFERENCE))
        assert (await operator_faults(window))["items"] == []


async def test_an_unknown_code_is_shown_and_changes_nothing_until_a_table_knows_it(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window)
        await receive(window, "customs", receipt(REFERENCE))
        before = (await shown(window, declaration_id))["legs"]["customs"]
        assert (await receive(window, "customs", result("l", clock.tick(5), note="新代码"))).state == "done"
        found = await shown(window, declaration_id)
        assert found["legs"]["customs"]["state"] == before["state"]
        assert "unknown_answer" in {step["kind"] for step in found["next_steps"]}
        (fault,) = (await operator_faults(window))["items"]
        assert (fault["kind"], fault["code"], fault["declaration_id"]) == (
            "unknown_code",
            "DEC_RESULT l",
            declaration_id,
        )
    line = "DEC_RESULT,L,accepted"
    wiser = changed_rulebook({"mappings/customs/responses.csv": (line, line.replace(",L,", ",l,"))})
    async with window_at(tmp_path, clock, wiser) as window:
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "accepted"
        assert [item["id"] for item in (await ask.find(window, CLIENT, state="accepted"))["items"]] == [declaration_id]
        assert (await operator_faults(window))["items"] == []


async def test_an_answer_that_comes_before_its_reference_is_kept_and_matched_later(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        early = await receive(window, "customs", result("L", clock.tick(5), entry=ENTRY))
        earlier = await receive(window, "customs", receipt(REFERENCE))
        assert (early.state, earlier.state) == ("waiting", "waiting")
        assert len((await operator_faults(window))["items"]) == 2
        declaration_id = (await file(window)).body["id"]
        found = await shown(window, declaration_id)
        assert found["legs"]["customs"]["state"] == "accepted", (
            "the receipt brought the number the other answer waited for"
        )
        assert (await operator_faults(window))["items"] == []
        assert (await receive(window, "customs", receipt(REFERENCE))).state == "duplicate"
        await deliver(window)
        assert len(agency(window, "customs").got) == 1, "what was told before its sending is no proof that it was sent"


async def test_an_answer_older_than_every_filing_of_its_reference_waits_on(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await receive(window, "inspection", inspected("60", BOTH, clock(), add=FORM))
        clock.tick(60)
        declaration_id = (await file(window, COSMETICS)).body["id"]
        assert (await shown(window, declaration_id))["legs"]["inspection"]["state"] == "queued"
        (fault,) = (await operator_faults(window))["items"]
        assert fault["kind"] == "waiting"
        await deliver(window)
        assert [each.declaration_id for each in agency(window, "inspection").got] == [declaration_id]


async def test_all_answers_that_wait_for_a_reference_are_taken_up(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        for number in range(2 * REMATCHED_AT_MOST + 1):
            assert (await receive(window, "customs", receipt(REFERENCE, message=str(number)))).state == "waiting"
        await file(window)
        assert (await operator_faults(window))["items"] == []


@pytest.mark.parametrize("tried", [False, True])
async def test_a_late_answer_to_a_returned_version_leaves_its_correction_to_be_sent(
    tmp_path: Path, tried: bool
) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        customs = await sent(window)
        await receive(window, "customs", receipt(REFERENCE))
        await receive(window, "customs", result("E", clock.tick(60), note="净重有误"))
        both = await sent(window, COSMETICS)
        await receive(window, "inspection", inspected("30", BOTH, clock.tick(60), info="净重有误"))
        clock.tick(60)
        await amend.refile(window, CLIENT, customs, sample(ELECTRONICS, remarks="corrected"), JSON)
        await amend.refile(window, CLIENT, both, sample(COSMETICS, remarks="corrected"), JSON)
        if tried:
            for name in ("customs", "inspection"):
                agency(window, name).troubles = [AgencyUnavailable("down", retry_after=0.2)]
            for deliverer in window.deliverers.values():
                await deliverer.run_once()
        # by number and by reference, both made after the corrections were accepted
        await receive(window, "customs", result("E", clock.tick(60), note="净重有误，请更正"))
        await receive(window, "inspection", inspected("30", BOTH, clock(), info="净重有误，请更正"))
        for declaration_id, name in ((customs, "customs"), (both, "inspection")):
            assert (await shown(window, declaration_id))["legs"][name]["state"] == "queued"
        if tried:
            await asyncio.sleep(0.25)
        await deliver(window)
        for name in ("customs", "inspection"):
            assert [each.version for each in agency(window, name).got] == [1, 2]
        # once it is sent, an answer by number is the correction's
        await receive(window, "customs", result("L", clock.tick(60), entry=ENTRY))
        assert (await shown(window, customs))["legs"]["customs"]["state"] == "accepted"


async def test_a_late_answer_to_a_cancelled_filing_is_not_its_successors(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        old = await sent(window)
        await receive(window, "customs", receipt(REFERENCE))
        ((_, cancels), *_) = (code for code, row in window.responses("customs").items() if row.state == "cancelled")
        await receive(window, "customs", result(cancels, clock.tick(60)))
        assert (await shown(window, old))["status"] == "cancelled"
        clock.tick(60)
        new = (await file(window)).body["id"]
        rows = await window.database.read(
            lambda connection: messages.by_number(connection, "customs", "reference", REFERENCE)
        )
        assert [row.declaration_id for row in rows] == [new, old], "the live one first"
        assert (await receive(window, "customs", receipt(REFERENCE, message="again"))).state == "done"
        assert (await shown(window, new))["legs"]["customs"]["state"] == "queued"
        await deliver(window)
        assert [each.declaration_id for each in agency(window, "customs").got] == [old, new]
        assert (await receive(window, "customs", receipt(REFERENCE, "I20150000000000002"))).state == "done"
        assert (await shown(window, new))["legs"]["customs"]["state"] == "stored"


@pytest.mark.parametrize("delivered", [False, True])
async def test_a_filing_accepted_after_an_answer_was_made_is_not_the_answered_one(
    tmp_path: Path, delivered: bool
) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await add_organisation(window, STRANGER.organisation_id)
        first = await sent(window, COSMETICS)
        made = clock.tick(60)
        clock.tick(60)
        second = (await submit(window, STRANGER, sample(COSMETICS), JSON)).body["id"]
        if delivered:
            await deliver(window)
        assert (await receive(window, "inspection", inspected("20", BOTH, made))).state == "done"
        assert (await shown(window, first))["legs"]["inspection"]["state"] != "sent"
        await deliver(window)
        assert [each.declaration_id for each in agency(window, "inspection").got] == [first, second]


async def test_many_withdrawn_filings_do_not_hide_the_live_one(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        for _ in range(messages.MATCHED_AT_MOST):
            await amend.withdraw(window, CLIENT, (await file(window)).body["id"])
        declaration_id = await sent(window)
        assert (await receive(window, "customs", receipt(REFERENCE))).state == "done"
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "stored"


async def test_an_answer_settles_the_doubt_about_its_delivery(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_backoff_seconds=600) as window:
        agency(window, "customs").troubles = [OutcomeUnknown("reset")]
        declaration_id = await sent(window)
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "outcome_unknown"
        await receive(window, "customs", receipt(REFERENCE))
        found = (await shown(window, declaration_id))["legs"]["customs"]
        assert (found["state"], found["delivery"]) == ("stored", "sent")
        await deliver(window)
        assert agency(window, "customs").got == [], "the agency has it: nothing is sent again"


async def test_an_agencys_words_land_on_the_traders_field(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window)
        await receive(window, "customs", receipt(REFERENCE))
        note = "DecLists/DecList[1]/GQty: 数量与舱单不符"
        await receive(window, "customs", result("E", clock.tick(5), note=note))
        found = await shown(window, declaration_id)
        assert found["status"] == "rejected"
        (fault,) = found["legs"]["customs"]["faults"]
        assert (fault["item"], fault["pointer"]) == ("transaction_quantity", "/goods_items/0/transaction_quantity")
        assert fault["message_zh"] == "数量与舱单不符"
        assert [item["id"] for item in (await ask.find(window, CLIENT, obligation="correct_form"))["items"]] == [
            declaration_id
        ]


async def test_arrival_order_never_matters(tmp_path: Path) -> None:
    clock = TickingClock()
    trail = [receipt(REFERENCE)]
    for channel in ("L", "C", "M", "J", "T", "P", "R"):
        trail.append(result(channel, clock.tick(10), entry=ENTRY))
    chance = random.Random(7)
    ends = set()
    for number in range(4):
        async with window_at(tmp_path / str(number), TickingClock()) as window:
            declaration_id = await sent(window)
            shuffled = [*trail, *chance.sample(trail, 3)]
            chance.shuffle(shuffled)
            for body in shuffled:
                await receive(window, "customs", body)
            found = await shown(window, declaration_id)
            timeline = (await ask.timeline(window, CLIENT, declaration_id))["items"]
            # the receipt has no time of its own, so its place in the line is that of its arrival
            said = [
                item["code"] for item in timeline if item["kind"] == "answer" and item["message"] != "DecImportResponse"
            ]
            ends.add((found["status"], found["may_collect"], found["legs"]["customs"]["state"], tuple(said)))
    assert ends == {("closed", True, "closed", ("L", "C", "M", "J", "T", "P", "R"))}


async def test_the_timeline_tells_acts_before_the_answers_of_their_second(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window)
        await receive(window, "customs", receipt(REFERENCE))
        # accepted, sent and answered within one second; the agency writes no fractions
        await receive(window, "customs", result("R", clock(), entry=ENTRY))
        await receive(window, "customs", result("P", clock(), entry=ENTRY))
        items = (await ask.timeline(window, CLIENT, declaration_id))["items"]
        codes = [item["code"] for item in items if item["code"] != "status"]
        assert codes == ["accepted", "sent", "0", "P", "R"]
        assert all(item["zh"] and item["en"] for item in items)


async def test_duty_and_examination_stand_side_by_side(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await sent(window)
        await receive(window, "customs", receipt(REFERENCE))
        for channel in ("L", "T", "C"):
            await receive(window, "customs", result(channel, clock.tick(5), entry=ENTRY))
        found = await shown(window, declaration_id)
        assert found["status"] == "action_needed"
        assert {owed["kind"] for owed in found["legs"]["customs"]["obligations"]} == {"pay", "examination"}
        for kind in ("pay", "examination"):
            assert (await ask.find(window, CLIENT, obligation=kind))["items"]
        await receive(window, "customs", result("P", clock.tick(5), entry=ENTRY))
        assert (await ask.find(window, CLIENT, obligation="pay"))["items"] == []


async def test_an_unknown_agency_is_refused(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        with pytest.raises(NotFound):
            await receive(window, "nobody", b"<x/>")


async def test_collected_files_are_put_away_after_they_are_kept(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await sent(window)
        root = tmp_path / "exchange" / "customs"
        (root / "InBox").mkdir(parents=True)
        window.channels["customs"] = FolderChannel("customs", root)
        put(tmp_path, "customs", "Successed_1.xml", receipt(REFERENCE), window.clock)
        put(tmp_path, "customs", "Broken.xml", b"<DEC_RESULT", window.clock)
        (root / "InBox" / "Huge.xml").write_bytes(b" " * 20_000_001)
        assert await Collector(window, "customs").run_once() == 3
        reasons = {fault["name"]: fault["reason"] for fault in (await operator_faults(window))["items"]}
        assert "larger than" in reasons["Huge.xml"]
        assert list((root / "InBox").iterdir()) == []
        assert {path.name for path in (root / "FailBox").iterdir()} == {"Broken.xml", "Broken.xml.sig", "Huge.xml"}
        assert sorted(path.name for path in (root / "Archive").rglob("*.*")) == [
            "Successed_1.xml",
            "Successed_1.xml.sig",
        ]


PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from adapters.transports.folder import FolderChannel
from gateway.collect import Collector
from gateway import receive as door
from gateway.wiring import open_window
from tests.support.backend import settings_at
from tests.support.windows import TickingClock

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    data = Path(sys.argv[1])
    async with open_window(settings_at(data_dir=data), TickingClock()) as window:
        channel = window.channels["customs"]
        if sys.argv[2] == "after_commit":
            channel.finish = die
        else:
            door.settle_all = die
        await Collector(window, "customs").run_once()

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
async def test_killed_while_taking_an_answer_it_counts_once(tmp_path: Path, point: str) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = await sent(window)
    root = tmp_path / "exchange" / "customs"
    put(tmp_path, "customs", "Successed_1.xml", receipt(REFERENCE), TickingClock())
    died = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), point], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert sorted(os.listdir(root / "InBox")) == ["Successed_1.xml", "Successed_1.xml.sig"]
    async with window_at(tmp_path) as window:
        state = (await shown(window, declaration_id))["legs"]["customs"]["state"]
        assert state == ("sent" if point == "before_commit" else "stored")
        window.channels["customs"] = FolderChannel("customs", root)
        await Collector(window, "customs").run_once()
        assert (await shown(window, declaration_id))["legs"]["customs"]["state"] == "stored"
        timeline = (await ask.timeline(window, CLIENT, declaration_id))["items"]
        assert len([item for item in timeline if item["kind"] == "answer"]) == 1
        assert os.listdir(root / "InBox") == []


def test_exchange_names_are_found_inside_answers_names() -> None:
    ours = "A_B_20151023010000250_M01ABCDE"
    for name in (f"{ours}.xml", f"Successed_{ours}.xml", f"{ours}_3.xml", f"Failed_{ours}.zip"):
        assert ours in exchange_names(name)
    for name in (None, "", "Successed_1.xml", "A_2015102301000025_M01ABCDE.xml", f"{ours}9.xml"):
        assert ours not in exchange_names(name)
    assert list(itertools.islice(exchange_names(ours), 1)) == [ours]


async def test_an_answer_under_an_id_used_before_is_kept_for_the_operator(tmp_path: Path) -> None:
    """The agency's mistake must not swallow a rejection as a repetition of something else."""
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await file(window, COSMETICS)
        await deliver(window)
        first = inspected("10", BOTH, clock.tick(60), own_id="Q1")
        assert (await receive(window, "inspection", first)).state == "done"
        assert (await receive(window, "inspection", first)).state == "duplicate"
        other = await receive(window, "inspection", inspected("30", BOTH, clock.tick(60), info="退单", own_id="Q1"))
        assert other.state == "quarantined"
        assert "Q1" in (other.reason or "")
        assert any(item["reason"] == other.reason for item in (await operator_faults(window))["items"])


async def test_an_answer_whose_numbers_contradict_each_other_is_attributed_to_nobody(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = (await file(window, COSMETICS)).body["id"]
        await deliver(window)
        await file(window, COSMETICS, trader_assigned_reference_id="ANOTHERFILING")
        own = (await ask.declaration(window, CLIENT, declaration_id))["legs"]["inspection"]["message_id"]
        mixed = inspected("20", "ANOTHERFILING", clock.tick(60)).replace(
            b"</DCL_RESPONSE>", f"<EntUuid>{own}</EntUuid></DCL_RESPONSE>".encode()
        )
        assert (await receive(window, "inspection", mixed)).state == "quarantined"
        assert (await ask.declaration(window, CLIENT, declaration_id))["legs"]["inspection"]["state"] == "sent"


async def test_a_clearance_form_issued_without_its_number_is_no_answer(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await file(window, COSMETICS)
        await deliver(window)
        assert (await receive(window, "inspection", inspected("60", BOTH, clock.tick(60)))).state == "quarantined"
