"""People, their memberships of organisations, and invitations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.database.people import invitation, membership, organisation, person
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

ACTIVE, REMOVED = "active", "removed"
_ADD = Prepared(insert(person))
_WITH_LOGIN = Prepared(select(person.c.id).where(person.c.login == bindparam("login")))
_GET = Prepared(select(person).where(person.c.id == bindparam("id")))
_MEMBERS = select(
    membership.c.person_id,
    membership.c.organisation_id,
    membership.c.roles,
    membership.c.state,
    membership.c.created_at,
    person.c.login,
    person.c.name,
    person.c.email,
    person.c.state.label("person_state"),
).join(person, person.c.id == membership.c.person_id)
_OF_ORGANISATION = Prepared(
    _MEMBERS.where(
        membership.c.organisation_id == bindparam("organisation_id"),
        membership.c.state == ACTIVE,
        membership.c.person_id > bindparam("after"),
    )
    .order_by(membership.c.person_id)
    .limit(bindparam("at_most"))
)
_MEMBER = Prepared(
    _MEMBERS.where(
        membership.c.organisation_id == bindparam("organisation_id"), membership.c.person_id == bindparam("person_id")
    )
)
_ROLES = Prepared(
    select(membership.c.person_id, membership.c.roles)
    .join(person, person.c.id == membership.c.person_id)
    .where(
        membership.c.organisation_id == bindparam("organisation_id"),
        membership.c.state == ACTIVE,
        person.c.state == ACTIVE,
    )
)
_JOIN = Prepared(insert(membership))
_REJOIN = Prepared(
    update(membership)
    .where(
        membership.c.person_id == bindparam("of"),
        membership.c.organisation_id == bindparam("of_organisation"),
        membership.c.state == REMOVED,
    )
    .values(
        state=ACTIVE,
        roles=bindparam("new_roles"),
        created_at=bindparam("now"),
        created_by=bindparam("by"),
        ended_at=None,
    )
)
_SET_ROLES = Prepared(
    update(membership)
    .where(
        membership.c.person_id == bindparam("of"),
        membership.c.organisation_id == bindparam("of_organisation"),
        membership.c.state == ACTIVE,
    )
    .values(roles=bindparam("new_roles"))
)
_LEAVE = Prepared(
    update(membership)
    .where(
        membership.c.person_id == bindparam("of"),
        membership.c.organisation_id == bindparam("of_organisation"),
        membership.c.state == ACTIVE,
    )
    .values(state=REMOVED, ended_at=bindparam("now"))
)
_INVITE = Prepared(insert(invitation))
_OPEN = (
    invitation.c.used_at.is_(None),
    invitation.c.withdrawn_at.is_(None),
    invitation.c.expires_at > bindparam("now"),
)
_BY_TOKEN = Prepared(
    select(
        *invitation.c,
        organisation.c.name.label("organisation_name"),
        organisation.c.kinds,
        organisation.c.state.label("organisation_state"),
    )
    .join(organisation, organisation.c.id == invitation.c.organisation_id)
    .where(invitation.c.token_sha256 == bindparam("token_sha256"))
)
_INVITATIONS = Prepared(
    select(invitation)
    .where(invitation.c.organisation_id == bindparam("organisation_id"), invitation.c.id < bindparam("before"))
    .order_by(invitation.c.id.desc())
    .limit(bindparam("at_most"))
)
_INVITATION = Prepared(select(invitation).where(invitation.c.id == bindparam("id")))
_COUNT_OPEN = Prepared(
    select(func.count())
    .select_from(invitation)
    .where(invitation.c.organisation_id == bindparam("organisation_id"), *_OPEN)
)
_USE = Prepared(
    update(invitation)
    .where(
        invitation.c.id == bindparam("of"),
        invitation.c.used_at.is_(None),
        invitation.c.withdrawn_at.is_(None),
        invitation.c.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
)
_WITHDRAW = Prepared(
    update(invitation)
    .where(invitation.c.id == bindparam("of"), invitation.c.used_at.is_(None), invitation.c.withdrawn_at.is_(None))
    .values(withdrawn_at=bindparam("now"))
)
_WITHDRAW_BY = Prepared(
    update(invitation)
    .where(
        invitation.c.organisation_id == bindparam("of_organisation"),
        invitation.c.created_by == bindparam("by"),
        invitation.c.used_at.is_(None),
        invitation.c.withdrawn_at.is_(None),
    )
    .values(withdrawn_at=bindparam("now"))
)
_WITHDRAW_ALL = Prepared(
    update(invitation)
    .where(
        invitation.c.organisation_id == bindparam("of_organisation"),
        invitation.c.used_at.is_(None),
        invitation.c.withdrawn_at.is_(None),
    )
    .values(withdrawn_at=bindparam("now"))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A new person: id, login, name, email, state, created_at. Raises IntegrityError when the log-in is somebody's."""
    _ADD.run(connection, row)


