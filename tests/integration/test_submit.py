"""Submit: what is accepted is kept whole, what is refused leaves nothing, and the same request never files twice."""

from __future__ import annotations

import asyncio
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, select

from declarations.errors import (
    BadConfiguration,
    DuplicateReference,
    IdempotencyKeyReused,
    InvalidDeclaration,
    NotFound,
    TooLarge,
    UnreadableDocument,
)
from gateway import amend, ask, filing
from gateway.cli.files import Desk
from gateway.database import schema
from gateway.database.stores import messages as stored
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    HOUSEHOLD,
    JSON,
    STRANGER,
    TickingClock,
    add_organisation,
    file,
    sample,
    window_at,
)

KEPT = (
    "declaration",
    "declaration_version",
    "message",
    "message_body",
    "outbox",
    "journal",
    "idempotency",
    "search_key",
)


async def rows(window: Window) -> dict[str, int]:
    """How many rows each table holds."""

    def count(connection: Connection) -> dict[str, int]:
        return {
            name: connection.scalar(select(func.count()).select_from(schema.metadata.tables[name])) or 0
            for name in KEPT
        }

    return await window.database.read(count)


async def test_a_filing_is_answered_before_any_agency_has_it(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        reply = await file(window, ELECTRONICS)
        assert reply.status == 202
        assert reply.body["reference"] == "SWSH2015A00000001"
        assert (reply.body["version"], reply.body["status"]) == (1, "filed")
        assert reply.body["status_zh"] != reply.body["status_en"]
        (leg,) = reply.body["legs"]
        assert (leg["agency"], leg["state"], leg["waits_for"]) == ("customs", "queued", None)
        assert reply.headers["Location"] == reply.body["links"]["self"]
        shown = await ask.declaration(window, CLIENT, reply.body["id"])
        assert (shown["reference"], shown["status"]) == ("SWSH2015A00000001", "filed")


async def test_what_was_filed_and_what_is_sent_is_kept_byte_for_byte(tmp_path: Path) -> None:
    body = b"\n  " + sample(COSMETICS) + b"\n"
    async with window_at(tmp_path) as window:
        declaration_id = (await submit(window, CLIENT, body, "application/json; charset=utf-8")).body["id"]
        listed = (await ask.messages(window, CLIENT, declaration_id))["items"]
        filed = next(item for item in listed if item["direction"] == "filed")
        kept, media_type, _ = await ask.message_bytes(window, CLIENT, declaration_id, filed["id"])
        assert kept == body
        assert media_type == "application/json; charset=utf-8"
        sent = next(item for item in listed if item["agency"] == "inspection")
        message, media_type, name = await ask.message_bytes(window, CLIENT, declaration_id, sent["id"])
        assert b"SWSH2015B00000002" in message
        assert media_type == "application/xml"
        assert name.endswith(".xml")
        assert len(message) == sent["size"]


async def test_customs_waits_for_the_clearance_form_that_inspection_will_give(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        legs = {leg["agency"]: leg for leg in (await file(window, COSMETICS)).body["legs"]}
        assert (legs["inspection"]["state"], legs["customs"]["state"]) == ("queued", "waiting")
        assert legs["customs"]["waits_for"] == "inspection.clearance_form_id"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", UnreadableDocument),
        (b"", UnreadableDocument),
        (sample(ELECTRONICS, total_gross_mass="1"), InvalidDeclaration),
        (sample(ELECTRONICS, trader_assigned_reference_id=None), InvalidDeclaration),
        (sample(ELECTRONICS, nonsense="1"), InvalidDeclaration),
        (b"[" * 3_000_001, TooLarge),
    ],
)
async def test_what_is_refused_leaves_nothing(tmp_path: Path, body: bytes, error: type[Exception]) -> None:
    async with window_at(tmp_path, max_body_bytes=3_000_000) as window:
        before = await rows(window)
        with pytest.raises(error) as refused:
            await submit(window, CLIENT, body, JSON, idempotency_key="k")
        if error is not TooLarge:
            assert refused.value.faults  # type: ignore[attr-defined]
        assert await rows(window) == before
        assert set(before.values()) == {0}


async def test_a_check_stores_nothing_and_tells_warnings(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        reply = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="k", check_only=True)
        assert reply.status == 200
        assert reply.body["valid"] is True
        assert {fault["severity"] for fault in reply.body["faults"]} <= {"warning"}
        assert set((await rows(window)).values()) == {0}
        await file(window, ELECTRONICS)
        again = await submit(window, CLIENT, sample(ELECTRONICS), JSON, check_only=True)
        assert again.body["faults"][0]["code"] == "R-HDR-02"


async def test_a_reference_on_a_live_filing_is_refused_with_the_way_to_it(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        first = (await file(window)).body["id"]
        before = await rows(window)
        with pytest.raises(DuplicateReference) as refused:
            await file(window, total_net_mass="2479")
        assert refused.value.details["declaration_id"] == first
        (fault,) = refused.value.faults
        assert (fault.code, fault.pointer) == ("R-HDR-02", "/trader_assigned_reference_id")
        assert fault.message_zh
        assert await rows(window) == before
        assert (await file(window, trader_assigned_reference_id="SWSH2015A00000009")).status == 202
        # withdrawn: no longer live
        await amend.withdraw(window, CLIENT, first)
        assert (await file(window)).status == 202


async def test_the_same_key_gets_the_same_bytes_again(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        first = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="a-1")
        stored = await rows(window)
        again = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="a-1")
        assert orjson.dumps(again.body) == orjson.dumps(first.body)
        assert again.status == first.status
        assert again.headers == {**first.headers, "Idempotent-Replayed": "true"}
        assert "Idempotent-Replayed" not in first.headers
        assert await rows(window) == stored
        with pytest.raises(IdempotencyKeyReused):
            await submit(window, CLIENT, sample(HOUSEHOLD), JSON, idempotency_key="a-1")
        assert await rows(window) == stored


