"""The tables of ships' calls: the call, what moved, what was changed after issue, handovers, certificates and their sequence."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from gateway.database.columns import Text, metadata, organisation_column, rows_where
from gateway.database.types import Json, Moment


def call_column() -> Column[str]:
    return Column("call_id", Text, ForeignKey("call.id"), nullable=False)


call = Table(
    "call",
    metadata,
    Column("id", Text, primary_key=True),
    # the agent who has it now
    organisation_column(),
    Column("principal_id", Text),
    Column("form", Text, nullable=False),
    Column("imo_number", Text, nullable=False),
    Column("call_sign", Text, nullable=False),
    Column("ship_name", Text, nullable=False),
    Column("port", Text, nullable=False),
    Column("voyage", Text, nullable=False),
    # IMO number, port and voyage while it is live, NULL afterwards: one live call over all organisations
    Column("live_key", Text),
    # open departed cancelled
    Column("state", Text, nullable=False),
    Column("reason", Text),  # why it was cancelled
    # the latest value of each item that a movement may change (mappings/voids.csv)
    Column("facts", Json, nullable=False),
    Column("eta", Moment),
    Column("etd", Moment),
    Column("ata", Moment),
    Column("atd", Moment),
    Column("berth", Text),
    Column("filed_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("live_key"),
    Index(None, "organisation_id", "id"),
    Index("ix_call_principal_id_id", "principal_id", "id", **rows_where("principal_id IS NOT NULL")),
    Index(None, "imo_number", "id"),
)

movement = Table(
    "movement",
    metadata,
    Column("id", Text, primary_key=True),
    call_column(),
    organisation_column(),
    # the filing that told it; no foreign key: it may be removed before the call is
    Column("declaration_id", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("old", Text),
    Column("new", Text),
    Column("told_by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "call_id", "id"),
)

# which transport documents a ship's manifest speaks of, for goods declarations of whoever holds one
manifest_bill = Table(
    "manifest_bill",
    metadata,
    Column("bill", Text, nullable=False),
    call_column(),
    Column("declaration_id", Text, nullable=False),
    PrimaryKeyConstraint("bill", "declaration_id"),
    Index(None, "call_id"),
    Index(None, "declaration_id"),
)

# a release that no longer counts: its agency has to get a new version, or to release anew
call_void = Table(
    "call_void",
    metadata,
    Column("id", Text, primary_key=True),
    call_column(),
    Column("declaration_id", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("version", Integer, nullable=False),  # of the message whose release it is
    Column("source", Text, nullable=False),  # movement change redo
    Column("source_id", Text, nullable=False),
    Column("items", Text, nullable=False),  # what changed, blank-separated
    Column("at", Moment, nullable=False),
    Column("settled_at", Moment),
    Index("ix_call_void_open", "call_id", **rows_where("settled_at IS NULL")),
    Index(None, "declaration_id"),
)

# what maritime has to decide on: circumstances that changed after issue, or a ship that has not sailed in time
call_change = Table(
    "call_change",
    metadata,
    Column("id", Text, primary_key=True),
    call_column(),
    organisation_column(),
    Column("kind", Text, nullable=False),  # change overdue
    Column("certificate", Text, nullable=False),  # its number
    Column("declaration_id", Text, nullable=False),
    Column("version", Integer, nullable=False),  # the one that says the new state of things
    Column("agencies", Text, nullable=False),  # those that are asked again
    Column("items", Json, nullable=False),  # item, pointer, old, new
    Column("reported_by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("decision", Text),  # continue redo
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("note", Text),
    Index(None, "call_id", "id"),
    Index("ix_call_change_open", "call_id", **rows_where("decision IS NULL")),
)

handover = Table(
    "handover",
    metadata,
    Column("id", Text, primary_key=True),
    call_column(),
    Column("from_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("to_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("asked_by", Text, nullable=False),  # from: offered; to: asked for
    Column("state", Text, nullable=False),  # open accepted refused withdrawn
    Column("told_by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Index("uq_handover_open", "call_id", "to_id", unique=True, **rows_where("state = 'open'")),
    Index(None, "from_id", "id"),
    Index(None, "to_id", "id"),
)

certificate = Table(
    "certificate",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("code", Text, nullable=False),  # opens the public page beside the number
    call_column(),
    # the filing it was issued on; no foreign key: the certificate is kept longer
    Column("declaration_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    organisation_column(),
    Column("principal_id", Text),
    # valid suspended superseded void used
    Column("state", Text, nullable=False),
    Column("state_at", Moment, nullable=False),
    Column("reason", Text),  # why it is not valid (any more)
    Column("issued_at", Moment, nullable=False),
    Column("sail_by", Moment, nullable=False),  # not sailed by then: to be reported; no term of validity
    Column("overdue_at", Moment),  # when that was flagged
    Column("ship_name", Text, nullable=False),
    Column("imo_number", Text, nullable=False),
    Column("port", Text, nullable=False),
    Column("replaces", Text),
    Column("copies", Integer, nullable=False, server_default="0"),  # handed out so far
    Column("content", Json, nullable=False),
    Index(None, "call_id", "id"),
    # the hard bound: of one call at most one certificate is in force
    Index("uq_certificate_in_force", "call_id", unique=True, **rows_where("state IN ('valid', 'suspended')")),
    Index("ix_certificate_sail_by", "sail_by", **rows_where("state = 'valid' AND overdue_at IS NULL")),
)

certificate_paper = Table(
    "certificate_paper",
    metadata,
    Column("certificate_id", Text, ForeignKey("certificate.id"), primary_key=True),
    organisation_column(),
    Column("sha256", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

certificate_sequence = Table(
    "certificate_sequence",
    metadata,
    Column("prefix", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    PrimaryKeyConstraint("prefix", "year"),
)
