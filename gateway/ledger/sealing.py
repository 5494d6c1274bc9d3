"""Sealing: now and then what the journal got since is linked into its chains and sealed in a batch that the window signs.

An accept writes its entries and nothing else; linking follows within `journal_seconds`, in a transaction of its own. What is
sealed together is read and hashed outside of it. Any number of programs may seal: batches are numbered without gaps, so of two
with the same number the database refuses the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from adapters.keyfiles import Key
from adapters.keys import WINDOW as WINDOW_KEYS
from declarations.errors import BadConfiguration, StorageUnavailable
from declarations.signatureterms import ED25519
from gateway.database.stores import ledger
from gateway.database.types import AnyRow
from gateway.deliver import event_or_timeout
from gateway.ledger import chain, timestamping

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
AT_MOST = 100
"""Entries in one batch: while SQLite's one writer puts them in, filings wait; with a thousand, for 0.4 seconds."""
LATE = timedelta(hours=1)
"""A transaction that drew an entry's number ends within this time by far; a number not seen by then was given up."""
RANGES = 50
"""Ranges of missing numbers that are looked for one by one; when there are more, all between the first and the last is."""
FINISH_SECONDS = 5.0
ANCHOR_EVERY = timedelta(hours=1)

Range = list[Any]
"""`[first id, last id, since when]` of numbers that no committed entry bears yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch would seal: the batch before, entries in the order they are linked, and the ends of their chains."""

    newest: AnyRow | None
    rows: Sequence[AnyRow]
    heads: dict[str, tuple[int, str]]


class Sealer:
    """Seals until stopped, and once more what is left then."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._stopped = asyncio.Event()
        self._running = False
        self._anchored: datetime | None = None

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        # entries of before a crash, or of before there were chains
        everything = self._running = True
        while not self._stopped.is_set():
            try:
                await seal_all(self._window, at_once=False, everything=everything)
                everything = False
                await timestamping.stamp_newest(self._window)
                await self._anchor()
            except StorageUnavailable as error:
                log.warning("sealing put off", reason=error.message_en)
            except BadConfiguration as error:
                log.error("the journal cannot be sealed", reason=error.message_en)
            except Exception:
                log.exception("sealing failed")
            await event_or_timeout(self._stopped, self._window.settings.journal_seconds)

    async def finish(self) -> None:
        """Seals what is left once everything else of this program has ended. Does nothing in one that does not seal."""
        if not self._stopped.is_set() or not self._running:
            return
        self._running = False
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await seal_all(self._window)
        except Exception as error:
            # the next start seals it
            log.warning("the journal's end is not sealed", reason=str(error) or type(error).__name__)

    async def _anchor(self) -> None:
        """Tells the log once an hour where the journal stands: a log kept elsewhere proves what was cut off later."""
        now = self._window.clock()
        if self._anchored is not None and now - self._anchored < ANCHOR_EVERY:
            return
        if (newest := await self._window.database.read(ledger.last)) is not None:
            log.info("journal_anchor", batch=newest.id, hash=newest.hash)
            self._anchored = now


async def seal_all(window: Window, *, at_once: bool = True, everything: bool = False) -> int:
    """Seals what there is to seal, batch by batch; how many entries. Raises StorageUnavailable, BadConfiguration without a key.

    `at_once`: also right after another batch. `everything`: looks for entries without a link however old their number is.
    """
    sealed = 0
    while count := await _seal(window, at_once=at_once, everything=everything):
        sealed += count
        if count < AT_MOST:
            break
    return sealed


async def _seal(window: Window, *, at_once: bool, everything: bool) -> int:
    """One batch; how many entries it sealed, 0 when there is none or another program was first."""
    now = window.clock()
    found = await window.database.read(partial(_find, everything=everything))
    pause = timedelta(seconds=window.settings.journal_seconds / 2)
    if not found.rows or (
        not at_once
        and len(found.rows) < AT_MOST
        and found.newest is not None
        # another program sealed just now
        and timedelta(0) <= now - found.newest.sealed_at < pause
    ):
        return 0
    key = window.keys.signing(WINDOW_KEYS, ED25519, now)
    row, links = await asyncio.to_thread(_made, found, key, now)
    try:
        await window.database.write(partial(ledger.insert_batch, row=row, links=links))
    except IntegrityError:
        # it sealed the same entries
        return 0
    log.debug("journal_sealed", batch=row["id"], hash=row["hash"], entries=len(links))
    return len(links)


def _find(connection: Connection, everything: bool) -> Found:
    newest = ledger.last(connection)
    rows: list[AnyRow] = []
    if newest is not None:
        ranges = [[1, newest.through, None]] if everything else newest.missing
        for first, final, _ in ranges:
            rows += ledger.late(connection, first, final, AT_MOST - len(rows))
            if len(rows) == AT_MOST:
                break
    through = newest.through if newest is not None else 0
    if len(rows) < AT_MOST:
        rows += ledger.after(connection, through, AT_MOST - len(rows))
    heads = {}
    for name in {chain.chain_of(row.organisation_id) for row in rows}:
        head = ledger.head(connection, name)
        heads[name] = (head.sequence, head.hash) if head is not None else (0, chain.NOTHING)
    return Found(newest, rows, heads)


def _made(found: Found, key: Key, now: datetime) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The batch and its links, hashed and signed."""
    number = found.newest.id + 1 if found.newest is not None else 1
    links, sealed, ends = [], dict[str, chain.Head](), dict(found.heads)
    for row in found.rows:
        name = chain.chain_of(row.organisation_id)
        before, previous = ends[name]
        sequence = before + 1
        value = chain.entry_hash(name, sequence, previous, chain.entry_of(row))
        ends[name] = (sequence, value)
        sealed[name] = chain.Head(found.heads[name][0] + 1, sequence, value)
        links.append({"journal_id": row.id, "chain": name, "sequence": sequence, "hash": value, "batch_id": number})
    told: dict[str, Any] = {
        "previous": found.newest.hash if found.newest is not None else chain.NOTHING,
        "root": chain.root_of(sealed),
        "entries": len(links),
        "key_id": key.id,
    }
    stated = chain.statement(batch=number, sealed_at=chain.moment(now), **told)
    through, missing = _noted(found, now)
    return {
        "id": number,
        **told,
        "heads": {name: [head.first, head.last, head.hash] for name, head in sealed.items()},
        "sealed_at": now,
        "hash": chain.digest(stated),
        "signature": key.sign(stated).hex(),
        "through": through,
        "missing": missing,
    }, links


def _noted(found: Found, now: datetime) -> tuple[int, list[Range]]:
    """The highest number seen, and the numbers below it that may still be committed."""
    through = found.newest.through if found.newest is not None else 0
    came = {row.id for row in found.rows}
    ranges: list[Range] = []
    for first, final, since in found.newest.missing if found.newest is not None else []:
        if now - datetime.fromisoformat(since) < LATE:
            ranges += [
                [*gap, since] for gap in _gaps(first - 1, [*sorted(i for i in came if first <= i <= final), final + 1])
            ]
    new = sorted(number for number in came if number > through)
    ranges += [[*gap, chain.moment(now)] for gap in _gaps(through, new)]
    if len(ranges) > RANGES:
        ranges = [[ranges[0][0], max(each[1] for each in ranges), chain.moment(now)]]
    return max([through, *new]), ranges


def _gaps(before: int, numbers: list[int]) -> list[tuple[int, int]]:
    """The numbers not there between `before` and the last, as ranges."""
    return [(left + 1, right - 1) for left, right in zip([before, *numbers], numbers, strict=False) if right - left > 1]
