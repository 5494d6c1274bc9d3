"""Deliver: once while all goes well, the same bytes under the same id when it does not, doubt shown and never hidden."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, select, update

from adapters.agency import Outgoing
from adapters.transports.folder import FolderChannel
from declarations.errors import AgencyRefused, AgencyUnavailable, OnewindowError, OutcomeUnknown, StorageUnavailable
from gateway import ask
from gateway.config import Settings
from gateway.database import schema
from gateway.database.stores import controls, messages, outbox
from gateway.database.types import database_now
from gateway.filing import outbox_row
from gateway.operations.faults import operator_faults
from gateway.outcome import Doubt, Later, Outcome, Parked, Policy, Sent
from gateway.wiring import Window
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    ROOT,
    agency,
    changed_rulebook,
    deliver,
    file,
    leases_end,
    until,
    window_at,
)

HOLDS = {"mappings/customs/agency.toml": ('duplicate_policy = "deduplicates"', 'duplicate_policy = "holds"')}


async def leg(window: Window, declaration_id: str, name: str = "customs") -> dict[str, Any]:
    found: dict[str, Any] = (await ask.declaration(window, CLIENT, declaration_id))["legs"][name]
    return found


async def in_outbox(window: Window) -> list[Any]:
    return list(await window.database.read(lambda connection: connection.execute(select(schema.outbox)).all()))


async def make_due(window: Window) -> None:
    """Everything in the outbox is due now."""

    def act(connection: Connection) -> None:
        connection.execute(update(schema.outbox).values(due_at=database_now(-1)))

    await window.database.write(act)


async def test_each_message_is_handed_over_once_and_as_it_was_stored(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        await deliver(window)
        (got,) = agency(window, "customs").got
        kept, _, _ = await ask.message_bytes(window, CLIENT, declaration_id, got.message_id)
        assert got.body == kept
        assert (got.reference, got.declaration_id, got.version) == ("SWSH2015A00000001", declaration_id, 1)
        assert (await leg(window, declaration_id))["state"] == "sent"
        assert await in_outbox(window) == []


async def test_a_waiting_leg_is_not_sent(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await file(window, COSMETICS)
        await deliver(window)
        assert len(agency(window, "inspection").got) == 1
        assert agency(window, "customs").got == []


async def test_an_agency_that_is_away_gets_the_same_message_later(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        seen: list[Outgoing] = []

        async def see(outgoing: Outgoing) -> None:
            seen.append(outgoing)

        customs = agency(window, "customs")
        customs.before, customs.troubles = see, [AgencyUnavailable("closed"), AgencyUnavailable("closed")]
        declaration_id = (await file(window)).body["id"]
        for _ in range(3):
            await make_due(window)
            await deliver(window)
        assert len(seen) == 3
        assert len({(each.message_id, each.body, each.accepted_at) for each in seen}) == 1
        assert len(customs.got) == 1
        assert (await leg(window, declaration_id))["state"] == "sent"


async def test_an_agency_that_names_a_time_is_left_alone_until_then(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        agency(window, "customs").troubles = [AgencyUnavailable("busy", retry_after=3600)]
        await file(window)
        await deliver(window)
        (row,) = await in_outbox(window)
        assert (row.due_at - row.created_at).total_seconds() > 1790, "half an hour at most, then it is tried"
        await deliver(window)
        assert agency(window, "customs").got == []


def test_delays_grow_with_full_jitter_up_to_the_cap(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, delivery_backoff_seconds=1, delivery_backoff_cap_seconds=8)
    policy = Policy.of({}, settings)
    tops = []
    for before in (0, 1, 2, 3, 4, 60):
        delays = [policy.delay(before) for _ in range(400)]
        tops.append(max(delays))
        assert min(delays) < 0.2 * max(delays), "full jitter begins at nothing"
    assert [round(top) for top in tops] == [1, 2, 4, 8, 8, 8]


async def test_a_refused_message_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_concurrency=1) as window:
        agency(window, "customs").troubles = [AgencyRefused("400 not a message", "400 不是报文")]
        first = (await file(window)).body["id"]
        second = (await file(window, trader_assigned_reference_id="SECOND")).body["id"]
        for _ in range(3):
            await make_due(window)
            await deliver(window)
        assert [got.reference for got in agency(window, "customs").got] == ["SECOND"]
        assert (await leg(window, second))["state"] == "sent"
        parked = await leg(window, first)
        assert parked["state"] == "parked"
        assert "请勿重复申报" in parked["next_zh"]
        (shown,) = (await operator_faults(window))["items"]
        assert (shown["kind"], shown["declaration_id"], shown["reason"]) == ("parked", first, "400 not a message")


async def test_a_message_too_old_is_parked(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_max_age_seconds=0.001) as window:
        agency(window, "customs").troubles = [AgencyUnavailable("closed")]
        declaration_id = (await file(window)).body["id"]
        await asyncio.sleep(0.05)
        await deliver(window)
        assert (await leg(window, declaration_id))["state"] == "parked"


async def test_a_doubt_stays_a_doubt_when_its_time_is_over(tmp_path: Path) -> None:
    """The first try may have reached the agency: parking it as never handed over would be a lie."""
    async with window_at(tmp_path, delivery_backoff_seconds=600, delivery_max_age_seconds=1) as window:
        agency(window, "customs").troubles = [OutcomeUnknown("reset"), AgencyUnavailable("closed")]
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        await asyncio.sleep(1.1)
        await make_due(window)
        await deliver(window)
        assert (await leg(window, declaration_id))["state"] == "outcome_unknown"
        await make_due(window)
        await deliver(window)
        assert agency(window, "customs").got == [], "it is held for an operator"


async def test_doubt_is_shown_while_a_deduplicating_agency_gets_the_same_again(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_backoff_seconds=600) as window:
        agency(window, "customs").troubles = [OutcomeUnknown("reset")]
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        doubted = await leg(window, declaration_id)
        assert doubted["state"] == "outcome_unknown"
        assert "请勿重复申报" in doubted["next_zh"]
        assert (await ask.declaration(window, CLIENT, declaration_id))["status"] == "in_progress"
        await make_due(window)
        await deliver(window)
        assert (await leg(window, declaration_id))["state"] == "sent"
        shown = await ask.declaration(window, CLIENT, declaration_id)
        assert shown["status"] == "filed", "the doubt is gone from the combined status too"
        assert len(agency(window, "customs").got) == 1


async def test_in_doubt_nothing_is_sent_again_to_an_agency_that_would_take_it_twice(tmp_path: Path) -> None:
    async with window_at(tmp_path, tables=changed_rulebook(HOLDS)) as window:
        agency(window, "customs").troubles = [OutcomeUnknown("reset")]
        declaration_id = (await file(window)).body["id"]
        for _ in range(3):
            await deliver(window)
            await make_due(window)
        assert agency(window, "customs").got == []
        assert (await leg(window, declaration_id))["state"] == "outcome_unknown"
        (shown,) = (await operator_faults(window))["items"]
        assert shown["kind"] == "outcome_unknown"


async def test_an_interrupted_sending_is_held_for_an_agency_that_would_take_it_twice(tmp_path: Path) -> None:
    async with window_at(tmp_path, tables=changed_rulebook(HOLDS)) as window:
        declaration_id = (await file(window)).body["id"]
        # a worker claims and is never seen again
        await window.database.write(lambda connection: outbox.claim(connection, "customs", "Lgone", -1, 10) and None)
        await deliver(window)
        assert agency(window, "customs").got == []
        assert (await leg(window, declaration_id))["state"] == "outcome_unknown"


async def test_an_interrupted_sending_is_repeated_for_an_agency_that_deduplicates(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await file(window)
        await window.database.write(lambda connection: outbox.claim(connection, "customs", "Lgone", 60, 10) and None)
        await deliver(window)
        assert agency(window, "customs").got == [], "the lease still runs"
    async with window_at(tmp_path) as window:
        # the only process that can have held the lease is gone
        await leases_end(window)
        await deliver(window)
        assert len(agency(window, "customs").got) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        Sent(),
        Parked(AgencyRefused("no")),
        Later(AgencyUnavailable("away"), 1.0),
        Doubt(OutcomeUnknown("reset"), 1.0),
        Doubt(OutcomeUnknown("reset")),
    ],
    ids=repr,
)
async def test_a_worker_that_lost_its_lease_changes_nothing(tmp_path: Path, outcome: Outcome) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window)).body["id"]
        deliverer = window.deliverers["customs"]
        (late,) = await window.database.write(
            lambda connection: outbox.claim(connection, "customs", "Lslow", lease=-1, at_most=10)
        )
        gate, sending = asyncio.Event(), asyncio.Event()

        async def hold(outgoing: Outgoing) -> None:
            sending.set()
            await gate.wait()

        agency(window, "customs").before = hold
        second = asyncio.create_task(deliverer.run_once())
        await sending.wait()
        before = await in_outbox(window), await ask.timeline(window, CLIENT, declaration_id)
        # the first worker comes back, its lease long over, and wants to record what became of its own attempt
        assert not await window.database.write(
            lambda connection: outcome.record(connection, window, late, "Lslow", failing=True)
        )
        assert (await in_outbox(window), await ask.timeline(window, CLIENT, declaration_id)) == before
        assert (await leg(window, declaration_id))["state"] == "queued"
        gate.set()
        assert await second == 1
        assert (await leg(window, declaration_id))["state"] == "sent"
        acts = [item["code"] for item in (await ask.timeline(window, CLIENT, declaration_id))["items"]]
        assert acts.count("sent") == 1


async def test_an_agency_that_can_be_asked_is_asked_before_anything_goes_again(tmp_path: Path) -> None:
    asks = {
        "mappings/customs/agency.toml": (
            'duplicate_policy = "deduplicates"',
            'duplicate_policy = "holds"\nquery = true',
        )
    }
    async with window_at(tmp_path, tables=changed_rulebook(asks), delivery_backoff_seconds=600) as window:
        customs = agency(window, "customs")
        customs.has = {}
        customs.troubles = [OutcomeUnknown("reset"), OutcomeUnknown("reset")]
        had = (await file(window)).body["id"]
        lost = (await file(window, trader_assigned_reference_id="LOST")).body["id"]
        await deliver(window)
        assert {(await leg(window, each))["state"] for each in (had, lost)} == {"outcome_unknown"}
        await make_due(window)
        await deliver(window)
        assert customs.got == [], "it could not tell: nothing goes twice to an agency that would take it twice"
        customs.has = {row.message_id: row.declaration_id == had for row in await in_outbox(window)}
        await make_due(window)
        await deliver(window)
        assert [got.reference for got in customs.got] == ["LOST"], "the one it has is not sent again, the other is"
        assert {(await leg(window, each))["state"] for each in (had, lost)} == {"sent"}


async def test_an_agency_that_is_away_is_left_alone_then_tried_with_one_message(tmp_path: Path) -> None:
    async with window_at(tmp_path, breaker_failures=3, breaker_seconds=600) as window:
        customs = agency(window, "customs")
        customs.troubles = [AgencyUnavailable("closed")] * 3
        for number in range(3):
            await file(window, trader_assigned_reference_id=f"FIRST{number}")
        await deliver(window)
        await file(window, trader_assigned_reference_id="LATER")
        await make_due(window)
        await deliver(window)
        assert customs.got == [], "the breaker is open"
        tried = []

        async def see(outgoing: Outgoing) -> None:
            tried.append(outgoing)

        customs.before, customs.troubles = see, [AgencyUnavailable("still closed")]

        def close_breaker(connection: Connection) -> None:
            connection.execute(update(schema.agency_control).values(resumes_at=database_now(-1)))

        await window.database.write(close_breaker)
        await deliver(window)
        assert len(tried) == 1, "one message finds out"
        await window.database.write(close_breaker)
        await make_due(window)
        await deliver(window)
        assert len(customs.got) == 4


async def test_nothing_is_sent_to_a_paused_agency_until_it_is_resumed(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await window.database.write(
            lambda connection: controls.pause(connection, "customs", "night", "maintenance", window.clock())
        )
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        assert agency(window, "customs").got == []
        assert (await leg(window, declaration_id))["state"] == "queued"
        await window.database.write(lambda connection: controls.resume(connection, "customs"))
        await deliver(window)
        assert len(agency(window, "customs").got) == 1


async def test_a_lease_that_ends_while_its_worker_runs_goes_to_another(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_lease_seconds=0.4) as window:
        declaration_id = (await file(window)).body["id"]
        tries = []

        async def hang(outgoing: Outgoing) -> None:
            tries.append(outgoing)
            if len(tries) == 1:
                await asyncio.sleep(3600)

        agency(window, "customs").before = hang
        window.start_worker()
        await until(lambda: len(agency(window, "customs").got) == 1)
        await window.stop()
        assert tries[0] == tries[1], "the same message under the same id"
        assert (await leg(window, declaration_id))["state"] == "sent"


async def test_a_hanging_agency_delays_no_other(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:

        async def hang(outgoing: Outgoing) -> None:
            await asyncio.sleep(3600)

        agency(window, "customs").before = hang
        window.start_worker()
        await file(window, ELECTRONICS)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await file(window, COSMETICS)
        await until(lambda: len(agency(window, "inspection").got) == 1, 5)
        assert time.monotonic() - started < 2
        for task in window._tasks:
            task.cancel()


async def test_a_fault_of_one_recording_waits_for_its_siblings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a storage that is away is waited for as long as the lease lasts
    async with window_at(tmp_path, delivery_lease_seconds=3) as window:
        first = (await file(window)).body["id"]
        second = (await file(window, trader_assigned_reference_id="SECOND")).body["id"]
        record = Sent.record

        def fail(self: Sent, connection: Connection, window: Window, row: Any, token: str, failing: bool) -> bool:
            if row.declaration_id == first:
                raise StorageUnavailable("no room")
            return record(self, connection, window, row, token, failing)

        monkeypatch.setattr(Sent, "record", fail)
        with pytest.raises(StorageUnavailable):
            await window.deliverers["customs"].run_once()
        assert (await leg(window, second))["state"] == "sent", "recorded before the fault shows"


@pytest.mark.parametrize("trouble", [AgencyRefused, OutcomeUnknown])
async def test_technical_words_reach_operators_and_never_traders(tmp_path: Path, trouble: type[OnewindowError]) -> None:
    words = "no answer from http://10.0.0.7:8092/messages"
    async with window_at(tmp_path, tables=changed_rulebook(HOLDS)) as window:
        agency(window, "customs").troubles = [trouble(words, words)]
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        for seen in (ask.declaration, ask.timeline, ask.messages):
            assert b"10.0.0.7" not in orjson.dumps(await seen(window, CLIENT, declaration_id))
        (shown,) = (await operator_faults(window))["items"]
        assert (shown["text"], shown["reason"], shown["reason_zh"]) == (words, words, words)


async def test_urgent_goes_first(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_concurrency=1) as window:
        for number in range(3):
            await file(window, trader_assigned_reference_id=f"PLAIN{number}")
        await file(window, trader_assigned_reference_id="URGENT", urgent_indicator="1")
        await deliver(window)
        assert [got.reference for got in agency(window, "customs").got] == ["URGENT", "PLAIN0", "PLAIN1", "PLAIN2"]


async def test_one_stuck_declaration_keeps_its_order_and_blocks_only_itself(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        agency(window, "customs").troubles = [AgencyUnavailable("later", retry_after=3600)]
        stuck = (await file(window)).body["id"]
        await deliver(window)

        def add_second(connection: Connection) -> None:
            # a later message of the same declaration to the same agency
            first = messages.of_declaration(connection, stuck)[0]
            second = {**first._asdict(), "id": "M2", "version": 2, "exchange_name": "second"}
            messages.add(connection, [second], {"M2": b"<second/>"}, window.clock())
            outbox.add(connection, [outbox_row(second, urgent=True, trace=None)])

        await window.database.write(add_second)
        await file(window, trader_assigned_reference_id="NEIGHBOUR")
        await deliver(window)
        assert [got.reference for got in agency(window, "customs").got] == ["NEIGHBOUR"]
        await make_due(window)
        await deliver(window)
        assert [got.version for got in agency(window, "customs").got] == [1, 1, 2]


async def test_a_stopped_window_gives_back_what_it_has_not_begun(tmp_path: Path) -> None:
    async with window_at(tmp_path, delivery_concurrency=1) as window:
        for number in range(5):
            await file(window, trader_assigned_reference_id=f"PLAIN{number}")

        async def stop(outgoing: Outgoing) -> None:
            window.deliverers["customs"].stopping = True

        agency(window, "customs").before = stop
        await window.deliverers["customs"].run_once()
        assert len(agency(window, "customs").got) == 1, "what was under way ends"
        left = await in_outbox(window)
        assert len(left) == 4
        assert {(row.lease_token, row.attempts) for row in left} == {(None, 0)}


# Real processes, really killed

PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from adapters.transports.folder import FolderChannel
from gateway.wiring import open_window
from tests.support.backend import settings_at
from tests.support.windows import Agency, TickingClock, file

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class DyingChannel(FolderChannel):
    async def send(self, outgoing):
        if sys.argv[2] == "before_sending":
            die()
        await super().send(outgoing)
        if sys.argv[2] == "after_sending":
            die()

async def main():
    data = Path(sys.argv[1])
    async with open_window(settings_at(data_dir=data), TickingClock()) as window:
        window.channels["customs"] = DyingChannel("customs", data / "exchange" / "customs")
        reply = await file(window)
        print(reply.body["id"], flush=True)
        if sys.argv[2] == "after_accept":
            die()
        await window.deliverers["customs"].run_once()
        if sys.argv[2] == "after_record":
            die()

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["after_accept", "before_sending", "after_sending", "after_record"])
async def test_killed_anywhere_every_accepted_filing_reaches_its_agency_once(tmp_path: Path, point: str) -> None:
    died = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), point], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    declaration_id = died.stdout.splitlines()[0]
    before = {path.name: path.read_bytes() for path in (tmp_path / "exchange" / "customs").rglob("*.zip")}
    async with window_at(tmp_path) as window:
        window.channels["customs"] = FolderChannel("customs", tmp_path / "exchange" / "customs")
        await leases_end(window)
        await deliver(window)
        assert (await leg(window, declaration_id))["state"] == "sent"
        assert await in_outbox(window) == []
    after = {path.name: path.read_bytes() for path in (tmp_path / "exchange" / "customs").rglob("*.zip")}
    assert len(after) == 1, "one file name: one effect at an agency that knows its files"
    assert before.items() <= after.items(), "a repeated file has the same name and the same bytes"
    assert os.listdir(tmp_path / "exchange" / "customs" / "OutBox") == list(after)
