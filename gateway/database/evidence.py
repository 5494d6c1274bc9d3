"""Evidence: the tables a declaration was decided by, links and batches of the journal's chains, the keys payloads are sealed
under."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, UniqueConstraint

from gateway.database.columns import Counter, Text, metadata
from gateway.database.types import Json, Moment

# the tables and schemas that decided declarations, each file once
bundle_file = Table(
    "bundle_file",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

bundle = Table(
    "bundle",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("manifest", Json, nullable=False),  # path -> sha256 of the file
    Column("created_at", Moment, nullable=False),
)

# the root over the heads of the chains that grew, signed and timestamped, each over the one before
journal_batch = Table(
    "journal_batch",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),  # without gaps: one sealer's batch follows another's
    Column("previous", Text, nullable=False),  # hash of the batch before
    Column("root", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("heads", Json, nullable=False),  # chain -> [first sequence, last sequence, hash]
    Column("sealed_at", Moment, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("hash", Text, nullable=False),  # of what is signed
    Column("signature", Text, nullable=False),
    # the sealer's own notes, not signed: the highest journal id seen, and those below it that nobody has committed yet
    Column("through", BigInteger, nullable=False),
    Column("missing", Json, nullable=False),  # [first id, last id, since when]
    Column("timestamp", LargeBinary),  # RFC 3161 token of an outside authority over `hash`
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