async def test_fifty_at_once_with_one_key_file_once(tmp_path: Path) -> None:
    body = sample(ELECTRONICS)
    async with window_at(tmp_path) as window:
        replies = await asyncio.gather(
            *(submit(window, CLIENT, body, JSON, idempotency_key="once") for _ in range(50)), return_exceptions=True
        )
        assert not [reply for reply in replies if isinstance(reply, BaseException)]
        assert len({orjson.dumps(reply.body) for reply in replies if not isinstance(reply, BaseException)}) == 1
        counted = await rows(window)
        assert (counted["declaration"], counted["message"], counted["outbox"]) == (1, 1, 1)


async def test_fifty_at_once_with_one_reference_file_once(tmp_path: Path) -> None:
    body = sample(ELECTRONICS)
    async with window_at(tmp_path) as window:
        replies = await asyncio.gather(
            *(submit(window, CLIENT, body, JSON, idempotency_key=str(number)) for number in range(50)),
            return_exceptions=True,
        )
        refused = [reply for reply in replies if isinstance(reply, DuplicateReference)]
        assert len(refused) == 49
        assert (await rows(window))["declaration"] == 1


async def test_another_organisation_sees_nothing_and_may_use_the_same_reference(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await add_organisation(window, STRANGER.organisation_id)
        mine = (await file(window)).body["id"]
        for question in (ask.declaration, ask.timeline, ask.messages):
            with pytest.raises(NotFound):
                await question(window, STRANGER, mine)
        assert (await ask.find(window, STRANGER))["items"] == []
        theirs = (await submit(window, STRANGER, sample(ELECTRONICS), JSON)).body["id"]
        assert theirs != mine
        assert [item["id"] for item in (await ask.find(window, STRANGER, q="SWSH2015A00000001"))["items"]] == [theirs]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"reference": "SWSH2015A00000001"}, {ELECTRONICS}),
        ({"reference": "00000001"}, {ELECTRONICS}),
        ({"reference": "001"}, set()),  # fewer than four characters are whole values only
        ({"bill": "11244081730_BMF150921"}, {COSMETICS}),
        ({"bill": "11244081730"}, {COSMETICS}),  # the master bill alone
        ({"bill": "150921"}, {COSMETICS}),
        ({"contract": "bm-fr-2015-088"}, {COSMETICS}),
        ({"party": "上海馥曼化妆品贸易有限公司"}, {COSMETICS}),
        ({"party": "有限公司"}, set()),  # names have no last digits
        ({"ship": "CK204"}, {COSMETICS}),
        ({"q": "3122960457"}, {COSMETICS}),
        ({"contract": "11244081730"}, set()),
        ({"state": "filed"}, {ELECTRONICS, COSMETICS}),
        ({"state": "waiting"}, {COSMETICS}),
        ({"state": "released"}, set()),
        ({"obligation": "pay"}, set()),
        ({}, {ELECTRONICS, COSMETICS}),
        ({"q": "%"}, set()),
    ],
)
async def test_found_by(tmp_path: Path, asked: dict[str, Any], found: set[str]) -> None:
    async with window_at(tmp_path) as window:
        ids = {(await file(window, name)).body["id"]: name for name in (ELECTRONICS, COSMETICS)}
        page = await ask.find(window, CLIENT, **asked)
        assert {ids[item["id"]] for item in page["items"]} == found


async def test_pages_follow_each_other_newest_first(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        filed = []
        for number in range(5):
            clock.tick(60)
            filed.append((await file(window, trader_assigned_reference_id=f"PAGE{number}")).body["id"])
        first = await ask.find(window, CLIENT, limit=3)
        second = await ask.find(window, CLIENT, limit=3, cursor=first["next"])
        assert [item["id"] for item in first["items"] + second["items"]] == filed[::-1]
        assert second["next"] is None
        day = clock().date()
        assert len((await ask.find(window, CLIENT, since=day, until=day))["items"]) == 5
        assert (await ask.find(window, CLIENT, until=day.replace(day=day.day - 1)))["items"] == []
        for ends in ({"until": date.max}, {"since": date.min}, {"since": date.min, "until": date.max}):
            assert len((await ask.find(window, CLIENT, **ends))["items"]) == 5  # type: ignore[arg-type]
        for ends in ({"since": date.max}, {"until": date.min}, {"since": date.max, "until": date.min}):
            assert (await ask.find(window, CLIENT, **ends))["items"] == []  # type: ignore[arg-type]


async def test_a_command_fills_the_windows_own_values_as_the_window_does(tmp_path: Path) -> None:
    async with window_at(tmp_path, filer={"inputter_name": "李录入"}) as window:
        declaration_id = (await file(window)).body["id"]
        (row,) = await window.database.read(lambda connection: stored.current(connection, declaration_id))
        form = filing.read(window, sample(ELECTRONICS), JSON)
        desk = Desk(window.settings, window.rulebook, window.rulebook.context(form.at))
        assert {**desk.filing_values(form.declaration), "message_id": row.id} == row.filing


async def test_agency_secrets_are_read_once(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        key = window.agency_key("customs")
        shutil.rmtree(window.settings.secrets_dir)
        assert window.agency_key("customs") == key
        with pytest.raises(BadConfiguration, match=r"nobody\.hmac"):
            window.agency_key("nobody")
