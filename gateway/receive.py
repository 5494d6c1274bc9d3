"""Receive: an agency's answer, from bytes to the trader's status, in one transaction (design.md section 5.4).

Whatever came is kept. A repeated answer changes nothing; one whose filing is not known yet waits; one that cannot be read,
fits several filings or trips a fault of ours goes to the operator; one with a code no table holds stays visible and changes
nothing.

A document whose signature is not its agency's, or that answers another agency's message, is never read: it is kept aside with the
reason, journalled, and changes nothing.

Where Kafka carries, a document is kept first (`keep`: then its sender has done his part) and taken up by a consumer (`take_up`);
one that was kept and never taken up, because a process died, is taken up later like the first time.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from adapters.signatures import code_of, described
from declarations.answers import Response
from declarations.errors import (
    NotFound,
    SealedDataUnreadable,
    SignatureRefused,
    StorageUnavailable,
    UnreadableResponse,
    WrongAgency,
)
from gateway import exchange, ids
from gateway.database.stores import archive, entries, inbox
from gateway.matching import Doubtful, elsewhere
from gateway.observe import metrics, tracing
from gateway.quarantine import Received, killing, our_fault, quarantine, refusal, set_aside
from gateway.taking import Taken, add_answer, contradicts, keep_unmatched, known_already, matched, settle_all

if TYPE_CHECKING:
    from gateway.wiring import Window

ATTEMPTS_AT_MOST = 5
"""A document during which the process died so often is kept aside: it may be what kills it."""


async def arrived(
    window: Window,
    agency: str,
    body: bytes,
    name: str | None = None,
    problem: str = "",
    *,
    signature: str | None = None,
) -> Received:
    """A document at one of the window's doors, its signature verified before anything else; resolves after it is committed, taken
    up or to be taken up. See `receive`."""
    _require_agency(window, agency)
    refused = None if problem else window.exchange.refusal(agency, body, name, signature, window.clock())
    how = keep if window.settings.kafka_bootstrap else receive
    kept = window.exchange.kept_signature(agency, signature)
    return await how(window, agency, body, name, problem, signature=kept, refused=refused)


async def keep(
    window: Window,
    agency: str,
    body: bytes,
    name: str | None = None,
    problem: str = "",
    *,
    signature: str | None = None,
    refused: SignatureRefused | None = None,
) -> Received:
    """Keeps a document for a consumer to take up. Raises NotFound and StorageUnavailable, as `receive`."""
    document = _document(window, agency, body, name, described(refused) if refused else problem, signature)
    await window.database.write(lambda connection: inbox.keep(connection, document, window.settings.retake_seconds))
    window.notices.received(agency, _order_key(window, document) or document["id"], document["id"])
    if refused is not None:
        return Received("received", document["id"], refused.message_en, refused.message_zh, refused)
    return Received("received", document["id"])


async def take_up(window: Window, inbox_id: str, *, suspect: bool = False) -> Received:
    """Takes up a document that was kept; one taken up already is a `duplicate`. Raises StorageUnavailable.

    `suspect`: it may have been begun before; a document during which processes die is kept aside after some attempts.
    """
    if suspect:
        retake = window.settings.retake_seconds
        attempts = await window.database.write(lambda connection: inbox.begun(connection, inbox_id, retake))
        if attempts > ATTEMPTS_AT_MOST:
            return await set_aside(window, inbox_id, killing(attempts))
    try:
        row = await window.database.read(lambda connection: inbox.get(connection, inbox_id))
    except SealedDataUnreadable as error:
        return await set_aside(window, inbox_id, UnreadableResponse(error.message_en, error.message_zh))
    if row is None or row.state != "received":
        return Received("duplicate", inbox_id)
    document, refused = row._asdict(), None
    if code_of(row.problem or ""):
        # a key that was not known then may be by now; the time that counts is that of arrival
        refused = window.exchange.refusal(row.agency, bytes(row.body), row.name, row.signature, row.received_at)
        if refused is None:
            await window.database.write(lambda connection: inbox.admit(connection, inbox_id, row.signature))
        document["problem"] = described(refused) if refused else None
    with tracing.span("take_up", parent=row.trace, agency=row.agency, inbox_id=inbox_id):
        return await _stored(window, document, kept=True, refused=refused)


async def receive(
    window: Window,
    agency: str,
    body: bytes,
    name: str | None = None,
    problem: str = "",
    *,
    signature: str | None = None,
    refused: SignatureRefused | None = None,
    recent: bool = True,
) -> Received:
    """Takes one document of an agency; resolves after it is committed. `name` is the file it came in, if it was one;
    `problem` says why the channel could not take it up, `refused` why it is not taken for this agency's. The doors come through
    `arrived`. `recent`: its own times must not be older than the window of signatures allows.

    Raises NotFound for an unknown agency and StorageUnavailable when nothing could be kept: the sender comes again.
    """
    document = _document(window, agency, body, name, described(refused) if refused else problem, signature)
    return await _stored(window, document, kept=False, refused=refused, recent=recent)


def _require_agency(window: Window, agency: str) -> None:
    if agency not in window.rulebook.agencies:
        raise NotFound(f"there is no agency {agency!r}", f"没有机构 {agency}")


def _document(
    window: Window, agency: str, body: bytes, name: str | None, problem: str, signature: str | None
) -> dict[str, Any]:
    _require_agency(window, agency)
    now = window.clock()
    return {
        "id": ids.new_id(ids.INBOX, now),
        "agency": agency,
        "name": name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "received_at": now,
        "problem": problem or None,
        "signature": signature,
        "trace": tracing.current(),
        "body": body,
    }


def _order_key(window: Window, document: dict[str, Any]) -> str | None:
    """What the answers to one filing have in common, as far as a glance can tell. Order is a help: status does not hang on it."""
    if document["problem"]:
        return None
    try:
        responses = _read(window, document)
    except Exception:
        return None  # taking it up will say what is wrong with it
    return next((each.refers_to or each.unified_number or each.agency_reference for each in responses), None)


def _read(window: Window, document: dict[str, Any]) -> list[Response]:
    body = exchange.content(bytes(document["body"]), document["signature"])
    return window.rulebook.agencies[document["agency"]].answers.read(body, document["name"])


async def _stored(
    window: Window,
    document: dict[str, Any],
    kept: bool,
    refused: SignatureRefused | None = None,
    recent: bool = True,
) -> Received:
    """Reads a document and takes up what it says, unless it is refused; `kept`: its row is there already."""
    agency, name = document["agency"], document["name"]
    responses: list[Response] = []
    unreadable: UnreadableResponse | SignatureRefused | None = None
    try:
        if refused is not None:
            raise refused
        if document["problem"]:
            said = document["problem"]
            raise UnreadableResponse(f"the file was not taken up: {said}", f"文件未能读取：{said}")
        responses = _read(window, document)
        if recent:
            window.exchange.require_recent(agency, document["signature"], responses, document["received_at"])
    except (UnreadableResponse, SignatureRefused) as error:
        unreadable = error
    except Exception as error:
        unreadable = our_fault(error, agency, name)

    def store(connection: Connection) -> tuple[Received, Taken]:
        if kept and inbox.take(connection, document["id"]) is None:
            return Received("duplicate", document["id"]), Taken()
        if unreadable is not None:
            return quarantine(connection, document, unreadable, kept), Taken()
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
        fault = our_fault(error, agency, name)
        received = await window.database.write(lambda connection: quarantine(connection, document, fault, kept))
        taken = Taken()
    if received.state == "quarantined":
        metrics.quarantined(agency)
    taken.announce(window)
    return received


def _why_unmatched(connection: Connection, responses: list[Response]) -> tuple[str, str]:
    """For the operator, zh and en: the filing is not there yet, or it is there no more."""
    for response in responses:
        for value in (response.agency_reference, response.unified_number, response.refers_to):
            for row in archive.by_number(connection, value) if value else ():
                return f"该申报已归档并清理：{row.file}", f"its filing was archived and removed: {row.file}"
    return "尚无申报使用其中的编号", "no filing bears its numbers yet"


def _take(
    connection: Connection, window: Window, document: dict[str, Any], responses: list[Response], kept: bool
) -> tuple[Received, Taken]:
    now, agency, own_id = document["received_at"], document["agency"], document["id"]
    found = matched(connection, agency, responses, now)
    earlier = inbox.same(connection, agency, document["sha256"], document["name"], but=own_id)
    fresh: list[tuple[Response, Any]] = []
    doubt: Doubtful | None = None
    seen: set[tuple[str, str]] = set()
    foreign: WrongAgency | None = None
    for response, match in found:
        if match is None and (other := elsewhere(connection, agency, window.rulebook.agencies, response)):
            foreign = WrongAgency(
                f"it answers a message to {other}, not to {agency}", f"所答复的是发给 {other} 的报文，而非 {agency}"
            )
            continue
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
    if earlier is not None:
        # it came before without a signature that was taken, perhaps
        inbox.admit(connection, inbox_id, document["signature"])
    taken = Taken()
    unmatched = 0
    for response, match in fresh:
        if match is None:
            unmatched += 1
            keep_unmatched(connection, response, inbox_id, now)
        else:
            add_answer(connection, window, response, match, (inbox_id, document["sha256"]), now, taken)
    settle_all(connection, window, agency, now, taken)
    if foreign is not None:
        inbox.set_state(connection, inbox_id, "quarantined", foreign.message_zh, foreign.message_en)
        entries.add(connection, [refusal(document, inbox_id, foreign)])
        return Received("quarantined", inbox_id, foreign.message_en, foreign.message_zh, foreign), taken
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
