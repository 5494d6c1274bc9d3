"""Outcomes: what came of one attempt to deliver, and how it is recorded.

    Sent      the agency has it
    Later     it surely has not: again after a while
    Doubt     it may have it: shown, and tried again where a second copy does no harm, else held for an operator
    Parked    it does not want it, or too much time went by: an operator's

An outcome counts only under the token of the claim it belongs to; a worker that lost its lease changes nothing any more.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from declarations.errors import AgencyRefused, OnewindowError, OutcomeUnknown, SealedDataUnreadable
from declarations.status import leg_status
from gateway.config import Settings
from gateway.database.stores import controls, declarations, entries, messages, outbox
from gateway.database.types import AnyRow
from gateway.journal import entry
from gateway.observe import metrics
from gateway.standing import expected_by, settle

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)


def interrupted() -> OutcomeUnknown:
    """The doubt of a sending that nobody recorded."""
    return OutcomeUnknown("the sending was interrupted; its outcome is not known", "发送过程中断，结果未知")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. `error` says why it did not go well."""

    error: OnewindowError | None = None
    delay: float | None = None
    """Seconds to the next attempt; None: there is none."""
    rest: float = 0.0
    """Seconds the agency asked to be left alone: for this message, and for all should the breaker open."""

    frees_next = False
    """Whether the next message of the same declaration may go now."""

    def record(self, connection: Connection, window: Window, row: AnyRow, token: str, failing: bool) -> bool:
        """Writes it down; changes nothing and says False when the lease is no longer ours.

        `failing`: the agency could not be reached lately.
        """
        # whoever settles locks the declaration first: so do we, or two would wait for each other
        declarations.lock(connection, row.declaration_id)
        if not self._keep(connection, row, token):
            return False
        self._tell(connection, window, row, window.clock())
        if self._reached:
            if failing:
                controls.reached(connection, row.agency)
        else:
            settings = window.settings
            rest = max(settings.breaker_seconds, self.rest)
            if controls.failed(connection, row.agency, settings.breaker_failures, rest) == settings.breaker_failures:
                metrics.breaker_opened(row.agency)
        return True

    def report(self, facts: Mapping[str, Any], seconds: float) -> None:
        """For log and metrics, after the record. `facts`: agency, message_id and the like; the attempt took `seconds`."""
        assert self.error is not None
        reason = self.error.message_en
        log.warning("not delivered", **facts, kind=self.error.code, reason=reason, seconds=round(seconds, 3))

    def _keep(self, connection: Connection, row: AnyRow, token: str) -> bool:
        error = self.error.message_en if self.error else ""
        if self.delay is None:
            return outbox.hold(connection, row.message_id, token, error)
        return outbox.retry(connection, row.message_id, token, self.delay, error)

    def _tell(self, connection: Connection, window: Window, row: AnyRow, now: datetime) -> None:
        """What the trader sees of it."""

    @property
    def _reached(self) -> bool:
        """Whether the agency was there, whatever it said: then failures are counted from nothing again."""
        # a message of ours that cannot be read says nothing about the agency
        return self.error is None or isinstance(self.error, AgencyRefused | SealedDataUnreadable)


class Sent(Outcome):
    frees_next = True

    def _keep(self, connection: Connection, row: AnyRow, token: str) -> bool:
        return outbox.done(connection, row.message_id, token)

    def _tell(self, connection: Connection, window: Window, row: AnyRow, now: datetime) -> None:
        record_sent(connection, window, row, now)

    def report(self, facts: Mapping[str, Any], seconds: float) -> None:
        metrics.delivered(facts["agency"], seconds)
        log.info("delivered", **facts)


class Later(Outcome):
    def report(self, facts: Mapping[str, Any], seconds: float) -> None:
        metrics.retried(facts["agency"])
        Outcome.report(self, facts, seconds)


class Doubt(Outcome):
    def _tell(self, connection: Connection, window: Window, row: AnyRow, now: datetime) -> None:
        assert self.error is not None
        kept = messages.get(connection, row.message_id)
        # shown once, however often it is tried
        if kept is not None and (kept.delivery != "outcome_unknown" or kept.reason_en is None):
            show(connection, window, row, "outcome_unknown", self.error, now)

    def report(self, facts: Mapping[str, Any], seconds: float) -> None:
        metrics.doubted(facts["agency"])
        Outcome.report(self, facts, seconds)


