"""Signed exchange: what goes out is verified by the agency, what comes in by the window; each refusal has its code, is kept and
journalled, and changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import etree
from sqlalchemy import select, update
from structlog.testing import capture_logs

from adapters import xmldsig
from adapters.agency import Outgoing
from adapters.keyfiles import Key
from adapters.keys import WINDOW, KeyRing
from adapters.signatures import HEADER, SUFFIX, sign
from adapters.simulator.folder_door import unpack
from adapters.simulator.knobs import Knobs
from adapters.simulator.run import run_simulator
from adapters.transports import folder
from adapters.transports.folder import FolderChannel
from declarations.errors import AgencyUnavailable, BadConfiguration
from declarations.signatureterms import ECDSA_P256, ED25519
from gateway import ask, receive
from gateway.clock import system_clock
from gateway.collect import Collector
from gateway.database.schema import inbox, journal, message, message_body
from gateway.main import create_app
from gateway.operations.faults import operator_faults
from gateway.sweep import Sweeper
from gateway.wiring import Window, open_window
from tests.support.backend import settings_at
from tests.support.figures import Figures
from tests.support.listening import listening
from tests.support.signed import put, seals, signature
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    ROOT,
    TickingClock,
    agency,
    changed_rulebook,
    deliver,
    file,
    inspected,
    receipt,
    result,
    rulebook,
    window_at,
)
from tests.support.wrapping import WRAPS, signed_by_id

REFERENCE = "SWSH2015B00000001"
CUSTOMS_TABLE, INSPECTION_TABLE = "mappings/customs/agency.toml", "mappings/inspection/agency.toml"


@dataclass
class Door:
    """A window served in this process, one filing with inspection sent, and inspection's way to its door."""

    window: Window
    clock: TickingClock
    http: aiohttp.ClientSession
    url: str
    declaration_id: str
    reference: str

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.window.settings.secrets_dir / "keys")

    def token(self, name: str) -> dict[str, str]:
        token = (self.window.settings.secrets_dir / f"{name}.token").read_text().strip()
        return {"Authorization": f"Bearer {token}"}

    def answer(self, code: str = "10") -> bytes:
        return inspected(code, self.reference, self.clock(), number="310000150000001")

    def own_key(self) -> Key:
        """Inspection's own signing key, made known to the window."""
        seals(self.window.settings.secrets_dir, "inspection", clock=self.clock)
        own = KeyRing(self.window.settings.data_dir / "simulators" / "keys")
        return own.signing("inspection", ED25519, self.clock())

    async def post(self, body: bytes, line: str | None, **headers: str) -> tuple[int, dict[str, Any]]:
        given = {**self.token("agencies/inspection"), **headers, **({HEADER: line} if line is not None else {})}
        address = f"{self.url}/api/v1/agencies/inspection/answers"
        async with self.http.post(address, data=body, headers=given) as reply:
            content: dict[str, Any] = await reply.json(content_type=None)
            return reply.status, content

    async def seen(self) -> tuple[Any, Any]:
        """What the trader sees of the filing, without the time it was looked at."""
        timeline = await ask.timeline(self.window, CLIENT, self.declaration_id)
        return (await ask.declaration(self.window, CLIENT, self.declaration_id))["legs"], timeline["items"]

    async def refusals(self) -> list[tuple[str, str]]:
        """(reason, inbox id) of every refusal in the journal."""
        found = await rows(self.window, select(journal.c.details).where(journal.c.code == "answer_refused"))
        return [(row.details["reason"], row.details["inbox_id"]) for row in found]


@asynccontextmanager
async def door(tmp_path: Path, **more: Any) -> AsyncIterator[Door]:
    clock = TickingClock()
    async with (
        window_at(tmp_path, clock, **more) as window,
        listening(create_app(opened=window, worker=False)) as url,
        aiohttp.ClientSession() as http,
    ):
        filed = await file(window, COSMETICS)
        await deliver(window)
        yield Door(window, clock, http, url, filed.body["id"], filed.body["reference"])


async def rows(window: Window, statement: Any) -> list[Any]:
    return list(await window.database.read(lambda connection: connection.execute(statement).all()))


