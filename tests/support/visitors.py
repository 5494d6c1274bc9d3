"""Organisations and their people for tests, logged in as sessions are: rows of their own, and a session's cookie."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from gateway import ids
from gateway.database import people
from gateway.database.schema import journal
from gateway.identity import BUILT_IN_ORGANISATION
from gateway.login import sessions
from gateway.wiring import Window


async def organisation(window: Window, organisation_id: str, kinds: str, name: str, **columns: Any) -> str:
    """An active organisation, unless there is one already; its id."""
    row = {"id": organisation_id, "kinds": kinds, "name": name, "created_at": window.clock(), **columns}

    def act(connection: Connection) -> None:
        table = people.organisation
        if connection.execute(select(table.c.id).where(table.c.id == organisation_id)).first() is None:
            connection.execute(insert(table), row)

    await window.database.write(act)
    return organisation_id


async def member(window: Window, organisation_id: str, roles: str, login: str, email: str | None = None) -> str:
    """An active person with these roles in an organisation; its id. There is no password: `logged_in` opens the session."""
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
        connection.execute(insert(people.person), {**person, "email": email})
        connection.execute(insert(people.membership), joined)

    await window.database.write(act)
    return str(person["id"])


async def add_person(window: Window, login: str, *, email: str | None = None) -> str:
    """Somebody of the built-in organisation who may file."""
    return await member(window, BUILT_IN_ORGANISATION, "signing_declarant", login, email)


async def block(window: Window, person_id: str) -> None:
    def act(connection: Connection) -> None:
        connection.execute(update(people.person).where(people.person.c.id == person_id).values(state="blocked"))

    await window.database.write(act)


async def logged_in(
    window: Window, person_id: str, organisation_id: str | None = None, method: str = "password"
) -> dict[str, str]:
    """The headers of a browser in which the person has logged in."""
    token, csrf, _ = await sessions.open_session(window, person_id, method, organisation_id)
    return {"Cookie": f"{sessions.cookie_name(window)}={token}", sessions.CSRF_HEADER: csrf}


async def journalled(window: Window, code: str) -> list[dict[str, str]]:
    """The details of the journal's entries of a code, oldest first."""

    def act(connection: Connection) -> list[dict[str, str]]:
        rows = connection.execute(select(journal.c.details).where(journal.c.code == code).order_by(journal.c.id))
        return [row.details for row in rows]

    return await window.database.read(act)
