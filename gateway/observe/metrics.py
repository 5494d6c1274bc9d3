"""Metrics: what this process counted since it began. What is true of the whole window (queues, silence, who runs) is asked of
the database at each scrape: `gauges.py`.

One registry for a process; a call costs about two microseconds and never fails. Times are seconds. Labels hold only words of
the tables and of our error classes, never what a caller wrote: their number is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

# a second series beside each counter, which no question of ours needs
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# an agency answers after a second, after a working day, or after a week
_ROUND_TRIP = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 28_800, 86_400, 172_800, 604_800)

_accepted = Counter("onewindow_declarations_accepted", "Versions accepted", ["form", "scope"], registry=REGISTRY)
_accept_seconds = Histogram(
    "onewindow_accept_seconds", "From the request to its 202", buckets=_QUICK, registry=REGISTRY
)
_requests = Counter("onewindow_http_requests", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
_refused = Counter("onewindow_requests_refused", "Requests refused, by problem code", ["code"], registry=REGISTRY)
_group = Histogram(
    "onewindow_commit_group_units",
    "Units of work that shared one commit",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
_delivered = Counter("onewindow_messages_delivered", "Messages handed over", ["agency"], registry=REGISTRY)
_delivery_seconds = Histogram(
    "onewindow_delivery_seconds", "A handing over that went well", ["agency"], buckets=_CALL, registry=REGISTRY
)
_retried = Counter("onewindow_deliveries_retried", "Attempts that will be repeated", ["agency"], registry=REGISTRY)
_parked = Counter("onewindow_messages_parked", "Messages left to an operator", ["agency"], registry=REGISTRY)
_doubted = Counter(
    "onewindow_outcomes_unknown", "Attempts that may have reached the agency", ["agency"], registry=REGISTRY
)
_lease_lost = Counter(
    "onewindow_leases_lost", "Outcomes not recorded because another had the lease", ["agency"], registry=REGISTRY
)
_breaker = Counter(
    "onewindow_breaker_opened", "Times this process found an agency beyond reach", ["agency"], registry=REGISTRY
)
_answered = Counter("onewindow_answers", "Answers taken up", ["agency", "message"], registry=REGISTRY)
_round_trip = Histogram(
    "onewindow_round_trip_seconds",
    "From a message sent to its first answer",
    ["agency"],
    buckets=_ROUND_TRIP,
    registry=REGISTRY,
)
_quarantined = Counter("onewindow_documents_quarantined", "Answers kept aside", ["agency"], registry=REGISTRY)
_lag = Gauge(
    "onewindow_consumer_lag_seconds", "Age of the last record read, when it was read", ["topic"], registry=REGISTRY
)

_OF_AGENCIES = (
    _delivered, _delivery_seconds, _retried, _parked, _doubted, _lease_lost, _breaker, _round_trip, _quarantined,
)  # fmt: skip


def know(agencies: Iterable[str]) -> None:
    """Begins every agency's counts at zero, so that the first event already is an increase."""
    for agency in agencies:
        for metric in _OF_AGENCIES:
            metric.labels(agency)


def accepted(form: str, scope: str = "") -> None:
    """A version was committed."""
    _accepted.labels(form, scope).inc()


def requested(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered. `route` is the pattern and not the path."""
    _requests.labels(method, route, str(status)).inc()
    if status == 202:
        _accept_seconds.observe(seconds)


def refused(code: str) -> None:
    """A request got a problem document."""
    _refused.labels(code).inc()


def committed(units: int) -> None:
    """So many units of work were committed together."""
    _group.observe(units)


def delivered(agency: str, seconds: float) -> None:
    """A message was handed over, and that took so long."""
    _delivered.labels(agency).inc()
    _delivery_seconds.labels(agency).observe(seconds)


def retried(agency: str) -> None:
    """A message did not reach the agency and will be sent again."""
    _retried.labels(agency).inc()


def parked(agency: str) -> None:
    _parked.labels(agency).inc()


def doubted(agency: str) -> None:
    """A message may or may not have reached the agency."""
    _doubted.labels(agency).inc()


def lease_lost(agency: str) -> None:
    _lease_lost.labels(agency).inc()


def breaker_opened(agency: str) -> None:
    """This process saw the failure that opened the circuit breaker."""
    _breaker.labels(agency).inc()


def answered(agency: str, message: str, seconds: float | None = None) -> None:
    """An answer was taken up; `seconds` since its message was sent, where it is the first to it."""
    _answered.labels(agency, message).inc()
    if seconds is not None:
        _round_trip.labels(agency).observe(max(0.0, seconds))


def quarantined(agency: str) -> None:
    _quarantined.labels(agency).inc()


def lagging(topic: str, seconds: float) -> None:
    """A record just read from a topic was so old."""
    _lag.labels(topic).set(seconds)
