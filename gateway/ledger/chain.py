"""Chain: what is hashed and signed, to the byte. Pure functions; sealing writes with them and verifying reads with them.

Each organisation's entries are a chain of their own: an entry's hash covers its content, its chain, its sequence number and the
hash before. A batch seals the ends of all chains that grew: their Merkle root (as in RFC 6962) and the hash of the batch before
are signed. So one organisation's chain can be shown to it without the others', and nobody can leave out or change a part of any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

WINDOW = "window"
"""The chain of entries that belong to no organisation."""
NOTHING = "0" * 64
"""What stands for the hash before the first."""
ENTRY_FIELDS = (
    "id",
    "organisation_id",
    "declaration_id",
    "version",
    "agency",
    "code",
    "actor",
    "at",
    "details",
)
_ENTRY, _BATCH = b"onewindow-journal-entry-1\n", b"onewindow-journal-batch-1\n"
"""What a hash is of comes first, so that no entry can be shown as a batch."""
_LEAF, _NODE = b"\x00", b"\x01"


@dataclass(frozen=True, slots=True)
class Head:
    """The part of one chain that a batch seals: its first and last sequence number, and the hash of the last entry."""

    first: int
    last: int
    hash: str


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: the one way in which a value is written for hashing and in an export."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def moment(at: datetime) -> str:
    """A moment as it stands in what is hashed: UTC, microseconds always."""
    return at.isoformat(timespec="microseconds")


def chain_of(organisation_id: str | None) -> str:
    return organisation_id or WINDOW


def entry_of(row: Any) -> dict[str, Any]:
    """A row of the journal as it is hashed and exported."""
    entry = {name: getattr(row, name) for name in ENTRY_FIELDS}
    entry["at"] = moment(row.at)
    return entry


def entry_hash(chain: str, sequence: int, previous: str, entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(_ENTRY + canonical([chain, sequence, previous, entry])).hexdigest()


def statement(*, batch: int, previous: str, root: str, entries: int, sealed_at: str, key_id: str) -> bytes:
    """What a batch's signature is over; its SHA-256 is the batch's hash, and what an outside authority timestamps."""
    told = {
        "batch": batch,
        "previous": previous,
        "root": root,
        "entries": entries,
        "sealed_at": sealed_at,
        "key_id": key_id,
    }
    return _BATCH + canonical(told)


def digest(stated: bytes) -> str:
    return hashlib.sha256(stated).hexdigest()


def root_of(heads: Mapping[str, Head]) -> str:
    """The Merkle root over the heads, in the order of the chains' names."""
    return _tree([_leaf(chain, heads[chain]) for chain in sorted(heads)]).hex()


def proof_of(heads: Mapping[str, Head], chain: str) -> list[list[str]]:
    """The way from one chain's head to the root: `[side, hash]` from the leaf up; the others stay unknown to who gets it."""
    names = sorted(heads)
    return [
        [side, value.hex()] for side, value in _way([_leaf(each, heads[each]) for each in names], names.index(chain))
    ]


def root_by(chain: str, head: Head, proof: Sequence[Sequence[str]]) -> str:
    """The root that a head and its way lead to."""
    value = _leaf(chain, head)
    for side, other in proof:
        sibling = bytes.fromhex(other)
        value = _join(sibling, value) if side == "left" else _join(value, sibling)
    return value.hex()


def _leaf(chain: str, head: Head) -> bytes:
    return hashlib.sha256(_LEAF + canonical([chain, head.first, head.last, head.hash])).digest()


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962, section 2.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def _tree(leaves: list[bytes]) -> bytes:
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    middle = _split(len(leaves))
    return _join(_tree(leaves[:middle]), _tree(leaves[middle:]))


def _way(leaves: list[bytes], at: int) -> list[tuple[str, bytes]]:
    if len(leaves) <= 1:
        return []
    middle = _split(len(leaves))
    if at < middle:
        return [*_way(leaves[:middle], at), ("right", _tree(leaves[middle:]))]
    return [*_way(leaves[middle:], at - middle), ("left", _tree(leaves[:middle]))]
