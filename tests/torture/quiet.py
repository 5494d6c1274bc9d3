"""When all is quiet: nobody waits for an answer, nothing is on its way, and every case stands where the model says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from tests.torture import operators
from tests.torture.client import Request
from tests.torture.filings import KINDS
from tests.torture.lane import Lane, NotQuiet
from tests.torture.oracle import Case
from tests.torture.views import Books, books, marks, waiting_files

OPERATORS_EVERY = 6
"""Looks between two visits of the operators, who settle what an agency that counts every copy leaves in doubt."""


async def quiet(lane: Lane, cases: Sequence[Case], seconds: float | None = None) -> None:
    """Waits until all is quiet. Raises NotQuiet."""
    seconds = lane.patience if seconds is None else seconds
    deadline = time.monotonic() + seconds
    looked = 0
    while True:
        if lane.revive():
            await lane.ready()
        open_ = await under_way(lane, cases)
        if not open_:
            return
        looked += 1
        if not lane.deduplicates and looked % OPERATORS_EVERY == 0:
            await operators.clear_doubts(lane)
        if time.monotonic() > deadline:
            raise NotQuiet(f"not quiet after {seconds:.0f} s: " + "; ".join(open_[:6]))
        await asyncio.sleep(0.05)


async def under_way(lane: Lane, cases: Sequence[Case]) -> list[str]:
    """What still has to happen, in words.

    Looks along the way that messages and answers take, so that nothing passes by where it has looked already.
    """
    waiting = [f"{case.reference} has no answer" for case in cases for each in case.requests if not _settled(each)]
    # asked first because it says no most often, and last because it is where the way ends
    waiting = waiting or await _not_ended(lane, cases)
    if waiting:
        return waiting
    if found := await lane.database.rows("SELECT message_id, attempts FROM outbox"):
        return [f"{len(found)} messages in the outbox, tried {[row[1] for row in found]} times"]
    for agency in KINDS:
        book = books(lane.books_dir, agency, [case.reference for case in cases])
        if book.unsent:
            waiting.append(f"{book.unsent} answers of {agency} not handed over")
        waiting += waiting_files(lane.directory / "exchange" / agency)
        if lane.by_topic(agency):
            waiting += await _in_topic(lane, book)
    if found := await lane.database.rows("SELECT id FROM inbox WHERE state = 'received'"):
        waiting.append(f"{len(found)} documents not taken up")
    return waiting or await _not_ended(lane, cases)


def _settled(request: Request) -> bool:
    return request.answered or bool(request.troubles)


async def _not_ended(lane: Lane, cases: Sequence[Case]) -> list[str]:
    """Cases that stand elsewhere than the model says."""
    references = [case.reference for case in cases]
    found = await lane.database.rows(
        f"SELECT reference, status FROM declaration WHERE reference IN ({marks(references)})", *references
    )
    stands = dict(found)
    waiting = []
    for case in cases:
        end = case.ends()[0]
        now = stands.get(case.reference, "missing")
        if now != end and not (case.unsure and now == "missing"):
            waiting.append(f"{case.reference} is {now} and not {end}")
    return waiting


async def _in_topic(lane: Lane, book: Books) -> list[str]:
    """Answers that lie in a topic, which nobody sees there: those that were given and are not taken."""
    ids = [message.key for message in book.messages]
    taken = dict(
        await lane.database.rows(
            f"SELECT message_id, count(*) FROM answer WHERE message_id IN ({marks(ids)}) GROUP BY message_id", *ids
        )
    )
    counts = [(id_, book.given(id_), taken.get(id_, 0)) for id_ in ids]
    return [f"{given} answers to {id_} given, {took} taken" for id_, given, took in counts if given > took]
