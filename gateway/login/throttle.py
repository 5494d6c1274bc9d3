"""Slowing down whoever tries passwords: by log-in and by address, doubling with each failure.

An attempt is counted before it is made and taken off again when it succeeds, so that a hundred attempts at a time are a hundred
attempts. A log-in is kept as its hash: what people type there by mistake may be a password.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from declarations.credentialerrors import TooManyAttempts
from gateway.database.stores import entries, throttles
from gateway.database.types import AnyRow
from gateway.journal import entry
from gateway.ratelimit import network

if TYPE_CHECKING:
    from gateway.wiring import Window

FREE_BY_LOGIN, FREE_BY_ADDRESS = 5, 30
"""Failures before anybody waits. Many people may share one address."""
LONGEST = timedelta(minutes=15)
"""Nobody waits longer: who locks out another by failing in his name does so for this long."""
FORGOTTEN = timedelta(hours=1)
"""Failures count no more when there was none for so long."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to prove who one is, already counted."""

    login_key: str
    address_key: str


async def begin(window: Window, login: str, address: str | None) -> Attempt:
    """Counts an attempt as failed, until `succeeded` says otherwise. Raises TooManyAttempts when nothing is tried now."""
    now = window.clock()
    attempt = Attempt(f"login:{_digest(login)}", f"address:{network(address or '')}")

    def count(connection: Connection) -> datetime | None:
        keys = ((attempt.address_key, FREE_BY_ADDRESS), (attempt.login_key, FREE_BY_LOGIN))
        held = [(throttles.hold(connection, key, now), free) for key, free in keys]
        waits = [row.until for row, _ in held if row.until is not None and row.until > now]
        if waits:
            latest: datetime = max(waits)
            return latest
        closed = [key.key.partition(":")[0] for key, free in held if _count(connection, key, free, now)]
        if closed:
            act = entry("login_throttled", at=now, by=" ".join(closed), address=address or "")
            entries.add(connection, [act])
        return None

    until = await window.database.write(count)
    if until is not None:
        raise TooManyAttempts(
            "too many failures to log in; wait as long as Retry-After says",
            "登录失败次数过多，请按 Retry-After 稍后再试",
            retry_after=(until - now).total_seconds(),
        )
    return attempt


def succeeded(connection: Connection, attempt: Attempt) -> None:
    """The attempt was none to slow down: the log-in's failures are forgotten. The address's stay but for this one: whoever has an
    account of his own must not try others' between."""
    throttles.take_back(connection, attempt.address_key)
    throttles.clear(connection, attempt.login_key)


def _count(connection: Connection, row: AnyRow, free: int, now: datetime) -> bool:
    """One failure more; whether the next attempt must wait."""
    fresh = row.failures == 0 or (row.until or row.first_at) < now - FORGOTTEN
    failures = 1 if fresh else row.failures + 1
    wait = min(LONGEST, timedelta(seconds=2.0 ** min(failures - free, 20))) if failures >= free else None
    until = None if wait is None else now + wait
    throttles.note(connection, row.key, failures, now if fresh else row.first_at, until)
    return wait is not None


def _digest(login: str) -> str:
    return hashlib.sha256(login.encode()).hexdigest()
