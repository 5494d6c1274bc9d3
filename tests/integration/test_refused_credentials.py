"""Credentials that opened something once, or open something else: each is refused with its own code, journalled once however
often it is tried, and changes nothing. Certificates, challenges, OpenID tokens and signatures have tests of their own; the table
in docs/hardening.md names them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from gateway import mandate_offers
from gateway.database import people, schema
from gateway.identity import Caller
from gateway.mandate_terms import Offer
from gateway.mandates import today
from gateway.refusals import NOTED
from tests.integration.test_login_secondfactor import STEP, code, with_factor
from tests.integration.test_machines import administrator, bearer, client_form, make, token
from tests.support import visitors
from tests.support.logins import ORGANISATION, PASSWORD, Place, change, place
from tests.support.windows import ELECTRONICS, JSON, sample

DAY = 86_400.0
Try = Callable[[], Awaitable[tuple[int, str]]]
"""Shows the credential once more: status and code."""
PRINCIPAL = Caller("client", "somebody", "principal")
CASES: dict[str, tuple[Callable[[Place], Awaitable[Try]], int, str, str | None]] = {}
"""What is shown -> how it is made, status, code, and the journal's reason where that is another."""
MARKS = {"journal", "throttle", "session", "challenge", "journal_head"}
"""Tables that a refusal may write to: itself, and that a session or challenge is over."""
NOTED_IN = frozenset({"used_at", "seen_at"})


def case(name: str, status: int, refusal: str, reason: str | None = None) -> Callable[[Any], Any]:
    def keep(make_it: Callable[[Place], Awaitable[Try]]) -> Any:
        CASES[name] = make_it, status, refusal, reason
        return make_it

    return keep


def asking(there: Place, method: str, path: str, headers: dict[str, str], content: Any = None) -> Try:
    async def ask() -> tuple[int, str]:
        status, reply = await there.browser().ask(method, path, content, headers)
        return status, reply.get("code", "") if isinstance(reply, dict) else ""

    return ask


# --- sessions


@case("session, expired", 401, "session_expired")
async def _expired_session(there: Place) -> Try:
    headers = await visitors.logged_in(there.window, there.person_id)
    there.clock.tick(31 * 60)
    return asking(there, "GET", "/declarations", headers)


@case("session, ended by its person and played again", 401, "session_ended")
async def _ended_session(there: Place) -> Try:
    headers = await visitors.logged_in(there.window, there.person_id)
    assert (await there.browser().ask("DELETE", "/session", headers=headers))[0] == 204
    return asking(there, "GET", "/declarations", headers)


@case("session, of somebody who is blocked", 401, "session_ended")
async def _blocked(there: Place) -> Try:
    headers = await visitors.logged_in(there.window, there.person_id)
    await visitors.block(there.window, there.person_id)
    return asking(there, "GET", "/declarations", headers)


@case("session, of somebody who was removed", 401, "session_ended")
async def _removed(there: Place) -> Try:
    headers = await visitors.logged_in(there.window, there.person_id)
    await change(there.window, "membership", there.person_id, "removed")
    return asking(there, "GET", "/declarations", headers)


@case("session, with the CSRF value of another", 403, "csrf_refused")
async def _another_csrf(there: Place) -> Try:
    mine, other = [await visitors.logged_in(there.window, there.person_id) for _ in range(2)]
    return asking(there, "DELETE", "/sessions", {**other, "Cookie": mine["Cookie"]})


# --- machines


@case("API key, expired", 401, "key_expired")
async def _expired_key(there: Place) -> Try:
    made = await make(await administrator(there), days=1)
    there.clock.tick(DAY)
    return asking(there, "GET", "/declarations", bearer(made["secret"]))


@case("API key, revoked a moment after it was used", 401, "key_revoked")
async def _revoked_key(there: Place) -> Try:
    browser = await administrator(there)
    made = await make(browser)
    assert (await there.browser().ask("GET", "/declarations", headers=bearer(made["secret"])))[0] == 200
    assert (await browser.ask("DELETE", f"/machines/{made['id']}"))[0] == 200
    return asking(there, "GET", "/declarations", bearer(made["secret"]))


@case("API key, of an organisation that is suspended", 401, "key_revoked")
async def _suspended_key(there: Place) -> Try:
    made = await make(await administrator(there))
    await change(there.window, "organisation", ORGANISATION, "suspended")
    return asking(there, "GET", "/declarations", bearer(made["secret"]))


