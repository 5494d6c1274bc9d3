"""How often anybody may ask: token buckets by address, by organisation, and by address at the doors that nobody logs in for.

In memory, of one program: with several API processes each counts for itself. Callers on the machine itself are not limited unless
`rate_limit_loopback` says so. Behind a terminator the address is the forwarded one (`trusted_proxies`).
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from declarations.errors import TooManyRequests
from gateway.config import Settings

KEPT = 20_000
"""Buckets of one kind; the one not asked for longest gives way. It would be full again long before so many others came."""
BURST_SECONDS = 2
"""How many seconds' worth may come at once."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Buckets:
    """One kind of limit: `rate` in a second, `burst` at once, for each key. A rate of 0 limits nothing."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Takes one; the seconds until there is one again, 0 when it was there."""
        if not self._rate:
            return 0.0
        now = self._now()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
            bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0.0
        return (1 - bucket.left) / self._rate

    def __len__(self) -> int:
        return len(self._buckets)


class Limiter:
    """The limits of one program."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._loopback = settings.rate_limit_loopback
        by_address, by_organisation = settings.rate_per_address, settings.rate_per_organisation
        self._addresses = Buckets(by_address, by_address * BURST_SECONDS, now)
        self._organisations = Buckets(by_organisation, by_organisation * BURST_SECONDS, now)
        self._public = Buckets(settings.rate_public_per_minute / 60, settings.rate_public_per_minute, now)

    def require_address(self, address: str | None) -> None:
        """One request from an address, before anything else is known of it. Raises TooManyRequests."""
        if self._limited(address):
            _require(self._addresses.take(network(address or "")), "address")

    def require_public(self, address: str | None) -> None:
        """One act from an address at a door that is open to all. Raises TooManyRequests."""
        if self._limited(address):
            _require(self._public.take(network(address or "")), "public")

    def require_organisation(self, name: str, address: str | None) -> None:
        """One request of an organisation (of an agency, an operator). Raises TooManyRequests."""
        if self._limited(address):
            _require(self._organisations.take(name), "organisation")

    def _limited(self, address: str | None) -> bool:
        return self._loopback or not _is_loopback(address or "")


def _require(seconds: float, limit: str) -> None:
    if seconds:
        raise TooManyRequests(
            "too many requests; wait as long as Retry-After says", "请求过于频繁，请按 Retry-After 稍后再试",
            details={"limit": limit}, retry_after=math.ceil(seconds),
        )  # fmt: skip


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
        return (getattr(found, "ipv4_mapped", None) or found).is_loopback
    except ValueError:
        # a socket in the file system
        return not address


def network(address: str) -> str:
    """Who counts as one: an address; of IPv6 its /64, which one subscriber has to himself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6:
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
