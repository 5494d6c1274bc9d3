"""Logging in with a certificate over real sockets: TLS ended by the server itself, by a terminator in front, and by signing."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from adapters import algorithms
from declarations.errors import BadConfiguration
from gateway.main import create_app
from gateway.tls import server_options
from gateway.wiring import Window
from tests.support.listening import listening
from tests.support.pki import Authority, Card, client_tls, new_key
from tests.support.program import program
from tests.support.served import problem
from tests.support.visitors import add_person, block, journalled, logged_in
from tests.support.windows import TickingClock, window_at

HEADER = "X-Client-Cert"
API = "/api/v1"


@dataclass
class Site:
    """A served window, its authority of people's certificates, and how to talk to it."""

    window: Window
    url: str
    people: Authority
    directory: Path
    server: Authority

    @property
    def clock(self) -> TickingClock:
        assert isinstance(self.window.clock, TickingClock)
        return self.window.clock

    @asynccontextmanager
    async def browser(self, card: Card | None = None) -> AsyncIterator[aiohttp.ClientSession]:
        """Somebody's program, with a card in its reader or without."""
        tls: Any = client_tls(self.server, self.directory, card) if self.url.startswith("https") else None
        connector = aiohttp.TCPConnector(ssl=tls) if tls else aiohttp.TCPConnector()
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, connector=connector, cookie_jar=jar) as session:
            yield session

    async def link(self, card: Card, login: str = "liming", **person: Any) -> str:
        """A person whose account has the card, linked by a challenge that it signed; the person's id."""
        person_id = await add_person(self.window, login, **person)
        headers = await logged_in(self.window, person_id)
        async with self.browser() as browser:
            async with browser.post(f"{API}/account/challenge", headers=headers) as reply:
                assert reply.status == 201, await reply.text()
                challenge = await reply.json()
            body = {"label": "card", "signed": signed(card, challenge)}
            async with browser.post(f"{API}/account/certificates", json=body, headers=headers) as reply:
                assert reply.status == 201, await reply.text()
        return person_id


def signed(card: Card, challenge: dict[str, str], **changes: Any) -> dict[str, Any]:
    """A challenge signed with a card's key."""
    name = next(name for name, each in algorithms.ALGORITHMS.items() if each.fits(card.key.public_key()))
    signature = algorithms.sign(name, card.key, challenge["sign"].encode())
    found = {"certificate": card.pem, "challenge": challenge["challenge"], "signature": base64.b64encode(signature)}
    return {**found, "signature": found["signature"].decode(), **changes}  # type: ignore[attr-defined]


def fresh() -> datetime:
    """Now: the other side of a TLS connection has a clock of its own."""
    return datetime.now(UTC).replace(microsecond=0)


@asynccontextmanager
async def site(
    tmp_path: Path, *, tls: bool = False, revoked: bytes | None = None, **settings: Any
) -> AsyncIterator[Site]:
    now = fresh()
    people, server = Authority(now), Authority(now, "Servers' authority")
    (tmp_path / "people.pem").write_text(people.pem)
    given = {"tls_client_ca": tmp_path / "people.pem", **settings}
    if tls:
        given["tls_certificate"], given["tls_key"] = server.server().write(tmp_path, "server")
    if revoked is not None:
        given["tls_client_crl"] = tmp_path / "revoked.pem"
        given["tls_client_crl"].write_bytes(people.revoked())
    async with (
        window_at(tmp_path / "data", TickingClock(now), **given) as window,
        listening(create_app(opened=window, worker=False), **server_options(window.settings)) as url,
    ):
        yield Site(window, url, people, tmp_path, server)


async def enter(browser: aiohttp.ClientSession, headers: dict[str, str] | None = None) -> aiohttp.ClientResponse:
    reply = await browser.post(f"{API}/session/certificate", json={}, headers=headers)
    # read to its end, the connection is free again
    await reply.read()
    return reply


async def challenge_of(browser: aiohttp.ClientSession) -> dict[str, str]:
    async with browser.post(f"{API}/session/challenge") as reply:
        assert reply.status == 201
        found: dict[str, str] = await reply.json()
    return found


