"""One key and its file: `algorithm`, `not_before`, `not_after`, perhaps `revoked_at`, and `private` or `public` as PEM.

A key is known by its id, the beginning of the SHA-256 of its public half, so that no file can lie about it. An algorithm belongs
to a key and is never chosen by a message.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from adapters import secretfiles
from adapters.algorithms import ALGORITHMS, PrivateKey, PublicKey, key_id, pem_of, sign, verify
from declarations.errors import BadConfiguration


@dataclass(frozen=True)
class Key:
    """One key. `private` is there for those we sign with; times are aware UTC."""

    id: str
    owner: str
    algorithm: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    public: PublicKey
    private: PrivateKey | None = None

    def sign(self, data: bytes) -> bytes:
        """The raw signature over `data`; raises BadConfiguration for a key of which only the public half is here."""
        if self.private is None:
            raise BadConfiguration(f"key {self.id} has no private half here", f"密钥 {self.id} 没有私钥")
        return sign(self.algorithm, self.private, data)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over exactly `data`, by the key's own algorithm."""
        return verify(self.algorithm, self.public, signature, data)

    def in_force(self, at: datetime) -> bool:
        return self.revoked_at is None and self.not_before <= at <= self.not_after

    def as_dict(self) -> dict[str, Any]:
        """What everybody may know of it: `GET /keys`, and the file that receipts and journals are verified with."""
        return {
            "id": self.id,
            "owner": self.owner,
            "algorithm": self.algorithm,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
            "public": pem_of(self.public),
        }


def from_public(entries: Iterable[dict[str, Any]]) -> dict[str, Key]:
    """Keys as `as_dict` tells them, by id: for verifying without the window. Raises BadConfiguration for what is none."""
    keys = {}
    for entry in entries:
        try:
            public, _, _ = public_of(entry["public"], None, None)
            times = {name: datetime.fromisoformat(entry[name]) for name in ("not_before", "not_after")}
            revoked = datetime.fromisoformat(entry["revoked_at"]) if entry.get("revoked_at") else None
            owner, algorithm = str(entry["owner"]), str(entry["algorithm"])
            require_algorithm(algorithm, public, owner)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadConfiguration(f"no public key: {error!r}", f"公钥文件有误：{error!r}") from error
        key = Key(key_id(public), owner, algorithm, times["not_before"], times["not_after"], revoked, public)
        keys[key.id] = key
    return keys


def read(path: Path) -> Key:
    """The key in a file; its owner is the folder. Raises BadConfiguration for a file that holds none."""
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
        algorithm = held["algorithm"]
        private: Any = None
        public: Any
        if "private" in held:
            private = serialization.load_pem_private_key(held["private"].encode(), password=None)
            public = private.public_key()
            not_before, not_after = held["not_before"], held["not_after"]
        else:
            public, not_before, not_after = public_of(held["public"], held.get("not_before"), held.get("not_after"))
        times = [not_before, not_after, held.get("revoked_at")]
        if any(each is not None and each.tzinfo is None for each in times) or not_before > not_after:
            raise ValueError("times must name their zone, and not_before comes first")
        require_algorithm(algorithm, public, path.parent.name)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadConfiguration(f"{path} holds no key: {error!r}", f"{path} 不是密钥文件：{error!r}") from error
    return Key(key_id(public), path.parent.name, algorithm, not_before, not_after, times[2], public, private)


def public_of(pem: str, not_before: Any, not_after: Any) -> tuple[Any, Any, Any]:
    """The public key of a PEM; of a certificate too, whose own dates bound those given."""
    if "BEGIN CERTIFICATE" not in pem:
        return serialization.load_pem_public_key(pem.encode()), not_before, not_after
    certificate = x509.load_pem_x509_certificate(pem.encode())
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (
        certificate.public_key(),
        max(begins, not_before) if not_before else begins,
        min(ends, not_after) if not_after else ends,
    )


def require_algorithm(algorithm: str, public: Any, owner: str) -> None:
    """Raises BadConfiguration for a public key that is not of the algorithm it is said to be of."""
    found = ALGORITHMS.get(algorithm)
    if found is None or not found.fits(public):
        known = ", ".join(ALGORITHMS)
        raise BadConfiguration(
            f"a key of {owner} does not fit its algorithm {algorithm!r}; there are {known}",
            f"{owner} 的密钥与其算法 {algorithm!r} 不符；可用：{known}",
        )


def _text(key: Key) -> str:
    lines = [f'algorithm = "{key.algorithm}"']
    for name in ("not_before", "not_after", "revoked_at"):
        if (moment := getattr(key, name)) is not None:
            lines.append(f"{name} = {moment.astimezone(UTC).isoformat()}")
    half = ("private", key.private) if key.private is not None else ("public", key.public)
    return "\n".join([*lines, f'{half[0]} = """', f'{pem_of(half[1])}"""', ""])


def write(key: Key, path: Path) -> None:
    """Writes a key's file, 0600, whole or not at all, also when power fails; raises OSError."""
    secretfiles.replace(path, _text(key).encode())
