"""Who calls: by a machine's key or access token, by a session's cookie, or by a token from a file.

Each credential that was known once and opens nothing any more is refused with a code of its own, and journalled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from declarations.credentialerrors import CsrfRefused, KeyExpired, KeyRevoked, SessionEnded, SessionExpired
from declarations.errors import OnewindowError, Unauthorised
from gateway import refusals
from gateway.database.stores import machines as machine_store
from gateway.database.stores import sessions as session_store
from gateway.database.types import AnyRow
from gateway.identity import Caller, caller_of
from gateway.login import machines, sessions

if TYPE_CHECKING:
    from gateway.wiring import Window

RefusalT = TypeVar("RefusalT", bound=OnewindowError)
MANY = 200
"""No credential of ours is longer than this."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of who sent it."""

    bearer: str | None
    """Of the header Authorization; it goes before the cookie."""
    cookie: str | None
    csrf: str | None
    changes: bool
    """Whether the request's method may change something."""
    uses: bool = True
    """Whether the request counts as use of the session: a page that only asks how long it lasts does not."""


async def recognised(window: Window, shown: Shown) -> tuple[Caller, int | None]:
    """The caller, and the seconds its session has left (None: it has none). Raises Unauthorised and its kinds, CsrfRefused."""
    if shown.bearer is not None:
        if shown.bearer.startswith(machines.KEY_PREFIX):
            return await _by_key(window, shown.bearer), None
        if shown.bearer.startswith(machines.TOKEN_PREFIX):
            return await _by_access_token(window, shown.bearer), None
        return caller_of(window, shown.bearer), None
    if shown.cookie is not None:
        return await _by_cookie(window, shown, shown.cookie)
    raise Unauthorised(
        "log in, or send Authorization: Bearer <token>", "请先登录，或在请求头中提供 Authorization: Bearer <令牌>"
    )


async def _by_cookie(window: Window, shown: Shown, token: str) -> tuple[Caller, int | None]:
    row = await window.database.read(lambda connection: session_store.of_person(connection, sessions.digest(token)))
    if row is None:
        raise Unauthorised("this session is not known", "会话无效，请重新登录")
    now = window.clock()
    if sessions.ends_at(window, row) <= (row.ended_at or now):
        raise await _refused_session(
            window, row, SessionExpired("this session has expired; log in", "会话已过期，请重新登录")
        )
    if row.ended_at is not None or not _is_open(row):
        raise await _refused_session(
            window, row, SessionEnded("this session was ended; log in", "会话已结束，请重新登录")
        )
    if shown.changes and sessions.digest(shown.csrf or "") != row.csrf_sha256:
        refusal = CsrfRefused(
            f"send the header {sessions.CSRF_HEADER} with the value of the log-in",
            f"请在请求头 {sessions.CSRF_HEADER} 中提供登录时取得的值",
        )
        raise await _kept(window, row, refusal)
    if shown.uses and row.seen_at <= now - sessions.NOTED:
        key = row.token_sha256
        await window.database.write(lambda connection: session_store.seen(connection, key, now, now - sessions.NOTED))
        row = row._replace(seen_at=now)
    left = sessions.ends_at(window, row) - now
    return sessions.caller_of(window, row), int(left.total_seconds())


def _is_open(row: AnyRow) -> bool:
    """Whether person, membership and organisation are what they must be now."""
    return (row.person_state, row.membership_state, row.organisation_state) == ("active", "active", "active")


async def _refused_session(window: Window, row: AnyRow, refusal: Unauthorised) -> Unauthorised:
    if row.ended_at is None:
        await window.database.write(lambda connection: session_store.end(connection, row.token_sha256, window.clock()))
    return await _kept(window, row, refusal)


async def _kept(window: Window, row: AnyRow, refusal: RefusalT) -> RefusalT:
    await refusals.keep(window, refusal, row.token_sha256, organisation_id=row.organisation_id, actor=row.login)
    return refusal


async def _by_key(window: Window, key: str) -> Caller:
    row = await window.database.read(
        lambda connection: machine_store.with_secret(connection, sessions.digest(key[:MANY]))
    )
    if row is None or row.kind != machine_store.KEY:
        raise Unauthorised("this key is not known", "接口密钥无效")
    await _require_machine(window, row, key, row.revoked_at, row.expires_at, row.id)
    return machines.caller_of(window, row, row.scopes)


async def _by_access_token(window: Window, token: str) -> Caller:
    row = await window.database.read(
        lambda connection: session_store.of_machine(connection, sessions.digest(token[:MANY]))
    )
    if row is None:
        raise Unauthorised("this access token is not known", "访问令牌无效")
    ends = min(row.expires_at, row.machine_expires_at)
    await _require_machine(window, row, token, row.revoked_at or row.ended_at, ends, row.machine_id)
    return machines.caller_of(window, row, row.scopes)


async def _require_machine(
    window: Window, row: Any, shown: str, revoked_at: datetime | None, ends: datetime, machine_id: str
) -> None:
    """Raises KeyRevoked, KeyExpired, journalled; notes the use."""
    now = window.clock()
    refusal: Unauthorised | None = None
    if revoked_at is not None or row.organisation_state != "active":
        refusal = KeyRevoked("this key is revoked", "接口密钥已吊销")
    elif ends <= now:
        refusal = KeyExpired("this key has expired", "接口密钥已过期")
    if refusal is not None:
        actor = f"{machines.ACTOR}{row.name}"
        await refusals.keep(window, refusal, shown, organisation_id=row.organisation_id, actor=actor)
        raise refusal
    if row.used_at is None or row.used_at < now - sessions.NOTED:
        await window.database.write(
            lambda connection: machine_store.used(connection, machine_id, now, now - sessions.NOTED)
        )
