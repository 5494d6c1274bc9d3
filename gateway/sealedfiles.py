"""Sealed files that outlive the database: the wrapped data key stands at the head, so that the master key alone opens them.

    onewindow-sealed-1 {"key": …, "owner": …, "master": …, "wrapped": …}\\n  then a sealed value (`gateway.sealed`)

What is wrapped there stays under the master key of the day it was written: that key is kept as long as the file.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway import sealed
from gateway.masters import Masters

MAGIC = b"onewindow-sealed-1 "


def about(key_id: str, owner: str) -> bytes:
    """What a wrapped data key is bound to."""
    return sealed.place("data_key", "wrapped", (key_id, owner))


def unwrap(masters: Masters, key_id: str, owner: str, master_id: str, wrapped: bytes) -> bytes:
    """A data key; raises SealedDataUnreadable when its master key is not here or it was altered."""
    master = masters.get(master_id)
    if master is None:
        raise sealed.unreadable(f"master key {master_id} is not here", f"缺少主密钥 {master_id}")
    key = master.unwrap(wrapped, about(key_id, owner))
    if key is None:
        raise sealed.unreadable(f"its key {key_id} was altered", f"密钥 {key_id} 被改动")
    return key


def write(row: Any, key: AESGCM, place: bytes, plain: bytes) -> bytes:
    """The bytes of a file; `row` is the data key's, as the database has it."""
    head = {
        "key": row.id,
        "owner": row.owner,
        "master": row.master_id,
        "wrapped": base64.b64encode(bytes(row.wrapped)).decode(),
    }
    return MAGIC + orjson.dumps(head) + b"\n" + sealed.seal(key, row.id, place, plain)


@dataclass(frozen=True, slots=True)
class Parts:
    """A sealed file, not opened yet."""

    key: str
    owner: str
    master: str
    wrapped: bytes
    content: bytes

    def open(self, place: bytes, key: bytes) -> bytes:
        """What it holds, under its data key; raises SealedDataUnreadable."""
        return sealed.unseal(AESGCM(key), place, self.content)

    def own_key(self, masters: Masters) -> bytes:
        """Its data key, with nothing but a master key."""
        return unwrap(masters, self.key, self.owner, self.master, self.wrapped)


def read(stored: bytes) -> Parts | None:
    """The parts of a sealed file, None when it is none: written before files were sealed. Raises SealedDataUnreadable."""
    if not stored.startswith(MAGIC):
        return None
    head, _, content = stored[len(MAGIC) :].partition(b"\n")
    try:
        told = orjson.loads(head)
        key, owner, master = (str(told[name]) for name in ("key", "owner", "master"))
        parts = Parts(key, owner, master, base64.b64decode(told["wrapped"], validate=True), content)
    except (KeyError, TypeError, ValueError) as error:
        raise sealed.unreadable("its head is damaged", "文件头已损坏") from error
    if not sealed.is_sealed(content) or sealed.key_id_of(content) != key:
        raise sealed.unreadable("its head names another key", "文件头中的密钥不符")
    return parts