async def refusals(window: Window) -> list[str]:
    return [each["reason"] for each in await journalled(window, "certificate_login_refused")]


async def test_a_card_logs_its_owner_in_where_the_server_ends_tls(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served:
        card = served.people.card()
        await served.link(card)
        async with served.browser(card) as browser:
            reply = await enter(browser)
            assert reply.status == 200, await reply.text()
            cookie = reply.cookies["__Host-onewindow"]
            assert (cookie["httponly"], cookie["secure"], cookie["samesite"].lower()) == (True, True, "lax")
            async with browser.get(f"{API}/account/certificates") as mine:
                (listed,) = (await mine.json())["items"]
        assert listed["label"] == "card"
        assert listed["used_at"]
        assert listed["expires_at"] == card.certificate.not_valid_after_utc.isoformat()


async def test_whoever_comes_without_a_card_is_told_so(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served, served.browser() as browser:
        await problem(await enter(browser), 403, "certificate_missing")
        assert await refusals(served.window) == ["certificate_missing"]


async def test_a_header_cannot_stand_for_the_card_of_the_connection(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True, client_certificate_header=HEADER, trusted_proxies="192.0.2.1") as served:
        card = served.people.card()
        await served.link(card)
        async with served.browser() as browser:
            await problem(await enter(browser, {HEADER: quote(card.pem)}), 403, "certificate_header_refused")
        assert await refusals(served.window) == ["certificate_header_refused"]


async def test_a_terminator_in_front_passes_the_card_on(tmp_path: Path) -> None:
    async with site(tmp_path, client_certificate_header=HEADER, trusted_proxies="10.0.0.0/8, 127.0.0.1") as served:
        card = served.people.card()
        await served.link(card)
        async with served.browser() as browser:
            # whoever is in front of the terminator does not change who the terminator is
            for more in ({}, {"X-Forwarded-For": "203.0.113.9"}):
                reply = await enter(browser, {HEADER: quote(card.pem), **more})
                assert reply.status == 200, await reply.text()
            await problem(await enter(browser, {HEADER: ""}), 403, "certificate_missing")
            await problem(await enter(browser, {HEADER: quote("no certificate")}), 400, "certificate_unreadable")
            twice = [(HEADER, quote(card.pem)), (HEADER, quote(card.pem))]
            async with browser.post(f"{API}/session/certificate", json={}, headers=twice) as reply:
                await problem(reply, 403, "certificate_header_refused")


@asynccontextmanager
async def terminator(served: Site) -> AsyncIterator[str]:
    """One in front of the window that ends mutual TLS as nginx does: it takes the header from nobody and sets it itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*served.server.server().write(served.directory, "terminator"))
    context.load_verify_locations(served.directory / "people.pem")
    context.verify_mode = ssl.CERT_OPTIONAL

    async def forward(request: web.Request) -> web.Response:
        assert request.transport is not None
        der = request.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        passed = {"Content-Type": "application/json", HEADER: quote(ssl.DER_cert_to_PEM_cert(der)) if der else ""}
        async with (
            aiohttp.ClientSession(served.url) as inside,
            inside.request(request.method, request.path_qs, data=await request.read(), headers=passed) as reply,
        ):
            return web.Response(body=await reply.read(), status=reply.status, content_type=reply.content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_card_is_proved_to_the_terminator_and_counts_inside(tmp_path: Path) -> None:
    front = {"client_certificate_header": HEADER, "trusted_proxies": "127.0.0.1"}
    async with site(tmp_path, **front) as served, terminator(served) as url:
        card = served.people.card()
        await served.link(card)
        for shown, headers, status in ((card, {}, 200), (None, {}, 403), (None, {HEADER: quote(card.pem)}, 403)):
            connector = aiohttp.TCPConnector(ssl=client_tls(served.server, tmp_path, shown))
            async with aiohttp.ClientSession(url, connector=connector) as browser:
                assert (await enter(browser, headers)).status == status
        assert await refusals(served.window) == ["certificate_missing"] * 2


async def test_the_same_header_from_anybody_else_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path, client_certificate_header=HEADER, trusted_proxies="10.0.0.0/8") as served:
        card = served.people.card()
        await served.link(card)
        async with served.browser() as browser:
            for more in ({}, {"X-Forwarded-For": "10.0.0.1"}):
                reply = await enter(browser, {HEADER: quote(card.pem), **more})
                await problem(reply, 403, "certificate_header_refused")


@pytest.mark.parametrize("tls", [True, False], ids=["own TLS", "terminator"])
async def test_a_card_that_expired_or_is_not_valid_yet(tmp_path: Path, tls: bool) -> None:
    proxies = {} if tls else {"client_certificate_header": HEADER, "trusted_proxies": "127.0.0.1"}
    async with site(tmp_path, tls=tls, **proxies) as served:
        old = served.people.card(not_before=served.clock.now - timedelta(days=9), not_after=served.clock.now)
        early = served.people.card(not_before=served.clock.now + timedelta(days=1))
        served.clock.tick(1)
        for card, code in ((old, "certificate_expired"), (early, "certificate_not_yet_valid")):
            async with served.browser(card) as browser:
                await problem(await enter(browser, None if tls else {HEADER: quote(card.pem)}), 403, code)
        assert await refusals(served.window) == ["certificate_expired", "certificate_not_yet_valid"]


async def test_a_revoked_card_opens_nothing_from_the_moment_the_list_says_so(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True, revoked=b"") as served:
        card = served.people.card()
        await served.link(card)
        async with served.browser(card) as browser:
            assert (await enter(browser)).status == 200
            (tmp_path / "revoked.pem").write_bytes(served.people.revoked(card))
            await problem(await enter(browser), 403, "certificate_revoked")
            # half written: the list there was goes on
            (tmp_path / "revoked.pem").write_bytes(b"-----BEGIN X509 CRL-----\n")
            await problem(await enter(browser), 403, "certificate_revoked")
            stranger = Authority(served.clock.now, "Stranger")
            (tmp_path / "revoked.pem").write_bytes(stranger.revoked())
            await problem(await enter(browser), 403, "certificate_revoked")


async def test_where_the_list_is_too_old_nobody_gets_in_by_card(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True, revoked=b"") as served:
        card = served.people.card()
        await served.link(card)
        served.clock.tick(8 * 86_400)
        async with served.browser(card) as browser:
            await problem(await enter(browser), 403, "revocation_unknown")


async def test_the_list_must_be_signed_by_its_authority(tmp_path: Path) -> None:
    """An authority with the same name and another key signs no list of ours."""
    people, namesake = Authority(fresh()), Authority(fresh())
    (tmp_path / "people.pem").write_text(people.pem)
    (tmp_path / "revoked.pem").write_bytes(namesake.revoked())
    files = {"tls_client_ca": tmp_path / "people.pem", "tls_client_crl": tmp_path / "revoked.pem"}
    with pytest.raises(BadConfiguration, match="signed by no configured authority"):
        async with window_at(tmp_path / "data", **files):
            pass


def untrusted(people: Authority, directory: Path) -> dict[str, Card]:
    """Cards that are good for nothing here, by what is wrong with them."""
    namesake = Authority(people.now)
    intermediate = people.card("Somebody who plays authority")
    below = Authority(people.now, "Somebody who plays authority", intermediate.key)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    return {
        "another authority of the same name": namesake.card(),
        "issued by a person's card": below.card(),
        "an authority itself": people.card(authority=True),
        "a server's": people.card(purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        "not for signatures": people.card(more=(usage,)),
        "a critical extension nobody knows": people.card(more=(unknown,)),
        "issued over SHA-1": _over_sha1(people, directory),
        "signed by itself": Authority(people.now, "李明").card("李明"),
    }


def _over_sha1(people: Authority, directory: Path) -> Card:
    """Made by OpenSSL: our library signs over nothing so weak."""
    authority = Card(people.certificate, people.key).write(directory, "authority")
    _, key = (card := people.card()).write(directory, "weak")
    made, weak = directory / "weak.csr", directory / "weak-sha1.pem"
    for command in (
        ["openssl", "req", "-new", "-key", key, "-subj", "/CN=weak", "-out", made],
        ["openssl", "x509", "-req", "-sha1", "-in", made, "-CA", authority[0], "-CAkey", authority[1], "-out", weak],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return Card(x509.load_pem_x509_certificate(weak.read_bytes()), card.key)


async def test_cards_of_others_are_not_trusted(tmp_path: Path) -> None:
    async with site(tmp_path, client_certificate_header=HEADER, trusted_proxies="127.0.0.1") as served:
        cards = untrusted(served.people, tmp_path)
        async with served.browser() as browser:
            for wrong, card in cards.items():
                reply = await enter(browser, {HEADER: quote(card.pem)})
                assert (await problem(reply, 403, "certificate_not_trusted"))["detail"], wrong
        assert await refusals(served.window) == ["certificate_not_trusted"] * len(cards)


async def test_a_card_of_another_authority_does_not_pass_our_own_handshake(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served, served.browser(Authority(fresh(), "Stranger").card()) as browser:
        with pytest.raises(aiohttp.ClientError):
            await enter(browser)
        async with served.browser() as other:
            await problem(await enter(other), 403, "certificate_missing")


async def test_a_good_card_that_is_nobodys_or_somebodys_who_is_blocked(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served:
        card = served.people.card()
        async with served.browser(card) as browser:
            await problem(await enter(browser), 403, "certificate_unknown")
            person_id = await served.link(card)
            assert (await enter(browser)).status == 200
            await block(served.window, person_id)
            await problem(await enter(browser), 403, "certificate_unknown")


async def test_a_renewed_certificate_of_the_same_key_goes_on_opening(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served:
        card = served.people.card()
        await served.link(card)
        renewed = served.people.card("李明 2", card.key)
        async with served.browser(renewed) as browser:
            assert (await enter(browser)).status == 200


async def test_a_card_of_the_connection_is_linked_and_taken_away(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served:
        card = served.people.card()
        person_id = await add_person(served.window, "liming")
        headers = await logged_in(served.window, person_id)
        async with served.browser(card) as browser:
            async with browser.post(f"{API}/account/certificates", json={"label": "卡"}, headers=headers) as reply:
                assert reply.status == 201, await reply.text()
                made = await reply.json()
            async with browser.post(f"{API}/account/certificates", json={}, headers=headers) as reply:
                await problem(reply, 409, "identity_taken")
        async with served.browser(card) as browser:
            assert (await enter(browser)).status == 200
            async with served.browser() as other:
                address = f"{API}/account/certificates/{made['id']}"
                stranger = await logged_in(served.window, await add_person(served.window, "wangfang"))
                async with other.delete(address, headers=stranger) as reply:
                    await problem(reply, 404, "not_found")
                async with other.delete(address, headers=headers) as reply:
                    assert reply.status == 204, await reply.text()
                async with other.delete(address, headers=headers) as reply:
                    await problem(reply, 404, "not_found")
            await problem(await enter(browser), 403, "certificate_unknown")
        assert len(await journalled(served.window, "certificate_added")) == 1
        assert len(await journalled(served.window, "certificate_removed")) == 1


async def test_two_people_cannot_have_one_card(tmp_path: Path) -> None:
    async with site(tmp_path, tls=True) as served:
        card = served.people.card()
        await served.link(card)
        headers = await logged_in(served.window, await add_person(served.window, "wangfang"))
        async with (
            served.browser(card) as browser,
            browser.post(f"{API}/account/certificates", json={}, headers=headers) as reply,
        ):
            await problem(reply, 409, "identity_taken")


async def test_a_token_from_a_file_has_no_account(tmp_path: Path) -> None:
    async with site(tmp_path) as served, served.browser() as browser:
        path = tmp_path / "data" / "secrets" / "clients" / "default.token"
        headers = {"Authorization": f"Bearer {path.read_text().strip()}"}
        async with browser.get(f"{API}/account/certificates", headers=headers) as reply:
            await problem(reply, 403, "people_only")


@pytest.mark.parametrize("kind", ["p256", "rsa", "ed25519"])
async def test_a_signed_challenge_logs_in(tmp_path: Path, kind: str) -> None:
    async with site(tmp_path) as served:
        card = served.people.card(key=new_key(kind))
        await served.link(card)
        async with served.browser() as browser:
            body = {"login": "LiMing", **signed(card, await challenge_of(browser))}
            async with browser.post(f"{API}/session/signature", json=body) as reply:
                assert reply.status == 200, await reply.text()
                assert "onewindow" in reply.cookies
            # the same once more, exactly
            async with browser.post(f"{API}/session/signature", json=body) as reply:
                await problem(reply, 403, "challenge_used")
        assert await refusals(served.window) == ["challenge_used"]


async def test_each_way_a_signed_challenge_can_be_wrong(tmp_path: Path) -> None:
    async with site(tmp_path) as served, served.browser() as browser:
        card, other = served.people.card(), served.people.card("王芳")
        headers = await logged_in(served.window, await served.link(card))
        await served.link(other, "wangfang")

        async def attempt(status: int, code: str, body: dict[str, Any], login: str = "liming") -> None:
            async with browser.post(f"{API}/session/signature", json={"login": login, **body}) as reply:
                await problem(reply, status, code)

        fresh_one = await challenge_of(browser)
        await attempt(403, "bad_signature", signed(card, {**fresh_one, "sign": "something else"}))
        # a wrong signature used it up
        await attempt(403, "challenge_used", signed(card, fresh_one))
        await attempt(403, "bad_signature", signed(card, await challenge_of(browser), certificate=other.pem))
        await attempt(403, "bad_signature", signed(card, await challenge_of(browser), signature="not Base64!"))
        wrong = signed(card, await challenge_of(browser), algorithm="rsa-sha256")
        await attempt(403, "wrong_algorithm", wrong)
        await attempt(403, "challenge_closed", signed(card, {"challenge": "never given", "sign": "x"}))
        late = await challenge_of(browser)
        served.clock.tick(121)
        await attempt(403, "challenge_expired", signed(card, late))
        # somebody else's good card under this login
        await attempt(403, "certificate_unknown", signed(other, await challenge_of(browser)))
        await attempt(403, "certificate_unknown", signed(card, await challenge_of(browser)), login="nobody")
        expired = served.people.card(key=card.key, not_after=served.clock.now - timedelta(minutes=1))
        await attempt(403, "certificate_expired", signed(expired, await challenge_of(browser)))
        stranger = Authority(served.clock.now, "Stranger").card(key=card.key)
        await attempt(403, "certificate_not_trusted", signed(stranger, await challenge_of(browser)))
        p521 = served.people.card(key=new_key("p521"))
        asked = await challenge_of(browser)
        raw = p521.key.sign(asked["sign"].encode(), ec.ECDSA(hashes.SHA256()))
        body = {"certificate": p521.pem, "challenge": asked["challenge"], "signature": base64.b64encode(raw).decode()}
        await attempt(403, "wrong_algorithm", body)
        weak = served.people.card(key=new_key("rsa1024"))
        await attempt(403, "wrong_algorithm", {**body, "certificate": weak.pem, **await _unsigned(browser)})
        await attempt(400, "certificate_unreadable", {**body, "certificate": "x", **await _unsigned(browser)})
        # given to link an account, it does not log in
        async with browser.post(f"{API}/account/challenge", headers=headers) as reply:
            await attempt(403, "challenge_closed", signed(card, await reply.json()))
        assert "onewindow" not in {cookie.key for cookie in browser.cookie_jar}
        assert len(await refusals(served.window)) == 14


async def _unsigned(browser: aiohttp.ClientSession) -> dict[str, str]:
    return {"challenge": (await challenge_of(browser))["challenge"]}


async def test_a_challenge_to_link_is_its_persons_own_and_not_one_to_log_in(tmp_path: Path) -> None:
    async with site(tmp_path) as served, served.browser() as browser:
        card = served.people.card()
        mine = await logged_in(served.window, await add_person(served.window, "liming"))
        theirs = await logged_in(served.window, await add_person(served.window, "wangfang"))
        async with browser.post(f"{API}/account/challenge", headers=theirs) as reply:
            of_another = await reply.json()
        for challenge in (of_another, await challenge_of(browser)):
            body = {"signed": signed(card, challenge)}
            async with browser.post(f"{API}/account/certificates", json=body, headers=mine) as reply:
                await problem(reply, 403, "challenge_closed")


async def test_a_window_without_authorities_takes_no_certificates(tmp_path: Path) -> None:
    async with (
        window_at(tmp_path) as window,
        listening(create_app(opened=window, worker=False), **server_options(window.settings)) as url,
        aiohttp.ClientSession(url) as browser,
    ):
        await problem(await enter(browser), 404, "login_method_off")


async def test_a_form_of_another_site_cannot_log_in(tmp_path: Path) -> None:
    """Only a script can send JSON, and a script of another site is not let."""
    async with site(tmp_path, tls=True) as served, served.browser() as browser:
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            headers = {"Content-Type": kind}
            async with browser.post(f"{API}/session/certificate", data="{}", headers=headers) as reply:
                assert reply.status == 400


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"client_certificate_header": HEADER}, "TRUSTED_PROXIES"),
        ({"trusted_proxies": "everybody"}, "TRUSTED_PROXIES"),
        ({"tls_certificate": Path("/nowhere.pem")}, "TLS_CERTIFICATE"),
    ],
)
def test_settings_that_cannot_be_meant_refuse_the_start(tmp_path: Path, settings: dict[str, Any], named: str) -> None:
    from gateway.config import Settings

    with pytest.raises(BadConfiguration, match=named):
        server_options(Settings(data_dir=tmp_path, **settings))


async def test_the_program_itself_ends_tls_and_sees_the_card(tmp_path: Path) -> None:
    """`onewindow serve` as a process, on the loop it really runs on."""
    people, server = Authority(fresh()), Authority(fresh(), "Servers' authority")
    (tmp_path / "people.pem").write_text(people.pem)
    certificate, key = server.server().write(tmp_path, "server")
    files = {"tls_certificate": certificate, "tls_key": key, "tls_client_ca": tmp_path / "people.pem"}
    settings = {name: str(path) for name, path in files.items()}
    async with program(tmp_path, tls=client_tls(server, tmp_path), **settings) as served:
        cards = {
            "certificate_missing": None,
            "certificate_unknown": people.card(),
            "certificate_expired": people.card(not_after=fresh() - timedelta(hours=1)),
        }
        for code, card in cards.items():
            connector = aiohttp.TCPConnector(ssl=client_tls(server, tmp_path, card))
            async with aiohttp.ClientSession(served.url, connector=connector) as browser:
                await problem(await enter(browser), 403, code)
        assert await served.end() == 0, served.written()


@pytest.mark.parametrize("content", ["", "not PEM", "a person's"])
async def test_authorities_that_are_none_refuse_the_start(tmp_path: Path, content: str) -> None:
    card = Authority(fresh()).card()
    (tmp_path / "people.pem").write_text(card.pem if content == "a person's" else content)
    with pytest.raises(BadConfiguration, match="TLS_CLIENT_CA"):
        async with window_at(tmp_path / "data", tls_client_ca=tmp_path / "people.pem"):
            pass


async def test_a_forwarded_address_is_believed_of_a_terminator_only(tmp_path: Path) -> None:
    """The address that log-ins are counted by cannot be chosen by whoever calls."""
    seen: list[str] = []
    for number, proxies in enumerate(("", "10.0.0.0/8", "127.0.0.1")):
        async with window_at(tmp_path / str(number), trusted_proxies=proxies) as window:
            app = create_app(opened=window, worker=False)

            async def tell(scope: Any, receive: Any, send: Any, inner: Any = app) -> None:
                if scope["type"] == "http":
                    seen.append(scope["client"][0])
                await inner(scope, receive, send)

            async with (
                listening(tell, **server_options(window.settings)) as url,  # type: ignore[arg-type]
                aiohttp.ClientSession(url) as client,
                client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9"}) as reply,
            ):
                assert reply.status == 200
    assert seen == ["127.0.0.1", "127.0.0.1", "203.0.113.9"]
