"""Logging in by password over real HTTP, and the session that follows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from gateway.database import people
from tests.support import visitors
from tests.support.logins import LOGIN, ORGANISATION, PASSWORD, Browser, Place, change, place

MINUTE, HOUR = 60.0, 3600.0


async def logged_in(there: Place) -> Browser:
    browser = there.browser()
    status, content = await browser.log_in()
    assert status == 200, content
    return browser


async def test_a_password_opens_a_session_with_the_persons_permissions(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = there.browser()
        status, content = await browser.log_in(f" {LOGIN.upper()} ")
        assert status == 200
        assert content["person"]["login"] == LOGIN
        assert content["organisation"]["id"] == ORGANISATION
        assert {"read", "file", "manage"} <= set(content["permissions"])
        assert content["expires_in"] == 1800 and content["warning"] is False
        cookie = browser.last["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Domain" not in cookie
        assert (await browser.ask("GET", "/declarations"))[0] == 200
        assert browser.last["Onewindow-Session-Expires"] == "1800"
        assert [act.actor for act in await there.acts("logged_in")] == [LOGIN]


async def test_with_tls_the_cookie_is_bound_to_host_and_tls(tmp_path: Path) -> None:
    async with place(tmp_path, public_url="https://window.example") as there:
        browser = there.browser()
        assert (await browser.log_in())[0] == 200
        cookie = browser.last["Set-Cookie"]
        assert cookie.startswith("__Host-onewindow=ows_") and "Secure" in cookie and "Path=/" in cookie


async def test_every_failure_looks_the_same(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        blocked = await visitors.member(there.window, ORGANISATION, "viewer", "blocked")
        await change(there.window, "person", blocked, "blocked")
        await visitors.member(there.window, ORGANISATION, "viewer", "without.password")
        replies = [
            await there.browser().log_in(login, password)
            for login, password in [
                (LOGIN, "wrong horse battery"),
                ("nobody.here", PASSWORD),
                ("blocked", PASSWORD),
                ("without.password", PASSWORD),
                (LOGIN, "\U0001f511" * 20),
            ]
        ]
        assert {(status, content["code"]) for status, content in replies} == {(401, "login_failed")}
        assert len({str(content) for _, content in replies}) == 1
        acts = await there.acts("login_failed")
        assert len(acts) == 5
        # what was typed as a log-in may have been a password
        assert [act.actor for act in acts] == [LOGIN, "nobody", "blocked", "without.password", LOGIN]


async def test_failures_slow_down_by_login_and_a_success_forgets_them(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        for _ in range(5):
            assert (await there.browser().log_in(password="wrong horse"))[0] == 401
        browser = there.browser()
        status, content = await browser.log_in()
        assert (status, content["code"]) == (429, "too_many_attempts")
        first = int(browser.last["Retry-After"])
        assert first == 1
        there.clock.tick(first)
        assert (await browser.log_in(password="wrong horse"))[0] == 401
        assert (await browser.log_in())[0] == 429
        assert int(browser.last["Retry-After"]) == 2 * first, "the wait doubles"
        there.clock.tick(2 * first)
        assert (await browser.log_in())[0] == 200
        for _ in range(4):
            assert (await there.browser().log_in(password="wrong horse"))[0] == 401
        assert (await there.browser().log_in())[0] == 200
        assert await there.acts("login_throttled")


async def test_a_login_that_nobody_has_slows_down_too(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        codes = [(await there.browser().log_in("nobody.here"))[0] for _ in range(6)]
        assert codes == [401] * 5 + [429]


async def test_attempts_at_the_same_time_are_counted_each(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        replies = await asyncio.gather(*(there.browser().log_in(password="wrong horse") for _ in range(20)))
        assert sorted(status for status, _ in replies) == [401] * 5 + [429] * 15


async def test_an_address_slows_down_over_many_logins(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        codes = [(await there.browser().log_in(f"somebody{number}"))[0] for number in range(31)]
        assert codes == [401] * 30 + [429]


async def test_a_change_needs_the_csrf_value_of_this_session(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser, other = await logged_in(there), await logged_in(there)
        right, browser.csrf = browser.csrf, ""
        for wrong in ("", "guess", other.csrf):
            browser.csrf = wrong
            status, content = await browser.ask("POST", "/session/extend")
            assert (status, content["code"]) == (403, "csrf_refused")
            assert (await browser.ask("DELETE", "/session"))[0] == 403
        assert (await browser.ask("GET", "/declarations"))[0] == 200, "reading needs none"
        assert (await browser.ask("GET", "/session"))[1]["csrf"] == right
        assert (await browser.ask("POST", "/session/extend"))[0] == 200


async def test_a_session_ends_when_nobody_uses_it_and_warns_before(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await logged_in(there)
        there.clock.tick(26 * MINUTE)
        # a page that asks how long it lasts does not use it
        for _ in range(2):
            status, content = await browser.ask("GET", "/session")
            assert (status, content["warning"], content["expires_in"]) == (200, True, 240)
        status, content = await browser.ask("POST", "/session/extend")
        assert (content["warning"], content["expires_in"]) == (False, 1800)
        there.clock.tick(20 * MINUTE)
        assert (await browser.ask("GET", "/declarations"))[0] == 200
        assert browser.last["Onewindow-Session-Expires"] == "1800", "using it is enough"
        there.clock.tick(30 * MINUTE)
        for _ in range(2):
            status, content = await browser.ask("GET", "/declarations")
            assert (status, content["code"]) == (401, "session_expired")
        assert len(await there.acts("credential_refused")) == 1, "once, however often it is tried"


async def test_a_session_ends_after_its_hours_however_it_is_used(tmp_path: Path) -> None:
    async with place(tmp_path, session_hours=1) as there:
        browser = await logged_in(there)
        for _ in range(5):
            there.clock.tick(11 * MINUTE)
            assert (await browser.ask("POST", "/session/extend"))[0] == 200
        there.clock.tick(5 * MINUTE)
        status, content = await browser.ask("POST", "/session/extend")
        assert (status, content["code"]) == (401, "session_expired")


async def test_logging_out_ends_one_session_or_all(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        first, second, third = [await logged_in(there) for _ in range(3)]
        token = first.cookie
        assert (await first.ask("DELETE", "/session"))[0] == 204
        assert 'onewindow="";' in first.last["Set-Cookie"]
        first.cookie = token
        status, content = await first.ask("GET", "/session")
        assert (status, content["code"]) == (401, "session_ended")
        assert (await second.ask("DELETE", "/sessions"))[0] == 204
        assert (await third.ask("GET", "/session"))[1]["code"] == "session_ended"
        assert len(await there.acts("logged_out")) == 2


@pytest.mark.parametrize("what", ["person", "organisation", "membership"])
async def test_who_is_removed_or_suspended_is_out_at_once(tmp_path: Path, what: str) -> None:
    async with place(tmp_path) as there:
        browser = await logged_in(there)
        key = ORGANISATION if what == "organisation" else there.person_id
        await change(there.window, what, key, "suspended")
        status, content = await browser.ask("GET", "/declarations")
        assert (status, content["code"]) == (401, "session_ended")
        assert (await there.browser().log_in())[1]["code"] == "login_failed"


async def test_switching_goes_on_in_another_own_organisation_only(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        window, now = there.window, there.clock()
        await visitors.organisation(window, "broker-b", "broker", "Broker B")
        await visitors.organisation(window, "broker-c", "broker", "Broker C")
        joined = {"person_id": there.person_id, "organisation_id": "broker-b", "roles": "viewer", "state": "active"}

        def join(connection: Connection) -> None:
            connection.execute(people.membership.insert(), {**joined, "created_at": now, "created_by": "test"})

        await window.database.write(join)
        browser = await logged_in(there)
        old = Browser(there.http, browser.cookie, browser.csrf)
        assert {each["id"] for each in (await browser.ask("GET", "/session"))[1]["organisations"]} == {
            ORGANISATION,
            "broker-b",
        }
        for foreign in ("broker-c", "none"):
            assert (await browser.ask("POST", "/session/organisation", {"organisation": foreign}))[0] == 404
        status, content = await browser.ask("POST", "/session/organisation", {"organisation": "broker-b"})
        assert (status, content["organisation"]["id"], content["roles"]) == (200, "broker-b", ["viewer"])
        assert (await browser.ask("POST", "/declarations?check_only=true", {}))[0] == 403
        assert (await old.ask("GET", "/session"))[1]["code"] == "session_ended"


async def test_a_new_password_ends_the_other_sessions(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser, other = await logged_in(there), await logged_in(there)
        new = "another long passphrase"
        status, content = await browser.ask("POST", "/account/password", {"current": "wrong one here", "new": new})
        assert (status, content["code"]) == (403, "proof_wrong")
        for weak, code in [("short", "too_short"), (LOGIN.upper() + " " * 6, "is_login"), ("a" * 14, "one_character")]:
            status, content = await browser.ask("POST", "/account/password", {"current": PASSWORD, "new": weak})
            assert (status, content["code"]) == (400, "password_refused")
            assert [(fault["code"], fault["pointer"]) for fault in content["faults"]] == [(code, "/password")]
        status, content = await browser.ask("POST", "/account/password", {"current": PASSWORD, "new": new})
        assert (status, content["sessions_ended"]) == (200, 1)
        assert (await browser.ask("GET", "/account/password"))[1]["set"] is True
        assert (await other.ask("GET", "/session"))[1]["code"] == "session_ended"
        assert (await there.browser().log_in())[0] == 401
        assert (await there.browser().log_in(password=new))[0] == 200


async def test_nothing_that_opens_a_door_stands_in_the_database(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await logged_in(there)

        def read(connection: Connection) -> str:
            rows = [connection.execute(select(table)).all() for table in (people.session, people.credential)]
            return str(rows)

        stored = await there.window.database.read(read)
        assert browser.cookie not in stored and browser.csrf not in stored and PASSWORD not in stored
        assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"login": LOGIN},
        {"login": LOGIN, "password": PASSWORD, "passwort": "x"},
        {"login": LOGIN, "password": "x" * 1025},
        {"login": LOGIN, "password": 7},
        {"login": "", "password": ""},
        {"continue": "x"},
        {"continue": "x", "totp": "123456", "login": LOGIN},
        [],
        "x",
    ],
)
async def test_what_is_no_login_is_refused_in_words(tmp_path: Path, content: object) -> None:
    async with place(tmp_path) as there:
        browser = there.browser()
        status, problem = await browser.ask("POST", "/session", content)
        assert status == 400 and PASSWORD not in str(problem) and problem["detail_zh"]


async def test_a_login_form_of_another_site_is_refused(tmp_path: Path) -> None:
    """A page elsewhere can send text, and no JSON: nobody is logged in as somebody else without knowing."""
    async with place(tmp_path) as there:
        body = f'{{"login": "{LOGIN}", "password": "{PASSWORD}"}}'
        for media_type in ("text/plain", "application/x-www-form-urlencoded"):
            async with there.http.post("/api/v1/session", data=body, headers={"Content-Type": media_type}) as reply:
                assert reply.status == 400 and "Set-Cookie" not in reply.headers
