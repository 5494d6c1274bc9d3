"""Receive: an agency's answer, from bytes to the trader's status, in one transaction (design.md section 5.4).

Whatever came is kept. A repeated answer changes nothing; one whose filing is not known yet waits; one that cannot be read,
fits several filings or trips a fault of ours goes to the operator; one with a code no table holds stays visible and changes
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import structlog
from sqlalchemy import Connection

from declarations.answers import Response
from declarations.errors import NotFound, StorageUnavailable, UnreadableResponse
from gateway import ids
from gateway.database.stores import inbox, messages, outbox
from gateway.database.types import AnyRow
from gateway.matching import Doubtful, Match, match
from gateway.standing import settle

if TYPE_CHECKING:
    from gateway.wiring import Window

State = Literal["done", "duplicate", "waiting", "quarantined"]
REMATCHED_AT_MOST = 100
"""Waiting answers read at once; page by page, all that bear a number just made known are taken up."""
SHOWN_AT_MOST = 300
"""Characters of an error of ours that the operator reads; the log has all of it."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a document. `reason` is in English, `reason_zh` in Chinese; both empty when all went well."""

    state: State
    inbox_id: str
    reason: str | None = None
    reason_zh: str | None = None


@dataclass(slots=True)
class _Taken:
    """What one transaction took up: filings to settle, numbers that waiting answers may have been waiting for, whom to wake."""

    declarations: dict[str, None] = field(default_factory=dict)
    numbers: set[tuple[str, str]] = field(default_factory=set)
    woken: set[str] = field(default_factory=set)


async def receive(window: Window, agency: str, body: bytes, name: str | None = None, problem: str = "") -> Received:
    """Takes one document of an agency; resolves after it is committed. `name` is the file it came in, if it was one;
    `problem` says why the channel could not take it up.

    Raises NotFound for an unknown agency and StorageUnavailable when nothing could be kept: the sender comes again.
    """
    if agency not in window.rulebook.agencies:
        raise NotFound(f"there is no agency {agency!r}", f"没有机构 {agency}")
    unreadable: UnreadableResponse | None = None
    responses: list[Response] = []
    try:
        if problem:
            raise UnreadableResponse(f"the file was not taken up: {problem}", f"文件未能读取：{problem}")
        responses = window.rulebook.agencies[agency].answers.read(body, name)
    except UnreadableResponse as error:
        unreadable = error
    except Exception as error:
        unreadable = _our_fault(error, agency, name)
    now = window.clock()
    document = {
        "id": ids.new_id(ids.INBOX, now),
        "agency": agency,
        "name": name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "received_at": now,
        "state": "done",
        "body": body,
    }

    def store(connection: Connection) -> tuple[Received, set[str]]:
        if unreadable is not None:
            return _quarantine(connection, document, unreadable), set()
        return _take(connection, window, document, responses)

    try:
        received, woken = await window.database.write(store)
    except StorageUnavailable:
        raise
    except Exception as error:
        # nothing of it was stored; the bytes are kept all the same, and the agency need not come again
        fault = _our_fault(error, agency, name)
        return await window.database.write(lambda connection: _quarantine(connection, document, fault))
    window.wake(woken)
    return received


def _our_fault(error: Exception, agency: str, name: str | None) -> UnreadableResponse:
    """What the operator reads of an answer that could not be taken up through no fault of its own."""
    log.exception("answer could not be taken up", agency=agency, name=name, exc_info=error)
    shown = repr(error)[:SHOWN_AT_MOST]
    return UnreadableResponse(
        f"it could not be taken up, a fault of the window: {shown}", f"窗口内部错误，回执未能处理：{shown}"
    )


def _quarantine(connection: Connection, document: dict[str, Any], error: UnreadableResponse) -> Received:
    earlier = inbox.same(connection, document["agency"], document["sha256"], document["name"])
    if earlier is None:
        inbox.add(
            connection,
            {**document, "state": "quarantined", "reason_zh": error.message_zh, "reason_en": error.message_en},
        )
    return Received("quarantined", earlier.id if earlier else document["id"], error.message_en, error.message_zh)


