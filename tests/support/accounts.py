"""People with accounts, for tests of how they log in."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from gateway import ids
from gateway.database.people import membership, person
from gateway.database.schema import journal
from gateway.identity import BUILT_IN_ORGANISATION
from gateway.login import sessions
from gateway.wiring import Window


async def add_person(
    window: Window,
    login: str,
    *,
    email: str | None = None,
    organisation_id: str = BUILT_IN_ORGANISATION,
    roles: str = "signing_declarant",
) -> str:
    """An active person with a role in an organisation; the id."""
    now = window.clock()
    person_id = ids.new_id(ids.PERSON, now)
    rows = {
        person: {"id": person_id, "login": login, "name": login, "email": email, "state": "active", "created_at": now},
        membership: {
            "person_id": person_id,
            "organisation_id": organisation_id,
            "roles": roles,
            "state": "active",
            "created_at": now,
            "created_by": "test",
        },
    }

    def act(connection: Connection) -> None:
        for table, row in rows.items():
            connection.execute(insert(table), row)

    await window.database.write(act)
    return person_id


async def block(window: Window, person_id: str) -> None:
    def act(connection: Connection) -> None:
        connection.execute(update(person).where(person.c.id == person_id).values(state="blocked"))

    await window.database.write(act)


async def logged_in(window: Window, person_id: str, method: str = "password") -> dict[str, str]:
    """Headers of a browser in which the person has logged in."""
    token, csrf, _ = await sessions.open_session(window, person_id, method)
    name = "__Host-onewindow" if window.settings.tls else "onewindow"
    return {"Cookie": f"{name}={token}", "Onewindow-CSRF": csrf}


async def journalled(window: Window, code: str) -> list[dict[str, str]]:
    """The details of the journal's entries of a code, oldest first."""

    def act(connection: Connection) -> list[dict[str, str]]:
        rows = connection.execute(select(journal.c.details).where(journal.c.code == code).order_by(journal.c.id))
        return [row.details for row in rows]

    return await window.database.read(act)
