"""Rounds that kill during upkeep: a migration of a database full of filings, and archive and retention of ended ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from gateway.archiving import open_apart
from gateway.masters import Masters
from tests.torture import operators
from tests.torture.filings import KINDS
from tests.torture.lane import Lane, NotQuiet
from tests.torture.oracle import Case
from tests.torture.steps_back import step_back
from tests.torture.views import books, marks

PAST_ITS_TERM = timedelta(days=3)
TRIES = 12


async def killed_migrating(lane: Lane, passes: int) -> None:
    """Takes the lane's database back to its first revision and lets its programs migrate it, killed in between."""
    for name in lane.programs:
        lane.remove(name)
    await lane.database.close()
    await step_back(lane)
    lane.trap.arm("migration", passes)
    for name in lane.programs:
        lane.launch(name)
    await lane.ready()
    if not lane.trap.sprung and passes > 1:
        await killed_migrating(lane, 1)


async def killed_tidying(lane: Lane, point: str, passes: int) -> None:
    """Operators archive and remove, as if days had passed; killed in between they do it again, until nothing is left to do."""
    for name in lane.programs:
        lane.remove(name)
    for name in lane.programs:
        lane.launch(name, ahead=PAST_ITS_TERM)
    await lane.ready()
    lane.trap.arm(point, passes)
    for _ in range(TRIES):
        first, _ = operators.tokens(lane)
        archived, _ = await lane.client.act(f"{operators.API}/archive", {}, token=first)
        granted, _ = await operators.agree(lane, "retention", "retention")
        await lane.ready()
        if (archived, granted) == (200, 200) and (lane.trap.sprung or passes == 1):
            break
        if granted == 409:
            await _take_back(lane)
        if not lane.trap.sprung and (archived, granted) == (200, 200):
            return
    else:
        raise NotQuiet(f"archive and retention did not end: {archived}, {granted}")


async def _take_back(lane: Lane) -> None:
    """A wish that was asked for before the kill is granted now."""
    first, second = operators.tokens(lane)
    _, found = await lane.client.get(f"{operators.API}/approvals?state=pending", token=first)
    for each in found["items"] if found else ():
        await lane.client.act(f"{operators.API}/approvals/{each['id']}/grant", token=second)


async def back_to_today(lane: Lane) -> None:
    for name in lane.programs:
        lane.remove(name)
    for name in lane.programs:
        lane.launch(name)
    await lane.ready()


async def archived(lane: Lane, cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """Which cases are gone from the database, and what is wrong with how they went: each must be whole in its archive file."""
    references = [case.reference for case in cases]
    rows = await lane.database.rows(
        f"SELECT reference FROM declaration WHERE reference IN ({marks(references)})", *references
    )
    there = {row[0] for row in rows}
    kept = await lane.database.rows(
        "SELECT reference, declaration_id, file, sha256, removed_at FROM archive "
        f"WHERE reference IN ({marks(references)}) ORDER BY archived_at",
        *references,
    )
    files = {row[0]: row for row in kept}
    # one whose client never had an answer may never have been there
    gone = [case for case in cases if case.reference not in there and (case.versions or case.reference in files)]
    wrong: list[str] = []
    for case in gone:
        if case.reference not in files:
            wrong.append(f"{case.reference}: removed without an archive file")
            continue
        wrong += _whole(lane, case, files[case.reference])
        wrong += await _remains(lane, files[case.reference][1])
    for case in cases:
        row = files.get(case.reference)
        if row is not None and row[4] is not None and case.reference in there:
            wrong.append(f"{case.reference}: marked as removed, and still there")
    return gone, wrong


def _whole(lane: Lane, case: Case, row: tuple[object, ...]) -> list[str]:
    """The file holds what the client filed and what the agencies got, to the byte."""
    _, _, file, sha256, removed_at = row
    path = Path(str(lane.directory / "archive" / str(file)))
    if removed_at is None:
        return [f"{case.reference}: gone, and its archive row does not say so"]
    data = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        return [f"{case.reference}: its archive file is not the one that was written"]
    members = open_apart(Masters(lane.directory / "secrets"), path)
    wrong = []
    if members.get("filed/1.json") != case.filing.body:
        wrong.append(f"{case.reference}: the archive does not hold what was filed")
    sums = {hashlib.sha256(body).hexdigest() for name, body in members.items() if name.startswith("sent/")}
    papers = {hashlib.sha256(body).hexdigest() for name, body in members.items() if name.startswith("received/")}
    for agency in KINDS:
        book = books(lane.books_dir, agency, [case.reference])
        wrong += [
            f"{case.reference}: what {agency} got is not in the archive"
            for each in book.messages
            if each.sha256 not in sums
        ]
        wrong += [
            f"{case.reference}: an answer of {agency} is not in the archive"
            for each in book.answers
            if each.sound and each.sent and each.sha256 not in papers
        ]
    return wrong


async def _remains(lane: Lane, declaration_id: object) -> list[str]:
    """Nothing of a removed declaration is left behind."""
    tables = ("message", "declaration_version", "answer", "outbox", "obligation", "search_key")
    wrong = []
    for table in tables:
        [(count,)] = await lane.database.rows(f"SELECT count(*) FROM {table} WHERE declaration_id = ?", declaration_id)
        if count:
            wrong.append(f"{declaration_id}: removed, and {count} rows of {table} are left")
    return wrong
