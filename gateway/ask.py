"""Ask: what people and programs want to know about a declaration; every answer is made for JSON. It changes nothing; who looked
at stored bytes or at where a value came from is journalled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.dateforms import SHANGHAI
from declarations.errors import BadRequest, NotFound
from declarations.explain import explain_message
from declarations.responses import ANSWERED, COMBINED, DELIVERY, OBLIGATIONS
from gateway import finding, ids, showing, tenancy
from gateway.database.stores import declarations, entries, inbox
from gateway.database.stores import messages as sent
from gateway.identity import Caller
from gateway.journal import INTERNAL, entry
from gateway.tenancy import owned

if TYPE_CHECKING:
    from gateway.wiring import Window


def _known(name: str, value: str | None, known: Iterable[str]) -> None:
    """Raises BadRequest for a value nothing can ever have."""
    if value is not None and value not in known:
        said = ", ".join(dict.fromkeys(known))
        raise BadRequest(f"{name} must be one of {said}", f"{name} 只能是 {said}")


async def find(
    window: Window,
    caller: Caller,
    *,
    q: str | None = None,
    state: str | None = None,
    obligation: str | None = None,
    since: date | None = None,
    until: date | None = None,
    cursor: str | None = None,
    limit: int = 50,
    **kinds: str | None,
) -> dict[str, Any]:
    """Newest first, all filters together. `q` searches every kind; a value of 4 characters or more also finds last digits."""
    strange = sorted(set(kinds) - set(finding.ALL_KINDS))
    if strange:
        raise BadRequest(f"declarations are not found by {', '.join(strange)}", f"不能按 {'、'.join(strange)} 查找")
    asked: list[tuple[str | None, str | None]] = [(None, q), *kinds.items()]
    keys = [
        (kind, value, len(value) >= finding.LAST_DIGITS)
        for kind, text in asked
        if text is not None and (value := finding.normalised(text))
    ]
    _known("state", state, (*COMBINED, *ANSWERED, *DELIVERY))
    _known("obligation", obligation, OBLIGATIONS)
    if cursor is not None and re.fullmatch(f"{ids.DECLARATION}[0-9A-Z]{{26}}", cursor) is None:
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")
    newer = _beginning(since) if since else None
    # no day follows the calendar's last: nothing is later
    older = _beginning(until + timedelta(days=1)) if until and until < date.max else None
    if cursor is not None:
        older = min(cursor, older) if older else cursor

    def read(connection: Connection) -> dict[str, Any]:
        rows = tenancy.found(
            connection,
            caller,
            keys=keys,
            state=state,
            kind_open=obligation,
            newer_than=newer,
            older_than=older,
            limit=limit + 1,
        )
        page = rows[:limit]
        return {
            "items": showing.summaries(connection, window, page),
            "next": page[-1].id if len(rows) > limit else None,
        }

    return await window.database.read(read)


def _beginning(day: date) -> str:
    """Not greater than any id of a declaration filed on that day, as days are counted where the trade is."""
    return ids.lower_bound(ids.DECLARATION, datetime.combine(day, time.min, SHANGHAI))


async def declaration(window: Window, caller: Caller, declaration_id: str) -> dict[str, Any]:
    """The one combined answer: status, what to do next, and each agency's leg in its own words."""
    return await window.database.read(
        lambda connection: showing.declaration(connection, window, owned(connection, caller, declaration_id))
    )


async def timeline(window: Window, caller: Caller, declaration_id: str) -> dict[str, Any]:
    """Acts of the window and answers of agencies, by the time they speak of. Answers to older versions are marked."""

    def read(connection: Connection) -> dict[str, Any]:
        found = owned(connection, caller, declaration_id)
        names = showing.names(connection, [found])
        acts = [
            (row.at, 0, showing.act(window, row, caller, found, names))
            for row in entries.of_declaration(connection, declaration_id)
            if row.code not in INTERNAL
        ]
        in_force = {row.id for row in sent.current(connection, declaration_id)}
        said = []
        for row in inbox.answers_of(connection, declaration_id):
            code = window.responses(row.agency).get((row.message, row.code))
            # an agency that writes whole seconds may have spoken at the end of one
            at = row.at if row.at.microsecond else row.at.replace(microsecond=999_999)
            said.append((at, 1 + (code.rank if code else 0), showing.said(window, row, row.message_id in in_force)))
        # equal times are told by rank, as the status does
        return {"items": [item for _, _, item in sorted(acts + said, key=lambda each: each[:2])]}

    return await window.database.read(read)


