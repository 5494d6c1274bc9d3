"""Where a declaration stands: from all answers to its messages in force, computed anew and stored for finding.

Runs inside the transaction of whatever changed (an answer, a delivery, a new version). A leg that waited for another agency's
number is rendered here, once, with the tables pinned at accept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from declarations.checking import read_form
from declarations.errors import OnewindowError
from declarations.responses import Responses
from declarations.split import carried, render
from declarations.status import BARRED, DONE, GONE, Answer, Combined, LegStatus, combine, leg_status
from gateway import finding, tenancy
from gateway.calls import following
from gateway.database.stores import declarations, entries, inbox, messages, outbox, search
from gateway.database.types import AnyRow
from gateway.filing import leg_of, outbox_row
from gateway.journal import entry
from gateway.notices import Queued
from gateway.observe import tracing

if TYPE_CHECKING:
    from gateway.wiring import Window

NUMBERS = ("agency_reference", "unified_number", "clearance_form_id")
"""What an agency's answers tell once and later answers refer to."""
RETURNED = GONE | {"rejected"}
"""States of a leg whose numbers no longer count, whenever they were given."""
log = structlog.get_logger(__name__)


def answer_of(row: AnyRow) -> Answer:
    """What status needs of a stored answer."""
    response = row.response
    return Answer(
        message=row.message,
        code=row.code,
        at=row.at,
        key=row.key,
        **{
            name: response.get(name)
            for name in ("text", "place", "due", "agency_reference", "clearance_form_id", "pointer")
        },
    )


def numbers_of(codes: Responses, answers: Iterable[AnyRow]) -> dict[str, str | None]:
    """The latest of each number among answers we understand; like the state, a function of the set."""
    found: dict[str, str | None] = dict.fromkeys(NUMBERS)
    for row in sorted(answers, key=lambda row: (row.at, row.key)):
        if (row.message, row.code) in codes:
            found.update({name: value for name in NUMBERS if (value := row.response.get(name))})
    return found


def legs_of(window: Window, form: str, rows: Sequence[AnyRow], answers: Sequence[AnyRow]) -> dict[str, LegStatus]:
    """The status of each leg, by agency, from messages in force and the answers to them, in the words of the form."""
    legs = {}
    for row in rows:
        codes = window.responses(row.agency)
        said = [answer_of(answer) for answer in answers if answer.message_id == row.id]
        legs[row.agency] = leg_status(codes, row.delivery, said, row.waits_for, form)
    return legs


def combined_of(window: Window, form: str, rows: Sequence[AnyRow], legs: dict[str, LegStatus]) -> Combined:
    required = frozenset(row.agency for row in rows if row.required_for_release)
    return combine(legs, required, window.words.of_form(form))


def settle(connection: Connection, window: Window, declaration_id: str, now: datetime) -> set[Queued]:
    """Recomputes and stores where a declaration stands, follow-ups included. Returns what there is to send now."""
    declarations.lock(connection, declaration_id)
    declaration = declarations.get(connection, declaration_id)
    assert declaration is not None
    queued: set[Queued] = set()
    while True:
        rows = messages.current(connection, declaration_id)
        answers = inbox.answers_in_force(connection, declaration_id)
        legs = legs_of(window, declaration.form, rows, answers)
        numbers = {
            row.agency: numbers_of(
                window.responses(row.agency), (each for each in answers if each.message_id == row.id)
            )
            for row in rows
        }
        ready = [
            (row, value)
            for row in rows
            if row.delivery == "waiting" and (value := _awaited(window, row, legs, answers))
        ]
        if not ready:
            break
        for row, value in ready:
            if _release(connection, window, row, value, now):
                queued.add((row.agency, row.declaration_id, row.id))
    newly = {
        row.agency: numbers[row.agency]["agency_reference"] or ""
        for row in rows
        if legs[row.agency].state in DONE and row.state not in DONE
    }
    _store(connection, window, declaration, rows, legs, numbers, now)
    if declaration.call_id is not None:
        queued |= following.settled(connection, window, declaration, newly, now)
    return queued


def expected_by(window: Window, leg: LegStatus, sent_at: datetime | None, urgent: bool) -> datetime | None:
    """When the agency should have said the next thing, by its own calendar; None while nothing is expected of it."""
    since = leg.at or sent_at
    agency = window.rulebook.agencies[leg.agency]
    return agency.expectations.expected_by(leg, since, urgent) if since else None


