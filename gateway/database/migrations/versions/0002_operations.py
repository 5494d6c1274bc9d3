"""Operations: what is expected when, approvals by two operators, archives, running programs, an index for finding by state.

An expanding migration: a program of 0001 goes on working beside it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.database.types import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BODIES = ("declaration_version", "message_body", "inbox")


def _rows_where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # three quarters more accepts a second than with the default compression (limits-and-deps section 3)
        for table in BODIES:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN body SET COMPRESSION lz4")
    op.add_column("message", sa.Column("expected_by", Moment(), nullable=True))
    op.create_index("ix_message_expected_by", "message", ["expected_by"], **_rows_where("expected_by IS NOT NULL"))
    op.add_column("outbox", sa.Column("trace", TEXT, nullable=True))
    op.add_column("inbox", sa.Column("problem", TEXT, nullable=True))
    op.add_column("inbox", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("inbox", sa.Column("due_at", Moment(), nullable=True))
    op.add_column("inbox", sa.Column("trace", TEXT, nullable=True))
    op.create_index("ix_inbox_received", "inbox", ["due_at"], **_rows_where("state = 'received'"))
    with op.batch_alter_table("journal") as journal:
        # the journal outlives what it tells of
        journal.drop_constraint("fk_journal_declaration_id", type_="foreignkey")
        for name, kind in (("organisation_id", TEXT), ("declaration_id", TEXT), ("version", sa.Integer())):
            journal.alter_column(name, existing_type=kind, nullable=True)
    with op.batch_alter_table("search_key") as search_key:
        search_key.drop_constraint("fk_search_key_declaration_id", type_="foreignkey")
    with op.batch_alter_table("answer") as answer:
        answer.drop_constraint("fk_answer_message_id", type_="foreignkey")
    op.create_index("ix_answer_inbox_id", "answer", ["inbox_id"])
    op.create_index(
        "ix_message_standing",
        "message",
        ["organisation_id", sa.text("coalesce(state, delivery)"), "declaration_id"],
        **_rows_where("current"),
    )
    op.create_table(
        "agency_control",
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("paused_by", TEXT, nullable=True),
        sa.Column("paused_at", Moment(), nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resumes_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("agency", name="pk_agency_control"),
    )
    op.create_table(
        "approval",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("act", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("asked_by", TEXT, nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("decided_by", TEXT, nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("outcome_zh", TEXT, nullable=True),
        sa.Column("outcome_en", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
    )
    op.create_index("ix_approval_pending", "approval", ["id"], **_rows_where("state = 'pending'"))
    op.create_index("uq_approval_target", "approval", ["target"], unique=True, **_rows_where("state = 'pending'"))
    op.create_table(
        "archive",
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("form", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("file", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("archived_at", Moment(), nullable=False),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_archive_organisation_id"),
        sa.PrimaryKeyConstraint("declaration_id", name="pk_archive"),
    )
    op.create_index("ix_archive_organisation_id_reference", "archive", ["organisation_id", "reference"])
    op.create_table(
        "archive_number",
        sa.Column("value", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["declaration_id"], ["archive.declaration_id"], name="fk_archive_number_declaration_id"
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_archive_number_organisation_id"),
        sa.PrimaryKeyConstraint("value", "declaration_id", name="pk_archive_number"),
    )
    op.create_index("ix_archive_number_declaration_id", "archive_number", ["declaration_id"])
    op.create_table(
        "process",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("clock_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_process"),
    )
    op.create_table(
        "compatibility",
        sa.Column("oldest", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_compatibility"),
    )
    op.execute("INSERT INTO compatibility (oldest) VALUES ('0001')")


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead (docs/backup.md)")
