"""Retention: removes from the database what has ended, is archived as it is now, and is past its term (`retention.csv`).

Nothing else is ever removed. The archive file is read and its digest checked first; the row is locked and looked at again in the
transaction that removes it, so that an answer arriving meanwhile wins. Batches are small, filings go between them.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from sqlalchemy import Connection, text

from declarations.terms import RECORDS, Term, load_terms
from gateway import archiving, ended
from gateway.database.stores import archive, declarations, entries, removal
from gateway.database.types import AnyRow
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
BATCH = 10
"""Declarations removed in one transaction: some milliseconds of the writer's time."""
RECORDS_AT_ONCE = 200
SHOWN = 20
FREED_PAGES = 500
"""Of SQLite's free pages, given back in one transaction."""


async def plan(window: Window, limit: int) -> dict[str, Any]:
    """What `run` would do now, by the same conditions; nothing is removed."""
    return await run(window, dry_run=True, limit=limit)


async def run(window: Window, *, dry_run: bool, limit: int) -> dict[str, Any]:
    """Removes up to `limit` declarations and up to `limit` small records of each kind; returns counts.

    removed, documents, not_archived (old enough, but first to be archived), kept_because (reason -> how many), declarations
    (the first ids), idempotency, approval, process, more, and the file's size where there is one.
    """
    terms, now = load_terms(window.rulebook.bundle), window.clock()
    gone: list[str] = []
    kept: Counter[str] = Counter()
    documents = waiting = 0
    more = False
    for term in terms.declarations:
        before = now - term.remove_after
        waiting += await window.database.read(
            partial(archive.not_archived, form=term.form, status=term.status, unchanged_since=before)
        )
        after = ""
        while not more:
            rows = await window.database.read(partial(_page, term=term, before=before, after=after))
            if not rows:
                break
            after = rows[-1].id
            if len(gone) + len(rows) > limit:
                rows, more = rows[: limit - len(gone)], True
            ids, papers = await _batch(window, rows, before, kept, dry_run)
            gone += ids
            documents += papers
    ages = {what: age for what, age in terms.records.items() if what in RECORDS}
    records = {what: await _records(window, what, now - age, limit, dry_run) for what, age in ages.items()}
    result: dict[str, Any] = {
        "dry_run": dry_run,
        "removed" if not dry_run else "would_remove": len(gone),
        "declarations": gone[:SHOWN],
        "documents": documents,
        "not_archived": waiting,
        "kept_because": dict(kept),
        **records,
        "more": more,
        **(await _space(window, give_back=not dry_run)),
    }
    log.info("retention", **result)
    return result


def _page(connection: Connection, term: Term, before: datetime, after: str) -> list[AnyRow]:
    return list(archive.removable(connection, term.form, term.status, before, after, BATCH))


async def _batch(
    window: Window, rows: list[AnyRow], before: datetime, kept: Counter[str], dry_run: bool
) -> tuple[list[str], int]:
    """One batch: files verified first, with no transaction open. Returns who went, and how many documents with them."""
    files: dict[str, dict[str, bytes]] = {}
    for row in rows:
        members = await archiving.opened(window, row.id, row.file, row.sha256)
        if members is None:
            kept["archive_file"] += 1
            log.error("archive file is missing or damaged", declaration_id=row.id, file=row.file)
        else:
            files[row.id] = members
    going = [row for row in rows if row.id in files]

    def act(connection: Connection) -> tuple[list[str], Counter[str], int]:
        gone, reasons, documents = [], Counter[str](), 0
        for row in going:
            reason = _why_not(connection, row, before, locked=not dry_run)
            if reason is not None:
                reasons[reason] += 1
                continue
            if not dry_run:
                keys = orjson.loads(files[row.id][archiving.KEYS])
                documents += removal.remove(connection, row.id, keys)
                archive.removed(connection, row.id, window.clock())
                entries.add(connection, [_removed(row, window.clock())])
            gone.append(row.id)
        return gone, reasons, documents

    gone, reasons, documents = await (window.database.read if dry_run else window.database.write)(act)
    kept.update(reasons)
    return gone, documents


def _removed(row: AnyRow, at: datetime) -> dict[str, Any]:
    facts = {"file": row.file, "sha256": row.sha256}
    return entry("removed", at=at, organisation_id=row.organisation_id, declaration_id=row.id, **facts)


def _why_not(connection: Connection, row: AnyRow, before: datetime, locked: bool) -> str | None:
    """Why a declaration must stay after all. `changed`: an answer, a correction or an operator came first."""
    if locked:
        declarations.lock(connection, row.id)
    now = declarations.get(connection, row.id)
    if now is None or (now.updated_at, now.status) != (row.updated_at, row.status) or now.updated_at > before:
        return "changed"
    return ended.not_yet(connection, row.id)


async def _records(window: Window, what: str, before: datetime, limit: int, dry_run: bool) -> int:
    keys = await window.database.read(partial(removal.old, what=what, before=before, at_most=limit))
    if dry_run:
        return len(keys)
    gone = 0
    for start in range(0, len(keys), RECORDS_AT_ONCE):
        some = keys[start : start + RECORDS_AT_ONCE]
        gone += await window.database.write(partial(removal.remove_old, what=what, keys=some, before=before))
    return gone


async def _space(window: Window, give_back: bool) -> dict[str, int]:
    """Size of a SQLite file and what of it is free for new filings; nothing of PostgreSQL, whose autovacuum sees to it."""

    def sizes(connection: Connection) -> dict[str, int]:
        if connection.dialect.name != "sqlite":
            return {}
        page = connection.execute(text("PRAGMA page_size")).scalar_one()
        names = {"page_count": "file_bytes", "freelist_count": "free_bytes"}
        return {name: page * connection.execute(text(f"PRAGMA {of}")).scalar_one() for of, name in names.items()}

    def shrink(connection: Connection) -> bool:
        if connection.dialect.name != "sqlite" or connection.execute(text("PRAGMA auto_vacuum")).scalar_one() != 2:
            return False
        connection.execute(text(f"PRAGMA incremental_vacuum({FREED_PAGES})")).all()
        return bool(connection.execute(text("PRAGMA freelist_count")).scalar_one())

    while give_back and await window.database.write(shrink):
        pass
    return await window.database.read(sizes)
