"""The journal of a real window: sealed in chains and batches, exported over HTTP, verified without the window."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs
from typer.testing import CliRunner

from adapters.keyfiles import from_public
from adapters.keys import WINDOW
from declarations.errors import NotFound
from gateway import ask, restore
from gateway.cli import app
from gateway.database.evidence import journal_batch, journal_link
from gateway.database.schema import declaration, journal
from gateway.database.stores import entries, removal
from gateway.identity import Caller
from gateway.journal import entry
from gateway.ledger import chain, export, sealing
from gateway.ledger.sealing import seal_all
from gateway.ledger.verify import Anchor, Report, verify
from gateway.receive import receive
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.backend import on_postgres
from tests.support.served import JSON, problem, served
from tests.support.windows import (
    CLIENT,
    ELECTRONICS,
    TickingClock,
    add_organisation,
    changed_rulebook,
    deliver,
    file,
    receipt,
    sample,
    window_at,
)

OPERATOR = Caller("operator", "default", "", frozenset({"operate"}))


async def whole(window: Window, after: int = 0) -> list[bytes]:
    return [line async for line in await export.whole(window, OPERATOR, after)]


async def own(window: Window, organisation_id: str) -> list[bytes]:
    caller = Caller("client", "default", organisation_id)
    return [line async for line in await export.own(window, caller, 0)]


def checked(window: Window, lines: list[bytes], **more: Any) -> Report:
    public = from_public([key.as_dict() for key in window.keys.of(WINDOW)])
    return verify(lines, public, **more)


async def acts(window: Window, *rows: dict[str, Any]) -> None:
    await window.database.write(lambda connection: entries.add(connection, list(rows)))


async def rows_of(window: Window, table: Any) -> list[Any]:
    return await window.database.read(
        lambda connection: list(connection.execute(select(table).order_by(*table.primary_key.columns)))
    )


async def test_every_entry_is_linked_and_sealed_and_the_export_proves_it(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await add_organisation(window, "O1")
        await file(window)
        await acts(window, entry("status", at=window.clock(), organisation_id="O1", status="filed"))
        lines = await whole(window)
        report = checked(window, lines)
        assert report.good, report.findings
        linked = await rows_of(window, journal_link)
        assert {row.journal_id for row in linked} == {row.id for row in await rows_of(window, journal)}
        assert {row.chain for row in linked} == {"default", "O1", "window"}
        assert report.entries == len(linked)
        told = [orjson.loads(line) for line in lines]
        assert "journal_exported" in {each["entry"]["code"] for each in told if "entry" in each}


async def test_each_batch_follows_the_one_before_and_a_part_of_the_journal_proves_itself(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        for number in range(4):
            await acts(window, entry("status", at=window.clock(), organisation_id="default", status=str(number)))
            assert await seal_all(window) == 1
        batches = await rows_of(window, journal_batch)
        assert [row.id for row in batches] == [1, 2, 3, 4]
        assert [row.previous for row in batches] == [chain.NOTHING, *(row.hash for row in batches[:-1])]
        report = checked(window, await whole(window, after=2), anchors=[Anchor(4, batches[3].hash)])
        assert report.good, report.findings
        assert (report.first_batch, report.last_batch) == (3, 5)
        assert not checked(window, await whole(window), anchors=[Anchor(3, "0" * 64)]).good
        # two parts meet at a batch that was noted
        assert checked(window, await whole(window, after=2), anchors=[Anchor(2, batches[1].hash)]).good
        seam = checked(window, await whole(window, after=2), anchors=[Anchor(2, "0" * 64)])
        assert [(each.kind, each.batch) for each in seam.findings] == [("batch_altered", 2)]


async def test_an_organisation_verifies_its_own_chain_and_learns_of_no_other(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await add_organisation(window, "O1")
        for name in ("default", "O1", "default", "O1"):
            for each in (name, "default", "O1"):
                await acts(window, entry("status", at=window.clock(), organisation_id=each, status="filed"))
            await seal_all(window)
        await acts(window, entry("status", at=window.clock(), organisation_id="default", status="filed"))
        lines = await own(window, "O1")
        report = checked(window, lines)
        assert report.good, report.findings
        assert report.chain == "O1"
        assert report.entries == len([row for row in await rows_of(window, journal_link) if row.chain == "O1"])
        assert b"default" not in b"".join(lines).replace(b'"actor":"default"', b"")
        # what is altered in it is named as in a whole one
        altered = [line.replace(b'"filed"', b'"cleared"') if b'"sequence":4' in line else line for line in lines]
        assert [(each.kind, each.chain, each.first) for each in checked(window, altered).findings] == [
            ("altered", "O1", 4)
        ]


async def test_an_entry_committed_after_later_ones_is_linked_later(tmp_path: Path) -> None:
    """On PostgreSQL a transaction that began earlier may commit later; its numbers are missing until then."""
    async with window_at(tmp_path) as window:
        row = entry("status", at=window.clock(), organisation_id="default", status="filed")
        await acts(window, row)
        await window.database.write(lambda c: c.execute(insert(journal), {**row, "id": 9}))
        await window.database.write(lambda c: c.execute(insert(journal), {**row, "id": 12}))
        await seal_all(window)
        [batch] = await rows_of(window, journal_batch)
        assert [each[:2] for each in batch.missing] == [[2, 8], [10, 11]]
        assert batch.through == 12
        await window.database.write(lambda c: c.execute(insert(journal), {**row, "id": 5}))
        await window.database.write(lambda c: c.execute(insert(journal), {**row, "id": 11}))
        assert await seal_all(window) == 2
        linked = sorted(await rows_of(window, journal_link), key=lambda each: each.sequence)
        assert [each.journal_id for each in linked] == [1, 9, 12, 5, 11]
        assert [each[:2] for each in (await rows_of(window, journal_batch))[1].missing] == [[2, 4], [6, 8], [10, 10]]
        lines = [line async for line in export.lines(window, export.Part(None, 0, 2))]
        assert checked(window, lines).good


async def test_a_number_given_up_is_forgotten_and_a_start_looks_for_all(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        row = entry("status", at=window.clock(), organisation_id="default", status="filed")
        for number in (1, 5):
            await window.database.write(lambda c, number=number: c.execute(insert(journal), {**row, "id": number}))
        await seal_all(window)
        clock.tick(2 * 3600)
        await window.database.write(lambda c: c.execute(insert(journal), {**row, "id": 6}))
        await seal_all(window)
        assert (await rows_of(window, journal_batch))[-1].missing == []
        await window.database.write(lambda c: c.execute(insert(journal), {**row, "id": 3}))
        assert await seal_all(window) == 0
        assert await seal_all(window, everything=True) == 1


async def test_of_two_sealers_one_seals(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        for _ in range(5):
            await acts(window, entry("status", at=window.clock(), organisation_id="default", status="filed"))
        counts = await asyncio.gather(*(seal_all(window) for _ in range(4)))
        assert sorted(counts) == [0, 0, 0, 5]
        assert [row.id for row in await rows_of(window, journal_batch)] == [1]


async def test_many_entries_are_sealed_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_MOST", 10)
    async with window_at(tmp_path) as window:
        row = entry("status", at=window.clock(), organisation_id="default", status="filed")
        await acts(window, *[row] * 25)
        assert await seal_all(window) == 25
        assert [each.entries for each in await rows_of(window, journal_batch)] == [10, 10, 5]


async def test_a_running_window_seals_by_itself_and_at_its_end_what_is_left(tmp_path: Path) -> None:
    with capture_logs() as told:
        async with window_at(tmp_path, journal_seconds=3600) as window:
            await file(window)
            window.start_worker()
            async with asyncio.timeout(10):
                while not await rows_of(window, journal_batch):
                    await asyncio.sleep(0.01)
            # where the log is kept elsewhere it proves what is cut off later
            async with asyncio.timeout(10):
                while not (noted := [each for each in told if each["event"] == "journal_anchor"]):
                    await asyncio.sleep(0.01)
            [first] = await rows_of(window, journal_batch)
            assert [(each["batch"], each["hash"]) for each in noted] == [(1, first.hash)]
            await acts(window, entry("status", at=window.clock(), organisation_id="default", status="filed"))
            await window.stop()
            assert len(await rows_of(window, journal_link)) == len(await rows_of(window, journal))


@pytest.mark.parametrize("table", [journal, journal_link, journal_batch])
async def test_what_the_journal_holds_can_be_neither_changed_nor_removed(tmp_path: Path, table: Any) -> None:
    async with window_at(tmp_path) as window:
        await file(window)
        await seal_all(window)
        before = await rows_of(window, table)
        column = {journal: "actor", journal_link: "hash", journal_batch: "root"}[table]
        changes = [update(table).values({column: "x"}), delete(table)]
        if on_postgres():
            changes.append(text(f"TRUNCATE {table.name} CASCADE"))
        for change in changes:

            def act(connection: Connection, change: Any = change) -> None:
                connection.execute(change)

            with pytest.raises(DBAPIError, match="only ever added to"):
                await window.database.write(act)
        assert await rows_of(window, table) == before
        assert before


async def test_tampering_with_the_database_itself_is_found(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await file(window)
        await seal_all(window)
        victim = next(row for row in await rows_of(window, journal_link) if row.chain == "default")

        def tamper(connection: Connection) -> None:
            # somebody with all rights on the database
            if on_postgres():
                connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
            else:
                connection.execute(text("DROP TRIGGER journal_update"))
            connection.execute(update(journal).where(journal.c.id == victim.journal_id).values(actor="nobody"))

        await window.database.write(tamper)
        report = checked(window, await whole(window))
        assert [(each.kind, each.chain, each.first) for each in report.findings] == [("altered", "default", 1)]


def test_the_journal_is_exported_over_http_and_verified_by_the_command(tmp_path: Path) -> None:
    exported, keys = tmp_path / "journal.jsonl", tmp_path / "keys.json"
    runner = CliRunner()

    async def use(site: Any) -> None:
        async with aiohttp.ClientSession() as session:
            body = sample("sea-import-electronics-customs-only")
            address = f"{site.url}/api/v1"
            headers = {**site.token("clients/default"), **JSON}
            async with session.post(f"{address}/declarations", data=body, headers=headers) as reply:
                assert reply.status == 202
            async with session.get(f"{address}/operations/journal", headers=site.token("clients/default")) as reply:
                await problem(reply, 403, "forbidden")
            async with session.get(f"{address}/journal", headers=site.token("operators/default")) as reply:
                await problem(reply, 403, "forbidden")
            async with session.get(f"{address}/journal") as reply:
                await problem(reply, 401, "unauthorised")
            async with session.get(f"{address}/journal", headers=site.token("clients/default")) as reply:
                assert reply.status == 200
                assert reply.content_type == export.MEDIA_TYPE
                (tmp_path / "own.jsonl").write_bytes(await reply.read())
            async with session.get(f"{address}/keys") as reply:
                keys.write_bytes(await reply.read())

    with served(tmp_path / "window") as site:
        asyncio.run(use(site))
        token = str(site.secrets / "operators" / "default.token")
        done = runner.invoke(app, ["journal", "export", str(exported), "--url", site.url, "--token-file", token])
        assert done.exit_code == 0, done.output
    for path in (exported, tmp_path / "own.jsonl"):
        done = runner.invoke(app, ["journal", "verify", str(path), "--keys", str(keys)])
        assert done.exit_code == 0, done.output
        assert "核验通过 / good" in done.output
    told = orjson.loads(runner.invoke(app, ["journal", "verify", str(exported), "--keys", str(keys), "--json"]).output)
    anchor = f"{told['last_batch']}:{told['last_hash']}"

    lines = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join(line.replace(b'"accepted"', b'"refiled"') for line in lines))
    done = runner.invoke(app, ["journal", "verify", str(exported), "--keys", str(keys), "--anchor", anchor])
    assert done.exit_code == 1
    assert "记录被改动 / an entry was altered: default #1" in done.output
    keys.write_bytes(b'{"keys": []}')
    done = runner.invoke(app, ["journal", "verify", str(exported), "--keys", str(keys), "--json"])
    assert done.exit_code == 1
    assert orjson.loads(done.output)["findings"][0]["kind"] == "unknown_key"
    done = runner.invoke(app, ["journal", "verify", str(keys), "--keys", str(keys)])
    assert done.exit_code == 2


async def test_removing_a_declaration_leaves_its_entries_and_their_chain_whole(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window)).body["id"]
        await deliver(window)
        await seal_all(window)
        await window.database.write(lambda connection: removal.remove(connection, declaration_id, []))
        assert not await rows_of(window, declaration)
        report = checked(window, await whole(window))
        assert report.good, report.findings
        assert declaration_id in {row.declaration_id for row in await rows_of(window, journal)}


async def test_looking_at_what_was_declared_is_in_the_journal_and_not_in_the_timeline(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window)).body["id"]
        with pytest.raises(NotFound):
            await ask.message_bytes(window, CLIENT, declaration_id, "M0")
        await ask.message_bytes(window, CLIENT, declaration_id, f"{declaration_id}.1")
        found = await ask.explain(window, CLIENT, declaration_id, "customs", pointer="/voyage_id")
        looked = [row for row in await rows_of(window, journal) if row.code == "looked"]
        assert [(row.organisation_id, row.actor, row.details) for row in looked] == [
            ("default", "default", {"message_id": f"{declaration_id}.1"}),
            ("default", "default", {"message_id": found["message_id"], "explained": "/voyage_id"}),
        ]
        timeline = await ask.timeline(window, CLIENT, declaration_id)
        assert "looked" not in {item["code"] for item in timeline["items"]}


async def test_what_was_filed_and_what_was_answered_are_bound_by_their_hashes(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        form = sample(ELECTRONICS)
        await submit(window, CLIENT, form, "application/json")
        await deliver(window)
        reference = orjson.loads(form)["trader_assigned_reference_id"]
        body = receipt(reference)
        for _ in range(2):
            # the second time it is known already
            await receive(window, "customs", body, "answer.xml")
        acts_of = {row.code: row for row in await rows_of(window, journal)}
        assert acts_of["accepted"].details["sha256"] == hashlib.sha256(form).hexdigest()
        assert acts_of["answered"].details["sha256"] == hashlib.sha256(body).hexdigest()
        assert [row.code for row in await rows_of(window, journal)].count("answered") == 1
        assert acts_of["answered"].actor == "customs"
        assert checked(window, await whole(window)).good


async def test_other_tables_and_a_restore_are_acts_of_the_window(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        assert not await rows_of(window, journal)
    tables = changed_rulebook({"mappings/profiles.csv": ("2015", "2015 ")})
    async with window_at(tmp_path, tables=tables) as window:
        [row] = await rows_of(window, journal)
        assert (row.code, row.details) == ("tables_changed", {"digest": tables.digest})
        await restore.tell_again(window, window.clock())
        assert (await rows_of(window, journal))[-1].code == "restored"
