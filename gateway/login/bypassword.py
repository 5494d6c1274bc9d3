"""Logging in by password, with a second factor where the person has one, in one step or two. Every failure looks the same."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

from declarations.credentialerrors import LogInAgain, LoginFailed, ProofWrong
from gateway import ids
from gateway.database.stores import challenges, entries, throttles
from gateway.database.stores import credentials as store
from gateway.database.stores import sessions as session_store
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import NOBODY, entry
from gateway.login import passwords, secondfactor, sessions, throttle
from gateway.login.throttle import Attempt

if TYPE_CHECKING:
    from gateway.wiring import Window

SECOND_STEP = timedelta(minutes=5)
"""So long after the password the second factor may come."""
FRESH = timedelta(minutes=5)
"""A session begun so recently proves the person as a password would."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The password fits; the second factor is wanted, with this token."""

    token: str = field(repr=False)
    seconds: int


Opened = tuple[str, str, AnyRow]
"""A session: its token, its CSRF value, its row."""
T = TypeVar("T")


async def enter(
    window: Window, login: str, password: str, totp: str | None, organisation_id: str | None, address: str | None
) -> Opened | NextStep:
    """A session, or the next step. Raises LoginFailed, TooManyAttempts."""
    known_as = passwords.login_of(login)
    attempt = await throttle.begin(window, known_as, address)
    person, kept = await window.database.read(lambda connection: _of_login(connection, known_as))
    right = await passwords.fits(bytes(kept.secret) if kept is not None else None, password)
    if not right or person is None or kept is None or person.state != "active":
        raise await _failed(window, person, "password")
    new = await passwords.hashed(password) if passwords.outdated(bytes(kept.secret)) else None

    def act(connection: Connection) -> Opened | NextStep | None:
        # changed since it was read
        if store.of_kind(connection, person.id, store.PASSWORD) != kept:
            return None
        if secondfactor.wanted(connection, person.id) and totp is None:
            # by log-in the attempt stays counted until the second factor fits too
            throttles.take_back(connection, attempt.address_key)
            return _next_step(connection, window, person.id, known_as, organisation_id)
        method = "password"
        if totp is not None and secondfactor.wanted(connection, person.id):
            proof = secondfactor.proved(connection, window, person.id, totp, window.clock())
            if proof is None:
                return None
            method = proof
        if new is not None:
            store.rehash(connection, kept.id, bytes(kept.secret), new)
        return _opened(connection, window, person.id, method, organisation_id, attempt)

    return await _written(window, act, person, "totp" if totp is not None else "password")


async def enter_second(window: Window, token: str, totp: str, address: str | None) -> Opened:
    """The second step, once: after a wrong code the log-in begins again. Raises LoginFailed, TooManyAttempts."""
    now = window.clock()
    taken = await window.database.write(
        lambda connection: challenges.take(connection, token, challenges.SECOND_FACTOR, now)
    )
    if taken is None:
        raise await _failed(window, None, "totp")
    attempt = await throttle.begin(window, taken["login"], address)

    def act(connection: Connection) -> Opened | None:
        proof = secondfactor.proved(connection, window, taken["person_id"], totp, now)
        if proof is None:
            return None
        return _opened(connection, window, taken["person_id"], proof, taken["organisation_id"], attempt)

    person = await window.database.read(lambda connection: store.person_with_id(connection, taken["person_id"]))
    return await _written(window, act, person, "totp")


