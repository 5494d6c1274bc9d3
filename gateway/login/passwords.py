"""Passwords: argon2id with OWASP's parameters, computed in a thread, a few at a time.

Sources: OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2 passes, 1 lane); NIST SP 800-63B section 5.1.1 (length, no rules
of composition, Unicode normalised).
"""

from __future__ import annotations

import asyncio
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from declarations.credentialerrors import PasswordRefused
from declarations.faults import Fault

SHORTEST, LONGEST = 12, 256
"""Characters. The upper end keeps a request small; it takes nothing from anybody."""
TOGETHER = 4
"""Hashes computed at a time: each takes 19 MiB and a core, and nobody shall fill the machine by trying."""
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def login_of(text: str) -> str:
    """A log-in as it is kept and looked for: capitals and blanks around make no other person."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def faults(password: str, login: str) -> list[Fault]:
    """Why a password is not taken, at `/password`; empty: it may be used."""
    plain = _normal(password)
    if len(plain) < SHORTEST:
        return [_fault("too_short", f"密码至少 {SHORTEST} 个字符", f"a password has at least {SHORTEST} characters")]
    if len(plain) > LONGEST:
        return [_fault("too_long", f"密码至多 {LONGEST} 个字符", f"a password has at most {LONGEST} characters")]
    if login_of(plain) == login_of(login):
        return [_fault("is_login", "密码不得与登录名相同", "a password is not the log-in itself")]
    if len(set(plain)) == 1:
        return [_fault("one_character", "密码不得为同一字符的重复", "a password is not one character over and over")]
    return []


def require_acceptable(password: str, login: str) -> None:
    """Raises PasswordRefused with its faults."""
    found = faults(password, login)
    if found:
        raise PasswordRefused(found[0].message_en, found[0].message_zh, faults=found)


async def hashed(password: str) -> bytes:
    """The password as it is kept."""
    async with _turn():
        return (await asyncio.to_thread(_HASHER.hash, _normal(password))).encode()


async def fits(kept: bytes | None, password: str) -> bool:
    """Whether it is the password that was hashed. Nothing kept takes as long and never fits: time tells nobody who is known."""
    async with _turn():
        found = await asyncio.to_thread(_fits, kept if kept is not None else _nobodys(), password)
    return found and kept is not None


def outdated(kept: bytes) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept.decode())


def _fits(kept: bytes, password: str) -> bool:
    try:
        return _HASHER.verify(kept.decode(), _normal(password))
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobodys() -> bytes:
    """A hash of nothing anybody can send."""
    return _HASHER.hash("\x00 nobody").encode()


def _normal(password: str) -> str:
    """The same password typed on another system is the same."""
    return unicodedata.normalize("NFKC", password)


def _turn() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    for other in [each for each in _turns if each.is_closed()]:
        del _turns[other]
    return _turns.setdefault(loop, asyncio.Semaphore(TOGETHER))


def _fault(code: str, zh: str, en: str) -> Fault:
    return Fault(code, "password", "/password", None, zh, en)
