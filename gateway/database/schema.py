"""The tables. Every row that belongs to an organisation says so; what was received or sent is kept byte for byte.

Large bytes stand in tables of their own (`declaration_version`, `message_body`), so that a change of state never rewrites
them. Which columns are sealed is said in `sealing`.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from gateway.database import evidence as evidence
from gateway.database import people as people
from gateway.database import shipping as shipping
from gateway.database.columns import Counter, Text, declaration_column, organisation_column, rows_where
from gateway.database.columns import metadata as metadata
from gateway.database.evidence import bundle as bundle
from gateway.database.evidence import bundle_file as bundle_file
from gateway.database.operating import agency_control as agency_control
from gateway.database.operating import approval as approval
from gateway.database.operating import archive as archive
from gateway.database.operating import archive_number as archive_number
from gateway.database.operating import compatibility as compatibility
from gateway.database.operating import process as process
from gateway.database.types import Json, Moment

declaration = Table(
    "declaration",
    metadata,
    Column("id", Text, primary_key=True),
    organisation_column(),
    # in whose name it was filed under a mandate, where that is not the organisation itself
    Column("principal_id", Text),
    Column("mandate_id", Text),
    # the ship's call it is a step of; no foreign key: SQLite could not add one to a table that is there
    Column("call_id", Text),
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
    Index("ix_declaration_call_id", "call_id", **rows_where("call_id IS NOT NULL")),
    Index("ix_declaration_principal_id_id", "principal_id", "id", **rows_where("principal_id IS NOT NULL")),
    Index(
        "ix_declaration_principal_id_status_id",
        "principal_id",
        "status",
        "id",
        **rows_where("principal_id IS NOT NULL"),
    ),
)

declaration_version = Table(
    "declaration_version",
    metadata,
    declaration_column(),
    Column("version", Integer, nullable=False),
    organisation_column(),
    Column("media_type", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bundle_digest", Text, ForeignKey("bundle.digest"), nullable=False),
    Column("profile", Text, nullable=False),
    Column("filed_by", Text, nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Column("warnings", Json, nullable=False),
    Column("receipt", Text),  # signed by the window: what was received, when, under which id
    Column("size", Integer),  # of the plain bytes; NULL in rows of before these were sealed
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("declaration_id", "version"),
)

message = Table(
    "message",
    metadata,
    Column("id", Text, primary_key=True),
    organisation_column(),
    Column("principal_id", Text),  # the declaration's, for finding
    declaration_column(),
    Column("version", Integer, nullable=False),  # the version this message was made for
    Column("agency", Text, nullable=False),
    Column("message", Text, nullable=False),
    # notice: told beside the legs, never current, only receipted; NULL: a leg's message
    Column("kind", Text),
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
    # when its agency should have said the next thing (expected_answers.csv); NULL while nothing is expected
    Column("expected_by", Moment),
    Index(None, "declaration_id", "agency"),
    # finding by the state of a leg; its delivery while no answer has said more
    Index(
        "ix_message_standing",
        "organisation_id",
        text("coalesce(state, delivery)"),
        "declaration_id",
        **rows_where("current"),
    ),
    Index(
        "ix_message_principal_standing",
        "principal_id",
        text("coalesce(state, delivery)"),
        "declaration_id",
        **rows_where("current AND principal_id IS NOT NULL"),
    ),
    Index("ix_message_expected_by", "expected_by", **rows_where("expected_by IS NOT NULL")),
    Index(None, "agency", "exchange_name"),
    Index(None, "agency", "reference"),
    Index(None, "agency", "agency_reference", **rows_where("agency_reference IS NOT NULL")),
    Index(None, "agency", "unified_number", **rows_where("unified_number IS NOT NULL")),
)

message_body = Table(
    "message_body",
    metadata,
    Column("message_id", Text, ForeignKey("message.id"), primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("rendered_at", Moment, nullable=False),
    Column("signature", Text),  # detached, over the exact bytes
    Column("size", Integer),  # of the plain bytes; NULL in rows of before these were sealed
    Column("body", LargeBinary, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("message_id", Text, ForeignKey("message.id"), nullable=False, unique=True),
    declaration_column(),
    organisation_column(),
    Column("agency", Text, nullable=False),
    Column("state", Text, nullable=False),  # queued: will be sent; held: parked or in doubt, an operator's
    Column("priority", Integer, nullable=False),  # 0 urgent, 1 ordinary
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_token", Text),
    Column("lease_until", Moment),
    Column("last_error", Text),
    Column("trace", Text),  # W3C traceparent of the request it came from
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
    # received: kept, not taken up yet (Kafka carries it to a consumer); done; waiting; quarantined
    Column("state", Text, nullable=False),
    Column("reason_zh", Text),
    Column("reason_en", Text),
    Column("problem", Text),  # why the channel could not take it up
    Column("signature", Text),  # as it came, detached
    Column("attempts", Integer, nullable=False, server_default="0"),  # begun to take up, while `received`
    Column("due_at", Moment),  # of the next attempt, while `received`
    Column("trace", Text),  # W3C traceparent of what brought it
    Column("size", Integer),  # of the plain bytes; NULL in rows of before these were sealed
    Column("body", LargeBinary, nullable=False),
    Index(None, "agency", "sha256"),
    Index("ix_inbox_received", "due_at", **rows_where("state = 'received'")),
    Index("ix_inbox_not_done", "id", **rows_where("state <> 'done'")),
)

answer = Table(
    "answer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("inbox_id", Text, ForeignKey("inbox.id"), nullable=False),
    Column("agency", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("organisation_id", Text, ForeignKey("organisation.id"), nullable=False),
    declaration_column(),
    Column("version", Integer, nullable=False),
    # no foreign key: without an index of its own, removing a message would read every answer there is
    Column("message_id", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("known", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("response", Json, nullable=False),
    UniqueConstraint("agency", "key", "message_id"),
    Index(None, "declaration_id"),
    Index(None, "inbox_id"),
    Index("ix_answer_not_known", "id", **rows_where("NOT known")),
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
    declaration_column(),
    organisation_column(),
    Column("principal_id", Text),  # the declaration's, for finding
    Column("agency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    PrimaryKeyConstraint("declaration_id", "agency", "kind"),
    Index(None, "organisation_id", "kind", "declaration_id"),
    Index(
        "ix_obligation_principal_id_kind_declaration_id",
        "principal_id",
        "kind",
        "declaration_id",
        **rows_where("principal_id IS NOT NULL"),
    ),
)

search_key = Table(
    "search_key",
    metadata,
    organisation_column(),
    Column("value", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # no foreign key: without an index of its own, removing a declaration would read every key there is
    Column("declaration_id", Text, nullable=False),
    # the value backwards, so that "last digits" is a prefix; NULL where the value has no digit
    Column("reversed", Text),
    PrimaryKeyConstraint("organisation_id", "value", "kind", "declaration_id"),
    Index(None, "organisation_id", "reversed"),
)

idempotency = Table(
    "idempotency",
    metadata,
    organisation_column(),
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
    # an operator's act on an agency or a document belongs to no one filing
    Column("organisation_id", Text, ForeignKey("organisation.id")),
    Column("declaration_id", Text),  # no foreign key: the journal outlives what it tells of
    Column("version", Integer),
    Column("agency", Text),
    Column("code", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("details", Json, nullable=False),
    Index(None, "declaration_id", "id"),
)
