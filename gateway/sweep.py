"""Sweep: now and then a worker looks for what a lost notice, a dead process or a clock set back left lying, and forgets what is
kept about people past its term."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from declarations.errors import StorageUnavailable
from gateway import forgetting, receive, rematch
from gateway.calls import changing
from gateway.database.stores import controls, inbox, outbox
from gateway.deliver import event_or_timeout

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
LYING_AT_MOST = 100
"""Documents taken up in one sweep."""
YOUNG = timedelta(minutes=10)
"""Each sweep looks at waiting answers of the last ten minutes: a filing and its answer that came at the same moment."""
OLD = timedelta(days=90)
"""Once in a while at all that may still find their filing."""
OLD_EVERY = 720


class Sweeper:
    """Sweeps until stopped. Any number may: each act checks again, under its lock, that it has something to do."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._stopped = asyncio.Event()
        self._rounds = 0

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        while not self._stopped.is_set():
            try:
                await self.run_once()
            except StorageUnavailable as error:
                log.warning("sweep put off", reason=error.message_en)
            except Exception:
                log.exception("sweep failed")
            await event_or_timeout(self._stopped, self._window.settings.sweep_seconds)

    async def run_once(self) -> None:
        window = self._window
        # keys that other programs made: what is sealed from now on is sealed under the newest
        await window.vault.look()
        window.keywatch.look(window.clock())
        retake = window.settings.retake_seconds
        for inbox_id in await window.database.read(lambda connection: inbox.lying(connection, LYING_AT_MOST, retake)):
            await receive.take_up(window, inbox_id, suspect=True)
        await changing.flag_overdue(window)
        await rematch.sweep(window, YOUNG if self._rounds % OLD_EVERY else OLD)
        if self._rounds % OLD_EVERY == 0:
            await forgetting.forget(window)
        self._rounds += 1
        # no delay is longer; a minute more for clocks that are merely inexact
        longest = max(window.settings.delivery_backoff_cap_seconds, controls.REST_AT_MOST) + 60
        for agency in window.rulebook.agencies:
            pulled = await window.database.write(
                lambda connection, agency=agency: outbox.pull_in(connection, agency, longest)  # type: ignore[misc]
            )
            if pulled:
                log.warning("clock was set back", agency=agency, messages=pulled)
