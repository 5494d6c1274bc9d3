"""Sessions of people and access tokens of machines. Every reading shows what the organisation and its people are now: who was
removed or suspended a moment ago is so in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from gateway.database.people import machine, membership, organisation, person, session
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

PERSON, MACHINE = "person", "machine"
_ADD = Prepared(insert(session))
_OF_PERSON = Prepared(
    select(
        *session.c,
        person.c.login,
        person.c.name.label("person_name"),
        person.c.state.label("person_state"),
        membership.c.roles,
        membership.c.state.label("membership_state"),
        organisation.c.name.label("organisation_name"),
        organisation.c.name_en.label("organisation_name_en"),
        organisation.c.kinds,
        organisation.c.agency,
        organisation.c.state.label("organisation_state"),
    )
    .join(person, person.c.id == session.c.person_id)
    .join(organisation, organisation.c.id == session.c.organisation_id)
    .outerjoin(
        membership,
        (membership.c.person_id == session.c.person_id) & (membership.c.organisation_id == session.c.organisation_id),
    )
    .where(session.c.token_sha256 == bindparam("token_sha256"), session.c.kind == PERSON)
)
_OF_MACHINE = Prepared(
    select(
        session.c.token_sha256,
        session.c.scopes,
        session.c.expires_at,
        session.c.seen_at,
        session.c.ended_at,
        session.c.machine_id,
        machine.c.name,
        machine.c.organisation_id,
        machine.c.scopes.label("machine_scopes"),
        machine.c.expires_at.label("machine_expires_at"),
        machine.c.revoked_at,
        machine.c.used_at,
        organisation.c.kinds,
        organisation.c.state.label("organisation_state"),
    )
    .join(machine, machine.c.id == session.c.machine_id)
    .join(organisation, organisation.c.id == machine.c.organisation_id)
    .where(session.c.token_sha256 == bindparam("token_sha256"), session.c.kind == MACHINE)
)
_MEMBERSHIPS = Prepared(
    select(
        membership.c.organisation_id,
        membership.c.roles,
        organisation.c.name,
        organisation.c.name_en,
        organisation.c.kinds,
    )
    .join(organisation, organisation.c.id == membership.c.organisation_id)
    .join(person, person.c.id == membership.c.person_id)
    .where(
        membership.c.person_id == bindparam("person_id"),
        membership.c.state == "active",
        organisation.c.state == "active",
        person.c.state == "active",
    )
    .order_by(membership.c.created_at, membership.c.organisation_id)
)
_SEEN = Prepared(
    update(session)
    .where(session.c.token_sha256 == bindparam("of"), session.c.seen_at < bindparam("before"))
    .values(seen_at=bindparam("now"))
)


def _end(*where: ColumnElement[bool]) -> Prepared:
    return Prepared(update(session).where(session.c.ended_at.is_(None), *where).values(ended_at=bindparam("now")))


_END = _end(session.c.token_sha256 == bindparam("of"))
_END_OF_PERSON = _end(session.c.person_id == bindparam("of"), session.c.token_sha256 != bindparam("but"))
_END_OF_MEMBER = _end(session.c.person_id == bindparam("of"), session.c.organisation_id == bindparam("of_organisation"))
_END_OF_ORGANISATION = _end(session.c.organisation_id == bindparam("of"))
_END_OF_MACHINE = _end(session.c.machine_id == bindparam("of"))


def add(connection: Connection, row: dict[str, Any]) -> None:
    _ADD.run(connection, row)


def of_person(connection: Connection, token_sha256: str) -> AnyRow | None:
    """A person's session with the person, the membership and the organisation it is in; ended ones too."""
    return _OF_PERSON.first(connection, {"token_sha256": token_sha256})


def of_machine(connection: Connection, token_sha256: str) -> AnyRow | None:
    """An access token with its machine and organisation; ended ones too."""
    return _OF_MACHINE.first(connection, {"token_sha256": token_sha256})


def memberships(connection: Connection, person_id: str) -> Sequence[AnyRow]:
    """Where an active person can be at work: organisation_id, roles, name, name_en, kinds; the oldest membership first."""
    return _MEMBERSHIPS.all(connection, {"person_id": person_id})


def seen(connection: Connection, token_sha256: str, now: datetime, before: datetime) -> bool:
    """Notes the use of a session that was last noted earlier than `before`; whether it did."""
    return _SEEN.run(connection, {"of": token_sha256, "now": now, "before": before}) == 1


def end(connection: Connection, token_sha256: str, now: datetime) -> bool:
    """Ends one session or access token; False when it had ended."""
    return _END.run(connection, {"of": token_sha256, "now": now}) == 1


def end_of_person(connection: Connection, person_id: str, now: datetime, but: str = "") -> int:
    """Ends all of a person's sessions, all but the one with the hash `but`; returns how many."""
    return _END_OF_PERSON.run(connection, {"of": person_id, "but": but, "now": now})


def end_of_member(connection: Connection, person_id: str, organisation_id: str, now: datetime) -> int:
    """Ends a person's sessions in one organisation: the membership is over."""
    return _END_OF_MEMBER.run(connection, {"of": person_id, "of_organisation": organisation_id, "now": now})


def end_of_organisation(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Ends all that is open in an organisation, of people and machines."""
    return _END_OF_ORGANISATION.run(connection, {"of": organisation_id, "now": now})


def end_of_machine(connection: Connection, machine_id: str, now: datetime) -> int:
    """Ends a machine's access tokens."""
    return _END_OF_MACHINE.run(connection, {"of": machine_id, "now": now})
