"""The port clearance: issued, suspended, valid again, superseded, void or used, in the transaction of whatever changed.

Runs under the call's lock, after the legs were written: whoever gets the lock last sees what all others wrote. So any number of
releases at the same moment end with one certificate.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection

from declarations.errors import OnewindowError
from gateway import finding, ids, tenancy
from gateway.calls import content
from gateway.calls.standing import Standing, bars, standing
from gateway.database.stores import calls, certificates, entries, inbox, search
from gateway.database.stores.certificates import SUPERSEDED, SUSPENDED, USED, VALID, VOID
from gateway.database.types import AnyRow
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
SAIL_WITHIN = timedelta(hours=24)
"""Decree 175: not sailed so long after issue, it is reported."""
IN_FORCE = (VALID, SUSPENDED)
CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 16


def look(connection: Connection, window: Window, call: AnyRow) -> Standing:
    """A call as it stands in this transaction."""
    return standing(
        window,
        call,
        calls.filings(connection, call.id),
        calls.legs(connection, call.id),
        calls.open_voids(connection, call.id),
        calls.changes(connection, call.id),
    )


def settle_call(connection: Connection, window: Window, call_id: str, now: datetime) -> None:
    """Brings the call's certificate in line with what the agencies say now."""
    call = calls.lock(connection, call_id)
    _settle_voids(connection, window, call_id, now)
    found = look(connection, window, call)
    issued = certificates.of_call(connection, call_id)
    current = next((row for row in reversed(issued) if row.state in IN_FORCE), None)
    if call.state == calls.CANCELLED:
        _end(connection, current, VOID, "call_cancelled", now)
    elif call.state == calls.DEPARTED:
        if current is not None and current.state == VALID:
            _set(connection, current, USED, None, now)
        else:
            _end(connection, current, VOID, "sailed", now)
    elif found.exit is None:
        _end(connection, current, VOID, "withdrawn", now)
    elif reasons := bars(found):
        if current is not None:
            _suspend(connection, current, reasons[0].code, now)
    elif current is None or (current.declaration_id, current.version) != (found.exit.id, found.exit.version):
        if current is not None:
            _set(connection, current, SUPERSEDED, "replaced", now)
        _issue(connection, window, found, issued, now)
    elif current.state == SUSPENDED:
        _set(connection, current, VALID, None, now)


def _end(connection: Connection, current: AnyRow | None, state: str, reason: str, now: datetime) -> None:
    if current is not None:
        _set(connection, current, state, reason, now)


def _suspend(connection: Connection, current: AnyRow, reason: str, now: datetime) -> None:
    if current.state == VALID or current.reason != reason:
        _set(connection, current, SUSPENDED, reason, now)


def _set(connection: Connection, row: AnyRow, state: str, reason: str | None, now: datetime) -> None:
    certificates.set_state(connection, row.id, state, reason, now)
    if state == row.state:
        return
    act = entry(
        f"certificate_{state}",
        organisation_id=row.organisation_id,
        declaration_id=row.declaration_id,
        version=row.version,
        at=now,
        certificate=row.number,
        **({"reason": reason} if reason else {}),
    )
    entries.add(connection, [act])


def _issue(connection: Connection, window: Window, found: Standing, issued: Sequence[AnyRow], now: datetime) -> None:
    """Draws the number and freezes the content."""
    filing = found.exit
    assert filing is not None
    try:
        form, version = content.form_of(connection, window, filing)
    except OnewindowError:
        # the answer that brought the last release must be kept all the same
        log.exception("port clearance cannot be issued", call_id=found.call.id, declaration_id=filing.id)
        return
    prefix, year = window.calls.prefix(content.office_code(form)), content.local_year(now)
    number = f"{prefix}{year}{certificates.draw(connection, prefix, year):06}"
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    replaces = issued[-1].number if issued else ""
    # to the second, as the paper says it
    at = now.replace(microsecond=0)
    sail_by = at + SAIL_WITHIN
    frozen = content.of(
        connection, window, found, form, version, number=number, code=code, at=at, sail_by=sail_by, replaces=replaces
    )
    row = {
        "id": ids.new_id(ids.CERTIFICATE, now),
        "number": number,
        "code": code,
        "call_id": found.call.id,
        "declaration_id": filing.id,
        "version": filing.version,
        "organisation_id": filing.organisation_id,
        "principal_id": filing.principal_id,
        "state": VALID,
        "state_at": now,
        "issued_at": at,
        "sail_by": sail_by,
        "ship_name": found.call.ship_name,
        "imo_number": found.call.imo_number,
        "port": found.call.port,
        "replaces": replaces or None,
        "content": frozen,
    }
    certificates.add(connection, row)
    keys = finding.key_rows([("certificate", number)], tenancy.sides(filing), filing.id)
    search.add_missing(connection, keys)
    act = entry(
        "certificate_issued",
        organisation_id=filing.organisation_id,
        declaration_id=filing.id,
        version=filing.version,
        at=now,
        certificate=number,
        **({"replaces": replaces} if replaces else {}),
    )
    entries.add(connection, [act])


def _settle_voids(connection: Connection, window: Window, call_id: str, now: datetime) -> None:
    """A voided release is made good by a new version's message, or by a release given since the agency could know."""
    voids = calls.open_voids(connection, call_id)
    if not voids:
        return
    legs = {(leg.declaration_id, leg.agency): leg for leg in calls.legs(connection, call_id)}
    answers: dict[str, Sequence[AnyRow]] = {}
    for void in voids:
        leg = legs.get((void.declaration_id, void.agency))
        if leg is None:
            continue
        if leg.version <= void.version:
            said = answers.setdefault(void.declaration_id, inbox.answers_in_force(connection, void.declaration_id))
            if not any(_released_since(window, row, leg, void) for row in said):
                continue
        calls.settle_void(connection, void.id, now)


def _released_since(window: Window, row: AnyRow, leg: AnyRow, void: AnyRow) -> bool:
    """Whether this answer is a release that came, and says of itself that it was given, after the void."""
    code = window.responses(row.agency).get((row.message, row.code))
    return bool(
        row.message_id == leg.id
        and code is not None
        and code.state == "released"
        and row.received_at > void.at
        # agencies tell whole seconds
        and row.at >= void.at.replace(microsecond=0)
    )
