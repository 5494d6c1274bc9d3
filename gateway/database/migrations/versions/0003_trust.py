"""Trust: organisations and people, mandates, evidence, keys.

It expands but for one thing: payloads are sealed from now on, which a program of 0002 cannot read.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.database.types import Json, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _rows_where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "challenge",
        sa.Column("token_sha256", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_challenge"),
    )
    op.create_index("ix_challenge_expires_at", "challenge", ["expires_at"])

    op.create_table(
        "data_key",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("master_id", TEXT, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_data_key"),
        sa.UniqueConstraint("owner", "number", name="uq_data_key_owner_number"),
    )
    op.create_table(
        "journal_batch",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("root", TEXT, nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("heads", Json(), nullable=False),
        sa.Column("sealed_at", Moment(), nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("signature", TEXT, nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("missing", Json(), nullable=False),
        sa.Column("timestamp", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_journal_batch"),
    )
    op.create_table(
        "person",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("login", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("login", name="uq_person_login"),
    )
    op.create_table(
        "throttle",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_throttle"),
    )
    op.create_table(
        "credential",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("identity", TEXT, nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("label", TEXT, nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_credential_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_credential"),
    )
    op.create_index("ix_credential_person_id", "credential", ["person_id"])
    op.create_index(
        "uq_credential_identity", "credential", ["kind", "identity"], unique=True, **_rows_where("revoked_at IS NULL")
    )

    op.create_table(
        "invitation",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("roles", TEXT, nullable=False),
        sa.Column("token_sha256", TEXT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("withdrawn_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_invitation_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("token_sha256", name="uq_invitation_token_sha256"),
    )
    op.create_index("ix_invitation_organisation_id", "invitation", ["organisation_id"])

    op.create_table(
        "journal_link",
        sa.Column("journal_id", COUNTER, autoincrement=False, nullable=False),
        sa.Column("chain", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("batch_id", COUNTER, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["journal_batch.id"], name="fk_journal_link_batch_id"),
        sa.PrimaryKeyConstraint("journal_id", name="pk_journal_link"),
        sa.UniqueConstraint("chain", "sequence", name="uq_journal_link_chain_sequence"),
    )
    op.create_index("ix_journal_link_batch_id", "journal_link", ["batch_id"])

    op.create_table(
        "machine",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("secret_sha256", TEXT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("replaces", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_machine_organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_machine"),
        sa.UniqueConstraint("secret_sha256", name="uq_machine_secret_sha256"),
    )
    op.create_index("ix_machine_organisation_id", "machine", ["organisation_id"])

    op.create_table(
        "mandate",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("principal_id", TEXT, nullable=False),
        sa.Column("agent_id", TEXT, nullable=False),
        sa.Column("forms", TEXT, nullable=False),
        sa.Column("directions", TEXT, nullable=False),
        sa.Column("offices", TEXT, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("offered_by", TEXT, nullable=False),
        sa.Column("offered_at", Moment(), nullable=False),
        sa.Column("decided_by", TEXT, nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("ended_by", TEXT, nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["organisation.id"], name="fk_mandate_agent_id"),
        sa.ForeignKeyConstraint(["principal_id"], ["organisation.id"], name="fk_mandate_principal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_mandate"),
    )
    op.create_index("ix_mandate_agent_id_state", "mandate", ["agent_id", "state"])
    op.create_index("ix_mandate_principal_id_state", "mandate", ["principal_id", "state"])

    op.create_table(
        "membership",
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("roles", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_membership_organisation_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_membership_person_id"),
        sa.PrimaryKeyConstraint("person_id", "organisation_id", name="pk_membership"),
    )
    op.create_index("ix_membership_organisation_id", "membership", ["organisation_id"])

    op.create_table(
        "prepared",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("principal_id", TEXT, nullable=True),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("media_type", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("corrects", TEXT, nullable=True),
        sa.Column("keyers", TEXT, nullable=False),
        sa.Column("keyed_by", TEXT, nullable=False),
        sa.Column("keyed_at", Moment(), nullable=False),
        sa.Column("reviewed_by", TEXT, nullable=True),
        sa.Column("reviewed_at", Moment(), nullable=True),
        sa.Column("signed_by", TEXT, nullable=True),
        sa.Column("signed_at", Moment(), nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("declaration_id", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_prepared_organisation_id"),
        sa.ForeignKeyConstraint(["principal_id"], ["organisation.id"], name="fk_prepared_principal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_prepared"),
    )
    op.create_index("ix_prepared_organisation_id_id", "prepared", ["organisation_id", "id"])
    op.create_index("ix_prepared_organisation_id_state_id", "prepared", ["organisation_id", "state", "id"])

    op.create_table(
        "qualification",
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("social_credit_code", TEXT, nullable=True),
        sa.Column("customs_registration_id", TEXT, nullable=True),
        sa.Column("inspection_registration_id", TEXT, nullable=True),
        sa.Column("name_zh", TEXT, nullable=False),
        sa.Column("name_en", TEXT, nullable=True),
        sa.Column("details", Json(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("updated_by", TEXT, nullable=False),
        sa.Column("verified_at", Moment(), nullable=True),
        sa.Column("verified_by", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_qualification_organisation_id"),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_qualification"),
    )
    op.create_index(
        "uq_qualification_social_credit_code",
        "qualification",
        ["social_credit_code"],
        unique=True,
        **_rows_where("verified_at IS NOT NULL"),
    )

    op.create_table(
        "registration",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("decided_by", TEXT, nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("became", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["became"], ["organisation.id"], name="fk_registration_became"),
        sa.PrimaryKeyConstraint("id", name="pk_registration"),
    )
    op.create_index("ix_registration_state_id", "registration", ["state", "id"])
    op.create_table(
        "session",
        sa.Column("token_sha256", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("person_id", TEXT, nullable=True),
        sa.Column("machine_id", TEXT, nullable=True),
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=True),
        sa.Column("csrf_sha256", TEXT, nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name="fk_session_machine_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="fk_session_organisation_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_session_person_id"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_session"),
    )
    op.create_index("ix_session_expires_at", "session", ["expires_at"])
    op.create_index("ix_session_machine_id", "session", ["machine_id"])
    op.create_index("ix_session_person_id", "session", ["person_id"])

    op.add_column("declaration", sa.Column("principal_id", TEXT, nullable=True))
    op.add_column("declaration", sa.Column("mandate_id", TEXT, nullable=True))
    op.create_index(
        "ix_declaration_principal_id_id",
        "declaration",
        ["principal_id", "id"],
        **_rows_where("principal_id IS NOT NULL"),
    )
    op.create_index(
        "ix_declaration_principal_id_status_id",
        "declaration",
        ["principal_id", "status", "id"],
        **_rows_where("principal_id IS NOT NULL"),
    )
    op.add_column("message", sa.Column("principal_id", TEXT, nullable=True))
    op.create_index(
        "ix_message_principal_standing",
        "message",
        ["principal_id", sa.text("coalesce(state, delivery)"), "declaration_id"],
        **_rows_where("current AND principal_id IS NOT NULL"),
    )
    op.add_column("obligation", sa.Column("principal_id", TEXT, nullable=True))
    op.create_index(
        "ix_obligation_principal_id_kind_declaration_id",
        "obligation",
        ["principal_id", "kind", "declaration_id"],
        **_rows_where("principal_id IS NOT NULL"),
    )
    op.add_column("archive", sa.Column("principal_id", TEXT, nullable=True))

    op.add_column("declaration_version", sa.Column("receipt", TEXT, nullable=True))
    op.add_column("declaration_version", sa.Column("size", sa.Integer(), nullable=True))

    op.add_column("inbox", sa.Column("signature", TEXT, nullable=True))
    op.add_column("inbox", sa.Column("size", sa.Integer(), nullable=True))

    op.add_column("message_body", sa.Column("signature", TEXT, nullable=True))
    op.add_column("message_body", sa.Column("size", sa.Integer(), nullable=True))

    op.add_column("organisation", sa.Column("name_en", TEXT, nullable=True))
    op.add_column("organisation", sa.Column("kinds", TEXT, server_default="trader", nullable=False))
    op.add_column("organisation", sa.Column("agency", TEXT, nullable=True))
    op.add_column("organisation", sa.Column("state", TEXT, server_default="active", nullable=False))
    op.add_column("organisation", sa.Column("separate_duties", sa.Boolean(), server_default=sa.false(), nullable=False))
    _append_only()
    op.execute("UPDATE compatibility SET oldest = '0003'")


def _append_only() -> None:
    """The journal and its links are only ever added to; of a batch, nothing but its timestamp is set, once."""
    sealed = "id, previous, root, entries, heads, sealed_at, key_id, hash, signature, through, missing"
    if op.get_bind().dialect.name == "sqlite":
        stop = "BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END"
        for table in ("journal", "journal_link"):
            op.execute(f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} {stop}")
            op.execute(f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} {stop}")
        op.execute(f"CREATE TRIGGER journal_batch_update BEFORE UPDATE OF {sealed} ON journal_batch {stop}")
        stamped = "BEFORE UPDATE OF timestamp ON journal_batch WHEN OLD.timestamp IS NOT NULL"
        op.execute(f"CREATE TRIGGER journal_batch_stamped {stamped} {stop}")
        op.execute(f"CREATE TRIGGER journal_batch_delete BEFORE DELETE ON journal_batch {stop}")
        return
    op.execute(
        "CREATE FUNCTION journal_stands() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the journal is only ever added to'; END $$"
    )
    stop = "EXECUTE FUNCTION journal_stands()"
    for table in ("journal", "journal_link"):
        op.execute(f"CREATE TRIGGER {table}_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {stop}")
    op.execute(
        f"CREATE TRIGGER journal_batch_update BEFORE UPDATE OF {sealed} ON journal_batch FOR EACH ROW {stop}",
    )
    op.execute(
        "CREATE TRIGGER journal_batch_stamped BEFORE UPDATE OF timestamp ON journal_batch "
        f"FOR EACH ROW WHEN (OLD.timestamp IS NOT NULL) {stop}"
    )
    op.execute(f"CREATE TRIGGER journal_batch_delete BEFORE DELETE ON journal_batch FOR EACH ROW {stop}")
    for table in ("journal", "journal_link", "journal_batch"):
        op.execute(f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {stop}")


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead (docs/backup.md)")
