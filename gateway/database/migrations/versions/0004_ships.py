"""Ships: calls, movements, certificates. It only expands; a program of 0003 goes on beside it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.database.types import Json, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _rows_where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.add_column("declaration", sa.Column("call_id", TEXT, nullable=True))
    op.create_index("ix_declaration_call_id", "declaration", ["call_id"], **_rows_where("call_id IS NOT NULL"))
    op.add_column("message", sa.Column("kind", TEXT, nullable=True))
    _calls()
    _certificates()


def _calls() -> None:
    op.create_table(
        "call",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("principal_id", TEXT, nullable=True),
        sa.Column("form", TEXT, nullable=False),
        sa.Column("imo_number", TEXT, nullable=False),
        sa.Column("call_sign", TEXT, nullable=False),
        sa.Column("ship_name", TEXT, nullable=False),
        sa.Column("port", TEXT, nullable=False),
        sa.Column("voyage", TEXT, nullable=False),
        sa.Column("live_key", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("facts", Json(), nullable=False),
        sa.Column("eta", Moment(), nullable=True),
        sa.Column("etd", Moment(), nullable=True),
        sa.Column("ata", Moment(), nullable=True),
        sa.Column("atd", Moment(), nullable=True),
        sa.Column("berth", TEXT, nullable=True),
        sa.Column("filed_by", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_call_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
        sa.UniqueConstraint("live_key", name="uq_call_live_key"),
    )
    op.create_index("ix_call_organisation_id_id", "call", ["organisation_id", "id"])
    op.create_index(
        "ix_call_principal_id_id", "call", ["principal_id", "id"], **_rows_where("principal_id IS NOT NULL")
    )
    op.create_index("ix_call_imo_number_id", "call", ["imo_number", "id"])

    op.create_table(
        "movement",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("old", TEXT, nullable=True),
        sa.Column("new", TEXT, nullable=True),
        sa.Column("told_by", TEXT, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_movement_call_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_movement_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_movement"),
    )
    op.create_index("ix_movement_call_id_id", "movement", ["call_id", "id"])

    op.create_table(
        "manifest_bill",
        sa.Column("bill", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_manifest_bill_call_id"),
        sa.PrimaryKeyConstraint("bill", "declaration_id", name="pk_manifest_bill"),
    )
    op.create_index("ix_manifest_bill_call_id", "manifest_bill", ["call_id"])
    op.create_index("ix_manifest_bill_declaration_id", "manifest_bill", ["declaration_id"])

    op.create_table(
        "call_void",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("source_id", TEXT, nullable=False),
        sa.Column("items", TEXT, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_call_void_call_id"),
        sa.PrimaryKeyConstraint("id", name="pk_call_void"),
    )
    op.create_index("ix_call_void_open", "call_void", ["call_id"], **_rows_where("settled_at IS NULL"))
    op.create_index("ix_call_void_declaration_id", "call_void", ["declaration_id"])

    op.create_table(
        "call_change",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("certificate", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agencies", TEXT, nullable=False),
        sa.Column("items", Json(), nullable=False),
        sa.Column("reported_by", TEXT, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("decision", TEXT, nullable=True),
        sa.Column("decided_by", TEXT, nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_call_change_call_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_call_change_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_call_change"),
    )
    op.create_index("ix_call_change_call_id_id", "call_change", ["call_id", "id"])
    op.create_index("ix_call_change_open", "call_change", ["call_id"], **_rows_where("decision IS NULL"))

    op.create_table(
        "handover",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("from_id", TEXT, nullable=False),
        sa.Column("to_id", TEXT, nullable=False),
        sa.Column("asked_by", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("told_by", TEXT, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("decided_by", TEXT, nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_handover_call_id"),
        sa.ForeignKeyConstraint(["from_id"], ["organisation.id"], name="fk_handover_from_id"),
        sa.ForeignKeyConstraint(["to_id"], ["organisation.id"], name="fk_handover_to_id"),
        sa.PrimaryKeyConstraint("id", name="pk_handover"),
    )
    op.create_index("uq_handover_open", "handover", ["call_id", "to_id"], unique=True, **_rows_where("state = 'open'"))
    op.create_index("ix_handover_from_id_id", "handover", ["from_id", "id"])
    op.create_index("ix_handover_to_id_id", "handover", ["to_id", "id"])


def _certificates() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("principal_id", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("state_at", Moment(), nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.Column("sail_by", Moment(), nullable=False),
        sa.Column("overdue_at", Moment(), nullable=True),
        sa.Column("ship_name", TEXT, nullable=False),
        sa.Column("imo_number", TEXT, nullable=False),
        sa.Column("port", TEXT, nullable=False),
        sa.Column("replaces", TEXT, nullable=True),
        sa.Column("copies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("content", Json(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_certificate_call_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_certificate_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_certificate"),
        sa.UniqueConstraint("number", name="uq_certificate_number"),
    )
    op.create_index("ix_certificate_call_id_id", "certificate", ["call_id", "id"])
    op.create_index(
        "uq_certificate_in_force",
        "certificate",
        ["call_id"],
        unique=True,
        **_rows_where("state IN ('valid', 'suspended')"),
    )
    op.create_index(
        "ix_certificate_sail_by", "certificate", ["sail_by"], **_rows_where("state = 'valid' AND overdue_at IS NULL")
    )
    op.create_table(
        "certificate_paper",
        sa.Column("certificate_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["certificate_id"], ["certificate.id"], name="fk_certificate_paper_certificate_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_certificate_paper_organisation_id"),
        sa.PrimaryKeyConstraint("certificate_id", name="pk_certificate_paper"),
    )
    op.create_table(
        "certificate_sequence",
        sa.Column("prefix", TEXT, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "year", name="pk_certificate_sequence"),
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead (docs/backup.md)")
