"""Deliver: what is queued goes to its agency, each agency on its own, and what came of it is recorded.

Claim with a lease, send the stored bytes with no transaction open, record under the lease's token. A process may die at any
point: before the claim nothing happened; after it the lease runs out and the next claim sees that somebody began. Then, and
whenever an outcome is not known, the agency is asked if it can be; else its duplicate policy says whether the same bytes go again
under the same id or the doubt is shown and held.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection

from adapters.agency import Outgoing
from declarations.errors import (
    AgencyRefused,
    AgencyUnavailable,
    OnewindowError,
    OutcomeUnknown,
    SealedDataUnreadable,
    StorageUnavailable,
)
from gateway import ids, outcome
from gateway.database.stores import controls, messages, outbox
from gateway.database.types import AnyRow
from gateway.exchange import sent_as
from gateway.observe import metrics, tracing

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
RECORDING_SHARE = 0.1
"""Share of a lease kept for recording what came of a sending."""
TROUBLE_SECONDS = 1.0
"""Pause after an error that is not the agency's, the storage's for instance."""
REFILL_SECONDS = 0.05
"""How long free places wait for others to become free, so that a claim brings several messages."""
DOUBTED = "outcome_unknown"


class Deliverer:
    """Delivers to one agency, a number of messages side by side: one that hangs holds one place and nothing else.

    Several may run, in one process or many: leases keep them apart.
    """

    def __init__(self, window: Window, agency: str) -> None:
        self._window = window
        self._agency = agency
        self._settings = window.settings
        self._policy = outcome.Policy.of(window.rulebook.agencies[agency].settings, window.settings)
        self._under_way: set[asyncio.Task[bool]] = set()
        self._failing = False
        self.woken = asyncio.Event()
        self.stopping = False

    def stop(self) -> None:
        """Begin nothing more; what is under way may end."""
        self.stopping = True
        self.woken.set()

    def offer(self, message_ids: Iterable[str]) -> None:
        """These may be delivered now. Which process takes which, the claim decides."""
        if any(True for _ in message_ids):
            self.woken.set()

    async def run(self) -> None:
        """Delivers until stopped: at once when woken, else by looking now and then. Ends when all that is under way has ended."""
        try:
            while not self.stopping:
                self.woken.clear()
                free = self._settings.delivery_concurrency - len(self._under_way)
                rows: list[AnyRow] = []
                if free:
                    try:
                        token, rows = await self._claim(free)
                    except StorageUnavailable as error:
                        log.warning("nothing claimed", agency=self._agency, reason=error.message_en)
                        await asyncio.sleep(TROUBLE_SECONDS)
                        continue
                    except Exception:
                        log.exception("delivery failed", agency=self._agency)
                        await asyncio.sleep(TROUBLE_SECONDS)
                        continue
                    self._begin(rows, token)
                if not free:
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                elif len(rows) == free:
                    # more is waiting: go on as soon as half of them are done, or after a moment with what is free
                    await _until_half_free(self._under_way, self._settings.delivery_concurrency)
                elif not self.stopping:
                    await event_or_timeout(self.woken, self._settings.delivery_poll_seconds)
        finally:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def run_once(self) -> int:
        """Claims what is due, sends it, records what came of it; returns how many messages were tried."""
        token, rows = await self._claim(self._settings.delivery_batch)
        outcomes = await asyncio.gather(*(self._handle(row, token) for row in rows), return_exceptions=True)
        # only when all have ended and are recorded does the fault of one show
        for each in outcomes:
            if isinstance(each, BaseException):
                raise each
        return outcomes.count(True)

    def _begin(self, rows: list[AnyRow], token: str) -> None:
        for row in rows:
            task = asyncio.create_task(self._handle(row, token))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # its lease runs out and it is claimed again
            if isinstance(error, StorageUnavailable):
                log.warning("delivery not recorded", agency=self._agency, reason=error.message_en)
                return
            log.error("delivery record failed", agency=self._agency, exc_info=error)

    async def _claim(self, at_most: int) -> tuple[str, list[AnyRow]]:
        token = ids.new_id(ids.LEASE, self._window.clock())
        # a sending gets the whole lease, so no more is claimed than is sent at once
        at_most = min(at_most, self._settings.delivery_concurrency)

        def claim(connection: Connection) -> list[AnyRow]:
            control = controls.get(connection, self._agency)
            self._failing = control is not None and control.failures > 0
            if control is not None and (control.paused_by or control.open):
                return []
            # an agency that could not be reached is tried with one message before it gets the rest
            tried = control is not None and control.failures >= self._settings.breaker_failures
            lease = self._settings.delivery_lease_seconds
            return outbox.claim(connection, self._agency, token, lease, 1 if tried else at_most)

        return token, await self._window.database.write(claim)

    async def _handle(self, row: AnyRow, token: str) -> bool:
        """Sends one claimed message, if it has to be sent, and records what came of it."""
        started = time.monotonic()
        facts = {"message_id": row.message_id, "declaration_id": row.declaration_id}
        with tracing.span("deliver", parent=row.trace, agency=self._agency, **facts):
            if self.stopping:
                await self._window.database.write(
                    lambda connection: outbox.give_back(connection, row.message_id, token)
                )
                return False
            act = await self._outcome(row)
            recorded = await self._recorded(act, row, token, started + self._settings.delivery_lease_seconds)
        facts |= {"agency": self._agency, "attempts": row.attempts + 1}
        if not recorded:
            # another worker has the lease, or the agency's answer was quicker: its record stands
            metrics.lease_lost(self._agency)
            log.info("delivery record dropped", **facts)
        else:
            act.report(facts, time.monotonic() - started)
            if act.frees_next:
                self.woken.set()
        return True

    async def _recorded(self, act: outcome.Outcome, row: AnyRow, token: str, until: float) -> bool:
        """Records an outcome; a storage that is away is waited for as long as the lease lasts, for what is known is no doubt.

        `until`: on the monotonic clock. Raises StorageUnavailable when that was not enough.
        """
        while True:
            try:
                return await self._window.database.write(
                    lambda connection: act.record(connection, self._window, row, token, self._failing)
                )
            except StorageUnavailable as error:
                if time.monotonic() + TROUBLE_SECONDS > until:
                    raise
                log.warning("outcome not recorded yet", agency=self._agency, reason=error.message_en)
                await asyncio.sleep(TROUBLE_SECONDS)

    async def _outcome(self, row: AnyRow) -> outcome.Outcome:
        """What is to be recorded of this message now: asks, sends or holds."""
        if row.body is None:
            return outcome.Parked(SealedDataUnreadable("the stored message cannot be read", "所存报文无法读取"))
        if self._window.exchange.lacks(self._agency, row.signature):
            row = await self._signed(row)
        body, signature = sent_as(row.body, row.signature)
        message = Outgoing(
            message_id=row.message_id,
            declaration_id=row.declaration_id,
            version=row.version,
            agency=row.agency,
            message=row.message,
            reference=row.reference,
            accepted_at=row.accepted_at,
            body=body,
            signature=signature,
        )
        # a doubt without a reason is one that two operators decided: it goes again
        doubted = row.delivery == DOUBTED and row.reason_en is not None
        if row.interrupted or doubted:
            has_it = await self._ask(message) if self._policy.queries else None
            if has_it:
                return outcome.Sent()
            if has_it is None and not self._policy.deduplicates:
                return self._policy.in_doubt(row, outcome.interrupted())
        error = await self._send(message)
        return outcome.Sent() if error is None else self._policy.failed(row, error)

    async def _signed(self, row: AnyRow) -> AnyRow:
        """A message accepted before its agency wanted signatures: signed now, once, like any other."""
        window = self._window
        facts = {**row._asdict(), "id": row.message_id}
        signature = window.exchange.sign(facts, row.body, window.clock())
        if signature is None:
            return row
        kept: str = await window.database.write(
            lambda connection: messages.add_signature(connection, row.message_id, signature)
        )
        signed: AnyRow = row._replace(signature=kept)
        return signed

    async def _ask(self, message: Outgoing) -> bool | None:
        """Whether the agency has this message; None when it cannot be told now."""
        try:
            async with asyncio.timeout(self._settings.delivery_lease_seconds / 4):
                return await self._window.channels[self._agency].ask(message)
        except Exception as error:
            log.info(
                "agency could not be asked", agency=self._agency, message_id=message.message_id, reason=repr(error)
            )
            return None

    async def _send(self, message: Outgoing) -> OnewindowError | None:
        """Hands the stored bytes to the channel; returns what went wrong, None when they are handed over."""
        try:
            # what is left of the lease after asking, less a margin to record
            async with asyncio.timeout(self._settings.delivery_lease_seconds * (0.75 - RECORDING_SHARE)):
                await self._window.channels[self._agency].send(message)
        except (AgencyUnavailable, AgencyRefused, OutcomeUnknown) as error:
            return error
        except TimeoutError:
            return OutcomeUnknown("the agency did not take the message in time", "该机构未在时限内接收报文")
        except Exception as error:
            # a fault of ours tells nothing about what has reached the agency
            log.exception("sending failed", agency=self._agency, message_id=message.message_id)
            return OutcomeUnknown(f"sending failed: {error!r}", f"发送失败：{error!r}")
        return None


async def _until_half_free(tasks: set[asyncio.Task[bool]], places: int) -> None:
    deadline = time.monotonic() + REFILL_SECONDS
    while len(tasks) > places / 2 and (left := deadline - time.monotonic()) > 0:
        await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)


async def event_or_timeout(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
