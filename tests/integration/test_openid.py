"""Logging in through OpenID Connect: with npm's oidc-provider as it is, and with one that lies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from declarations.errors import BadConfiguration
from gateway.main import create_app
from gateway.supervise import free_port
from gateway.tls import server_options
from gateway.wiring import Window
from tests.support.listening import listening
from tests.support.provider import CLIENT, SECRET, Liar, lying_provider, real_provider, visit
from tests.support.served import problem
from tests.support.visitors import add_person, block, journalled, logged_in
from tests.support.windows import TickingClock, window_at

API = "/api/v1"
LI = {"sub": "li-1", "email": "LiMing@example.cn", "email_verified": True}
WANG = {"sub": "wang-1", "email": "wang@example.cn", "email_verified": False}
GATE = f"{API}/login/openid"


@dataclass
class Site:
    """A served window whose people may log in at `issuer`."""

    window: Window
    url: str

    @property
    def clock(self) -> TickingClock:
        assert isinstance(self.window.clock, TickingClock)
        return self.window.clock

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with aiohttp.ClientSession(self.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield session


@asynccontextmanager
async def site(directory: Path, issuer: str, port: int, secret: str = SECRET, **settings: Any) -> AsyncIterator[Site]:
    if secret:
        path = directory / "data" / "secrets" / "oidc" / "client_secret"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{secret}\n")
    given = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "public_url": f"http://127.0.0.1:{port}", **settings}
    clock = TickingClock(datetime.now(UTC))
    async with (
        window_at(directory / "data", clock, **given) as window,
        listening(create_app(opened=window, worker=False), port, **server_options(window.settings)) as url,
    ):
        yield Site(window, url)


@asynccontextmanager
async def real_site(directory: Path, people: list[dict[str, Any]], **how: Any) -> AsyncIterator[Site]:
    """A window and the real provider."""
    port, provider_port = free_port(), free_port()
    secret = how.get("secret", SECRET)
    redirect_uri = f"http://127.0.0.1:{port}{GATE}/callback"
    async with (
        real_provider(provider_port, redirect_uri, people, secret) as issuer,
        site(directory, issuer, port, **how) as served,
    ):
        yield served


@asynccontextmanager
async def lied_to(directory: Path, **settings: Any) -> AsyncIterator[tuple[Site, Liar]]:
    async with lying_provider() as liar, site(directory, liar.issuer, free_port(), **settings) as served:
        liar.now = served.clock.now.timestamp()
        yield served, liar


async def begun(browser: aiohttp.ClientSession, path: str = "/docs") -> str:
    """Where the window sends a browser that wants to log in."""
    async with browser.get(GATE, params={"next": path}, allow_redirects=False) as reply:
        assert reply.status == 303, await reply.text()
        return reply.headers["Location"]


async def at(browser: aiohttp.ClientSession, address: str) -> aiohttp.ClientResponse:
    """What the window answers there, read to its end."""
    reply = await browser.get(address, allow_redirects=False)
    await reply.read()
    return reply


async def through(browser: aiohttp.ClientSession, served: Site, hint: str) -> aiohttp.ClientResponse:
    """A whole log-in of the person with this hint, at the real provider."""
    return await at(browser, await visit(await begun(browser), hint, served.url))


async def back(browser: aiohttp.ClientSession, liar: Liar, **changes: Any) -> aiohttp.ClientResponse:
    """A whole log-in at the one that lies."""
    answer = {"code": "c", "state": liar.see(await begun(browser)), **changes}
    given = {name: value for name, value in answer.items() if value is not None}
    return await at(browser, f"{GATE}/callback?{urlencode(given)}")


def has_session(browser: aiohttp.ClientSession) -> bool:
    return "onewindow" in {cookie.key for cookie in browser.cookie_jar if cookie.value}


async def refusals(window: Window) -> list[str]:
    return [each["reason"] for each in await journalled(window, "openid_login_refused")]


@pytest.mark.usefixtures("oidc_provider")
async def test_a_verified_address_finds_the_account_and_then_the_subject_does(tmp_path: Path) -> None:
    async with real_site(tmp_path, [LI]) as served:
        person_id = await add_person(served.window, "liming", email="liming@example.cn")
        async with served.browser() as browser:
            reply = await through(browser, served, "li-1")
            assert (reply.status, reply.headers.get("Location")) == (303, "/docs"), await reply.text()
            assert has_session(browser)
            async with browser.get(f"{API}/account/openid") as mine:
                (listed,) = (await mine.json())["items"]
        assert listed["label"] == served.window.settings.oidc_issuer
        (linked,) = await journalled(served.window, "openid_linked")
        assert linked["how"] == "email"
        # the address may change here: the provider's own name for the person goes on
        await add_person(served.window, "other", email="liming@example.cn")
        async with served.browser() as browser:
            assert (await through(browser, served, "li-1")).status == 303
            assert has_session(browser)
        assert len(await journalled(served.window, "openid_linked")) == 1
        await block(served.window, person_id)
        async with served.browser() as browser:
            await problem(await through(browser, served, "li-1"), 403, "openid_account_unknown")
            assert not has_session(browser)


@pytest.mark.usefixtures("oidc_provider")
async def test_a_client_without_a_secret_is_protected_by_pkce(tmp_path: Path) -> None:
    async with real_site(tmp_path, [LI], secret="") as served, served.browser() as browser:
        await add_person(served.window, "LiMing@example.cn")
        assert (await through(browser, served, "li-1")).status == 303
        assert has_session(browser)


@pytest.mark.usefixtures("oidc_provider")
async def test_an_address_the_provider_has_not_verified_finds_nobody(tmp_path: Path) -> None:
    async with real_site(tmp_path, [WANG]) as served, served.browser() as browser:
        person_id = await add_person(served.window, "wang", email="wang@example.cn")
        await problem(await through(browser, served, "wang-1"), 403, "openid_account_unknown")
        assert not has_session(browser)
        # linked by whoever is logged in, it opens
        headers = await logged_in(served.window, person_id)
        async with browser.post(f"{API}/account/openid/link", json={"next": "/docs"}, headers=headers) as reply:
            assert reply.status == 200, await reply.text()
            url = (await reply.json())["url"]
        reply = await at(browser, await visit(url, "wang-1", served.url))
        assert (reply.status, reply.headers.get("Location")) == (303, "/docs"), await reply.text()
        assert not has_session(browser), "linking opens no session"
        assert (await through(browser, served, "wang-1")).status == 303
        assert has_session(browser)
        (linked,) = await journalled(served.window, "openid_linked")
        assert linked["how"] == "logged_in"


@pytest.mark.usefixtures("oidc_provider")
async def test_somebody_who_cancels_is_not_let_in(tmp_path: Path) -> None:
    async with real_site(tmp_path, [LI]) as served, served.browser() as browser:
        said = await problem(await through(browser, served, "nobody"), 403, "openid_refused")
        assert said["error"] == "access_denied"
        assert await refusals(served.window) == ["openid_refused"]


@pytest.mark.usefixtures("oidc_provider")
async def test_an_answer_is_good_once_and_in_the_browser_that_began(tmp_path: Path) -> None:
    async with real_site(tmp_path, [LI]) as served, served.browser() as browser, served.browser() as other:
        await add_person(served.window, "liming", email="liming@example.cn")
        answer = await visit(await begun(browser), "li-1", served.url)
        # somebody sends his own answer to another: that one must not be logged in as him
        await problem(await at(other, answer), 403, "openid_state_unknown")
        assert not has_session(other)
        await problem(await at(browser, answer), 403, "openid_state_unknown")
        good = await visit(await begun(browser), "li-1", served.url)
        assert (await at(browser, good)).status == 303
        await problem(await at(browser, good), 403, "openid_state_unknown")
        late = await visit(await begun(browser), "li-1", served.url)
        served.clock.tick(601)
        await problem(await at(browser, late), 403, "openid_state_unknown")


@pytest.mark.usefixtures("oidc_provider")
async def test_a_code_of_another_log_in_is_not_taken(tmp_path: Path) -> None:
    """Its PKCE verifier belongs to the browser it was given to."""
    async with real_site(tmp_path, [LI]) as served, served.browser() as victim, served.browser() as attacker:
        await add_person(served.window, "liming", email="liming@example.cn")
        stolen = parse_qs(urlsplit(await visit(await begun(victim), "li-1", served.url)).query)["code"][0]
        own = parse_qs(urlsplit(await begun(attacker)).query)["state"][0]
        issuer = served.window.settings.oidc_issuer
        query = urlencode({"code": stolen, "state": own, "iss": issuer})
        said = await problem(await at(attacker, f"{GATE}/callback?{query}"), 403, "openid_refused")
        assert said["error"] == "invalid_grant"
        assert not has_session(attacker)


@pytest.mark.usefixtures("oidc_provider")
async def test_the_provider_changes_its_keys_and_goes_away(tmp_path: Path) -> None:
    port, provider_port = free_port(), free_port()
    redirect_uri, issuer = f"http://127.0.0.1:{port}{GATE}/callback", f"http://127.0.0.1:{provider_port}"
    async with site(tmp_path, issuer, port) as served, served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        async with browser.get(GATE, allow_redirects=False) as reply:
            said = await problem(reply, 503, "openid_unavailable")
            assert reply.headers["Retry-After"]
            assert said["detail_zh"]
        for _ in range(2):
            async with real_provider(provider_port, redirect_uri, [LI]):
                assert (await through(browser, served, "li-1")).status == 303
                answer = await visit(await begun(browser), "li-1", served.url)
        await problem(await at(browser, answer), 503, "openid_unavailable")


@pytest.mark.usefixtures("oidc_provider")
async def test_an_identity_is_one_accounts_and_can_be_taken_away(tmp_path: Path) -> None:
    async with real_site(tmp_path, [LI]) as served, served.browser() as browser, served.browser() as other:
        owner = await add_person(served.window, "liming", email="liming@example.cn")
        assert (await through(browser, served, "li-1")).status == 303
        stranger = await logged_in(served.window, await add_person(served.window, "wangfang"))
        async with other.post(f"{API}/account/openid/link", json={}, headers=stranger) as reply:
            url = (await reply.json())["url"]
        await problem(await at(other, await visit(url, "li-1", served.url)), 409, "identity_taken")
        linked = (await journalled(served.window, "openid_linked"))[0]["credential"]
        own = await logged_in(served.window, owner)
        for headers, status in ((stranger, 404), (own, 204), (own, 404)):
            async with other.delete(f"{API}/account/openid/{linked}", headers=headers) as reply:
                assert reply.status == status, await reply.text()
        async with browser.get(f"{API}/account/openid") as reply:
            await problem(reply, 401, "session_ended")
        async with other.get(f"{API}/account/openid", headers=own) as reply:
            assert (await reply.json())["items"] == []
        assert len(await journalled(served.window, "openid_unlinked")) == 1


LIES: dict[str, dict[str, Any]] = {
    "of another issuer": {"claims": {"iss": "https://elsewhere.example"}},
    "for another audience": {"claims": {"aud": "another"}},
    "for several, made for another": {"claims": {"aud": [CLIENT, "another"]}},
    "made for another": {"claims": {"azp": "another"}},
    "expired": {"claims": {"exp": 1_000_000_000}},
    "of the future": {"claims": {"iat": 4_000_000_000, "exp": 4_000_000_300}},
    "of another log-in": {"claims": {"nonce": "another"}},
    "without a nonce": {"claims": {"nonce": None}},
    "without a subject": {"claims": {"sub": None}},
    "without an end": {"claims": {"exp": None}},
    "whose end is no number": {"claims": {"exp": "tomorrow"}},
    "unsigned": {"algorithm": "none"},
    "by another key of the same name": {"signing_key": rsa.generate_private_key(65537, 2048)},
    "by a key nobody has shown": {"header": {"kid": "two"}},
    "by another algorithm": {"algorithm": "RS512"},
    "no token at all": {"token": "x.y.z"},
    "by a key not for signatures": {"use": "enc"},
    "by a key of 1024 bits": {"bits": 1024},
    "with a key inside": {"inside": True},
    "by HMAC with the public key": {"algorithm": "HS256"},
}


REASONS = {
    "of another issuer": "openid_token_of_another",
    "for another audience": "openid_token_of_another",
    "for several, made for another": "openid_token_of_another",
    "made for another": "openid_token_of_another",
    "expired": "openid_token_expired",
    "of the future": "openid_token_expired",
    "of another log-in": "openid_token_replayed",
    "unsigned": "openid_token_algorithm",
    "by another algorithm": "openid_token_algorithm",
    "by HMAC with the public key": "openid_token_algorithm",
}
"""Of a lie, where it is not openid_token_refused."""


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_proves_nothing_opens_nothing(tmp_path: Path, lie: str) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        _tell(liar, dict(LIES[lie]))
        reason = REASONS.get(lie, "openid_token_refused")
        await problem(await back(browser, liar), 403, reason)
        assert not has_session(browser)
        assert await refusals(served.window) == [reason]
        assert await journalled(served.window, "openid_linked") == []


def _tell(liar: Liar, how: dict[str, Any]) -> None:
    own = jwt.algorithms.RSAAlgorithm.to_jwk(liar.key.public_key(), as_dict=True)
    if how.pop("inside", False):
        stranger = rsa.generate_private_key(65537, 2048)
        inside = jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
        how |= {"signing_key": stranger, "header": {"kid": "one", "jwk": inside}}
    if "use" in how:
        how["keys"] = [{**own, "kid": "one", "use": how.pop("use")}]
    if "bits" in how:
        weak = rsa.generate_private_key(65537, how.pop("bits"))
        public = jwt.algorithms.RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True)
        how |= {"signing_key": weak, "keys": [{**public, "kid": "one"}]}
    for name, value in how.items():
        setattr(liar, name, value)


async def test_a_token_as_it_should_be_opens(tmp_path: Path) -> None:
    """What the lies above differ from. The secret went the way OAuth says, and the verifier was the browser's."""
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        assert (await back(browser, liar, session_state="a provider's own")).status == 303
        assert has_session(browser)
        (asked,) = liar.asked
        assert set(asked) == {"grant_type", "code", "redirect_uri", "code_verifier"}
        assert len(asked["code_verifier"]) >= 43
        # kept: keys are not asked for at every log-in
        assert (await back(browser, liar)).status == 303
        assert liar.keys_asked == 1


