"""API keys and OAuth2 clients over real HTTP: made, used, limited to their scopes, replaced without a stop, revoked."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from sqlalchemy import Connection, select

from gateway.database import people, schema
from tests.support import visitors
from tests.support.logins import ORGANISATION, Browser, Place, change, place
from tests.support.windows import ELECTRONICS, sample

HOUR, DAY = 3600.0, 86_400.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def administrator(there: Place) -> Browser:
    browser = there.browser()
    assert (await browser.log_in())[0] == 200
    return browser


async def make(browser: Browser, **changes: Any) -> dict[str, Any]:
    wish = {"name": "erp", "kind": "key", "scopes": ["read", "file"], **changes}
    status, made = await browser.ask("POST", "/machines", wish)
    assert status == 201, made
    return dict(made)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def find(there: Place, secret: str) -> tuple[int, Any]:
    return await there.browser().ask("GET", "/declarations", headers=bearer(secret))


async def token(there: Place, form: dict[str, str], headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    data = aiohttp.FormData(form)
    async with there.http.post("/api/v1/oauth/token", data=data, headers={**FORM, **(headers or {})}) as reply:
        return reply.status, orjson.loads(await reply.read()), reply.headers


def client_form(made: dict[str, Any], **more: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": made["id"],
        "client_secret": made["secret"],
        **more,
    }


async def test_a_key_files_in_its_organisations_name_within_its_scopes(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        made = await make(browser)
        assert made["secret"].startswith("owk_") and made["scopes"] == ["file", "read"]
        machine = there.browser()
        form = orjson.loads(sample(ELECTRONICS))
        status, filed = await machine.ask("POST", "/declarations", form, headers=bearer(made["secret"]))
        assert status == 202, filed

        def read(connection: Connection) -> Any:
            found = select(schema.journal.c.actor, schema.journal.c.organisation_id).where(
                schema.journal.c.code == "accepted"
            )
            return connection.execute(found).one()

        assert tuple(await there.window.database.read(read)) == ("machine:erp", ORGANISATION)
        for method, path in [("GET", "/machines"), ("POST", "/machines"), ("GET", "/operations/queues")]:
            reply = await machine.ask(method, path, {} if method == "POST" else None, headers=bearer(made["secret"]))
            assert reply[0] in (400, 403), reply
        assert (await machine.ask("GET", "/machines", headers=bearer(made["secret"])))[1]["code"] == "forbidden"
        assert (await machine.ask("GET", "/session", headers=bearer(made["secret"])))[1]["code"] == "people_only"
        reader = await make(browser, name="reader", scopes=["read"])
        assert (await find(there, reader["secret"]))[0] == 200
        refused = await machine.ask("POST", "/declarations", form, headers=bearer(reader["secret"]))
        assert (refused[0], refused[1]["code"]) == (403, "forbidden")


async def test_a_secret_is_shown_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        made = await make(browser)
        assert "no-store" in browser.last["Cache-Control"]
        status, listed = await browser.ask("GET", "/machines")
        assert status == 200 and [each["id"] for each in listed["items"]] == [made["id"]]
        assert made["secret"] not in str(listed)

        def read(connection: Connection) -> str:
            return str(
                connection.execute(select(people.machine)).all() + connection.execute(select(schema.journal)).all()
            )

        assert made["secret"] not in await there.window.database.read(read)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"scopes": ["manage"]}, "/scopes/0"),
        ({"scopes": ["read", "operate"]}, "/scopes/1"),
        ({"scopes": []}, "/scopes"),
        ({"name": "Not A Name"}, "/name"),
        ({"kind": "robot"}, "/kind"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_at_its_field(
    tmp_path: Path, wrong: dict[str, Any], pointer: str
) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        wish = {"name": "erp", "kind": "key", "scopes": ["read"], **wrong}
        status, content = await browser.ask("POST", "/machines", wish)
        assert (status, content["code"]) == (400, "bad_request")
        assert [fault["pointer"] for fault in content["faults"]] == [pointer]


async def test_a_name_is_one_open_machines(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        made = await make(browser)
        wish = {"name": "erp", "scopes": ["read"]}
        assert (await browser.ask("POST", "/machines", wish))[1]["code"] == "name_taken"
        assert (await browser.ask("DELETE", f"/machines/{made['id']}"))[0] == 200
        await make(browser)


async def test_replacing_a_key_stops_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        old = await make(browser)
        status, new = await browser.ask("POST", f"/machines/{old['id']}/rotate", {"overlap_hours": 1})
        assert (status, new["replaces"], new["name"]) == (201, old["id"], "erp")
        assert (await find(there, old["secret"]))[0] == (await find(there, new["secret"]))[0] == 200
        again = await browser.ask("POST", f"/machines/{old['id']}/rotate")
        assert (again[0], again[1]["code"]) == (409, "move_not_allowed")
        there.clock.tick(HOUR)
        status, content = await find(there, old["secret"])
        assert (status, content["code"]) == (401, "key_expired")
        assert (await find(there, new["secret"]))[0] == 200


async def test_expired_revoked_and_unknown_keys_have_their_own_codes(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        short, gone = await make(browser, name="short", days=1), await make(browser, name="gone")
        assert (await browser.ask("DELETE", f"/machines/{gone['id']}"))[0] == 200
        for _ in range(3):
            assert (await find(there, gone["secret"]))[1]["code"] == "key_revoked"
        assert (await browser.ask("DELETE", f"/machines/{gone['id']}"))[0] == 409
        there.clock.tick(DAY)
        assert (await find(there, short["secret"]))[1]["code"] == "key_expired"
        for unknown in ("owk_" + "x" * 43, "owk_", "owt_x", short["secret"] + "x"):
            status, content = await find(there, unknown)
            assert (status, content["code"]) == (401, "unauthorised")
        acts = [(act.actor, act.details["reason"]) for act in await there.acts("credential_refused")]
        assert acts == [("machine:gone", "key_revoked"), ("machine:short", "key_expired")], "once, however often tried"


async def test_a_suspended_organisations_machines_are_shut(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        key, client = await make(browser), await make(browser, name="client", kind="client")
        access = (await token(there, client_form(client)))[1]["access_token"]
        await change(there.window, "organisation", ORGANISATION, "suspended")
        for secret in (key["secret"], access):
            assert (await find(there, secret))[1]["code"] == "key_revoked"
        assert (await token(there, client_form(client)))[1]["error"] == "invalid_client"


async def test_another_organisations_machine_is_not_there(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        made = await make(await administrator(there))
        await visitors.organisation(there.window, "trader-b", "trader", "Trader B")
        stranger = await visitors.member(there.window, "trader-b", "administrator", "stranger")
        headers = await visitors.logged_in(there.window, stranger, "trader-b")
        other = there.browser()
        assert (await other.ask("GET", "/machines", headers=headers))[1]["items"] == []
        assert (await other.ask("DELETE", f"/machines/{made['id']}", headers=headers))[0] == 404
        assert (await other.ask("POST", f"/machines/{made['id']}/rotate", headers=headers))[0] == 404
        assert (await find(there, made["secret"]))[0] == 200


@pytest.mark.parametrize("by_basic", [True, False])
async def test_a_client_changes_its_secret_for_a_token_that_ends(tmp_path: Path, by_basic: bool) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        made = await make(browser, kind="client")
        assert (await find(there, made["secret"]))[0] == 401, "the secret itself opens no door"
        form, headers = client_form(made), {}
        if by_basic:
            pair = base64.b64encode(f"{made['id']}:{made['secret']}".encode()).decode()
            form, headers = {"grant_type": "client_credentials"}, {"Authorization": f"Basic {pair}"}
        status, given, replied = await token(there, {**form, "scope": "read"}, headers)
        assert (status, given["token_type"], given["expires_in"], given["scope"]) == (200, "Bearer", 3600, "read")
        assert replied["Cache-Control"] == "no-store"
        assert (await find(there, given["access_token"]))[0] == 200
        refused = await there.browser().ask("POST", "/declarations", {}, headers=bearer(given["access_token"]))
        assert refused[1]["code"] == "forbidden"
        assert [act.actor for act in await there.acts("machine_logged_in")] == ["machine:erp"]
        there.clock.tick(HOUR)
        assert (await find(there, given["access_token"]))[1]["code"] == "key_expired"


async def test_revoking_a_client_ends_its_tokens(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        made = await make(browser, kind="client")
        access = (await token(there, client_form(made)))[1]["access_token"]
        assert (await find(there, access))[0] == 200
        assert (await browser.ask("DELETE", f"/machines/{made['id']}"))[0] == 200
        assert (await find(there, access))[1]["code"] == "key_revoked"


async def test_refusals_of_the_token_endpoint_are_rfc_6749s(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = await administrator(there)
        made, key = await make(browser, kind="client"), await make(browser, name="key")
        right = client_form(made)
        cases: list[tuple[dict[str, str], dict[str, str], int, str]] = [
            ({**right, "client_secret": "owc_wrong"}, {}, 401, "invalid_client"),
            ({**right, "client_id": key["id"]}, {}, 401, "invalid_client"),
            (client_form(key), {}, 401, "invalid_client"),
            ({"grant_type": "client_credentials"}, {}, 401, "invalid_client"),
            ({"grant_type": "client_credentials"}, {"Authorization": "Basic %%%"}, 401, "invalid_client"),
            ({"grant_type": "client_credentials"}, {"Authorization": "Bearer x"}, 401, "invalid_client"),
            (right, {"Authorization": "Basic eDp5"}, 400, "invalid_request"),
            ({**right, "grant_type": "password"}, {}, 400, "unsupported_grant_type"),
            ({"client_id": made["id"]}, {}, 400, "invalid_request"),
            ({**right, "scope": "operate"}, {}, 400, "invalid_scope"),
            ({**right, "scope": "manage"}, {}, 400, "invalid_scope"),
            (right, {"Content-Type": "application/json"}, 400, "invalid_request"),
        ]
        for form, headers, status, error in cases:
            found = await token(there, form, headers)
            assert (found[0], found[1]["error"]) == (status, error), (form, headers)
            assert found[1]["error_description"].isascii() and found[1]["error_description_zh"]
            assert ("WWW-Authenticate" in found[2]) == (status == 401)
        for body in (b"grant_type=client_credentials&grant_type=x", b"\xff\xfe", b"", b"&" * 5000):
            async with there.http.post("/api/v1/oauth/token", data=body, headers=FORM) as reply:
                assert reply.status == 400 and orjson.loads(await reply.read())["error"] == "invalid_request"
