"""Master keys: what data keys are wrapped under. They live in files or the environment, never in the database.

A file `<secrets>/master/<name>.key` holds 32 bytes in Base64; the last by name is the newest, which wraps. ONEWINDOW_MASTER_KEY
holds one or several, newest first, commas between, and goes before the files. Older keys only open. A key is known by its
fingerprint, so that files may be renamed and copied.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters import secretfiles
from declarations.errors import BadConfiguration, MoveNotAllowed

FOLDER = "master"
SUFFIX = ".key"
FIRST = "00000000T000000Z"
"""The name of the key a first start makes: every other sorts after it."""
BYTES = 32
NONCE = 12


@dataclass(frozen=True, slots=True)
class Master:
    """One master key. `id` is its fingerprint, which data keys name."""

    id: str
    key: AESGCM = field(repr=False)

    @classmethod
    def of(cls, text: str, where: str) -> Master:
        """From Base64; raises BadConfiguration naming where it stood, and nothing of the key."""
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != BYTES:
            raise BadConfiguration(
                f"{where} must hold {BYTES} bytes in Base64", f"{where} 应为 {BYTES} 字节的 Base64 编码"
            )
        return cls(hashlib.sha256(b"onewindow master key\0" + raw).hexdigest()[:16], AESGCM(raw))

    def wrap(self, key: bytes, about: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self.key.encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes | None:
        """The data key, None when it was altered or is another's."""
        try:
            return self.key.decrypt(wrapped[:NONCE], wrapped[NONCE:], about)
        except (InvalidTag, ValueError):
            return None


class Masters:
    """The master keys of this program. Files are read again when a key is not known: another may have come."""

    def __init__(self, secrets_dir: Path, given: str = "") -> None:
        """`given`: what ONEWINDOW_MASTER_KEY holds. Raises BadConfiguration for a key that is none."""
        self._folder = secrets_dir / FOLDER
        self._given = [Master.of(each, "ONEWINDOW_MASTER_KEY") for each in given.split(",") if each.strip()]
        self._known: list[Master] = []
        self.read_again()

    def read_again(self) -> None:
        """Newest first: those of the environment, then the files from the last name to the first."""
        files = sorted(self._folder.glob(f"*{SUFFIX}"), reverse=True)
        try:
            found = [Master.of(path.read_text("ascii"), str(path)) for path in files]
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(f"a master key cannot be read: {error}", f"主密钥文件无法读取：{error}") from error
        self._known = [*self._given, *found]

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def ids(self) -> list[str]:
        """Newest first, each once."""
        return list(dict.fromkeys(each.id for each in self._known))

    @property
    def newest(self) -> Master:
        """The one that wraps."""
        return self._known[0]

    def get(self, master_id: str) -> Master | None:
        """The key with this fingerprint, the files read again where it is not known."""
        return self._find(master_id) or self._found_again(master_id)

    def _find(self, master_id: str) -> Master | None:
        return next((each for each in self._known if each.id == master_id), None)

    def _found_again(self, master_id: str) -> Master | None:
        self.read_again()
        return self._find(master_id)

    def create_first(self) -> None:
        """Makes the first key; of programs that start together one makes it, and all read it."""
        _create(self._folder / f"{FIRST}{SUFFIX}")
        self.read_again()


def create(secrets_dir: Path, now: datetime) -> Path:
    """Makes another master key, newer than all there are; returns its file. Raises MoveNotAllowed when the name is taken."""
    path = secrets_dir / FOLDER / f"{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    later = [each.name for each in path.parent.glob(f"*{SUFFIX}") if each.name >= path.name]
    if later or not _create(path):
        raise MoveNotAllowed(
            f"there is a key that sorts after {path.name}: {(later or [path.name])[0]}",
            f"已有名称排在 {path.name} 之后的密钥：{(later or [path.name])[0]}",
        )
    return path


def _create(path: Path) -> bool:
    """A new random key in `path`, unless there is one: False."""
    try:
        return secretfiles.create_once(path, base64.b64encode(os.urandom(BYTES)) + b"\n")
    except OSError as error:
        raise BadConfiguration(f"cannot create {path}: {error}", f"无法创建 {path}：{error}") from error
