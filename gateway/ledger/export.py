"""Export: the sealed journal as lines of JSON that anybody can verify with the window's public keys alone.

First a line that says what it is; then each batch, followed by the entries it seals, chain by chain; last a line that says
where it ends. Every line is canonical JSON (`chain.canonical`). A chain's own export names no other chain: instead of the heads
of all it has the chain's own head and its way to the signed root.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from gateway import journal
from gateway.database.stores import entries, ledger
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.ledger import chain, sealing

if TYPE_CHECKING:
    from gateway.wiring import Window

FORMAT = "onewindow-journal-1"
MEDIA_TYPE = "application/x-ndjson"
AT_ONCE = 20
"""Batches read in one transaction: at most so many thousand entries are held at a time."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is exported: all chains or one; of batches `after` (0: from the first) to `through`."""

    chain: str | None
    after: int
    through: int


async def lines(window: Window, part: Part) -> AsyncIterator[bytes]:
    """The lines of an export, each with its newline. What is sealed meanwhile is not in it."""
    yield _line(
        {
            "format": FORMAT,
            "exported_at": chain.moment(window.clock()),
            "chain": part.chain,
            "after": part.after,
        }
    )
    last, batches, told = part.after, 0, 0
    more = True
    while more:
        found, last, more = await window.database.read(partial(_page, part=part, after=last))
        for batch, links in found:
            batches += 1
            told += len(links)
            yield _line(batch)
            for line in links:
                yield _line(line)
    yield _line({"end": {"batches": batches, "entries": told}})


async def own(window: Window, caller: Caller, after: int) -> AsyncIterator[bytes]:
    """The caller's organisation's chain, what happened until now sealed first. The export is an act in it."""
    act = journal.entry(
        "journal_exported",
        at=window.clock(),
        organisation_id=caller.organisation_id,
        actor=caller.name,
        after=str(after),
    )
    return lines(window, Part(caller.organisation_id, after, await _sealed(window, act)))


async def whole(window: Window, operator: Caller, after: int) -> AsyncIterator[bytes]:
    """All chains, what happened until now sealed first. The export is an act of the operator's."""
    act = journal.operators("journal_exported", operator.name, window.clock(), {"after": str(after)})
    return lines(window, Part(None, after, await _sealed(window, act)))


async def _sealed(window: Window, act: dict[str, Any]) -> int:
    """Writes the act, seals what there is, and returns the number of the newest batch."""
    await window.database.write(lambda connection: entries.add(connection, [act]))
    await sealing.seal_all(window)
    newest = await window.database.read(ledger.last)
    return newest.id if newest is not None else 0


def _page(connection: Connection, part: Part, after: int) -> tuple[list[tuple[dict[str, Any], list[Any]]], int, bool]:
    """Some batches with their entries, as they are told; the number of the last one, and whether there may be more."""
    if part.chain is None:
        rows = ledger.batches(connection, after, part.through, AT_ONCE)
    else:
        rows = ledger.batches_of_chain(connection, part.chain, after, part.through, AT_ONCE)
    told = [(_batch(row, part.chain), _entries(connection, row, part.chain)) for row in rows]
    return told, rows[-1].id if rows else after, len(rows) == AT_ONCE


def _batch(row: AnyRow, only: str | None) -> dict[str, Any]:
    stamped = base64.b64encode(row.timestamp).decode() if row.timestamp is not None else None
    told: dict[str, Any] = {
        "batch": row.id,
        "previous": row.previous,
        "root": row.root,
        "entries": row.entries,
        "sealed_at": chain.moment(row.sealed_at),
        "key_id": row.key_id,
        "signature": row.signature,
        "timestamp": stamped,
    }
    if only is None:
        return {**told, "heads": row.heads}
    heads = {name: chain.Head(*head) for name, head in row.heads.items()}
    return {**told, "head": row.heads[only], "proof": chain.proof_of(heads, only)}


def _entries(connection: Connection, row: AnyRow, only: str | None) -> list[dict[str, Any]]:
    told = []
    previous: dict[str, str] = {}
    for entry in _of_batch(connection, row, only):
        name = entry.chain
        if name not in previous:
            previous[name] = ledger.before(connection, name, entry.sequence) or chain.NOTHING
        told.append(
            {
                "chain": name,
                "sequence": entry.sequence,
                "previous": previous[name],
                "hash": entry.hash,
                "entry": chain.entry_of(entry),
            }
        )
        previous[name] = entry.hash
    return told


def _of_batch(connection: Connection, row: AnyRow, only: str | None) -> Iterable[AnyRow]:
    return (each for each in ledger.entries(connection, row.id) if only in (None, each.chain))


def _line(value: dict[str, Any]) -> bytes:
    return chain.canonical(value) + b"\n"
