"""Receive: an agency's answer, from bytes to the trader's status, in one transaction (design.md section 5.4).

Whatever came is kept. A repeated answer changes nothing; one whose filing is not known yet waits; one that cannot be read,
fits several filings or trips a fault of ours goes to the operator; one with a code no table holds stays visible and changes
nothing.

Where Kafka carries, a document is kept first (`keep`: then its sender has done his part) and taken up by a consumer (`take_up`);
one that was kept and never taken up, because a process died, is taken up later like the first time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.answers import Response
from declarations.errors import NotFound, StorageUnavailable, UnreadableResponse
from gateway import ids
from gateway.database.stores import archive, inbox
from gateway.matching import Doubtful
from gateway.observe import metrics, tracing
from gateway.taking import Taken, add_answer, contradicts, keep_unmatched, known_already, matched, settle_all

if TYPE_CHECKING:
    from gateway.wiring import Window

State = Literal["done", "duplicate", "waiting", "quarantined", "received"]
SHOWN_AT_MOST = 300
"""Characters of an error of ours that the operator reads; the log has all of it."""
ATTEMPTS_AT_MOST = 5
"""A document during which the process died so often is kept aside: it may be what kills it."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a document. `reason` is in English, `reason_zh` in Chinese; both empty when all went well."""

    state: State
    inbox_id: str
    reason: str | None = None
    reason_zh: str | None = None


async def arrived(window: Window, agency: str, body: bytes, name: str | None = None, problem: str = "") -> Received:
    """A document at one of the window's doors; resolves after it is committed, taken up or to be taken up. See `receive`."""
    how = keep if window.settings.kafka_bootstrap else receive
    return await how(window, agency, body, name, problem)


async def keep(window: Window, agency: str, body: bytes, name: str | None = None, problem: str = "") -> Received:
    """Keeps a document for a consumer to take up. Raises NotFound and StorageUnavailable, as `receive`."""
    document = _document(window, agency, body, name, problem)
    await window.database.write(lambda connection: inbox.keep(connection, document, window.settings.retake_seconds))
    window.notices.received(agency, _order_key(window, agency, body, name) or document["id"], document["id"])
    return Received("received", document["id"])


async def take_up(window: Window, inbox_id: str, *, suspect: bool = False) -> Received:
    """Takes up a document that was kept; one taken up already is a `duplicate`. Raises StorageUnavailable.

    `suspect`: it may have been begun before; a document during which processes die is kept aside after some attempts.
    """
    if suspect:
        retake = window.settings.retake_seconds
        attempts = await window.database.write(lambda connection: inbox.begun(connection, inbox_id, retake))
        if attempts > ATTEMPTS_AT_MOST:
            return await _set_aside(window, inbox_id, attempts)
    row = await window.database.read(lambda connection: inbox.get(connection, inbox_id))
    if row is None or row.state != "received":
        return Received("duplicate", inbox_id)
    with tracing.span("take_up", parent=row.trace, agency=row.agency, inbox_id=inbox_id):
        return await _stored(window, row._asdict(), kept=True)


async def receive(window: Window, agency: str, body: bytes, name: str | None = None, problem: str = "") -> Received:
    """Takes one document of an agency; resolves after it is committed. `name` is the file it came in, if it was one;
    `problem` says why the channel could not take it up.

    Raises NotFound for an unknown agency and StorageUnavailable when nothing could be kept: the sender comes again.
    """
    return await _stored(window, _document(window, agency, body, name, problem), kept=False)


def _document(window: Window, agency: str, body: bytes, name: str | None, problem: str) -> dict[str, Any]:
    if agency not in window.rulebook.agencies:
        raise NotFound(f"there is no agency {agency!r}", f"没有机构 {agency}")
    now = window.clock()
    return {
        "id": ids.new_id(ids.INBOX, now),
        "agency": agency,
        "name": name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "received_at": now,
        "problem": problem or None,
        "trace": tracing.current(),
        "body": body,
    }


def _order_key(window: Window, agency: str, body: bytes, name: str | None) -> str | None:
    """What the answers to one filing have in common, as far as a glance can tell. Order is a help: status does not hang on it."""
    try:
        responses = window.rulebook.agencies[agency].answers.read(body, name)
    except Exception:
        return None  # taking it up will say what is wrong with it
    return next((each.refers_to or each.unified_number or each.agency_reference for each in responses), None)


async def _stored(window: Window, document: dict[str, Any], kept: bool) -> Received:
    """Reads a document and takes up what it says; `kept`: its row is there already."""
    agency, name = document["agency"], document["name"]
    responses: list[Response] = []
    unreadable: UnreadableResponse | None = None
    try:
        if document["problem"]:
            said = document["problem"]
            raise UnreadableResponse(f"the file was not taken up: {said}", f"文件未能读取：{said}")
        responses = window.rulebook.agencies[agency].answers.read(bytes(document["body"]), name)
    except UnreadableResponse as error:
        unreadable = error
    except Exception as error:
        unreadable = _our_fault(error, agency, name)

    def store(connection: Connection) -> tuple[Received, Taken]:
        if kept and inbox.take(connection, document["id"]) is None:
            return Received("duplicate", document["id"]), Taken()
        if unreadable is not None:
            return _quarantine(connection, document, unreadable, kept), Taken()
        return _take(connection, window, document, responses, kept)

    try:
        try:
            received, taken = await window.database.write(store)
        except IntegrityError:
            # another process took up the same answer at the same moment: now it is there to be seen
            received, taken = await window.database.write(store)
    except StorageUnavailable:
        raise
    except Exception as error:
        # nothing of it was stored; the bytes are kept all the same, and the agency need not come again
        fault = _our_fault(error, agency, name)
        received = await window.database.write(lambda connection: _quarantine(connection, document, fault, kept))
        taken = Taken()
    if received.state == "quarantined":
        metrics.quarantined(agency)
    taken.announce(window)
    return received