async def _client(there: Place) -> tuple[Any, dict[str, Any], str]:
    browser = await administrator(there)
    made = await make(browser, kind="client")
    return browser, made, (await token(there, client_form(made)))[1]["access_token"]


@case("access token, expired", 401, "key_expired")
async def _expired_token(there: Place) -> Try:
    *_, access = await _client(there)
    there.clock.tick(3600)
    return asking(there, "GET", "/declarations", bearer(access))


@case("access token, its client revoked", 401, "key_revoked")
async def _revoked_token(there: Place) -> Try:
    browser, made, access = await _client(there)
    assert (await browser.ask("DELETE", f"/machines/{made['id']}"))[0] == 200
    return asking(there, "GET", "/declarations", bearer(access))


def _changing(there: Place, form: dict[str, str]) -> Try:
    async def ask() -> tuple[int, str]:
        status, reply, _ = await token(there, form)
        return status, reply["error"]

    return ask


@case("client secret, expired", 401, "invalid_client", "key_expired")
async def _expired_client(there: Place) -> Try:
    made = await make(await administrator(there), kind="client", days=1)
    there.clock.tick(DAY)
    return _changing(there, client_form(made))


@case("client secret, revoked", 401, "invalid_client", "key_revoked")
async def _revoked_client(there: Place) -> Try:
    browser, made, _ = await _client(there)
    assert (await browser.ask("DELETE", f"/machines/{made['id']}"))[0] == 200
    return _changing(there, client_form(made))


@case("client secret, under another client's id", 401, "invalid_client")
async def _another_client(there: Place) -> Try:
    browser = await administrator(there)
    one, other = [await make(browser, name=name, kind="client") for name in ("one", "other")]
    return _changing(there, {**client_form(one), "client_id": other["id"]})


@case("client secret, which is an API key", 401, "invalid_client")
async def _key_as_client(there: Place) -> Try:
    made = await make(await administrator(there))
    return _changing(there, client_form(made))


# --- agencies


@case("agency's token, at another agency's door", 403, "another_agency")
async def _another_agency(there: Place) -> Try:
    secret = (there.window.settings.secrets_dir / "agencies" / "customs.token").read_text().strip()
    return asking(there, "POST", "/agencies/inspection/answers", bearer(secret), {})


# --- second factor, present password


@case("code of an authenticator, played again", 401, "login_failed", "")
async def _used_code(there: Place) -> Try:
    _, secret, _ = await with_factor(there)
    used = code(there, secret)
    assert (await there.browser().log_in(totp=used))[0] == 200
    return asking(there, "POST", "/session", {}, {"login": "li.wei", "password": PASSWORD, "totp": used})


@case("second step of a log-in, played again", 401, "login_failed", "")
async def _used_step(there: Place) -> Try:
    _, secret, _ = await with_factor(there)
    _, first = await there.browser().log_in()
    second = {"continue": first["continue"], "totp": code(there, secret)}
    assert (await there.browser().ask("POST", "/session", second))[0] == 200
    there.clock.tick(STEP)
    return asking(there, "POST", "/session", {}, {**second, "totp": code(there, secret)})


@case("present password, wrong in an open session", 403, "proof_wrong")
async def _wrong_proof(there: Place) -> Try:
    headers = await visitors.logged_in(there.window, there.person_id)
    return asking(there, "POST", "/account/totp", headers, {"password": "a wrong one, to be sure"})


# --- invitations


async def _invited(there: Place) -> tuple[Any, dict[str, Any], Try]:
    browser = await administrator(there)
    wish = {"email": "chen@example.com", "roles": ["viewer"]}
    status, made = await browser.ask("POST", "/organisation/invitations", wish)
    assert status == 201, made
    account = {"token": made["token"], "login": "chen", "name": "陈某", "password": PASSWORD}
    return browser, made, asking(there, "POST", "/invitations/accept", {}, account)


@case("invitation, used", 403, "invitation_used")
async def _used_invitation(there: Place) -> Try:
    *_, accept = await _invited(there)
    assert (await accept())[0] == 201
    return accept


@case("invitation, withdrawn", 403, "invitation_withdrawn")
async def _withdrawn_invitation(there: Place) -> Try:
    browser, made, accept = await _invited(there)
    assert (await browser.ask("DELETE", f"/organisation/invitations/{made['id']}"))[0] == 200
    return accept


