"""Prepared filings: keyed, reviewed, signed and filed; three people where the organisation wants three."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from sqlalchemy import Connection, text

from declarations.errors import (
    BadRequest,
    DuplicateReference,
    InvalidDeclaration,
    MandateNotInForce,
    MoveNotAllowed,
    NotFound,
    UnreadableDocument,
)
from declarations.peopleerrors import DutiesNotSeparate
from gateway import amend, ask, mandate_offers, mandates, prepared
from gateway.database import people as tables
from gateway.database import schema
from gateway.forgetting import forget
from gateway.identity import Caller
from gateway.login import machines
from gateway.login.machines import Wish
from gateway.main import create_app
from gateway.mandate_terms import Offer
from gateway.mandates import today
from gateway.organisations import own, papers, prefill
from gateway.organisations.papers import Papers
from gateway.receive import receive
from gateway.submit import submit
from gateway.wiring import Window
from tests.support import visitors
from tests.support.listening import listening
from tests.support.plain import plain_rows
from tests.support.windows import ELECTRONICS, JSON, TickingClock, deliver, receipt, sample, window_at

REFERENCE = "SWSH2015A00000001"
ALL = "keyer reviewer signing_declarant"
STRANGER = Caller("client", "stranger", "default", frozenset(), "U" + 26 * "0")


def keyed(**changes: Any) -> bytes:
    return sample(ELECTRONICS, **changes)


async def person(window: Window, roles: str, login: str) -> Caller:
    person_id = await visitors.member(window, "trader", roles, login)
    return Caller("client", login, "trader", window.access.of_roles(roles.split()), person_id)


@asynccontextmanager
async def office(
    data_dir: Path, *, separate: bool = True, clock: TickingClock | None = None
) -> AsyncIterator[tuple[Window, Caller, Caller, Caller]]:
    """A trader's office: three people, each of whom could do everything by role."""
    async with window_at(data_dir, clock) as window:
        await visitors.organisation(window, "trader", "trader", "Trader Ltd")
        three = [await person(window, ALL, login) for login in ("key.er", "review.er", "sign.er")]
        await own.change(window, three[0], own.Change(separate_duties=separate))
        yield window, three[0], three[1], three[2]


async def rows(window: Window, table: Any) -> list[Any]:
    return list(await window.database.read(lambda connection: plain_rows(connection, table)))


async def acts(window: Window, prefix: str) -> list[Any]:
    return [row for row in await rows(window, schema.journal) if row.code.startswith(prefix)]


# --- three people


