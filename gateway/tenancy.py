"""Tenancy: whose what is. Every reading of an organisation's data for a caller passes here, and what is not the caller's is not
there.

A declaration has one side or two: the organisation that filed it and, under a mandate (电子委托), the principal in whose name it
was filed. Both see it. Anything else belongs to one organisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import FiledByAnother, NotFound, SharedDocument, UnreadableResponse
from gateway.database.stores import archive, calls, declarations, inbox, search
from gateway.database.types import AnyRow
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window


def sides(row: Any) -> tuple[str, ...]:
    """The organisations a declaration belongs to, the filer first. `row` has organisation_id and principal_id."""
    return (row.organisation_id,) if row.principal_id is None else (row.organisation_id, row.principal_id)


def sees(caller: Caller, row: Any) -> bool:
    """Whether a declaration is the caller's to see, from either side."""
    # who belongs to no organisation sees no organisation's
    return bool(caller.organisation_id) and caller.organisation_id in sides(row)


def owned(connection: Connection, caller: Caller, declaration_id: str) -> AnyRow:
    """A declaration that the caller sees; raises NotFound for another's as for none."""
    row = declarations.get(connection, declaration_id)
    if row is None:
        gone = archive.get(connection, declaration_id)
        if gone is not None and sees(caller, gone):
            raise NotFound(
                f"declaration {declaration_id} ({gone.reference}, {gone.status}) was archived and removed",
                f"申报 {declaration_id}（{gone.reference}，{gone.status}）已归档并清理",
            )
    if row is None or not sees(caller, row):
        raise NotFound(f"there is no declaration {declaration_id!r}", f"没有申报 {declaration_id}")
    return row


def own(caller: Caller, row: AnyRow | None, what_en: str, what_zh: str) -> AnyRow:
    """A row that belongs to one organisation (`organisation_id`), which must be the caller's; raises NotFound for another's as
    for none."""
    if row is None or not caller.organisation_id or row.organisation_id != caller.organisation_id:
        raise NotFound(f"there is no such {what_en}", f"没有该{what_zh}")
    return row


def holds(caller: Caller, row: Any) -> bool:
    """Whether a call or a filing is the caller's own organisation's to go on with."""
    return bool(caller.organisation_id) and row.organisation_id == caller.organisation_id


def call_of(connection: Connection, caller: Caller, call_id: str) -> AnyRow:
    """A ship's call that the caller sees: its agent's organisation, the principal, the agencies that have a message of it.
    Raises NotFound for another's as for none."""
    row = calls.get(connection, call_id)
    takes_part = bool(caller.agency) and calls.takes_part(connection, call_id, caller.agency)
    if row is None or not (sees(caller, row) or takes_part):
        raise NotFound(f"there is no call {call_id!r}", f"没有航次 {call_id}")
    return row


def held_call(connection: Connection, caller: Caller, call_id: str) -> AnyRow:
    """A call that the caller's organisation has as its agent. Raises NotFound for another's as for none, FiledByAnother for who
    may only look."""
    row = call_of(connection, caller, call_id)
    if not holds(caller, row):
        raise FiledByAnother("the agent who has this call does this", "该事项由办理该航次的代理办理")
    return row


def found(connection: Connection, caller: Caller, **filters: Any) -> Sequence[AnyRow]:
    """Declarations the caller sees, for which all filters of `search.find` hold."""
    return search.find(connection, caller.organisation_id, **filters)


def document(
    connection: Connection, window: Window, caller: Caller, declaration_id: str, inbox_id: str
) -> AnyRow | None:
    """An agency's document that speaks of this declaration, bytes and all; None when it does not.

    Raises SharedDocument when it also speaks of filings the caller does not see, or of any that are not known: each record is
    looked up, for one that was heard before stands under another document.
    """
    if all(row.id != inbox_id for row in inbox.documents_of(connection, declaration_id)):
        return None
    row = inbox.get(connection, inbox_id)
    if row is None:
        return None
    try:
        records = window.rulebook.agencies[row.agency].answers.read(bytes(row.body), row.name)
    except (UnreadableResponse, KeyError):
        # tables of today cannot tell what it says, and of whom
        raise _shared() from None
    for record in records:
        answers = inbox.by_key(connection, row.agency, record.key)
        if not answers or not all(_answers_to(connection, caller, answer) for answer in answers):
            raise _shared()
    return row


def _answers_to(connection: Connection, caller: Caller, answer: AnyRow) -> bool:
    filed = declarations.get(connection, answer.declaration_id)
    return filed is not None and sees(caller, filed)


def _shared() -> SharedDocument:
    return SharedDocument(
        "this document speaks of other filings too; what it says of yours is under `records` and in the timeline",
        "该回执文件还涉及其他申报，不能整份提供；与本申报有关的内容见 records 和时间线",
    )
