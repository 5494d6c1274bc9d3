"""Rematch: answers that came before the filing they answer, taken up once it is there.

A filing looks for them after its own commit, and an answer that finds no filing is looked at again by every sweep: of the two,
whichever commits later sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection

from declarations.errors import StorageUnavailable
from gateway import ids
from gateway.database.stores import inbox
from gateway.database.types import AnyRow
from gateway.matching import Match
from gateway.taking import Taken, rematch, settle_all, take_waiting_one, would_match

if TYPE_CHECKING:
    from gateway.wiring import Window

PAGE = 100
"""Waiting answers looked at in one transaction."""
log = structlog.get_logger(__name__)


async def take_waiting(window: Window, agencies: Iterable[str], reference: str) -> None:
    """For a filing just accepted. What goes wrong here is not the filing's fault: it is accepted, and the sweep comes later."""
    agencies = list(agencies)
    try:
        if not await window.database.read(lambda connection: inbox.awaits(connection, agencies, reference)):
            return
        await _write(window, lambda connection: _of_reference(connection, window, agencies, reference))
    except StorageUnavailable as error:
        log.warning("waiting answers stay where they are", reason=error.message_en)
    except Exception:
        log.exception("waiting answers could not be taken up", reference=reference)


async def sweep(window: Window, newest: timedelta) -> int:
    """Looks once more at the waiting answers not older than `newest`; returns how many were taken up."""
    after, done = ids.lower_bound(ids.ANSWER, window.clock() - newest), 0
    while after:
        after, fitting = await window.database.read(partial(_fitting, after=after))
        for row in fitting:
            await _write(window, partial(_take_one, window=window, row=row))
        done += len(fitting)
    return done


def _fitting(connection: Connection, after: str) -> tuple[str, list[AnyRow]]:
    """The next page's answers whose message can be told now, and where the page after it begins (empty: there is none)."""
    rows = inbox.unmatched_since(connection, after, PAGE)
    fitting = [row for row in rows if isinstance(would_match(connection, row), Match)]
    return rows[-1].id if len(rows) == PAGE else "", fitting


def _take_one(connection: Connection, window: Window, row: AnyRow) -> Taken:
    taken, now = Taken(), window.clock()
    take_waiting_one(connection, window, row.agency, row, now, taken)
    settle_all(connection, window, row.agency, now, taken)
    return taken


def _of_reference(connection: Connection, window: Window, agencies: list[str], reference: str) -> Taken:
    taken, now = Taken(), window.clock()
    for agency in agencies:
        rematch(connection, window, agency, "refers_to", reference, now, taken)
        settle_all(connection, window, agency, now, taken)
    return taken


async def _write(window: Window, act: Callable[[Connection], Taken]) -> None:
    (await window.database.write(act)).announce(window)