def _awaited(window: Window, row: AnyRow, legs: dict[str, LegStatus], answers: Sequence[AnyRow]) -> str | None:
    """The number a waiting leg needs, if the other agency gave it and has not taken it back since."""
    agency, _, name = (row.waits_for or "").partition(".")
    if row.reason_en is not None or agency not in legs:
        return None
    codes, leg = window.responses(agency), legs[agency]
    told = [
        answer
        for answer in answers
        if answer.agency == agency and (answer.message, answer.code) in codes and answer.response.get(name)
    ]
    if not told or leg.state in RETURNED:
        return None
    given = max(told, key=lambda answer: (answer.at, answer.key))
    # goods held or failed first, and the number given all the same: it counts
    if leg.state in BARRED and (leg.at is None or given.at <= leg.at):
        return None
    return str(given.response[name])


def _release(connection: Connection, window: Window, row: AnyRow, value: str, now: datetime) -> bool:
    """Renders a waiting message with the tables of its acceptance and queues it; False when they cannot render it."""
    declaration = declarations.get(connection, row.declaration_id)
    version = declarations.version(connection, row.declaration_id, row.version)
    assert declaration is not None
    facts = {
        "organisation_id": row.organisation_id,
        "declaration_id": row.declaration_id,
        "version": row.version,
        "agency": row.agency,
        "at": now,
    }
    try:
        rulebook = window.rulebook_of(connection, row.bundle_digest)
        form = read_form(rulebook, version.body, version.media_type)
        accepted_on = rulebook.context(version.accepted_at, version.profile).accepted_on
        leg = leg_of(row)
        filing = {**row.filing, **carried(rulebook, leg, value, form, accepted_on)}
        body = render(rulebook, leg, form, filing, accepted_on)
        signature = window.exchange.sign(row._asdict(), body, now)
    except OnewindowError as error:
        # the answer that brought the number must be kept all the same; the operator sees why the leg does not go on
        log.exception("waiting message cannot be rendered", message_id=row.id, declaration_id=row.declaration_id)
        messages.set_delivery(connection, row.id, "parked", now, error.message_zh, error.message_en)
        entries.add(connection, [entry("parked", **facts, zh=error.message_zh, en=error.message_en)])
        return False
    messages.set_filing(connection, row, filing)
    messages.add_body(connection, row.id, row.organisation_id, body, now, signature)
    messages.set_delivery(connection, row.id, "queued", now)
    outbox.add(connection, [outbox_row(row._asdict(), declaration.urgent, tracing.current())])
    entries.add(connection, [entry("rendered", **facts, number=value, waited_for=row.waits_for)])
    return True


def _store(
    connection: Connection,
    window: Window,
    declaration: AnyRow,
    rows: Sequence[AnyRow],
    legs: dict[str, LegStatus],
    numbers: dict[str, dict[str, str | None]],
    now: datetime,
) -> None:
    declaration_id = declaration.id
    for row in rows:
        leg, told = legs[row.agency], numbers[row.agency]
        values = {
            "state": leg.state if leg.code is not None else None,
            **told,
            "expected_by": expected_by(window, leg, row.sent_at, declaration.urgent),
        }
        if any(getattr(row, name) != value for name, value in values.items()):
            messages.set_standing(connection, row.id, values, now)
        changed = {name: value for name, value in told.items() if getattr(row, name) != value}
        if changed:
            keys = finding.key_rows(
                finding.answer_keys(window.rulebook.agencies[row.agency], changed),
                tenancy.sides(declaration),
                declaration_id,
            )
            search.add_missing(connection, keys)
    open_now = {(leg.agency, owed.kind) for leg in legs.values() for owed in leg.obligations}
    declarations.set_obligations(connection, declaration, open_now)
    combined = combined_of(window, declaration.form, rows, legs)
    standing: dict[str, Any] = {
        "status": combined.status,
        "may_collect": combined.may_collect,
        "may_sell": combined.may_sell,
        "live_reference": _live_reference(connection, declaration, combined.status),
    }
    if any(getattr(declaration, name) != value for name, value in standing.items()):
        declarations.set_status(connection, declaration_id, {**standing, "now": now})
        if combined.status != declaration.status:
            act = entry(
                "status",
                organisation_id=declaration.organisation_id,
                declaration_id=declaration_id,
                version=declaration.version,
                at=now,
                was=declaration.status,
                status=combined.status,
            )
            entries.add(connection, [act])
    else:
        declarations.touch(connection, declaration_id, now)


def _live_reference(connection: Connection, declaration: AnyRow, status: str) -> str | None:
    """The reference while the filing is live: a cancelled or withdrawn one gives it free (rule R-HDR-02)."""
    if status == "cancelled":
        return None
    if declaration.live_reference is None:
        # it came back to life; should the reference have been used again meanwhile, the later filing keeps it
        other = declarations.live(connection, declaration.organisation_id, declaration.form, declaration.reference)
        return None if other else str(declaration.reference)
    return str(declaration.live_reference)
