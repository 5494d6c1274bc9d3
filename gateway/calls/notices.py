"""Follow-up notices: maritime is told of each other agency's release, the others of movements reported (mappings/notices.csv).

A notice is a message beside the legs: made once from `filing.` values and the form, sent by the same outbox in order, receipted
technically and never part of any status.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from adapters.transports.folder import exchange_name
from declarations.errors import OnewindowError
from declarations.form import Declaration
from declarations.routing import Leg
from declarations.split import render
from gateway import ids
from gateway.calls import content
from gateway.database.stores import declarations, messages, outbox
from gateway.database.types import AnyRow
from gateway.filing import filing_values, outbox_row, outgoing
from gateway.notices import Queued
from gateway.observe import tracing

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
NOTICE = "notice"
"""The kind of such a message."""


def add(
    connection: Connection,
    window: Window,
    event: str,
    declaration_id: str,
    call: AnyRow,
    *,
    at: datetime,
    agencies: Collection[str] | None = None,
    about: str = "",
    number: str = "",
) -> set[Queued]:
    """Makes and queues the notices of an event about a declaration. Returns what there is to send.

    `agencies`: only those are told (None: all of the table); never the one it is about, nor one that has a message of its own
    in a movement's filing. `number` is the agency's number of what happened.
    """
    rows = [row for row in window.calls.notices if row[0] == event and row[1] != about]
    if agencies is not None:
        rows = [row for row in rows if row[1] in agencies]
    if not rows:
        return set()
    filed = declarations.get(connection, declaration_id)
    assert filed is not None
    if not about:
        has = {row.agency for row in messages.current(connection, declaration_id)}
        rows = [row for row in rows if row[1] not in has]
    queued: set[Queued] = set()
    form: Declaration | None = None
    for _, agency, message in rows:
        try:
            if form is None:
                form, _version = content.form_of(connection, window, filed)
            queued |= _notice(connection, window, filed, call, form, agency, message, at, about or agency, number)
        except OnewindowError:
            # whatever brought it up must be kept all the same
            log.exception("notice cannot be made", declaration_id=declaration_id, agency=agency, message=message)
    return queued


def _notice(
    connection: Connection,
    window: Window,
    filed: AnyRow,
    call: AnyRow,
    form: Declaration,
    agency: str,
    message: str,
    at: datetime,
    about: str,
    number: str,
) -> set[Queued]:
    rulebook = window.rulebook
    accepted_on = rulebook.context(at, window.settings.profile).accepted_on
    table = rulebook.agencies[agency].table_on(message, accepted_on)
    message_id = ids.new_id(ids.MESSAGE, at)
    steps = window.calls.forms[call.form]
    values = {
        **filing_values(window.settings, form, at, message_id),
        "call_id": call.id,
        "ship_imo_number": call.imo_number,
        "ship_name": call.ship_name,
        "port_of_call": call.port,
        "voyage_id": call.voyage,
        "clearance_step": " ".join(sorted(steps[filed.scope].clearance, reverse=True)),
        "notice_agency": about,
        "notice_at": at.astimezone(UTC).isoformat(),
        "notice_number": number,
    }
    leg = Leg(agency, message, table.version, None, None, False)
    body = render(rulebook, leg, form, values, accepted_on)
    row: dict[str, Any] = {
        "id": message_id,
        "organisation_id": filed.organisation_id,
        "principal_id": filed.principal_id,
        "declaration_id": filed.id,
        "version": filed.version,
        "agency": agency,
        "message": message,
        "kind": NOTICE,
        "table_version": table.version,
        "reference": filed.reference,
        "bundle_digest": rulebook.digest,
        "required_for_release": False,
        "filing": values,
        "delivery": "queued",
        "current": False,
        "accepted_at": at,
        "updated_at": at,
    }
    row["exchange_name"] = exchange_name(outgoing(row, body))
    messages.add(connection, [row], {message_id: body}, at, {message_id: window.exchange.sign(row, body, at)})
    outbox.add(connection, [outbox_row(row, filed.urgent, tracing.current())])
    return {(agency, filed.id, message_id)}