async def change_password(
    window: Window, caller: Caller, current: str | None, new: str, address: str | None
) -> dict[str, Any]:
    """Sets the person's password and ends all other sessions. Raises PasswordRefused, and what `require_proof` does."""
    passwords.require_acceptable(new, caller.name)
    await require_proof(window, caller, current, address)
    secret, now = await passwords.hashed(new), window.clock()

    def act(connection: Connection) -> int:
        person_id = caller.person_id or ""
        store.revoke(connection, person_id, store.PASSWORD, now)
        store.add(
            connection,
            {
                "id": ids.new_id(ids.CREDENTIAL, now),
                "person_id": person_id,
                "kind": store.PASSWORD,
                "secret": secret,
                "created_at": now,
            },
        )
        ended = session_store.end_of_person(connection, person_id, now, but=caller.session or "")
        done = entry("password_changed", at=now, organisation_id=caller.organisation_id, actor=caller.name)
        entries.add(connection, [done])
        return ended

    return {"changed_at": now, "sessions_ended": await window.database.write(act)}


async def require_proof(window: Window, caller: Caller, password: str | None, address: str | None) -> None:
    """That it is the person, and not whoever found the session open: by the password, or where there is none by having logged in
    just now. Raises ProofWrong, LogInAgain, TooManyAttempts."""

    def read(connection: Connection) -> tuple[AnyRow | None, AnyRow]:
        kept = store.of_kind(connection, caller.person_id or "", store.PASSWORD)
        return kept, sessions.current(connection, caller)

    kept, session = await window.database.read(read)
    if kept is None:
        if window.clock() - session.created_at > FRESH:
            raise LogInAgain("log in again first", "请先重新登录")
        return
    attempt = await throttle.begin(window, caller.name, address)
    if password is None or not await passwords.fits(bytes(kept.secret), password):
        raise ProofWrong("the present password does not fit", "当前密码不正确")
    await window.database.write(lambda connection: throttle.succeeded(connection, attempt))


async def password_state(window: Window, person_id: str) -> dict[str, Any]:
    """Whether a person has a password, and since when."""
    kept = await window.database.read(lambda connection: store.of_kind(connection, person_id, store.PASSWORD))
    return {"set": kept is not None, "changed_at": kept.created_at if kept is not None else None}


def _of_login(connection: Connection, login: str) -> tuple[AnyRow | None, AnyRow | None]:
    person = store.person_with_login(connection, login)
    return person, store.of_kind(connection, person.id, store.PASSWORD) if person is not None else None


def _opened(
    connection: Connection,
    window: Window,
    person_id: str,
    method: str,
    organisation_id: str | None,
    attempt: Attempt,
) -> Opened:
    found = sessions.opened(connection, window, person_id, method, organisation_id)
    throttle.succeeded(connection, attempt)
    if method == store.RECOVERY:
        _, _, row = found
        act = entry("recovery_code_used", at=window.clock(), organisation_id=row.organisation_id, actor=row.login)
        entries.add(connection, [act])
    return found


def _next_step(
    connection: Connection, window: Window, person_id: str, login: str, organisation_id: str | None
) -> NextStep:
    token = secrets.token_urlsafe(32)
    details = {"person_id": person_id, "login": login, "organisation_id": organisation_id}
    challenges.add(connection, token, challenges.SECOND_FACTOR, details, window.clock() + SECOND_STEP)
    return NextStep(token, int(SECOND_STEP.total_seconds()))


async def _written(window: Window, act: Callable[[Connection], T | None], person: AnyRow | None, method: str) -> T:
    """What an attempt came to; raises LoginFailed where it came to nothing, or the person can be at work nowhere."""
    try:
        found = await window.database.write(act)
    except LoginFailed:
        found = None
    if found is None:
        raise await _failed(window, person, method)
    return found


async def _failed(window: Window, person: AnyRow | None, method: str) -> LoginFailed:
    """Journalled, also for nobody who is known: the same work for both."""

    def act(connection: Connection) -> None:
        at = session_store.memberships(connection, person.id) if person is not None else []
        organisation_id = at[0].organisation_id if at else None
        actor = person.login if person is not None else NOBODY
        done = entry("login_failed", at=window.clock(), organisation_id=organisation_id, actor=actor, method=method)
        entries.add(connection, [done])

    await window.database.write(act)
    return LoginFailed("logging in failed", "登录失败")
