"""Credentials of others that are linked to an account (certificates, identities of an OpenID Provider): listed, taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import NotFound
from gateway.database.stores import entries, identities
from gateway.identity import Caller
from gateway.journal import entry
from gateway.login.entering import person_of, session_of

if TYPE_CHECKING:
    from gateway.wiring import Window


@dataclass(frozen=True, slots=True)
class Linkable:
    """One kind of them."""

    kind: str
    """Of the store."""
    methods: tuple[str, ...]
    """How sessions begin that one opened."""
    removed: str
    """The journal's act when one is taken away."""
    name_en: str
    name_zh: str


async def listed(window: Window, caller: Caller, what: Linkable) -> dict[str, Any]:
    """The caller's own. Raises PeopleOnly."""
    person_id = person_of(caller)
    rows = await window.database.read(lambda connection: identities.of_person(connection, person_id, what.kind))
    return {"items": [shown(row) for row in rows]}


async def unlink(window: Window, caller: Caller, credential_id: str, what: Linkable) -> None:
    """It opens nothing any more, and sessions that one of its kind opened end, but for the one in use. Raises NotFound."""
    person_id = person_of(caller)

    def act(connection: Connection) -> bool:
        now = window.clock()
        if not identities.revoke(connection, credential_id, person_id, what.kind, now):
            return False
        identities.end_sessions(connection, person_id, what.methods, session_of(caller), now)
        done = entry(
            what.removed,
            at=now,
            organisation_id=caller.organisation_id or None,
            actor=caller.name,
            credential=credential_id,
        )
        entries.add(connection, [done])
        return True

    if not await window.database.write(act):
        raise NotFound(f"you have no such {what.name_en}", f"您没有绑定该{what.name_zh}")


def shown(row: Any) -> dict[str, Any]:
    """A credential as its owner sees it."""
    return {
        "id": row.id,
        "label": row.label,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
    }
