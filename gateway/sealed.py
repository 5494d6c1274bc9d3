"""The form of a sealed value: compressed where that is shorter, then AES-256-GCM under a data key, bound to its place.

    magic 4 | how 1 | id of the data key 27 | nonce 12 | ciphertext and tag

`how` is 1 where the plaintext was compressed (zstd, level 1), else 0. Everything before the nonce and the place (which column of
which row) are authenticated: a value that was altered, cut, or moved to another row does not open. XML and JSON cannot begin with
the magic, so what was stored before payloads were sealed is told from what is sealed.
"""

from __future__ import annotations

import os
import threading

import orjson
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from declarations.errors import SealedDataUnreadable

MAGIC = b"\x00ow\x01"
PLAIN, COMPRESSED = 0, 1
KEY_ID = 27
"""Characters of a data key's id (`gateway.ids`)."""
NONCE = 12
HEAD = len(MAGIC) + 1 + KEY_ID
COMPRESSED_FROM = 512
"""Bytes below which compression costs more than it saves."""


class _Compression(threading.local):
    """The library's objects serve one thread at a time."""

    def __init__(self) -> None:
        self.shrink = zstandard.ZstdCompressor(level=1)
        self.grow = zstandard.ZstdDecompressor()


_compression = _Compression()


def place(table: str, column: str, row: tuple[str | int, ...]) -> bytes:
    """The place of a value: a column of one row."""
    return orjson.dumps([table, column, *row])


def is_sealed(stored: bytes) -> bool:
    return stored.startswith(MAGIC)


def key_id_of(stored: bytes) -> str:
    """The data key a sealed value was sealed under; raises SealedDataUnreadable when that cannot be told."""
    if len(stored) < HEAD + NONCE:
        raise unreadable("it is cut off", "内容不完整")
    key_id = stored[len(MAGIC) + 1 : HEAD]
    # it is named in refusals: only what can be an id
    if not key_id.isalnum():
        raise unreadable("its head is damaged", "头部已损坏")
    return key_id.decode("ascii")


def seal(key: AESGCM, key_id: str, at: bytes, plain: bytes) -> bytes:
    """`plain` under a key, for one place."""
    how, content = PLAIN, plain
    if len(plain) >= COMPRESSED_FROM:
        shorter = _compression.shrink.compress(plain)
        if len(shorter) < len(plain):
            how, content = COMPRESSED, shorter
    head = b"%b%c%b" % (MAGIC, how, key_id.encode())
    nonce = os.urandom(NONCE)
    return head + nonce + key.encrypt(nonce, content, head + at)


def unseal(key: AESGCM, at: bytes, stored: bytes) -> bytes:
    """What was sealed for this place; raises SealedDataUnreadable when it was altered or belongs elsewhere."""
    nonce = stored[HEAD : HEAD + NONCE]
    try:
        content = key.decrypt(nonce, stored[HEAD + NONCE :], stored[:HEAD] + at)
    except InvalidTag:
        raise unreadable(
            "it was altered, or belongs to another row or another key", "内容被改动，或不属于该记录、该密钥"
        ) from None
    # how it was made is authenticated, so what grows here is what was put in
    return _compression.grow.decompress(content) if stored[len(MAGIC)] == COMPRESSED else content


def unreadable(en: str, zh: str) -> SealedDataUnreadable:
    return SealedDataUnreadable(f"what is stored here cannot be read: {en}", f"所存内容无法读取：{zh}")
