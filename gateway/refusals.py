"""Refused credentials and acts that a dispute may turn on: each in the journal, the same one once a minute at most, so that
nobody fills the journal by trying. What was never known is nobody's, and is only counted."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.credentialerrors import ProofWrong
from declarations.errors import AnotherAgency, MandateNotInForce, OnewindowError
from gateway.database.stores import entries, throttles
from gateway.identity import Caller
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

NOTED = timedelta(seconds=60)
"""The same refusal is journalled again after so long."""


CALLER = "onewindow.caller"
"""Where a request keeps who sent it."""
ACTS: dict[type[OnewindowError], str] = {
    MandateNotInForce: "act_refused",
    AnotherAgency: "credential_refused",
    ProofWrong: "credential_refused",
}
"""What is journalled whatever door refuses it, under which act. Other refusals are journalled where they arise: there it is known
whose credential it was."""


async def keep(window: Window, refusal: OnewindowError, of: str, *, organisation_id: str | None, actor: str) -> None:
    """Journals that a credential was refused. `of`: which, as the hash of a token; it is not kept."""
    act = entry(
        "credential_refused", at=window.clock(), organisation_id=organisation_id, actor=actor, reason=refusal.code
    )
    await _keep(window, of, act)


async def keep_of_caller(window: Window, refusal: OnewindowError, caller: Caller) -> None:
    """Journals what a caller who is known may not do, as far as ACTS names it."""
    act = next((act for kind, act in ACTS.items() if isinstance(refusal, kind)), None)
    if act is None:
        return
    facts: dict[str, Any] = {**refusal.details, "reason": refusal.code}
    row = entry(act, at=window.clock(), organisation_id=caller.organisation_id or None, actor=caller.name, **facts)
    await _keep(window, f"{caller.organisation_id} {caller.kind} {caller.name} {sorted(facts.items())}", row)


def note(connection: Connection, of: str, act: dict[str, Any]) -> None:
    """Adds the entry `act`, unless there is one of this minute for the same `of` and reason."""
    now = act["at"]
    row = throttles.hold(connection, _key(of, act), now)
    if row.until is None or row.until <= now:
        throttles.note(connection, row.key, row.failures + 1, row.first_at, now + NOTED)
        entries.add(connection, [act])


async def _keep(window: Window, of: str, act: dict[str, Any]) -> None:
    # looked at first, so that who tries again and again writes nothing
    key, now = _key(of, act), act["at"]
    if not await window.database.read(lambda connection: _is_kept(connection, key, now)):
        await window.database.write(lambda connection: note(connection, of, act))


def _is_kept(connection: Connection, key: str, now: datetime) -> bool:
    row = throttles.get(connection, key)
    return row is not None and row.until is not None and row.until > now


def _key(of: str, act: dict[str, Any]) -> str:
    reason = act["details"]["reason"]
    return f"refused:{hashlib.sha256(f'{of} {reason}'.encode()).hexdigest()}"
