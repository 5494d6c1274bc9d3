"""Replay: stored documents are read again through the tables in force.

It does what the window does by itself when a document comes, so one operator may: an answer that was taken changes nothing, one
whose code is understood by now takes effect, one that can be read or matched by now is taken up. A document that reads
differently from what was taken from it is counted and left alone. Each document is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.dateforms import SHANGHAI
from declarations.errors import BadRequest, UnreadableResponse
from gateway import ids, journal, receive
from gateway.database.stores import approvals, declarations, entries, inbox, repairs
from gateway.database.stores import replays as store
from gateway.database.types import AnyRow
from gateway.exchange import content
from gateway.identity import Caller
from gateway.notices import Queued
from gateway.operations.queues import chosen
from gateway.operations.repairs import put_back
from gateway.standing import settle
from gateway.taking import contradicts

if TYPE_CHECKING:
    from gateway.wiring import Window

COUNTS = (
    "read",
    "unchanged",
    "understood",
    "taken_up",
    "waiting",
    "quarantined",
    "unreadable",
    "differs",
    "not_taken_up_yet",
)
"""What became of the documents of one replay."""


@dataclass(slots=True)
class _Reading:
    """What a second reading of a document found, before anything is changed."""

    counted_as: str
    take_up: bool = False
    understood: list[AnyRow] = field(default_factory=list)


async def replay(
    window: Window,
    operator: Caller,
    *,
    agency: str | None = None,
    since: date | None = None,
    until: date | None = None,
    declaration: str | None = None,
    cursor: str | None = None,
    limit: int = 200,
) -> dict[str, Any]:
    """Reads up to `limit` documents again, oldest first; `next` goes on behind them. Days are Shanghai's."""
    agencies = chosen(window, agency)
    if since is None and declaration is None:
        raise BadRequest("say since which day, or which declaration", "请指定起始日期 since 或申报 declaration")
    after = cursor or (_beginning(since) if since else "")
    before = _beginning(until + timedelta(days=1)) if until and until < date.max else approvals.LAST

    def page(connection: Connection) -> Sequence[AnyRow]:
        if declaration is not None:
            return store.of_declaration(connection, declaration, agencies, after, before, limit + 1)
        return store.between(connection, agencies, after, before, limit + 1)

    rows = await window.database.read(page)
    counts = dict.fromkeys(COUNTS, 0)
    for row in rows[:limit]:
        counts["read"] += 1
        counts[await _again(window, row.id)] += 1
    asked = {"agency": agency, "since": since, "until": until, "declaration": declaration, "cursor": cursor}
    details = {name: str(value) for name, value in {**asked, **counts}.items() if value and name != "agency"}
    act = journal.operators("replayed", operator.name, window.clock(), details, {"agency": agency})
    await window.database.write(lambda connection: entries.add(connection, [act]))
    return {"counts": counts, "next": rows[limit - 1].id if len(rows) > limit else None}


async def _again(window: Window, inbox_id: str) -> str:
    """Reads one document again; what it counts as."""
    reading = await window.database.read(lambda connection: _read(connection, window, inbox_id))
    if reading.understood:
        window.notices.queued(
            await window.database.write(lambda connection: _understand(connection, window, reading.understood))
        )
    if not reading.take_up:
        return reading.counted_as

    def back(connection: Connection) -> bool:
        row = repairs.lock_document(connection, inbox_id)
        if row is None or row.state == "received":
            return False
        put_back(connection, inbox_id)
        return True

    if not await window.database.write(back):
        return "not_taken_up_yet"
    received = await receive.take_up(window, inbox_id, suspect=True)
    return "taken_up" if received.state in ("done", "duplicate") else received.state


def _read(connection: Connection, window: Window, inbox_id: str) -> _Reading:
    row = inbox.get(connection, inbox_id)
    if row is None or row.state == "received":
        return _Reading("not_taken_up_yet")
    if row.problem:
        return _Reading("unreadable")
    try:
        responses = window.rulebook.agencies[row.agency].answers.read(content(bytes(row.body), row.signature), row.name)
    except UnreadableResponse:
        return _Reading("unreadable")
    new, understood = False, []
    for response in responses:
        taken = store.taken(connection, row.agency, response.key)
        if contradicts(response, taken):
            return _Reading("differs")
        new = new or not taken
        codes = window.responses(row.agency)
        understood += [each for each in taken if not each.known and (each.message, each.code) in codes]
    take_up = new or row.state != "done"
    return _Reading("understood" if understood else "unchanged", take_up, understood)


def _understand(connection: Connection, window: Window, understood: Sequence[AnyRow]) -> set[Queued]:
    """Answers whose codes no table held when they came take effect."""
    queued: set[Queued] = set()
    touched = sorted({each.declaration_id for each in understood})
    for declaration_id in touched:
        declarations.lock(connection, declaration_id)
    for each in understood:
        inbox.set_known(connection, each.id)
    for declaration_id in touched:
        queued |= settle(connection, window, declaration_id, window.clock())
    return queued


def _beginning(day: date) -> str:
    """Not greater than any id of a document that came on that day."""
    return ids.lower_bound(ids.INBOX, datetime.combine(day, time.min, SHANGHAI))
