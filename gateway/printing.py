"""A filing as paper and as standard message: FAL forms as PDF, ISO 28005 as XML. Made anew each time, from the version in force.

Whoever prints one has seen what was declared: it is in the journal before anything is handed out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations import iso28005
from declarations.checking import read_form
from declarations.errors import BadRequest
from declarations.form import Declaration
from declarations.iso28005 import Clearance
from declarations.papers import Paper, load_papers
from declarations.rulebook import Rulebook
from gateway import ask, tenancy
from gateway.database.stores import declarations, inbox, messages
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.standing import legs_of

if TYPE_CHECKING:
    from gateway.wiring import Window

REQUEST, ACKNOWLEDGE = EXPORTS = ("request", "acknowledge")


async def papers(window: Window, caller: Caller, declaration_id: str) -> list[dict[str, str]]:
    """The papers that can be printed from a filing, by name."""
    _, rulebook, declaration, _ = await _filed(window, caller, declaration_id)
    return [
        {"paper": paper.name, "title_zh": paper.title_zh, "title_en": paper.title_en}
        for paper in _papers(rulebook, declaration).values()
    ]


async def printed(window: Window, caller: Caller, declaration_id: str, name: str) -> bytes:
    """One paper as PDF. Raises NotFound, and BadRequest for a paper that this form does not have."""
    # imported here: nobody who prints nothing needs the typesetter
    from gateway.paper import falforms

    row, rulebook, declaration, _ = await _filed(window, caller, declaration_id)
    found = _papers(rulebook, declaration)
    if name not in found:
        known = ", ".join(found) or "none"
        raise BadRequest(
            f"there is no paper {name}; of this filing: {known}", f"没有单证 {name}；本申报可打印：{known}"
        )
    await ask.looked(window, caller, declaration_id, message_id=f"{row.id}.{row.version}", explained=name)
    form = rulebook.forms[declaration.form]
    return await asyncio.to_thread(
        falforms.printed, found[name], declaration, form, rulebook.codes, window.clock().replace(microsecond=0)
    )


async def exported(window: Window, caller: Caller, declaration_id: str, message: str) -> bytes:
    """A ship's filing as ISO 28005 request, or what the authorities said of it as acknowledge. Raises as `printed` does."""
    row, rulebook, declaration, clearances = await _filed(window, caller, declaration_id)
    if iso28005.STATUSES not in rulebook.bundle or declaration.form != iso28005.FORM or message not in EXPORTS:
        raise BadRequest(
            f"there is no ISO 28005 {message} of this filing; ships' filings have {' and '.join(EXPORTS)}",
            f"本申报没有 ISO 28005 {message}；船舶申报可导出：{'、'.join(EXPORTS)}",
        )
    version = f"{row.id}.{row.version}"
    await ask.looked(window, caller, declaration_id, message_id=version, explained=f"iso28005 {message}")
    if message == ACKNOWLEDGE:
        return iso28005.acknowledge(rulebook, declaration, clearances, version, window.clock())
    values = {"accepted_at": row.created_at.isoformat(), "message_id": version}
    return await asyncio.to_thread(
        iso28005.request, rulebook, declaration, values, rulebook.context(row.created_at).accepted_on
    )


def _papers(rulebook: Rulebook, declaration: Declaration) -> dict[str, Paper]:
    found = load_papers(rulebook.bundle, rulebook.forms)
    return {name: paper for name, paper in found.items() if paper.form == declaration.form}


async def _filed(
    window: Window, caller: Caller, declaration_id: str
) -> tuple[AnyRow, Rulebook, Declaration, list[Clearance]]:
    """The caller's filing, the tables it was judged by, its form, and where each authority stands. Raises NotFound."""

    def read(connection: Connection) -> tuple[AnyRow, Rulebook, Any, list[Clearance]]:
        row = tenancy.owned(connection, caller, declaration_id)
        version = declarations.version(connection, row.id, row.version)
        rows = messages.current(connection, row.id)
        legs = legs_of(window, row.form, rows, inbox.answers_in_force(connection, row.id))
        clearances = [Clearance(agency, leg.state, leg.name_en) for agency, leg in legs.items()]
        return row, window.rulebook_of(connection, version.bundle_digest), version, clearances

    row, rulebook, version, clearances = await window.database.read(read)
    # off the loop: a passenger ship's filing takes a while to read
    declaration = await asyncio.to_thread(read_form, rulebook, version.body, version.media_type)
    return row, rulebook, declaration, clearances
