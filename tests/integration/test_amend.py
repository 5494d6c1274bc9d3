"""Amend: a corrected version sends what has to be sent and nothing else; withdrawing stops only what no agency can have."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.exc import IntegrityError

from declarations.errors import (
    AgencyRefused,
    DuplicateReference,
    InvalidDeclaration,
    MoveNotAllowed,
    NotFound,
    OutcomeUnknown,
)
from gateway import amend, ask
from gateway.database.stores import outbox
from gateway.operations.faults import operator_faults
from gateway.receive import receive
from gateway.repeating import Key, Reply
from gateway.wiring import Window
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    JSON,
    STRANGER,
    TickingClock,
    agency,
    deliver,
    file,
    inspected,
    receipt,
    result,
    sample,
    window_at,
)

REFERENCE = "SWSH2015A00000001"
BOTH = "SWSH2015B00000002"
FORM = "310000115000001000"


async def refile(window: Window, declaration_id: str, name: str = ELECTRONICS, **changes: Any) -> Reply:
    return await amend.refile(window, CLIENT, declaration_id, sample(name, **changes), JSON)


async def legs(window: Window, declaration_id: str) -> dict[str, tuple[str, int]]:
    found = (await ask.declaration(window, CLIENT, declaration_id))["legs"]
    return {name: (leg["state"], leg["version"]) for name, leg in found.items()}


async def rejected(window: Window, clock: TickingClock) -> str:
    """A customs-only filing that came back."""
    declaration_id: str = (await file(window)).body["id"]
    await deliver(window)
    await receive(window, "customs", receipt(REFERENCE))
    await receive(window, "customs", result("E", clock.tick(60), note="净重有误"))
    clock.tick(60)
    return declaration_id


async def cleared(window: Window, clock: TickingClock) -> str:
    """A filing to both agencies whose customs leg came back after inspection gave its clearance form."""
    declaration_id: str = (await file(window, COSMETICS)).body["id"]
    await deliver(window)
    await receive(window, "inspection", inspected("60", BOTH, clock.tick(60), number="310400115000123", add=FORM))
    await deliver(window)
    await receive(window, "customs", receipt(BOTH))
    await receive(window, "customs", result("E", clock.tick(60)))
    clock.tick(60)
    return declaration_id


async def test_a_rejected_filing_is_corrected_and_filed_again(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await rejected(window, clock)
        reply = await refile(window, declaration_id, total_net_mass="2479")
        assert (reply.status, reply.body["id"], reply.body["version"], reply.body["status"]) == (
            202,
            declaration_id,
            2,
            "filed",
        )
        await deliver(window)
        first, second = agency(window, "customs").got
        assert first.message_id != second.message_id
        assert b"<NetWt>2479</NetWt>" in second.body
        assert await legs(window, declaration_id) == {"customs": ("sent", 2)}
        assert (await ask.find(window, CLIENT, obligation="correct_form"))["items"] == []


async def test_answers_to_an_older_version_stay_in_the_timeline_and_change_nothing(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await rejected(window, clock)
        asked_at = clock()
        clock.tick(60)
        await refile(window, declaration_id, total_net_mass="2479")
        await deliver(window)
        await receive(window, "customs", receipt(REFERENCE), "Successed_2.xml")
        assert await legs(window, declaration_id) == {"customs": ("stored", 2)}
        # both versions bear its number; by its time it is of the first
        await receive(window, "customs", result("U", asked_at))
        assert await legs(window, declaration_id) == {"customs": ("stored", 2)}
        await receive(window, "customs", result("L", clock.tick(60)))
        assert await legs(window, declaration_id) == {"customs": ("accepted", 2)}
        timeline = (await ask.timeline(window, CLIENT, declaration_id))["items"]
        said = {(item["code"], item["version"], item["counts"]) for item in timeline if item["kind"] == "answer"}
        assert said == {("0", 1, False), ("E", 1, False), ("U", 1, False), ("0", 2, True), ("L", 2, True)}


async def test_only_the_rejected_leg_is_sent_again(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await cleared(window, clock)
        before = len(agency(window, "inspection").got)
        # duty mode is of customs alone
        goods = orjson.loads(sample(COSMETICS))["goods_items"]
        await refile(window, declaration_id, COSMETICS, remarks="更正", goods_items=goods)
        await deliver(window)
        assert len(agency(window, "inspection").got) == before, "the message to inspection did not change"
        first, second = agency(window, "customs").got
        assert FORM.encode() in second.body, "the clearance form that inspection gave still counts"
        assert await legs(window, declaration_id) == {"customs": ("sent", 2), "inspection": ("assessed", 1)}
        assert first.message_id != second.message_id
        await receive(window, "inspection", inspected("80", BOTH, clock.tick(60), number="310400115000123"))
        assert (await legs(window, declaration_id))["inspection"] == ("released", 1), "its answers still count"


async def test_a_leg_whose_message_differs_is_sent_too_and_the_other_waits_for_it(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await cleared(window, clock)
        await refile(window, declaration_id, COSMETICS, total_gross_mass="215.50", package_quantity=31)
        assert await legs(window, declaration_id) == {"customs": ("waiting", 2), "inspection": ("queued", 2)}
        await deliver(window)
        assert b"31" in agency(window, "inspection").got[1].body
        await receive(window, "inspection", inspected("60", BOTH, clock.tick(60), add="310000115000002000"))
        await deliver(window)
        assert b"310000115000002000" in agency(window, "customs").got[1].body


async def test_nothing_is_corrected_before_an_agency_has_returned_it(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = (await file(window)).body["id"]
        for body in (receipt(REFERENCE), result("L", clock.tick(60))):
            with pytest.raises(MoveNotAllowed) as refused:
                await refile(window, declaration_id)
            assert refused.value.message_zh
            await deliver(window)
            await receive(window, "customs", body)
        assert (await ask.declaration(window, CLIENT, declaration_id))["version"] == 1


async def test_a_correction_is_of_the_same_filing(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await rejected(window, clock)
        with pytest.raises(MoveNotAllowed):
            await refile(window, declaration_id, trader_assigned_reference_id="ANOTHER1")
        with pytest.raises(InvalidDeclaration):
            await refile(window, declaration_id, total_gross_mass="1")
        with pytest.raises(NotFound):
            await amend.refile(window, STRANGER, declaration_id, sample(ELECTRONICS), JSON)
        assert await legs(window, declaration_id) == {"customs": ("rejected", 1)}
        with pytest.raises(DuplicateReference):
            await file(window)


async def test_a_repeated_correction_files_one_version(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await rejected(window, clock)
        body = sample(ELECTRONICS, total_net_mass="2479")
        replies = await asyncio.gather(
            *(amend.refile(window, CLIENT, declaration_id, body, JSON, idempotency_key="v2") for _ in range(20)),
            return_exceptions=True,
        )
        good = [reply for reply in replies if isinstance(reply, Reply)]
        assert len({orjson.dumps(reply.body) for reply in good}) == 1
        assert len(good) == 20
        assert (await ask.declaration(window, CLIENT, declaration_id))["version"] == 2
        await deliver(window)
        assert len(agency(window, "customs").got) == 2


async def test_the_same_correction_that_came_first_gives_its_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await rejected(window, clock)
        body = sample(ELECTRONICS, total_net_mass="2479")
        first = await amend.refile(window, CLIENT, declaration_id, body, JSON, idempotency_key="v2")
        # as if the first had been committed while the second was between two of its statements
        looks = iter([None, None])
        replayed = Key.replayed
        monkeypatch.setattr(Key, "replayed", lambda self, connection: next(looks, replayed(self, connection)))
        again = await amend.refile(window, CLIENT, declaration_id, body, JSON, idempotency_key="v2")
        assert again.body == first.body


async def test_a_reference_used_since_is_told_with_its_filing(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        withdrawn = (await file(window)).body["id"]
        await amend.withdraw(window, CLIENT, withdrawn)
        later = (await file(window)).body["id"]
        with pytest.raises(DuplicateReference) as refused:
            await refile(window, withdrawn)
        assert refused.value.details["declaration_id"] == later
        assert [fault.code for fault in refused.value.faults] == ["R-HDR-02"]


async def test_another_clash_of_the_storage_is_not_called_a_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await rejected(window, clock)

        def clash(*_: object) -> None:
            raise IntegrityError("INSERT", {}, Exception("UNIQUE"))

        monkeypatch.setattr(amend.search, "add_missing", clash)
        with pytest.raises(IntegrityError):
            await refile(window, declaration_id)


async def test_a_correction_behind_a_message_in_doubt_says_so(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_backoff_seconds=600) as window:
        agency(window, "inspection").troubles = [OutcomeUnknown("reset")]
        declaration_id = (await file(window, COSMETICS)).body["id"]
        await deliver(window)
        doubted = (await ask.declaration(window, CLIENT, declaration_id))["legs"]["inspection"]
        assert (doubted["state"], doubted["waits_behind"]) == ("outcome_unknown", None)
        await amend.withdraw(window, CLIENT, declaration_id)
        await refile(window, declaration_id, COSMETICS, total_gross_mass="215.50", package_quantity=31)
        await deliver(window)
        both = (await ask.declaration(window, CLIENT, declaration_id))["legs"]
        assert (both["inspection"]["state"], both["inspection"]["version"]) == ("queued", 2)
        assert (both["inspection"]["waits_behind"], both["customs"]["waits_behind"]) == (doubted["message_id"], None)


async def test_a_filing_not_sent_yet_is_withdrawn_whole(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window, COSMETICS)).body["id"]
        reply = await amend.withdraw(window, CLIENT, declaration_id)
        assert (reply.status, reply.body["status"]) == (200, "cancelled")
        assert set(reply.body["withdrawn"]) == {"customs", "inspection"}
        await deliver(window)
        assert agency(window, "inspection").got == []
        with pytest.raises(MoveNotAllowed):
            await amend.withdraw(window, CLIENT, declaration_id)
        again = await refile(window, declaration_id, COSMETICS)
        assert again.body["version"] == 2
        await deliver(window)
        assert len(agency(window, "inspection").got) == 1


async def test_what_is_sent_or_in_doubt_is_not_withdrawn_and_the_words_say_so(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_backoff_seconds=600) as window:
        sent = (await file(window)).body["id"]
        await deliver(window)
        agency(window, "customs").troubles = [OutcomeUnknown("reset")]
        doubted = (await file(window, trader_assigned_reference_id="SECOND")).body["id"]
        await deliver(window)
        under_way = (await file(window, trader_assigned_reference_id="THIRD")).body["id"]
        await window.database.write(lambda connection: outbox.claim(connection, "customs", "L1", 60, 5) and None)
        for declaration_id, words in ((sent, "已发送"), (doubted, "待确认"), (under_way, "已发送")):
            before = await legs(window, declaration_id)
            with pytest.raises(MoveNotAllowed) as refused:
                await amend.withdraw(window, CLIENT, declaration_id)
            assert words in refused.value.message_zh
            assert await legs(window, declaration_id) == before


async def test_a_waiting_leg_is_withdrawn_beside_one_that_is_sent(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = (await file(window, COSMETICS)).body["id"]
        await deliver(window)
        reply = await amend.withdraw(window, CLIENT, declaration_id)
        assert reply.body["withdrawn"] == ["customs"]
        assert reply.body["not_withdrawn"] == [{"agency": "inspection", "state": "sent"}]
        await receive(window, "inspection", inspected("60", BOTH, clock.tick(60), add=FORM))
        await deliver(window)
        assert agency(window, "customs").got == [], "a withdrawn leg does not come back with the clearance form"


async def test_a_parked_message_can_be_withdrawn_and_its_reference_used_again(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        agency(window, "customs").troubles = [AgencyRefused("400 not a message", "400 不是报文")]
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        reply = await amend.withdraw(window, CLIENT, declaration_id)
        assert (reply.body["withdrawn"], reply.body["status"]) == (["customs"], "cancelled")
        assert (await file(window)).status == 202


async def test_a_parked_message_is_replaced_by_its_correction(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = (await file(window, COSMETICS)).body["id"]
        agency(window, "inspection").troubles = [AgencyRefused("400")]
        await deliver(window)
        assert (await legs(window, declaration_id))["inspection"] == ("parked", 1)
        await amend.withdraw(window, CLIENT, declaration_id)
        await refile(window, declaration_id, COSMETICS)
        await deliver(window)
        assert (await legs(window, declaration_id))["inspection"] == ("sent", 2)
        assert (await operator_faults(window))["items"] == []


async def test_what_an_agency_has_released_is_not_filed_with_it_a_second_time(tmp_path: Path) -> None:
    """A second declaration of released goods would be a second entry; changing them is an amendment (修撤单)."""
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await cleared(window, clock)
        await receive(window, "inspection", inspected("80", BOTH, clock.tick(60), number="310400115000123"))
        with pytest.raises(MoveNotAllowed) as refused:
            await refile(window, declaration_id, COSMETICS, contract_id="CHANGED-FOR-BOTH")
        assert "修撤单" in refused.value.message_zh
        assert "Inspection" in refused.value.message_en
        reply = await refile(window, declaration_id, COSMETICS, remarks="only customs gets the remarks")
        assert [leg["agency"] for leg in reply.body["legs"] if leg["state"] == "queued"] == ["customs"]
