"""Collect: looks into the channels where agencies leave their answers, and gives each to `receive`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from declarations.errors import StorageUnavailable
from gateway.deliver import event_or_timeout
from gateway.receive import arrived

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)


class Collector:
    """Collects from one agency's channel. An answer is put away only after it is committed."""

    def __init__(self, window: Window, agency: str) -> None:
        self._window = window
        self._agency = agency
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        """Collects until stopped. One answer that fails does not keep back the others."""
        while not self._stopped.is_set():
            taken = 0
            try:
                taken = await self.run_once()
            except StorageUnavailable as error:
                log.warning("answers stay where they are", agency=self._agency, reason=error.message_en)
            except Exception:
                log.exception("collecting failed", agency=self._agency)
            if not taken:
                await event_or_timeout(self._stopped, self._window.settings.delivery_poll_seconds)

    async def run_once(self) -> int:
        """Takes what lies ready; returns how many answers were put away."""
        channel = self._window.channels[self._agency]
        taken = 0
        for incoming in await channel.collect():
            try:
                received = await arrived(
                    self._window,
                    self._agency,
                    incoming.body,
                    incoming.name,
                    incoming.problem,
                    signature=incoming.signature,
                )
                await channel.finish(incoming, received.state != "quarantined")
                taken += 1
            except StorageUnavailable:
                raise
            except Exception:
                log.exception("answer not taken", agency=self._agency, name=incoming.name)
        return taken
