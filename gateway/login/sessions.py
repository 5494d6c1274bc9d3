"""Sessions of people: a token in a cookie, kept as its hash; over when nobody uses it, and at the latest after some hours.

A page of ours proves with the header Onewindow-CSRF that a change was asked from it: the value is derived from the token, so that
whoever holds the cookie's content can know it, and nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection
from starlette.responses import Response

from declarations.credentialerrors import LoginFailed
from declarations.errors import NotFound
from gateway.database.stores import entries
from gateway.database.stores import sessions as store
from gateway.database.types import AnyRow
from gateway.identity import Caller, Kind
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

CSRF_HEADER = "Onewindow-CSRF"
EXPIRES_HEADER = "Onewindow-Session-Expires"
PREFIX = "ows_"
"""What the token of a session begins with, so that a leaked one is known for what it is."""
WARNING = timedelta(minutes=5)
"""So long before its end a session says so."""
NOTED = timedelta(seconds=60)
"""The use of a session is noted once in so long, and not with every request."""


def cookie_name(window: Window) -> str:
    """`__Host-` binds the cookie to this host and to TLS; browsers take the prefix over TLS only."""
    return "__Host-onewindow" if window.settings.tls else "onewindow"


def digest(token: str) -> str:
    """What is kept of a token. It is 256 random bits: nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """The value a page of the session sends with each change."""
    return urlsafe_b64encode(hmac.digest(token.encode(), b"onewindow csrf", "sha256")).decode().rstrip("=")


async def open_session(
    window: Window, person_id: str, method: str, organisation_id: str | None = None
) -> tuple[str, str, AnyRow]:
    """A new session of a person who has proved who he is, by `method`: its token, its CSRF value, its row.

    In the organisation named, or the one he joined first. Raises LoginFailed when he can be at work in none.
    """
    return await window.database.write(
        lambda connection: opened(connection, window, person_id, method, organisation_id)
    )


def opened(
    connection: Connection, window: Window, person_id: str, method: str, organisation_id: str | None = None
) -> tuple[str, str, AnyRow]:
    """The same within a transaction; journalled."""
    at = [
        each.organisation_id
        for each in store.memberships(connection, person_id)
        if organisation_id in (None, each.organisation_id)
    ]
    if not at:
        raise LoginFailed("logging in failed", "登录失败")
    now = window.clock()
    ends = now + timedelta(hours=window.settings.session_hours)
    token, row = _add(connection, person_id, method, at[0], now, ends)
    act = entry("logged_in", at=now, organisation_id=at[0], actor=row.login, method=method, session=_short(row))
    entries.add(connection, [act])
    return token, csrf_of(token), row


def _add(
    connection: Connection, person_id: str, method: str, organisation_id: str, now: datetime, ends: datetime
) -> tuple[str, AnyRow]:
    token = PREFIX + secrets.token_urlsafe(32)
    row: dict[str, Any] = {
        "token_sha256": digest(token),
        "kind": store.PERSON,
        "person_id": person_id,
        "organisation_id": organisation_id,
        "method": method,
        "csrf_sha256": digest(csrf_of(token)),
        "created_at": now,
        "seen_at": now,
        "expires_at": ends,
    }
    store.add(connection, row)
    made = store.of_person(connection, row["token_sha256"])
    assert made is not None
    return token, made


def reply(window: Window, token: str, csrf: str, row: AnyRow) -> Response:
    """What a log-in answers: the session, its CSRF value, the cookie."""
    content = {**shown(window, row, row.seen_at), "csrf": csrf}
    response = Response(orjson.dumps(content), 200, {"Cache-Control": "no-store"}, "application/json")
    set_cookie(window, response, token)
    return response


def set_cookie(window: Window, response: Response, token: str) -> None:
    """Not for scripts; sent along from elsewhere only when somebody follows a link here."""
    response.set_cookie(cookie_name(window), token, path="/", secure=window.settings.tls, httponly=True, samesite="lax")


def clear_cookie(window: Window, response: Response) -> None:
    response.delete_cookie(cookie_name(window), path="/", secure=window.settings.tls, httponly=True, samesite="lax")


