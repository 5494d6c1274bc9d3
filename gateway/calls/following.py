"""What follows for a ship's call when one of its filings was settled: the certificate, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from gateway.calls import notices
from gateway.calls.issuing import settle_call
from gateway.calls.tables import RELEASE
from gateway.database.stores import calls
from gateway.notices import Queued

if TYPE_CHECKING:
    from gateway.wiring import Window


def settled(
    connection: Connection,
    window: Window,
    call_id: str,
    declaration_id: str,
    released: Mapping[str, str],
    now: datetime,
) -> set[Queued]:
    """`released`: agencies that have just released, each with its number of it. Returns what there is to send."""
    settle_call(connection, window, call_id, now)
    queued: set[Queued] = set()
    call = calls.get(connection, call_id) if released else None
    if call is not None and window.calls.forms.get(call.form):
        for agency, number in released.items():
            queued |= notices.add(
                connection, window, RELEASE, declaration_id, call, at=now, about=agency, number=number
            )
    return queued
