"""The people of an organisation: who they are there, and the end of that, both at once. Their administrators see to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import NotFound
from declarations.peopleerrors import LastAdministrator
from gateway.database.stores import entries, organisations, persons, sessions
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry
from gateway.organisations.fields import joined, refuse, roles_faults

if TYPE_CHECKING:
    from gateway.wiring import Window

MANAGE = "manage"
"""The permission that makes an administrator."""


async def listed(window: Window, caller: Caller, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """The caller's organisation's people. Who looked is in the journal: it shows names and addresses."""

    def read(connection: Connection) -> dict[str, Any]:
        rows = persons.of_organisation(connection, caller.organisation_id, cursor or "", limit + 1)
        if rows:
            seen = entry(
                "people_seen",
                at=window.clock(),
                organisation_id=caller.organisation_id,
                actor=caller.name,
                people=str(len(rows[:limit])),
            )
            entries.add(connection, [seen])
        return {
            "items": [shown(window, row) for row in rows[:limit]],
            "next": rows[limit - 1].person_id if len(rows) > limit else None,
        }

    return await window.database.write(read)


async def set_roles(window: Window, caller: Caller, person_id: str, roles: Sequence[str]) -> dict[str, Any]:
    """Gives one of the organisation's people other roles, from the next request on.

    Raises NotFound, BadRequest for roles the organisation does not have, LastAdministrator.
    """

    def store(connection: Connection) -> dict[str, Any]:
        organisation = _held(connection, caller)
        row = _member(connection, caller, person_id)
        if found := roles_faults(window, organisation.kinds, roles):
            refuse(found)
        given = joined(roles)
        _require_manager(window, connection, caller, person_id, given.split())
        persons.set_roles(connection, person_id, caller.organisation_id, given)
        if MANAGE not in window.access.of_roles(given.split()):
            # nobody comes in by the word of somebody who may not invite any more
            persons.withdraw_by(connection, caller.organisation_id, row.login, window.clock())
        act = entry(
            "person_roles_changed",
            at=window.clock(),
            organisation_id=caller.organisation_id,
            actor=caller.name,
            person=row.login,
            roles=given,
            before=row.roles,
        )
        entries.add(connection, [act])
        return shown(window, _member(connection, caller, person_id))

    return await window.database.write(store)


async def remove(window: Window, caller: Caller, person_id: str) -> dict[str, Any]:
    """Ends a membership with all that hangs on it: sessions, keys the person made, invitations the person gave.

    Raises NotFound, LastAdministrator.
    """
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        _held(connection, caller)
        row = _member(connection, caller, person_id)
        _require_manager(window, connection, caller, person_id, [])
        persons.leave(connection, person_id, caller.organisation_id, now)
        ended = {
            "sessions": str(sessions.end_of_member(connection, person_id, caller.organisation_id, now)),
            "machines": str(organisations.end_machines_by(connection, caller.organisation_id, row.login, now)),
            "invitations": str(persons.withdraw_by(connection, caller.organisation_id, row.login, now)),
        }
        facts = {"person": row.login, "roles": row.roles, **ended}
        act = entry("person_removed", at=now, organisation_id=caller.organisation_id, actor=caller.name, **facts)
        entries.add(connection, [act])
        return {**shown(window, row), "state": persons.REMOVED, "ended": {k: int(v) for k, v in ended.items()}}

    return await window.database.write(store)


def managers(window: Window, roles: Mapping[str, Sequence[str]]) -> set[str]:
    """Those who may look after an organisation's people, of person -> roles."""
    return {person_id for person_id, given in roles.items() if MANAGE in window.access.of_roles(given)}


def shown(window: Window, row: AnyRow) -> dict[str, Any]:
    """One of the organisation's people as its administrators see it."""
    roles = row.roles.split()
    words = [window.access.roles[role] for role in roles if role in window.access.roles]
    return {
        "id": row.person_id,
        "login": row.login,
        "name": row.name,
        "email": row.email,
        "roles": roles,
        "roles_zh": [role.name_zh for role in words],
        "roles_en": [role.name_en for role in words],
        "state": row.state if row.person_state == persons.ACTIVE else row.person_state,
        "since": row.created_at,
    }


def _held(connection: Connection, caller: Caller) -> AnyRow:
    """The caller's organisation; its people are not changed by anybody else meanwhile."""
    row = organisations.hold(connection, caller.organisation_id)
    if row is None:
        raise NotFound("this needs an organisation", "该操作须以单位身份进行")
    return row


def _member(connection: Connection, caller: Caller, person_id: str) -> AnyRow:
    row = persons.member(connection, caller.organisation_id, person_id)
    if row is None or row.state != persons.ACTIVE:
        raise NotFound(f"there is no person {person_id!r} in your organisation", f"本单位没有人员 {person_id}")
    return row


def _require_manager(
    window: Window, connection: Connection, caller: Caller, person_id: str, roles: Sequence[str]
) -> None:
    """Raises LastAdministrator when the organisation has administrators and would have none with these roles of a person."""
    now = persons.roles(connection, caller.organisation_id)
    if managers(window, now) and not managers(window, {**now, person_id: roles}):
        raise LastAdministrator(
            "this is the last administrator of your organisation; give the role to somebody else first",
            "这是本单位最后一名管理员，请先将该角色授予他人",
        )
