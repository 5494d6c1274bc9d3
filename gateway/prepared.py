"""Prepared filings: a form on its way through keyer, reviewer and signer (录入、复核、申报).

Whatever is signed is what was reviewed, byte by byte: filing it and closing it here are one transaction. Where the organisation
separates duties nobody is two of the three; elsewhere one person may do all, and review may be left out.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.checking import check
from declarations.errors import BadRequest, MoveNotAllowed, UnreadableDocument
from gateway import amend, filing, ids, mandates, tenancy
from gateway.database.stores import entries, prepared
from gateway.database.stores.prepared import DROPPED, FILED, KEYED, RETURNED, REVIEWED
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry
from gateway.organisations import duties
from gateway.repeating import Reply
from gateway.submit import submit

if TYPE_CHECKING:
    from gateway.wiring import Window

LAST = "~"
"""Sorts after every id."""
STATES: dict[str, tuple[str, str]] = {
    KEYED: ("已录入，待复核", "keyed, to be reviewed"),
    REVIEWED: ("已复核，待申报", "reviewed, to be signed and filed"),
    RETURNED: ("已退回修改", "returned to be keyed again"),
    FILED: ("已申报", "filed"),
    DROPPED: ("已作废", "dropped"),
}
"""State -> words zh, en."""
OPEN = (KEYED, REVIEWED, RETURNED)


async def prepare(
    window: Window, caller: Caller, body: bytes, media_type: str, *, corrects: str | None = None
) -> dict[str, Any]:
    """Keeps a form that is not filed yet, faults and all; `corrects` names the declaration of which it shall be the next version.

    Raises UnreadableDocument, TooLarge, NotFound for a declaration that is not the caller's.
    """
    reference, faults = _checked(window, body, media_type)
    now = window.clock()
    prepared_id = ids.new_id(ids.PREPARED, now)
    row = {
        "id": prepared_id,
        "organisation_id": caller.organisation_id,
        "principal_id": caller.for_id,
        "reference": reference,
        "media_type": media_type,
        "body": body,
        "sha256": hashlib.sha256(body).hexdigest(),
        "state": KEYED,
        "corrects": corrects,
        "keyers": caller.name,
        "keyed_by": caller.name,
        "keyed_at": now,
    }

    def store(connection: Connection) -> dict[str, Any]:
        if corrects is not None:
            tenancy.owned(connection, caller, corrects)
        prepared.add(connection, row)
        return _done(connection, window, caller, prepared_id, "prepared_keyed")

    return {**await window.database.write(store), "faults": faults}


async def change(window: Window, caller: Caller, prepared_id: str, body: bytes, media_type: str) -> dict[str, Any]:
    """Keys it again, before it is reviewed or after it was returned. Raises as `prepare` does, MoveNotAllowed."""
    reference, faults = _checked(window, body, media_type)

    def store(connection: Connection) -> dict[str, Any]:
        row = _held(connection, caller, prepared_id)
        _require_state(row, KEYED, RETURNED)
        prepared.change(
            connection,
            row,
            body=body,
            media_type=media_type,
            reference=reference,
            sha256=hashlib.sha256(body).hexdigest(),
            state=KEYED,
            keyers=" ".join(dict.fromkeys([*row.keyers.split(), caller.name])),
            keyed_by=caller.name,
            keyed_at=window.clock(),
            reviewed_by=None,
            reviewed_at=None,
        )
        return _done(connection, window, caller, prepared_id, "prepared_keyed")

    return {**await window.database.write(store), "faults": faults}


async def review(window: Window, caller: Caller, prepared_id: str, sha256: str) -> dict[str, Any]:
    """Finds the form right, as it was when its hash was `sha256`.

    Raises InvalidDeclaration with all its faults, MoveNotAllowed when it was changed meanwhile, DutiesNotSeparate.
    """
    seen = await window.database.read(lambda connection: _own(connection, caller, prepared_id))
    _require_state(seen, KEYED)
    _require_seen(seen, sha256)
    # what nobody could file is not reviewed
    filing.read(window, bytes(seen.body), seen.media_type)

    def store(connection: Connection) -> dict[str, Any]:
        row = _held(connection, caller, prepared_id)
        _require_state(row, KEYED)
        _require_seen(row, sha256)
        if duties.separate(connection, caller):
            duties.require_other_person(caller, _keyers(row))
        prepared.change(connection, row, state=REVIEWED, reviewed_by=caller.name, reviewed_at=window.clock(), note=None)
        return _done(connection, window, caller, prepared_id, "prepared_reviewed")

    return await window.database.write(store)


async def give_back(window: Window, caller: Caller, prepared_id: str, note: str) -> dict[str, Any]:
    """Returns it to be keyed again, with a note why; by reviewer or signer. Raises MoveNotAllowed."""

    def store(connection: Connection) -> dict[str, Any]:
        row = _held(connection, caller, prepared_id)
        _require_state(row, KEYED, REVIEWED)
        prepared.change(connection, row, state=RETURNED, note=note)
        return _done(connection, window, caller, prepared_id, "prepared_returned")

    return await window.database.write(store)


async def drop(window: Window, caller: Caller, prepared_id: str) -> dict[str, Any]:
    """Ends it unfiled. Raises MoveNotAllowed when it is filed or dropped."""

    def store(connection: Connection) -> dict[str, Any]:
        row = _held(connection, caller, prepared_id)
        _require_state(row, *OPEN)
        prepared.change(connection, row, state=DROPPED)
        return _done(connection, window, caller, prepared_id, "prepared_dropped")

    return await window.database.write(store)


async def file(window: Window, caller: Caller, prepared_id: str, sha256: str) -> Reply:
    """Signs and files the form whose hash is `sha256`, as a new declaration or the next version of the one it corrects.

    Raises what `submit` and `amend.refile` raise, MoveNotAllowed when it is not ready or was changed, DutiesNotSeparate.
    """
    row = await window.database.read(lambda connection: _own(connection, caller, prepared_id))
    caller = await mandates.on_behalf(window, caller, row.principal_id)

    def close(connection: Connection, declaration_id: str) -> None:
        """In the transaction that files it: it is still as it was, ready, and the caller's to sign."""
        now = _held(connection, caller, prepared_id)
        _require_signable(connection, caller, now, sha256)
        signed = {"signed_by": caller.name, "signed_at": window.clock()}
        prepared.change(connection, now, state=FILED, declaration_id=declaration_id, **signed)
        _note(connection, window, caller, now, "prepared_filed", declaration=declaration_id)

    # before anything is rendered and signed for an agency
    await window.database.read(lambda connection: _require_signable(connection, caller, row, sha256))
    if row.corrects is None:
        return await submit(window, caller, bytes(row.body), row.media_type, closing=close)
    return await amend.refile(window, caller, row.corrects, bytes(row.body), row.media_type, closing=close)


