"""Gauges of the whole window, read from the database at each scrape: every program shows the same, so a query takes their `max`.

The cost follows what waits, never what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from adapters.keys import KeyRing
from gateway.bus.counts import counts
from gateway.database.stores import certificates, controls, processes, queues
from gateway.database.types import AnyRow

ALIVE_SECONDS = 30.0
"""A program that gave no sign of life for so long is not counted; it gives one every ten seconds."""
KINDS = ("serve", "worker", "consume")
STANDINGS = ("parked", "outcome_unknown")
"""Those an operator has to end. Legs that go their way are not counted: they are as many as the window has filings under way."""
DOCUMENT_STATES = ("received", "waiting", "quarantined")


@dataclass(frozen=True)
class Found:
    """What the database knows of queues and programs at one moment."""

    outgoing: Sequence[AnyRow]
    legs: dict[str, dict[str, int]]
    documents: Sequence[AnyRow]
    silent: dict[str, int]
    controls: Sequence[AnyRow]
    programs: Sequence[AnyRow]
    certificates: Sequence[AnyRow] = ()


def read(connection: Connection, now: datetime) -> Found:
    """`now` by the window's clock, which says when an agency should have spoken; ages are on the database's."""
    return Found(
        queues.outgoing(connection),
        {standing: queues.legs(connection, standing) for standing in STANDINGS},
        queues.documents(connection),
        queues.silent_legs(connection, now),
        controls.every(connection),
        processes.every(connection),
        certificates.counts(connection),
    )


def families(agencies: Iterable[str], found: Found) -> list[Metric]:
    """The figures of the whole window; an agency nothing waits for has its zeros."""
    agencies = list(agencies)
    return [
        *_queues(agencies, found),
        *_answers(agencies, found),
        *_control(agencies, found),
        *_programs(found),
        *_ships(found),
    ]


def _queues(agencies: list[str], found: Found) -> list[Metric]:
    depth = GaugeMetricFamily("onewindow_queue_messages", "Messages to be sent", labels=["agency", "lane"])
    age = GaugeMetricFamily("onewindow_queue_age_seconds", "Age of the oldest message to be sent", labels=["agency"])
    legs = GaugeMetricFamily("onewindow_legs", "Legs in force that stand so", labels=["agency", "standing"])
    silent = GaugeMetricFamily(
        "onewindow_legs_silent", "Legs whose agency should have said something by now", labels=["agency"]
    )
    rows = {row.agency: row for row in found.outgoing}
    for agency in agencies:
        row = rows.get(agency)
        for lane in ("urgent", "ordinary", "under_way", "held"):
            depth.add_metric([agency, lane], getattr(row, lane) if row else 0)
        oldest = row.oldest if row else None
        age.add_metric([agency], max(0.0, (row.now - oldest).total_seconds()) if row and oldest else 0)
        silent.add_metric([agency], found.silent.get(agency, 0))
        for standing, counted in found.legs.items():
            legs.add_metric([agency, standing], counted.get(agency, 0))
    return [depth, age, legs, silent]


def _answers(agencies: list[str], found: Found) -> list[Metric]:
    waiting = GaugeMetricFamily("onewindow_documents", "Agencies' documents not done", labels=["agency", "state"])
    age = GaugeMetricFamily(
        "onewindow_documents_age_seconds", "Age of the oldest document not done", labels=["agency", "state"]
    )
    rows = {(row.agency, row.state): row for row in found.documents}
    for agency in agencies:
        for state in DOCUMENT_STATES:
            row = rows.get((agency, state))
            waiting.add_metric([agency, state], row.documents if row else 0)
            age.add_metric([agency, state], max(0.0, (row.now - row.oldest).total_seconds()) if row else 0)
    return [waiting, age]


def _control(agencies: list[str], found: Found) -> list[Metric]:
    opened = GaugeMetricFamily("onewindow_breaker_open", "1 while nothing is sent: beyond reach", labels=["agency"])
    paused = GaugeMetricFamily("onewindow_agency_paused", "1 while an operator has paused it", labels=["agency"])
    rows = {row.agency: row for row in found.controls}
    for agency in agencies:
        row = rows.get(agency)
        opened.add_metric([agency], int(bool(row and row.open)))
        paused.add_metric([agency], int(bool(row and row.paused_by)))
    return [opened, paused]


def _ships(found: Found) -> list[Metric]:
    """Port clearances in force, and those whose ship has not sailed in time: maritime's to decide."""
    there = GaugeMetricFamily("onewindow_certificates", "Port clearances in force", labels=["state"])
    overdue = GaugeMetricFamily("onewindow_certificates_overdue", "Valid for more than 24 hours and not sailed")
    rows = {row.state: row for row in found.certificates}
    for state in ("valid", "suspended"):
        there.add_metric([state], rows[state].certificates if state in rows else 0)
    overdue.add_metric([], rows["valid"].overdue if "valid" in rows else 0)
    return [there, overdue]