def _our_fault(error: Exception, agency: str, name: str | None) -> UnreadableResponse:
    """What the operator reads of an answer that could not be taken up through no fault of its own."""
    log.exception("answer could not be taken up", agency=agency, name=name, exc_info=error)
    shown = repr(error)[:SHOWN_AT_MOST]
    return UnreadableResponse(
        f"it could not be taken up, a fault of the window: {shown}", f"窗口内部错误，回执未能处理：{shown}"
    )


def _why_unmatched(connection: Connection, responses: list[Response]) -> tuple[str, str]:
    """For the operator, zh and en: the filing is not there yet, or it is there no more."""
    for response in responses:
        for value in (response.agency_reference, response.unified_number, response.refers_to):
            for row in archive.by_number(connection, value) if value else ():
                return f"该申报已归档并清理：{row.file}", f"its filing was archived and removed: {row.file}"
    return "尚无申报使用其中的编号", "no filing bears its numbers yet"


async def _set_aside(window: Window, inbox_id: str, attempts: int) -> Received:
    en = f"it was begun {attempts} times and never ended: it may be what stops the window's programs"
    zh = f"已尝试处理 {attempts} 次均未完成，可能导致程序中断，已隔离"

    def store(connection: Connection) -> Received:
        row = inbox.take(connection, inbox_id)
        if row is None:
            return Received("duplicate", inbox_id)
        return _quarantine(connection, row._asdict(), UnreadableResponse(en, zh), True)

    log.error("answer set aside", inbox_id=inbox_id, attempts=attempts)
    return await window.database.write(store)


def _quarantine(connection: Connection, document: dict[str, Any], error: UnreadableResponse, kept: bool) -> Received:
    agency, inbox_id = document["agency"], document["id"]
    earlier = inbox.same(connection, agency, document["sha256"], document["name"], but=inbox_id)
    if earlier is not None:
        if kept:
            inbox.remove(connection, inbox_id)
        return Received("quarantined", earlier.id, error.message_en, error.message_zh)
    if not kept:
        inbox.add(connection, {**document, "state": "done"})
    inbox.set_state(connection, inbox_id, "quarantined", error.message_zh, error.message_en)
    return Received("quarantined", inbox_id, error.message_en, error.message_zh)


def _take(
    connection: Connection, window: Window, document: dict[str, Any], responses: list[Response], kept: bool
) -> tuple[Received, Taken]:
    now, agency, own_id = document["received_at"], document["agency"], document["id"]
    found = matched(connection, agency, responses, now)
    earlier = inbox.same(connection, agency, document["sha256"], document["name"], but=own_id)
    fresh: list[tuple[Response, Any]] = []
    doubt: Doubtful | None = None
    seen: set[tuple[str, str]] = set()
    for response, match in found:
        if isinstance(match, Doubtful):
            doubt, match = match, None
        earlier_ones = inbox.by_key(connection, agency, response.key)
        if contradicts(response, earlier_ones):
            doubt = Doubtful(
                f"its id {response.key} was used before for another answer", f"编号 {response.key} 已用于内容不同的回执"
            )
            continue
        if match is None or not known_already(response, match, earlier_ones, seen):
            fresh.append((response, match))
    if not fresh and earlier is not None and earlier.state == "done":
        if kept:
            inbox.remove(connection, own_id)
        return Received("duplicate", earlier.id), Taken()
    inbox_id = earlier.id if earlier is not None else own_id
    if earlier is not None and kept:
        inbox.remove(connection, own_id)
    elif earlier is None and not kept:
        inbox.add(connection, {**document, "state": "done"})
    taken = Taken()
    unmatched = 0
    for response, match in fresh:
        if match is None:
            unmatched += 1
            keep_unmatched(connection, response, inbox_id, now)
        else:
            add_answer(connection, window, response, match, inbox_id, now, taken)
    settle_all(connection, window, agency, now, taken)
    if doubt is not None:
        inbox.set_state(connection, inbox_id, "quarantined", doubt.reason_zh, doubt.reason_en)
        return Received("quarantined", inbox_id, doubt.reason_en, doubt.reason_zh), taken
    if unmatched:
        zh, en = _why_unmatched(connection, [response for response, match in fresh if match is None])
        inbox.set_state(connection, inbox_id, "waiting", zh, en)
        return Received("waiting", inbox_id, en, zh), taken
    if earlier is not None or kept:
        inbox.set_state(connection, inbox_id, "done")
    return Received("done" if fresh else "duplicate", inbox_id), taken
