"""Calls to addresses that a customer gave: to public machines only, whatever names resolve to and wherever replies point.

A name is resolved once and the connection goes to the address that was checked (no second look-up that could answer otherwise).
Redirects are not followed, proxies of the environment not used. Addresses that the operator sets (OpenID Provider, timestamps,
agencies) are not a customer's and may be inside: they do not come here.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from declarations.errors import AgencyUnavailable, ForbiddenAddress

PORTS = frozenset({443, 8443})
LONGEST_URL = 2_000
SECONDS = 10.0
LARGEST_REPLY = 65_536
"""Bytes; the rest is not read."""
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_INSIDE_OF_CLOUDS = {ipaddress.ip_address("168.63.129.16")}
"""Public by its number, and a cloud's own service all the same."""
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, its beginning at least."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses, or not at all."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name; one that is not public condemns the name. Raises ForbiddenAddress and OSError."""
        found = await self._inner.resolve(host, port, family)
        for each in found:
            require_public(each["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def require_url(url: str, *, ports: frozenset[int] = PORTS) -> SplitResult:
    """The parts of an address that may be called, as far as its text shows: https, a port of `ports`, nobody's password in it, no
    address that is not public. Raises ForbiddenAddress. To be asked when a customer gives it; `call` asks again."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise _forbidden("it is no URL", "不是有效的网址") from None
    # also what urlsplit drops silently
    if len(url) > LONGEST_URL or not url.isascii() or any(character <= " " or character == "\\" for character in url):
        raise _forbidden("it is no URL", "不是有效的网址")
    if parts.scheme != "https" or not parts.hostname:
        raise _forbidden("it must begin with https://", "必须以 https:// 开头")
    if parts.username is not None or parts.password is not None:
        raise _forbidden("no name or password may stand in it", "不得包含用户名或密码")
    if port not in ports:
        said = ", ".join(map(str, sorted(ports)))
        raise _forbidden(f"its port must be one of {said}", f"端口必须是 {said} 之一")
    if _looks_numeric(parts.hostname):
        require_public(parts.hostname)
    return parts


def require_public(address: str) -> None:
    """Returns for an address of the public internet. Raises ForbiddenAddress for private, loopback, link-local, multicast and
    reserved ones, for those of clouds' own services, and for IPv6 addresses that hold one of these."""
    try:
        found: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        raise _forbidden("it is no address", "不是有效的 IP 地址") from None
    for each in _meant(found):
        if not each.is_global or each.is_multicast or each.is_reserved or each in _INSIDE_OF_CLOUDS:
            raise _forbidden("it is not on the public internet", "不是公网地址")


def public_connector(names: AbstractResolver | None = None, **how: Any) -> aiohttp.TCPConnector:
    """Connects to public machines only, to each call anew. `names`: another resolver than the system's; `how`: what else aiohttp
    takes, as `ssl` for a customer's own authority."""
    return aiohttp.TCPConnector(resolver=PublicResolver(names), use_dns_cache=False, force_close=True, **how)


async def call(
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    connector: aiohttp.TCPConnector | None = None,
    ports: frozenset[int] = PORTS,
) -> Reply:
    """One request to a customer's address. Raises ForbiddenAddress, and AgencyUnavailable when it does not answer in time, or
    shows no certificate of an authority that is trusted.

    `connector`: one of `public_connector`, closed with the call; by default one that trusts the system's authorities.
    """
    require_url(url, ports=ports)
    connector = connector or public_connector()
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            session.request(method, url, data=body, headers=headers, allow_redirects=False) as reply,
        ):
            return Reply(reply.status, dict(reply.headers), await _beginning(reply.content))
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise AgencyUnavailable(f"{url} does not answer: {type(error).__name__}", f"{url} 无响应") from error


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    found = b""
    while len(found) < LARGEST_REPLY and (chunk := await content.read(LARGEST_REPLY - len(found))):
        found += chunk
    return found


def _meant(address: _Address) -> list[_Address]:
    """The address, and the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    found: list[_Address] = [address]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found += address.teredo
    if any(address in network for network in _NAT64):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def _looks_numeric(host: str) -> bool:
    """Whether a resolver would take it for a number: `2130706433`, `0x7f.1` and `127.1` are 127.0.0.1 to it."""
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdigit() or last.lower().startswith("0x")


def _forbidden(why: str, why_zh: str) -> ForbiddenAddress:
    return ForbiddenAddress(f"the window does not call this address: {why}", f"系统不会访问该地址：{why_zh}")
