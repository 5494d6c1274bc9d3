"""How a build is broken: each sabotage changes functions of the product in a forked process, from here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

SABOTAGES: dict[str, Callable[[], None]] = {}
"""name -> what breaks it; the docstring says what is broken."""
KEPT: list[Any] = []
"""Tasks begun by a broken build: held, as the loop itself does not."""


def sabotage(act: Callable[[], None]) -> Callable[[], None]:
    SABOTAGES[act.__name__] = act
    return act


async def later_write(window: Any, act: Callable[[Any], None], seconds: float = 0.1) -> None:
    """What should have been part of a transaction, as one of its own."""
    await asyncio.sleep(seconds)
    await window.database.write(act)
