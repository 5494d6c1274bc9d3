"""The key ring: whose keys there are, from files, each with its algorithm and the time it is in force.

A key is one file, `<directory>/<owner>/<name>.toml` (`keyfiles`). The owner is the folder: `window` for our own, an agency's name
for its public keys.

Files come and go while programs run: they are looked at again, at most once in LOOK_SECONDS and whenever an id is not known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from adapters.algorithms import key_id, make_private
from adapters.keyfiles import Key, public_of, read, require_algorithm, write
from declarations.errors import BadConfiguration

WINDOW = "window"
"""The owner of the keys that the window signs with."""
DAYS = 730
"""How long a new key is in force."""
EARLIER = timedelta(hours=1)
LOOK_SECONDS = 1.0
"""A key whose file was removed or revoked counts for nothing after so long."""
log = structlog.get_logger(__name__)


class KeyRing:
    """The keys below one directory. Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        """Raises BadConfiguration for a file that holds no key."""
        self._directory = directory
        self._lock = threading.Lock()
        self._seen = _look(directory)
        self._looked_at = time.monotonic()
        self._keys = {key.id: key for key in map(read, self._seen)}

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
        public, not_before, not_after = public_of(pem, not_before, not_after)
        require_algorithm(algorithm, public, owner)
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
        path = next(path for path in self._seen if path.parent.name == key.owner and read(path).id == key_id)
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
                    key = read(path)
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
            write(key, target)
        except OSError as error:
            raise BadConfiguration(f"cannot write {target}: {error}", f"无法写入 {target}：{error}") from error
        self._look_again(0)


def _look(directory: Path) -> dict[Path, tuple[int, int, int]]:
    """The key files, each with what changes when its content does."""
    found = {}
    for path in sorted(directory.glob("*/*.toml")):
        with suppress(FileNotFoundError):  # removed between the two looks
            facts = path.stat()
            found[path] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found