def ends_at(window: Window, row: Any) -> datetime:
    """When the session is over if nobody uses it any more."""
    idle: datetime = row.seen_at + timedelta(minutes=window.settings.session_idle_minutes)
    last: datetime = row.expires_at
    return min(idle, last)


def shown(window: Window, row: AnyRow, now: datetime) -> dict[str, Any]:
    """A session as its person sees it. `warning`: it ends in the next minutes."""
    left = ends_at(window, row) - now
    return {
        "person": {"id": row.person_id, "login": row.login, "name": row.person_name},
        "organisation": {"id": row.organisation_id, "name": row.organisation_name, "kinds": row.kinds.split()},
        "roles": row.roles.split(),
        "permissions": sorted(window.access.of_roles(row.roles.split())),
        "method": row.method,
        "expires_in": max(0, int(left.total_seconds())),
        "ends_at": row.expires_at,
        "warning": left <= WARNING,
    }


def organisations(connection: Connection, person_id: str) -> list[dict[str, Any]]:
    """Where a person can be at work."""
    return [
        {"id": row.organisation_id, "name": row.name, "kinds": row.kinds.split(), "roles": row.roles.split()}
        for row in store.memberships(connection, person_id)
    ]


def caller_of(window: Window, row: AnyRow) -> Caller:
    """Who calls with this session."""
    kinds = row.kinds.split()
    kind: Kind = "agency" if "agency" in kinds else "operator" if "operator" in kinds else "client"
    return Caller(
        kind,
        row.login,
        row.organisation_id,
        window.access.of_roles(row.roles.split()),
        person_id=row.person_id,
        session=row.token_sha256,
        agency=row.agency or "",
    )


async def switch(window: Window, caller: Caller, organisation_id: str) -> tuple[str, str, AnyRow]:
    """Goes on in another organisation of the person, in a new session with the old one's end. Raises NotFound for one that the
    person has nothing to do with, as for none."""
    now = window.clock()

    def act(connection: Connection) -> tuple[str, str, AnyRow]:
        old = store.of_person(connection, caller.session or "")
        there = [each.organisation_id for each in store.memberships(connection, caller.person_id or "")]
        if old is None or organisation_id not in there or not store.end(connection, old.token_sha256, now):
            raise NotFound(f"you are not in an organisation {organisation_id!r}", f"您不属于单位 {organisation_id}")
        token, row = _add(connection, old.person_id, old.method, organisation_id, now, old.expires_at)
        done = entry(
            "organisation_switched",
            at=now,
            organisation_id=organisation_id,
            actor=row.login,
            before=caller.organisation_id,
            session=_short(row),
        )
        entries.add(connection, [done])
        return token, csrf_of(token), row

    return await window.database.write(act)


async def extend(window: Window, caller: Caller) -> AnyRow:
    """The session as if it were used now: the idle time begins again, the last end stays."""
    now = window.clock()

    def act(connection: Connection) -> AnyRow:
        store.seen(connection, caller.session or "", now, now)
        return current(connection, caller)

    return await window.database.write(act)


def current(connection: Connection, caller: Caller) -> AnyRow:
    """The session the caller came with."""
    row = store.of_person(connection, caller.session or "")
    if row is None:
        raise NotFound("there is no session", "没有会话")
    return row


async def leave(window: Window, caller: Caller, *, everywhere: bool) -> int:
    """Ends the caller's session, or all of the person's; returns how many."""
    now = window.clock()

    def act(connection: Connection) -> int:
        if everywhere:
            ended = store.end_of_person(connection, caller.person_id or "", now)
        else:
            ended = int(store.end(connection, caller.session or "", now))
        done = entry(
            "logged_out", at=now, organisation_id=caller.organisation_id, actor=caller.name, sessions=str(ended)
        )
        entries.add(connection, [done])
        return ended

    return await window.database.write(act)


def _short(row: AnyRow) -> str:
    """Which session, in the journal: not enough of the hash to find the token by."""
    return str(row.token_sha256)[:12]
