"""Evidence: links and batches of the journal's chains, and the keys that payloads are sealed under."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, UniqueConstraint

from gateway.database.columns import Counter, Text, metadata
from gateway.database.types import Json, Moment

# the root over the heads of all chains, signed and timestamped, each over the one before
journal_batch = Table(
    "journal_batch",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("previous", Text, nullable=False),  # hash of the batch before
    Column("root", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("heads", Json, nullable=False),  # chain -> [sequence, hash]
    Column("sealed_at", Moment, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("timestamp", LargeBinary),  # RFC 3161 token of an outside authority over the root
)

# the place of a journal's row in its organisation's chain; beside the row, which is never touched again
journal_link = Table(
    "journal_link",
    metadata,
    Column("journal_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("chain", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("batch_id", BigInteger().with_variant(Integer, "sqlite"), ForeignKey("journal_batch.id"), nullable=False),
    UniqueConstraint("chain", "sequence"),
    Index(None, "batch_id"),
)

# one key or more for each organisation, wrapped under a master key that is never in the database
data_key = Table(
    "data_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),  # an organisation, or `window` for what belongs to none
    Column("number", Integer, nullable=False),  # the newest of an owner seals
    Column("master_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("owner", "number"),
)
