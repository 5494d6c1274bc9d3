"""The port clearance is issued once, when all four agencies have released the version that counts, and follows what they say."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.calls import certificates as use
from gateway.receive import receive
from tests.support import ships
from tests.support.ships import AGENCIES, ENTRY, EXIT, certificates, file, leaving, released, says, ship_window
from tests.support.windows import TickingClock


async def states(window: object) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in await certificates(window)]  # type: ignore[arg-type]


@pytest.mark.parametrize("order", list(itertools.permutations(AGENCIES)), ids="-".join)
async def test_in_whatever_order_they_release_the_end_is_the_same(tmp_path: Path, order: tuple[str, ...]) -> None:
    async with ship_window(tmp_path) as window:
        arrival = await file(window, "arrival")
        await released(window, arrival.body["id"], ENTRY, *order)
        departure = await file(window, "departure")
        for number, agency in enumerate(reversed(order)):
            assert len(await certificates(window)) == 0, number
            await says(window, departure.body["id"], agency, EXIT)
        [issued] = await certificates(window)
        assert (issued.state, issued.declaration_id, issued.version) == ("valid", departure.body["id"], 1)
        assert issued.sail_by - issued.issued_at == timedelta(hours=24)


async def test_two_hundred_double_releases_at_once_give_one_certificate_and_none_is_stuck(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        ids, entries = [], []
        for number in range(25):
            voyage = f"V{number:04}"
            arrival = await file(window, "arrival", voyage_id=voyage)
            await released(window, arrival.body["id"], ENTRY, "customs", "inspection", "maritime")
            departure = await file(window, "departure", voyage_id=voyage)
            ids.append(departure.body["id"])
            entries.append(arrival.body["id"])
        messages = {
            (each, agency): await ships.message_of(window, each, agency)
            for each in (*ids, *entries)
            for agency in AGENCIES
        }
        # each release twice, in documents of their own: 25 x 4 x 2 = 200 writers
        documents = [
            (agency, ships.answer(agency, messages[each, agency], EXIT, clock(), own=own))
            for each in ids
            for agency in AGENCIES
            for own in (f"A{each}", f"B{each}")
        ]
        # and at the same moment the last word on the entry, which is another filing of the same call
        documents += [("border", ships.answer("border", messages[each, "border"], ENTRY, clock())) for each in entries]
        random.Random(5).shuffle(documents)
        await asyncio.gather(*(receive(window, agency, body) for agency, body in documents))
        issued = await certificates(window)
        assert sorted(row.declaration_id for row in issued) == sorted(ids)
        assert {row.state for row in issued} == {"valid"}
        numbers = sorted(row.number for row in issued)
        assert len(set(numbers)) == 25
        # none was drawn and thrown away
        assert [int(number[-6:]) for number in numbers] == list(range(1, 26))


async def test_the_last_words_on_entry_and_exit_at_once_leave_no_ship_stuck(tmp_path: Path) -> None:
    """Two filings of one call are settled under locks of their own: each alone would see the other one open."""
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        documents = []
        for number in range(20):
            filed = [await file(window, step, voyage_id=f"V{number:04}") for step in ("arrival", "departure")]
            for reply, code in zip(filed, (ENTRY, EXIT), strict=True):
                await released(window, reply.body["id"], code, "customs", "inspection", "maritime")
                message_id = await ships.message_of(window, reply.body["id"], "border")
                documents.append(ships.answer("border", message_id, code, clock()))
        assert await certificates(window) == []
        for pair in zip(documents[::2], documents[1::2], strict=True):
            await asyncio.gather(*(receive(window, "border", body) for body in pair))
        assert [row.state for row in await certificates(window)] == ["valid"] * 20


async def test_reopened_suspends_at_once_and_released_again_it_is_valid_again(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        _, exit_id = await leaving(window)
        await released(window, exit_id, EXIT)
        clock.tick(60)
        await says(window, exit_id, "border", "REO")
        assert await states(window) == [("suspended", "reopened")]
        clock.tick(60)
        await says(window, exit_id, "border", EXIT)
        assert await states(window) == [("valid", None)]


@pytest.mark.parametrize("code", ["HLD", "DET"])
async def test_held_or_detained_there_is_none_and_one_that_is_there_is_suspended(tmp_path: Path, code: str) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        _, exit_id = await leaving(window)
        await says(window, exit_id, "maritime", code)
        clock.tick(60)
        await released(window, exit_id, EXIT, "customs", "inspection", "border")
        assert await certificates(window) == []
        await says(window, exit_id, "maritime", "LFT")
        clock.tick(60)
        await says(window, exit_id, "maritime", EXIT)
        assert await states(window) == [("valid", None)]
        clock.tick(60)
        await says(window, exit_id, "maritime", code)
        assert await states(window) == [("suspended", "held")]


async def test_what_the_entry_holds_back_holds_the_ship(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        arrival = await file(window, "arrival")
        await released(window, arrival.body["id"], ENTRY, "customs", "inspection", "maritime")
        departure = await file(window, "departure")
        await released(window, departure.body["id"], EXIT)
        assert await certificates(window) == []
        await says(window, arrival.body["id"], "border", ENTRY)
        assert await states(window) == [("valid", None)]
        clock.tick(60)
        await says(window, arrival.body["id"], "inspection", "REO")
        assert await states(window) == [("suspended", "reopened")]


async def test_an_answer_to_an_older_version_changes_nothing(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        _, exit_id = await leaving(window)
        old = await ships.message_of(window, exit_id, "border")
        await released(window, exit_id, EXIT, "customs", "inspection", "maritime")
        clock.tick(60)
        await says(window, exit_id, "border", "REJ")
        clock.tick(60)
        await ships.corrected(window, exit_id, "departure")
        await receive(window, "border", ships.answer("border", old, EXIT, clock.tick(60)))
        assert await certificates(window) == []
        clock.tick(60)
        await says(window, exit_id, "border", EXIT)
        [issued] = await certificates(window)
        assert (issued.state, issued.version) == ("valid", 2)


async def test_entry_and_exit_together_and_periodic_need_one_filing(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        both = await file(window, "entry_and_exit", voyage_id="B1")
        await released(window, both.body["id"], "RBO")
        ferry = await file(window, "periodic", voyage_id="P1")
        await released(window, ferry.body["id"], "RBO")
        assert await states(window) == [("valid", None), ("valid", None)]


async def test_departed_it_is_used_and_the_call_is_closed(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        _, exit_id = await leaving(window)
        await released(window, exit_id, EXIT)
        clock.tick(3600)
        sailed = await file(window, "movement", atd="201510231000")
        assert sailed.status == 202
        assert await states(window) == [("used", None)]
        [issued] = await certificates(window)
        shown = await use.state_of(window, issued.number, issued.code)
        assert shown is not None
        assert shown["state"] == "used"


async def test_the_public_state_tells_nobody_s_name_and_nothing_without_its_code(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        _, exit_id = await leaving(window)
        await released(window, exit_id, EXIT)
        [issued] = await certificates(window)
        shown = await use.state_of(window, issued.number, issued.code)
        assert shown is not None
        assert (shown["state"], shown["imo_number"]) == ("valid", "9900019")
        assert "ZHANG" not in str(shown)
        assert await use.state_of(window, issued.number, "WRONGWRONGWRONG2") is None
        assert await use.state_of(window, "SHA2015999999", issued.code) is None
