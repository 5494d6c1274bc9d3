"""OAuth2 client credentials (RFC 6749 section 4.4): a machine's id and secret, changed for an access token that ends soon."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from sqlalchemy import Connection

from gateway import refusals
from gateway.database.stores import entries
from gateway.database.stores import machines as store
from gateway.database.stores import sessions as session_store
from gateway.database.types import AnyRow
from gateway.journal import entry
from gateway.login.machines import ACTOR, TOKEN_PREFIX, grantable
from gateway.login.sessions import digest

if TYPE_CHECKING:
    from gateway.wiring import Window

GRANT = "client_credentials"
FORM = "application/x-www-form-urlencoded"
METHOD = "client_credentials"


class TokenRefused(Exception):
    """A refusal in the words of RFC 6749 section 5.2."""

    def __init__(self, error: str, en: str, zh: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.en, self.zh, self.status = error, en, zh, status

    def as_dict(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.en, "error_description_zh": self.zh}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client sent. `scopes` None: all it has."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: frozenset[str] | None


def read(body: bytes, media_type: str, authorization: str | None) -> Asked:
    """A token request; raises TokenRefused."""
    if media_type != FORM:
        raise _invalid(f"send {FORM}", f"请以 {FORM} 提交")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20, errors="strict"
        )
    except ValueError:
        raise _invalid("the form cannot be read", "无法读取表单") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        # RFC 6749 section 3.2: parameters must not stand more than once
        raise _invalid("a parameter stands twice", "参数重复")
    if "grant_type" not in form:
        raise _invalid("grant_type is missing", "缺少 grant_type")
    if form["grant_type"] != GRANT:
        raise TokenRefused("unsupported_grant_type", f"only {GRANT}", f"仅支持 {GRANT}")
    scopes = frozenset(form["scope"].split()) if form.get("scope") else None
    if authorization is not None:
        if "client_secret" in form:
            raise _invalid("the client stands in two places", "客户端凭证重复")
        return Asked(*_basic(authorization), scopes)
    if not form.get("client_id") or not form.get("client_secret"):
        raise _unknown()
    return Asked(form["client_id"], form["client_secret"], scopes)


async def issue(window: Window, asked: Asked) -> dict[str, Any]:
    """An access token of this client; raises TokenRefused. Journalled."""
    now = window.clock()
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)

    def act(connection: Connection) -> dict[str, Any] | TokenRefused:
        row = store.with_secret(connection, digest(asked.client_secret))
        if row is None:
            return _unknown()
        actor = f"{ACTOR}{row.name}"
        if row.kind != store.CLIENT or row.id != asked.client_id:
            _note(connection, now, row, "invalid_client")
            return _unknown()
        if row.revoked_at is not None or row.organisation_state != "active":
            _note(connection, now, row, "key_revoked")
            return TokenRefused("invalid_client", "this client was revoked", "客户端凭证已吊销", 401)
        if row.expires_at <= now:
            _note(connection, now, row, "key_expired")
            return TokenRefused("invalid_client", "this client has expired", "客户端凭证已过期", 401)
        own = frozenset(row.scopes.split()) & grantable(window, row.kinds)
        scopes = own if asked.scopes is None else asked.scopes
        if not scopes or scopes - own:
            return TokenRefused("invalid_scope", "the client does not have this scope", "客户端没有所请求的权限")
        ends = min(now + timedelta(minutes=window.settings.access_token_minutes), row.expires_at)
        given = " ".join(sorted(scopes))
        session_store.add(
            connection,
            {
                "token_sha256": digest(token),
                "kind": session_store.MACHINE,
                "machine_id": row.id,
                "organisation_id": row.organisation_id,
                "method": METHOD,
                "scopes": given,
                "created_at": now,
                "seen_at": now,
                "expires_at": ends,
            },
        )
        store.used(connection, row.id, now, now)
        done = entry("machine_logged_in", at=now, organisation_id=row.organisation_id, actor=actor, scopes=given)
        entries.add(connection, [done])
        seconds = int((ends - now).total_seconds())
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": given}

    found = await window.database.write(act)
    if isinstance(found, TokenRefused):
        raise found
    return found


def _note(connection: Connection, now: datetime, row: AnyRow, reason: str) -> None:
    actor = f"{ACTOR}{row.name}"
    act = entry("credential_refused", at=now, organisation_id=row.organisation_id, actor=actor, reason=reason)
    refusals.note(connection, row.id, act)


def _basic(authorization: str) -> tuple[str, str]:
    """Id and secret of HTTP Basic, each form-encoded (RFC 6749 section 2.3.1)."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _unknown()
    try:
        client_id, colon, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        found = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise _unknown() from None
    if not colon:
        raise _unknown()
    return found


def _unknown() -> TokenRefused:
    return TokenRefused(
        "invalid_client", "this client is not known, or its secret is wrong", "客户端未知或密钥错误", 401
    )


def _invalid(en: str, zh: str) -> TokenRefused:
    return TokenRefused("invalid_request", en, zh)
