"""Encryption at rest: what stands in the database, what opens it, what refuses to, and keys that change while filings go on."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, bindparam, select, update

from declarations.errors import BadConfiguration, SealedDataUnreadable
from gateway import ask, masters, prepared, sealed
from gateway.calls import certificates, changing
from gateway.config import Settings
from gateway.database import schema
from gateway.database.evidence import data_key
from gateway.database.prepared import Prepared
from gateway.database.sealing import ALL, VERSION, WINDOW
from gateway.identity import Caller
from gateway.ids import DATA_KEY, new_id
from gateway.organisations import papers, registration
from gateway.organisations.newcomers import Newcomer
from gateway.organisations.papers import Papers
from gateway.organisations.registration import Application
from gateway.receive import receive, take_up
from gateway.submit import submit
from gateway.wiring import Window, open_window
from tests.support import ships
from tests.support.backend import settings_at
from tests.support.desk import OPERATIONS, Desk, desk
from tests.support.plain import plain_rows
from tests.support.served import problem
from tests.support.windows import (
    CLIENT,
    COSMETICS,
    ELECTRONICS,
    JSON,
    TickingClock,
    add_organisation,
    agency,
    deliver,
    file,
    inspected,
    receipt,
    result,
    sample,
    window_at,
)
from tests.torture.sealed import unseal_all

REFERENCE = orjson.loads(sample(ELECTRONICS))["trader_assigned_reference_id"]
BROKER = Caller("client", "broker", "broker")
PAPERS = Papers("甲", customs_registration_id="3122960457", contact_person="王某")


async def raw(window: Window, table: Any) -> list[Any]:
    return list(await window.database.read(lambda connection: connection.execute(select(table)).all()))


def key_of(stored: Any) -> str:
    return sealed.key_id_of(base64.b64decode(stored) if isinstance(stored, str) else bytes(stored))


async def owners(window: Window) -> dict[str, str]:
    return {row.id: row.owner for row in await raw(window, data_key)}


async def lived(window: Window) -> str:
    """Every table that holds payloads gets a row."""
    declaration_id = (await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="k")).body["id"]
    await deliver(window)
    await receive(window, "customs", receipt(REFERENCE))
    await receive(window, "inspection", inspected("1", "NOBODYS0000001", window.clock()))
    await prepared.prepare(window, CLIENT, sample(ELECTRONICS), JSON)
    await papers.put(window, CLIENT, PAPERS)
    newcomer = Newcomer("chen", "陈某", None, "correct horse battery")
    await registration.register(window, Application("甲", None, ("trader",), PAPERS, newcomer))
    return str(declaration_id)


async def test_every_payload_is_sealed_under_its_organisations_own_key(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await lived(window)
        await add_organisation(window, "broker")
        await submit(window, BROKER, sample(COSMETICS), JSON)
        call_id, exit_id = await ships.leaving(window)
        await ships.released(window, exit_id, ships.EXIT)
        await certificates.printed(window, CLIENT, call_id)
        window.clock.tick(86_401)  # type: ignore[attr-defined]
        assert await changing.flag_overdue(window) == 1
        whose = await owners(window)
        assert sorted(whose.values()) == ["broker", "default", WINDOW]
        for sealing in ALL:
            rows = await raw(window, schema.metadata.tables[sealing.table])
            assert rows, f"nothing of {sealing.table} to look at"
            for row in rows:
                for column in sealing.columns:
                    owner = whose[key_of(getattr(row, column))]
                    assert owner == getattr(row, "organisation_id", owner), f"{sealing.table}.{column}"
        bodies = await raw(window, schema.message_body)
        messages = {row.id: row.organisation_id for row in await raw(window, schema.message)}
        assert {whose[key_of(row.body)] for row in bodies} == {"default", "broker"}
        assert all(whose[key_of(row.body)] == messages[row.message_id] for row in bodies)


async def test_readers_see_the_bytes_and_sizes_that_came(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = await lived(window)
        listed = (await ask.messages(window, CLIENT, declaration_id))["items"]
        assert [item["direction"] for item in listed] == ["filed", "out", "in"]
        for item in listed:
            body, _, _ = await ask.message_bytes(window, CLIENT, declaration_id, item["id"])
            assert len(body) == item["size"]
            assert body in (
                sample(ELECTRONICS),
                agency(window, "customs").got[0].body,
                receipt(REFERENCE),
            )
        again = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="k")
        assert again.body["id"] == declaration_id


async def test_statements_that_core_runs_open_what_they_read(tmp_path: Path) -> None:
    """A list is written out for each execution: those statements do not go to the driver directly."""
    some = select(schema.declaration_version).where(
        schema.declaration_version.c.declaration_id.in_(bindparam("ids", expanding=True))
    )
    reader = Prepared(some, sealing=VERSION)
    async with window_at(tmp_path) as window:
        filed = (await file(window)).body["id"]
        for read in (lambda c: reader.all(c, {"ids": [filed]}), lambda c: [reader.first(c, {"ids": [filed]})]):
            assert [row.body for row in await window.database.read(read)] == [sample(ELECTRONICS)]
        assert await window.database.read(lambda connection: reader.first(connection, {"ids": []})) is None


async def test_a_value_moved_to_another_row_or_altered_does_not_open(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first = (await file(at.window)).body["id"]
        second = (await file(at.window, trader_assigned_reference_id="SECOND")).body["id"]
        third = (await file(at.window, trader_assigned_reference_id="THIRD")).body["id"]
        bodies = {row.declaration_id: bytes(row.body) for row in await raw(at.window, schema.declaration_version)}

        def tamper(connection: Connection) -> None:
            versions = schema.declaration_version
            for declaration_id, body in (
                (first, bodies[second]),
                (second, bodies[second][:-1] + bytes([bodies[second][-1] ^ 1])),
            ):
                which = versions.c.declaration_id == declaration_id
                connection.execute(update(versions).where(which).values(body=body))

        await at.window.database.write(tamper)
        headers = at_token(at)
        for declaration_id in (first, second):
            path = f"/api/v1/declarations/{declaration_id}/messages/{declaration_id}.1"
            async with at.ann.http.get(path, headers=headers) as reply:
                await problem(reply, 503, "sealed_data_unreadable")
        found, _, _ = await ask.message_bytes(at.window, CLIENT, third, f"{third}.1")
        assert found == sample(ELECTRONICS, trader_assigned_reference_id="THIRD")


def at_token(at: Desk) -> dict[str, str]:
    token = (at.window.settings.secrets_dir / "clients" / "default.token").read_text().strip()
    return {"Authorization": f"Bearer {token}"}


async def test_a_message_that_cannot_be_read_is_parked_and_keeps_nobody_back(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        damaged = (await file(window)).body["id"]
        await file(window, trader_assigned_reference_id="SECOND")

        def damage(connection: Connection) -> None:
            [row] = connection.execute(
                select(schema.message.c.id).where(schema.message.c.declaration_id == damaged)
            ).all()
            which = schema.message_body.c.message_id == row.id
            [kept] = connection.execute(select(schema.message_body.c.body).where(which)).all()
            connection.execute(update(schema.message_body).where(which).values(body=bytes(kept.body)[:-3]))

        await window.database.write(damage)
        await deliver(window)
        assert [each.reference for each in agency(window, "customs").got] == ["SECOND"]
        legs = (await ask.declaration(window, CLIENT, damaged))["legs"]
        assert legs["customs"]["state"] == "parked"


async def test_a_document_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        received = await receive(window, "customs", receipt("NOBODYS0000001"))

        def damage(connection: Connection) -> None:
            values = {"state": "received", "body": sealed.MAGIC + b"\x00" * 80}
            connection.execute(update(schema.inbox).values(**values))

        await window.database.write(damage)
        done = await take_up(window, received.inbox_id, suspect=True)
        assert done.state == "quarantined"
        assert "cannot be read" in (done.reason or "")


async def test_what_was_stored_before_anything_was_sealed_goes_on(tmp_path: Path) -> None:
    clock = TickingClock()
    settings = settings_at(tmp_path)
    async with window_at(tmp_path, clock) as window:
        declaration_id = await lived(window)
        waiting = (await file(window, COSMETICS)).body["id"]
    await unseal_all(settings.database_url, tmp_path)
    async with window_at(tmp_path, clock) as window:
        assert all(bytes(row.body).startswith(b"<") for row in await raw(window, schema.message_body))
        again = await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="k")
        assert again.body["id"] == declaration_id
        listed = (await ask.messages(window, CLIENT, declaration_id))["items"]
        assert all(item["size"] for item in listed)
        await deliver(window)
        for code in "LPR":
            await receive(window, "customs", result(code, clock.tick(60)))
        assert (await ask.declaration(window, CLIENT, declaration_id))["status"] == "closed"
        assert (await ask.declaration(window, CLIENT, waiting))["legs"]["inspection"]["state"] == "sent"


async def test_what_was_stored_in_plain_can_be_sealed_while_filings_go_on(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = await lived(window)
        for number in range(60):
            await file(window, trader_assigned_reference_id=f"MANY{number:06d}")
    await unseal_all(settings_at(tmp_path).database_url, tmp_path)
    async with desk(tmp_path) as at:
        before = {each.table: await plain(at.window, each.table) for each in ALL}
        await file(at.window, trader_assigned_reference_id="BETWEEN")
        async with at.ann.http.post(f"{OPERATIONS}/vault/seal-old") as reply:
            done = (await reply.json())["sealed"]
        assert done == {
            "declaration_version": 61, "message": 61, "message_body": 61, "inbox": 2, "answer": 1, "unmatched": 1,
            "idempotency": 1, "prepared": 1, "qualification": 1, "registration": 1,
            "certificate": 0, "certificate_paper": 0, "call_change": 0,
        }  # fmt: skip
        for sealing in ALL:
            rows = await raw(at.window, schema.metadata.tables[sealing.table])
            assert all(key_of(getattr(row, column)) for row in rows for column in sealing.columns)
            kept = await plain(at.window, sealing.table)
            assert {key: kept[key] for key in before[sealing.table]} == before[sealing.table]
        body, _, _ = await ask.message_bytes(at.window, CLIENT, declaration_id, f"{declaration_id}.1")
        assert body == sample(ELECTRONICS)
        async with at.ann.http.post(f"{OPERATIONS}/vault/seal-old") as reply:
            assert set((await reply.json())["sealed"].values()) == {0}


async def plain(window: Window, table: str) -> dict[Any, Any]:
    """The sealed columns of a table in plain, by row."""
    found = schema.metadata.tables[table]
    rows = await window.database.read(lambda connection: plain_rows(connection, found))
    [sealing] = [each for each in ALL if each.table == table]
    return {
        tuple(getattr(row, name) for name in sealing.identity): [getattr(row, name) for name in sealing.columns]
        for row in rows
    }


async def opened_and_closed(settings: Settings) -> None:
    async with open_window(settings):
        pass


async def test_without_its_master_key_the_start_is_refused_in_words(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    async with window_at(tmp_path) as window:
        declaration_id = await lived(window)
    folder = settings.secrets_dir / masters.FOLDER
    [kept] = folder.iterdir()
    text = kept.read_text()
    kept.unlink()
    with pytest.raises(BadConfiguration, match=r"master key [0-9a-f]{16} is missing.*secrets/master") as refused:
        await opened_and_closed(settings)
    assert "缺少主密钥" in refused.value.message_zh
    assert not list(folder.glob("*.key")), "no other key may be made beside what is sealed"
    kept.write_text(base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(BadConfiguration, match="is missing"):
        await opened_and_closed(settings)
    # the same key by another way
    kept.unlink()
    async with window_at(tmp_path, master_key=text) as window:
        body, _, _ = await ask.message_bytes(window, CLIENT, declaration_id, f"{declaration_id}.1")
        assert body == sample(ELECTRONICS)
        assert not list(folder.glob("*.key"))
        assert text.strip() not in repr(window.settings)


async def test_the_master_key_is_rotated_while_filings_go_on(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        first = await lived(at.window)
        folder = at.window.settings.secrets_dir / masters.FOLDER
        [old] = folder.iterdir()
        new = masters.create(at.window.settings.secrets_dir, clock.tick(1))
        before = await raw(at.window, schema.declaration_version)
        state = await at.ann.get("vault")
        assert list(state["data_keys"].values()) == [2]
        async with at.ann.http.post(f"{OPERATIONS}/vault/rotate-master") as reply:
            done = await reply.json()
        assert (done["rewrapped"], done["waiting"]) == (2, {})
        assert await raw(at.window, schema.declaration_version) == before, "payloads are not touched"
        second = (await file(at.window, trader_assigned_reference_id="SECOND")).body["id"]
        [act] = await at.acts("master_key_rotated")
        assert (act.actor, act.details) == ("operator:ann", {"master": done["master"], "rewrapped": "2"})
        assert (await at.ann.get("vault"))["data_keys"] == {done["master"]: 2}
        # nothing is wrapped under the old one any more
        old.unlink()
        assert new.exists()
    async with window_at(tmp_path, clock) as window:
        for declaration_id in (first, second):
            body, _, _ = await ask.message_bytes(window, CLIENT, declaration_id, f"{declaration_id}.1")
            assert body.startswith(b"{")


async def test_a_new_data_key_seals_from_now_on_and_the_old_one_opens(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first = (await file(at.window)).body["id"]
        async with at.bob.http.post(f"{OPERATIONS}/vault/rotate-data?owner=default") as reply:
            assert await reply.json() == {"made": 1}
        second = (await file(at.window, trader_assigned_reference_id="SECOND")).body["id"]
        keys = {row.declaration_id: key_of(row.body) for row in await raw(at.window, schema.declaration_version)}
        numbers = {row.id: row.number for row in await raw(at.window, data_key)}
        assert (numbers[keys[first]], numbers[keys[second]]) == (1, 2)
        for declaration_id in (first, second):
            assert (await ask.message_bytes(at.window, CLIENT, declaration_id, f"{declaration_id}.1"))[0]
        [act] = await at.acts("data_keys_rotated")
        assert act.details == {"keys": "1", "owner": "default"}
        async with at.bob.http.post(f"{OPERATIONS}/vault/rotate-data") as reply:
            assert await reply.json() == {"made": 2}
        async with at.bob.http.post(f"{OPERATIONS}/vault/rotate-data?owner=nobody") as reply:
            await problem(reply, 404, "not_found")


async def test_traders_have_no_business_with_keys(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for method, path in (("GET", "vault"), ("POST", "vault/rotate-master"), ("POST", "vault/rotate-data")):
            async with at.ann.http.request(method, f"{OPERATIONS}/{path}", headers=at_token(at)) as reply:
                await problem(reply, 403, "forbidden")


async def test_a_program_takes_up_the_keys_of_another(tmp_path: Path, postgres_backend: None) -> None:
    async with window_at(tmp_path) as one, window_at(tmp_path) as other:
        first = (await file(one)).body["id"]
        assert (await ask.message_bytes(other, CLIENT, first, f"{first}.1"))[0] == sample(ELECTRONICS)
        await one.vault.rotate_data()
        await other.vault.look()
        second = (await file(other, trader_assigned_reference_id="SECOND")).body["id"]
        numbers = {row.id: row.number for row in await raw(one, data_key)}
        [row] = [row for row in await raw(one, schema.declaration_version) if row.declaration_id == second]
        assert numbers[key_of(row.body)] == 2
        assert (await ask.message_bytes(one, CLIENT, second, f"{second}.1"))[0]


async def test_a_key_that_cannot_be_opened_here_yet_stops_no_filing(tmp_path: Path) -> None:
    """Another program wrapped a new data key under a master key that was not copied to this machine."""
    async with window_at(tmp_path) as window:
        await file(window)
        master = masters.Master.of(base64.b64encode(os.urandom(32)).decode(), "elsewhere")

        def elsewhere(connection: Connection) -> None:
            [row] = connection.execute(select(data_key).where(data_key.c.owner == "default")).all()
            theirs = {**row._asdict(), "id": new_id(DATA_KEY, window.clock()), "number": 2, "master_id": master.id}
            connection.execute(data_key.insert(), theirs)

        await window.database.write(elsewhere)
        await window.vault.look()
        second = (await file(window, trader_assigned_reference_id="SECOND")).body["id"]
        assert (await ask.message_bytes(window, CLIENT, second, f"{second}.1"))[0]
    with pytest.raises(BadConfiguration, match=master.id):
        await opened_and_closed(settings_at(tmp_path))


async def test_nothing_is_sealed_under_a_key_that_was_rolled_back(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await add_organisation(window, "broker")

        def fail(connection: Connection) -> None:
            window.vault.seal(connection, "broker", "somewhere", b"first")
            raise ValueError("undone")

        with pytest.raises(ValueError, match="undone"):
            await window.database.write(fail)
        assert "broker" not in (await owners(window)).values()
        kept = await window.database.write(
            lambda connection: window.vault.seal(connection, "broker", "somewhere", b"second")
        )
    async with window_at(tmp_path) as window:
        opened = await window.database.read(lambda connection: window.vault.open(connection, "somewhere", kept))
        assert opened == b"second"
        with pytest.raises(SealedDataUnreadable, match="another row"):
            await window.database.read(lambda connection: window.vault.open(connection, "elsewhere", kept))


async def test_a_key_that_has_sealed_enough_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.vault.SEALS_PER_KEY", 2)
    async with window_at(tmp_path) as window:
        await file(window)
        await window.vault.look()
        assert max(row.number for row in await raw(window, data_key) if row.owner == "default") == 2


async def test_an_altered_data_key_opens_nothing(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    async with window_at(tmp_path) as window:
        await lived(window)

        def swap(connection: Connection) -> None:
            ours, theirs = connection.execute(select(data_key).order_by(data_key.c.owner)).all()
            connection.execute(update(data_key).where(data_key.c.id == ours.id).values(wrapped=theirs.wrapped))

        await window.database.write(swap)
    with pytest.raises(SealedDataUnreadable, match="was altered"):
        await opened_and_closed(settings)


async def test_secrets_that_were_lost_but_for_the_master_key_open_everything(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await lived(window)
    secrets = tmp_path / "secrets"
    shutil.move(secrets / masters.FOLDER, tmp_path / "kept")
    shutil.rmtree(secrets)
    secrets.mkdir()
    shutil.move(tmp_path / "kept", secrets / masters.FOLDER)
    async with window_at(tmp_path) as window:
        rows = await window.database.read(lambda connection: plain_rows(connection, schema.declaration_version))
        assert [row.body for row in rows] == [sample(ELECTRONICS)]
