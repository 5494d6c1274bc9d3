"""Logging in through the OpenID Provider, and linking an account to it.

The browser keeps the one secret of a round trip in a cookie; nonce and PKCE verifier follow from it, and the window keeps hashes
only. So an answer is taken from the browser that began, once, within ten minutes, and from no other. Accounts are never made
here: an identity is linked by whoever is logged in, or found by an e-mail address that the provider has verified.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.responses import RedirectResponse, Response

from declarations.errors import BadRequest
from declarations.loginerrors import IdentityTaken, OpenIdAccountUnknown, OpenIdRefused, OpenIdStateUnknown
from gateway import ids
from gateway.config import Settings
from gateway.database.stores import challenges, entries, identities
from gateway.database.stores.identities import OIDC
from gateway.identity import Caller
from gateway.journal import entry
from gateway.login.entering import enter_and_go, person_of
from gateway.login.linked import Linkable
from gateway.login.openid_provider import named
from gateway.wiring import Window

LINKED = Linkable(OIDC, ("oidc",), "openid_unlinked", "identity", "身份")
OPEN = timedelta(minutes=10)
SCOPES = "openid email"
LONGEST = 4096
"""Characters of a code."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and what it must bring back."""

    url: str
    cookie: str


def cookie_name(settings: Settings) -> str:
    """`__Host-`: of exactly this host, by TLS."""
    return "__Host-onewindow-openid" if settings.tls else "onewindow-openid"


def set_cookie(settings: Settings, response: Response, value: str) -> None:
    """An empty value takes it away. Lax: it must come back with the provider's redirect."""
    age = int(OPEN.total_seconds()) if value else 0
    response.set_cookie(cookie_name(settings), value, max_age=age, secure=settings.tls, httponly=True, samesite="lax")


async def begin(window: Window, path: str, caller: Caller | None = None) -> Begun:
    """A round trip that ends on a page of ours; of `caller`, to link his account. Raises LoginMethodOff, OpenIdUnavailable."""
    window.openid.require_on()
    metadata = await window.openid.metadata()
    state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    details = {
        "browser": challenges.digest(browser),
        "path": _own(path),
        "person_id": person_of(caller) if caller is not None else None,
        "by": caller.name if caller is not None else None,
        "organisation_id": (caller.organisation_id or None) if caller is not None else None,
    }
    expires_at = window.clock() + OPEN
    await window.database.write(
        lambda connection: challenges.add(connection, state, challenges.OIDC, details, expires_at)
    )
    digest = hashlib.sha256(_of(browser, "verifier", state).encode()).digest()
    wish = {
        "response_type": "code",
        "client_id": window.openid.client_id,
        "redirect_uri": window.openid.redirect_uri,
        "scope": SCOPES,
        "state": state,
        "nonce": _of(browser, "nonce", state),
        "code_challenge": _base64(digest),
        "code_challenge_method": "S256",
    }
    address = metadata["authorization_endpoint"]
    return Begun(f"{address}{'&' if '?' in address else '?'}{urlencode(wish)}", browser)


async def finish(window: Window, given: Mapping[str, str], browser: str) -> Response:
    """The provider's answer, brought by the browser: a session, or another link of the account, and on to a page of ours.

    Raises OpenIdRefused, OpenIdUnavailable, IdentityTaken.
    """
    window.openid.require_on()
    facts: dict[str, Any] = {}
    try:
        details = await _taken(window, given.get("state", ""), browser)
        claims = await _proved(window, given, browser)
        facts["subject"] = hashlib.sha256(str(claims["sub"]).encode()).hexdigest()
        person_id = await _account(window, claims, details)
    except (OpenIdRefused, IdentityTaken) as error:
        row = entry("openid_login_refused", at=window.clock(), reason=error.code, **facts)
        await window.database.write(lambda connection: entries.add(connection, [row]))
        raise
    if details["person_id"] is not None:
        return RedirectResponse(details["path"], 303)
    return await enter_and_go(window, person_id, "oidc", details["path"])


