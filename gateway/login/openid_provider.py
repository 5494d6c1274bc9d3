"""The OpenID Provider as the window's client of it: discovery, keys, codes for tokens, and what a token proves.

OpenID Connect Core 1.0 (authorization code flow), Discovery 1.0; PKCE by RFC 7636; issuer in the answer by RFC 9207. One
signature algorithm is taken, the configured one; what a token or a key says about algorithms only ever narrows that.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import jwt
import jwt.types
import orjson

from declarations.errors import BadConfiguration
from declarations.loginerrors import (
    LoginMethodOff,
    OpenIdRefused,
    OpenIdTokenAlgorithm,
    OpenIdTokenExpired,
    OpenIdTokenOfAnother,
    OpenIdTokenRefused,
    OpenIdTokenReplayed,
    OpenIdUnavailable,
)
from gateway.clock import Clock
from gateway.config import Settings

SECONDS = 10.0
"""What one question to the provider may take."""
LARGEST = 262_144
"""Bytes of one answer."""
KEPT_SECONDS = 3600.0
"""How long what it says about itself and its keys are kept."""
LEEWAY = 60.0
"""Seconds by which its clock may differ from ours."""
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_KINDS: dict[type[Exception], type[OpenIdTokenRefused]] = {
    jwt.InvalidAlgorithmError: OpenIdTokenAlgorithm,
    jwt.InvalidAudienceError: OpenIdTokenOfAnother,
    jwt.InvalidIssuerError: OpenIdTokenOfAnother,
}
_PROVED: jwt.types.Options = {
    "require": ["exp", "iat", "iss", "aud", "sub", "nonce"],
    "enforce_minimum_key_length": True,
    # by our clock, below
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class Provider:
    """One of a window. Raises BadConfiguration for settings that are not complete; nothing is asked before somebody logs in."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.issuer = settings.oidc_issuer
        self.client_id = settings.oidc_client_id
        self.redirect_uri = f"{settings.public_address}/api/v1/login/openid/callback"
        self._algorithm = settings.oidc_algorithm
        self._clock = clock
        self._secret = _secret(settings.secrets_dir / "oidc" / "client_secret") if self.issuer else ""
        self._metadata: dict[str, Any] = {}
        self._metadata_at = 0.0
        self._keys: list[dict[str, Any]] = []
        self._keys_at = 0.0
        if self.issuer and not (_safe(self.issuer) and self.client_id):
            raise BadConfiguration(
                "ONEWINDOW_OIDC_ISSUER must be an https address, and ONEWINDOW_OIDC_CLIENT_ID name this window there",
                "ONEWINDOW_OIDC_ISSUER 必须是 https 地址，并须设置 ONEWINDOW_OIDC_CLIENT_ID",
            )

    def require_on(self) -> None:
        """Raises LoginMethodOff where no provider is configured."""
        if not self.issuer:
            raise LoginMethodOff("this window has no OpenID Provider", "本系统未启用 OpenID Connect 登录")

    async def metadata(self) -> dict[str, Any]:
        """What it says about itself; raises OpenIdUnavailable."""
        if not self._metadata or time.monotonic() - self._metadata_at > KEPT_SECONDS:
            found = await self._ask("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer or not all(_safe(str(found.get(name))) for name in ENDPOINTS):
                raise _unavailable("it names another issuer, or addresses that are not safe")
            self._metadata, self._metadata_at = found, time.monotonic()
        return self._metadata

    async def tokens(self, code: str, verifier: str) -> dict[str, Any]:
        """What it gives for a code. Raises OpenIdRefused for a code it does not take, OpenIdUnavailable."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._secret and "client_secret_basic" in methods:
            pair = f"{quote(self.client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.client_id
            if self._secret:
                form["client_secret"] = self._secret
        return await self._ask("POST", metadata["token_endpoint"], headers, form)

    async def claims(self, tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Who it is, proved: the claims of the ID token, with the e-mail address where only the userinfo endpoint tells it.

        Raises OpenIdTokenRefused, OpenIdUnavailable.
        """
        claims = await self._proved(str(tokens.get("id_token") or ""), nonce)
        endpoint = (await self.metadata()).get("userinfo_endpoint")
        if "email" not in claims and _safe(str(endpoint)) and isinstance(tokens.get("access_token"), str):
            more = await self._ask("GET", str(endpoint), {"Authorization": f"Bearer {tokens['access_token']}"})
            # 5.3.2: what is said about another subject must not be used
            if more.get("sub") == claims["sub"]:
                claims |= {name: more[name] for name in ("email", "email_verified") if name in more}
        return claims

    async def _proved(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(jwt.get_unverified_header(token).get("kid")),
                algorithms=[self._algorithm],
                audience=self.client_id,
                issuer=self.issuer,
                options=_PROVED,
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            kinds = (cls for known, cls in _KINDS.items() if isinstance(error, known))
            raise _not_taken(str(error), next(kinds, OpenIdTokenRefused)) from error
        now = self._clock().timestamp()
        times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
        if not all(isinstance(each, int | float) for each in times):
            raise _not_taken("a time is no number")
        if now > claims["exp"] + LEEWAY or now < max(claims["iat"], times[2]) - LEEWAY:
            raise _not_taken("it has expired, or is not valid yet", OpenIdTokenExpired)
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise _not_taken("the nonce is of another log-in", OpenIdTokenReplayed)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.client_id:
            raise _not_taken("it was made for another client", OpenIdTokenOfAnother)
        return claims

    async def _key(self, kid: object) -> jwt.PyJWK:
        """The one key of this name; raises jwt.InvalidKeyError when there is none."""
        # tokens come from the provider itself, so an unknown key is a new one and no stranger's question
        if not self._fitting(kid) or time.monotonic() - self._keys_at > KEPT_SECONDS:
            await self._fetch_keys()
        found = self._fitting(kid)
        if len(found) != 1:
            raise jwt.InvalidKeyError("no one key fits")
        return jwt.PyJWK(found[0], algorithm=self._algorithm)

    def _fitting(self, kid: object) -> list[dict[str, Any]]:
        return [
            key
            for key in self._keys
            if (kid is None or key.get("kid") == kid)
            and key.get("use", "sig") == "sig"
            and key.get("alg", self._algorithm) == self._algorithm
        ]

    async def _fetch_keys(self) -> None:
        found = (await self._ask("GET", (await self.metadata())["jwks_uri"])).get("keys")
        self._keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
        self._keys_at = time.monotonic()

    async def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON object it answers with; raises OpenIdUnavailable, and OpenIdRefused when it is an OAuth refusal."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
                session.request(method, url, headers=headers, data=form, allow_redirects=False) as reply,
            ):
                body = b""
                async for chunk in reply.content.iter_any():
                    body += chunk
                    if len(body) > LARGEST:
                        raise _unavailable("its answer is too long")
                status = reply.status
            content = orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _unavailable(type(error).__name__) from error
        if not isinstance(content, dict):
            raise _unavailable("its answer is no object")
        if status == 400 and form is not None:
            raise OpenIdRefused(
                "the OpenID Provider did not take its own code; begin again",
                "OpenID 提供方未接受授权码，请重新登录",
                details={"error": named(content.get("error"))},
            )
        if status != 200:
            raise _unavailable(f"it answered {status}")
        return content


def named(error: object) -> str:
    """An OAuth error code as it may be shown: what others wrote is not repeated as it is."""
    text = str(error)[:40]
    return text if text.replace("_", "").isalpha() and text.isascii() else "unknown"


def _safe(address: str) -> bool:
    """Whether it is https, or on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "http":
        try:
            return ipaddress.ip_address(parts.hostname or "").is_loopback
        except ValueError:
            return parts.hostname == "localhost"
    return parts.scheme == "https" and bool(parts.hostname)


def _secret(path: Path) -> str:
    """The client's secret; empty where there is no file: a public client, which PKCE protects."""
    try:
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""
    except (OSError, ValueError) as error:
        raise BadConfiguration(
            f"secret {path} cannot be read: {error}", f"密钥文件 {path} 无法读取：{error}"
        ) from error


def _unavailable(reason: str) -> OpenIdUnavailable:
    return OpenIdUnavailable(f"the OpenID Provider cannot be used now: {reason}", f"OpenID 提供方暂不可用：{reason}")


def _not_taken(reason: str, kind: type[OpenIdTokenRefused] = OpenIdTokenRefused) -> OpenIdTokenRefused:
    return kind(f"the OpenID Provider's token proves nothing: {reason}", f"OpenID 提供方的令牌无效：{reason}")