def has_login(connection: Connection, login: str) -> bool:
    """Whether somebody has this log-in, in whatever state."""
    return _WITH_LOGIN.first(connection, {"login": login}) is not None


def get(connection: Connection, person_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": person_id})


def of_organisation(connection: Connection, organisation_id: str, after: str, at_most: int) -> Sequence[AnyRow]:
    """Its people now, by id, those behind `after`: person_id, roles, login, name, email, person_state, created_at."""
    return _OF_ORGANISATION.all(connection, {"organisation_id": organisation_id, "after": after, "at_most": at_most})


def member(connection: Connection, organisation_id: str, person_id: str) -> AnyRow | None:
    """One membership with its person, also one that is over (`state`)."""
    return _MEMBER.first(connection, {"organisation_id": organisation_id, "person_id": person_id})


def roles(connection: Connection, organisation_id: str) -> dict[str, list[str]]:
    """Person -> roles, of the people who can be at work in an organisation."""
    return {row.person_id: row.roles.split() for row in _ROLES.all(connection, {"organisation_id": organisation_id})}


def join(connection: Connection, person_id: str, organisation_id: str, given: str, by: str, now: datetime) -> bool:
    """Makes a person a member, again if it was one; False when it is one."""
    row = member(connection, organisation_id, person_id)
    if row is not None:
        values = {"of": person_id, "of_organisation": organisation_id, "new_roles": given, "by": by, "now": now}
        return _REJOIN.run(connection, values) == 1
    _JOIN.run(
        connection,
        {
            "person_id": person_id,
            "organisation_id": organisation_id,
            "roles": given,
            "state": ACTIVE,
            "created_at": now,
            "created_by": by,
        },
    )
    return True


def set_roles(connection: Connection, person_id: str, organisation_id: str, given: str) -> bool:
    values = {"of": person_id, "of_organisation": organisation_id, "new_roles": given}
    return _SET_ROLES.run(connection, values) == 1


def leave(connection: Connection, person_id: str, organisation_id: str, now: datetime) -> bool:
    """Ends a membership; False when it was over."""
    return _LEAVE.run(connection, {"of": person_id, "of_organisation": organisation_id, "now": now}) == 1


def invite(connection: Connection, row: dict[str, Any]) -> None:
    """A new invitation: id, organisation_id, email, roles, token_sha256, created_by, created_at, expires_at."""
    _INVITE.run(connection, row)


def invitation_with_token(connection: Connection, token_sha256: str) -> AnyRow | None:
    """The invitation with this token, whatever became of it, with its organisation's name, kinds and state."""
    return _BY_TOKEN.first(connection, {"token_sha256": token_sha256})


def invitations(connection: Connection, organisation_id: str, before: str, at_most: int) -> Sequence[AnyRow]:
    """Newest first, in whatever state."""
    return _INVITATIONS.all(connection, {"organisation_id": organisation_id, "before": before, "at_most": at_most})


def invitation_with_id(connection: Connection, invitation_id: str) -> AnyRow | None:
    return _INVITATION.first(connection, {"id": invitation_id})


def open_invitations(connection: Connection, organisation_id: str, now: datetime) -> int:
    return int(_COUNT_OPEN.scalar(connection, {"organisation_id": organisation_id, "now": now}))


def use(connection: Connection, invitation_id: str, now: datetime) -> bool:
    """Takes an invitation up, once; False when it was used, withdrawn, or is over."""
    return _USE.run(connection, {"of": invitation_id, "now": now}) == 1


def withdraw(connection: Connection, invitation_id: str, now: datetime) -> bool:
    """False when it was used or withdrawn."""
    return _WITHDRAW.run(connection, {"of": invitation_id, "now": now}) == 1


def withdraw_by(connection: Connection, organisation_id: str, login: str, now: datetime) -> int:
    """Withdraws what one of its people has invited; returns how many."""
    return _WITHDRAW_BY.run(connection, {"of_organisation": organisation_id, "by": login, "now": now})


def withdraw_all(connection: Connection, organisation_id: str, now: datetime) -> int:
    return _WITHDRAW_ALL.run(connection, {"of_organisation": organisation_id, "now": now})
