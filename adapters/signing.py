"""Signatures over the exact bytes of a message: HMAC-SHA256, header `Onewindow-Signature: sha256=<hex>`.

Detached, so that what was signed is what is stored: no canonical form stands between the bytes and their proof.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Onewindow-Signature"
_SCHEME = "sha256="


def sign(key: bytes, body: bytes) -> str:
    """The header value for `body`: `sha256=` and 64 hex digits. An empty key is a ValueError: it proves nothing."""
    if not key:
        raise ValueError("an empty key signs nothing")
    return _SCHEME + hmac.new(key, body, hashlib.sha256).hexdigest()


def verify(key: bytes, body: bytes, header: str | None) -> bool:
    """True when `header` is the signature of exactly these bytes; takes the same time wherever it differs."""
    if not key or not header:
        return False
    return hmac.compare_digest(sign(key, body).encode(), header.strip().encode("utf-8", "replace"))
