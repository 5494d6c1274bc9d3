"""Receipts: signed for every accepted version, kept, shown to whoever may see the filing, verified without the window."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adapters.keyfiles import Key, from_public
from adapters.keys import WINDOW, KeyRing
from declarations.errors import NotFound, OnewindowError, SignatureRefused
from declarations.signatureterms import ED25519
from gateway import amend, receipts
from gateway.cli import app
from gateway.main import create_app
from gateway.receive import receive
from gateway.submit import submit
from tests.support.listening import listening
from tests.support.windows import (
    CLIENT,
    ELECTRONICS,
    JSON,
    STRANGER,
    TickingClock,
    add_organisation,
    deliver,
    file,
    receipt,
    sample,
    window_at,
)

REFERENCE = "SWSH2015A00000001"


def public_keys(ring: KeyRing) -> dict[str, Key]:
    return from_public(json.loads(json.dumps([key.as_dict() for key in ring.of(WINDOW)])))


async def test_every_accepted_version_has_a_receipt_over_what_was_received(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        body = sample(ELECTRONICS)
        filed = await submit(window, CLIENT, body, JSON)
        told = receipts.verified(filed.body["receipt"], public_keys(window.keys))
        key = told.pop("key")
        assert key["id"] == window.keys.signing(WINDOW, ED25519, clock()).id
        assert told == {
            "declaration": filed.body["id"],
            "reference": filed.body["reference"],
            "version": 1,
            "sha256": hashlib.sha256(body).hexdigest(),
            "accepted_at": clock().isoformat(),
            "organisation": "default",
            "on_behalf_of": None,
        }
        await deliver(window)
        await receive(window, "customs", receipt(filed.body["reference"], None, code="1", message="wrong"))
        clock.tick(60)
        corrected = sample(ELECTRONICS, remarks="corrected")
        again = await amend.refile(window, CLIENT, filed.body["id"], corrected, JSON)
        second = receipts.verified(again.body["receipt"], public_keys(window.keys))
        assert (second["version"], second["sha256"]) == (2, hashlib.sha256(corrected).hexdigest())
        for number, reply in ((1, filed), (2, again), (None, again)):
            kept = await receipts.receipt_of(window, CLIENT, filed.body["id"], number)
            assert kept == reply.body["receipt"]
        with pytest.raises(NotFound):
            await receipts.receipt_of(window, CLIENT, filed.body["id"], 3)


async def test_a_repeated_filing_has_the_first_receipt(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        first = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="k")
        window.keys.create(WINDOW, ED25519, window.clock())
        again = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="k")
        assert again.body["receipt"] == first.body["receipt"]


async def test_a_strangers_receipt_is_not_there(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await add_organisation(window, "another")
        filed = await file(window)
        with pytest.raises(NotFound):
            await receipts.receipt_of(window, STRANGER, filed.body["id"], None)


async def test_receipt_and_keys_over_the_wire_verify_on_the_command_line(tmp_path: Path) -> None:
    async with (
        window_at(tmp_path / "data") as window,
        listening(create_app(opened=window, worker=False)) as url,
        aiohttp.ClientSession() as http,
    ):
        filed = await file(window)
        token = (window.settings.secrets_dir / "clients" / "default.token").read_text().strip()
        address = f"{url}/api/v1/declarations/{filed.body['id']}/receipt"
        async with http.get(address) as reply:
            assert reply.status == 401
        async with http.get(address, headers={"Authorization": f"Bearer {token}"}) as reply:
            (tmp_path / "receipt.json").write_bytes(await reply.read())
        async with http.get(f"{url}/api/v1/keys") as reply:
            (tmp_path / "keys.json").write_bytes(await reply.read())
    (tmp_path / "form.json").write_bytes(sample(ELECTRONICS))
    (tmp_path / "other.json").write_bytes(sample(ELECTRONICS, remarks="x"))
    command = ["receipt", "verify", str(tmp_path / "receipt.json"), "--keys", str(tmp_path / "keys.json")]
    good = CliRunner().invoke(app, [*command, "--document", str(tmp_path / "form.json"), "--json"])
    assert good.exit_code == 0, good.output
    assert orjson.loads(good.stdout)["declaration"] == filed.body["id"]
    wrong = CliRunner().invoke(app, [*command, "--document", str(tmp_path / "other.json")])
    assert wrong.exit_code != 0
    assert "another document" in wrong.output
    told = orjson.loads((tmp_path / "receipt.json").read_bytes())["receipt"]
    (tmp_path / "receipt.json").write_text(told.replace(told[40], "A" if told[40] != "A" else "B", 1))
    assert CliRunner().invoke(app, command).exit_code != 0
    for broken in ("", "{}", "a.b.c", "\x00"):
        (tmp_path / "receipt.json").write_text(broken)
        assert CliRunner().invoke(app, command).exit_code != 0
    (tmp_path / "keys.json").write_text("[]")
    assert CliRunner().invoke(app, command).exit_code == 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, KeyRing]:
    """A receipt and the ring it was signed with."""
    ring = KeyRing(tmp_path_factory.mktemp("keys"))
    clock = TickingClock()
    ring.create(WINDOW, ED25519, clock())

    class Signing:
        keys = ring

    version = {
        "declaration_id": "D1",
        "version": 1,
        "sha256": "0" * 64,
        "accepted_at": clock(),
        "organisation_id": "default",
    }
    return receipts.receipt(Signing(), CLIENT, REFERENCE, version), ring  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_receipt_verifies(made: tuple[str, KeyRing], data: st.DataObject) -> None:
    text, ring = made
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(max_codepoint=0x2FF).filter(lambda character: character != text[place]))
    changed = text[:place] + other + text[place + 1 :]
    if changed.strip() != text.strip():
        with pytest.raises(SignatureRefused):
            receipts.verified(changed, public_keys(ring))


def test_no_second_text_stands_for_the_same_receipt(made: tuple[str, KeyRing]) -> None:
    """Of base64's last character only some bits count: the other ways to write it are refused."""
    text, ring = made
    written = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + written[written.index(text[-1]) ^ 1]
    assert base64.urlsafe_b64decode(other[-86:] + "==") == base64.urlsafe_b64decode(text[-86:] + "==")
    with pytest.raises(SignatureRefused):
        receipts.verified(other, public_keys(ring))


