"""The key ring: whose keys there are, from files, each with its algorithm and the time it is in force.

A key is one file, `<directory>/<owner>/<name>.toml`: `algorithm`, `not_before`, `not_after`, perhaps `revoked_at`, and `private`
or `public` as PEM. The owner is the folder: `window` for our own, an agency's name for its public keys. A key is known by its
id, the beginning of the SHA-256 of its public half, so that no file can lie about it. An algorithm belongs to a key and is never
chosen by a message.

Files come and go while programs run: they are looked at again, at most once in LOOK_SECONDS and whenever an id is not known.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from adapters.algorithms import ALGORITHMS, PrivateKey, PublicKey, key_id, make_private, pem_of, sign, verify
from declarations.errors import BadConfiguration

WINDOW = "window"
"""The owner of the keys that the window signs with."""
DAYS = 730
"""How long a new key is in force."""
EARLIER = timedelta(hours=1)
LOOK_SECONDS = 1.0
"""A key whose file was removed or revoked counts for nothing after so long."""
log = structlog.get_logger(__name__)


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


class KeyRing:
    """The keys below one directory. Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        """Raises BadConfiguration for a file that holds no key."""
        self._directory = directory
        self._lock = threading.Lock()
        self._seen = _look(directory)
        self._looked_at = time.monotonic()
        self._keys = {key.id: key for key in map(_read, self._seen)}

    def find(self, key_id: str) -> Key | None:
        """The key with this id, whoever owns it."""
        self._look_again(LOOK_SECONDS)
        found = self._keys.get(key_id)
        if found is None and self._look_again(0):
            found = self._keys.get(key_id)
        return found

    def of(self, owner: str) -> list[Key]:
        """The owner's keys, the newest first."""
        self._look_again(LOOK_SECONDS)
        mine = [key for key in self._keys.values() if key.owner == owner]
        return sorted(mine, key=lambda key: (key.not_before, key.id), reverse=True)

    def owners(self) -> list[str]:
        self._look_again(LOOK_SECONDS)
        return sorted({key.owner for key in self._keys.values()})

    def signing(self, owner: str, algorithm: str, at: datetime) -> Key:
        """What the owner signs with at `at`: of the keys in force the one that came last.

        The window is never without: when its last key has ended or was revoked, one is made, for what it accepts must be signed.
        Raises BadConfiguration for others.
        """
        for key in self.of(owner):
            if key.private is not None and key.algorithm == algorithm and key.in_force(at):
                return key
        if owner == WINDOW:
            # begun a little earlier, for programs whose clocks are behind
            another = any(key.algorithm == algorithm for key in self.of(owner))
            key = self.create(owner, algorithm, at - EARLIER)
            if another:
                log.warning("key_made", owner=owner, algorithm=algorithm, key=key.id)
            return key
        raise BadConfiguration(
            f"{owner} has no {algorithm} key to sign with at {at:%Y-%m-%d %H:%M} UTC",
            f"{owner} 在 {at:%Y-%m-%d %H:%M} UTC 没有可用的 {algorithm} 签名密钥",
        )

    def create_missing(self, owner: str, algorithms: Iterable[str], at: datetime) -> None:
        """Makes the keys without which the owner could not sign at `at`. Raises BadConfiguration when they cannot be written."""
        for algorithm in algorithms:
            try:
                self.signing(owner, algorithm, at)
            except BadConfiguration:
                self.create(owner, algorithm, at)

    def create(self, owner: str, algorithm: str, not_before: datetime, days: int = DAYS) -> Key:
        """A new key of the owner, in force from `not_before` for `days` days; its file is 0600."""
        private = make_private(algorithm)
        not_before = not_before.replace(microsecond=0)
        until = not_before + timedelta(days=days)
        key = Key(
            key_id(private.public_key()), owner, algorithm, not_before, until, None, private.public_key(), private
        )
        self._write(key)
        return key

    def add_public(self, owner: str, pem: str, algorithm: str, not_before: datetime, not_after: datetime) -> Key:
        """Trusts a public key (or the one of a certificate, in PEM) as the owner's. Raises BadConfiguration."""
        public, not_before, not_after = _public(pem, not_before, not_after)
        _require_algorithm(algorithm, public, owner)
        key = Key(key_id(public), owner, algorithm, not_before, not_after, None, public)
        other = self.find(key.id)
        if other is not None and other.owner != owner:
            raise BadConfiguration(f"key {key.id} is {other.owner}'s already", f"密钥 {key.id} 已属于 {other.owner}")
        self._write(key)
        return key

    def revoke(self, key_id: str, at: datetime) -> Key:
        """From now on nothing that this key signed is taken. Raises BadConfiguration for an unknown id."""
        key = self.find(key_id)
        if key is None:
            raise BadConfiguration(f"there is no key {key_id}", f"没有密钥 {key_id}")
        revoked = Key(**{**vars(key), "revoked_at": key.revoked_at or at.replace(microsecond=0)})
        path = next(path for path in self._seen if path.parent.name == key.owner and _read(path).id == key_id)
        self._write(revoked, path)
        return revoked

    def expiring(self, at: datetime, within: timedelta) -> list[Key]:
        """Keys that end within that time, or have ended, and are not replaced by a later one of the same owner and algorithm."""
        self._look_again(LOOK_SECONDS)
        return [
            key
            for key in sorted(self._keys.values(), key=lambda key: (key.not_after, key.id))
            if key.revoked_at is None and key.not_after <= at + within and not self.replaced(key)
        ]

    def replaced(self, key: Key) -> bool:
        """Whether its owner has a key of the same algorithm that ends later."""
        return any(
            (other.owner, other.algorithm) == (key.owner, key.algorithm)
            and other.revoked_at is None
            and other.not_after > key.not_after
            for other in self._keys.values()
        )

    def _look_again(self, after: float) -> bool:
        """Reads the files again if anything about them changed; whether it had."""
        if time.monotonic() - self._looked_at < after:
            return False
        with self._lock:
            self._looked_at = time.monotonic()
            seen = _look(self._directory)
            if seen == self._seen:
                return False
            keys = {}
            for path in seen:
                try:
                    key = _read(path)
                except BadConfiguration as error:
                    # one file that is broken or half written must not take the others away
                    log.error("key_not_taken", path=str(path), reason=error.message_en)
                else:
                    keys[key.id] = key
            self._seen, self._keys = seen, keys
            return True

    def _write(self, key: Key, path: Path | None = None) -> None:
        target = path or self._directory / key.owner / f"{key.algorithm}-{key.id}.toml"
        try:
            _place(target, _text(key))
        except OSError as error:
            raise BadConfiguration(f"cannot write {target}: {error}", f"无法写入 {target}：{error}") from error
        self._look_again(0)


