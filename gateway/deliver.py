"""Deliver: what is queued goes to its agency, each agency on its own, and what came of it is recorded.

Claim with a lease, send the stored bytes with no transaction open, record under the lease's token. A process may die at any
point: before the claim nothing happened; after it the lease runs out, and the agency's duplicate policy says whether the same
bytes go again under the same id or the doubt is shown and held.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from adapters.agency import Outgoing
from declarations.errors import AgencyRefused, AgencyUnavailable, OnewindowError, OutcomeUnknown
from gateway import ids
from gateway.database.stores import entries, messages, outbox
from gateway.database.types import AnyRow
from gateway.journal import entry
from gateway.standing import settle

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
SENDING_SHARE = 0.5
"""Share of a lease after which nothing more of the claim is begun; a sending gets what is left, less a margin to record it."""
RECORDING_SHARE = 0.1
TROUBLE_SECONDS = 1.0
"""Pause after an error that is not the agency's, the storage's for instance."""


class Deliverer:
    """Delivers to one agency. Several may run side by side, in one process or many: leases keep them apart."""

    def __init__(self, window: Window, agency: str) -> None:
        self._window = window
        self._agency = agency
        self._settings = window.settings
        self._deduplicates = window.rulebook.agencies[agency].settings.get("duplicate_policy") == "deduplicates"
        self.woken = asyncio.Event()
        self.stopping = False

    def stop(self) -> None:
        """Begin nothing more; what is under way may end."""
        self.stopping = True
        self.woken.set()

    async def run(self) -> None:
        """Delivers until stopped: at once when woken, else by looking now and then."""
        while not self.stopping:
            self.woken.clear()
            try:
                while await self.run_once() and not self.stopping:
                    pass
            except Exception:
                log.exception("delivery failed", agency=self._agency)
                await asyncio.sleep(TROUBLE_SECONDS)
            if not self.stopping:
                await event_or_timeout(self.woken, self._settings.delivery_poll_seconds)

    async def run_once(self) -> int:
        """Claims what is due, sends it, records what came of it; returns how many messages were tried."""
        token, started = ids.new_id(ids.LEASE, self._window.clock()), time.monotonic()
        rows = await self._window.database.write(lambda connection: self._claim(connection, token))
        slots = asyncio.Semaphore(self._settings.delivery_concurrency)

        async def handle(row: AnyRow) -> bool:
            async with slots:
                left = self._settings.delivery_lease_seconds - (time.monotonic() - started)
                if self.stopping or left < self._settings.delivery_lease_seconds * SENDING_SHARE:
                    await self._window.database.write(
                        lambda connection: outbox.give_back(connection, row.message_id, token)
                    )
                    return False
                await self._record(row, token, await self._send(row, left))
                return True

        outcomes = await asyncio.gather(*(handle(row) for row in rows), return_exceptions=True)
        # only when all have ended and are recorded does the fault of one show
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes.count(True)

    def _claim(self, connection: Connection, token: str) -> list[AnyRow]:
        settings, now = self._settings, self._window.clock()
        if not self._deduplicates:
            # a sending that nobody recorded may have reached an agency that would take it twice
            zh, en = "发送过程中断，结果未知", "the sending was interrupted; its outcome is not known"
            for message_id in outbox.hold_interrupted(connection, self._agency, en):
                self._doubt(connection, message_id, zh, en, now)
        # of such an agency no more is claimed than is sent at once, so that a crash casts doubt on nothing else
        at_most = settings.delivery_batch if self._deduplicates else settings.delivery_concurrency
        return list(outbox.claim(connection, self._agency, token, settings.delivery_lease_seconds, at_most))

    async def _send(self, row: AnyRow, left: float) -> OnewindowError | None:
        """Hands the stored bytes to the channel; returns what went wrong, None when they are handed over."""
        message = Outgoing(
            message_id=row.message_id,
            declaration_id=row.declaration_id,
            version=row.version,
            agency=row.agency,
            message=row.message,
            reference=row.reference,
            accepted_at=row.accepted_at,
            body=row.body,
        )
        try:
            async with asyncio.timeout(left * (1 - RECORDING_SHARE)):
                await self._window.channels[self._agency].send(message)
        except (AgencyUnavailable, AgencyRefused, OutcomeUnknown) as error:
            return error
        except TimeoutError:
            return OutcomeUnknown("the agency did not take the message in time", "该机构未在时限内接收报文")
        except Exception as error:
            # a fault of ours tells nothing about what has reached the agency
            log.exception("sending failed", agency=self._agency, message_id=row.message_id)
            return OutcomeUnknown(f"sending failed: {error!r}", f"发送失败：{error!r}")
        return None

    async def _record(self, row: AnyRow, token: str, error: OnewindowError | None) -> None:
        act = self._act(row, token, error)
        known = await self._window.database.write(act)
        facts = {"agency": self._agency, "message_id": row.message_id, "declaration_id": row.declaration_id}
        if not known:
            # another worker has the lease, or the agency's answer was quicker: its record stands
            log.info("delivery record dropped", **facts)
        elif error is None:
            log.info("delivered", **facts, attempts=row.attempts)
        else:
            log.warning("not delivered", **facts, attempts=row.attempts, kind=error.code, reason=error.message_en)

    def _act(self, row: AnyRow, token: str, error: OnewindowError | None) -> Callable[[Connection], bool]:
        """What to write for an outcome; it changes nothing and says False when the lease is no longer ours."""
        settings, now = self._settings, self._window.clock()
        too_old = (row.now - row.created_at).total_seconds() > settings.delivery_max_age_seconds

        def sent(connection: Connection) -> bool:
            if not outbox.done(connection, row.message_id, token):
                return False
            messages.set_sent(connection, [row.message_id], now)
            entries.add(connection, [self._entry("sent", row, now)])
            if row.attempts > 1:
                # it may have been shown as in doubt; queued and sent are the same to the combined status
                settle(connection, self._window, row.declaration_id, now)
            return True

        def park(connection: Connection) -> bool:
            assert error is not None
            if not outbox.hold(connection, row.message_id, token, error.message_en):
                return False
            kept = messages.get(connection, row.message_id)
            if kept is not None and kept.delivery == "outcome_unknown":
                return True  # an earlier try may have reached the agency: the doubt stays shown, an operator decides
            messages.set_delivery(connection, row.message_id, "parked", now, error.message_zh, error.message_en)
            entries.add(connection, [self._entry("parked", row, now)])
            settle(connection, self._window, row.declaration_id, now)
            return True

        def doubt(connection: Connection) -> bool:
            assert error is not None
            if self._deduplicates and not too_old:
                kept = outbox.retry(connection, row.message_id, token, self._delay(row, error), error.message_en)
            else:
                kept = outbox.hold(connection, row.message_id, token, error.message_en)
            if kept:
                self._doubt(connection, row.message_id, error.message_zh, error.message_en, now)
            return kept

        def later(connection: Connection) -> bool:
            assert error is not None
            return outbox.retry(connection, row.message_id, token, self._delay(row, error), error.message_en)

        if error is None:
            return sent
        if isinstance(error, OutcomeUnknown):
            return doubt
        return park if isinstance(error, AgencyRefused) or too_old else later

    def _delay(self, row: AnyRow, error: OnewindowError) -> float:
        """Seconds to the next attempt: exponential with full jitter, capped; never sooner than the agency asked for."""
        settings = self._settings
        top = min(
            settings.delivery_backoff_cap_seconds, settings.delivery_backoff_seconds * 2 ** min(row.attempts - 1, 30)
        )
        return max(random.uniform(0, top), getattr(error, "retry_after", None) or 0.0)  # noqa: S311  (not a secret)

    def _doubt(self, connection: Connection, message_id: str, zh: str, en: str, now: datetime) -> None:
        """Shows a message as possibly delivered, once however often it is tried."""
        row = messages.get(connection, message_id)
        if row is None or row.delivery == "outcome_unknown":
            return
        messages.set_delivery(connection, message_id, "outcome_unknown", now, zh, en)
        entries.add(
            connection,
            [
                entry(
                    "outcome_unknown",
                    organisation_id=row.organisation_id,
                    declaration_id=row.declaration_id,
                    version=row.version,
                    agency=row.agency,
                    at=now,
                )
            ],
        )
        settle(connection, self._window, row.declaration_id, now)

    def _entry(self, code: str, row: AnyRow, now: datetime) -> dict[str, Any]:
        """For the trader's timeline: what went wrong in technical words is for operators, in the outbox, and for the log."""
        return entry(
            code,
            organisation_id=row.organisation_id,
            declaration_id=row.declaration_id,
            version=row.version,
            agency=row.agency,
            at=now,
            message_id=row.message_id,
            attempts=str(row.attempts),
        )


async def event_or_timeout(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
