"""Filings become steps of one call: in order, once, by one agent; movements update it, void releases, and end it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, select

from adapters.keys import WINDOW
from declarations.callerrors import CallDeparted, CallOfAnother, CallRefused, StepFiledTwice, StepOutOfOrder
from declarations.errors import BadRequest, FiledByAnother, NotFound
from gateway import archiving, retention
from gateway.calls import changing, copying, handing, listing, showing
from gateway.database import schema, shipping
from gateway.identity import Caller
from gateway.organisations import prefill
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.ships import (
    ENTRY,
    EXIT,
    certificates,
    corrected,
    entered,
    file,
    form,
    leaving,
    message_of,
    released,
    says,
    ship_window,
)
from tests.support.windows import CLIENT, JSON, STRANGER, TickingClock, add_organisation, agency, deliver

OTHER = STRANGER


async def shown(window: Window, call_id: str, caller: Caller = CLIENT) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(await showing.call(window, caller, call_id)))


async def count(window: Window, table: Any) -> int:
    def read(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    return await window.database.read(read)


async def test_the_steps_of_a_stay_are_one_call(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        calls = set()
        for step in ("application", "report_24h", "arrival", "movement", "shift", "departure", "emergency"):
            clock.tick()
            filed = await file(window, step)
            assert filed.status == 202, filed.body
            calls.add(filed.body["call_id"])
        [call_id] = calls
        answer = await shown(window, str(call_id))
        assert [each["step"] for each in answer["filings"]] == [
            "application", "report_24h", "arrival", "movement", "shift", "departure", "emergency",
        ]  # fmt: skip
        assert (answer["ship_name"], answer["imo_number"], answer["port"]) == ("EASTERN HARBINGER", "9900019", "CNSHA")
        assert set(answer["filings"][2]["legs"]) == {"customs", "inspection", "maritime", "border"}
        assert set(answer["filings"][0]["legs"]) == {"maritime"}


async def test_the_answer_of_a_call_follows_the_ship(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        arrival = await file(window, "arrival")
        call_id = str(arrival.body["call_id"])
        answer = await shown(window, call_id)
        assert (answer["stage"], answer["may_move"], answer["may_sail"]) == ("entry_review", False, False)
        await released(window, arrival.body["id"], ENTRY)
        answer = await shown(window, call_id)
        assert (answer["stage"], answer["may_move"], answer["may_sail"]) == ("entry_cleared", True, False)
        assert [each["kind"] for each in answer["next_steps"]] == ["file_exit"]
        departure = await file(window, "departure")
        await released(window, departure.body["id"], EXIT, "customs", "inspection")
        answer = await shown(window, call_id)
        assert answer["stage"] == "exit_review"
        assert [(each["code"], each["agency"]) for each in answer["bars"]] == [
            ("not_released", "border"),
            ("not_released", "maritime"),
        ]
        await released(window, departure.body["id"], EXIT, "maritime", "border")
        answer = await shown(window, call_id)
        assert (answer["stage"], answer["may_sail"], answer["bars"]) == ("certificate_issued", True, [])
        assert answer["certificate"]["number"].startswith("SH")
        clock.tick(3600)
        await file(window, "movement", atd="201510231000")
        answer = await shown(window, call_id)
        assert (answer["stage"], answer["may_sail"], answer["certificate"]["state"]) == ("departed", False, "used")


async def test_a_ship_reads_ships_words_and_goods_their_own(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        arrival = await file(window, "arrival")
        await released(window, arrival.body["id"], ENTRY)
        from gateway import ask

        answer = await ask.declaration(window, CLIENT, arrival.body["id"])
        assert "提货" not in answer["next_zh"]
        assert "people and cargo may move" in answer["next_en"]


@pytest.mark.parametrize("step", ["departure", "shift", "movement"])
async def test_a_step_that_cannot_be_the_first_is_refused(tmp_path: Path, step: str) -> None:
    async with ship_window(tmp_path) as window:
        with pytest.raises(StepOutOfOrder):
            await file(window, step)
        assert await count(window, schema.declaration) == 0
        assert await count(window, shipping.call) == 0


async def test_departure_follows_the_arrival_and_not_the_application(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await file(window, "application")
        with pytest.raises(StepOutOfOrder) as refused:
            await file(window, "departure")
        assert refused.value.details["after"] == "arrival"


async def test_entry_and_exit_together_exclude_the_single_ones(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await file(window, "entry_and_exit")
        for step in ("arrival", "departure"):
            with pytest.raises(CallRefused):
                await file(window, step)


async def test_a_step_filed_twice_names_the_filing_to_be_corrected(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        first = await file(window, "arrival")
        with pytest.raises(StepFiledTwice) as refused:
            await file(window, "arrival")
        assert refused.value.details["declaration_id"] == first.body["id"]
        # a movement may be told again and again
        await file(window, "movement", eta="201510220901")
        await file(window, "movement", eta="201510220902")


async def test_the_same_request_again_gets_its_first_reply_and_no_refusal(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        body = form("arrival")
        one, other = await asyncio.gather(
            *(submit(window, CLIENT, body, JSON, idempotency_key="same") for _ in range(2)), return_exceptions=False
        )
        assert one.body == other.body
        assert await count(window, shipping.call) == 1


async def test_filing_at_once_makes_one_call(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await asyncio.gather(*(file(window, "emergency") for _ in range(12)))
        assert await count(window, shipping.call) == 1
        assert await count(window, schema.declaration) == 12


async def test_the_call_of_another_agent_is_refused_without_telling_whose(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await add_organisation(window, OTHER.organisation_id)
        first = await file(window, "arrival")
        with pytest.raises(CallOfAnother) as refused:
            await file(window, "arrival", OTHER)
        told = orjson.dumps({**refused.value.details, "words": str(refused.value)}).decode()
        assert "default" not in told
        assert first.body["call_id"] not in told
        assert refused.value.details["handover_url"] == "/api/v1/calls/handovers"
        with pytest.raises(NotFound):
            await shown(window, str(first.body["call_id"]), OTHER)
        # an emergency is taken all the same, and joins nobody's call
        urgent = await file(window, "emergency", OTHER)
        assert (urgent.status, urgent.body["call_id"]) == (202, None)


async def test_two_agents_at_the_same_moment_one_has_it(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await add_organisation(window, OTHER.organisation_id)
        ends = await asyncio.gather(
            *(file(window, "arrival", caller) for caller in (CLIENT, OTHER)), return_exceptions=True
        )
        assert sorted(type(end).__name__ for end in ends) == ["CallOfAnother", "Reply"]
        assert await count(window, shipping.call) == 1


async def test_what_only_is_checked_says_what_filing_would_be_refused_for(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        reply = await submit(window, CLIENT, form("departure"), JSON, check_only=True)
        assert reply.status == 200
        assert "step_out_of_order" in {fault["code"] for fault in reply.body["faults"]}
        assert await count(window, shipping.call) == 0


async def test_a_departure_long_before_sailing_is_a_warning(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await entered(window)
        early = await file(window, "departure")
        assert "call_early" in {fault["code"] for fault in early.body["warnings"]}
    async with ship_window(tmp_path / "later") as window:
        await entered(window)
        clock = window.clock
        assert isinstance(clock, TickingClock)
        clock.tick(8 * 3600)  # 17:00 in Shanghai, sailing at 20:00
        timely = await file(window, "departure")
        assert "call_early" not in {fault["code"] for fault in timely.body["warnings"]}


async def test_movements_update_the_call_and_are_kept(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        arrival = await file(window, "arrival")
        moved = await file(window, "movement", eta="201510220915", etd="201510232130")
        answer = await shown(window, str(arrival.body["call_id"]))
        assert (answer["eta"], answer["etd"]) == ("2015-10-22T01:15:00+00:00", "2015-10-23T13:30:00+00:00")
        found = {each["item"]: (each["old"], each["new"], each["declaration_id"]) for each in answer["movements"]}
        assert found["eta"][1:] == ("201510220915", moved.body["id"])
        # nothing of it is a new version of anything
        assert {each["version"] for each in answer["filings"]} == {1}
        # told again unchanged, nothing moved
        await file(window, "movement", eta="201510220915", etd="201510232130")
        assert len((await shown(window, str(arrival.body["call_id"])))["movements"]) == len(answer["movements"])


async def test_another_berth_voids_customs_release_of_the_entry(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        arrival_id = await entered(window)
        clock.tick(60)
        moved = await file(window, "movement", berth_code="WGQ5-02")
        call_id = str(moved.body["call_id"])
        answer = await shown(window, call_id)
        legs = next(each for each in answer["filings"] if each["step"] == "arrival")["legs"]
        assert {name for name, leg in legs.items() if not leg["counts"]} == {"customs"}
        assert answer["may_move"] is False
        assert [each["kind"] for each in answer["next_steps"]] == ["release_voided"]
        # a late copy of the old release does not make it good, a release given since does
        old = clock.now
        clock.tick(60)
        await says(window, arrival_id, "customs", ENTRY, at=old.replace(year=2014))
        assert (await shown(window, call_id))["may_move"] is False
        await says(window, arrival_id, "customs", ENTRY)
        assert (await shown(window, call_id))["may_move"] is True


async def test_another_port_of_destination_suspends_the_certificate_until_a_new_version(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, exit_id = await leaving(window)
        await released(window, exit_id, EXIT)
        clock.tick(60)
        await file(window, "movement", next_port_code="KRPUS")
        [first] = await certificates(window)
        assert (first.state, first.reason) == ("suspended", "void")
        clock.tick(60)
        new = await corrected(window, exit_id, "departure", next_port_code="KRPUS")
        assert new.status == 202
        # those whose release stands are not asked again
        answer = await shown(window, call_id)
        legs = next(each for each in answer["filings"] if each["step"] == "departure")["legs"]
        assert {name for name, leg in legs.items() if leg["version"] == 2} >= {"maritime", "inspection"}
        asked = [name for name, leg in legs.items() if leg["state"] not in ("released", "closed")]
        clock.tick(60)
        await released(window, exit_id, EXIT, *asked)
        old, now = await certificates(window)
        assert (old.state, now.state, now.replaces) == ("superseded", "valid", old.number)


async def test_a_departed_call_takes_nothing_more_but_an_emergency(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        call_id, exit_id = await leaving(window)
        await released(window, exit_id, EXIT)
        await file(window, "movement", atd="201510230855")
        with pytest.raises(CallDeparted) as refused:
            await file(window, "movement", etd="201510240000")
        assert refused.value.details["call_id"] == call_id
        with pytest.raises(CallDeparted):
            await file(window, "departure")
        urgent = await file(window, "emergency")
        assert urgent.body["call_id"] == call_id
        # back in port is a new call
        again = await file(window, "arrival")
        assert again.body["call_id"] != call_id
        assert "call_again" in {fault["code"] for fault in again.body["warnings"]}


async def test_an_emergency_goes_to_all_four_at_once(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await file(window, "emergency")
        await deliver(window)
        for name in ("customs", "inspection", "maritime", "border"):
            assert len(agency(window, name).got) == 1


async def test_maritime_is_told_of_each_other_release_and_no_status_hangs_on_it(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        arrival = await file(window, "arrival")
        await deliver(window)
        assert len(agency(window, "maritime").got) == 1
        await says(window, arrival.body["id"], "customs", ENTRY, number="C77")
        await says(window, arrival.body["id"], "customs", ENTRY, number="C77")
        await deliver(window)
        [_, notice] = agency(window, "maritime").got
        assert notice.message == "ReleaseNotice"
        assert b"C77" in notice.body
        # maritime's own release is no news to it
        await says(window, arrival.body["id"], "maritime", ENTRY)
        await deliver(window)
        assert len(agency(window, "maritime").got) == 2
        # a receipt of the notice says nothing of the formalities
        clock.tick(60)
        from gateway.receive import receive
        from tests.support.ships import answer

        before = await shown(window, str(arrival.body["call_id"]))
        await receive(window, "maritime", answer("maritime", notice.message_id, "REJ", clock()))
        after = await shown(window, str(arrival.body["call_id"]))
        assert before["filings"] == after["filings"]


async def test_a_handover_goes_over_when_the_other_side_accepts(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await add_organisation(window, OTHER.organisation_id)
        await entered(window)
        asked = await handing.ask(window, OTHER, "9900019", "CNSHA", "1542W")
        assert (asked["call_id"], asked["ship_name"], asked["to"]) == (None, None, None)
        with pytest.raises(Exception, match="the other side decides"):
            await handing.accept(window, OTHER, asked["id"])
        [waiting] = (await handing.listed(window, CLIENT, None, 10))["items"]
        assert waiting["yours_to_decide"]
        assert waiting["to"] == OTHER.organisation_id
        await handing.accept(window, CLIENT, asked["id"])
        departure = await file(window, "departure", OTHER)
        assert departure.status == 202
        with pytest.raises(NotFound):
            await shown(window, str(departure.body["call_id"]))
        carried = await copying.next_step(window, OTHER, str(departure.body["call_id"]), "departure")
        assert carried["form"]["ship_imo_number"] == "9900019"


@pytest.mark.parametrize("act", [handing.refuse, handing.withdraw])
async def test_a_handover_that_is_refused_or_taken_back_changes_nothing(tmp_path: Path, act: Any) -> None:
    async with ship_window(tmp_path) as window:
        await add_organisation(window, OTHER.organisation_id)
        arrival = await file(window, "arrival")
        offered = await handing.offer(window, CLIENT, str(arrival.body["call_id"]), OTHER.organisation_id)
        decider = OTHER if act is handing.refuse else CLIENT
        await act(window, decider, offered["id"])
        with pytest.raises(Exception, match="decided already"):
            await act(window, decider, offered["id"])
        assert (await shown(window, str(arrival.body["call_id"])))["handovers"] == []
        with pytest.raises(CallOfAnother):
            await file(window, "movement", OTHER)


async def test_the_operator_settles_whose_it_is(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await add_organisation(window, OTHER.organisation_id)
        arrival = await file(window, "arrival")
        call_id = str(arrival.body["call_id"])
        await handing.settle(window, Caller("operator", "op", ""), call_id, OTHER.organisation_id, "both claim it")
        assert (await shown(window, call_id, OTHER))["id"] == call_id


async def test_a_cancelled_call_voids_its_certificate(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        call_id, exit_id = await leaving(window)
        await released(window, exit_id, EXIT)
        with pytest.raises(BadRequest):
            await changing.cancel(window, CLIENT, call_id, "bored", None)
        await changing.cancel(window, CLIENT, call_id, "diverted", None)
        [gone] = await certificates(window)
        assert (gone.state, gone.reason) == ("void", "call_cancelled")
        with pytest.raises(CallRefused):
            await file(window, "movement")


async def test_calls_are_found_by_ship_number_voyage_port_and_state(tmp_path: Path) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("ship", "imo", "voyage", "port", "state", "cursor"), None)
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        filed = await file(window, "arrival")
        clock.tick()
        await file(window, "arrival", voyage_id="1543E")
        for wanted in ({"ship": "harbinger"}, {"imo": "9900019"}, {"port": "cnsha"}, {"state": "open"}):
            assert len((await listing.find(window, CLIENT, **{**nothing, **wanted}, limit=10))["items"]) == 2, wanted
        [one] = (await listing.find(window, CLIENT, **{**nothing, "voyage": "1542w"}, limit=10))["items"]
        assert one["id"] == filed.body["call_id"]
        first = await listing.find(window, CLIENT, **nothing, limit=1)
        rest = await listing.find(window, CLIENT, **{**nothing, "cursor": first["next"]}, limit=1)
        assert rest["items"][0]["id"] == filed.body["call_id"]
        assert (await listing.find(window, OTHER, **nothing, limit=10))["items"] == []
        officer = Caller("agency", "li", "", agency="border")
        assert len((await listing.find(window, officer, **nothing, limit=10))["items"]) == 2


async def test_the_next_step_begins_with_the_last_form_and_what_moved(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        arrival = await file(window, "arrival")
        await file(window, "movement", berth_code="WGQ5-02")
        call_id = str(arrival.body["call_id"])
        carried = await copying.next_step(window, CLIENT, call_id, "departure")
        assert carried["form"]["filing_scope"] == "departure"
        assert carried["form"]["berth_code"] == "WGQ5-02"
        assert {"item": "berth_code", "old": "WGQ5-01", "new": "WGQ5-02"} in carried["changed"]
        assert len(carried["form"]["crew"]) == 22
        assert "trader_assigned_reference_id" not in carried["form"]
        assert "crew_effects" not in carried["form"]
        with pytest.raises(NotFound):
            await copying.next_step(window, OTHER, call_id, "departure")


async def test_the_last_call_of_the_ship_is_copied_less_what_never_carries(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await file(window, "arrival")
        copied = await copying.last_call(window, CLIENT, "9900019", "arrival", "vessel")
        assert copied["form"]["ship_call_sign"] == "3FAB7"
        assert len(copied["form"]["crew"]) == 22
        for item in ("voyage_id", "eta", "crew_quantity", "cargo_items", "mdh_death_indicator"):
            assert item not in copied["form"], item
        assert {"voyage_id", "eta"} <= {each["item"] for each in copied["to_be_filled"]}
        assert "cargo_items" in {each["group"] for each in copied["groups_to_be_filled"]}
        with pytest.raises(NotFound):
            await copying.last_call(window, OTHER, "9900019", "arrival", "vessel")


async def test_a_goods_declaration_takes_ship_and_containers_from_the_manifest(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        await add_organisation(window, OTHER.organisation_id)
        manifest = orjson.loads(form("arrival"))
        bill = manifest["cargo_items"][0]["transport_document_id"]
        for row in manifest["containers"]:
            row["container_transport_document_id"] = "SOMEBODYELSES1"
        manifest["containers"][0]["container_transport_document_id"] = bill
        await submit(window, CLIENT, orjson.dumps(manifest), JSON)
        found = await prefill.prefill(window, OTHER, "goods", "I", None, bill)
        assert found["values"]["transport_means_name"] == "EASTERN HARBINGER"
        assert found["values"]["transport_document_id"] == bill
        told = [row["container_id"] for row in found["groups"]["containers"]]
        assert told == [manifest["containers"][0]["container_id"]]
        # the beginning of a number finds nothing
        nothing = await prefill.prefill(window, OTHER, "goods", "I", None, bill[:-1])
        assert (nothing["groups"], "transport_means_name" in nothing["values"]) == ({}, False)


async def test_the_principal_looks_and_the_agent_acts(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        arrival = await file(window, "arrival")
        call_id = str(arrival.body["call_id"])
        officer = Caller("agency", "li", "", agency="border")
        assert (await shown(window, call_id, officer))["id"] == call_id
        with pytest.raises(FiledByAnother):
            await changing.cancel(window, officer, call_id, "diverted", None)
        with pytest.raises(NotFound):
            await shown(window, call_id, Caller("agency", "li", "", agency="elsewhere"))


async def test_a_withdrawn_arrival_leaves_the_step_free(tmp_path: Path) -> None:
    from gateway import amend

    async with ship_window(tmp_path) as window:
        first = await file(window, "arrival")
        await amend.withdraw(window, CLIENT, first.body["id"])
        second = await file(window, "arrival")
        assert second.status == 202
        assert second.body["call_id"] == first.body["call_id"]
        assert await message_of(window, second.body["id"], "customs")


async def test_a_call_that_ended_goes_after_its_filings_with_its_certificates(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        arrival = await file(window, "arrival")
        departure = await file(window, "departure")
        await deliver(window)
        for filed, code in ((arrival, ENTRY), (departure, EXIT)):
            await released(window, filed.body["id"], code)
            clock.tick(60)
            await released(window, filed.body["id"], "CLO")
        moved = await file(window, "movement", atd="201510230855")
        await deliver(window)
        clock.tick(60)
        await released(window, moved.body["id"], "NOT")
        assert len(await certificates(window)) == 1
        clock.tick(1_200 * 86_400)
        window.keys.create_missing(WINDOW, window.exchange.algorithms(), clock())
        await archiving.archive_due(window, 100)
        gone = await retention.run(window, dry_run=False, limit=100)
        assert (gone["removed"], gone["call"]) == (3, 0), gone["kept_because"]
        assert await count(window, shipping.manifest_bill) == 0
        clock.tick(800 * 86_400)
        assert (await retention.run(window, dry_run=True, limit=100))["call"] == 1
        assert (await retention.run(window, dry_run=False, limit=100))["call"] == 1
        for table in (shipping.call, shipping.certificate, shipping.movement):
            assert await count(window, table) == 0