@case("invitation, expired", 403, "invitation_expired")
async def _expired_invitation(there: Place) -> Try:
    *_, accept = await _invited(there)
    there.clock.tick(7 * DAY)
    return accept


# --- mandates


async def _mandated(there: Place, **limits: Any) -> tuple[str, Try]:
    """Under a mandate of a trader, filing for it."""
    await change_kind(there)
    await visitors.organisation(there.window, "principal", "trader", "Principal Ltd")
    day = today(there.window)
    usual: dict[str, Any] = {"principal": None, "agent": ORGANISATION, "forms": [], "directions": [], "offices": []}
    offer = Offer(**{**usual, "valid_from": day, "valid_until": day + timedelta(days=1), **limits})
    made = await mandate_offers.offer(there.window, PRINCIPAL, offer)
    agent = Caller("client", "li.wei", ORGANISATION)
    await mandate_offers.accept(there.window, agent, made["id"])
    return str(made["id"]), _filing(there, await visitors.logged_in(there.window, there.person_id))


async def change_kind(there: Place) -> None:
    def act(connection: Connection) -> None:
        mine = people.organisation.c.id == ORGANISATION
        connection.execute(people.organisation.update().where(mine).values(kinds="trader broker"))

    await there.window.database.write(act)


def _filing(there: Place, headers: dict[str, str]) -> Try:
    async def ask() -> tuple[int, str]:
        given = {**headers, "Onewindow-For": "principal", "Content-Type": JSON}
        async with there.http.post("/api/v1/declarations", data=sample(ELECTRONICS), headers=given) as reply:
            return reply.status, (await reply.json(content_type=None)).get("code", "")

    return ask


@case("mandate, revoked", 403, "mandate_not_in_force")
async def _revoked_mandate(there: Place) -> Try:
    mandate_id, filing = await _mandated(there)
    await mandate_offers.revoke(there.window, PRINCIPAL, mandate_id)
    return filing


@case("mandate, over", 403, "mandate_not_in_force")
async def _past_mandate(there: Place) -> Try:
    await _mandated(there)
    there.clock.tick(2 * DAY)
    return _filing(there, await visitors.logged_in(there.window, there.person_id))


@case("mandate, for something else", 403, "mandate_not_in_force")
async def _narrow_mandate(there: Place) -> Try:
    return (await _mandated(there, directions=["E"]))[1]


@case("mandate, of another organisation", 403, "mandate_not_in_force")
async def _anothers_mandate(there: Place) -> Try:
    await _mandated(there)
    await visitors.organisation(there.window, "rival", "broker", "Rival Ltd")
    rival = await visitors.member(there.window, "rival", "signing_declarant", "rival")
    return _filing(there, await visitors.logged_in(there.window, rival))


@pytest.mark.parametrize("name", CASES)
async def test_each_is_refused_with_its_code_journalled_and_changes_nothing(tmp_path: Path, name: str) -> None:
    make_it, status, refusal, reason = CASES[name]
    async with place(tmp_path) as there:
        attempt = await make_it(there)
        before, entries = await _all_but_marks(there), len(await _journal(there))
        assert await attempt() == (status, refusal)
        assert await attempt() == (status, refusal)
        assert await _all_but_marks(there) == before
        added = (await _journal(there))[entries:]
        if refusal == "login_failed":
            # each attempt at a log-in stands there by itself
            assert [row.code for row in added] == ["login_failed"] * 2
            return
        said = [(row.code, row.details["reason"]) for row in added]
        act = "act_refused" if refusal == "mandate_not_in_force" else "credential_refused"
        assert said == [(act, reason or refusal)], "once, however often it is tried"
        there.clock.tick(NOTED.total_seconds())
        await attempt()
        assert len(await _journal(there)) == entries + 2, "and again a minute later"


async def _journal(there: Place) -> list[Any]:
    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(select(schema.journal).order_by(schema.journal.c.id)).all())

    return await there.window.database.read(read)


async def _all_but_marks(there: Place) -> dict[str, list[dict[str, Any]]]:
    def read(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: [
                {name: value for name, value in row._asdict().items() if name not in NOTED_IN}
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in schema.metadata.sorted_tables
            if table.name not in MARKS
        }

    return await there.window.database.read(read)
