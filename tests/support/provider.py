"""OpenID Providers for tests: npm's `oidc-provider` in a process of its own, and one that says whatever a test wants."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

from scripts.services import oidc

CLIENT, SECRET = "onewindow", "a secret of the test / with + signs"
START_SECONDS = 30.0
Person = dict[str, Any]


@asynccontextmanager
async def real_provider(port: int, redirect_uri: str, people: list[Person], secret: str = SECRET) -> AsyncIterator[str]:
    """Runs it; gives the issuer. `people`: sub, email, email_verified. A second one on the same port has other keys."""
    method = {"client_secret": secret} if secret else {"token_endpoint_auth_method": "none"}
    client = {"client_id": CLIENT, "redirect_uris": [redirect_uri], **method}
    command, environment = oidc.command(json.dumps({"port": port, "clients": [client], "accounts": people}))
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        assert line == b"ready\n", f"the provider did not start: {line!r}"
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def visit(url: str, hint: str, window_url: str) -> str:
    """A browser at the provider, which asks who it is; the address of the window it is sent back to."""
    # the hint stands for what somebody types there
    address = f"{url}&login_hint={hint}"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        for _ in range(10):
            async with browser.get(address, allow_redirects=False) as reply:
                assert reply.status in (302, 303), (reply.status, await reply.text())
                address = str(reply.url.join(URL(reply.headers["Location"], encoded=True)))
            if address.startswith(window_url):
                return address
    raise AssertionError("the provider goes in circles")


@dataclass
class Liar:
    """A provider that a test makes say what it wants: everything that is not changed is as it should be."""

    issuer: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"kid": "one"})
    algorithm: str = "RS256"
    signing_key: Any = None
    keys: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    tokens_reply: web.Response | None = None
    moved: bool = False
    """Its token endpoint sends on to another address, which gives what it should."""
    padding: int = 0
    """Bytes of white space in front of its tokens."""
    nonce: str = ""
    now: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)
    keys_asked: int = 0

    def see(self, url: str) -> str:
        """Takes note of a log-in that begins; the state."""
        query = parse_qs(urlsplit(url).query)
        self.nonce = query["nonce"][0]
        return query["state"][0]

    async def discovery(self, _: web.Request) -> web.Response:
        names = {
            "authorization_endpoint": "auth",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "userinfo_endpoint": "me",
        }
        addresses = {name: f"{self.issuer}/{path}" for name, path in names.items()}
        return web.json_response({"issuer": self.issuer, **addresses, **self.metadata})

    async def jwks(self, _: web.Request) -> web.Response:
        self.keys_asked += 1
        own = {**jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": "one", "use": "sig"}
        return web.json_response({"keys": [own] if self.keys is None else self.keys})

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if self.tokens_reply is not None:
            return self.tokens_reply
        if self.moved and request.path == "/token":
            return web.Response(status=302, headers={"Location": f"{self.issuer}/moved"})
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "s-1",
            "nonce": self.nonce,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "email": "liming@example.cn",
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = self.token or self._signed(claims)
        tokens = json.dumps({"access_token": "at", "token_type": "Bearer", "id_token": token})
        return web.Response(text=" " * self.padding + tokens, content_type="application/json")

    def _signed(self, claims: dict[str, Any]) -> str:
        """By hand: a library would not make what must be refused."""
        header = {"typ": "JWT", "alg": self.algorithm, **self.header}
        text = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        key = self.signing_key or self.key
        match self.algorithm:
            case "none":
                signature = b""
            case "HS256":
                public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                signature = hmac.digest(public, text.encode(), "sha256")
            case _:
                over = hashes.SHA512() if self.algorithm == "RS512" else hashes.SHA256()
                signature = key.sign(text.encode(), padding.PKCS1v15(), over)
        return f"{text}.{_base64(signature)}"

    async def me(self, _: web.Request) -> web.Response:
        return web.json_response(self.userinfo)


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@asynccontextmanager
async def lying_provider() -> AsyncIterator[Liar]:
    """Serves one on a free port."""
    liar = Liar()
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", liar.discovery),
            web.get("/jwks", liar.jwks),
            web.post("/token", liar.give),
            web.get("/moved", liar.give),
            web.get("/me", liar.me),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    liar.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield liar
    finally:
        await runner.cleanup()