async def _taken(window: Window, state: str, browser: str) -> dict[str, Any]:
    """What was begun with this state in this browser."""
    details = await window.database.write(
        lambda connection: challenges.take(connection, state, challenges.OIDC, window.clock())
    )
    if details is None or not hmac.compare_digest(details["browser"], challenges.digest(browser)):
        raise OpenIdStateUnknown(
            "this browser began no such log-in, or it is over; begin again", "该登录请求不存在或已失效，请重新登录"
        )
    return details


async def _proved(window: Window, given: Mapping[str, str], browser: str) -> dict[str, Any]:
    """Who the provider says it is."""
    metadata = await window.openid.metadata()
    needed = metadata.get("authorization_response_iss_parameter_supported") is True
    if given.get("iss", None if needed else window.openid.issuer) != window.openid.issuer:
        raise OpenIdRefused("this is another provider's answer", "该应答来自其他 OpenID 提供方")
    code = given.get("code", "")
    if "error" in given or not 0 < len(code) <= LONGEST:
        raise OpenIdRefused(
            "the OpenID Provider did not let you in",
            "OpenID 提供方未允许登录",
            details={"error": named(given.get("error", "no_code"))},
        )
    tokens = await window.openid.tokens(code, _of(browser, "verifier", given["state"]))
    return await window.openid.claims(tokens, _of(browser, "nonce", given["state"]))


async def _account(window: Window, claims: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """The person this identity opens, linked now where somebody logged in wishes it or a verified address finds him."""
    identity = f"{window.openid.issuer} {claims['sub']}"
    now = window.clock()

    def act(connection: Connection) -> str:
        found = identities.find(connection, OIDC, identity)
        wished = details["person_id"]
        if found is not None:
            if wished is not None and found.person_id != wished:
                raise _taken_already()
            if found.state != "active":
                raise _unknown()
            identities.used(connection, found.id, now)
            return str(found.person_id)
        by, person_id = details["by"], wished
        if person_id is None:
            person = identities.person_with_email(connection, _verified_email(window.settings, claims))
            if person is None:
                raise _unknown()
            by, person_id = person.login, person.id
        row = {
            "id": ids.new_id(ids.CREDENTIAL, now),
            "person_id": person_id,
            "kind": OIDC,
            "identity": identity,
            "label": window.openid.issuer,
            "created_at": now,
            "used_at": now,
        }
        identities.add(connection, row)
        how = "email" if wished is None else "logged_in"
        linked = entry(
            "openid_linked",
            at=now,
            organisation_id=details["organisation_id"],
            actor=by,
            credential=row["id"],
            how=how,
        )
        entries.add(connection, [linked])
        return str(person_id)

    try:
        return await window.database.write(act)
    except IntegrityError as error:
        raise _taken_already() from error


def _verified_email(settings: Settings, claims: Mapping[str, Any]) -> str:
    """The address in lower case, if it may find an account; raises OpenIdAccountUnknown."""
    email = claims.get("email")
    if not settings.oidc_link_by_email or claims.get("email_verified") is not True or not isinstance(email, str):
        raise _unknown()
    return email.strip().lower()


def _unknown() -> OpenIdAccountUnknown:
    return OpenIdAccountUnknown(
        "no account here is linked to that identity; log in otherwise and link it",
        "该身份未绑定账户，请用其他方式登录后绑定",
    )


def _taken_already() -> IdentityTaken:
    return IdentityTaken("this identity is linked to another account", "该身份已绑定其他账户")


def _own(path: str) -> str:
    """A path of ours to go on to; raises BadRequest for one that leads elsewhere."""
    if not path.startswith("/") or path.startswith("//") or not path.isascii() or any(c in path for c in "\\\r\n\t "):
        raise BadRequest("`next` is a path of this window, as /docs", "next 应为本系统内的路径，例如 /docs")
    return path


def _of(browser: str, purpose: str, state: str) -> str:
    """A value that only this browser's secret gives, for one purpose of one round trip."""
    return _base64(hmac.digest(browser.encode(), f"{purpose} {state}".encode(), "sha256"))


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
