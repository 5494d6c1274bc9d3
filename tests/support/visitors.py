"""Organisations and their people for tests, logged in as sessions are: rows of their own, and a session's cookie."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select

from gateway import ids
from gateway.database import people
from gateway.wiring import Window

COOKIE = "onewindow"
"""Without TLS it has no prefix."""
CSRF = "Onewindow-CSRF"


async def organisation(window: Window, organisation_id: str, kinds: str, name: str, **columns: Any) -> str:
    """An active organisation, unless there is one already; its id."""
    row = {"id": organisation_id, "kinds": kinds, "name": name, "created_at": window.clock(), **columns}

    def act(connection: Connection) -> None:
        table = people.organisation
        if connection.execute(select(table.c.id).where(table.c.id == organisation_id)).first() is None:
            connection.execute(insert(table), row)

    await window.database.write(act)
    return organisation_id


async def member(window: Window, organisation_id: str, roles: str, login: str) -> str:
    """A person with these roles in an organisation; its id. There is no password: `logged_in` opens the session."""
    now = window.clock()
    person = {"id": ids.new_id(ids.PERSON, now), "login": login, "name": login, "state": "active", "created_at": now}
    joined = {
        "person_id": person["id"],
        "organisation_id": organisation_id,
        "roles": roles,
        "state": "active",
        "created_at": now,
        "created_by": "test",
    }

    def act(connection: Connection) -> None:
        connection.execute(insert(people.person), person)
        connection.execute(insert(people.membership), joined)

    await window.database.write(act)
    return str(person["id"])


async def logged_in(window: Window, person_id: str, organisation_id: str) -> dict[str, str]:
    """The headers of a new session of a person."""
    from gateway.login import sessions

    token, csrf, _ = await sessions.open_session(window, person_id, "password", organisation_id)
    return {"Cookie": f"{COOKIE}={token}", CSRF: csrf}
