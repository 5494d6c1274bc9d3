"""Stored answers read again by the tables in force, and archive and retention as operators ask for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from declarations.answers import AnswerTables
from declarations.errors import UnreadableResponse
from gateway.database import schema
from gateway.receive import receive
from tests.support.desk import OPERATIONS, Desk, desk
from tests.support.plain import plain_rows
from tests.support.served import problem
from tests.support.windows import TickingClock, deliver, file, inspected, receipt, result

REFERENCE = "SWSH2015A00000001"
SINCE = "2015-10-01"


async def counts(at: Desk, **what: Any) -> dict[str, int]:
    """What became of the documents read again, those that are none left out."""
    found = (await at.ann.post("replay", **({"since": SINCE} | what)))["counts"]
    return {name: count for name, count in found.items() if count}


async def closed(at: Desk, clock: TickingClock) -> str:
    """A declaration that went all the way."""
    declaration_id: str = (await file(at.window)).body["id"]
    await deliver(at.window)
    clock.tick(60)
    await receive(at.window, "customs", receipt(REFERENCE))
    for channel in ("7", "P", "R"):
        clock.tick(60)
        await receive(at.window, "customs", result(channel, clock.now))
    return declaration_id


async def test_answers_that_were_taken_change_nothing(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        declaration_id = await closed(at, clock)
        tables = (schema.answer, schema.inbox, schema.message, schema.declaration)
        before = [await at.rows(table) for table in tables]
        clock.tick(3600)
        assert await counts(at) == {"read": 4, "unchanged": 4}
        assert await counts(at, declaration=declaration_id) == {"read": 4, "unchanged": 4}
        assert [await at.rows(table) for table in tables] == before
        (first, _) = await at.acts("replayed")
        assert (first.actor, first.details["read"], first.details["since"]) == ("operator:ann", "4", SINCE)


async def test_a_code_understood_by_now_takes_effect(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        await file(at.window)
        await deliver(at.window)
        await receive(at.window, "customs", receipt(REFERENCE))
        clock.tick(60)
        await receive(at.window, "customs", result("R", clock.now))

        def forget(connection: Connection) -> None:
            """As if no table had held the code when the answer came."""
            connection.execute(update(schema.answer).where(schema.answer.c.code == "R").values(known=False))
            connection.execute(update(schema.message).values(state="stored"))
            connection.execute(update(schema.declaration).values(status="in_progress"))

        await at.window.database.write(forget)
        assert await counts(at) == {"read": 2, "unchanged": 1, "understood": 1}
        (row,) = await at.rows(schema.declaration)
        assert row.status == "closed"
        assert await counts(at) == {"read": 2, "unchanged": 2}


async def test_documents_that_can_be_read_or_matched_by_now_are_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        await file(at.window)
        await deliver(at.window)

        def unreadable(*_: Any) -> Any:
            raise UnreadableResponse("no table reads this", "没有可用的映射表")

        with monkeypatch.context() as broken:
            broken.setattr(AnswerTables, "read", unreadable)
            await receive(at.window, "customs", receipt(REFERENCE))
            assert await counts(at) == {"read": 1, "unreadable": 1}
        await receive(at.window, "inspection", inspected("10", "NOBODY00000000001", at.window.clock()))
        assert await counts(at) == {"read": 2, "taken_up": 1, "waiting": 1}
        assert [row.state for row in await at.rows(schema.message)] == ["stored"]
        assert await counts(at) == {"read": 2, "unchanged": 1, "waiting": 1}
        assert len(await at.rows(schema.unmatched)) == 1
        assert await counts(at, agency="customs") == {"read": 1, "unchanged": 1}


async def test_an_answer_read_wrongly_before_leaves_nothing_waiting_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        await file(at.window)
        await deliver(at.window)
        right = AnswerTables.read

        def wrong(*arguments: Any) -> Any:
            return [replace(each, refers_to="NOBODY", unified_number=None) for each in right(*arguments)]

        with monkeypatch.context() as broken:
            broken.setattr(AnswerTables, "read", wrong)
            await receive(at.window, "customs", receipt(REFERENCE))
        assert len(await at.rows(schema.unmatched)) == 1
        assert await counts(at) == {"read": 1, "taken_up": 1}
        assert await at.rows(schema.unmatched) == []
        assert [row.state for row in await at.rows(schema.message)] == ["stored"]


async def test_a_document_that_reads_differently_now_is_left_alone(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await file(at.window)
        await deliver(at.window)
        await receive(at.window, "customs", receipt(REFERENCE))

        def otherwise(connection: Connection) -> None:
            (row,) = plain_rows(connection, schema.answer)
            response = {**row.response, "text": "as read by older tables"}
            connection.execute(update(schema.answer).values(response=response))

        await at.window.database.write(otherwise)
        before = await at.rows(schema.answer), await at.rows(schema.inbox)
        assert await counts(at) == {"read": 1, "differs": 1}
        assert (await at.rows(schema.answer), await at.rows(schema.inbox)) == before


async def test_a_replay_goes_on_page_by_page_within_its_days(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        await closed(at, clock)
        seen, cursor = 0, None
        for _ in range(10):
            page = await at.ann.post("replay", since=SINCE, limit=1, **({"cursor": cursor} if cursor else {}))
            seen, cursor = seen + page["counts"]["read"], page["next"]
            if cursor is None:
                break
        assert seen == 4
        assert await counts(at, since="2015-10-24") == {}
        assert await counts(at, until="2015-10-22") == {}
        assert await counts(at, until="2015-10-23") == {"read": 4, "unchanged": 4}


async def test_a_replay_needs_a_day_or_a_declaration(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for content in (
            {},
            {"agency": "customs"},
            {"since": "yesterday"},
            {"since": SINCE, "agency": "nobody"},
            {"days": 3},
        ):
            await problem(await at.ann.http.post(f"{OPERATIONS}/replay", json=content), 400, "bad_request")


async def test_what_is_past_its_term_goes_only_archived_and_by_two(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        declaration_id = await closed(at, clock)
        clock.now += timedelta(days=40 * 365)
        assert (await at.ann.get("retention"))["result"]["would_remove"] == 0, "it is not archived yet"
        archived = (await at.ann.post("archive"))["result"]
        assert archived["archived"] == 1
        due = (await at.ann.get("retention"))["result"]
        assert due["would_remove"] == 1
        assert (await at.ann.get("messages", declaration=declaration_id))["messages"], "shown, not removed"
        asked = await at.ann.ask("retention", "retention")
        reply = await at.ann.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant")
        await problem(reply, 403, "forbidden")
        done = await at.bob.grant(asked)
        assert "removed 1" in done["outcome_en"]
        await at.ann.get("messages", 404, declaration=declaration_id)
        codes = [(act.code, act.actor) for act in await at.acts("archived", "approval_granted", "retention")]
        assert codes == [("archived", "operator:ann"), ("approval_granted", "operator:bob"), ("retention", "window")]
