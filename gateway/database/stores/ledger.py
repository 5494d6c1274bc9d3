"""The ledger's rows: places of journal entries in their chains, and the batches that seal them. Only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update

from gateway.database.evidence import journal_batch, journal_link
from gateway.database.prepared import Prepared
from gateway.database.schema import journal
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

BATCHES = Insertion(journal_batch)
LINKS = Insertion(journal_link)

_LAST = Prepared(select(journal_batch).order_by(journal_batch.c.id.desc()).limit(1))
_AFTER = Prepared(
    select(journal).where(journal.c.id > bindparam("after")).order_by(journal.c.id).limit(bindparam("at_most"))
)
_NOT_LINKED = ~exists().where(journal_link.c.journal_id == journal.c.id)
_LATE = Prepared(
    select(journal)
    .where(journal.c.id.between(bindparam("first"), bindparam("last")), _NOT_LINKED)
    .order_by(journal.c.id)
    .limit(bindparam("at_most"))
)
_HEAD = Prepared(
    select(journal_link.c.sequence, journal_link.c.hash)
    .where(journal_link.c.chain == bindparam("chain"))
    .order_by(journal_link.c.sequence.desc())
    .limit(1)
)
_BATCHES = Prepared(
    select(journal_batch)
    .where(journal_batch.c.id > bindparam("after"), journal_batch.c.id <= bindparam("through"))
    .order_by(journal_batch.c.id)
    .limit(bindparam("at_most"))
)
_ENTRIES = Prepared(
    select(*journal.c, journal_link.c.chain, journal_link.c.sequence, journal_link.c.hash)
    .join(journal_link, journal_link.c.journal_id == journal.c.id)
    .where(journal_link.c.batch_id == bindparam("batch"))
    .order_by(journal_link.c.chain, journal_link.c.sequence)
)
_NEXT_OF_CHAIN = Prepared(
    select(journal_link.c.batch_id)
    .where(journal_link.c.chain == bindparam("chain"), journal_link.c.sequence > bindparam("sequence"))
    .order_by(journal_link.c.sequence)
    .limit(1)
)
_REACHED = Prepared(
    select(journal_link.c.sequence)
    .where(journal_link.c.chain == bindparam("chain"), journal_link.c.batch_id <= bindparam("batch"))
    .order_by(journal_link.c.sequence.desc())
    .limit(1)
)
_BATCH = Prepared(select(journal_batch).where(journal_batch.c.id == bindparam("batch")))
_STAMPED = Prepared(
    select(journal_batch.c.id, journal_batch.c.sealed_at)
    .where(journal_batch.c.timestamp.is_not(None))
    .order_by(journal_batch.c.id.desc())
    .limit(1)
)
_STAMP = Prepared(
    update(journal_batch)
    .where(journal_batch.c.id == bindparam("batch"), journal_batch.c.timestamp.is_(None))
    .values(timestamp=bindparam("token"))
)
_UNSTAMPED = Prepared(select(func.min(journal_batch.c.sealed_at)).where(journal_batch.c.id > bindparam("after")))
_PENDING = Prepared(
    select(func.count(journal.c.id).label("entries"), func.min(journal.c.at).label("oldest")).where(
        journal.c.id > bindparam("after")
    )
)


def last(connection: Connection) -> AnyRow | None:
    """The newest batch."""
    return _LAST.first(connection)


def after(connection: Connection, journal_id: int, at_most: int) -> Sequence[AnyRow]:
    """Entries beyond the highest that any batch has seen, by id."""
    return _AFTER.all(connection, {"after": journal_id, "at_most": at_most})


def late(connection: Connection, first: int, final: int, at_most: int) -> Sequence[AnyRow]:
    """Entries with ids in this range that stand in no chain yet: they were committed after later ones."""
    return _LATE.all(connection, {"first": first, "last": final, "at_most": at_most})


def head(connection: Connection, chain: str) -> AnyRow | None:
    """`sequence` and `hash` of a chain's last entry."""
    return _HEAD.first(connection, {"chain": chain})


def batch(connection: Connection, batch_id: int) -> AnyRow | None:
    return _BATCH.first(connection, {"batch": batch_id})


def batches(connection: Connection, after: int, through: int, at_most: int) -> Sequence[AnyRow]:
    return _BATCHES.all(connection, {"after": after, "through": through, "at_most": at_most})


def batches_of_chain(connection: Connection, chain: str, after: int, through: int, at_most: int) -> Sequence[AnyRow]:
    """Batches that seal entries of one chain."""
    found: list[AnyRow] = []
    start = _BATCH.first(connection, {"batch": after})
    if start is not None and chain in start.heads:
        sequence = start.heads[chain][1]
    else:
        # the chain has no entry in that very batch; numbers of batches rise with the sequence
        sequence = _REACHED.scalar(connection, {"chain": chain, "batch": after}) or 0
    while len(found) < at_most:
        number = _NEXT_OF_CHAIN.scalar(connection, {"chain": chain, "sequence": sequence})
        if number is None or number > through:
            break
        row = _BATCH.one(connection, {"batch": number})
        found.append(row)
        sequence = row.heads[chain][1]
    return found


def entries(connection: Connection, batch_id: int) -> Sequence[AnyRow]:
    """The journal's rows that a batch seals, each with its `chain`, `sequence` and `hash`, chain by chain."""
    return _ENTRIES.all(connection, {"batch": batch_id})


def before(connection: Connection, chain: str, sequence: int) -> str | None:
    """The hash of the entry before this one in its chain."""
    statement = select(journal_link.c.hash).where(
        journal_link.c.chain == chain, journal_link.c.sequence == sequence - 1
    )
    found: str | None = connection.scalar(statement)
    return found


def stamped(connection: Connection) -> AnyRow | None:
    """`id` and `sealed_at` of the newest batch that has a timestamp."""
    return _STAMPED.first(connection)


def stamp(connection: Connection, batch_id: int, token: bytes) -> None:
    """Gives a batch its timestamp, unless it has one."""
    _STAMP.run(connection, {"batch": batch_id, "token": token})


def pending(connection: Connection) -> AnyRow:
    """`entries` that no batch has sealed yet, and `oldest`, when the first of them was made."""
    newest = last(connection)
    return _PENDING.one(connection, {"after": newest.through if newest else 0})


def unstamped(connection: Connection) -> datetime | None:
    """When the oldest batch was sealed that no timestamp covers; None when the newest has one."""
    last_stamped = stamped(connection)
    found: datetime | None = _UNSTAMPED.scalar(connection, {"after": last_stamped.id if last_stamped else 0})
    return found


def insert_batch(connection: Connection, row: dict[str, Any], links: list[dict[str, Any]]) -> None:
    """One batch with its links; raises IntegrityError when another sealer made a batch of this number."""
    BATCHES.run(connection, [row])
    LINKS.run(connection, links)
