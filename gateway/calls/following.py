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
from gateway.database.types import AnyRow
from gateway.notices import Queued

if TYPE_CHECKING:
    from gateway.wiring import Window


def settled(
    connection: Connection, window: Window, filed: AnyRow, released: Mapping[str, str], now: datetime
) -> set[Queued]:
    """`released`: agencies that have just released, each with its number of it. Returns what there is to send."""
    settle_call(connection, window, filed.call_id, now)
    step = window.calls.forms.get(filed.form, {}).get(filed.scope)
    # what is only taken note of (a movement, a report) is released by nobody
    if not released or step is None or not step.clearance:
        return set()
    call = calls.get(connection, filed.call_id)
    assert call is not None
    queued: set[Queued] = set()
    for agency, number in released.items():
        queued |= notices.add(connection, window, RELEASE, filed.id, call, at=now, about=agency, number=number)
    return queued
