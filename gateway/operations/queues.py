"""What waits at each agency's door, both ways, at a glance: the first thing a night shift looks at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest
from gateway.database.stores import approvals, controls
from gateway.database.stores import queues as store
from gateway.database.types import AnyRow

if TYPE_CHECKING:
    from gateway.wiring import Window

_NO_DOCUMENTS = {"received": 0, "oldest_seconds": None, "waiting": 0, "quarantined": 0}


def chosen(window: Window, agency: str | None) -> list[str]:
    """The agencies a question is about: the one named, or all. Raises BadRequest for one that nobody knows."""
    known = list(window.rulebook.agencies)
    if agency is None:
        return known
    if agency not in known:
        said = ", ".join(known)
        raise BadRequest(f"agency must be one of {said}", f"agency 只能是 {said}")
    return [agency]


async def queues(window: Window) -> dict[str, Any]:
    """Per agency: what is to be sent, what came, whether sending is paused or the circuit open, when each last spoke."""

    def read(connection: Connection) -> dict[str, Any]:
        now = window.clock()
        out = {row.agency: row for row in store.outgoing(connection)}
        control = {row.agency: row for row in controls.every(connection)}
        waiting, parked = store.legs(connection, "waiting"), store.legs(connection, "parked")
        silent = store.silent_legs(connection, now)
        delivered, heard = store.last_delivered(connection), store.last_heard(connection)
        documents = _documents(store.documents(connection), now)
        since = {what: store.looked_back_to(connection, what) for what in ("acts", "documents")}
        items = [
            {
                "agency": agency,
                "agency_zh": window.responses(agency).name_zh,
                "agency_en": window.responses(agency).name_en,
                **_outgoing(out.get(agency)),
                "waiting": waiting.get(agency, 0),
                "parked": parked.get(agency, 0),
                "silent": silent.get(agency, 0),
                **_control(control.get(agency), window.settings.breaker_failures),
                "last_delivered": delivered.get(agency),
                "last_delivered_before": None if agency in delivered else since["acts"],
                "last_heard": heard.get(agency),
                "last_heard_before": None if agency in heard else since["documents"],
                "documents": documents.get(agency, _NO_DOCUMENTS),
            }
            for agency in window.rulebook.agencies
        ]
        pending = len(approvals.latest(connection, [approvals.PENDING], approvals.LAST, 1000))
        return {"at": now, "items": items, "approvals_pending": pending}

    return await window.database.read(read)


def _outgoing(row: AnyRow | None) -> dict[str, Any]:
    """The outbox of one agency. `urgent` and `ordinary` wait to be sent, `under_way` are being sent, `held` are an operator's."""
    oldest = max(0.0, (row.now - row.oldest).total_seconds()) if row is not None and row.oldest else None
    return {
        "urgent": row.urgent if row else 0,
        "ordinary": row.ordinary if row else 0,
        "under_way": row.under_way if row else 0,
        "held": row.held if row else 0,
        "oldest_seconds": oldest,
        "most_attempts": row.most_attempts if row else 0,
    }


def _control(row: AnyRow | None, most: int) -> dict[str, Any]:
    paused = None
    if row is not None and row.paused_by:
        paused = {"by": row.paused_by, "at": row.paused_at, "reason": row.reason}
    return {"paused": paused, "breaker": breaker(row, most)}


def breaker(row: AnyRow | None, most: int) -> dict[str, Any]:
    """`closed`: all goes; `open`: the agency is left alone until `resumes_at`; `trying`: one message is tried."""
    failures = row.failures if row is not None else 0
    state = "closed"
    if row is not None and row.open:
        state = "open"
    elif failures >= most:
        state = "trying"
    return {"state": state, "failures": failures, "resumes_at": row.resumes_at if row is not None else None}


def _documents(rows: Iterable[AnyRow], now: datetime) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        of_agency = found.setdefault(row.agency, dict(_NO_DOCUMENTS))
        of_agency[row.state] = row.documents
        if row.state == "received":
            of_agency["oldest_seconds"] = max(0.0, (now - row.oldest).total_seconds())
    return found
