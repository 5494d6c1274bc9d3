"""The second factor: time-based codes (RFC 6238) of an authenticator app, each time step used once, and recovery codes.

The secret is sealed in the vault: unlike a password it has to be known to be compared. Recovery codes are random enough to be
kept as plain hashes.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyotp
from sqlalchemy import Connection

from declarations.credentialerrors import ProofWrong, SecondFactorState
from gateway import ids
from gateway.database.stores import credentials as store
from gateway.database.stores import entries
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry
from gateway.login import throttle
from gateway.vault import WINDOW

if TYPE_CHECKING:
    from gateway.wiring import Window

STEP_SECONDS = 30
SKEW = 1
"""Steps before and after the present one that are taken too: clocks differ."""
CODES, CODE_BYTES = 10, 10
"""Recovery codes handed out, of 80 random bits each."""
ISSUER = "onewindow"
_STEP_CODE = re.compile(r"[0-9]{6}")


async def enrolled(window: Window, person_id: str) -> dict[str, Any]:
    """Whether a person has a second factor, and how many recovery codes are left."""

    def read(connection: Connection) -> dict[str, Any]:
        row = store.of_kind(connection, person_id, store.TOTP)
        left = store.recovery_codes_left(connection, person_id)
        return {"enrolled": row is not None, "since": row.created_at if row else None, "recovery_codes_left": left}

    return await window.database.read(read)


async def enrol(window: Window, caller: Caller) -> dict[str, str]:
    """A new secret to put into an app; it counts once a code of it was confirmed. Raises SecondFactorState where there is one."""
    now, person_id = window.clock(), caller.person_id or ""
    secret = pyotp.random_base32()

    def act(connection: Connection) -> None:
        if store.of_kind(connection, person_id, store.TOTP) is not None:
            raise SecondFactorState("there is a second factor; remove it first", "已启用动态口令，请先停用")
        store.revoke(connection, person_id, store.ENROLLING, now)
        credential_id = ids.new_id(ids.CREDENTIAL, now)
        sealed = window.vault.seal(connection, WINDOW, _place(credential_id), secret.encode())
        store.add(
            connection,
            {
                "id": credential_id,
                "person_id": person_id,
                "kind": store.ENROLLING,
                "secret": sealed,
                "created_at": now,
            },
        )

    await window.database.write(act)
    return {"secret": secret, "uri": pyotp.TOTP(secret).provisioning_uri(name=caller.name, issuer_name=ISSUER)}


async def confirm(window: Window, caller: Caller, code: str, address: str | None) -> list[str]:
    """Turns the second factor on when the code fits; its recovery codes, shown once. Raises ProofWrong, SecondFactorState,
    TooManyAttempts."""
    now, person_id = window.clock(), caller.person_id or ""
    codes = [_code() for _ in range(CODES)]
    attempt = await throttle.begin(window, caller.name, address)

    def act(connection: Connection) -> None:
        row = store.of_kind(connection, person_id, store.ENROLLING)
        if row is None:
            raise SecondFactorState("begin with POST /account/totp", "请先登记动态口令")
        if not _takes(connection, window, row, code, now):
            raise _wrong()
        store.turn(connection, row.id, store.ENROLLING, store.TOTP)
        store.revoke(connection, person_id, store.RECOVERY, now)
        for each in codes:
            store.add(
                connection,
                {
                    "id": ids.new_id(ids.CREDENTIAL, now),
                    "person_id": person_id,
                    "kind": store.RECOVERY,
                    "secret": _digest(each),
                    "created_at": now,
                },
            )
        throttle.succeeded(connection, attempt)
        _journal(connection, caller, "second_factor_added", now)

    await window.database.write(act)
    return codes


async def remove(window: Window, caller: Caller, code: str, address: str | None) -> None:
    """Turns it off; a code, or a recovery code, proves the person. Raises ProofWrong, SecondFactorState, TooManyAttempts."""
    now, person_id = window.clock(), caller.person_id or ""
    attempt = await throttle.begin(window, caller.name, address)

    def act(connection: Connection) -> None:
        if store.of_kind(connection, person_id, store.TOTP) is None:
            raise SecondFactorState("there is no second factor", "未启用动态口令")
        if proved(connection, window, person_id, code, now) is None:
            raise _wrong()
        for kind in (store.TOTP, store.ENROLLING, store.RECOVERY):
            store.revoke(connection, person_id, kind, now)
        throttle.succeeded(connection, attempt)
        _journal(connection, caller, "second_factor_removed", now)

    await window.database.write(act)


def wanted(connection: Connection, person_id: str) -> bool:
    """Whether a password alone does not let this person in."""
    return store.of_kind(connection, person_id, store.TOTP) is not None


def proved(connection: Connection, window: Window, person_id: str, code: str, now: datetime) -> str | None:
    """How a code proves the person: `totp`, `recovery`, or not at all. What proved it once proves nothing again."""
    row = store.of_kind(connection, person_id, store.TOTP)
    if row is None:
        return None
    if _takes(connection, window, row, code, now):
        return store.TOTP
    if store.use_recovery_code(connection, person_id, _digest(code), now):
        return store.RECOVERY
    return None


def _takes(connection: Connection, window: Window, row: AnyRow, code: str, now: datetime) -> bool:
    """Whether it is the code of a time step near now that was not used, nor any after it; then it is used."""
    if _STEP_CODE.fullmatch(code) is None:
        return False
    totp = pyotp.TOTP(window.vault.open(connection, _place(row.id), bytes(row.secret)).decode())
    present = int(now.timestamp()) // STEP_SECONDS
    for step in range(present - SKEW, present + SKEW + 1):
        if secrets.compare_digest(totp.generate_otp(step), code):
            return store.use_step(connection, row.id, step, now)
    return False


def _place(credential_id: str) -> str:
    return f"credential.secret:{credential_id}"


def _code() -> str:
    text = b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def _digest(code: str) -> bytes:
    return hashlib.sha256(re.sub(r"[\s-]", "", code).upper().encode()).digest()


def _wrong() -> ProofWrong:
    return ProofWrong("this code does not fit, or was used", "动态口令不正确或已使用")


def _journal(connection: Connection, caller: Caller, code: str, now: datetime) -> None:
    entries.add(connection, [entry(code, at=now, organisation_id=caller.organisation_id, actor=caller.name)])