def from_public(entries: Iterable[dict[str, Any]]) -> dict[str, Key]:
    """Keys as `as_dict` tells them, by id: for verifying without the window. Raises BadConfiguration for what is none."""
    keys = {}
    for entry in entries:
        try:
            public, _, _ = _public(entry["public"], None, None)
            times = {name: datetime.fromisoformat(entry[name]) for name in ("not_before", "not_after")}
            revoked = datetime.fromisoformat(entry["revoked_at"]) if entry.get("revoked_at") else None
            owner, algorithm = str(entry["owner"]), str(entry["algorithm"])
            _require_algorithm(algorithm, public, owner)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadConfiguration(f"no public key: {error!r}", f"公钥文件有误：{error!r}") from error
        key = Key(key_id(public), owner, algorithm, times["not_before"], times["not_after"], revoked, public)
        keys[key.id] = key
    return keys


def _look(directory: Path) -> dict[Path, tuple[int, int, int]]:
    """The key files, each with what changes when its content does."""
    found = {}
    for path in sorted(directory.glob("*/*.toml")):
        with suppress(FileNotFoundError):  # removed between the two looks
            facts = path.stat()
            found[path] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found


def _read(path: Path) -> Key:
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
            public, not_before, not_after = _public(held["public"], held.get("not_before"), held.get("not_after"))
        times = [not_before, not_after, held.get("revoked_at")]
        if any(each is not None and each.tzinfo is None for each in times) or not_before > not_after:
            raise ValueError("times must name their zone, and not_before comes first")
        _require_algorithm(algorithm, public, path.parent.name)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadConfiguration(f"{path} holds no key: {error!r}", f"{path} 不是密钥文件：{error!r}") from error
    return Key(key_id(public), path.parent.name, algorithm, not_before, not_after, times[2], public, private)


def _public(pem: str, not_before: Any, not_after: Any) -> tuple[Any, Any, Any]:
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


def _require_algorithm(algorithm: str, public: Any, owner: str) -> None:
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


def _place(path: Path, text: str) -> None:
    """Writes a file, whole or not at all, also when power fails."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
