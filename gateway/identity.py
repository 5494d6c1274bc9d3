"""Who calls: bearer tokens from files, one file per client, agency and operator, until people log in (third issue)."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from declarations.errors import BadConfiguration, Unauthorised

if TYPE_CHECKING:
    from gateway.wiring import Window

Kind = Literal["client", "agency", "operator"]
FOLDERS: dict[Kind, str] = {"client": "clients", "agency": "agencies", "operator": "operators"}
BUILT_IN_ORGANISATION = "default"
"""Until organisations exist (third issue) every client files for this one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A known caller. `organisation_id` is empty for agencies and operators."""

    kind: Kind
    name: str
    organisation_id: str


class Secrets:
    """The tokens and keys below `secrets_dir`, read once at start. Tokens are held as hashes only, but for the agencies'."""

    def __init__(self, directory: Path) -> None:
        found = [path for suffix in ("token", "hmac") for path in (directory / "agencies").glob(f"*.{suffix}")]
        self._agencies = {path.name: _read(path) for path in found}
        self._callers: list[tuple[bytes, Caller]] = []
        for kind, folder in FOLDERS.items():
            for path in sorted((directory / folder).glob("*.token")):
                organisation = BUILT_IN_ORGANISATION if kind == "client" else ""
                self._callers.append((_digest(_read(path)), Caller(kind, path.stem, organisation)))

    @classmethod
    def create_missing(cls, directory: Path, agencies: Iterable[str]) -> Secrets:
        """Makes what a first start lacks: a client, an operator, token and HMAC key of each agency. Files are 0600."""
        names = [("clients", "default.token"), ("operators", "default.token")]
        names += [("agencies", f"{agency}{suffix}") for agency in agencies for suffix in (".token", ".hmac")]
        try:
            for folder, name in names:
                _create(directory / folder / name)
            return cls(directory)
        except OSError as error:
            raise BadConfiguration(
                f"cannot read or create secrets: {error}", f"无法读取或创建密钥文件：{error}"
            ) from error

    def caller(self, token: str) -> Caller | None:
        """The caller with this token. Every known token is compared, so the time says nothing about which one is near."""
        given, found = _digest(token.encode()), None
        for digest, caller in self._callers:
            if hmac.compare_digest(digest, given):
                found = caller
        return found

    def agency_token(self, agency: str) -> str:
        """The token we show an agency; raises BadConfiguration when there is none."""
        return self._of_agency(f"{agency}.token").decode()

    def agency_key(self, agency: str) -> bytes:
        """The HMAC key shared with an agency; raises BadConfiguration when there is none."""
        return self._of_agency(f"{agency}.hmac")

    def _of_agency(self, name: str) -> bytes:
        try:
            return self._agencies[name]
        except KeyError:
            raise BadConfiguration(f"there is no secret agencies/{name}", f"没有密钥文件 agencies/{name}") from None


def caller_of(window: Window, token: str) -> Caller:
    """The caller behind a bearer token; raises Unauthorised."""
    caller = window.secrets.caller(token)
    if caller is None:
        raise Unauthorised("this token is not known", "令牌无效")
    return caller


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _read(path: Path) -> bytes:
    try:
        value = path.read_bytes().strip()
    except OSError as error:
        raise BadConfiguration(
            f"secret {path} cannot be read: {error}", f"密钥文件 {path} 无法读取：{error}"
        ) from error
    if len(value) < 16:
        # an empty file would let everybody in who sends an empty token
        raise BadConfiguration(f"secret {path} is shorter than 16 bytes", f"密钥文件 {path} 少于 16 字节")
    return value


def _create(path: Path) -> None:
    """A new random secret in `path`, unless there is one. Whole or not at all, also when power fails."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # link, not rename: two programs starting together must end with one secret
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
