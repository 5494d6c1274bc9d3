"""People with passwords at a window that is served in the test's own loop, whose clock the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from sqlalchemy import Connection, select

from gateway import ids
from gateway.database import people, schema
from gateway.database.stores import credentials
from gateway.login import passwords
from gateway.main import create_app
from gateway.wiring import Window
from tests.support import visitors
from tests.support.listening import listening
from tests.support.windows import TickingClock, window_at

ORGANISATION = "trader-a"
LOGIN, PASSWORD = "li.wei", "correct horse battery"
API = "/api/v1"


@dataclass
class Browser:
    """Keeps a session's cookie and CSRF value, as a page of ours does."""

    http: aiohttp.ClientSession
    cookie: str = ""
    csrf: str = ""
    last: Mapping[str, str] = field(default_factory=dict)
    """Headers of the last reply."""

    async def ask(
        self, method: str, path: str, content: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and content."""
        sent = {"Cookie": f"onewindow={self.cookie}", "Onewindow-CSRF": self.csrf} if self.cookie else {}
        sent |= headers or {}
        async with self.http.request(
            method, API + path, json=content, headers={name: value for name, value in sent.items() if value}
        ) as reply:
            body = await reply.read()
            self.last = reply.headers
            if "onewindow" in reply.cookies:
                self.cookie = reply.cookies["onewindow"].value
            found = orjson.loads(body) if body else None
            if isinstance(found, dict) and "csrf" in found:
                self.csrf = found["csrf"]
            return reply.status, found

    async def log_in(self, login: str = LOGIN, password: str = PASSWORD, **more: str) -> tuple[int, Any]:
        return await self.ask("POST", "/session", {"login": login, "password": password, **more})


@dataclass
class Place:
    """A served window with one organisation and one person in it."""

    window: Window
    clock: TickingClock
    http: aiohttp.ClientSession
    person_id: str

    def browser(self) -> Browser:
        return Browser(self.http)

    async def acts(self, code: str) -> list[Any]:
        """Entries of the journal."""

        def read(connection: Connection) -> list[Any]:
            return list(connection.execute(select(schema.journal).where(schema.journal.c.code == code)).all())

        return await self.window.database.read(read)


@asynccontextmanager
async def place(
    data_dir: Path, roles: str = "administrator signing_declarant", **settings: Any
) -> AsyncIterator[Place]:
    clock = TickingClock()
    async with window_at(data_dir, clock, **settings) as window:
        await visitors.organisation(window, ORGANISATION, "trader", "Trader A")
        person_id = await visitors.member(window, ORGANISATION, roles, LOGIN)
        await give_password(window, person_id, PASSWORD)
        async with (
            listening(create_app(opened=window, worker=False)) as url,
            aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            yield Place(window, clock, http, person_id)


async def give_password(window: Window, person_id: str, password: str) -> None:
    now = window.clock()
    row = {
        "id": ids.new_id(ids.CREDENTIAL, now),
        "person_id": person_id,
        "kind": credentials.PASSWORD,
        "secret": await passwords.hashed(password),
        "created_at": now,
    }
    await window.database.write(lambda connection: credentials.add(connection, row))


async def change(window: Window, table: str, what: str, state: str) -> None:
    """Sets the state of what has this key in a table of people (membership: of this person)."""
    changed = people.metadata.tables[table]
    key = next(iter(changed.primary_key.columns))

    def act(connection: Connection) -> None:
        connection.execute(changed.update().where(key == what).values(state=state))

    await window.database.write(act)