@pytest.mark.parametrize(
    "userinfo",
    [{"sub": "another", "email": "liming@example.cn", "email_verified": True}, {"sub": "s-1", "email_verified": True}],
    ids=["about another", "without an address"],
)
async def test_what_the_userinfo_says_of_another_is_not_used(tmp_path: Path, userinfo: dict[str, Any]) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        liar.claims, liar.userinfo = {"email": None, "email_verified": None}, userinfo
        await problem(await back(browser, liar), 403, "openid_account_unknown")


@pytest.mark.parametrize("verified", [False, "true", 1, None])
async def test_only_a_plain_yes_is_a_verified_address(tmp_path: Path, verified: Any) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        liar.claims = {"email_verified": verified}
        await problem(await back(browser, liar), 403, "openid_account_unknown")


async def test_an_address_that_two_accounts_have_finds_neither(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        await add_person(served.window, "liming@example.cn")
        await problem(await back(browser, liar), 403, "openid_account_unknown")


async def test_addresses_find_nobody_where_the_window_does_not_want_it(tmp_path: Path) -> None:
    async with lied_to(tmp_path, oidc_link_by_email=False) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        await problem(await back(browser, liar), 403, "openid_account_unknown")


async def test_an_answer_of_another_provider_is_refused(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await problem(await back(browser, liar, iss="https://elsewhere.example"), 403, "openid_refused")
        liar.metadata = {"authorization_response_iss_parameter_supported": True}
        served.window.openid._metadata = {}
        await problem(await back(browser, liar), 403, "openid_refused")
        assert liar.asked == [], "the code was shown to nobody"


@pytest.mark.parametrize(
    "reply",
    [
        web.Response(status=500, text="broken"),
        web.json_response([1]),
        web.json_response({"error": "x"}, status=401),
    ],
    ids=["fails", "no object", "does not know us"],
)
async def test_a_provider_that_answers_as_none_is_unavailable(tmp_path: Path, reply: web.Response) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        liar.tokens_reply = reply
        await problem(await back(browser, liar), 503, "openid_unavailable")


@pytest.mark.parametrize(("what", "value"), [("moved", True), ("padding", 300_000)])
async def test_it_is_not_followed_elsewhere_nor_read_without_end(tmp_path: Path, what: str, value: int) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        setattr(liar, what, value)
        await problem(await back(browser, liar), 503, "openid_unavailable")


@pytest.mark.parametrize(
    "metadata", [{"issuer": "https://elsewhere.example"}, {"token_endpoint": "http://elsewhere.example/token"}]
)
async def test_a_provider_that_is_another_or_not_safe_is_unavailable(tmp_path: Path, metadata: dict[str, str]) -> None:
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        liar.metadata = metadata
        async with browser.get(GATE, allow_redirects=False) as reply:
            await problem(reply, 503, "openid_unavailable")


@pytest.mark.parametrize(
    "path", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "/a\r\nSet-Cookie: x=y", ""]
)
async def test_it_sends_nobody_elsewhere(tmp_path: Path, path: str) -> None:
    async with lied_to(tmp_path) as (served, _), served.browser() as browser:
        await problem(await at(browser, f"{GATE}?{urlencode({'next': path})}"), 400, "bad_request")


async def test_a_window_without_a_provider_says_so(tmp_path: Path) -> None:
    async with (
        window_at(tmp_path) as window,
        listening(create_app(opened=window, worker=False)) as url,
        aiohttp.ClientSession(url) as browser,
    ):
        for address in (GATE, f"{GATE}/callback?state=x&code=y"):
            await problem(await at(browser, address), 404, "login_method_off")


@pytest.mark.parametrize(
    "settings", [{"oidc_issuer": "http://id.example", "oidc_client_id": "x"}, {"oidc_issuer": "https://id.example"}]
)
async def test_settings_that_cannot_be_meant_refuse_the_start(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration, match="OIDC"):
        async with window_at(tmp_path, **settings):
            pass


async def test_no_secret_of_a_round_trip_is_kept(tmp_path: Path) -> None:
    """Neither verifier nor nonce nor the browser's own secret stands in the database: they follow from the cookie."""
    async with lied_to(tmp_path) as (served, liar), served.browser() as browser:
        await add_person(served.window, "liming", email="liming@example.cn")
        await back(browser, liar)
        cookie = await _cookie_of(served)
        rows = await served.window.database.read(
            lambda connection: connection.exec_driver_sql("SELECT token_sha256, details FROM challenge").all()
        )
        kept = orjson.dumps([list(row) for row in rows]).decode()
        for secret in (liar.asked[0]["code_verifier"], liar.nonce, cookie):
            assert secret not in kept


async def _cookie_of(served: Site) -> str:
    async with served.browser() as browser:
        await begun(browser)
        return next(cookie.value for cookie in browser.cookie_jar if cookie.key == "onewindow-openid")
