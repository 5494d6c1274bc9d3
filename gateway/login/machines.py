"""Machines of an organisation: API keys sent with each request, and OAuth2 clients that change theirs for access tokens.

A secret is shown once, when it is made, and kept as its hash. Replacing one leaves the old one open for a while, so that no
program has to stop.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.credentialerrors import NameTaken
from declarations.errors import BadRequest, MoveNotAllowed, NotFound
from declarations.faults import Fault
from gateway import ids
from gateway.database.stores import entries
from gateway.database.stores import machines as store
from gateway.database.stores import sessions as session_store
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry
from gateway.login.sessions import digest

if TYPE_CHECKING:
    from gateway.wiring import Window

KEY_PREFIX, CLIENT_PREFIX, TOKEN_PREFIX = "owk_", "owc_", "owt_"
"""What keys, clients' secrets and access tokens begin with, so that a leaked one is known for what it is."""
ACTOR = "machine:"
"""What the name of a machine begins with in what it does."""
NEVER = frozenset({"manage"})
"""No machine has it: a key that made keys would outlive whoever revokes it."""
DAYS, OVERLAP = 365, timedelta(hours=24)
OPEN_AT_MOST = 100
"""Open machines of one organisation."""
LAST = "~"
"""Sorts after every id."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; `kind` is key or client."""

    name: str
    kind: str
    scopes: Sequence[str]
    days: int = DAYS


def grantable(window: Window, kinds: str) -> frozenset[str]:
    """The permissions a machine of an organisation of these kinds can have: what roles give a client there, but NEVER."""
    here = [role.name for role in window.access.roles.values() if role.organisations & set(kinds.split())]
    return (window.access.of_roles(here) & window.access.of_token("client")) - NEVER


def caller_of(window: Window, row: Any, scopes: str) -> Caller:
    """Who calls with a machine's credential: no more than its scopes, and no more than its organisation's machines may have."""
    permissions = frozenset(scopes.split()) & grantable(window, row.kinds)
    return Caller("client", f"{ACTOR}{row.name}", row.organisation_id, permissions)


async def add(window: Window, caller: Caller, wish: Wish) -> dict[str, Any]:
    """Makes a machine; the reply is the only place where its secret stands.

    Raises BadRequest with each fault at its field, NameTaken, MoveNotAllowed for too many.
    """
    now = window.clock()

    def act(connection: Connection) -> dict[str, Any]:
        kinds = _hold(connection, caller)
        _require(wish, grantable(window, kinds))
        if store.live(connection, caller.organisation_id, now) >= OPEN_AT_MOST:
            raise MoveNotAllowed(
                f"{OPEN_AT_MOST} machines are open; revoke one first", f"接口密钥已达 {OPEN_AT_MOST} 个，请先吊销"
            )
        if store.named(connection, caller.organisation_id, wish.name, now):
            raise NameTaken(f"there is an open machine {wish.name!r}", f"已有名为 {wish.name} 的接口密钥")
        scopes = " ".join(sorted(set(wish.scopes)))
        ends = now + timedelta(days=wish.days)
        made = _make(connection, caller, wish.kind, wish.name, scopes, now, ends)
        _journal(connection, caller, "machine_added", now, machine=made["id"], name=wish.name, scopes=scopes)
        return made

    return await window.database.write(act)


async def rotate(window: Window, caller: Caller, machine_id: str, overlap: timedelta = OVERLAP) -> dict[str, Any]:
    """A new machine in the place of an open one, which ends after `overlap`: both open until then. Raises NotFound,
    MoveNotAllowed for one that has ended or was replaced."""
    now = window.clock()

    def act(connection: Connection) -> dict[str, Any]:
        kinds = _hold(connection, caller)
        old = _own(connection, caller, machine_id)
        if old.revoked_at is not None or old.expires_at <= now:
            raise MoveNotAllowed("this machine's key has ended; make a new one", "该接口密钥已失效，请重新签发")
        if _replaced(connection, old):
            raise MoveNotAllowed("this machine's key was replaced already", "该接口密钥已更换过")
        scopes = " ".join(sorted(set(old.scopes.split()) & grantable(window, kinds)))
        # as long as the old one was made for
        ends = now + max(old.expires_at - old.created_at, timedelta(days=1))
        made = _make(connection, caller, old.kind, old.name, scopes, now, ends, replaces=old.id)
        store.end_by(connection, old.id, now + overlap)
        _journal(connection, caller, "machine_rotated", now, machine=made["id"], name=old.name, replaces=old.id)
        return {**made, "old_ends_at": min(old.expires_at, now + overlap)}

    return await window.database.write(act)


