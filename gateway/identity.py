"""Who calls. Bearer tokens from files, one file per client, agency and operator, are there from the first start; people and
machines of organisations come with `gateway/login`."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog

from adapters import secretfiles
from declarations.errors import BadConfiguration, BadRequest, MoveNotAllowed, Unauthorised

if TYPE_CHECKING:
    from gateway.wiring import Window

Kind = Literal["client", "agency", "operator"]
FOLDERS: dict[Kind, str] = {"client": "clients", "agency": "agencies", "operator": "operators"}
BUILT_IN_ORGANISATION = "default"
"""The organisation that clients with a token from a file belong to."""
LOOK_SECONDS = 1.0
"""A token whose file was removed opens nothing after so long."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """A known caller. `organisation_id` is empty for agencies and operators with a token from a file."""

    kind: Kind
    """Which desk it stands at: a client's (trader, broker, agent), an agency's, an operator's."""
    name: str
    """Its name in what it does: a token's or machine's own, a person's log-in."""
    organisation_id: str
    permissions: frozenset[str] = frozenset()
    person_id: str | None = None
    """Whom a session belongs to; None for machines and tokens."""
    session: str | None = None
    """Hash of the session's token; None where there is none."""
    for_id: str | None = None
    """The organisation it acts for under a mandate; None: its own."""
    agency: str = ""
    """The agency it speaks for, by its name in the tables; empty: none."""
    for_name: str = ""
    mandate_id: str | None = None


class Secrets:
    """The tokens and keys below `secrets_dir`. Tokens are held as hashes only, but for the agencies'.

    Clients and operators come and go while the window runs: their folders are looked at again, at most once in LOOK_SECONDS and
    whenever a token is not known. What agencies and we share is read once, because channels hold it while they live.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        found = [path for suffix in ("token", "hmac") for path in (directory / "agencies").glob(f"*.{suffix}")]
        self._agencies = {path.name: _read(path) for path in found}
        tokens = sorted((directory / FOLDERS["agency"]).glob("*.token"))
        self._agency_callers = [(_digest(_read(path)), Caller("agency", path.stem, "")) for path in tokens]
        self._seen = _look(directory)
        self._looked_at = time.monotonic()
        self._people = [(_digest(_read(path)), _person(path)) for path in self._seen]

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
        """The caller with this token, looking at the folders again where it may be new or gone."""
        digest = _digest(token.encode())
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._look_again()
        return self._known(digest) or (self._known(digest) if self._look_again() else None)

    def _known(self, given: bytes) -> Caller | None:
        """Every known token is compared, so the time says nothing about which one is near."""
        found = None
        for digest, caller in (*self._people, *self._agency_callers):
            if hmac.compare_digest(digest, given):
                found = caller
        return found

    def _look_again(self) -> bool:
        """Reads the folders of clients and operators again if anything in them changed; whether it had."""
        self._looked_at = time.monotonic()
        seen = _look(self._directory)
        if seen == self._seen:
            return False
        people = []
        for path in seen:
            try:
                people.append((_digest(_read(path)), _person(path)))
            except BadConfiguration as error:
                # one file that is broken or half written lets nobody in and keeps nobody else out
                log.error("token_not_taken", path=str(path), reason=error.message_en)
        self._seen, self._people = seen, people
        return True

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
    agency = caller.name if caller.kind == "agency" else ""
    return replace(caller, permissions=window.access.of_token(caller.kind), agency=agency)


def create_operator(directory: Path, name: str) -> Path:
    """Makes a token for another operator and returns its file; a running window takes it without a restart.

    Raises BadRequest for a name that is none and MoveNotAllowed when there is one already.
    """
    if _NAME.fullmatch(name) is None:
        raise BadRequest(
            f"{name!r} is no name: up to 40 of a-z, 0-9, '.', '_', '-'",
            f"名称 {name} 无效：限 40 个小写字母、数字、._-",
        )
    path = directory / FOLDERS["operator"] / f"{name}.token"
    try:
        made = _create(path)
    except OSError as error:
        raise BadConfiguration(f"cannot create {path}: {error}", f"无法创建 {path}：{error}") from error
    if not made:
        raise MoveNotAllowed(f"there is an operator {name} already: {path}", f"运行人员 {name} 已有令牌：{path}")
    return path


def _person(path: Path) -> Caller:
    """Whose token a file is, by its folder and name."""
    if path.parent.name == FOLDERS["client"]:
        return Caller("client", path.stem, BUILT_IN_ORGANISATION)
    return Caller("operator", path.stem, "")


def _look(directory: Path) -> dict[Path, tuple[int, int, int]]:
    """The token files of clients and operators, each with what changes when its content does."""
    found = {}
    for folder in (FOLDERS["client"], FOLDERS["operator"]):
        for path in sorted((directory / folder).glob("*.token")):
            with suppress(FileNotFoundError):  # removed between the two looks
                facts = path.stat()
                found[path] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found


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


def _create(path: Path) -> bool:
    """A new random secret in `path`, unless there is one: False. Raises OSError."""
    return secretfiles.create_once(path, secrets.token_urlsafe(32).encode() + b"\n")
