"""The message browser: every stage of a message as it was, from the trader's bytes to the agency's.

Looking at one message or document is itself an act: it is in the journal before anything is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.answers import Response
from declarations.errors import NotFound, UnreadableResponse
from gateway import journal
from gateway.database.stores import approvals, declarations, entries, inbox, messages, repairs
from gateway.database.types import AnyRow
from gateway.exchange import content
from gateway.identity import Caller
from gateway.operations import showing

if TYPE_CHECKING:
    from gateway.wiring import Window

HERE = "/api/v1/operations"


async def message(window: Window, operator: Caller, message_id: str) -> dict[str, Any]:
    """One agency message: the form it was made from, its bytes, each attempt, the answers. Raises NotFound."""

    def read(connection: Connection) -> tuple[AnyRow, dict[str, Any]]:
        row = _message(connection, message_id)
        version = declarations.version(connection, row.declaration_id, row.version)
        body = messages.body(connection, message_id)
        waiting = repairs.outbox_row(connection, message_id)
        # answers and acts of its declaration are few
        said = [each for each in inbox.answers_of(connection, row.declaration_id) if each.message_id == message_id]
        done = [each for each in entries.of_declaration(connection, row.declaration_id) if _concerns(each, row)]
        return row, {
            **showing.message(row),
            "form": {
                "media_type": version.media_type,
                "sha256": version.sha256,
                "size": len(version.body),
                "at": version.accepted_at,
                "url": f"{HERE}/messages/{message_id}/form",
            },
            "body": body
            and {
                "sha256": body.sha256,
                "size": len(body.body),
                "at": body.rendered_at,
                "url": f"{HERE}/messages/{message_id}/body",
            },
            "queue": waiting and showing.queued(waiting),
            "acts": [showing.act(window, each) for each in done],
            "answers": [showing.answer(window, each) for each in sorted(said, key=lambda each: (each.at, each.key))],
            "approvals": [showing.approval(each) for each in approvals.of_target(connection, message_id)],
        }

    row, content = await window.database.read(read)
    await _viewed(window, operator, _whose(row), message_id=message_id, what="message")
    return content


async def message_body(window: Window, operator: Caller, message_id: str) -> tuple[bytes, str, str]:
    """(the agency message's exact bytes, media type, a name to save under); raises NotFound."""

    def read(connection: Connection) -> tuple[AnyRow, bytes]:
        row, body = _message(connection, message_id), messages.body(connection, message_id)
        if body is None:
            raise NotFound(f"message {message_id} has not been made yet", f"报文 {message_id} 尚未生成")
        return row, bytes(body.body)

    row, body = await window.database.read(read)
    await _viewed(window, operator, _whose(row), message_id=message_id, what="body")
    return body, "application/xml", f"{row.exchange_name}.xml"


async def message_form(window: Window, operator: Caller, message_id: str) -> tuple[bytes, str, str]:
    """(the form this message was made from as the trader sent it, media type, a name to save under); raises NotFound."""

    def read(connection: Connection) -> tuple[AnyRow, AnyRow]:
        row = _message(connection, message_id)
        return row, declarations.version(connection, row.declaration_id, row.version)

    row, version = await window.database.read(read)
    await _viewed(window, operator, _whose(row), message_id=message_id, what="form")
    suffix = "json" if "json" in version.media_type else "xml"
    return bytes(version.body), version.media_type, f"{row.declaration_id}.{row.version}.{suffix}"


async def of_declaration(window: Window, operator: Caller, declaration_id: str) -> dict[str, Any]:
    """All messages and documents of one declaration, without their bytes; raises NotFound."""

    def read(connection: Connection) -> tuple[AnyRow, dict[str, Any]]:
        found = declarations.get(connection, declaration_id)
        if found is None:
            raise NotFound(f"there is no declaration {declaration_id}", f"没有申报 {declaration_id}")
        rows = messages.of_declaration(connection, declaration_id)
        return found, {
            "declaration": showing.declaration(window, found),
            "messages": [showing.message(row) for row in rows],
            "documents": [
                {
                    "id": row.id,
                    "agency": row.agency,
                    "state": row.state,
                    "message": row.messages,
                    "version": row.version,
                    "sha256": row.sha256,
                    "size": row.size,
                    "received_at": row.received_at,
                    "url": f"{HERE}/documents/{row.id}",
                }
                for row in inbox.documents_of(connection, declaration_id)
            ],
        }

    found, content = await window.database.read(read)
    about = {"organisation_id": found.organisation_id, "declaration_id": found.id, "version": found.version}
    await _viewed(window, operator, about, what="declaration")
    return content


async def document(window: Window, operator: Caller, inbox_id: str) -> dict[str, Any]:
    """One document of an agency: its state, what the tables in force read in it, and what was taken up. Raises NotFound."""

    def read(connection: Connection) -> tuple[AnyRow, dict[str, Any]]:
        row = _document(connection, inbox_id)
        return row, {
            **showing.document(row),
            "problem": row.problem,
            "attempts": row.attempts,
            "sha256": row.sha256,
            "size": len(row.body),
            "url": f"{HERE}/documents/{inbox_id}/body",
            "reading": _reading(connection, window, row),
            "unmatched": [showing.unmatched(each) for each in repairs.unmatched_of(connection, inbox_id)],
            "approvals": [showing.approval(each) for each in approvals.of_target(connection, inbox_id)],
        }

    row, content = await window.database.read(read)
    await _viewed(window, operator, {"agency": row.agency}, inbox_id=inbox_id, what="document")
    return content


async def document_body(window: Window, operator: Caller, inbox_id: str) -> tuple[bytes, str, str]:
    """(the document's exact bytes, media type, a name to save under); raises NotFound."""
    row = await window.database.read(lambda connection: _document(connection, inbox_id))
    await _viewed(window, operator, {"agency": row.agency}, inbox_id=inbox_id, what="body")
    return bytes(row.body), "application/xml", row.name or f"{inbox_id}.xml"


def _message(connection: Connection, message_id: str) -> AnyRow:
    row = messages.get(connection, message_id)
    if row is None:
        raise NotFound(f"there is no message {message_id}", f"没有报文 {message_id}")
    return row


def _document(connection: Connection, inbox_id: str) -> AnyRow:
    row = inbox.get(connection, inbox_id)
    if row is None:
        raise NotFound(f"there is no document {inbox_id}", f"没有回执文件 {inbox_id}")
    return row


def _concerns(entry: AnyRow, row: AnyRow) -> bool:
    """Whether an entry of the journal speaks of this message, or of its version at its agency."""
    told = entry.details.get("message_id")
    return bool(told == row.id if told else entry.agency == row.agency and entry.version == row.version)


def _reading(connection: Connection, window: Window, row: AnyRow) -> dict[str, Any]:
    """What the tables in force make of a document now, answer by answer, and which of them were taken up from it."""
    try:
        if row.problem:
            raise UnreadableResponse(f"the file was not taken up: {row.problem}", f"文件未能读取：{row.problem}")
        responses = window.rulebook.agencies[row.agency].answers.read(content(bytes(row.body), row.signature), row.name)
    except UnreadableResponse as error:
        return {"readable": False, "reason_zh": error.message_zh, "reason_en": error.message_en, "answers": []}
    except Exception as error:  # a fault of ours: what it is, the operator must be able to see
        return {"readable": False, "reason_zh": repr(error), "reason_en": repr(error), "answers": []}
    answers = []
    for response in responses:
        taken = _taken_from(connection, row, response)
        answers.append(
            {
                **showing.response(window, response),
                "taken": taken is not None,
                "message_id": taken.message_id if taken else None,
                "declaration_id": _message(connection, taken.message_id).declaration_id if taken else None,
            }
        )
    return {"readable": True, "reason_zh": None, "reason_en": None, "answers": answers}


def _taken_from(connection: Connection, row: AnyRow, response: Response) -> AnyRow | None:
    found = inbox.by_key(connection, row.agency, response.key)
    return next((each for each in found if each.inbox_id == row.id), None)


async def _viewed(window: Window, operator: Caller, about: dict[str, Any], **details: str) -> None:
    act = journal.operators("viewed", operator.name, window.clock(), details, about)
    await window.database.write(lambda connection: entries.add(connection, [act]))


def _whose(row: AnyRow) -> dict[str, Any]:
    names = ("organisation_id", "declaration_id", "version", "agency")
    return {name: getattr(row, name) for name in names}
