"""Keys as operators see them: whose, how long in force, which must be replaced soon. Changed on the command line, never here."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from adapters.keyfiles import Key
from adapters.keys import KeyRing

if TYPE_CHECKING:
    from gateway.wiring import Window

WARN_DAYS = (7, 30, 60)
"""Days before a key's end at which its warning becomes more urgent."""
log = structlog.get_logger(__name__)
_WORDS = {
    "in_force": ("有效", "in force"),
    "replaced": ("有效，已有后继密钥", "in force, a later one is there"),
    "to_come": ("尚未生效", "not in force yet"),
    "expired": ("已过期", "expired"),
    "revoked": ("已吊销", "revoked"),
}


def listed(window: Window) -> dict[str, Any]:
    """Every key the window knows; `warning_days` is the term it has passed (60, 30, 7, or 0 when it is over), None while none."""
    now = window.clock()
    soon = {key.id: term for key, term in due(window.keys, now)}
    items = []
    for owner in window.keys.owners():
        for key in window.keys.of(owner):
            state = _state(window.keys, key, now)
            zh, en = _WORDS[state]
            items.append(
                {
                    **key.as_dict(),
                    "signs": key.private is not None,
                    "state": state,
                    "state_zh": zh,
                    "state_en": en,
                    "days_left": (key.not_after - now).days,
                    "warning_days": soon.get(key.id),
                }
            )
    return {"items": items}


def due(keys: KeyRing, now: datetime) -> list[tuple[Key, int]]:
    """Keys without a successor that end within 60 days, or have ended; each with the term it has passed."""
    return [(key, _term(key, now)) for key in keys.expiring(now, timedelta(days=max(WARN_DAYS)))]


class KeyWatch:
    """Says once a day in the log which keys have to be replaced."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._said: date | None = None

    def look(self, now: datetime) -> None:
        if self._said == now.date():
            return
        self._said = now.date()
        for key, term in due(self._keys, now):
            facts = {
                "key": key.id,
                "owner": key.owner,
                "algorithm": key.algorithm,
                "not_after": key.not_after.isoformat(),
            }
            if term:
                log.warning("key_expires", within_days=term, **facts)
            else:
                log.error("key_expired", **facts)


def _term(key: Key, now: datetime) -> int:
    left = key.not_after - now
    if left < timedelta():
        return 0
    return next(days for days in WARN_DAYS if left <= timedelta(days=days))


def _state(keys: KeyRing, key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if now > key.not_after:
        return "expired"
    if now < key.not_before:
        return "to_come"
    return "replaced" if keys.replaced(key) else "in_force"