async def revoke(window: Window, caller: Caller, machine_id: str) -> dict[str, Any]:
    """Ends a machine and its access tokens at once. Raises NotFound, MoveNotAllowed where it was revoked."""
    now = window.clock()

    def act(connection: Connection) -> dict[str, Any]:
        old = _own(connection, caller, machine_id)
        if not store.revoke(connection, machine_id, now):
            raise MoveNotAllowed("this machine's key is revoked already", "该接口密钥已吊销")
        session_store.end_of_machine(connection, machine_id, now)
        _journal(connection, caller, "machine_revoked", now, machine=old.id, name=old.name)
        return shown(_own(connection, caller, machine_id), now)

    return await window.database.write(act)


async def listed(window: Window, caller: Caller, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """The organisation's machines, newest first, ended ones too; without their secrets."""
    rows = await window.database.read(
        lambda connection: store.of_organisation(connection, caller.organisation_id, cursor or LAST, limit + 1)
    )
    now = window.clock()
    return {
        "items": [shown(row, now) for row in rows[:limit]],
        "next": rows[limit - 1].id if len(rows) > limit else None,
    }


def shown(row: AnyRow, now: datetime) -> dict[str, Any]:
    state, zh, en = "open", "有效", "open"
    if row.revoked_at is not None:
        state, zh, en = "revoked", "已吊销", "revoked"
    elif row.expires_at <= now:
        state, zh, en = "expired", "已过期", "expired"
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "scopes": row.scopes.split(),
        "state": state,
        "state_zh": zh,
        "state_en": en,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "replaces": row.replaces,
    }


def _make(
    connection: Connection,
    caller: Caller,
    kind: str,
    name: str,
    scopes: str,
    now: datetime,
    ends: datetime,
    replaces: str | None = None,
) -> dict[str, Any]:
    secret = (KEY_PREFIX if kind == store.KEY else CLIENT_PREFIX) + secrets.token_urlsafe(32)
    row: dict[str, Any] = {
        "id": ids.new_id(ids.MACHINE, now),
        "organisation_id": caller.organisation_id,
        "kind": kind,
        "name": name,
        "scopes": scopes,
        "secret_sha256": digest(secret),
        "created_by": caller.name,
        "created_at": now,
        "expires_at": ends,
        "replaces": replaces,
    }
    store.add(connection, row)
    return {**shown(_own(connection, caller, row["id"]), now), "secret": secret}


def _hold(connection: Connection, caller: Caller) -> str:
    held = store.hold_organisation(connection, caller.organisation_id)
    if held is None:
        raise NotFound("this needs an organisation", "该操作须以单位身份进行")
    return str(held.kinds)


def _own(connection: Connection, caller: Caller, machine_id: str) -> AnyRow:
    row = store.get(connection, machine_id, caller.organisation_id)
    if row is None:
        raise NotFound(f"there is no machine {machine_id!r}", f"没有接口密钥 {machine_id}")
    return row


def _replaced(connection: Connection, old: AnyRow) -> bool:
    return store.replacement(connection, old.organisation_id, old.id) is not None


def _require(wish: Wish, allowed: frozenset[str]) -> None:
    """Raises BadRequest with every fault of a wish, at its field."""
    found = []
    if _NAME.fullmatch(wish.name) is None:
        found.append(_fault("name", "/name", "限 40 个小写字母、数字、._-", "up to 40 of a-z, 0-9, '.', '_', '-'"))
    if wish.kind not in store.KINDS:
        found.append(_fault("kind", "/kind", "须为 key 或 client", "key or client"))
    if not wish.scopes:
        found.append(_fault("scopes", "/scopes", "至少一项权限", "at least one permission"))
    for place, scope in enumerate(wish.scopes):
        if scope not in allowed:
            can = ", ".join(sorted(allowed))
            found.append(_fault("scopes", f"/scopes/{place}", f"可用权限：{can}", f"a machine here can have: {can}"))
    if found:
        en, zh = "; ".join(each.message_en for each in found), "；".join(each.message_zh for each in found)
        raise BadRequest(en, zh, faults=found)


def _fault(item: str, pointer: str, zh: str, en: str) -> Fault:
    return Fault("bad_parameter", item, pointer, None, zh, en)


def _journal(connection: Connection, caller: Caller, code: str, now: datetime, **details: Any) -> None:
    act = entry(code, at=now, organisation_id=caller.organisation_id, actor=caller.name, **details)
    entries.add(connection, [act])
