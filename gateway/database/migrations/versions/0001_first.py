"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.database.types import Json, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bundle",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("manifest", Json(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_bundle"),
    )
    op.create_table(
        "bundle_file",
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_bundle_file"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason_zh", TEXT, nullable=True),
        sa.Column("reason_en", TEXT, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_agency_sha256", "inbox", ["agency", "sha256"])
    op.create_index(
        "ix_inbox_not_done",
        "inbox",
        ["id"],
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "organisation",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
    )
    op.create_table(
        "declaration",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("form", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("live_reference", TEXT, nullable=True),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("direction", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("may_collect", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("may_sell", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("filed_by", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_declaration_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_declaration"),
        sa.UniqueConstraint(
            "organisation_id", "form", "live_reference", name="uq_declaration_organisation_id_form_live_reference"
        ),
    )
    op.create_index("ix_declaration_organisation_id_id", "declaration", ["organisation_id", "id"])
    op.create_index("ix_declaration_organisation_id_status_id", "declaration", ["organisation_id", "status", "id"])
    op.create_table(
        "idempotency",
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("route", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", Json(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_idempotency_organisation_id"),
        sa.PrimaryKeyConstraint("organisation_id", "client", "route", "key", name="pk_idempotency"),
    )
    op.create_table(
        "unmatched",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("inbox_id", TEXT, nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("refers_to", TEXT, nullable=True),
        sa.Column("refers_to_file", TEXT, nullable=True),
        sa.Column("agency_reference", TEXT, nullable=True),
        sa.Column("unified_number", TEXT, nullable=True),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("response", Json(), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_unmatched_inbox_id"),
        sa.PrimaryKeyConstraint("id", name="pk_unmatched"),
        sa.UniqueConstraint("agency", "key", "inbox_id", name="uq_unmatched_agency_key_inbox_id"),
    )
    op.create_index("ix_unmatched_agency_agency_reference", "unmatched", ["agency", "agency_reference"])
    op.create_index("ix_unmatched_agency_refers_to", "unmatched", ["agency", "refers_to"])
    op.create_index("ix_unmatched_agency_unified_number", "unmatched", ["agency", "unified_number"])
    op.create_index("ix_unmatched_inbox_id", "unmatched", ["inbox_id"])
    op.create_table(
        "declaration_version",
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("media_type", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("bundle_digest", TEXT, nullable=False),
        sa.Column("profile", TEXT, nullable=False),
        sa.Column("filed_by", TEXT, nullable=False),
        sa.Column("accepted_at", Moment(), nullable=False),
        sa.Column("warnings", Json(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_digest"], ["bundle.digest"], name="fk_declaration_version_bundle_digest"),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_declaration_version_declaration_id"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_declaration_version_organisation_id"
        ),
        sa.PrimaryKeyConstraint("declaration_id", "version", name="pk_declaration_version"),
    )
    op.create_table(
        "journal",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agency", TEXT, nullable=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_journal_declaration_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_journal_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_declaration_id_id", "journal", ["declaration_id", "id"])
    op.create_table(
        "message",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("table_version", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("exchange_name", TEXT, nullable=False),
        sa.Column("bundle_digest", TEXT, nullable=False),
        sa.Column("required_for_release", sa.Boolean(), nullable=False),
        sa.Column("waits_for", TEXT, nullable=True),
        sa.Column("carries", TEXT, nullable=True),
        sa.Column("filing", Json(), nullable=False),
        sa.Column("delivery", TEXT, nullable=False),
        sa.Column("reason_zh", TEXT, nullable=True),
        sa.Column("reason_en", TEXT, nullable=True),
        sa.Column("current", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("state", TEXT, nullable=True),
        sa.Column("agency_reference", TEXT, nullable=True),
        sa.Column("unified_number", TEXT, nullable=True),
        sa.Column("clearance_form_id", TEXT, nullable=True),
        sa.Column("accepted_at", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_digest"], ["bundle.digest"], name="fk_message_bundle_digest"),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_message_declaration_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_message_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
    )
    op.create_index(
        "ix_message_agency_agency_reference",
        "message",
        ["agency", "agency_reference"],
        sqlite_where=sa.text("agency_reference IS NOT NULL"),
        postgresql_where=sa.text("agency_reference IS NOT NULL"),
    )
    op.create_index("ix_message_agency_exchange_name", "message", ["agency", "exchange_name"])
    op.create_index("ix_message_agency_reference", "message", ["agency", "reference"])
    op.create_index(
        "ix_message_agency_unified_number",
        "message",
        ["agency", "unified_number"],
        sqlite_where=sa.text("unified_number IS NOT NULL"),
        postgresql_where=sa.text("unified_number IS NOT NULL"),
    )
    op.create_index("ix_message_declaration_id_agency", "message", ["declaration_id", "agency"])
    op.create_table(
        "obligation",
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_obligation_declaration_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_obligation_organisation_id"),
        sa.PrimaryKeyConstraint("declaration_id", "agency", "kind", name="pk_obligation"),
    )
    op.create_index(
        "ix_obligation_organisation_id_kind_declaration_id", "obligation", ["organisation_id", "kind", "declaration_id"]
    )
    op.create_table(
        "search_key",
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("reversed", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_search_key_declaration_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_search_key_organisation_id"),
        sa.PrimaryKeyConstraint("organisation_id", "value", "kind", "declaration_id", name="pk_search_key"),
    )
    op.create_index("ix_search_key_organisation_id_reversed", "search_key", ["organisation_id", "reversed"])
    op.create_table(
        "answer",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("inbox_id", TEXT, nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("response", Json(), nullable=False),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_answer_declaration_id"),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_answer_inbox_id"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_answer_message_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_answer_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_answer"),
        sa.UniqueConstraint("agency", "key", "message_id", name="uq_answer_agency_key_message_id"),
    )
    op.create_index("ix_answer_declaration_id", "answer", ["declaration_id"])
    op.create_index(
        "ix_answer_not_known",
        "answer",
        ["id"],
        sqlite_where=sa.text("NOT known"),
        postgresql_where=sa.text("NOT known"),
    )
    op.create_table(
        "message_body",
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("rendered_at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_message_body_message_id"),
        sa.PrimaryKeyConstraint("message_id", name="pk_message_body"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("declaration_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("agency", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", TEXT, nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("last_error", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_outbox_declaration_id"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_outbox_message_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_outbox_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"),
    )
    op.create_index("ix_outbox_agency_state_priority_due_at", "outbox", ["agency", "state", "priority", "due_at"])
    op.create_index("ix_outbox_declaration_id_agency", "outbox", ["declaration_id", "agency"])


def downgrade() -> None:

    op.drop_table("outbox")
    op.drop_table("message_body")

    op.drop_table("answer")

    op.drop_table("search_key")

    op.drop_table("obligation")

    op.drop_table("message")

    op.drop_table("journal")
    op.drop_table("declaration_version")

    op.drop_table("unmatched")
    op.drop_table("idempotency")

    op.drop_table("declaration")
    op.drop_table("organisation")

    op.drop_table("inbox")
    op.drop_table("bundle_file")
    op.drop_table("bundle")
