"""Four eyes: resend, release and requeue by two operators; pause, resume and channel test by one; who may not, who is late."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from declarations.answers import AnswerTables
from declarations.errors import AgencyRefused, AgencyUnavailable, MoveNotAllowed, OutcomeUnknown, UnreadableResponse
from gateway import amend, standing
from gateway.database import schema
from gateway.receive import receive
from tests.support.desk import OPERATIONS, Desk, desk
from tests.support.served import problem, status_of
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    JSON,
    ROOT,
    Agency,
    agency,
    changed_rulebook,
    deliver,
    file,
    inspected,
    receipt,
    sample,
)

HOLDS = {"mappings/customs/agency.toml": ('duplicate_policy = "deduplicates"', 'duplicate_policy = "holds"')}
REFERENCE = "SWSH2015A00000001"


@asynccontextmanager
async def stuck(data_dir: Path, trouble: Exception, **settings: Any) -> AsyncIterator[tuple[Desk, Any]]:
    """A desk with one message to customs, which got into trouble; customs takes no message twice by itself."""
    async with desk(data_dir, tables=changed_rulebook(HOLDS), **settings) as at:
        await file(at.window)
        agency(at.window, "customs").troubles = [trouble]
        await deliver(at.window)
        (row,) = await at.rows(schema.message)
        yield at, row


async def delivery(at: Desk, message_id: str) -> str:
    return next(row.delivery for row in await at.rows(schema.message) if row.id == message_id)


REFUSED = AgencyRefused("bad seal", "印章有误")
DOUBT = OutcomeUnknown("no reply", "无响应")


@pytest.mark.parametrize("trouble", [REFUSED, DOUBT])
async def test_two_operators_have_a_message_sent_again_unchanged(tmp_path: Path, trouble: Exception) -> None:
    async with stuck(tmp_path, trouble) as (at, row):
        (body,) = await at.rows(schema.message_body)
        asked = await at.ann.ask("resend", row.id)
        assert (asked["state"], asked["asked_by"], asked["act_zh"]) == ("pending", "ann", "重新发送")
        await deliver(at.window)
        assert agency(at.window, "customs").got == [], "asked is not granted"
        done = await at.bob.grant(asked)
        assert (done["state"], done["decided_by"]) == ("done", "bob")
        assert done["outcome_zh"]
        assert done["outcome_en"]
        await deliver(at.window)
        (got,) = agency(at.window, "customs").got
        assert (got.message_id, got.body) == (row.id, bytes(body.body))
        assert await delivery(at, row.id) == "sent"
        assert await at.rows(schema.outbox) == []
        acts = [(act.code, act.actor) for act in await at.acts("approval_asked", "approval_granted", "resent")]
        assert acts == [
            ("approval_asked", "operator:ann"), ("approval_granted", "operator:bob"), ("resent", "operator:bob"),
        ]  # fmt: skip


async def test_a_message_in_doubt_stays_in_doubt_while_it_goes_again(tmp_path: Path) -> None:
    async with stuck(tmp_path, DOUBT) as (at, row):
        await at.granted("resend", row.id)
        assert await delivery(at, row.id) == "outcome_unknown", "it may have arrived the first time"
        with pytest.raises(MoveNotAllowed):
            await amend.withdraw(at.window, CLIENT, row.declaration_id)
        # an agency that is away takes nothing of the operators' decision
        agency(at.window, "customs").troubles = [AgencyUnavailable("away", "无法连接")]
        async with asyncio.timeout(10):
            while not agency(at.window, "customs").got:
                await deliver(at.window)
        assert [got.message_id for got in agency(at.window, "customs").got] == [row.id]


async def test_a_new_doubt_after_a_resend_is_an_operators_again(tmp_path: Path) -> None:
    async with stuck(tmp_path, DOUBT) as (at, row):
        await at.granted("resend", row.id)
        agency(at.window, "customs").troubles = [OutcomeUnknown("cut off", "连接中断")]
        await deliver(at.window)
        (item,) = (await at.ann.get("stuck"))["items"]
        assert (item["kind"], item["reason_zh"], item["attempts"]) == ("outcome_unknown", "连接中断", 2)
        assert agency(at.window, "customs").got == []


async def test_a_message_too_old_when_parked_gets_its_time_anew(tmp_path: Path) -> None:
    old = AgencyUnavailable("away", "无法连接")
    async with stuck(tmp_path, old, delivery_max_age_seconds=0.000001) as (at, row):
        assert await delivery(at, row.id) == "parked"
        (before,) = await at.rows(schema.outbox)
        await at.granted("resend", row.id)
        (after,) = await at.rows(schema.outbox)
        assert after.created_at > before.created_at
        assert (after.attempts, after.id) == (before.attempts, before.id), (
            "attempts go on, and its place in the order too"
        )


async def test_the_agency_has_it_two_operators_say(tmp_path: Path) -> None:
    async with stuck(tmp_path, DOUBT) as (at, row):
        await at.granted("release", row.id)
        assert await delivery(at, row.id) == "sent"
        assert await at.rows(schema.outbox) == []
        (kept,) = await at.rows(schema.message)
        assert kept.expected_by is not None, "its agency is expected to answer now"
        shown = await at.ann.get(f"messages/{row.id}")
        assert "released_by_operator" in [act["code"] for act in shown["acts"]]
        assert shown["approvals"][0]["state"] == "done"


@pytest.mark.parametrize("act", ["resend", "release"])
async def test_a_correction_behind_a_message_in_doubt_goes_on_in_order(tmp_path: Path, act: str) -> None:
    path = "mappings/inspection/agency.toml"
    policy = re.search(r'duplicate_policy = "deduplicates".*?query = true', (ROOT / path).read_text(), re.DOTALL)
    assert policy
    async with desk(tmp_path, tables=changed_rulebook({path: (policy[0], 'duplicate_policy = "holds"')})) as at:
        agency(at.window, "inspection").troubles = [DOUBT]
        declaration_id = (await file(at.window, COSMETICS)).body["id"]
        await deliver(at.window)
        await amend.withdraw(at.window, CLIENT, declaration_id)
        second = sample(COSMETICS, total_gross_mass="215.50", package_quantity=31)
        await amend.refile(at.window, CLIENT, declaration_id, second, JSON)
        await deliver(at.window)
        assert agency(at.window, "inspection").got == [], "it stands behind the one in doubt"
        (first,) = [row for row in await at.rows(schema.message) if row.agency == "inspection" and row.version == 1]
        await at.granted(act, first.id)
        await deliver(at.window)
        versions = [got.version for got in agency(at.window, "inspection").got]
        assert versions == ([1, 2] if act == "resend" else [2])


async def test_whoever_asks_does_not_grant(tmp_path: Path) -> None:
    async with stuck(tmp_path, REFUSED) as (at, row):
        asked = await at.ann.ask("resend", row.id)
        reply = await at.ann.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant")
        await problem(reply, 403, "forbidden")
        assert (await at.ann.get(f"approvals/{asked['id']}"))["state"] == "pending"
        assert await delivery(at, row.id) == "parked"


async def test_one_wish_for_a_target_at_a_time_and_the_second_is_shown_the_first(tmp_path: Path) -> None:
    async with stuck(tmp_path, REFUSED) as (at, row):
        asked = await at.ann.ask("resend", row.id)
        wish = {"act": "release", "target": row.id, "reason": "they have it"}
        said = await problem(await at.bob.http.post(f"{OPERATIONS}/approvals", json=wish), 409, "move_not_allowed")
        assert said["approval_id"] == asked["id"]
        assert (await at.bob.bytes(said["approval_url"])).startswith(b"{")
        (listed,) = (await at.bob.get("approvals", state="pending"))["items"]
        assert listed["id"] == asked["id"]
        (item,) = (await at.bob.get("messages"))["items"]
        assert item["approval"] == asked["id"]
        await at.ann.post(f"approvals/{asked['id']}/refuse")
        assert (await at.bob.ask("release", row.id))["state"] == "pending"


async def test_two_who_ask_at_once_are_one_wish(tmp_path: Path) -> None:
    async with stuck(tmp_path, REFUSED) as (at, row):
        wish = {"act": "resend", "target": row.id, "reason": "at once"}
        replies = await asyncio.gather(
            *(each.http.post(f"{OPERATIONS}/approvals", json=wish) for each in (at.ann, at.bob) for _ in range(5))
        )
        assert sorted([await status_of(reply) for reply in replies]) == [202] + [409] * 9
        assert len(await at.rows(schema.approval)) == 1


async def test_of_two_who_grant_at_once_one_does_it(tmp_path: Path) -> None:
    async with stuck(tmp_path, REFUSED) as (at, row):
        asked = await at.ann.ask("resend", row.id)
        replies = await asyncio.gather(
            *(at.bob.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant") for _ in range(8))
        )
        assert sorted([await status_of(reply) for reply in replies]) == [200] + [409] * 7
        assert len(await at.acts("resent")) == 1
        assert len(await at.acts("approval_granted")) == 1
        await deliver(at.window)
        assert len(agency(at.window, "customs").got) == 1


async def test_grant_and_refusal_at_once_end_in_one_of_them(tmp_path: Path) -> None:
    async with stuck(tmp_path, REFUSED) as (at, row):
        asked = await at.ann.ask("resend", row.id)
        replies = await asyncio.gather(
            at.bob.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant"),
            at.ann.http.post(f"{OPERATIONS}/approvals/{asked['id']}/refuse"),
        )
        assert sorted([await status_of(reply) for reply in replies]) == [200, 409]
        state = (await at.ann.get(f"approvals/{asked['id']}"))["state"]
        assert (state, await delivery(at, row.id)) in (("done", "queued"), ("withdrawn", "parked"))


async def test_an_answer_that_settles_it_first_wins_over_the_grant(tmp_path: Path) -> None:
    async with stuck(tmp_path, DOUBT) as (at, row):
        asked = await at.ann.ask("resend", row.id)
        await receive(at.window, "customs", receipt(REFERENCE))
        said = await problem(
            await at.bob.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant"), 409, "move_not_allowed"
        )
        assert "sent" in said["detail"]
        assert (await at.ann.get(f"approvals/{asked['id']}"))["state"] == "pending", (
            "nothing was done, so nothing is granted"
        )
        assert await at.acts("approval_granted") == []
        await deliver(at.window)
        assert agency(at.window, "customs").got == []
        refused = await at.bob.post(f"approvals/{asked['id']}/refuse", reason="customs has answered")
        assert (refused["state"], refused["outcome_en"]) == ("refused", "customs has answered")


async def test_a_grant_racing_the_answer_that_settles_it_ends_one_way_or_the_other(tmp_path: Path) -> None:
    async with stuck(tmp_path, DOUBT) as (at, row):
        asked = await at.ann.ask("resend", row.id)
        reply, received = await asyncio.gather(
            at.bob.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant"),
            receive(at.window, "customs", receipt(REFERENCE)),
        )
        assert await status_of(reply) in (200, 409)
        assert received.state == "done"
        assert await delivery(at, row.id) == "sent"
        assert await at.rows(schema.outbox) == [], "whatever came first, there is nothing left to send"
        await deliver(at.window)
        assert agency(at.window, "customs").got == []


@pytest.mark.parametrize("act", ["resend", "release"])
async def test_what_is_not_stuck_is_not_repaired(tmp_path: Path, act: str) -> None:
    async with desk(tmp_path) as at:
        await file(at.window)
        (row,) = await at.rows(schema.message)
        wish = {"act": act, "target": row.id, "reason": "why not"}
        for _ in range(2):
            await problem(await at.ann.http.post(f"{OPERATIONS}/approvals", json=wish), 409, "move_not_allowed")
            await deliver(at.window)
        assert await at.rows(schema.approval) == []


async def test_a_doubt_that_is_tried_again_by_itself_can_be_hurried_once_or_given_up(tmp_path: Path) -> None:
    async with desk(tmp_path, delivery_backoff_seconds=600) as at:
        await file(at.window)
        agency(at.window, "customs").troubles = [DOUBT, DOUBT]
        await deliver(at.window)
        (row,) = await at.rows(schema.message)
        await at.granted("resend", row.id)
        wish = {"act": "resend", "target": row.id, "reason": "hurry"}
        said = await problem(await at.ann.http.post(f"{OPERATIONS}/approvals", json=wish), 409, "move_not_allowed")
        assert "already" in said["detail"]
        await deliver(at.window)
        assert agency(at.window, "customs").troubles == [], "it was tried at once"
        await at.granted("release", row.id)
        assert (await delivery(at, row.id), await at.rows(schema.outbox)) == ("sent", [])


async def test_a_message_that_could_not_be_made_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path) as at:
        await file(at.window, COSMETICS)
        await deliver(at.window)
        (row,) = [each for each in await at.rows(schema.message) if each.agency == "customs"]
        right = standing.render

        def broken(*_: Any) -> bytes:
            raise MoveNotAllowed("the table is broken", "映射表有误")

        monkeypatch.setattr(standing, "render", broken)
        at.window.clock.tick(60)  # type: ignore[attr-defined]
        said = inspected("60", row.reference, at.window.clock(), add="310200215000000123")
        await receive(at.window, "inspection", said)
        (item,) = (await at.ann.get("stuck"))["items"]
        assert (item["kind"], item["reason_zh"]) == ("unmade", "映射表有误")
        asked = await at.ann.ask("resend", row.id)
        still = await problem(
            await at.bob.http.post(f"{OPERATIONS}/approvals/{asked['id']}/grant"), 409, "move_not_allowed"
        )
        assert "映射表有误" in still["detail_zh"]
        assert (await delivery(at, row.id), len(await at.acts("parked"))) == ("parked", 1), "as if nobody had tried"
        monkeypatch.setattr(standing, "render", right)
        assert (await at.bob.grant(asked))["state"] == "done"
        assert await delivery(at, row.id) == "queued"
        await deliver(at.window)
        assert [got.message_id for got in agency(at.window, "customs").got] == [row.id]


async def test_a_message_never_made_cannot_be_with_the_agency(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await file(at.window, COSMETICS)
        (row,) = [each for each in await at.rows(schema.message) if each.agency == "customs"]
        wish = {"act": "release", "target": row.id, "reason": "x"}
        await problem(await at.ann.http.post(f"{OPERATIONS}/approvals", json=wish), 409, "move_not_allowed")


async def test_a_quarantined_document_is_taken_up_by_corrected_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        await file(at.window)
        await deliver(at.window)

        def unreadable(*_: Any) -> Any:
            raise UnreadableResponse("no table reads this", "没有可用的映射表")

        with monkeypatch.context() as broken:
            broken.setattr(AnswerTables, "read", unreadable)
            received = await receive(at.window, "customs", receipt(REFERENCE))
            assert received.state == "quarantined"
            again = await at.granted("requeue", received.inbox_id)
            assert again["outcome_zh"] == "已隔离：没有可用的映射表"
        done = await at.granted("requeue", received.inbox_id)
        assert (done["state"], done["outcome_en"]) == ("done", "taken up")
        (row,) = await at.rows(schema.message)
        assert row.state == "stored"
        assert (await at.ann.get("documents"))["items"] == []
        assert [act.details["inbox_id"] for act in await at.acts("requeued")] == [received.inbox_id] * 2


async def test_a_waiting_document_can_be_taken_up_again_and_waits_on_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        early = await receive(at.window, "inspection", inspected("10", "NOBODY00000000001", at.window.clock()))
        done = await at.granted("requeue", early.inbox_id)
        assert done["outcome_en"].startswith("waits for its declaration")
        assert len(await at.rows(schema.unmatched)) == 1


async def test_a_document_that_is_done_is_not_taken_up_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await file(at.window)
        await deliver(at.window)
        received = await receive(at.window, "customs", receipt(REFERENCE))
        wish = {"act": "requeue", "target": received.inbox_id, "reason": "again"}
        await problem(await at.ann.http.post(f"{OPERATIONS}/approvals", json=wish), 409, "move_not_allowed")


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"act": "delete", "target": "M1", "reason": "x"}, 400, "bad_request"),
        ({"act": "resend", "target": "M1", "reason": "  "}, 400, "bad_request"),
        ({"act": "resend", "target": "M1"}, 400, "bad_request"),
        ({"act": "resend", "target": "M1", "reason": "x", "force": True}, 400, "bad_request"),
        ({"act": "resend", "target": "M1", "reason": "x"}, 404, "not_found"),
        ({"act": "requeue", "target": "I1", "reason": "x"}, 404, "not_found"),
        ({"act": "retention", "target": "all", "reason": "x"}, 404, "not_found"),
    ],
)
async def test_wishes_that_make_no_sense_are_refused(
    tmp_path: Path, wish: dict[str, Any], status: int, code: str
) -> None:
    async with desk(tmp_path) as at:
        await problem(await at.ann.http.post(f"{OPERATIONS}/approvals", json=wish), status, code)
        assert await at.rows(schema.approval) == []


async def test_a_paused_agency_is_sent_nothing_while_filings_and_answers_are_taken(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await file(at.window, COSMETICS)
        await deliver(at.window)
        paused = await at.ann.post("agencies/inspection/pause", reason="they repair their door")
        assert (paused["paused"]["by"], paused["paused"]["reason"]) == ("ann", "they repair their door")
        reply = await at.bob.http.post(f"{OPERATIONS}/agencies/inspection/pause", json={"reason": "me too"})
        assert "ann" in (await problem(reply, 409, "move_not_allowed"))["detail_zh"]
        filed = await file(at.window, COSMETICS, trader_assigned_reference_id="PAUSED0000000001")
        assert filed.status == 202
        await deliver(at.window)
        assert len(agency(at.window, "inspection").got) == 1
        first = agency(at.window, "inspection").got[0]
        said = inspected("10", first.reference, at.window.clock())
        assert (await receive(at.window, "inspection", said)).state == "done"
        queues = {item["agency"]: item for item in (await at.ann.get("queues"))["items"]}
        assert (queues["inspection"]["paused"]["by"], queues["customs"]["paused"]) == ("ann", None)
        assert queues["inspection"]["ordinary"] == 1
        resumed = await at.bob.post("agencies/inspection/resume", reason="repaired")
        assert resumed["paused"] is None
        await deliver(at.window)
        assert len(agency(at.window, "inspection").got) == 2
        reply = await at.bob.http.post(f"{OPERATIONS}/agencies/inspection/resume", json={"reason": "again"})
        await problem(reply, 409, "move_not_allowed")
        acts = [(act.code, act.actor, act.agency, act.details["reason"]) for act in await at.acts("paused", "resumed")]
        assert acts == [
            ("paused", "operator:ann", "inspection", "they repair their door"),
            ("resumed", "operator:bob", "inspection", "repaired"),
        ]


async def test_a_channel_is_tried_and_a_dead_one_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        good = await at.ann.post("agencies/customs/test")
        assert (good["ok"], good["agency"]) == (True, "customs")
        assert "in memory" in good["en"]
        assert good["milliseconds"] >= 0

        async def dead(_: Agency) -> str:
            raise AgencyUnavailable("no route", "网络不通")

        over = asyncio.Event()

        async def hung(_: Agency) -> str:
            await over.wait()
            return ""

        monkeypatch.setattr(Agency, "test", dead)
        bad = await at.ann.post("agencies/customs/test")
        assert (bad["ok"], bad["zh"], bad["en"]) == (False, "网络不通", "no route")
        monkeypatch.setattr(Agency, "test", hung)
        monkeypatch.setattr("gateway.operations.control.TEST_SECONDS", 0.05)
        asyncio.get_running_loop().call_later(10, over.set)  # should the limit fail, the test still ends
        silent = await at.ann.post("agencies/customs/test")
        assert silent["ok"] is False
        assert silent["zh"]