def _programs(found: Found) -> list[Metric]:
    alive = GaugeMetricFamily("onewindow_processes_alive", "Programs that gave a sign of life lately", labels=["kind"])
    skew = GaugeMetricFamily(
        "onewindow_clock_skew_seconds",
        "How far a program's clock is ahead of the database's",
        labels=["kind", "host", "pid"],
    )
    living = [row for row in found.programs if (row.now - row.seen_at).total_seconds() < ALIVE_SECONDS]
    for kind in KINDS:
        alive.add_metric([kind], sum(row.kind == kind for row in living))
    for row in living:
        skew.add_metric([row.kind, row.host, str(row.pid)], processes.skew(row))
    return [alive, skew]


def condition(*, ready: bool, answers: bool, delivers: bool, free_bytes: int) -> list[Metric]:
    """What this process does, whether the store takes and gives, and the room left for it."""
    return [
        GaugeMetricFamily("onewindow_delivers", "1 when this process delivers to agencies", value=int(delivers)),
        GaugeMetricFamily("onewindow_storage_ready", "1 when a filing could be stored", value=int(ready)),
        GaugeMetricFamily("onewindow_database_answers", "1 when the database could be read", value=int(answers)),
        GaugeMetricFamily("onewindow_disk_free_bytes", "Room on the disk of the data directory", value=free_bytes),
    ]


def keys(ring: KeyRing, now: datetime) -> list[Metric]:
    """How long the keys that somebody signs with go on; one that has a successor is not told."""
    left = GaugeMetricFamily(
        "onewindow_key_expires_seconds", "Until a key without a successor ends", labels=["owner", "key"]
    )
    for key in ring.expiring(now, timedelta(days=36_500)):
        left.add_metric([key.owner, key.id], (key.not_after - now).total_seconds())
    return [left]


def journal(now: datetime, entries: int, oldest: datetime | None, unstamped: datetime | None) -> list[Metric]:
    """What the journal's seals do not cover yet: entries, the oldest of them, and the oldest batch without a timestamp."""
    unsealed = GaugeMetricFamily("onewindow_journal_unsealed_seconds", "Age of the oldest entry that no batch seals")
    stamped = GaugeMetricFamily(
        "onewindow_journal_unstamped_seconds", "Age of the oldest batch without a timestamp; 0 without an authority"
    )
    for family, since in ((unsealed, oldest), (stamped, unstamped)):
        family.add_metric([], max(0.0, (now - since).total_seconds()) if since else 0)
    return [
        GaugeMetricFamily("onewindow_journal_unsealed_entries", "Entries that no batch seals yet", value=entries),
        unsealed,
        stamped,
    ]


def bus() -> list[Metric]:
    """What this process did with notices, and with the records it read."""
    return [
        CounterMetricFamily("onewindow_notices_published", "Notices the broker took", value=counts.published),
        CounterMetricFamily("onewindow_notices_lost", "Notices given up: found by looking", value=counts.dropped),
        GaugeMetricFamily("onewindow_notices_waiting", "Notices not published yet", value=counts.waiting),
        CounterMetricFamily("onewindow_records_taken", "Records read from topics", value=counts.taken),
        CounterMetricFamily("onewindow_records_skipped", "Records nobody understands", value=counts.skipped),
        CounterMetricFamily("onewindow_records_retried", "Records that met a store away", value=counts.retried),
    ]


class _Made(Collector):
    def __init__(self, made: list[Metric]) -> None:
        self._made = made

    def collect(self) -> list[Metric]:
        return self._made


def text_of(made: list[Metric]) -> bytes:
    """Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Made(made))
    return generate_latest(registry)