def _take(
    connection: Connection, window: Window, document: dict[str, Any], responses: list[Response]
) -> tuple[Received, set[str]]:
    now, agency = document["received_at"], document["agency"]
    earlier = inbox.same(connection, agency, document["sha256"], document["name"])
    inbox_id = earlier.id if earlier else document["id"]
    fresh: list[tuple[Response, Match | None]] = []
    doubt: Doubtful | None = None
    seen: set[tuple[str, str]] = set()
    for response in responses:
        try:
            found = match(connection, agency, response, response.at or now)
        except Doubtful as error:
            found, doubt = None, error
        earlier_ones = inbox.by_key(connection, agency, response.key)
        if _contradicts(response, earlier_ones):
            doubt = Doubtful(
                f"its id {response.key} was used before for another answer", f"编号 {response.key} 已用于内容不同的回执"
            )
            continue
        if found is None or not _known_already(response, found, earlier_ones, seen):
            fresh.append((response, found))
    if not fresh and earlier is not None and earlier.state == "done":
        return Received("duplicate", inbox_id), set()
    if earlier is None:
        inbox.add(connection, document)
    taken = _Taken()
    unmatched = 0
    for response, found in fresh:
        if found is None:
            unmatched += 1
            _keep_unmatched(connection, response, inbox_id, now)
        else:
            _add_answer(connection, window, response, found, inbox_id, now, taken)
    _settle_all(connection, window, agency, now, taken)
    if doubt is not None:
        inbox.set_state(connection, inbox_id, "quarantined", doubt.reason_zh, doubt.reason_en)
        return Received("quarantined", inbox_id, doubt.reason_en, doubt.reason_zh), taken.woken
    if unmatched:
        zh, en = "尚无申报使用其中的编号", "no filing bears its numbers yet"
        inbox.set_state(connection, inbox_id, "waiting", zh, en)
        return Received("waiting", inbox_id, en, zh), taken.woken
    if earlier is not None:
        inbox.set_state(connection, inbox_id, "done")
    return Received("done" if fresh else "duplicate", inbox_id), taken.woken


def _stored(response: Response) -> dict[str, Any]:
    """A response as JSON."""
    stored: dict[str, Any] = {name: getattr(response, name) for name in Response.__slots__}
    stored["at"] = response.at.isoformat() if response.at else None
    return stored


def _contradicts(response: Response, same_key: Sequence[AnyRow]) -> bool:
    """Whether the agency used the id of an earlier answer for one that says something else."""
    return any(
        row.response.get(name) != getattr(response, name)
        for row in same_key
        for name in ("code", "text", "clearance_form_id")
    )


def _known_already(response: Response, found: Match, same_key: Sequence[AnyRow], seen: set[tuple[str, str]]) -> bool:
    """Whether this answer was taken before, or stands twice in the document."""
    if (response.key, found.message.id) in seen:
        return True
    seen.add((response.key, found.message.id))
    if found.exact or response.at is None:
        # a receipt without a time is told from its like only by the message it answers
        return any(row.message_id == found.message.id for row in same_key)
    return bool(same_key)


def _add_answer(
    connection: Connection,
    window: Window,
    response: Response,
    found: Match,
    inbox_id: str,
    now: datetime,
    taken: _Taken,
) -> None:
    message = found.message
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
        messages.set_sent(connection, [message.id], now)
    taken.declarations[message.declaration_id] = None
    told = {name: getattr(response, name) for name in ("refers_to", "agency_reference", "unified_number")}
    taken.numbers |= {(name, value) for name, value in told.items() if value}


def _keep_unmatched(connection: Connection, response: Response, inbox_id: str, now: datetime) -> None:
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


def _settle_all(connection: Connection, window: Window, agency: str, now: datetime, taken: _Taken) -> None:
    """Settles every filing touched, then takes up waiting answers that bear a number just made known, until none is left."""
    while taken.declarations:
        for declaration_id in taken.declarations:
            taken.woken |= settle(connection, window, declaration_id, now)
        taken.declarations.clear()
        numbers, taken.numbers = taken.numbers, set()
        # most of the time nothing waits at all
        for kind, value in sorted(numbers) if inbox.some_unmatched(connection, agency) else ():
            _rematch(connection, window, agency, kind, value, now, taken)


def _rematch(
    connection: Connection, window: Window, agency: str, kind: str, value: str, now: datetime, taken: _Taken
) -> None:
    """Takes up the answers that wait for a number. The filings they touch are left in `taken`."""
    after, more = "", True
    while more:
        rows = inbox.unmatched_by(connection, agency, kind, value, REMATCHED_AT_MOST, after)
        for row in rows:
            _take_waiting_one(connection, window, agency, row, now, taken)
        more = len(rows) == REMATCHED_AT_MOST
        after = rows[-1].id if rows else after


def _take_waiting_one(
    connection: Connection, window: Window, agency: str, row: AnyRow, now: datetime, taken: _Taken
) -> None:
    """Takes up one waiting answer, if its message can be told now."""
    stored = {**row.response, "at": datetime.fromisoformat(at) if (at := row.response["at"]) else None}
    response = Response(**stored)
    try:
        found = match(connection, agency, response, response.at or row.received_at)
    except Doubtful:
        return
    if found is None:
        return
    if not _known_already(response, found, inbox.by_key(connection, agency, response.key), set()):
        _add_answer(connection, window, response, found, row.inbox_id, now, taken)
    if inbox.remove_unmatched(connection, row.id, row.inbox_id):
        inbox.set_state(connection, row.inbox_id, "done")


def take_waiting(
    connection: Connection, window: Window, agencies: Iterable[str], reference: str, now: datetime
) -> set[str]:
    """For a filing just accepted: answers that came before its reference did. Returns the agencies with something to send."""
    taken = _Taken()
    for agency in agencies:
        _rematch(connection, window, agency, "refers_to", reference, now, taken)
        _settle_all(connection, window, agency, now, taken)
    return taken.woken