def _part(content: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "EdDSA", "jwk": {}}, {"typ": "JWT"}, {"kid": "x"}]
)
def test_the_algorithm_is_the_keys_and_never_the_receipts(made: tuple[str, KeyRing], header: dict[str, Any]) -> None:
    text, ring = made
    first, told, signature = text.split(".")
    given = orjson.loads(base64.urlsafe_b64decode(first + "=="))
    with pytest.raises(SignatureRefused):
        receipts.verified(f"{_part({**given, **header})}.{told}.{signature}", public_keys(ring))
    with pytest.raises(SignatureRefused):
        receipts.verified(f"{_part({**given, **header})}.{told}.", public_keys(ring))
    # nor when the key itself has signed such a header
    [key] = ring.of(WINDOW)
    signed = f"{_part({**given, **header})}.{told}"
    raw = base64.urlsafe_b64encode(key.sign(signed.encode())).rstrip(b"=").decode()
    with pytest.raises(SignatureRefused):
        receipts.verified(f"{signed}.{raw}", public_keys(ring))


def test_only_the_windows_own_key_signs_receipts(made: tuple[str, KeyRing], tmp_path: Path) -> None:
    text, ring = made
    keys = public_keys(ring)
    [mine] = keys.values()
    customs = from_public([{**mine.as_dict(), "owner": "customs"}])
    for held in ({}, customs):
        with pytest.raises(OnewindowError):
            receipts.verified(text, held)
    old = KeyRing(tmp_path).create(WINDOW, ED25519, mine.not_before - timedelta(days=1))
    assert receipts.verified(text, {**keys, old.id: old})["key"]["id"] == mine.id
