"""Taking up single answers: which are new, what they change, and those that wait for their filing.

All of it runs inside the transaction of the document, filing or sweep that brought it up, with the declarations locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog
from sqlalchemy import Connection

from declarations.answers import Response
from gateway import ids
from gateway.database.stores import calls, declarations, entries, inbox, messages, outbox
from gateway.database.types import AnyRow
from gateway.journal import entry
from gateway.matching import Doubtful, Match, match
from gateway.notices import Queued
from gateway.observe import metrics
from gateway.standing import settle

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
REMATCHED_AT_MOST = 100
"""Waiting answers read at once; page by page, all that bear a number just made known are taken up."""
Found: TypeAlias = "tuple[Response, Match | Doubtful | None]"


@dataclass(slots=True)
class Taken:
    """What one transaction took up: filings to settle, numbers that waiting answers may have been waiting for, what to send."""

    declarations: dict[str, None] = field(default_factory=dict)
    numbers: set[tuple[str, str]] = field(default_factory=set)
    queued: set[Queued] = field(default_factory=set)
    acts: list[dict[str, Any]] = field(default_factory=list)
    """Of each answer its entry in the journal."""
    heard: list[tuple[dict[str, str], float | None]] = field(default_factory=list)
    """Of each answer its ids, for the log, and, of the first answer to a message, the seconds since that was sent."""

    def announce(self, window: Window) -> None:
        """To be called after the commit."""
        window.notices.queued(self.queued)
        for facts, seconds in self.heard:
            metrics.answered(facts["agency"], facts["message"], seconds)
            log.info("answered", **facts)


def matched(connection: Connection, agency: str, responses: Sequence[Response], now: datetime) -> list[Found]:
    """Each response with the message it answers, the declarations of these locked.

    Where others write at the same time, what was found may have changed until the lock was had: then it is looked up again.
    """
    locked: set[str] = set()
    while True:
        found = [(response, _match(connection, agency, response, now)) for response in responses]
        wanted = {each.message.declaration_id for _, each in found if isinstance(each, Match)}
        if connection.dialect.name == "sqlite" or wanted <= locked:
            return found
        # in one order, so that two documents never wait for each other
        for declaration_id in sorted(wanted - locked):
            declarations.lock(connection, declaration_id)
        if len(wanted) > 1:
            calls.lock_of(connection, sorted(wanted))
        locked |= wanted


def _match(connection: Connection, agency: str, response: Response, now: datetime) -> Match | Doubtful | None:
    try:
        return match(connection, agency, response, response.at or now)
    except Doubtful as doubt:
        return doubt


def _stored(response: Response) -> dict[str, Any]:
    """A response as JSON."""
    stored: dict[str, Any] = {name: getattr(response, name) for name in Response.__slots__}
    stored["at"] = response.at.isoformat() if response.at else None
    return stored


def contradicts(response: Response, same_key: Sequence[AnyRow]) -> bool:
    """Whether the agency used the id of an earlier answer for one that says something else."""
    return any(
        row.response.get(name) != getattr(response, name)
        for row in same_key
        for name in ("code", "text", "clearance_form_id")
    )


def known_already(response: Response, found: Match, same_key: Sequence[AnyRow], seen: set[tuple[str, str]]) -> bool:
    """Whether this answer was taken before, or stands twice in the document."""
    if (response.key, found.message.id) in seen:
        return True
    seen.add((response.key, found.message.id))
    if found.exact or response.at is None:
        # a receipt without a time is told from its like only by the message it answers
        return any(row.message_id == found.message.id for row in same_key)
    return bool(same_key)


def add_answer(
    connection: Connection,
    window: Window,
    response: Response,
    found: Match,
    document: tuple[str, str],
    now: datetime,
    taken: Taken,
) -> None:
    """Takes up one new answer; `document`: the id and the SHA-256 of what it stands in."""
    message = found.message
    inbox_id, sha256 = document
    inbox.add_answer(
        connection,
        {
            "id": ids.new_id(ids.ANSWER, now),
            "inbox_id": inbox_id,
            "agency": response.agency,
            "key": response.key,
            "organisation_id": message.organisation_id,
            "declaration_id": message.declaration_id,
            "version": message.version,
            "message_id": message.id,
            "message": response.message,
            "code": response.code,
            "known": (response.message, response.code) in window.responses(response.agency),
            "at": response.at or now,
            "received_at": now,
            "response": _stored(response),
        },
    )
    if message.delivery in ("queued", "outcome_unknown", "parked") and (found.exact or not message.untouched):
        # it answers, so it has the message: whatever delivery still doubts is settled. A number alone does not prove that
        # of a message that surely never left: that one still goes
        outbox.remove(connection, message.id)
        messages.set_sent(connection, message.id, now, None)
    first = message.state is None and message.sent_at is not None
    seconds = (now - message.sent_at).total_seconds() if first else None
    facts = {"declaration_id": message.declaration_id, "message_id": message.id, "inbox_id": inbox_id}
    taken.heard.append(({**facts, "agency": response.agency, "message": response.message}, seconds))
    taken.declarations[message.declaration_id] = None
    taken.acts.append(
        entry(
            "answered",
            at=now,
            organisation_id=message.organisation_id,
            declaration_id=message.declaration_id,
            version=message.version,
            agency=response.agency,
            actor=response.agency,
            message_id=message.id,
            answer=f"{response.message} {response.code}",
            inbox_id=inbox_id,
            sha256=sha256,
        )
    )
    told = {name: getattr(response, name) for name in ("refers_to", "agency_reference", "unified_number")}
    taken.numbers |= {(name, value) for name, value in told.items() if value}


def keep_unmatched(connection: Connection, response: Response, inbox_id: str, now: datetime) -> None:
    inbox.add_unmatched(
        connection,
        {
            "id": ids.new_id(ids.ANSWER, now),
            "inbox_id": inbox_id,
            "agency": response.agency,
            "key": response.key,
            "refers_to": response.refers_to,
            "refers_to_file": response.refers_to_file,
            "agency_reference": response.agency_reference,
            "unified_number": response.unified_number,
            "received_at": now,
            "response": _stored(response),
        },
    )


def settle_all(connection: Connection, window: Window, agency: str, now: datetime, taken: Taken) -> None:
    """Settles every filing touched, then takes up waiting answers that bear a number just made known, until none is left."""
    while taken.declarations:
        entries.add(connection, taken.acts)
        taken.acts.clear()
        for declaration_id in taken.declarations:
            taken.queued |= settle(connection, window, declaration_id, now)
        taken.declarations.clear()
        numbers, taken.numbers = taken.numbers, set()
        # most of the time nothing waits at all
        for kind, value in sorted(numbers) if inbox.some_unmatched(connection, agency) else ():
            rematch(connection, window, agency, kind, value, now, taken)


def rematch(
    connection: Connection, window: Window, agency: str, kind: str, value: str, now: datetime, taken: Taken
) -> None:
    """Takes up the answers that wait for a number. The filings they touch are left in `taken`."""
    after, more = "", True
    while more:
        rows = inbox.unmatched_by(connection, agency, kind, value, REMATCHED_AT_MOST, after)
        for row in rows:
            take_waiting_one(connection, window, agency, row, now, taken)
        more = len(rows) == REMATCHED_AT_MOST
        after = rows[-1].id if rows else after


def take_waiting_one(
    connection: Connection, window: Window, agency: str, row: AnyRow, now: datetime, taken: Taken
) -> None:
    """Takes up one waiting answer, if its message can be told now."""
    response = _read(row)
    [(_, found)] = matched(connection, agency, [response], row.received_at)
    if not isinstance(found, Match) or not inbox.lock_unmatched(connection, row.id):
        return
    if not known_already(response, found, inbox.by_key(connection, agency, response.key), set()):
        document = inbox.get(connection, row.inbox_id)
        assert document is not None
        add_answer(connection, window, response, found, (row.inbox_id, document.sha256), now, taken)
    if inbox.remove_unmatched(connection, row.id, row.inbox_id):
        inbox.set_state(connection, row.inbox_id, "done")


def would_match(connection: Connection, row: AnyRow) -> Match | Doubtful | None:
    """The message a waiting answer speaks of, as far as can be told now."""
    return _match(connection, row.agency, _read(row), row.received_at)


def _read(row: AnyRow) -> Response:
    return Response(**{**row.response, "at": datetime.fromisoformat(at) if (at := row.response["at"]) else None})