async def messages(window: Window, caller: Caller, declaration_id: str) -> dict[str, Any]:
    """Every message, out and back, of all versions, oldest first."""

    def read(connection: Connection) -> dict[str, Any]:
        found = owned(connection, caller, declaration_id)
        records = showing.records(window, inbox.answers_of(connection, declaration_id))
        bodies = sent.body_heads(connection, declaration_id)
        items = [
            {
                "id": f"{found.id}.{version.version}",
                "direction": "filed",
                "agency": None,
                "message": found.form,
                "version": version.version,
                "state": "accepted",
                "sha256": version.sha256,
                "size": version.size,
                "at": version.accepted_at,
            }
            for version in declarations.versions(connection, declaration_id)
        ]
        for row in sent.of_declaration(connection, declaration_id):
            body = bodies.get(row.id)
            items.append(
                {
                    "id": row.id,
                    "direction": "out",
                    "agency": row.agency,
                    "message": row.message,
                    "version": row.version,
                    "state": row.delivery,
                    "sha256": body.sha256 if body else None,
                    "size": body.size if body else None,
                    "at": row.sent_at or (body.rendered_at if body else row.accepted_at),
                }
            )
        items += [
            {
                "id": row.id,
                "direction": "in",
                "agency": row.agency,
                "message": row.messages,
                "version": row.version,
                "state": row.state,
                "sha256": row.sha256,
                "size": row.size,
                "at": row.received_at,
                "records": records[row.id],
            }
            for row in inbox.documents_of(connection, declaration_id)
        ]
        return {"items": sorted(items, key=lambda item: item["at"])}

    return await window.database.read(read)


async def message_bytes(window: Window, caller: Caller, declaration_id: str, message_id: str) -> tuple[bytes, str, str]:
    """(exact bytes, media type, a name to save under) of a message of this declaration; raises NotFound."""

    def read(connection: Connection) -> tuple[bytes, str, str]:
        owned(connection, caller, declaration_id)
        for version in declarations.versions(connection, declaration_id):
            if message_id == f"{declaration_id}.{version.version}":
                row = declarations.version(connection, declaration_id, version.version)
                suffix = "json" if "json" in row.media_type else "xml"
                return bytes(row.body), row.media_type, f"{message_id}.{suffix}"
        message = sent.get(connection, message_id)
        body = sent.body(connection, message_id)
        if message is not None and message.declaration_id == declaration_id and body is not None:
            return bytes(body.body), "application/xml", f"{message.exchange_name}.xml"
        document = tenancy.document(connection, window, caller, declaration_id, message_id)
        if document is not None:
            return bytes(document.body), "application/xml", document.name or f"{message_id}.xml"
        raise NotFound(f"this declaration has no message {message_id!r}", f"该申报没有报文 {message_id}")

    found = await window.database.read(read)
    await looked(window, caller, declaration_id, message_id=message_id)
    return found


async def explain(
    window: Window,
    caller: Caller,
    declaration_id: str,
    agency: str,
    target: str | None = None,
    pointer: str | None = None,
) -> dict[str, Any]:
    """Where the values of an agency's message came from, by the tables of its acceptance: those at `target`, or those made from
    the trader's field at `pointer`, or all. Raises NotFound when nothing fits."""

    def read(connection: Connection) -> dict[str, Any]:
        owned(connection, caller, declaration_id)
        row = next((row for row in sent.current(connection, declaration_id) if row.agency == agency), None)
        if row is None:
            raise NotFound(f"this declaration has no message to {agency!r}", f"该申报没有发给 {agency} 的报文")
        pinned = showing.Pinned(connection, window, row)
        values = explain_message(
            pinned.rulebook, pinned.table, pinned.form, row.filing, pinned.accepted_on, target=target, pointer=pointer
        )
        if not values and (target or pointer):
            what = target or pointer
            raise NotFound(f"nothing in this message fits {what!r}", f"报文中没有与 {what} 相应的值")
        facts = {"declaration_id": declaration_id, "version": row.version, "agency": agency, "message": row.message}
        return {**facts, "message_id": row.id, "table_version": row.table_version, "items": values}

    found = await window.database.read(read)
    await looked(window, caller, declaration_id, message_id=found["message_id"], explained=target or pointer or "")
    return found


async def looked(
    window: Window, caller: Caller, declaration_id: str, message_id: str, explained: str | None = None
) -> None:
    """Who looked at what was declared is in the journal before it is shown; nothing is shown when that fails."""
    act = entry(
        "looked",
        at=window.clock(),
        organisation_id=caller.organisation_id,
        declaration_id=declaration_id,
        actor=caller.name,
        message_id=message_id,
    )
    if explained is not None:
        act["details"]["explained"] = explained
    await window.database.write(lambda connection: entries.add(connection, [act]))
