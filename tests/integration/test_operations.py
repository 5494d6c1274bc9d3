"""The operator's desk, reading: queues, what is stuck, who is silent, every message and document as it was."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from sqlalchemy import Connection, select, update

from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown
from gateway.database import schema
from gateway.database.stores import processes
from gateway.database.types import database_now
from gateway.receive import receive
from tests.support.desk import OPERATIONS, Desk, desk
from tests.support.served import problem
from tests.support.windows import (
    COSMETICS,
    ELECTRONICS,
    HOUSEHOLD,
    TickingClock,
    agency,
    changed_rulebook,
    deliver,
    file,
    inspected,
    receipt,
    result,
    sample,
)

HOLDS = {"mappings/customs/agency.toml": ('duplicate_policy = "deduplicates"', 'duplicate_policy = "holds"')}
REFERENCE = "SWSH2015A00000001"


async def of(desk: Desk, name: str) -> dict[str, Any]:
    """The queues of one agency, as ann sees them."""
    items = (await desk.ann.get("queues"))["items"]
    return next(item for item in items if item["agency"] == name)


async def age(desk: Desk, minutes: float) -> None:
    """Everything in the outbox has been there for so long."""

    def act(connection: Connection) -> None:
        connection.execute(update(schema.outbox).values(created_at=database_now(-60.0 * minutes)))

    await desk.window.database.write(act)


async def test_queues_tell_lanes_apart_and_what_is_held_and_waits(tmp_path: Path) -> None:
    async with desk(tmp_path, tables=changed_rulebook(HOLDS)) as at:
        empty = await of(at, "customs")
        assert (empty["urgent"], empty["ordinary"], empty["held"], empty["oldest_seconds"]) == (0, 0, 0, None)
        await file(at.window)
        agency(at.window, "customs").troubles = [OutcomeUnknown("no reply", "无响应")]
        await deliver(at.window)
        await file(at.window, HOUSEHOLD)
        await file(at.window, COSMETICS)
        await file(at.window, ELECTRONICS, trader_assigned_reference_id="SWSH2015A00000009", urgent_indicator="1")
        await age(at, 10)
        customs, inspection = await of(at, "customs"), await of(at, "inspection")
        assert (customs["urgent"], customs["ordinary"], customs["held"], customs["waiting"]) == (1, 1, 1, 1)
        assert (inspection["ordinary"], inspection["waiting"]) == (1, 0)
        assert 600 <= customs["oldest_seconds"] < 700, "an age on the database's clock"
        assert customs["agency_zh"] == "海关"


async def test_queues_tell_when_each_side_last_spoke_and_what_documents_wait(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        await file(at.window)
        await deliver(at.window)
        assert (await of(at, "customs"))["last_delivered"] == clock.now.isoformat()
        clock.tick(60)
        await receive(at.window, "customs", receipt(REFERENCE))
        await receive(at.window, "customs", b"<nothing/>")
        await receive(at.window, "customs", receipt("NOBODY00000000001", "I20150000000000777"))
        customs, inspection = await of(at, "customs"), await of(at, "inspection")
        assert customs["last_heard"] == clock.now.isoformat()
        assert customs["documents"] == {"received": 0, "oldest_seconds": None, "waiting": 1, "quarantined": 1}
        assert (inspection["last_heard"], inspection["last_heard_before"]) == (None, None)


async def test_a_circuit_that_opened_shows_in_the_queues_and_resume_closes_it(tmp_path: Path) -> None:
    async with desk(tmp_path, breaker_failures=1) as at:
        await file(at.window)
        agency(at.window, "customs").troubles = [AgencyUnavailable("away", "无法连接")]
        await deliver(at.window)
        customs = await of(at, "customs")
        assert (customs["breaker"]["state"], customs["breaker"]["failures"]) == ("open", 1)
        assert customs["breaker"]["resumes_at"]
        await at.ann.post("agencies/customs/resume", reason="they are back")
        assert (await of(at, "customs"))["breaker"] == {"state": "closed", "failures": 0, "resumes_at": None}


async def test_every_kind_of_stuck_is_listed_urgent_first_with_what_to_do(tmp_path: Path) -> None:
    async with desk(tmp_path, tables=changed_rulebook(HOLDS)) as at:
        agency(at.window, "customs").troubles = [
            OutcomeUnknown("no reply", "无响应"),
            AgencyRefused("bad seal", "印章有误"),
        ]
        doubted = (await file(at.window)).body["id"]
        await deliver(at.window)
        parked = (await file(at.window, HOUSEHOLD)).body["id"]
        await deliver(at.window)
        vain = (await file(at.window, COSMETICS)).body["id"]
        await deliver(at.window)
        reference = sample_reference(COSMETICS)
        at.window.clock.tick(60)  # type: ignore[attr-defined]
        await receive(at.window, "inspection", inspected("30", reference, at.window.clock(), info="退单"))
        queued = (await file(at.window, trader_assigned_reference_id="QUEUED0000000001")).body["id"]
        urgent = (await file(at.window, trader_assigned_reference_id="URGENT0000000001", urgent_indicator="1")).body[
            "id"
        ]
        assert queued not in {item["declaration_id"] for item in (await at.ann.get("stuck"))["items"]}, (
            "not for long yet"
        )
        await age(at, 31)
        items = (await at.ann.get("stuck"))["items"]
        assert items[0]["declaration_id"] == urgent
        assert items[0]["urgent"]
        assert not any(item["urgent"] for item in items[1:])
        kinds = {item["declaration_id"]: item["kind"] for item in items}
        assert kinds == {
            urgent: "queued", doubted: "outcome_unknown", parked: "parked", vain: "in_vain", queued: "queued",
        }  # fmt: skip
        assert all(item["reason_zh"] for item in items if item["kind"] != "queued")
        assert all(item["do_zh"] and item["do_en"] and item["since"] for item in items)
        assert "印章有误" in {item["reason_zh"] for item in items}
        of_inspection = await at.ann.get("stuck", agency="inspection", minutes=0)
        assert of_inspection["items"] == []


async def test_lists_go_on_page_by_page_without_loss_or_repetition(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for number in range(7):
            urgent = {"urgent_indicator": "1"} if number % 3 == 0 else {}
            await file(at.window, trader_assigned_reference_id=f"PAGE00000000000{number:02}", **urgent)
        await age(at, 40)
        whole = [item["message_id"] for item in (await at.ann.get("stuck"))["items"]]
        paged, cursor = [], {}
        while True:
            page = await at.ann.get("stuck", limit=2, **cursor)
            paged += [item["message_id"] for item in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert paged == whole
        assert len(whole) == 7


async def test_a_silent_agency_is_listed_once_its_time_is_over(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        declaration_id = (await file(at.window)).body["id"]
        await deliver(at.window)
        assert (await at.ann.get("silent"))["items"] == []
        clock.now += timedelta(days=30)
        (item,) = (await at.ann.get("silent"))["items"]
        assert (item["declaration_id"], item["agency"], item["kind"]) == (declaration_id, "customs", "silent")
        assert item["expected_by"] < clock.now.isoformat()
        assert item["since"]
        assert "海关" in item["reason_zh"]
        assert "OutBox" in item["do_zh"], "what to do is told by the agency's own table"
        assert item["severity"] == "critical"
        assert (await of(at, "customs"))["silent"] == 1
        await receive(at.window, "customs", receipt(REFERENCE))
        await receive(at.window, "customs", result("R", clock.now))
        assert (await at.ann.get("silent"))["items"] == [], "nothing more is expected of a closed leg"


async def test_one_message_is_shown_stage_by_stage_with_exact_bytes_and_looking_is_journalled(tmp_path: Path) -> None:
    async with desk(tmp_path, tables=changed_rulebook(HOLDS)) as at:
        body = sample(ELECTRONICS)
        declaration_id = (await file(at.window)).body["id"]
        agency(at.window, "customs").troubles = [OutcomeUnknown("cut off", "连接中断")]
        await deliver(at.window)
        (row,) = await at.rows(schema.message)
        before = await at.ann.get(f"messages/{row.id}")
        assert before["queue"]["last_error"] == "cut off"
        answer = receipt(REFERENCE)
        received = await receive(at.window, "customs", answer)
        found = await at.ann.get(f"messages/{row.id}")
        assert await at.ann.bytes(found["form"]["url"]) == body
        assert await at.ann.bytes(found["body"]["url"]) == (await at.rows(schema.message_body))[0].body
        (said,) = found["answers"]
        assert (said["inbox_id"], said["response"]["refers_to"], said["known"]) == (received.inbox_id, REFERENCE, True)
        document = await at.ann.get(f"documents/{received.inbox_id}")
        assert await at.ann.bytes(document["url"]) == answer
        (read,) = document["reading"]["answers"]
        assert (read["taken"], read["declaration_id"], read["text"]) == (True, declaration_id, said["response"]["text"])
        assert "outcome_unknown" in [act["code"] for act in found["acts"]]
        of_declaration = await at.bob.get("messages", declaration=declaration_id)
        assert [each["id"] for each in of_declaration["messages"]] == [row.id]
        assert [each["id"] for each in of_declaration["documents"]] == [received.inbox_id]
        looked = [(act.actor, act.details["what"]) for act in await at.acts("viewed")]
        assert looked == [
            ("operator:ann", "message"), ("operator:ann", "message"), ("operator:ann", "form"), ("operator:ann", "body"),
            ("operator:ann", "document"), ("operator:ann", "body"), ("operator:bob", "declaration"),
        ]  # fmt: skip


async def test_what_operators_looked_at_is_not_in_the_traders_timeline(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        declaration_id = (await file(at.window)).body["id"]
        (row,) = await at.rows(schema.message)
        await at.ann.get(f"messages/{row.id}")
        token = (at.secrets / "clients" / "default.token").read_text().strip()
        async with aiohttp.ClientSession(at.url, headers={"Authorization": f"Bearer {token}"}) as client:
            timeline = await (await client.get(f"/api/v1/declarations/{declaration_id}/timeline")).json()
        assert [item["code"] for item in timeline["items"]] == ["accepted"]


async def test_parked_and_quarantined_ones_are_listed_with_their_reasons(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        agency(at.window, "customs").troubles = [AgencyRefused("bad seal", "印章有误")]
        await file(at.window)
        await deliver(at.window)
        (item,) = (await at.ann.get("messages"))["items"]
        assert (item["kind"], item["reason_zh"], item["reason_en"]) == ("parked", "印章有误", "bad seal")
        poison = await receive(at.window, "customs", b"<!DOCTYPE x><x/>")
        early = await receive(at.window, "inspection", inspected("10", "NOBODY00000000001", at.window.clock()))
        items = (await at.ann.get("documents"))["items"]
        assert {item["id"]: item["state"] for item in items} == {
            poison.inbox_id: "quarantined",
            early.inbox_id: "waiting",
        }
        assert all(item["reason_zh"] and item["reason_en"] for item in items)
        (only,) = (await at.ann.get("documents", state="waiting"))["items"]
        assert only["id"] == early.inbox_id
        unread = await at.ann.get(f"documents/{poison.inbox_id}")
        assert unread["reading"]["readable"] is False
        assert unread["reading"]["reason_zh"]


async def test_programs_are_listed_and_a_wrong_clock_is_flagged(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:

        def act(connection: Connection) -> None:
            now = connection.execute(select(database_now().label("now"))).scalar_one()
            row = {"host": "h", "version": "1", "pid": 7, "started_at": now}
            processes.seen(connection, {**row, "id": "right", "kind": "worker", "clock_at": now})
            processes.seen(connection, {**row, "id": "fast", "kind": "worker", "clock_at": now + timedelta(seconds=90)})
            processes.seen(connection, {**row, "id": "dead", "kind": "consume", "clock_at": now})
            gone = schema.process.c.id == "dead"
            connection.execute(update(schema.process).where(gone).values(seen_at=database_now(-300.0)))

        await at.window.database.write(act)
        items = {item["id"]: item for item in (await at.ann.get("processes"))["items"]}
        assert not items["right"]["flagged"]
        assert items["fast"]["flagged"]
        assert 85 < items["fast"]["skew_seconds"] < 95
        assert "90" in items["fast"]["flags_zh"] or "89" in items["fast"]["flags_zh"]
        assert items["dead"]["flagged"]
        assert not items["dead"]["alive"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "queues?agency=customs", 400, "bad_request"),
        ("GET", "stuck?agency=nobody", 400, "bad_request"),
        ("GET", "stuck?cursor=x", 400, "bad_request"),
        ("GET", "stuck?limit=0", 400, "bad_request"),
        ("GET", "stuck?minute=5", 400, "bad_request"),
        ("GET", "silent?cursor=9-1-M", 400, "bad_request"),
        ("GET", "documents?state=done", 400, "bad_request"),
        ("GET", "messages?declaration=D1&agency=customs", 400, "bad_request"),
        ("GET", "messages?declaration=D1", 404, "not_found"),
        ("GET", "messages/M1", 404, "not_found"),
        ("GET", "messages/M1/body", 404, "not_found"),
        ("GET", "documents/I1", 404, "not_found"),
        ("GET", "documents/I1/body", 404, "not_found"),
        ("GET", "approvals?state=open", 400, "bad_request"),
        ("GET", "approvals/P1", 404, "not_found"),
        ("POST", "approvals", 400, "bad_request"),
        ("POST", "approvals/P1/grant", 404, "not_found"),
        ("POST", "agencies/nobody/test", 404, "not_found"),
        ("POST", "replay", 400, "bad_request"),
    ],
)
async def test_strange_questions_are_refused_with_words(
    tmp_path: Path, method: str, path: str, status: int, code: str
) -> None:
    async with desk(tmp_path) as at:
        await problem(await at.ann.http.request(method, f"{OPERATIONS}/{path}"), status, code)


async def test_only_operators_come_in(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        token = (at.secrets / "clients" / "default.token").read_text().strip()
        for headers, status, code in (
            ({}, 401, "unauthorised"),
            ({"Authorization": f"Bearer {token}"}, 403, "forbidden"),
        ):
            async with aiohttp.ClientSession(at.url, headers=headers) as http:
                for path in ("queues", "stuck", "silent", "messages", "documents", "processes", "approvals"):
                    await problem(await http.get(f"{OPERATIONS}/{path}"), status, code)


def sample_reference(name: str) -> str:
    return str(orjson.loads(sample(name))["trader_assigned_reference_id"])
