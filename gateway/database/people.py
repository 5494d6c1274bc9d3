"""Who may do what: organisations' papers, people, what they log in with, machines, sessions, mandates, prepared filings."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    false,
)

from gateway.database.columns import Text, metadata, organisation_column, rows_where
from gateway.database.types import Json, Moment


def _person_column() -> Column[str]:
    return Column("person_id", Text, ForeignKey("person.id"), nullable=False)


organisation = Table(
    "organisation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_en", Text),
    # trader broker shipping_agent agency operator, blanks between
    Column("kinds", Text, nullable=False, server_default="trader"),
    Column("agency", Text),  # an agency's: its name in the tables
    Column("state", Text, nullable=False, server_default="active"),  # active suspended
    # keyer, reviewer and signer of a filing must be three people
    Column("separate_duties", Boolean, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
)

# 企业资质备案: one record, shared by all agencies; fills the party fields of the form
qualification = Table(
    "qualification",
    metadata,
    Column("organisation_id", Text, ForeignKey("organisation.id"), primary_key=True),
    Column("social_credit_code", Text),
    Column("customs_registration_id", Text),
    Column("inspection_registration_id", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text),
    Column("details", Json, nullable=False),  # sealed: address, contact, what the form's party fields want besides
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("verified_at", Moment),  # the operator compared it with the registers
    Column("verified_by", Text),
    # whoever writes down another's code takes nothing from it: only what was verified is the organisation's
    Index(
        "uq_qualification_social_credit_code",
        "social_credit_code",
        unique=True,
        **rows_where("verified_at IS NOT NULL"),
    ),
)

# who asks to be let in: nothing of it is an organisation, a person or a log-in before the operator agrees
registration = Table(
    "registration",
    metadata,
    Column("id", Text, primary_key=True),
    Column("details", Json, nullable=False),  # sealed: the organisation, its papers, its first administrator
    Column("secret", LargeBinary),  # argon2id of the password; forgotten when it is decided
    Column("state", Text, nullable=False),  # pending approved refused
    Column("created_at", Moment, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("became", Text, ForeignKey("organisation.id")),
    Index(None, "state", "id"),
)

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("state", Text, nullable=False),  # active blocked; closed: nothing but the row is left
    Column("created_at", Moment, nullable=False),
)

membership = Table(
    "membership",
    metadata,
    _person_column(),
    organisation_column(),
    Column("roles", Text, nullable=False),  # of mappings/roles.csv, blanks between
    Column("state", Text, nullable=False),  # active removed
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", Moment),
    PrimaryKeyConstraint("person_id", "organisation_id"),
    Index(None, "organisation_id"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Text, primary_key=True),
    organisation_column(),
    Column("email", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("withdrawn_at", Moment),
    Index(None, "organisation_id"),
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),
    _person_column(),
    Column("kind", Text, nullable=False),  # password totp certificate oidc
    Column("identity", Text),  # certificate: SHA-256 of its public key; oidc: issuer and subject
    Column("secret", LargeBinary),  # password: argon2id; totp: the key, sealed
    Column("label", Text),
    Column("last_step", BigInteger),  # totp: the last time step used, which is never taken again
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    Index(None, "person_id"),
    Index("uq_credential_identity", "kind", "identity", unique=True, **rows_where("revoked_at IS NULL")),
)

# API keys and OAuth2 clients
machine = Table(
    "machine",
    metadata,
    Column("id", Text, primary_key=True),
    organisation_column(),
    Column("kind", Text, nullable=False),  # key: sent with each request; client: changed for access tokens
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # permissions of mappings/access.csv, blanks between
    Column("secret_sha256", Text, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    Column("replaces", Text),  # the machine whose secret it takes over from; both open until the old one ends
    Index(None, "organisation_id"),
)

# of people (cookie) and of machines (access token): the token itself is never kept
session = Table(
    "session",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # person machine
    Column("person_id", Text, ForeignKey("person.id")),
    Column("machine_id", Text, ForeignKey("machine.id")),
    organisation_column(),
    Column("method", Text, nullable=False),  # password totp certificate signature oidc client_credentials
    Column("scopes", Text),  # machine: no more than its own
    Column("csrf_sha256", Text),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index(None, "person_id"),
    Index(None, "machine_id"),
    Index(None, "expires_at"),
)

# what is used once: a challenge to sign, an OpenID Connect round trip, the second step of a log-in
challenge = Table(
    "challenge",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # signature oidc second_factor
    Column("details", Json, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "expires_at"),
)

# failures of logging in, by login and by address
throttle = Table(
    "throttle",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("until", Moment),  # nothing is tried before that
)

# 电子委托: a principal lets an agent file in its name
mandate = Table(
    "mandate",
    metadata,
    Column("id", Text, primary_key=True),
    Column("principal_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("agent_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("forms", Text, nullable=False),  # blanks between; empty: all
    Column("directions", Text, nullable=False),
    Column("offices", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date, nullable=False),
    Column("state", Text, nullable=False),  # offered accepted refused withdrawn revoked
    Column("offered_by", Text, nullable=False),  # an organisation of the two
    Column("offered_at", Moment, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("ended_by", Text),
    Column("ended_at", Moment),
    Index(None, "agent_id", "state"),
    Index(None, "principal_id", "state"),
)

# a form on its way through keyer, reviewer and signer
prepared = Table(
    "prepared",
    metadata,
    Column("id", Text, primary_key=True),
    organisation_column(),
    Column("principal_id", Text, ForeignKey("organisation.id")),
    Column("reference", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed
    Column("sha256", Text, nullable=False),
    Column("state", Text, nullable=False),  # keyed reviewed returned filed dropped
    Column("corrects", Text),  # the declaration of which it is to be the next version
    Column("keyers", Text, nullable=False),  # all who ever keyed in it, blanks between: none of them reviews or signs
    Column("keyed_by", Text, nullable=False),
    Column("keyed_at", Moment, nullable=False),
    Column("reviewed_by", Text),
    Column("reviewed_at", Moment),
    Column("signed_by", Text),
    Column("signed_at", Moment),
    Column("note", Text),
    Column("declaration_id", Text),
    Index(None, "organisation_id", "id"),
    Index(None, "organisation_id", "state", "id"),
)