async def test_a_signed_answer_is_taken_once_however_often_it_comes(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        body = at.answer()
        line = signature(at.window.settings.secrets_dir, "inspection", body, clock=at.clock)
        assert (await at.post(body, line))[1]["state"] == "done"
        before = await at.seen()
        at.clock.tick(60)
        status, again = await at.post(body, line)
        assert (status, again["state"]) == (200, "duplicate"), "played again inside the window it changes nothing"
        assert await at.seen() == before
        [kept] = await rows(at.window, select(inbox.c.signature, inbox.c.problem))
        assert (kept.signature, kept.problem) == (line, None)


async def _wrong(at: Door, code: str) -> str | None:
    """A signature that is refused with this code, over the answer that would be taken."""
    body, key, now = at.answer(), at.own_key(), at.clock()

    def by(other: Key, signed: bytes = body, name: str = "", at: datetime = now, recipient: str = WINDOW) -> str:
        return sign(other, signed, name=name, recipient=recipient, at=at)

    match code:
        case "unsigned":
            return None
        case "unknown_key":
            return by(KeyRing(at.window.settings.data_dir / "stranger").create("inspection", ED25519, now))
        case "expired_key":
            old = at.keys.create("inspection", ED25519, now - timedelta(days=100), days=99)
            return by(old)
        case "revoked_key":
            at.keys.revoke(key.id, now)
            return by(key)
        case "wrong_algorithm":
            return "sha256=" + "0" * 64
        case "wrong_agency":
            seals(at.window.settings.secrets_dir, "customs", clock=at.clock)
            return by(at.keys.create("customs", ED25519, now))
        case "outside_window":
            return by(key, at=now + timedelta(hours=25))
        case _:
            return by(key, signed=body.replace(b"10", b"20"))


@pytest.mark.parametrize(
    "code",
    [
        "unsigned",
        "unknown_key",
        "expired_key",
        "revoked_key",
        "wrong_algorithm",
        "wrong_agency",
        "outside_window",
        "bad_signature",
    ],
)
async def test_each_refusal_has_its_code_is_kept_and_journalled_and_changes_nothing(tmp_path: Path, code: str) -> None:
    async with door(tmp_path) as at:
        body, line, before = at.answer(), await _wrong(at, code), await at.seen()
        status, problem = await at.post(body, line)
        assert (status, problem["code"]) == (403, code)
        assert problem["detail"] != problem["detail_zh"]
        assert await at.seen() == before
        [kept] = await rows(at.window, select(inbox))
        assert (kept.state, kept.reason_en, kept.reason_zh) == ("quarantined", problem["detail"], problem["detail_zh"])
        assert kept.problem.startswith(f"{code}: ")
        assert await at.refusals() == [(code, kept.id)]
        [shown] = (await operator_faults(at.window))["items"]
        assert (shown["inbox_id"], shown["reason_zh"]) == (kept.id, problem["detail_zh"])
        # the agency comes again, signed as it should: it is taken, and the refusal is over
        if code != "revoked_key":
            good = signature(at.window.settings.secrets_dir, "inspection", body, clock=at.clock)
            assert (await at.post(body, good))[1]["state"] == "done"
            [kept] = await rows(at.window, select(inbox))
            assert (kept.state, kept.problem, kept.signature) == ("done", None, good)


SIGNED_INSIDE = {INSPECTION_TABLE: ('incoming = "detached-ed25519"', 'incoming = "xmldsig-ecdsa-p256"')}


@pytest.mark.parametrize("wrap", WRAPS)
async def test_a_wrapped_signature_is_refused_at_the_door(tmp_path: Path, wrap: str) -> None:
    """The agency's own good signature, moved to where it covers the genuine answer and the forged one is read."""
    async with door(tmp_path, tables=changed_rulebook(SIGNED_INSIDE)) as at:
        key = at.keys.create("inspection", ECDSA_P256, at.clock())
        assert at.answer("20") != at.answer()
        genuine = signed_by_id(key, at.answer())
        body, before = etree.tostring(WRAPS[wrap](genuine, _refusing)), await at.seen()
        status, problem = await at.post(body, None)
        assert (status, problem["code"]) == (403, "bad_signature")
        assert await at.seen() == before
        [kept] = await rows(at.window, select(inbox))
        assert (kept.state, kept.sha256) == ("quarantined", hashlib.sha256(body).hexdigest())
        assert await at.refusals() == [("bad_signature", kept.id)]
        # signed inside and not moved, the answer is taken
        good = xmldsig.embed(at.answer(), xmldsig.sign(key, at.answer()))
        assert (await at.post(good, None))[1]["state"] == "done"


def _refusing(answer: etree._Element) -> None:
    """Turns "accepted" into something else."""
    code = next(each for each in answer.iter() if each.text == "10")
    code.text = "20"


async def test_an_answer_signed_inside_is_taken_once_and_in_its_time(tmp_path: Path) -> None:
    async with door(tmp_path, tables=changed_rulebook(SIGNED_INSIDE)) as at:
        key = at.keys.create("inspection", ECDSA_P256, at.clock())
        body = xmldsig.embed(at.answer(), xmldsig.sign(key, at.answer()))
        assert (await at.post(body, None))[1]["state"] == "done"
        before = await at.seen()
        assert (await at.post(body, None))[1]["state"] == "duplicate"
        later = at.answer("85")
        late = xmldsig.embed(later, xmldsig.sign(key, later))
        at.clock.tick(8 * 86_400)
        status, problem = await at.post(late, None)
        assert (status, problem["code"]) == (403, "outside_window")
        assert await at.seen() == before
        assert [reason for reason, _ in await at.refusals()] == ["outside_window"]


async def test_the_name_of_a_file_is_signed_too(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        body, key = at.answer(), at.own_key()
        line = sign(key, body, name="answer-1.xml", recipient=WINDOW, at=at.clock())
        status, problem = await at.post(body, line, **{"Onewindow-File-Name": "answer-2.xml"})
        assert (status, problem["code"]) == (403, "bad_signature")
        assert (await at.post(body, line, **{"Onewindow-File-Name": "answer-1.xml"}))[0] == 200


async def test_what_was_signed_for_another_receiver_is_no_answer_to_us(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        line = sign(at.own_key(), at.answer(), name="", recipient="another window", at=at.clock())
        assert (await at.post(at.answer(), line))[1]["code"] == "bad_signature"


async def test_a_message_of_ours_cannot_be_played_back_as_an_answer(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        outgoing = agency(at.window, "inspection").got[0]
        assert (await at.post(outgoing.body, outgoing.signature))[1]["code"] == "wrong_agency"


async def test_an_answer_to_another_agencys_message_is_refused(tmp_path: Path) -> None:
    """Signed well by inspection, it comes under the name of a file that customs got."""
    async with door(tmp_path) as at:
        filed = await file(at.window, ELECTRONICS)
        await deliver(at.window)
        of = (message.c.agency == "customs", message.c.declaration_id == filed.body["id"])
        [customs] = await rows(at.window, select(message.c.exchange_name).where(*of))
        body, name = inspected("10", "NOT-FILED", at.clock()), f"{customs.exchange_name}.xml"
        before = await at.seen()
        line = signature(at.window.settings.secrets_dir, "inspection", body, name, at.clock)
        status, problem = await at.post(body, line, **{"Onewindow-File-Name": name})
        assert (status, problem.get("code")) == (403, "wrong_agency"), problem
        assert await at.seen() == before
        [kept] = await rows(at.window, select(inbox).where(inbox.c.agency == "inspection"))
        assert kept.state == "quarantined"
        assert await at.refusals() == [("wrong_agency", kept.id)]


async def test_so_is_one_that_bears_a_number_of_the_other_agency(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        filed = await file(window, COSMETICS)
        await deliver(window)
        number = "310000150000001"
        taken = inspected("10", filed.body["reference"], window.clock(), number=number)
        await receive.receive(window, "inspection", taken)
        before = await ask.declaration(window, CLIENT, filed.body["id"])
        window.channels["customs"] = FolderChannel("customs", tmp_path / "exchange" / "customs")
        put(tmp_path, "customs", "Receipt_x.xml", result("R", window.clock(), number), window.clock)
        await Collector(window, "customs").run_once()
        [kept] = await rows(window, select(inbox).where(inbox.c.agency == "customs"))
        assert (kept.state, kept.reason_en) == ("quarantined", "it answers a message to inspection, not to customs")
        assert await ask.declaration(window, CLIENT, filed.body["id"]) == before


async def test_a_refused_answer_is_taken_up_once_its_key_is_known(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        body, now = at.answer(), at.clock()
        new = KeyRing(at.window.settings.data_dir / "inspection's").create("inspection", ED25519, now)
        assert (await at.post(body, sign(new, body, name="", recipient=WINDOW, at=now)))[1]["code"] == "unknown_key"
        [kept] = await rows(at.window, select(inbox))
        at.clock.tick(100 * 3600)

        def put_back(connection: Any) -> None:
            connection.execute(update(inbox).values(state="received", due_at=None))

        await at.window.database.write(put_back)
        assert (await receive.take_up(at.window, kept.id)).state == "quarantined", "still not known"
        at.keys.add_public("inspection", new.as_dict()["public"], ED25519, new.not_before, new.not_after)
        await at.window.database.write(put_back)
        assert (await receive.take_up(at.window, kept.id)).state == "done", "it came in time, whenever it is taken up"
        assert [row.problem for row in await rows(at.window, select(inbox))] == [None]


async def test_files_without_their_signature_go_to_the_fail_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with window_at(tmp_path) as window:
        await file(window, ELECTRONICS)
        await deliver(window)
        root = tmp_path / "exchange" / "customs"
        window.channels["customs"] = FolderChannel("customs", root)
        put(tmp_path, "customs", "Successed_a.xml", receipt(REFERENCE), window.clock)
        (root / "InBox" / "Successed_b.xml").write_bytes(receipt(REFERENCE, "I20150000000000002"))
        (root / "InBox" / "Successed_c.xml").write_bytes(receipt(REFERENCE, "I20150000000000003"))
        (root / "InBox" / f"Successed_c.xml{SUFFIX}").write_bytes(b"v1;" + b"x" * 10_000)
        (root / "InBox" / f"Successed_d.xml{SUFFIX}").write_bytes(b"")
        assert await Collector(window, "customs").run_once() == 3
        reasons = {row.name: row.problem.partition(":")[0] for row in await rows(window, select(inbox)) if row.problem}
        assert reasons == {"Successed_b.xml": "unsigned", "Successed_c.xml": "bad_signature"}
        assert [path.name for path in (root / "InBox").iterdir()] == [f"Successed_d.xml{SUFFIX}"], "not an answer yet"
        failed = {"Successed_b.xml", "Successed_c.xml", f"Successed_c.xml{SUFFIX}"}
        assert {path.name for path in (root / "FailBox").iterdir()} == failed
        # an answer that never comes leaves nothing lying for good
        os.utime(root / "InBox" / f"Successed_d.xml{SUFFIX}", (0, 0))
        assert await Collector(window, "customs").run_once() == 0
        assert await Collector(window, "customs").run_once() == 0
        assert (root / "InBox" / f"Successed_d.xml{SUFFIX}").exists(), (
            "whatever time it bears: a clock may have been set"
        )
        monkeypatch.setattr(folder, "ORPHANED_SECONDS", -1.0)
        assert await Collector(window, "customs").run_once() == 0
        assert {path.name for path in (root / "FailBox").iterdir()} == {*failed, f"Successed_d.xml{SUFFIX}"}


async def test_every_attempt_carries_the_same_bytes_and_the_same_signature(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await file(window, COSMETICS)
        far, attempts = agency(window, "inspection"), []

        async def before(outgoing: Outgoing) -> None:
            attempts.append(outgoing)

        far.before = before
        far.troubles.append(AgencyUnavailable("not now", "暂时不可用"))
        await deliver(window)
        # a new key signs what is made from now on; what is signed stays as it was
        clock.tick(60)
        window.keys.create(WINDOW, ED25519, clock())
        await until_sent(window)
        first, second = attempts
        assert (first.body, first.signature) == (second.body, second.signature)
        opened = seals(tmp_path / "secrets", "inspection", clock=clock)
        assert opened.opened(first.message_id, first.body, first.signature) == first.body
        of_it = message_body.c.message_id == first.message_id
        [stored] = await rows(window, select(message_body.c.signature).where(of_it))
        assert stored.signature == first.signature


async def until_sent(window: Window) -> None:
    async with asyncio.timeout(10):
        while not agency(window, "inspection").got:
            await deliver(window)
            await asyncio.sleep(0.01)


async def test_customs_gets_the_signature_inside_the_same_zip_every_time(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        root = tmp_path / "exchange" / "customs"
        window.channels["customs"] = FolderChannel("customs", root)
        await file(window, ELECTRONICS)
        await deliver(window)
        [zipped] = (root / "OutBox").glob("*.zip")
        with zipfile.ZipFile(zipped) as archive:
            assert archive.namelist() == [f"{zipped.stem}.xml", f"{zipped.stem}.xml{SUFFIX}"]
        body, line = unpack(zipped)
        opened = seals(tmp_path / "secrets", "customs", clock=window.clock)
        assert opened.opened(f"{zipped.stem}.xml", body, line) == body
        assert line is not None
        assert ";alg=ecdsa-p256-sha256;" in line


async def test_a_message_of_before_signatures_is_signed_once_when_it_goes(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await file(window, COSMETICS)
        await window.database.write(lambda connection: connection.execute(update(message_body).values(signature=None)))
        await deliver(window)
        [sent] = agency(window, "inspection").got
        assert sent.signature is not None
        [stored] = await rows(
            window, select(message_body.c.signature).where(message_body.c.message_id == sent.message_id)
        )
        assert stored.signature == sent.signature


async def test_a_leg_that_waited_is_signed_when_it_is_made(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        filed = await file(window, COSMETICS)
        await deliver(window)
        for code in ("10", "85"):
            body = inspected(
                code, filed.body["reference"], window.clock(), number="310000150000001", add="31000015000001T"
            )
            await receive.receive(window, "inspection", body)
        rendered = await rows(
            window,
            select(message_body.c.signature).join(message, message.c.id == message_body.c.message_id)
            .where(message.c.agency == "customs"),
        )  # fmt: skip
        assert all(row.signature and ";alg=ecdsa-p256-sha256;" in row.signature for row in rendered)


async def test_a_mere_check_signs_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    from gateway.submit import submit
    from tests.support.windows import JSON, sample

    async with window_at(tmp_path) as window:
        reply = await submit(window, CLIENT, sample(ELECTRONICS), JSON, check_only=True)
        assert (reply.status, reply.body.get("receipt")) == (200, None)
        assert await rows(window, select(message_body.c.message_id)) == []


@pytest.mark.parametrize(
    "changed",
    [
        ('outgoing = "detached-ecdsa-p256"', 'outgoing = "rot13"'),
        ('incoming = "detached-ecdsa-p256"', 'incomming = "none"'),
        ("window_hours = 168", "window_hours = 0"),
        ("[signature]", "[signatures]"),
    ],
)
async def test_a_table_that_does_not_say_how_is_refused_at_the_start(tmp_path: Path, changed: tuple[str, str]) -> None:
    tables = changed_rulebook({CUSTOMS_TABLE: changed})
    with pytest.raises(BadConfiguration, match=r"\[signature\]"):
        async with window_at(tmp_path, tables=tables):
            pass


async def test_operators_see_which_keys_end_soon(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        short = at.window.keys.create("customs", ED25519, at.clock(), days=29)
        async with at.http.get(f"{at.url}/api/v1/operations/keys", headers=at.token("operators/default")) as reply:
            items = {item["id"]: item for item in (await reply.json())["items"]}
        assert (items[short.id]["warning_days"], items[short.id]["state"]) == (30, "in_force")
        assert "private" not in json.dumps(items).lower()
        at.clock.tick(25 * 86_400)
        at.window.condition.forget()
        async with at.http.get(f"{at.url}/metrics") as reply:
            left = Figures.of(await reply.read()).get("onewindow_key_expires_seconds", owner="customs", key=short.id)
        assert 3 * 86_400 < left < 5 * 86_400
        async with at.http.get(f"{at.url}/api/v1/keys") as reply:
            public = await reply.json()
        assert {key["owner"] for key in public["keys"]} == {"window"}, "and anybody may have the window's own"
        assert "PRIVATE" not in json.dumps(public)


@pytest.mark.parametrize(
    ("left", "term", "state", "said"),
    [
        (61, None, "in_force", []),
        (60, 60, "in_force", ["key_expires"]),
        (30, 30, "in_force", ["key_expires"]),
        (7, 7, "in_force", ["key_expires"]),
        (1, 7, "in_force", ["key_expires"]),
        (-1, 0, "expired", ["key_expired"]),
    ],
)
async def test_operators_are_warned_sixty_thirty_and_seven_days_ahead(
    tmp_path: Path, left: int, term: int | None, state: str, said: list[str]
) -> None:
    """What the desk, the figures and the log say, by the window's clock."""
    async with door(tmp_path) as at:
        key = at.window.keys.create("customs", ED25519, at.clock().replace(microsecond=0), days=100)
        at.clock.tick((key.not_after - at.clock()).total_seconds() - left * 86_400)
        at.window.condition.forget()
        async with at.http.get(f"{at.url}/api/v1/operations/keys", headers=at.token("operators/default")) as reply:
            [item] = [item for item in (await reply.json())["items"] if item["id"] == key.id]
        assert (item["days_left"], item["warning_days"], item["state"]) == (left, term, state)
        async with at.http.get(f"{at.url}/metrics") as reply:
            figures = Figures.of(await reply.read())
        assert figures.get("onewindow_key_expires_seconds", owner="customs", key=key.id) == left * 86_400
        sweeper = Sweeper(at.window)
        with capture_logs() as logged:
            for hour in range(3):
                await sweeper.run_once()
                at.clock.tick(60 * hour)
        mine = [each for each in logged if each.get("key") == key.id]
        assert [each["event"] for each in mine] == said, "once a day"
        assert [each.get("within_days") for each in mine] == ([term or None] if said else [])
        if left > 60:
            return
        at.clock.tick(86_400)
        with capture_logs() as logged:
            await sweeper.run_once()
        assert [each["key"] for each in logged if each["event"] in ("key_expires", "key_expired")] == [key.id]
        # replaced, nothing is said any more
        at.window.keys.create("customs", ED25519, at.clock(), days=400)
        at.clock.tick(86_400)
        with capture_logs() as logged:
            await sweeper.run_once()
        assert not [each for each in logged if each.get("key") == key.id]


PROFILES = ["detached-rsa", "xmldsig-ecdsa-p256", "xmldsig-rsa", "hmac-sha256"]


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_profile_works_through_real_channels(tmp_path: Path, profile: str) -> None:
    """Both agencies as simulated ones, over a folder and over HTTP, with tables that name another profile."""
    tables = tmp_path / "tables"
    for name, old in ((CUSTOMS_TABLE, "detached-ecdsa-p256"), (INSPECTION_TABLE, "detached-ed25519")):
        # a shared secret has no place in a folder
        used = "none" if profile == "hmac-sha256" and name == CUSTOMS_TABLE else profile
        path = tables / name
        path.parent.mkdir(parents=True)
        path.write_text((ROOT / name).read_text().replace(f'"{old}"', f'"{used}"'))
    (tables / "xsd").symlink_to(ROOT / "xsd")
    changed = rulebook().bundle.files | {
        name: (tables / name).read_bytes() for name in (CUSTOMS_TABLE, INSPECTION_TABLE)
    }
    await _closed_by_both(tmp_path, tables, changed)


async def test_the_default_profiles_work_through_real_channels(tmp_path: Path) -> None:
    await _closed_by_both(tmp_path, ROOT, None)


async def _closed_by_both(tmp_path: Path, tables: Path, files: Any) -> None:
    import socket

    from declarations.bundle import Bundle
    from declarations.rulebook import Rulebook

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    settings = settings_at(
        tmp_path / "data",
        delivery_poll_seconds=0.05,
        agency_urls={"inspection": f"http://127.0.0.1:{port}/messages"},
    )
    used = Rulebook(Bundle(files)) if files is not None else rulebook()
    async with (
        open_window(settings, system_clock, used) as window,
        listening(create_app(opened=window, worker=True)) as url,
    ):
        agencies = [
            asyncio.create_task(
                run_simulator(
                    name,
                    state_dir=settings.data_dir / "simulators",
                    exchange_dir=settings.exchange_dir / name,
                    host="127.0.0.1",
                    port=port,
                    window_url=url,
                    token=window.secrets.agency_token(name),
                    hmac_key=window.secrets.agency_key(name),
                    rehearsal=False,
                    knobs=Knobs(delay_scale=0.02),
                    bundle_root=tables,
                    url=settings.agency_urls.get(name, ""),
                    window_keys=settings.secrets_dir / "keys",
                )
            )
            for name in ("customs", "inspection")
        ]
        try:
            filed = await file(window, COSMETICS, entry_exit_date=None)
            assert filed.status == 202
            status = ""
            async with asyncio.timeout(60):
                while status != "closed":
                    for each in agencies:
                        assert not each.done(), each.exception()
                    status = (await ask.declaration(window, CLIENT, filed.body["id"]))["status"]
                    await asyncio.sleep(0.05)
            refused = await rows(window, select(journal.c.details).where(journal.c.code == "answer_refused"))
            assert refused == []
            assert (await operator_faults(window))["items"] == []
        finally:
            for each in agencies:
                each.cancel()
            await asyncio.gather(*agencies, return_exceptions=True)
