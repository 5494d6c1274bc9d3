"""The operators' tables: what they say about agencies, what two of them agreed, archives, running programs, compatibility."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table

from gateway.database.columns import Text, metadata, organisation_column, rows_where
from gateway.database.types import Moment

# what operators and the circuit breaker say about sending to an agency; no row: nothing is said
agency_control = Table(
    "agency_control",
    metadata,
    Column("agency", Text, primary_key=True),
    Column("paused_by", Text),  # NULL: not paused
    Column("paused_at", Moment),
    Column("reason", Text),
    Column("failures", Integer, nullable=False, server_default="0"),  # one after another, of reaching the agency
    Column("resumes_at", Moment),  # the breaker is open until then, on the database's clock
)

# an operator's wish that a second operator has to grant before it is done
approval = Table(
    "approval",
    metadata,
    Column("id", Text, primary_key=True),
    Column("act", Text, nullable=False),  # resend release requeue
    Column("target", Text, nullable=False),  # a message id or an inbox id
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("state", Text, nullable=False),  # pending done refused
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("outcome_zh", Text),
    Column("outcome_en", Text),
    Index("ix_approval_pending", "id", **rows_where("state = 'pending'")),
    Index("uq_approval_target", "target", unique=True, **rows_where("state = 'pending'")),
)

# what was written to an archive file; only then may retention remove it
archive = Table(
    "archive",
    metadata,
    Column("declaration_id", Text, primary_key=True),  # outlives the declaration
    organisation_column(),
    Column("principal_id", Text),  # in whose name it was filed, where that is another
    Column("form", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),  # of the declaration when it was archived
    Column("file", Text, nullable=False),  # below the archive directory
    Column("sha256", Text, nullable=False),
    Column("archived_at", Moment, nullable=False),
    Column("removed_at", Moment),
    Index(None, "organisation_id", "reference"),
)

# every number and file name an agency's late answer may refer to an archived declaration by
archive_number = Table(
    "archive_number",
    metadata,
    Column("value", Text, nullable=False),
    Column("declaration_id", Text, ForeignKey("archive.declaration_id"), nullable=False),
    organisation_column(),
    PrimaryKeyConstraint("value", "declaration_id"),
    Index(None, "declaration_id"),
)

# every running program of the window, as of its last sign of life
process = Table(
    "process",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # serve worker consume
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),  # the database's clock
    Column("clock_at", Moment, nullable=False),  # its own clock at that moment: the difference is its skew
)

# the oldest revision whose program may still use this schema: a program older than that is refused
compatibility = Table("compatibility", metadata, Column("oldest", Text, primary_key=True))