async def test_three_people_and_a_filing(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        body = keyed()
        made = await prepared.prepare(window, keyer, body, JSON)
        assert (made["state"], made["reference"]) == ("keyed", REFERENCE)
        assert {fault["severity"] for fault in made["faults"]} <= {"warning"}
        reviewed = await prepared.review(window, reviewer, made["id"], made["sha256"])
        assert (reviewed["state"], reviewed["state_zh"], reviewed["reviewed_by"]) == (
            "reviewed",
            "已复核，待申报",
            "review.er",
        )
        reply = await prepared.file(window, signer, made["id"], made["sha256"])
        assert reply.status == 202
        shown = await prepared.one(window, keyer, made["id"])
        assert (shown["state"], shown["declaration_id"]) == ("filed", reply.body["id"])
        assert [shown[f"{act}_by"] for act in ("keyed", "reviewed", "signed")] == ["key.er", "review.er", "sign.er"]
        # what is filed is what was keyed, byte by byte
        [version] = await rows(window, schema.declaration_version)
        assert (bytes(version.body), version.filed_by) == (body, "sign.er")
        assert [(row.code, row.actor) for row in await acts(window, "prepared_")] == [
            ("prepared_keyed", "key.er"),
            ("prepared_reviewed", "review.er"),
            ("prepared_filed", "sign.er"),
        ]
        with pytest.raises(MoveNotAllowed) as again:
            await prepared.file(window, signer, made["id"], made["sha256"])
        assert again.value.details["declaration_id"] == reply.body["id"]


async def test_nobody_is_two_of_the_three(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        name, seen = made["id"], made["sha256"]
        with pytest.raises(DutiesNotSeparate):
            await prepared.review(window, keyer, name, seen)
        with pytest.raises(MoveNotAllowed):
            await prepared.file(window, signer, name, seen)
        await prepared.review(window, reviewer, name, seen)
        for caller in (keyer, reviewer):
            with pytest.raises(DutiesNotSeparate) as refused:
                await prepared.file(window, caller, name, seen)
            assert (refused.value.code, refused.value.message_zh != refused.value.message_en) == (
                "duties_not_separate",
                True,
            )
        assert await rows(window, schema.declaration) == []
        await prepared.file(window, signer, name, seen)


async def test_whoever_keyed_any_of_it_is_a_keyer(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        again = await prepared.change(window, reviewer, made["id"], keyed(contract_id="C-2"), JSON)
        assert again["keyed_by"] == "review.er"
        for caller in (keyer, reviewer):
            with pytest.raises(DutiesNotSeparate):
                await prepared.review(window, caller, made["id"], again["sha256"])
        await prepared.review(window, signer, made["id"], again["sha256"])
        with pytest.raises(DutiesNotSeparate):
            await prepared.file(window, signer, made["id"], again["sha256"])


async def test_machines_neither_review_nor_sign_where_duties_are_separate(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, _):
        machine = Caller("client", "machine:erp", "trader", keyer.permissions)
        another = Caller("client", "machine:crm", "trader", keyer.permissions)
        made = await prepared.prepare(window, machine, keyed(), JSON)
        with pytest.raises(DutiesNotSeparate):
            await prepared.review(window, another, made["id"], made["sha256"])
        await prepared.review(window, reviewer, made["id"], made["sha256"])
        with pytest.raises(DutiesNotSeparate):
            await prepared.file(window, another, made["id"], made["sha256"])


async def test_a_person_does_not_file_past_the_others(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, _, signer):
        with pytest.raises(DutiesNotSeparate):
            await submit(window, signer, keyed(), JSON)
        assert (await submit(window, signer, keyed(), JSON, check_only=True)).body["valid"] is True
        # the machine's own system has separated them
        machine = Caller("client", "machine:erp", "trader", signer.permissions)
        filed = (await submit(window, machine, keyed(), JSON)).body["id"]
        await deliver(window)
        await receive(window, "customs", receipt(REFERENCE, code="1", message="bad"))
        with pytest.raises(DutiesNotSeparate):
            await amend.refile(window, signer, filed, keyed(contract_id="C-2"), JSON)
        await own.change(window, keyer, own.Change(separate_duties=False))
        assert (await amend.refile(window, signer, filed, keyed(contract_id="C-2"), JSON)).status == 202


async def test_where_duties_are_not_separate_one_person_does_it_all(tmp_path: Path) -> None:
    async with office(tmp_path, separate=False) as (window, keyer, _, _):
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        assert (await prepared.file(window, keyer, made["id"], made["sha256"])).status == 202
        second = await prepared.prepare(window, keyer, keyed(trader_assigned_reference_id="SECOND"), JSON)
        await prepared.review(window, keyer, second["id"], second["sha256"])
        assert (await prepared.file(window, keyer, second["id"], second["sha256"])).status == 202


# --- what is signed is what was reviewed


async def test_what_changed_is_not_what_was_reviewed(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        changed = await prepared.change(window, keyer, made["id"], keyed(contract_id="C-2"), JSON)
        assert changed["sha256"] != made["sha256"]
        with pytest.raises(MoveNotAllowed):
            await prepared.review(window, reviewer, made["id"], made["sha256"])
        await prepared.review(window, reviewer, made["id"], changed["sha256"])
        with pytest.raises(MoveNotAllowed):
            await prepared.file(window, signer, made["id"], made["sha256"])
        # reviewed, it is not changed without being returned, and is then reviewed again
        with pytest.raises(MoveNotAllowed):
            await prepared.change(window, keyer, made["id"], keyed(), JSON)
        returned = await prepared.give_back(window, signer, made["id"], "wrong contract")
        assert (returned["state"], returned["note"]) == ("returned", "wrong contract")
        with pytest.raises(MoveNotAllowed):
            await prepared.file(window, signer, made["id"], changed["sha256"])
        once_more = await prepared.change(window, keyer, made["id"], keyed(), JSON)
        assert (once_more["state"], once_more["reviewed_by"]) == ("keyed", None)
        await prepared.review(window, reviewer, made["id"], once_more["sha256"])
        assert (await prepared.file(window, signer, made["id"], once_more["sha256"])).status == 202


async def test_returned_between_the_check_and_the_filing(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        await prepared.review(window, reviewer, made["id"], made["sha256"])
        ready = window.vault.ready

        async def meanwhile(organisation_id: str) -> None:
            # the last thing before the filing is stored
            await ready(organisation_id)
            await prepared.give_back(window, reviewer, made["id"], "stop")

        window.vault.ready = meanwhile  # type: ignore[method-assign]
        with pytest.raises(MoveNotAllowed):
            await prepared.file(window, signer, made["id"], made["sha256"])
        assert await rows(window, schema.declaration) == []
        assert (await prepared.one(window, signer, made["id"]))["state"] == "returned"


async def test_two_signers_file_it_once(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        second = await person(window, ALL, "sign.too")
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        await prepared.review(window, reviewer, made["id"], made["sha256"])
        results = await asyncio.gather(
            *(prepared.file(window, each, made["id"], made["sha256"]) for each in (signer, second)),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in results) == ["MoveNotAllowed", "Reply"]
        assert len(await rows(window, schema.declaration)) == 1


async def test_a_reference_in_use_leaves_it_ready(tmp_path: Path) -> None:
    async with office(tmp_path, separate=False) as (window, keyer, _, _):
        first = await prepared.prepare(window, keyer, keyed(), JSON)
        second = await prepared.prepare(window, keyer, keyed(), JSON)
        await prepared.file(window, keyer, first["id"], first["sha256"])
        with pytest.raises(DuplicateReference):
            await prepared.file(window, keyer, second["id"], second["sha256"])
        assert (await prepared.one(window, keyer, second["id"]))["state"] == "keyed"
        assert (await prepared.drop(window, keyer, second["id"]))["state"] == "dropped"
        with pytest.raises(MoveNotAllowed):
            await prepared.drop(window, keyer, first["id"])


# --- keying


async def test_faults_are_told_and_keep_it_from_review(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, _):
        made = await prepared.prepare(window, keyer, keyed(trade_direction_code="X", contract_id=None), JSON)
        assert "/trade_direction_code" in {fault["pointer"] for fault in made["faults"]}
        with pytest.raises(InvalidDeclaration):
            await prepared.review(window, reviewer, made["id"], made["sha256"])
        with pytest.raises(UnreadableDocument):
            await prepared.prepare(window, keyer, b"{", JSON)
        empty = await prepared.prepare(window, keyer, b"{}", JSON)
        assert empty["reference"] == ""
        right = await prepared.change(window, keyer, made["id"], keyed(), JSON)
        assert {fault["severity"] for fault in right["faults"]} <= {"warning"}
        body, media_type = await prepared.form(window, reviewer, made["id"])
        assert (body, media_type) == (keyed(), JSON)
        assert [row.actor for row in await acts(window, "prepared_seen")] == ["review.er"]


async def test_the_form_is_sealed_at_rest(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, _, _):

        def raw(connection: Connection) -> bytes:
            return bytes(connection.execute(text("SELECT body FROM prepared")).scalar_one())

        made = await prepared.prepare(window, keyer, keyed(), JSON)
        assert b"goods_items" not in await window.database.read(raw)
        await prepared.change(window, keyer, made["id"], keyed(contract_id="C-2"), JSON)
        assert b"goods_items" not in await window.database.read(raw)
        assert (await prepared.form(window, keyer, made["id"]))[0] == keyed(contract_id="C-2")


async def test_lists_are_the_organisations_own_page_by_page(tmp_path: Path) -> None:
    clock = TickingClock()
    async with office(tmp_path, separate=False, clock=clock) as (window, keyer, _, _):
        made = []
        for number in range(5):
            clock.tick()
            made.append(await prepared.prepare(window, keyer, keyed(trader_assigned_reference_id=f"R{number}"), JSON))
        await prepared.review(window, keyer, made[2]["id"], made[2]["sha256"])
        first = await prepared.listed(window, keyer, state=None, cursor=None, limit=3)
        rest = await prepared.listed(window, keyer, state=None, cursor=first["next"], limit=3)
        assert [each["reference"] for each in first["items"] + rest["items"]] == ["R4", "R3", "R2", "R1", "R0"]
        assert rest["next"] is None
        [reviewed] = (await prepared.listed(window, keyer, state="reviewed", cursor=None, limit=3))["items"]
        assert reviewed["reference"] == "R2"
        assert (await prepared.listed(window, STRANGER, state=None, cursor=None, limit=3))["items"] == []
        for wrong in ({"state": "lost"}, {"cursor": "x"}):
            with pytest.raises(BadRequest):
                await prepared.listed(window, keyer, **{"state": None, "cursor": None, "limit": 3, **wrong})
        for act in (
            prepared.one(window, STRANGER, made[0]["id"]),
            prepared.form(window, STRANGER, made[0]["id"]),
            prepared.change(window, STRANGER, made[0]["id"], keyed(), JSON),
            prepared.review(window, STRANGER, made[0]["id"], made[0]["sha256"]),
            prepared.give_back(window, STRANGER, made[0]["id"], "no"),
            prepared.file(window, STRANGER, made[0]["id"], made[0]["sha256"]),
            prepared.drop(window, STRANGER, made[0]["id"]),
            prepared.one(window, replace(keyer, organisation_id=""), made[0]["id"]),
        ):
            with pytest.raises(NotFound):
                await act


async def test_a_correction_goes_the_same_way(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        made = await prepared.prepare(window, keyer, keyed(), JSON)
        await prepared.review(window, reviewer, made["id"], made["sha256"])
        filed = (await prepared.file(window, signer, made["id"], made["sha256"])).body["id"]
        with pytest.raises(NotFound):
            await prepared.prepare(window, STRANGER, keyed(), JSON, corrects=filed)
        correction = await prepared.prepare(window, keyer, keyed(contract_id="C-2"), JSON, corrects=filed)
        await prepared.review(window, reviewer, correction["id"], correction["sha256"])
        with pytest.raises(MoveNotAllowed):
            # no agency has returned it
            await prepared.file(window, signer, correction["id"], correction["sha256"])
        assert (await prepared.one(window, signer, correction["id"]))["state"] == "reviewed"
        await deliver(window)
        await receive(window, "customs", receipt(REFERENCE, code="1", message="bad"))
        reply = await prepared.file(window, signer, correction["id"], correction["sha256"])
        assert (reply.body["id"], reply.body["version"]) == (filed, 2)
        assert (await prepared.one(window, signer, correction["id"]))["declaration_id"] == filed


# --- under a mandate


async def test_prepared_for_a_principal_and_filed_while_the_mandate_lasts(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await visitors.organisation(window, "principal", "trader", "Principal Ltd")
        await visitors.organisation(window, "broker", "broker", "Broker Ltd")
        principal, broker = Caller("client", "p", "principal"), Caller("client", "b", "broker")
        with pytest.raises(MandateNotInForce):
            await prefill.prefill(window, broker, "goods", "I", "principal")
        day = today(window)
        offer = Offer(None, "broker", (), (), (), day, day + timedelta(days=9))
        mandate_id = (await mandate_offers.offer(window, principal, offer))["id"]
        await mandate_offers.accept(window, broker, mandate_id)

        await papers.put(window, principal, Papers("委托方", None, "91310115342088153B"))
        await papers.put(window, broker, Papers("报关行", None, "91310115MA1H7K20XJ", contact_person="李某"))
        found = await prefill.prefill(window, broker, "goods", "I", "principal")
        assert found["values"] == {
            "domestic_trader_name": "委托方",
            "domestic_trader_uscc": "91310115342088153B",
            "owner_name": "委托方",
            "declarant_name": "报关行",
            "contact_person_name": "李某",
        }
        [seen] = await acts(window, "papers_used")
        assert (seen.organisation_id, seen.actor) == ("principal", "organisation:broker")

        acting = await mandates.on_behalf(window, broker, "principal")
        made = [
            await prepared.prepare(window, acting, keyed(trader_assigned_reference_id=reference), JSON)
            for reference in ("FIRST", "SECOND")
        ]
        assert made[0]["principal_id"] == "principal"
        # what is not filed is the agent's own
        assert (await prepared.listed(window, principal, state=None, cursor=None, limit=9))["items"] == []
        reply = await prepared.file(window, broker, made[0]["id"], made[0]["sha256"])
        assert reply.body["on_behalf_of"]["id"] == "principal"
        assert (await ask.declaration(window, principal, reply.body["id"]))["on_behalf_of"]["mandate"] == mandate_id
        await mandate_offers.revoke(window, principal, mandate_id)
        with pytest.raises(MandateNotInForce):
            await prepared.file(window, broker, made[1]["id"], made[1]["sha256"])
        assert (await prepared.one(window, broker, made[1]["id"]))["state"] == "keyed"


# --- at the door, and after


async def test_over_http_with_sessions_and_a_machine(tmp_path: Path) -> None:
    async with office(tmp_path) as (window, keyer, reviewer, signer):
        await person(window, "administrator", "boss")
        made_key = await machines.add(window, Caller("client", "boss", "trader"), Wish("erp", "key", ["file", "read"]))
        bearer = {"Authorization": f"Bearer {made_key['secret']}"}
        content = {"Content-Type": JSON}
        headers = {
            each.name: await visitors.logged_in(window, str(each.person_id), "trader")
            for each in (keyer, reviewer, signer)
        }
        async with (
            listening(create_app(opened=window, worker=False)) as url,
            aiohttp.ClientSession(f"{url}/api/v1/", cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):

            async def post(path: str, who: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
                async with http.post(path, data=body, headers={**who, **content}) as reply:
                    return reply.status, orjson.loads(await reply.read())

            assert (await post("declarations", headers["sign.er"], keyed()))[1]["code"] == "duties_not_separate"
            status, made = await post("prepared", headers["key.er"], keyed())
            assert status == 201
            seen = orjson.dumps({"sha256": made["sha256"]})
            path = f"prepared/{made['id']}"
            assert (await post(f"{path}/review", headers["key.er"], seen))[1]["code"] == "duties_not_separate"
            assert (await post(f"{path}/review", headers["review.er"], b'{"sha256": "x"}'))[0] == 400
            assert (await post(f"{path}/review", headers["review.er"], seen))[0] == 200
            assert (await post(f"{path}/file", bearer, seen))[1]["code"] == "duties_not_separate"
            status, filed = await post(f"{path}/file", headers["sign.er"], seen)
            assert (status, filed["reference"]) == (202, REFERENCE)
            async with http.get(f"{path}/form", headers=headers["review.er"]) as reply:
                assert (await reply.read(), reply.headers["Content-Type"]) == (keyed(), JSON)
            status, direct = await post("declarations", bearer, keyed(trader_assigned_reference_id="BYMACHINE"))
            assert status == 202, direct
            async with http.get("forms/goods/prefill?direction=I", headers=headers["key.er"]) as reply:
                assert (reply.status, (await reply.json())["values"]) == (200, {})


async def test_what_was_filed_or_dropped_is_forgotten_and_what_waits_is_not(tmp_path: Path) -> None:
    clock = TickingClock()
    async with office(tmp_path, separate=False, clock=clock) as (window, keyer, _, _):
        names = []
        for number in range(3):
            made = await prepared.prepare(window, keyer, keyed(trader_assigned_reference_id=f"R{number}"), JSON)
            names.append((made["id"], made["sha256"]))
        await prepared.file(window, keyer, *names[0])
        await prepared.drop(window, keyer, names[1][0])
        clock.tick(91 * 86_400)
        await forget(window)
        assert [row.id for row in await rows(window, tables.prepared)] == [names[2][0]]
