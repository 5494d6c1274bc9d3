"""Archive and retention: what has ended is written down whole, and only then, past its term, removed."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import pytest
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, func, select, update

from adapters.keys import WINDOW
from declarations.errors import NotFound, StorageUnavailable
from gateway import archiving, ask, retention
from gateway.database.schema import (
    answer,
    approval,
    archive,
    archive_number,
    declaration,
    idempotency,
    inbox,
    journal,
    message,
    metadata,
    search_key,
    unmatched,
)
from gateway.database.stores import archive as archives
from gateway.masters import Masters
from gateway.receive import receive
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.windows import (
    CLIENT,
    ELECTRONICS,
    HOUSEHOLD,
    JSON,
    TickingClock,
    deliver,
    file,
    receipt,
    result,
    sample,
    window_at,
)

DAY = 86_400.0
MONTH, YEARS = 31 * DAY, 1_100 * DAY


async def closed(window: Window, clock: TickingClock, name: str = ELECTRONICS, reference: str = "") -> str:
    """A filing that went all the way to closed."""
    # as years go by operators make new signing keys
    window.keys.create_missing(WINDOW, window.exchange.algorithms(), clock())
    changes = {"trader_assigned_reference_id": reference} if reference else {}
    reply = await submit(window, CLIENT, sample(name, **changes), JSON, idempotency_key=reference or name)
    await deliver(window)
    number = f"I2015{crc32(reply.body['reference'].encode()):013d}"
    await receive(window, "customs", receipt(reply.body["reference"], number))
    for code in "LJPR":
        clock.tick(60)
        await receive(window, "customs", result(code, clock.now, number, entry=number[1:] + "0"))
    return str(reply.body["id"])


async def count(window: Window, table: Any, *conditions: Any) -> int:
    statement = select(func.count()).select_from(table).where(*conditions)
    return int(await window.database.read(lambda connection: connection.execute(statement).scalar_one()))


async def archived(window: Window, declaration_id: str) -> Any:
    return await window.database.read(lambda connection: archives.get(connection, declaration_id))


async def test_a_closed_declaration_becomes_one_file_that_tells_all(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        assert (await archiving.archive_due(window, 10))["archived"] == 0  # not before a month has gone by
        clock.tick(MONTH)
        assert (await archiving.archive_due(window, 10))["archived"] == 1
        row = await archived(window, declaration_id)
        path = window.settings.archive_dir / row.file
        assert path.parent == window.settings.archive_dir / "2015" / "10"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
        assert not zipfile.is_zipfile(path)  # it is sealed
        # a keeper has the file and the master key, and no window
        members = archiving.open_apart(Masters(window.settings.secrets_dir), path)
        assert await archiving.opened(window, declaration_id, row.file, row.sha256) == members
        manifest = orjson.loads(members["manifest.json"])
        assert manifest["declaration_id"] == declaration_id
        assert manifest["tables"] == [window.rulebook.digest]
        for name, told in manifest["members"].items():
            assert hashlib.sha256(members[name]).hexdigest() == told["sha256"]
        assert members["filed/1.json"] == sample(ELECTRONICS)
        [sent] = [name for name in members if name.startswith("sent/customs/")]
        listed = (await ask.messages(window, CLIENT, declaration_id))["items"]
        shown = {item["id"]: item["sha256"] for item in listed}
        assert manifest["members"][sent]["sha256"] == shown[Path(sent).stem]
        documents = [name for name in members if name.startswith("received/customs/")]
        assert {manifest["members"][name]["sha256"] for name in documents} <= set(shown.values())
        assert len(documents) == 5
        assert [row["key"] for row in orjson.loads(members["idempotency.json"])] == [ELECTRONICS]
        acts = [row["code"] for row in orjson.loads(members["journal.json"])]
        assert acts[0] == "accepted"
        assert acts.count("status") >= 2
        tables = window.settings.archive_dir / "tables" / f"{window.rulebook.digest}.zip"
        assert archiving.unpack(tables.read_bytes())["mappings/profiles.csv"] == window.rulebook.bundle.data(
            "mappings/profiles.csv"
        )
        assert (await archiving.archive_due(window, 10))["archived"] == 0


async def test_the_same_content_gives_the_same_bytes() -> None:
    members = {"b": b"2", "a": b"1"}
    assert archiving.pack(members, {"x": 1}) == archiving.pack(dict(reversed(members.items())), {"x": 1})
    assert archiving.unpack(archiving.pack(members, {}))["a"] == b"1"


async def test_what_changed_after_being_archived_is_archived_anew(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        clock.tick(MONTH)
        await archiving.archive_due(window, 10)
        before = await archived(window, declaration_id)
        reference = orjson.loads(sample(ELECTRONICS))["trader_assigned_reference_id"]
        clock.tick(YEARS)
        # an answer arrives after all: what was archived is not the whole any more, and its term begins anew
        await receive(window, "customs", receipt(reference, code="0", message="late"))
        assert (await retention.run(window, dry_run=False, limit=10))["removed"] == 0
        clock.tick(MONTH)
        assert (await archiving.archive_due(window, 10))["archived"] == 1
        after = await archived(window, declaration_id)
        assert after.file != before.file
        assert (window.settings.archive_dir / before.file).exists()
        names = archiving.open_apart(Masters(window.settings.secrets_dir), window.settings.archive_dir / after.file)
        assert len([name for name in names if name.startswith("received/")]) == 6


async def test_retention_removes_what_is_past_its_term_and_nothing_else(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        old = await closed(window, clock)
        clock.tick(YEARS - MONTH)
        young = await closed(window, clock, reference="YOUNG0001")
        open_one = (await file(window, trader_assigned_reference_id="OPEN0001")).body["id"]
        clock.tick(2 * MONTH)
        assert (await archiving.archive_due(window, 10))["archived"] == 2
        would = await retention.plan(window, 10)
        assert (would["would_remove"], would["declarations"]) == (1, [old])
        assert await count(window, declaration) == 3

        done = await retention.run(window, dry_run=False, limit=10)
        assert (done["removed"], done["documents"], done["kept_because"]) == (1, 5, {})
        left = {young, open_one}
        for table in metadata.sorted_tables:
            if "declaration_id" in table.c and table not in (archive, archive_number, journal):
                rows = await count(window, table, table.c.declaration_id.not_in(left))
                assert rows == 0, table.name
        assert await count(window, inbox) == 5
        with pytest.raises(NotFound):
            await ask.declaration(window, CLIENT, old)
        assert (await ask.declaration(window, CLIENT, young))["status"] == "closed"
        row = await archived(window, old)
        assert row.removed_at == clock.now
        assert await count(window, journal, journal.c.declaration_id == old) > 0
        assert (await retention.run(window, dry_run=False, limit=10))["removed"] == 0


async def test_nothing_goes_without_its_archive_file_as_it_was_written(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        clock.tick(YEARS)
        assert (await retention.run(window, dry_run=False, limit=10))["not_archived"] == 1
        await archiving.archive_due(window, 10)
        path = window.settings.archive_dir / (await archived(window, declaration_id)).file
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        done = await retention.run(window, dry_run=False, limit=10)
        assert (done["removed"], done["kept_because"]) == (0, {"archive_file": 1})
        path.unlink()
        assert (await retention.run(window, dry_run=False, limit=10))["kept_because"] == {"archive_file": 1}
        path.write_bytes(content)
        assert (await retention.run(window, dry_run=False, limit=10))["removed"] == 1


async def test_an_answer_that_comes_while_files_are_read_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        clock.tick(YEARS)
        await archiving.archive_due(window, 10)

        batch = retention._batch

        async def answered_meanwhile(*args: Any) -> Any:
            reference = orjson.loads(sample(ELECTRONICS))["trader_assigned_reference_id"]
            await receive(window, "customs", receipt(reference, message="late"))
            return await batch(*args)

        monkeypatch.setattr(retention, "_batch", answered_meanwhile)
        done = await retention.run(window, dry_run=False, limit=10)
        assert (done["removed"], done["kept_because"]) == (0, {"changed": 1})
        assert (await ask.declaration(window, CLIENT, declaration_id))["status"] == "closed"


async def test_a_returned_filing_stays_while_the_other_agency_is_at_work(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        reply = await file(window, "sea-export-tableware-both-parallel")
        await deliver(window)
        await receive(window, "customs", receipt(reply.body["reference"], code="1", message="no"))
        assert (await ask.declaration(window, CLIENT, reply.body["id"]))["status"] == "rejected"
        clock.tick(YEARS)
        assert (await archiving.archive_due(window, 10)) == {
            "archived": 0, "changed_meanwhile": 0, "kept_because": {"leg_open": 1}, "more": False,
        }  # fmt: skip


async def test_what_operators_have_still_to_settle_stays(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        clock.tick(YEARS)
        await archiving.archive_due(window, 10)

        async def kept() -> dict[str, int]:
            found: dict[str, int] = (await retention.run(window, dry_run=False, limit=10))["kept_because"]
            return found

        of_message = select(message.c.id).where(message.c.declaration_id == declaration_id).scalar_subquery()
        wish = {
            "id": "P1", "act": "resend", "target": of_message, "reason": "", "asked_by": "a",
            "asked_at": clock.now, "state": "pending",
        }  # fmt: skip
        await window.database.write(lambda connection: connection.execute(approval.insert().values(**wish)).rowcount)
        assert await kept() == {"approval": 1}
        done = update(approval).values(state="refused", decided_at=clock.now)
        await window.database.write(lambda connection: connection.execute(done).rowcount)
        unknown = update(answer).where(answer.c.code == "R").values(known=False)
        await window.database.write(lambda connection: connection.execute(unknown).rowcount)
        assert await kept() == {"unknown_answer": 1}
        known = update(answer).values(known=True)
        await window.database.write(lambda connection: connection.execute(known).rowcount)
        assert await kept() == {}
        assert await count(window, declaration) == 0


async def test_a_late_answer_to_a_removed_declaration_is_kept_and_its_archive_found(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        numbers = await window.database.read(lambda connection: archives.numbers_of(connection, declaration_id))
        number = next(value for value in numbers if value.startswith("I2015"))
        clock.tick(YEARS)
        await archiving.archive_due(window, 10)
        await retention.run(window, dry_run=False, limit=10)
        late = await receive(window, "customs", result("R", clock.now, number))
        assert late.state in ("waiting", "quarantined")
        assert await count(window, unmatched) == 1
        for value in numbers:
            found = await window.database.read(lambda connection, of=value: archives.by_number(connection, of))
            assert [row.declaration_id for row in found] == [declaration_id]


async def test_the_reference_of_a_removed_declaration_is_free(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        first = await closed(window, clock, HOUSEHOLD)
        clock.tick(YEARS)
        await archiving.archive_due(window, 10)
        await retention.run(window, dry_run=False, limit=10)
        window.keys.create_missing(WINDOW, window.exchange.algorithms(), clock())
        assert (await file(window, HOUSEHOLD)).body["id"] != first


async def test_limits_bound_a_run_and_the_next_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(archiving, "PAGE", 2)
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        for number in range(5):
            await closed(window, clock, reference=f"MANY000{number}")
        clock.tick(YEARS)
        archived_counts = [(await archiving.archive_due(window, 3)) for _ in range(3)]
        assert [each["archived"] for each in archived_counts] == [3, 2, 0]
        assert [each["more"] for each in archived_counts] == [True, False, False]
        runs = [await retention.run(window, dry_run=False, limit=3) for _ in range(3)]
        assert [each["removed"] for each in runs] == [3, 2, 0]
        assert runs[0]["more"]
        assert await count(window, declaration) == 0
        assert await count(window, search_key) == 0


async def test_small_records_go_by_age(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await submit(window, CLIENT, sample(ELECTRONICS), JSON, idempotency_key="old")
        clock.tick(20 * DAY)
        body = sample(ELECTRONICS, trader_assigned_reference_id="R2")
        await submit(window, CLIENT, body, JSON, idempotency_key="young")
        clock.tick(15 * DAY)
        assert (await retention.plan(window, 10))["idempotency"] == 1
        assert (await retention.run(window, dry_run=False, limit=10))["idempotency"] == 1
        keys = await window.database.read(lambda connection: connection.scalars(select(idempotency.c.key)).all())
        assert keys == ["young"]
        assert await count(window, declaration) == 2


async def test_a_full_disk_leaves_no_half_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        declaration_id = await closed(window, clock)
        clock.tick(MONTH)
        # a file stands where the folder of the month must be made
        window.settings.archive_dir.mkdir(parents=True)
        (window.settings.archive_dir / "2015").write_bytes(b"")
        with pytest.raises(StorageUnavailable):
            await archiving.archive_due(window, 10)
        assert await archived(window, declaration_id) is None
        (window.settings.archive_dir / "2015").unlink()
        assert (await archiving.archive_due(window, 10))["archived"] == 1


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    data = archiving.pack({"a": b"1"}, {})
    (tmp_path / "x.zip").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    assert archiving.verified(tmp_path, "x.zip", digest) is not None
    assert archiving.verified(tmp_path, "x.zip", "0" * 64) is None
    assert archiving.verified(tmp_path, "y.zip", digest) is None
    with pytest.raises(ValueError, match="no archive file"):
        archiving.unpack(b"PK nothing")


def test_removing_a_row_never_reads_a_whole_table() -> None:
    """Of what refers to a removed row the database looks for rows left behind: by an index, or filings wait for it."""
    slow = []
    for table in metadata.sorted_tables:
        indexed = {
            next(iter(each.columns)).name
            for each in table.constraints
            if isinstance(each, PrimaryKeyConstraint | UniqueConstraint) and len(each.columns)
        } | {next(iter(index.columns)).name for index in table.indexes if len(index.columns)}
        slow += [
            f"{table.name}.{column.name}"
            for column in table.columns
            for key in column.foreign_keys
            if key.column.table.name in ("declaration", "message", "inbox") and column.name not in indexed
        ]
    assert slow == []
