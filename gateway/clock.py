"""Time comes from one place. Rules judge validity on it and ids are made from it; leases run on the database's clock instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current moment, aware, in UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)
