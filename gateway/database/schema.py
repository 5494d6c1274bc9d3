"""The tables. Every row that belongs to an organisation says so; what was received or sent is kept byte for byte.

Large bytes stand in tables of their own (`declaration_version`, `message_body`), so that a change of state never rewrites
them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from gateway.database.types import Json, Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# 64 bits on PostgreSQL; on SQLite only INTEGER PRIMARY KEY counts up by itself
Counter = BigInteger().with_variant(Integer, "sqlite")


def _rows_where(condition: str) -> dict[str, Any]:
    """The condition of an index over some rows only: what is rarely true costs nothing where it is not."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _organisation() -> Column[str]:
    return Column("organisation_id", Text, ForeignKey("organisation.id"), nullable=False)


def _declaration() -> Column[str]:
    return Column("declaration_id", Text, ForeignKey("declaration.id"), nullable=False)


organisation = Table(
    "organisation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

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

declaration = Table(
    "declaration",
    metadata,
    Column("id", Text, primary_key=True),
    _organisation(),
    Column("form", Text, nullable=False),
    Column("reference", Text, nullable=False),
    # the reference while the filing is live, NULL afterwards: the unique constraint is rule R-HDR-02
    Column("live_reference", Text),
    Column("scope", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("may_collect", Boolean, nullable=False, server_default=false()),
    Column("may_sell", Boolean, nullable=False, server_default=false()),
    Column("urgent", Boolean, nullable=False, server_default=false()),
    Column("filed_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("organisation_id", "form", "live_reference"),
    Index(None, "organisation_id", "id"),
    Index(None, "organisation_id", "status", "id"),
)

declaration_version = Table(
    "declaration_version",
    metadata,
    _declaration(),
    Column("version", Integer, nullable=False),
    _organisation(),
    Column("media_type", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bundle_digest", Text, ForeignKey("bundle.digest"), nullable=False),
    Column("profile", Text, nullable=False),
    Column("filed_by", Text, nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Column("warnings", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("declaration_id", "version"),
)

message = Table(
    "message",
    metadata,
    Column("id", Text, primary_key=True),
    _organisation(),
    _declaration(),
    Column("version", Integer, nullable=False),  # the version this message was made for
    Column("agency", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("table_version", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("exchange_name", Text, nullable=False),  # the file name it has in an exchange folder, without suffix
    Column("bundle_digest", Text, ForeignKey("bundle.digest"), nullable=False),
    Column("required_for_release", Boolean, nullable=False),
    Column("waits_for", Text),
    Column("carries", Text),
    Column("filing", Json, nullable=False),  # the values the window supplied
    # waiting queued sent outcome_unknown parked withdrawn superseded
    Column("delivery", Text, nullable=False),
    Column("reason_zh", Text),  # of parked, outcome_unknown and a waiting leg that cannot go on
    Column("reason_en", Text),
    # the leg of its agency is this message; False once a later version has another
    Column("current", Boolean, nullable=False, server_default=true()),
    Column("state", Text),  # of the leg, from answers; NULL while none is known
    Column("agency_reference", Text),
    Column("unified_number", Text),
    Column("clearance_form_id", Text),
    Column("accepted_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Index(None, "declaration_id", "agency"),
    Index(None, "agency", "exchange_name"),
    Index(None, "agency", "reference"),
    Index(None, "agency", "agency_reference", **_rows_where("agency_reference IS NOT NULL")),
    Index(None, "agency", "unified_number", **_rows_where("unified_number IS NOT NULL")),
)

message_body = Table(
    "message_body",
    metadata,
    Column("message_id", Text, ForeignKey("message.id"), primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("rendered_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("message_id", Text, ForeignKey("message.id"), nullable=False, unique=True),
    _declaration(),
    _organisation(),
    Column("agency", Text, nullable=False),
    Column("state", Text, nullable=False),  # queued: will be sent; held: parked or in doubt, an operator's
    Column("priority", Integer, nullable=False),  # 0 urgent, 1 ordinary
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_token", Text),
    Column("lease_until", Moment),
    Column("last_error", Text),
    Index(None, "agency", "state", "priority", "due_at"),
    Index(None, "declaration_id", "agency"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("name", Text),
    Column("sha256", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("state", Text, nullable=False),  # done waiting quarantined
    Column("reason_zh", Text),
    Column("reason_en", Text),
    Column("body", LargeBinary, nullable=False),
    Index(None, "agency", "sha256"),
    Index("ix_inbox_not_done", "id", **_rows_where("state <> 'done'")),
)

answer = Table(
    "answer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("inbox_id", Text, ForeignKey("inbox.id"), nullable=False),
    Column("agency", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("organisation_id", Text, ForeignKey("organisation.id"), nullable=False),
    _declaration(),
    Column("version", Integer, nullable=False),
    Column("message_id", Text, ForeignKey("message.id"), nullable=False),
    Column("message", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("known", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("response", Json, nullable=False),
    UniqueConstraint("agency", "key", "message_id"),
    Index(None, "declaration_id"),
    Index("ix_answer_not_known", "id", **_rows_where("NOT known")),
)

# answers whose filing is not known (yet), or not surely
unmatched = Table(
    "unmatched",
    metadata,
    Column("id", Text, primary_key=True),
    Column("inbox_id", Text, ForeignKey("inbox.id"), nullable=False),
    Column("agency", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("refers_to", Text),
    Column("refers_to_file", Text),
    Column("agency_reference", Text),
    Column("unified_number", Text),
    Column("received_at", Moment, nullable=False),
    Column("response", Json, nullable=False),
    UniqueConstraint("agency", "key", "inbox_id"),
    Index(None, "agency", "refers_to"),
    Index(None, "agency", "agency_reference"),
    Index(None, "agency", "unified_number"),
    Index(None, "inbox_id"),
)

obligation = Table(
    "obligation",
    metadata,
    _declaration(),
    _organisation(),
    Column("agency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    PrimaryKeyConstraint("declaration_id", "agency", "kind"),
    Index(None, "organisation_id", "kind", "declaration_id"),
)

search_key = Table(
    "search_key",
    metadata,
    _organisation(),
    Column("value", Text, nullable=False),
    Column("kind", Text, nullable=False),
    _declaration(),
    # the value backwards, so that "last digits" is a prefix; NULL where the value has no digit
    Column("reversed", Text),
    PrimaryKeyConstraint("organisation_id", "value", "kind", "declaration_id"),
    Index(None, "organisation_id", "reversed"),
)

idempotency = Table(
    "idempotency",
    metadata,
    _organisation(),
    Column("client", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # of media type and body
    Column("status", Integer, nullable=False),
    Column("answer", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("organisation_id", "client", "route", "key"),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    _organisation(),
    _declaration(),
    Column("version", Integer, nullable=False),
    Column("agency", Text),
    Column("code", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("details", Json, nullable=False),
    Index(None, "declaration_id", "id"),
)