async def listed(
    window: Window, caller: Caller, *, state: str | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """The organisation's prepared filings, newest first."""
    if state not in (None, *STATES):
        raise BadRequest(f"state is one of {', '.join(STATES)}", f"state 只能是 {', '.join(STATES)}")
    if cursor is not None and re.fullmatch(f"{ids.PREPARED}[0-9A-Z]{{26}}", cursor) is None:
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")
    rows = await window.database.read(
        lambda connection: prepared.listed(connection, caller.organisation_id, state, cursor or LAST, limit + 1)
    )
    return {
        "items": [shown(row) for row in rows[:limit]],
        "next": rows[limit - 1].id if len(rows) > limit else None,
    }


async def one(window: Window, caller: Caller, prepared_id: str) -> dict[str, Any]:
    """A prepared filing with its faults of today; raises NotFound."""
    row = await window.database.read(lambda connection: _own(connection, caller, prepared_id))
    faults = _checked(window, bytes(row.body), row.media_type)[1] if row.state in OPEN else []
    return {**shown(row), "faults": faults}


async def form(window: Window, caller: Caller, prepared_id: str) -> tuple[bytes, str]:
    """The form as it was keyed, with its media type; who looked is in the journal. Raises NotFound."""

    def read(connection: Connection) -> tuple[bytes, str]:
        row = _own(connection, caller, prepared_id)
        _note(connection, window, caller, row, "prepared_seen")
        return bytes(row.body), row.media_type

    return await window.database.write(read)


def shown(row: AnyRow) -> dict[str, Any]:
    zh, en = STATES[row.state]
    names = ("id", "reference", "principal_id", "corrects", "media_type", "sha256", "note", "declaration_id")
    signs = ("keyed_by", "keyed_at", "reviewed_by", "reviewed_at", "signed_by", "signed_at")
    return {
        **{name: getattr(row, name) for name in names},
        "state": row.state,
        "state_zh": zh,
        "state_en": en,
        **{name: getattr(row, name) for name in signs},
    }


def _checked(window: Window, body: bytes, media_type: str) -> tuple[str, list[dict[str, Any]]]:
    """The trader's reference, empty where it is not given, and all faults; raises UnreadableDocument."""
    context = window.rulebook.context(window.clock(), window.settings.profile)
    found = check(window.rulebook, body, media_type, context)
    if not found.readable:
        first = found.faults[0]
        raise UnreadableDocument(first.message_en, first.message_zh, faults=found.faults)
    faults = [fault.as_dict() for fault in found.faults]
    if found.declaration is None:
        return "", faults
    item = window.rulebook.forms[found.declaration.form].reference_item
    return found.declaration.header.get(item, ""), faults


def _own(connection: Connection, caller: Caller, prepared_id: str) -> AnyRow:
    return tenancy.own(caller, prepared.get(connection, prepared_id), "prepared filing", "待申报单")


def _held(connection: Connection, caller: Caller, prepared_id: str) -> AnyRow:
    return tenancy.own(caller, prepared.hold(connection, prepared_id), "prepared filing", "待申报单")


def _keyers(row: AnyRow) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(row.keyers.split(), ("录入该申报", "keyed"))


def _require_state(row: AnyRow, *states: str) -> None:
    if row.state not in states:
        zh, en = STATES[row.state]
        details = {"state": str(row.state)}
        if row.declaration_id is not None:
            details["declaration_id"] = str(row.declaration_id)
        raise MoveNotAllowed(f"this is {en}", f"该待申报单{zh}", details=details)


def _require_seen(row: AnyRow, sha256: str) -> None:
    if row.sha256 != sha256:
        raise MoveNotAllowed(
            "the form is not the one you saw; look at it again",
            "内容已变更，请重新查看",
            details={"sha256": row.sha256},
        )


def _require_signable(connection: Connection, caller: Caller, row: AnyRow, sha256: str) -> None:
    separate = duties.separate(connection, caller)
    _require_state(row, *((REVIEWED,) if separate else (KEYED, REVIEWED)))
    _require_seen(row, sha256)
    if separate:
        reviewer = {str(row.reviewed_by): ("复核该申报", "reviewed")}
        duties.require_other_person(caller, {**reviewer, **_keyers(row)})


def _done(connection: Connection, window: Window, caller: Caller, prepared_id: str, act: str) -> dict[str, Any]:
    row = _own(connection, caller, prepared_id)
    _note(connection, window, caller, row, act)
    return shown(row)


def _note(connection: Connection, window: Window, caller: Caller, row: AnyRow, act: str, **facts: str) -> None:
    details: dict[str, Any] = {"prepared": row.id, "reference": row.reference, "sha256": row.sha256, **facts}
    if row.principal_id is not None:
        details["on_behalf_of"] = row.principal_id
    made = entry(act, at=window.clock(), organisation_id=row.organisation_id, actor=caller.name, **details)
    entries.add(connection, [made])