class Parked(Outcome):
    def _tell(self, connection: Connection, window: Window, row: AnyRow, now: datetime) -> None:
        assert self.error is not None
        kept = messages.get(connection, row.message_id)
        # when an earlier try may have reached the agency, the doubt stays shown: an operator decides
        if kept is not None and kept.delivery != "outcome_unknown":
            show(connection, window, row, "parked", self.error, now)

    def report(self, facts: Mapping[str, Any], seconds: float) -> None:
        metrics.parked(facts["agency"])
        Outcome.report(self, facts, seconds)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an agency's table and the settings say about failures."""

    deduplicates: bool
    queries: bool
    max_age: float
    settings: Settings

    @classmethod
    def of(cls, table: Mapping[str, Any], settings: Settings) -> Policy:
        """From `agency.toml`: duplicate_policy, query, max_age_hours."""
        hours = table.get("max_age_hours")
        return cls(
            deduplicates=table.get("duplicate_policy") == "deduplicates",
            queries=bool(table.get("query")),
            max_age=float(hours) * 3600 if hours is not None else settings.delivery_max_age_seconds,
            settings=settings,
        )

    def failed(self, row: AnyRow, error: OnewindowError) -> Outcome:
        """What an attempt that ended in `error` comes to."""
        if isinstance(error, OutcomeUnknown):
            return self.in_doubt(row, error)
        if isinstance(error, AgencyRefused) or self._too_old(row):
            return Parked(error)
        rest = min(float(getattr(error, "retry_after", None) or 0.0), controls.REST_AT_MOST)
        return Later(error, max(self.delay(row.attempts), rest), rest)

    def in_doubt(self, row: AnyRow, error: OnewindowError) -> Outcome:
        """Tried again where a second copy does no harm or the agency can be asked first; else held."""
        again = (self.deduplicates or self.queries) and not self._too_old(row)
        return Doubt(error, self.delay(row.attempts) if again else None)

    def _too_old(self, row: AnyRow) -> bool:
        return float((row.now - row.created_at).total_seconds()) > self.max_age

    def delay(self, before: int) -> float:
        """Seconds to the next attempt after one that had `before` others before it: exponential with full jitter, capped."""
        top = self.settings.delivery_backoff_seconds * 2 ** min(before, 30)
        return random.uniform(0, min(self.settings.delivery_backoff_cap_seconds, top))  # noqa: S311  (not a secret)


def record_sent(connection: Connection, window: Window, row: AnyRow, now: datetime) -> None:
    """The agency has the message, as far as anybody can know before it answers. `row` is one of `outbox.claim`."""
    codes = window.responses(row.agency)
    urgent = row.priority == outbox.URGENT
    due = expected_by(window, leg_status(codes, "sent", [], None), now, urgent)
    messages.set_sent(connection, row.message_id, now, due)
    entries.add(connection, [_act("sent", row, now)])
    if row.delivery != "queued":
        # it was shown as in doubt; queued and sent are the same to the combined status
        settle(connection, window, row.declaration_id, now)


def show(
    connection: Connection, window: Window, row: AnyRow, delivery: str, error: OnewindowError, now: datetime
) -> None:
    """Shows a message as parked or possibly delivered."""
    messages.set_delivery(connection, row.message_id, delivery, now, error.message_zh, error.message_en)
    entries.add(connection, [_act(delivery, row, now)])
    settle(connection, window, row.declaration_id, now)


def _act(code: str, row: AnyRow, now: datetime) -> dict[str, Any]:
    """For the trader's timeline: what went wrong in technical words is for operators, in the outbox, and for the log."""
    return entry(
        code,
        organisation_id=row.organisation_id,
        declaration_id=row.declaration_id,
        version=row.version,
        agency=row.agency,
        at=now,
        message_id=row.message_id,
        attempts=str(row.attempts + 1),
    )
