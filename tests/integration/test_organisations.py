"""Organisations and people: being let in, roles, invitations, papers, suspension."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from declarations.errors import BadConfiguration, BadRequest, MoveNotAllowed, NotFound
from declarations.loginerrors import PeopleOnly
from declarations.peopleerrors import (
    InvitationClosed,
    InvitationWithdrawn,
    LastAdministrator,
    LoginTaken,
    PapersConflict,
    RegistrationConflict,
    RegistrationsFull,
)
from gateway import mandate_offers
from gateway.database import people as tables
from gateway.database import schema
from gateway.identity import Caller
from gateway.login import machines, passwords, sessions
from gateway.login.machines import Wish
from gateway.main import create_app
from gateway.mandate_terms import Offer
from gateway.mandates import today
from gateway.organisations import invitations, oversight, own, papers, people, prefill, registration
from gateway.organisations.newcomers import Newcomer
from gateway.organisations.papers import Papers
from gateway.organisations.registration import Application
from gateway.organisations.tables import OrganisationTables
from gateway.wiring import Window
from tests.support import visitors
from tests.support.listening import listening
from tests.support.plain import plain_rows
from tests.support.windows import CLIENT, TickingClock, changed_rulebook, window_at

REGISTRAR = Caller("operator", "default", "")
USCC, OTHER_USCC = "91310115342088153B", "91310115MA1H7K20XJ"
PASSWORD = "correct horse battery"
CHEN = Newcomer("chen@example.com", "陈某", "chen@example.com", PASSWORD)
GOOD = Papers(
    "上海某进出口有限公司",
    "Shanghai Some Trading",
    USCC,
    "3122960457",
    "3100617725",
    contact_person="王某",
    contact_phone="021-55500172",
)


def wish(**changes: Any) -> Application:
    usual: dict[str, Any] = {
        "name": "上海某进出口有限公司",
        "name_en": None,
        "kinds": ("trader",),
        "papers": GOOD,
        "person": CHEN,
    }
    return Application(**{**usual, **changes})


async def member(window: Window, organisation_id: str, roles: str, login: str) -> Caller:
    """Somebody at work in an organisation, as a session says it."""
    person_id = await visitors.member(window, organisation_id, roles, login)
    organisation = next(
        row for row in await window.database.read(_rows(tables.organisation)) if row.id == organisation_id
    )
    kind: Any = "operator" if "operator" in organisation.kinds else "client"
    return Caller(kind, login, organisation_id, window.access.of_roles(roles.split()), person_id)


def _rows(table: Any) -> Any:
    return lambda connection: plain_rows(connection, table)


async def journal(window: Window, code: str) -> list[Any]:
    return [row for row in await window.database.read(_rows(schema.journal)) if row.code == code]


@asynccontextmanager
async def company(data_dir: Path, clock: TickingClock | None = None) -> AsyncIterator[tuple[Window, Caller]]:
    """A window with one trader and its administrator."""
    async with window_at(data_dir, clock) as window:
        await visitors.organisation(window, "trader", "trader", "Trader Ltd")
        yield window, await member(window, "trader", "administrator", "boss")


@dataclass
class Desk:
    """A served window."""

    window: Window
    http: aiohttp.ClientSession
    clock: TickingClock

    async def ask(self, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        body = None if content is None else orjson.dumps(content)
        sent = {"Content-Type": "application/json", **headers} if body is not None else headers
        async with self.http.request(method, f"/api/v1{path}", data=body, headers=sent) as reply:
            return reply.status, orjson.loads(await reply.read())

    def token(self, name: str) -> dict[str, str]:
        path = self.window.settings.secrets_dir / f"{name}.token"
        return {"Authorization": f"Bearer {path.read_text().strip()}"}

    async def logged_in(self, login: str, organisation_id: str) -> dict[str, str]:
        person = next(row for row in await self.window.database.read(_rows(tables.person)) if row.login == login)
        return await visitors.logged_in(self.window, person.id, organisation_id)


@asynccontextmanager
async def desk(data_dir: Path) -> AsyncIterator[Desk]:
    clock = TickingClock()
    async with (
        window_at(data_dir, clock) as window,
        listening(create_app(opened=window, worker=False)) as url,
        aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        yield Desk(window, http, clock)


def pointers(error: BadRequest) -> set[str]:
    assert all(fault.message_zh and fault.message_zh != fault.message_en for fault in error.faults)
    return {fault.pointer for fault in error.faults}


# --- being let in


async def test_an_organisation_comes_in_and_its_people_with_it(tmp_path: Path) -> None:
    asked = {
        "name": "上海某进出口有限公司",
        "kinds": ["trader"],
        "papers": {"name_zh": "上海某进出口有限公司", "social_credit_code": USCC},
        "person": {"login": "Chen@Example.com", "name": "陈某", "password": PASSWORD},
    }
    async with desk(tmp_path) as at:
        operator = at.token("operators/default")
        status, kept = await at.ask("POST", "/registrations", asked)
        assert (status, kept["state"]) == (202, "pending")
        # nothing is there before somebody has decided
        assert [row.login for row in await at.window.database.read(_rows(tables.person))] == []
        status, page = await at.ask("GET", "/operations/registrations", **operator)
        [item] = page["items"]
        assert (item["id"], item["person"]["login"], item["conflicts"]) == (kept["id"], "chen@example.com", [])
        assert PASSWORD not in str(page)
        path = f"/operations/registrations/{kept['id']}/approve"
        status, made = await at.ask("POST", path, {"papers_verified": True}, **operator)
        assert status == 200
        assert (await at.ask("POST", path, {}, **operator))[0] == 409

        [person] = await at.window.database.read(_rows(tables.person))
        [credential] = await at.window.database.read(_rows(tables.credential))
        assert await passwords.fits(bytes(credential.secret), PASSWORD)
        assert not await passwords.fits(bytes(credential.secret), PASSWORD + "x")
        [left] = await at.window.database.read(_rows(tables.registration))
        assert left.secret is None, "the password stays with the person only"

        boss = await visitors.logged_in(at.window, person.id, made["organisation_id"])
        status, organisation = await at.ask("GET", "/organisation", **boss)
        assert (organisation["name"], organisation["state"]) == (asked["name"], "active")
        status, found = await at.ask("GET", "/organisation/papers", **boss)
        assert (found["social_credit_code"], found["verified"]) == (USCC, True)

        status, invited = await at.ask(
            "POST", "/organisation/invitations", {"email": "li@example.com", "roles": ["keyer"]}, **boss
        )
        assert status == 201
        account = {"token": invited["token"], "login": "li.na", "name": "李某", "password": PASSWORD}
        status, joined = await at.ask("POST", "/invitations/accept", account)
        assert (status, joined["roles"]) == (201, ["keyer"])
        status, again = await at.ask("POST", "/invitations/accept", {**account, "login": "li.na2"})
        assert (status, again["code"]) == (403, "invitation_used")
        status, listed = await at.ask("GET", "/organisation/people", **boss)
        assert {each["login"]: each["roles"] for each in listed["items"]} == {
            "chen@example.com": ["administrator"],
            "li.na": ["keyer"],
        }
        li = await at.logged_in("li.na", made["organisation_id"])
        status, refused = await at.ask("GET", "/organisation/people", **li)
        assert (status, refused["code"]) == (403, "forbidden")


async def test_asking_tells_nothing_of_who_is_here(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await visitors.organisation(at.window, "trader", "trader", "Trader Ltd")
        await visitors.member(at.window, "trader", "viewer", "taken")
        await papers.put(at.window, Caller("client", "boss", "trader"), GOOD)
        seen = (await papers.own(at.window, Caller("client", "boss", "trader")))["updated_at"]
        await papers.verify(at.window, REGISTRAR, "trader", seen)
        said = []
        for login, code in (("taken", USCC), ("free", OTHER_USCC)):
            papers_given = {"name_zh": "甲", "social_credit_code": code}
            person = {"login": login, "name": "某", "password": PASSWORD}
            asked = {"name": "甲", "kinds": ["trader"], "papers": papers_given, "person": person}
            status, kept = await at.ask("POST", "/registrations", asked)
            at.clock.tick()
            said.append((status, {name: value for name, value in kept.items() if name != "id"}))
        assert said[0] == said[1]
        page = await registration.listed(at.window, REGISTRAR, state="pending", cursor=None, limit=10)
        assert [sorted(each["code"] for each in item["conflicts"]) for item in page["items"]] == [
            ["login_taken", "papers_conflict"],
            [],
        ]
        with pytest.raises(RegistrationConflict) as refused:
            await registration.approve(at.window, REGISTRAR, page["items"][0]["id"], verified=True)
        assert {fault.pointer for fault in refused.value.faults} == {"/person/login", "/papers/social_credit_code"}
        assert (await registration.approve(at.window, REGISTRAR, page["items"][1]["id"], verified=True))[
            "state"
        ] == "approved"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"name": " "}, {"/name"}),
        ({"name": "x\u202ey"}, {"/name"}),
        ({"kinds": ()}, {"/kinds"}),
        ({"kinds": ("trader", "agency")}, {"/kinds/1"}),
        ({"kinds": ("operator",)}, {"/kinds/0"}),
        ({"kinds": ("pirate",)}, {"/kinds/0"}),
        ({"papers": Papers("甲")}, {"/papers/social_credit_code"}),
        ({"papers": Papers("", social_credit_code=USCC[:-1] + "A")}, {"/papers/name_zh", "/papers/social_credit_code"}),
        ({"papers": Papers("甲", None, None, "312296045", "31006177251")},
         {"/papers/customs_registration_id", "/papers/inspection_registration_id"}),
        ({"person": Newcomer("a:b", "", "nowhere", "short")},
         {"/person/login", "/person/name", "/person/email", "/person/password"}),
        ({"person": Newcomer("long-enough-login", "n", None, "Long-Enough-Login")}, {"/person/password"}),
        ({"name": "", "person": Newcomer("x", "n", None, PASSWORD)}, {"/name", "/person/login"}),
    ],
)  # fmt: skip
async def test_what_a_registration_may_not_say(tmp_path: Path, changes: dict[str, Any], found: set[str]) -> None:
    async with window_at(tmp_path) as window:
        with pytest.raises(BadRequest) as refused:
            await registration.register(window, wish(**changes))
        assert pointers(refused.value) == found
        assert await window.database.read(_rows(tables.registration)) == []


@pytest.mark.parametrize(
    "login", ["window", "default", "operators", "customs", "Inspection", "operator:default", "machine:x"]
)
async def test_nobody_takes_a_name_that_means_somebody_else(tmp_path: Path, login: str) -> None:
    async with window_at(tmp_path) as window:
        with pytest.raises(BadRequest) as refused:
            await registration.register(window, wish(person=Newcomer(login, "n", None, PASSWORD)))
        assert pointers(refused.value) == {"/person/login"}


async def test_registrations_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "PENDING_AT_MOST", 2)
    async with window_at(tmp_path) as window:
        for _ in range(2):
            await registration.register(window, wish())
        with pytest.raises(RegistrationsFull):
            await registration.register(window, wish())
        first, second = (row.id for row in await window.database.read(_rows(tables.registration)))
        assert (await registration.decline(window, REGISTRAR, first, "no such enterprise"))["state"] == "refused"
        with pytest.raises(MoveNotAllowed):
            await registration.approve(window, REGISTRAR, first, verified=False)
        await registration.register(window, wish())
        await registration.approve(window, REGISTRAR, second, verified=False)
        [refused] = await journal(window, "registration_refused")
        assert (refused.actor, refused.details["reason"]) == ("operator:default", "no such enterprise")


async def test_two_who_want_the_same_log_in_get_it_once(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        asked = [
            (await registration.register(window, wish(papers=Papers("甲", None, None, "3122960457"))))["id"]
            for _ in range(2)
        ]
        results = await asyncio.gather(
            *(registration.approve(window, REGISTRAR, each, verified=False) for each in asked), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in results) == ["RegistrationConflict", "dict"]
        assert len(await window.database.read(_rows(tables.person))) == 1


async def test_what_is_kept_of_a_registration_is_sealed(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await registration.register(window, wish())
        await papers.put(window, CLIENT, GOOD)

        def raw(connection: Any) -> str:
            found = [
                connection.exec_driver_sql(f"SELECT details FROM {name}").all() for name in ("registration", "qualification")
            ]  # fmt: skip
            return str(found)

        stored = await window.database.read(raw)
        assert "陈某" not in stored
        assert "chen@example.com" not in stored
        assert "王某" not in stored
        assert "55500172" not in stored


# --- people


async def test_roles_are_those_of_the_kind_and_count_at_once(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        keyer = await visitors.member(window, "trader", "keyer", "keyer")
        changed = await people.set_roles(window, boss, keyer, ["keyer", "reviewer", "keyer"])
        assert (changed["roles"], changed["roles_zh"]) == (["keyer", "reviewer"], ["录入人员", "复核人员"])
        for wrong in (["officer"], ["operator"], ["second_approver", "viewer"], ["king"], []):
            with pytest.raises(BadRequest) as refused:
                await people.set_roles(window, boss, keyer, wrong)
            assert all(pointer.startswith("/roles") for pointer in pointers(refused.value))
        [act] = await journal(window, "person_roles_changed")
        assert (act.organisation_id, act.actor, act.details["roles"], act.details["before"]) == (
            "trader", "boss", "keyer reviewer", "keyer",
        )  # fmt: skip


async def test_the_last_administrator_stays(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        assert boss.person_id is not None
        for act in (
            people.remove(window, boss, boss.person_id),
            people.set_roles(window, boss, boss.person_id, ["viewer"]),
        ):
            with pytest.raises(LastAdministrator):
                await act
        second = await member(window, "trader", "administrator", "second")
        assert second.person_id is not None
        # both remove each other at the same time: one is left
        results = await asyncio.gather(
            people.remove(window, boss, second.person_id),
            people.remove(window, second, boss.person_id),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in results) == ["LastAdministrator", "dict"]


async def test_nobody_touches_another_organisations_people(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        await visitors.organisation(window, "other", "trader broker", "Other Ltd")
        theirs = await member(window, "other", "administrator", "theirs")
        assert theirs.person_id is not None
        invited = await invitations.invite(window, theirs, "x@example.com", ["viewer"])
        for act in (
            people.remove(window, boss, theirs.person_id),
            people.set_roles(window, boss, theirs.person_id, ["viewer"]),
            people.remove(window, boss, "U" + 26 * "0"),
            invitations.withdraw(window, boss, invited["id"]),
        ):
            with pytest.raises(NotFound):
                await act
        page = await people.listed(window, boss, cursor=None, limit=50)
        assert [each["login"] for each in page["items"]] == ["boss"]
        assert (await invitations.listed(window, boss, cursor=None, limit=50))["items"] == []
        nobody = Caller("operator", "default", "")
        assert (await people.listed(window, nobody, cursor=None, limit=50))["items"] == []


async def test_who_is_removed_is_out_at_once_with_all_that_hangs_on_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        window = at.window
        await visitors.organisation(window, "trader", "trader", "Trader Ltd")
        await visitors.organisation(window, "second", "trader", "Second Ltd")
        boss = await member(window, "trader", "administrator", "boss")
        leaver = await member(window, "trader", "administrator keyer", "leaver")
        assert leaver.person_id is not None
        invited = await invitations.invite(window, boss, "x@example.com", ["viewer"])
        given = await invitations.invite(window, leaver, "friend@example.com", ["administrator"])
        elsewhere = await invitations.invite(window, Caller("client", "b", "second"), "l@example.com", ["viewer"])
        await invitations.join(window, leaver, elsewhere["token"])
        key = await machines.add(window, leaver, Wish("erp", "key", ["read"]))
        headers = await visitors.logged_in(window, leaver.person_id, "trader")
        other = await visitors.logged_in(window, leaver.person_id, "second")
        bearer = {"Authorization": f"Bearer {key['secret']}"}
        assert (await at.ask("GET", "/organisation", **headers))[0] == 200
        assert (await at.ask("GET", "/organisation", **bearer))[0] == 200

        gone = await people.remove(window, boss, leaver.person_id)
        assert gone["ended"] == {"sessions": 1, "machines": 1, "invitations": 1}
        assert (await at.ask("GET", "/organisation", **headers))[0] == 401
        assert (await at.ask("GET", "/organisation", **bearer))[0] == 401
        # what the person is elsewhere is not this organisation's to end
        assert (await at.ask("GET", "/organisation", **other))[0] == 200
        with pytest.raises(InvitationClosed):
            await invitations.accept(window, given["token"], CHEN)
        await invitations.accept(window, invited["token"], CHEN)
        with pytest.raises(NotFound):
            await people.remove(window, boss, leaver.person_id)
        [row] = [
            row
            for row in await window.database.read(_rows(tables.membership))
            if row.person_id == leaver.person_id and row.organisation_id == "trader"
        ]
        assert (row.state, row.ended_at) == ("removed", window.clock())

        # invited again, the same person is a member again
        back = await invitations.invite(window, boss, "l@example.com", ["viewer"])
        await invitations.join(window, leaver, back["token"])
        [row] = [
            row
            for row in await window.database.read(_rows(tables.membership))
            if row.person_id == leaver.person_id and row.organisation_id == "trader"
        ]
        assert (row.state, row.roles, row.ended_at) == ("active", "viewer", None)


# --- invitations


async def test_an_invitation_opens_once_for_one_within_its_time(tmp_path: Path) -> None:
    clock = TickingClock()
    async with company(tmp_path, clock) as (window, boss):
        made = [await invitations.invite(window, boss, "x@example.com", ["viewer"]) for _ in range(3)]
        assert len({each["token"] for each in made}) == 3
        stored = await window.database.read(_rows(tables.invitation))
        assert not any(each["token"] in str(row) for each in made for row in stored)
        await invitations.withdraw(window, boss, made[0]["id"])
        with pytest.raises(InvitationWithdrawn):
            await invitations.accept(window, made[0]["token"], CHEN)
        twice = await asyncio.gather(
            invitations.accept(window, made[1]["token"], CHEN),
            invitations.accept(window, made[1]["token"], Newcomer("other", "n", None, PASSWORD)),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in twice) == ["InvitationUsed", "dict"]
        clock.tick(timedelta(days=7).total_seconds())
        for token, refusal in (
            (made[2]["token"], "invitation_expired"),
            ("owi_nothing", "invitation_closed"),
            ("", "invitation_closed"),
        ):
            with pytest.raises(InvitationClosed) as caught:
                await invitations.accept(window, token, Newcomer("third", "n", None, PASSWORD))
            assert caught.value.code == refusal
        states = [each["state"] for each in (await invitations.listed(window, boss, cursor=None, limit=9))["items"]]
        assert sorted(states) == ["expired", "used", "withdrawn"]


async def test_a_log_in_that_is_somebodys_leaves_the_invitation_open(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        invited = await invitations.invite(window, boss, "x@example.com", ["viewer"])
        with pytest.raises(LoginTaken):
            await invitations.accept(window, invited["token"], Newcomer("BOSS", "n", None, PASSWORD))
        with pytest.raises(BadRequest) as refused:
            await invitations.accept(window, invited["token"], Newcomer("fine", "n", None, "123"))
        assert pointers(refused.value) == {"/password"}
        assert (await invitations.accept(window, invited["token"], CHEN))["login"] == "chen@example.com"


async def test_one_person_works_for_several_organisations(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        await visitors.organisation(window, "broker", "broker", "Broker Ltd")
        invited = await invitations.invite(window, Caller("client", "b", "broker"), "boss@example.com", ["viewer"])
        machine = Caller("client", "machine:erp", "trader", frozenset({"read"}))
        with pytest.raises(PeopleOnly):
            await invitations.join(window, machine, invited["token"])
        assert (await invitations.join(window, boss, invited["token"]))["organisation"]["id"] == "broker"
        again = await invitations.invite(window, Caller("client", "b", "broker"), "boss@example.com", ["viewer"])
        with pytest.raises(MoveNotAllowed):
            await invitations.join(window, boss, again["token"])
        assert boss.person_id is not None
        for organisation_id in ("trader", "broker"):
            await sessions.open_session(window, boss.person_id, "password", organisation_id)


async def test_invitations_give_only_roles_that_the_organisation_has(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        with pytest.raises(BadRequest) as refused:
            await invitations.invite(window, boss, "nowhere", ["viewer", "operator"])
        assert pointers(refused.value) == {"/email", "/roles/1"}
        with pytest.raises(NotFound):
            await invitations.invite(window, REGISTRAR, "x@example.com", ["viewer"])


# --- papers


async def test_papers_are_verified_by_check_digits_and_then_by_the_operator(tmp_path: Path) -> None:
    clock = TickingClock()
    async with company(tmp_path, clock) as (window, boss):
        with pytest.raises(NotFound):
            await papers.own(window, boss)
        for wrong, code in (
            (USCC[:-1] + "A", "wrong_check_digit"),
            ("123", "wrong_form"),
            (USCC.lower(), "wrong_form"),
        ):
            with pytest.raises(BadRequest) as refused:
                await papers.put(window, boss, Papers("甲", social_credit_code=wrong))
            assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/social_credit_code", code)]
        first = await papers.put(window, boss, GOOD)
        assert first["verified"] is False
        clock.tick()
        second = await papers.put(window, boss, Papers("乙", social_credit_code=USCC))
        with pytest.raises(PapersConflict):
            await papers.verify(window, REGISTRAR, "trader", first["updated_at"])
        assert (await papers.verify(window, REGISTRAR, "trader", second["updated_at"]))["verified"] is True
        with pytest.raises(PapersConflict):
            await papers.verify(window, REGISTRAR, "trader", second["updated_at"])
        clock.tick()
        # whom to call is nobody's business but the organisation's own; who it is has to be verified again
        told = Papers("乙", social_credit_code=USCC, contact_person="王某")
        assert (await papers.put(window, boss, told))["verified"] is True
        assert (await papers.put(window, boss, Papers("丙", social_credit_code=USCC)))["verified"] is False


async def test_a_code_belongs_to_whom_it_was_verified_for(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        await visitors.organisation(window, "thief", "trader", "Thief Ltd")
        thief = Caller("client", "thief", "thief")
        taken = await papers.put(window, thief, GOOD)
        # writing it down first takes it from nobody
        mine = await papers.put(window, boss, GOOD)
        await papers.verify(window, REGISTRAR, "trader", mine["updated_at"])
        with pytest.raises(PapersConflict):
            await papers.verify(window, REGISTRAR, "thief", taken["updated_at"])
        with pytest.raises(PapersConflict):
            await papers.put(window, thief, GOOD)


async def test_an_unverified_code_names_nobody(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        mine = await papers.put(window, boss, GOOD)
        await visitors.organisation(window, "broker", "broker", "Broker Ltd")
        broker = Caller("client", "b", "broker")
        day = today(window)
        offer = Offer(USCC, None, (), (), (), day, day)
        with pytest.raises(BadRequest):
            await mandate_offers.offer(window, broker, offer)
        await papers.verify(window, REGISTRAR, "trader", mine["updated_at"])
        assert (await mandate_offers.offer(window, broker, offer))["principal"]["id"] == "trader"


async def test_a_code_is_verified_once_also_at_the_same_time(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        await visitors.organisation(window, "thief", "trader", "Thief Ltd")
        given = {
            caller.organisation_id: (await papers.put(window, caller, GOOD))["updated_at"]
            for caller in (boss, Caller("client", "thief", "thief"))
        }
        results = await asyncio.gather(
            *(papers.verify(window, REGISTRAR, name, seen) for name, seen in given.items()), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in results) == ["PapersConflict", "dict"]


async def test_papers_fill_the_form(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        assert (await prefill.prefill(window, boss, "goods", "I", None))["values"] == {}
        await papers.put(window, boss, GOOD)
        found = await prefill.prefill(window, boss, "goods", "I", None)
        assert found["values"] == {
            "domestic_trader_name": GOOD.name_zh,
            "domestic_trader_customs_id": "3122960457",
            "domestic_trader_uscc": USCC,
            "domestic_trader_inspection_id": "3100617725",
            "owner_name": GOOD.name_zh,
            "owner_customs_id": "3122960457",
            "declarant_name": GOOD.name_zh,
            "declarant_customs_id": "3122960457",
            "declarant_inspection_id": "3100617725",
            "contact_person_name": "王某",
            "contact_phone_number": "021-55500172",
        }
        assert {each["certainty"] for each in found["items"] if each["item"].startswith("owner")} == {"usual"}
        # a broker is not whose goods they are
        await visitors.organisation(window, "broker", "broker", "Broker Ltd")
        broker = Caller("client", "b", "broker")
        await papers.put(window, broker, Papers("某报关行", social_credit_code=OTHER_USCC))
        assert (await prefill.prefill(window, broker, "goods", None, None))["values"] == {"declarant_name": "某报关行"}
        with pytest.raises(NotFound):
            await prefill.prefill(window, boss, "ships", None, None)
        with pytest.raises(BadRequest):
            await prefill.prefill(window, boss, "goods", "X", None)


# --- the registrars' desk


async def test_agencies_and_operators_are_there_from_the_start(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        page = await oversight.listed(window, state=None, cursor=None, limit=50)
        assert {each["id"]: each["kinds"] for each in page["items"]} == {
            "default": ["trader"],
            "operators": ["operator"],
            **{f"agency-{name}": ["agency"] for name in window.rulebook.agencies},
        }
        all_of_them = len(page["items"])
        first = await oversight.listed(window, state="active", cursor=None, limit=all_of_them - 1)
        rest = await oversight.listed(window, state="active", cursor=first["next"], limit=all_of_them - 1)
        assert [len(first["items"]), len(rest["items"]), rest["next"]] == [all_of_them - 1, 1, None]
    async with window_at(tmp_path) as window:
        assert len((await oversight.listed(window, state=None, cursor=None, limit=50))["items"]) == all_of_them


async def test_a_suspended_organisation_is_shut_out_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        window = at.window
        await visitors.organisation(window, "trader", "trader", "Trader Ltd")
        boss = await member(window, "trader", "administrator", "boss")
        assert boss.person_id is not None
        key = await machines.add(window, boss, Wish("erp", "key", ["read"]))
        bearer = {"Authorization": f"Bearer {key['secret']}"}
        headers, unused = [await visitors.logged_in(window, boss.person_id, "trader") for _ in range(2)]
        invited = await invitations.invite(window, boss, "x@example.com", ["viewer"])
        operator = at.token("operators/default")
        status, told = await at.ask(
            "POST", "/operations/organisations/trader/suspend", {"reason": "forged papers"}, **operator
        )
        assert (status, told["state"]) == (200, "suspended")
        for shown in (headers, bearer):
            assert (await at.ask("GET", "/organisation", **shown))[0] == 401
        with pytest.raises(InvitationClosed):
            await invitations.accept(window, invited["token"], CHEN)
        assert (await at.ask("POST", "/operations/organisations/trader/suspend", {}, **operator))[0] == 409
        await at.ask("POST", "/operations/organisations/trader/restore", {"reason": "cleared"}, **operator)
        # people log in again; what was ended stays ended
        for shown in (headers, unused, bearer):
            assert (await at.ask("GET", "/organisation", **shown))[0] == 401
        with pytest.raises(InvitationClosed):
            await invitations.accept(window, invited["token"], CHEN)
        again = await visitors.logged_in(window, boss.person_id, "trader")
        assert (await at.ask("GET", "/organisation", **again))[0] == 200
        for built_in in ("default", "operators"):
            status, refused = await at.ask("POST", f"/operations/organisations/{built_in}/suspend", {}, **operator)
            assert (status, refused["code"]) == (409, "move_not_allowed")
        [act] = await journal(window, "organisation_suspended")
        assert (act.actor, act.organisation_id, act.details["reason"], act.details["machines"]) == (
            "operator:default", "trader", "forged papers", "1",
        )  # fmt: skip


async def test_a_registrar_invites_the_first_administrator_and_no_other(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        invited = await oversight.invite_first(window, REGISTRAR, "agency-customs", "head@example.com")
        await invitations.accept(window, invited["token"], CHEN)
        with pytest.raises(MoveNotAllowed):
            await oversight.invite_first(window, REGISTRAR, "agency-customs", "me@example.com")
        found = await oversight.one(window, REGISTRAR, "agency-customs")
        assert (found["administrators"], found["papers"]) == (1, None)
        for nothing in ("nobody", ""):
            with pytest.raises(NotFound):
                await oversight.invite_first(window, REGISTRAR, nothing, "me@example.com")


async def test_what_an_organisation_changes_of_itself(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        changed = await own.change(window, boss, own.Change(name="新名", separate_duties=True))
        assert (changed["name"], changed["separate_duties"]) == ("新名", True)
        assert (await own.change(window, boss, own.Change()))["separate_duties"] is True
        with pytest.raises(BadRequest):
            await own.change(window, boss, own.Change(name="a\nb"))
        with pytest.raises(NotFound):
            await own.show(window, REGISTRAR)


async def test_who_looked_at_people_is_in_the_journal(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        await people.listed(window, boss, cursor=None, limit=10)
        await registration.register(window, wish())
        await registration.listed(window, REGISTRAR, state="pending", cursor=None, limit=10)
        await oversight.one(window, REGISTRAR, "trader")
        [listed], [seen], [looked] = [
            await journal(window, code) for code in ("people_seen", "registrations_seen", "organisation_seen")
        ]
        assert (listed.organisation_id, listed.actor) == ("trader", "boss")
        assert seen.actor == looked.actor == "operator:default"
        assert looked.organisation_id == "trader"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("mappings/qualification_items.csv", "goods,domestic_trader_name", "goods,domestic_trader_nam"),
        ("mappings/qualification_items.csv", ",name_zh,fact", ",name_xx,fact"),
        ("mappings/qualification_items.csv", "goods,declarant_name,declarant", "goods,declarant_name,payer"),
        ("mappings/organisation_kinds.csv", "broker,", "brokers,"),
    ],
)
def test_tables_that_contradict_each_other_refuse_the_start(path: str, old: str, new: str) -> None:
    with pytest.raises(BadConfiguration):
        OrganisationTables(changed_rulebook({path: (old, new)}))


async def test_two_invitations_taken_up_at_the_same_time_make_one_membership(tmp_path: Path) -> None:
    async with company(tmp_path) as (window, boss):
        await visitors.organisation(window, "broker", "broker", "Broker Ltd")
        made = [
            await invitations.invite(window, Caller("client", "b", "broker"), "boss@example.com", ["viewer"])
            for _ in range(2)
        ]
        results = await asyncio.gather(
            *(invitations.join(window, boss, each["token"]) for each in made), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in results) == ["MoveNotAllowed", "dict"]
