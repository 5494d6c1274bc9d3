"""Mandates: a trader authorises a broker; both see the filing, from their sides; nobody else does; it ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from sqlalchemy import Connection, insert, make_url, update

from declarations.errors import (
    BadRequest,
    FiledByAnother,
    MandateNotInForce,
    MoveNotAllowed,
    NotFound,
    SharedDocument,
)
from gateway import amend, ask, mandate_offers, mandates
from gateway.database import people, schema
from gateway.database.stores import search
from gateway.identity import Caller
from gateway.main import create_app
from gateway.mandate_terms import Offer
from gateway.receive import receive
from gateway.repeating import Reply
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.listening import listening
from tests.support.plain import plain_rows
from tests.support.served import problem
from tests.support.windows import (
    COSMETICS,
    ELECTRONICS,
    JSON,
    TickingClock,
    deliver,
    inspected,
    receipt,
    result,
    sample,
    window_at,
)

TRADER, OTHER, BROKER, RIVAL = (
    Caller("client", name, name) for name in ("trader", "other-trader", "broker", "rival-broker")
)
KINDS = {TRADER: "trader", OTHER: "trader", BROKER: "broker", RIVAL: "broker"}
CODE = "91310115MA1K3ABC0X"
REFERENCE = "SWSH2015A00000001"
MANDATES, DECLARATIONS = "/api/v1/mandates", "/api/v1/declarations"
TODAY = date(2015, 10, 23)


@asynccontextmanager
async def market(data_dir: Path, clock: TickingClock | None = None) -> AsyncIterator[Window]:
    """A window with two traders and two brokers; `trader` is also known by its social credit code."""
    async with window_at(data_dir, clock) as window:
        now = window.clock()
        rows = [
            {"id": caller.organisation_id, "name": f"{caller.name} Ltd", "kinds": kinds, "created_at": now}
            for caller, kinds in KINDS.items()
        ]
        papers = {"social_credit_code": CODE, "name_zh": "甲", "details": {}, "updated_at": now, "updated_by": "trader"}
        papers |= {"verified_at": now, "verified_by": "default"}

        def act(connection: Connection) -> None:
            connection.execute(insert(people.organisation), rows)
            connection.execute(insert(people.qualification), {"organisation_id": "trader", **papers})

        await window.database.write(act)
        yield window


def wish(**changes: Any) -> Offer:
    usual: dict[str, Any] = {
        "principal": None,
        "agent": None,
        "forms": [],
        "directions": [],
        "offices": [],
        "valid_from": TODAY,
        "valid_until": TODAY + timedelta(days=30),
    }
    return Offer(**{**usual, **changes})


async def mandated(window: Window, principal: Caller = TRADER, agent: Caller = BROKER, **limits: Any) -> str:
    """An accepted mandate; its id."""
    made = await mandate_offers.offer(window, principal, wish(agent=agent.organisation_id, **limits))
    accepted = await mandate_offers.accept(window, agent, made["id"])
    assert accepted["state"] == "accepted"
    return str(made["id"])


async def file(
    window: Window, caller: Caller = BROKER, whom: str | None = "trader", name: str = ELECTRONICS, **changes: Any
) -> Reply:
    check_only = changes.pop("check_only", False)
    key = changes.pop("key", None)
    acting = await mandates.on_behalf(window, caller, whom)
    return await submit(window, acting, sample(name, **changes), JSON, check_only=check_only, idempotency_key=key)


async def kinds_of(window: Window, organisation_id: str, kinds: str) -> None:
    changed = update(people.organisation).where(people.organisation.c.id == organisation_id).values(kinds=kinds)

    def act(connection: Connection) -> None:
        connection.execute(changed)

    await window.database.write(act)


async def token_of(window: Window) -> dict[str, str]:
    token = (window.settings.secrets_dir / "clients" / "default.token").read_text().strip()
    return {"Authorization": f"Bearer {token}"}


async def rejected(window: Window, declaration_id: str) -> None:
    await deliver(window)
    await receive(window, "customs", receipt(REFERENCE, code="1", message="bad"))
    assert (await ask.declaration(window, BROKER, declaration_id))["status"] == "rejected"


async def journal_of(window: Window, organisation_id: str) -> list[Any]:
    rows = await window.database.read(lambda connection: plain_rows(connection, schema.journal))
    return [row for row in rows if row.organisation_id == organisation_id]


# --- offering and accepting


async def test_offered_by_the_trader_accepted_by_the_broker(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        made = await mandate_offers.offer(window, TRADER, wish(agent="broker", directions=["I"], offices=["2248"]))
        assert (made["state"], made["you_are"], made["in_force"]) == ("offered", "principal", False)
        with pytest.raises(MoveNotAllowed):
            await mandate_offers.accept(window, TRADER, made["id"])
        with pytest.raises(MandateNotInForce):
            await file(window)
        taken = await mandate_offers.accept(window, BROKER, made["id"])
        assert (taken["state"], taken["you_are"], taken["in_force"]) == ("accepted", "agent", True)
        assert taken["principal"] == {"id": "trader", "name": "trader Ltd"}
        with pytest.raises(MoveNotAllowed):
            await mandate_offers.refuse(window, BROKER, made["id"])
        reply = await file(window)
        assert reply.body["on_behalf_of"] == {"id": "trader", "name": "trader Ltd", "mandate": made["id"]}


async def test_offered_by_the_broker_named_by_social_credit_code(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        made = await mandate_offers.offer(window, BROKER, wish(principal=CODE))
        assert made["you_are"] == "agent"
        await mandate_offers.accept(window, TRADER, made["id"])
        assert (await file(window, whom=CODE)).status == 202


async def test_refused_and_taken_back_give_nothing(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        first = await mandate_offers.offer(window, TRADER, wish(agent="broker"))
        assert (await mandate_offers.refuse(window, BROKER, first["id"]))["state"] == "refused"
        second = await mandate_offers.offer(window, TRADER, wish(agent="broker"))
        with pytest.raises(MoveNotAllowed):
            await mandate_offers.withdraw(window, BROKER, second["id"])
        assert (await mandate_offers.withdraw(window, TRADER, second["id"]))["state"] == "withdrawn"
        for made in (first, second):
            with pytest.raises(MoveNotAllowed):
                await mandate_offers.accept(window, BROKER, made["id"])
            with pytest.raises(MoveNotAllowed):
                await mandate_offers.revoke(window, TRADER, made["id"])
        with pytest.raises(MandateNotInForce):
            await file(window)


async def test_a_mandate_is_seen_by_its_two_sides_only(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        mandate_id = await mandated(window)
        given = await mandate_offers.listed(window, TRADER, side=None, state=None, cursor=None, limit=50)
        received = await mandate_offers.listed(window, BROKER, side="agent", state="accepted", cursor=None, limit=50)
        assert [each["items"][0]["id"] for each in (given, received)] == [mandate_id, mandate_id]
        assert given["items"][0]["you_are"] == "principal"
        for stranger in (OTHER, RIVAL, Caller("operator", "default", "")):
            page = await mandate_offers.listed(window, stranger, side=None, state=None, cursor=None, limit=50)
            assert page == {"items": [], "next": None}
            for act in (
                mandate_offers.one,
                mandate_offers.accept,
                mandate_offers.refuse,
                mandate_offers.withdraw,
                mandate_offers.revoke,
            ):
                with pytest.raises(NotFound):
                    await act(window, stranger, mandate_id)


async def test_lists_go_page_by_page_over_both_sides(tmp_path: Path) -> None:
    clock = TickingClock()
    async with market(tmp_path, clock) as window:
        made = []
        for _ in range(5):
            clock.tick()
            made.append((await mandate_offers.offer(window, BROKER, wish(principal="trader")))["id"])
            clock.tick()
            made.append((await mandate_offers.offer(window, BROKER, wish(agent="rival-broker")))["id"])
        found: list[str] = []
        cursor = None
        while True:
            page = await mandate_offers.listed(window, BROKER, side=None, state="offered", cursor=cursor, limit=3)
            found += [each["id"] for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert found == made[::-1]
        for wrong in ({"side": "both"}, {"state": "lost"}, {"cursor": "x"}):
            asked: dict[str, Any] = {"side": None, "state": None, "cursor": None, "limit": 3, **wrong}
            with pytest.raises(BadRequest):
                await mandate_offers.listed(window, BROKER, **asked)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, {"/agent"}),
        ({"agent": "broker", "principal": "trader"}, {"/agent"}),
        ({"agent": "nobody"}, {"/agent"}),
        ({"agent": "trader"}, {"/agent"}),
        ({"agent": "other-trader"}, {"/agent"}),
        ({"principal": "broker"}, {"/principal"}),
        ({"agent": "broker", "forms": ["goods", "ships"]}, {"/forms/1"}),
        ({"agent": "broker", "directions": ["X"]}, {"/directions/0"}),
        ({"agent": "broker", "offices": ["2248", "9999"]}, {"/offices/1"}),
        ({"agent": "broker", "valid_until": TODAY - timedelta(days=1)}, {"/valid_until"}),
        (
            {"agent": "broker", "valid_from": TODAY - timedelta(days=9), "valid_until": TODAY - timedelta(days=1)},
            {"/valid_until"},
        ),
        ({"agent": "nobody", "directions": ["X"]}, {"/agent", "/directions/0"}),
    ],
)
async def test_what_an_offer_may_not_say(tmp_path: Path, given: dict[str, Any], pointers: set[str]) -> None:
    async with market(tmp_path) as window:
        with pytest.raises(BadRequest) as refused:
            await mandate_offers.offer(window, TRADER, wish(**given))
        assert {fault.pointer for fault in refused.value.faults} == pointers
        assert all(fault.message_zh != fault.message_en for fault in refused.value.faults)


async def test_offers_to_one_organisation_do_not_pile_up(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        for _ in range(mandate_offers.OFFERS_AT_MOST):
            await mandate_offers.offer(window, TRADER, wish(agent="broker"))
        with pytest.raises(MoveNotAllowed):
            await mandate_offers.offer(window, TRADER, wish(agent="broker"))
        assert await mandate_offers.offer(window, TRADER, wish(agent="rival-broker"))


# --- what a mandate covers


@pytest.mark.parametrize(
    "limits",
    [{"directions": ["E"]}, {"offices": ["2233"]}, {"directions": ["I"], "offices": ["2233"]}],
    ids=["direction", "office", "one of two"],
)
async def test_a_mandate_covers_no_more_than_it_says(tmp_path: Path, limits: dict[str, Any]) -> None:
    async with market(tmp_path) as window:
        await mandated(window, **limits)
        for check_only in (True, False):
            with pytest.raises(MandateNotInForce) as refused:
                await file(window, check_only=check_only)
            assert refused.value.code == "mandate_not_in_force"
        assert (await ask.find(window, BROKER))["items"] == []
        await mandated(window, forms=["goods"], directions=["I", "E"], offices=["2248", "2233"])
        assert (await file(window, check_only=True)).body["on_behalf_of"]["id"] == "trader"
        assert (await file(window)).status == 202


async def test_a_mandate_begins_and_ends_with_shanghais_days(tmp_path: Path) -> None:
    # 16:00 UTC is midnight in Shanghai
    clock = TickingClock()
    async with market(tmp_path, clock) as window:
        mandate_id = await mandated(window, valid_from=TODAY + timedelta(days=1), valid_until=TODAY + timedelta(days=1))
        midnight = clock.now.replace(hour=16, minute=0, second=0, microsecond=0)
        clock.now = midnight - timedelta(seconds=1)
        with pytest.raises(MandateNotInForce):
            await file(window)
        clock.now = midnight
        assert (await file(window)).status == 202
        clock.now = midnight + timedelta(days=1, seconds=-1)
        assert (await file(window, trader_assigned_reference_id="SWSH2015A00000009")).status == 202
        clock.now = midnight + timedelta(days=1)
        with pytest.raises(MandateNotInForce):
            await file(window, trader_assigned_reference_id="SWSH2015A00000010")
        assert (await mandate_offers.one(window, TRADER, mandate_id))["state_en"] == "expired"


async def test_an_offer_past_its_last_day_is_not_accepted(tmp_path: Path) -> None:
    clock = TickingClock()
    async with market(tmp_path, clock) as window:
        made = await mandate_offers.offer(window, TRADER, wish(agent="broker"))
        clock.tick(40 * 86_400)
        with pytest.raises(MoveNotAllowed):
            await mandate_offers.accept(window, BROKER, made["id"])


async def test_nobody_acts_for_whom_he_has_no_mandate_from(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        await mandated(window)
        await mandated(window, BROKER, RIVAL)
        said = set()
        # another principal, one that is not there, another agent, the agent of the agent, the wrong way round
        for caller, whom in ((BROKER, "other-trader"), (BROKER, "nobody"), (RIVAL, "trader"), (TRADER, "broker")):
            with pytest.raises(MandateNotInForce) as refused:
                await file(window, caller, whom)
            said.add(refused.value.message_en.replace(whom, "…"))
        assert len(said) == 1, "what is refused tells nothing about who is there"
        for wrong in ("", "a b", "x" * 65, "甲"):
            with pytest.raises(BadRequest):
                await file(window, BROKER, wrong)
        own = await file(window, TRADER, "trader")
        assert own.body["on_behalf_of"] is None


async def test_nobody_acts_for_an_organisation_that_is_suspended(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        await mandated(window)
        acting = await mandates.on_behalf(window, BROKER, "trader")
        suspended = update(people.organisation).where(people.organisation.c.id == "trader").values(state="suspended")

        def suspend(connection: Connection) -> None:
            connection.execute(suspended)

        await window.database.write(suspend)
        with pytest.raises(MandateNotInForce):
            await file(window)
        with pytest.raises(MandateNotInForce):
            await submit(window, acting, sample(ELECTRONICS), JSON)


async def test_a_forged_caller_is_checked_all_the_same(tmp_path: Path) -> None:
    """Whoever builds a caller for another organisation: the mandate is looked up where the filing is stored."""
    async with market(tmp_path) as window:
        forged = replace(BROKER, for_id="other-trader", for_name="other-trader Ltd", mandate_id="T" + "0" * 26)
        with pytest.raises(MandateNotInForce):
            await submit(window, forged, sample(ELECTRONICS), JSON)
        assert (await ask.find(window, OTHER))["items"] == []


# --- revoking


async def test_revoked_at_once_by_either_side(tmp_path: Path) -> None:
    for number, side in enumerate((TRADER, BROKER)):
        async with market(tmp_path / str(number)) as window:
            mandate_id = await mandated(window)
            filed = (await file(window)).body["id"]
            await rejected(window, filed)
            acting = await mandates.on_behalf(window, BROKER, "trader")
            ended = await mandate_offers.revoke(window, side, mandate_id)
            assert (ended["state"], ended["ended_by"], ended["in_force"]) == ("revoked", side.organisation_id, False)
            with pytest.raises(MandateNotInForce):
                await submit(window, acting, sample(ELECTRONICS), JSON)
            with pytest.raises(MandateNotInForce):
                await amend.refile(window, BROKER, filed, sample(ELECTRONICS), JSON)
            with pytest.raises(MandateNotInForce):
                await amend.refile(window, BROKER, filed, sample(ELECTRONICS), JSON, check_only=True)
            with pytest.raises(MandateNotInForce):
                await amend.withdraw(window, BROKER, filed)
            # the broker keeps sight of what it filed, and its own books
            assert (await ask.declaration(window, BROKER, filed))["version"] == 1


@contextmanager
def revoked_before_it_is_stored(window: Window, mandate_id: str) -> Iterator[None]:
    """The trader revokes at the last moment: making the vault ready is what comes before the storing."""
    ready = window.vault.ready

    async def meanwhile(organisation_id: str) -> None:
        await ready(organisation_id)
        await mandate_offers.revoke(window, TRADER, mandate_id)

    window.vault.ready = meanwhile  # type: ignore[method-assign]
    try:
        yield
    finally:
        window.vault.ready = ready  # type: ignore[method-assign]


async def test_revoked_between_the_check_and_the_storing(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        with revoked_before_it_is_stored(window, await mandated(window)), pytest.raises(MandateNotInForce):
            await file(window)
        assert (await ask.find(window, BROKER))["items"] == []
        # nor does it go on under another one than it was prepared to name
        first, other = sorted([await mandated(window), await mandated(window)])
        with revoked_before_it_is_stored(window, first), pytest.raises(MandateNotInForce):
            await file(window)
        assert (await file(window)).body["on_behalf_of"]["mandate"] == other


@pytest.mark.usefixtures("postgres_backend")
async def test_a_filing_waits_for_a_revocation_that_is_under_way(tmp_path: Path) -> None:
    """Two programs at one moment: the revocation came first, so the filing is refused, however old its view of the mandate."""
    async with market(tmp_path) as window:
        mandate_id = await mandated(window)
        address = make_url(window.settings.database_url).set(drivername="postgresql")
        other = await asyncpg.connect(address.render_as_string(hide_password=False))
        transaction = other.transaction()
        await transaction.start()
        await other.execute("UPDATE mandate SET state = 'revoked' WHERE id = $1", mandate_id)
        filing = asyncio.create_task(file(window))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(30):
            while not filing.done() and not await other.fetchval(waiting):
                await asyncio.sleep(0.01)
        await transaction.commit()
        with pytest.raises(MandateNotInForce):
            await filing
        await other.close()
        assert (await ask.find(window, BROKER))["items"] == []


# --- over HTTP


async def test_offered_and_used_over_http(tmp_path: Path) -> None:
    """The built-in organisation as a broker, by its token."""
    async with market(tmp_path) as window:
        await kinds_of(window, "default", "broker")
        async with (
            listening(create_app(opened=window, worker=False)) as url,
            aiohttp.ClientSession(url, headers=await token_of(window)) as http,
        ):
            days = {"valid_from": "2015-10-23", "valid_until": "2015-12-31"}
            bad = {"principal": CODE, "directions": ["Z"], "offices": ["1 2"], "unknown": 1, **days}
            async with http.post(MANDATES, json=bad) as reply:
                content = await problem(reply, 400, "bad_request")
                assert {fault["pointer"] for fault in content["faults"]} == {"/body/offices/0", "/body/unknown"}
            async with http.post(MANDATES, json={"principal": CODE, "directions": ["Z"], **days}) as reply:
                content = await problem(reply, 400, "bad_request")
                assert [fault["pointer"] for fault in content["faults"]] == ["/directions/0"]
            async with http.post(MANDATES, json={"principal": CODE, "directions": ["I"], **days}) as reply:
                made = await reply.json()
                assert (reply.status, made["state"], made["you_are"]) == (201, "offered", "agent")
            headers = {"Onewindow-For": CODE, "Content-Type": JSON}
            async with http.post(DECLARATIONS, data=sample(ELECTRONICS), headers=headers) as reply:
                await problem(reply, 403, "mandate_not_in_force")
            async with http.post(f"{MANDATES}/{made['id']}/accept") as reply:
                await problem(reply, 409, "move_not_allowed")
            await mandate_offers.accept(window, TRADER, made["id"])
            async with http.post(
                DECLARATIONS, data=sample(ELECTRONICS), headers=headers, params={"check_only": "true"}
            ) as reply:
                assert (await reply.json())["on_behalf_of"]["name"] == "trader Ltd"
            async with http.post(DECLARATIONS, data=sample(ELECTRONICS), headers=headers) as reply:
                filed = await reply.json()
                assert reply.status == 202
                assert filed["on_behalf_of"] == {"id": "trader", "name": "trader Ltd", "mandate": made["id"]}
            async with http.get(filed["links"]["self"]) as reply:
                assert (await reply.json())["on_behalf_of"] == filed["on_behalf_of"]
            async with http.get(MANDATES, params={"state": "accepted"}) as reply:
                assert [each["id"] for each in (await reply.json())["items"]] == [made["id"]]
            async with http.post(f"{MANDATES}/{made['id']}/revoke") as reply:
                assert (await reply.json())["state"] == "revoked"
            async with http.post(f"{filed['links']['self']}/withdrawal") as reply:
                await problem(reply, 403, "mandate_not_in_force")
            async with http.get(f"{MANDATES}/T{'0' * 26}") as reply:
                await problem(reply, 404, "not_found")


# --- what the two sides see


async def test_both_sides_see_the_filing_and_nobody_else(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        mandate_id = await mandated(window)
        await mandated(window, OTHER, BROKER)
        filed = (await file(window)).body["id"]
        others = (await file(window, whom="other-trader", trader_assigned_reference_id="SWSH2015A00000007")).body["id"]
        await deliver(window)
        for caller in (TRADER, BROKER):
            shown = await ask.declaration(window, caller, filed)
            assert shown["filer"] == {"id": "broker", "name": "broker Ltd"}
            assert shown["on_behalf_of"] == {"id": "trader", "name": "trader Ltd", "mandate": mandate_id}
            [item] = (await ask.find(window, caller, reference=REFERENCE))["items"]
            assert (item["id"], item["on_behalf_of"]["id"], item["filer"]["id"]) == (filed, "trader", "broker")
            assert await ask.timeline(window, caller, filed)
            messages = (await ask.messages(window, caller, filed))["items"]
            for message in messages:
                assert await ask.message_bytes(window, caller, filed, message["id"])
            assert (await ask.explain(window, caller, filed, "customs"))["items"]
        # a mandate gives no sight of the agent's other clients
        with pytest.raises(NotFound):
            await ask.declaration(window, TRADER, others)
        assert [item["id"] for item in (await ask.find(window, TRADER))["items"]] == [filed]
        assert {item["id"] for item in (await ask.find(window, BROKER))["items"]} == {filed, others}
        for stranger in (RIVAL, OTHER):
            for act in (ask.declaration, ask.timeline, ask.messages):
                with pytest.raises(NotFound):
                    await act(window, stranger, filed)
            with pytest.raises(NotFound):
                await ask.explain(window, stranger, filed, "customs")
            with pytest.raises(NotFound):
                await ask.message_bytes(window, stranger, filed, f"{filed}.1")
            assert (await ask.find(window, stranger, q=REFERENCE))["items"] == []
            with pytest.raises(NotFound):
                await amend.withdraw(window, stranger, filed)
            with pytest.raises(NotFound):
                await amend.refile(window, stranger, filed, sample(ELECTRONICS), JSON)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"q": REFERENCE},
        {"q": "0001"},
        {"reference": REFERENCE},
        {"customs_entry": "222520151000000001"},
        {"state": "action_needed"},
        {"state": "assessed"},
        {"obligation": "pay"},
        {"obligation": "pay", "state": "assessed", "q": "0001"},
        {"since": TODAY, "until": TODAY, "state": "action_needed"},
    ],
    ids=str,
)
async def test_every_filter_finds_it_for_the_principal_too(tmp_path: Path, asked: dict[str, Any]) -> None:
    async with market(tmp_path) as window:
        await mandated(window)
        filed = (await file(window)).body["id"]
        own = (await file(window, TRADER, None, trader_assigned_reference_id="SWSH2015A00000008")).body["id"]
        await deliver(window)
        at = window.clock()
        await receive(window, "customs", receipt(REFERENCE))
        await receive(window, "customs", result("T", at + timedelta(minutes=1), entry="222520151000000001"))
        for caller in (TRADER, BROKER):
            found = [item["id"] for item in (await ask.find(window, caller, **asked))["items"]]
            assert [each for each in found if each != own] == [filed]
        for stranger in (OTHER, RIVAL):
            assert (await ask.find(window, stranger, **asked))["items"] == []


async def test_lists_of_both_sides_page_in_one_order(tmp_path: Path) -> None:
    clock = TickingClock()
    async with market(tmp_path, clock) as window:
        await mandated(window)
        made = []
        for number in range(8):
            clock.tick()
            caller, whom = (BROKER, "trader") if number % 2 else (TRADER, None)
            reference = f"SWSH2015A{number:08}"
            made.append((await file(window, caller, whom, trader_assigned_reference_id=reference)).body["id"])
        found: list[str] = []
        cursor = None
        while cursor is not None or not found:
            page = await ask.find(window, TRADER, state="filed", cursor=cursor, limit=3)
            found += [item["id"] for item in page["items"]]
            cursor = page["next"]
        assert found == made[::-1]


@pytest.mark.sqlite_only
async def test_finding_for_a_principal_reads_by_index(tmp_path: Path) -> None:
    """The cost must not grow with what others have stored: no filter scans a table."""
    async with market(tmp_path) as window:
        shapes = [
            {"state": "released", "kind_open": None},
            {"state": "sent", "kind_open": None},
            {"state": None, "kind_open": "pay"},
            {"state": None, "kind_open": None},
        ]

        given: dict[str, Any] = {"organisation_id": "trader", "at_most": 50, "state": "sent", "kind_open": "pay"}

        def plans(connection: Connection) -> list[str]:
            said: list[str] = []
            for shape in shapes:
                asked = search._Shape(
                    keys=(), shared=0, status=shape["state"] == "released", leg=shape["state"] == "sent",
                    open=shape["kind_open"] is not None, newer=False, older=False,
                )  # fmt: skip
                compiled = search._statement(asked).statement.compile(dialect=connection.dialect)
                binds = [compiled.binds[name] for name in compiled.positiontup or ()]
                bound = [given.get(str(bind.key), bind.value) for bind in binds]
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", tuple(bound)).all()
                said += [str(row[3]) for row in rows]
            return said

        plan = await window.database.read(plans)
        tables = ("declaration", "message", "obligation")
        assert not [line for line in plan if line.startswith("SCAN") and line.split()[1] in tables], plan
        for index in (
            "ix_declaration_principal_id_id",
            "ix_declaration_principal_id_status_id",
            "ix_message_principal_standing",
            "ix_obligation_principal_id_kind_declaration_id",
        ):
            assert any(index in line for line in plan), (index, plan)


async def test_a_document_that_speaks_of_others_is_not_shown_whole(tmp_path: Path) -> None:
    clock = TickingClock()
    async with market(tmp_path, clock) as window:
        await mandated(window)
        await mandated(window, OTHER, BROKER)
        filed, others = [
            (await file(window, whom=whom, name=COSMETICS, trader_assigned_reference_id=reference)).body["id"]
            for whom, reference in (("trader", "SWSH2015B00000001"), ("other-trader", "SWSH2015B00000002"))
        ]
        await deliver(window)
        at = clock.tick(60)
        records = [inspected("1", f"SWSH2015B0000000{number}", at, info=f"secret{number}") for number in (1, 2)]
        together = await receive(window, "inspection", b"<ROOT>" + b"".join(records) + b"</ROOT>")
        alone = await receive(window, "inspection", inspected("3", "SWSH2015B00000001", clock.tick(60)))
        # heard before: it leaves no answer of this document behind, and must not be shown all the same
        third = inspected("4", "SWSH2015B00000001", clock.tick(60))
        repeated = await receive(window, "inspection", b"<ROOT>" + third + records[1] + b"</ROOT>")
        # of a filing that nobody knows
        fourth = inspected("5", "SWSH2015B00000001", clock.tick(60))
        unknown = inspected("1", "SWSH2015B99999999", at)
        waiting = await receive(window, "inspection", b"<ROOT>" + fourth + unknown + b"</ROOT>")
        for document in (together, repeated, waiting):
            with pytest.raises(SharedDocument):
                await ask.message_bytes(window, TRADER, filed, document.inbox_id)
        assert (await ask.message_bytes(window, TRADER, filed, alone.inbox_id))[0]
        with pytest.raises(NotFound):
            await ask.message_bytes(window, OTHER, others, alone.inbox_id)
        # its own part is there, and nobody else's
        shown = {item["id"]: item for item in (await ask.messages(window, TRADER, filed))["items"]}
        assert [record["text"] for record in shown[together.inbox_id]["records"]] == ["secret1"]
        assert "secret2" not in str(shown) + str(await ask.timeline(window, TRADER, filed))
        # the broker filed both
        for document in (together, repeated):
            assert (await ask.message_bytes(window, BROKER, filed, document.inbox_id))[0]


# --- acting on what was filed


async def test_the_principal_withdraws_but_does_not_correct(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        await mandated(window)
        filed = (await file(window)).body["id"]
        with pytest.raises(FiledByAnother) as refused:
            await amend.refile(window, TRADER, filed, sample(ELECTRONICS), JSON)
        assert refused.value.code == "filed_by_another"
        reply = await amend.withdraw(window, TRADER, filed)
        assert reply.body["withdrawn"] == ["customs"]
        acts = {row["code"]: row for row in (await ask.timeline(window, BROKER, filed))["items"]}
        # a person is named to the own organisation, to the other it is the organisation
        assert acts["withdrawn"]["actor"] == "trader Ltd"
        own = {row["code"]: row for row in (await ask.timeline(window, TRADER, filed))["items"]}
        assert (own["withdrawn"]["actor"], own["accepted"]["actor"]) == ("trader", "broker Ltd")


async def test_a_correction_is_covered_by_the_mandate_too(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        first = await mandated(window, offices=["2248"])
        filed = (await file(window)).body["id"]
        await rejected(window, filed)
        await mandate_offers.revoke(window, TRADER, first)
        await mandated(window, offices=["2233"])
        for check_only in (True, False):
            with pytest.raises(MandateNotInForce):
                await amend.refile(window, BROKER, filed, sample(ELECTRONICS), JSON, check_only=check_only)
        second = await mandated(window)
        await mandated(window, OTHER, BROKER)
        other = await mandates.on_behalf(window, BROKER, "other-trader")
        with pytest.raises(MandateNotInForce):
            await amend.refile(window, other, filed, sample(ELECTRONICS), JSON)
        reply = await amend.refile(window, BROKER, filed, sample(ELECTRONICS), JSON)
        assert reply.body["on_behalf_of"] == {"id": "trader", "name": "trader Ltd", "mandate": second}
        assert [item["id"] for item in (await ask.find(window, TRADER, state="filed"))["items"]] == [filed]


async def test_a_mandate_revoked_while_a_correction_is_prepared_covers_it_no_more(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        mandate_id = await mandated(window)
        filed = (await file(window)).body["id"]
        await rejected(window, filed)
        before = await ask.declaration(window, BROKER, filed)
        with revoked_before_it_is_stored(window, mandate_id), pytest.raises(MandateNotInForce):
            await amend.refile(window, BROKER, filed, sample(ELECTRONICS), JSON)
        assert await ask.declaration(window, BROKER, filed) == before
        assert not [row for row in await journal_of(window, "broker") if row.code == "refiled"]


async def test_every_act_says_for_whom(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        mandate_id = await mandated(window)
        filed = (await file(window)).body["id"]
        await rejected(window, filed)
        await amend.refile(window, BROKER, filed, sample(ELECTRONICS), JSON)
        await amend.withdraw(window, BROKER, filed)
        said = {"on_behalf_of": "trader", "on_behalf_of_name": "trader Ltd", "mandate": mandate_id}
        acts = [row for row in await journal_of(window, "broker") if row.declaration_id == filed]
        for code in ("accepted", "refiled", "withdrawn"):
            [act] = [row for row in acts if row.code == code]
            assert said.items() <= act.details.items()
        # the principal's own journal tells it too, without the names of the agent's people
        used = [row for row in await journal_of(window, "trader") if row.code == "mandate_used"]
        assert [row.details["act"] for row in used] == ["accepted", "refiled", "withdrawn"]
        assert {row.actor for row in used} == {"organisation:broker"}
        timeline = (await ask.timeline(window, TRADER, filed))["items"]
        shown = next(row for row in timeline if row["code"] == "accepted")
        assert shown["zh"].endswith("（受trader Ltd委托）")
        assert shown["en"].endswith(", on behalf of trader Ltd")
        assert not [row for row in timeline if row["code"] == "mandate_used"]


async def test_giving_and_ending_is_in_the_journals_of_both(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        mandate_id = await mandated(window, directions=["I"])
        await mandate_offers.revoke(window, BROKER, mandate_id)
        for organisation_id in ("trader", "broker"):
            acts = await journal_of(window, organisation_id)
            assert [row.code for row in acts] == ["mandate_offered", "mandate_accepted", "mandate_revoked"]
            assert {row.details["mandate"] for row in acts} == {mandate_id}
            own = {row.actor for row in acts if not row.actor.startswith("organisation:")}
            assert own == {organisation_id}


async def test_one_key_for_two_principals_is_two_filings(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        await mandated(window)
        first = await file(window, key="k1")
        again = await file(window, key="k1")
        assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")
        with pytest.raises(Exception, match="another body"):
            await file(window, whom=None, key="k1")


async def test_an_archived_filing_says_so_to_its_principal(tmp_path: Path) -> None:
    async with market(tmp_path) as window:
        row = {
            "declaration_id": "D" + "0" * 26, "organisation_id": "broker", "principal_id": "trader", "form": "goods",
            "reference": REFERENCE, "status": "closed", "updated_at": window.clock(), "file": "f", "sha256": "s",
            "archived_at": window.clock(),
        }  # fmt: skip

        def act(connection: Connection) -> None:
            connection.execute(insert(schema.archive), row)

        await window.database.write(act)
        for caller in (TRADER, BROKER):
            with pytest.raises(NotFound, match="archived"):
                await ask.declaration(window, caller, row["declaration_id"])
        with pytest.raises(NotFound, match="there is no declaration"):
            await ask.declaration(window, OTHER, row["declaration_id"])
