"""Mandates (电子委托): acting in another organisation's name. What a mandate covers, and whether one is in force for an act.

An agent names its principal; whatever it does in that name is checked against the mandates in force at that moment, in the
transaction that does it. A mandate is between two organisations: it gives no sight of the agent's other clients, and whom an
agent may act for it cannot pass on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.checking import read_form
from declarations.dateforms import SHANGHAI
from declarations.errors import BadRequest, FiledByAnother, MandateNotInForce
from declarations.form import Declaration
from declarations.rulebook import Rulebook
from gateway.database.stores import declarations, mandates
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

SIDES = "mappings/mandate_sides.csv"
HEADER = "Onewindow-For"
"""Names the organisation in whose name a declaration is filed: its id or its social credit code."""
_NAMED = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a mandate is asked to cover. Each value also names the mandate's column that limits it."""

    forms: str
    directions: str
    offices: str


class MandateTables:
    """What a mandate may be limited to and who may stand on which side."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._forms = rulebook.forms
        sides = list(rulebook.bundle.table(SIDES))
        self.kinds = {row["side"]: frozenset(row["organisations"].split()) for row in sides}
        """Side (principal, agent) -> kinds of organisation."""
        self.names_zh = {row["side"]: row["name_zh"] for row in sides}

    def scope(self, declaration: Declaration) -> Scope:
        form, header = self._forms[declaration.form], declaration.header
        return Scope(declaration.form, header.get(form.direction_item, ""), header.get(form.office_item, ""))


def today(window: Window) -> date:
    """The day where the trade is: mandates begin and end with Shanghai's days."""
    return window.clock().astimezone(SHANGHAI).date()


def covers(mandate: AnyRow, scope: Scope) -> bool:
    """Whether a mandate's own limits allow it; an empty limit allows all."""
    limits = {name: getattr(mandate, name).split() for name in Scope.__slots__}
    return all(not allowed or getattr(scope, name) in allowed for name, allowed in limits.items())


async def on_behalf(window: Window, caller: Caller, named: str | None) -> Caller:
    """The caller acting for the organisation `named` (id or social credit code); as it is when nobody or itself is named.

    Raises MandateNotInForce where there is no mandate from it today, as for an organisation that is not there. What the mandate
    covers is asked where the form is known (`require`).
    """
    if named is None:
        return caller
    if _NAMED.fullmatch(named) is None:
        raise BadRequest(
            f"{HEADER} is an organisation's id or social credit code", f"{HEADER} 应为单位编号或统一社会信用代码"
        )
    return await window.database.read(lambda connection: _for(connection, window, caller, named))


def _for(connection: Connection, window: Window, caller: Caller, named: str) -> Caller:
    principal = mandates.organisation_named(connection, named)
    if principal is not None and principal.id == caller.organisation_id:
        return caller
    if principal is None or not mandates.in_force(connection, caller.organisation_id, principal.id, today(window)):
        raise _not_in_force(named)
    return replace(caller, for_id=principal.id, for_name=principal.name)


def require(connection: Connection, window: Window, caller: Caller, scope: Scope, *, hold: bool) -> Caller:
    """The caller under a mandate in force now that covers `scope`; as it is when it acts for itself. Raises MandateNotInForce.

    `hold`: nobody revokes it before this transaction, which writes, has ended.
    """
    if caller.for_id is None:
        return caller
    day = today(window)
    for mandate in mandates.in_force(connection, caller.organisation_id, caller.for_id, day):
        if covers(mandate, scope) and (not hold or mandates.hold(connection, mandate.id, day)):
            return replace(caller, mandate_id=mandate.id, for_name=mandate.principal_name)
    raise _not_in_force(caller.for_name or caller.for_id, scope)


def require_still(connection: Connection, window: Window, caller: Caller, scope: Scope) -> None:
    """Where a filing is stored that names its mandate: that very one is in force and stays so until this transaction has
    ended. Raises MandateNotInForce."""
    if require(connection, window, caller, scope, hold=True).mandate_id != caller.mandate_id:
        raise _not_in_force(caller.for_name, scope)


def require_correction(
    connection: Connection, window: Window, caller: Caller, filed: AnyRow, scope: Scope, *, hold: bool
) -> Caller:
    """Who may file another version of a declaration: the organisation that filed it, for one under a mandate while a mandate
    covers it still. Raises FiledByAnother for the principal, MandateNotInForce."""
    if caller.organisation_id != filed.organisation_id:
        raise FiledByAnother(
            "your agent filed this; a correction is filed by the agent, or withdraw it and file it yourself",
            "该申报由受托方提交，更正须由受托方办理；您也可以撤回后自行申报",
        )
    if caller.for_id not in (None, filed.principal_id):
        raise MandateNotInForce(
            "a correction is filed for whom the declaration was filed for", "更正申报的委托方不得改变"
        )
    return require(connection, window, replace(caller, for_id=filed.principal_id), scope, hold=hold)


def require_withdrawal(connection: Connection, window: Window, caller: Caller, filed: AnyRow) -> Caller:
    """Who may stop a declaration: its principal at any time, the organisation that filed it as for a correction."""
    if filed.principal_id in (None, caller.organisation_id):
        return caller
    version = declarations.version(connection, filed.id, filed.version)
    rulebook = window.rulebook_of(connection, version.bundle_digest)
    form = read_form(rulebook, version.body, version.media_type)
    return require_correction(connection, window, caller, filed, window.mandates.scope(form), hold=True)


def told(caller: Caller) -> dict[str, Any]:
    """For whom an act was done, as its journal entry says it; nothing for an act in the caller's own name."""
    if caller.mandate_id is None or caller.for_id is None:
        return {}
    return {"on_behalf_of": caller.for_id, "on_behalf_of_name": caller.for_name, "mandate": caller.mandate_id}


def by_principal(caller: Caller, filed: AnyRow) -> dict[str, Any]:
    """Of an act of the principal itself on what its agent filed: whose it was."""
    return {} if caller.organisation_id == filed.organisation_id else {"by_organisation": caller.organisation_id}


def used(caller: Caller, act: dict[str, Any]) -> list[dict[str, Any]]:
    """The entry that tells the principal's own journal of its agent's act."""
    if not told(caller):
        return []
    facts = {name: act[name] for name in ("declaration_id", "version", "agency", "at")}
    details = {"act": act["code"], "agent": caller.organisation_id, "mandate": str(caller.mandate_id)}
    return [
        entry(
            "mandate_used",
            organisation_id=caller.for_id,
            actor=f"organisation:{caller.organisation_id}",
            **facts,
            **details,
        )
    ]


def shown(caller: Caller) -> dict[str, str] | None:
    """For whom a declaration is filed, as a reply to the agent says it."""
    if caller.for_id is None:
        return None
    return {"id": caller.for_id, "name": caller.for_name, "mandate": caller.mandate_id or ""}


def _not_in_force(named: str, scope: Scope | None = None) -> MandateNotInForce:
    limits = f" (form {scope.forms}, direction {scope.directions}, office {scope.offices})" if scope else ""
    limits_zh = f"（表单 {scope.forms}、进出口标志 {scope.directions}、海关 {scope.offices}）" if scope else ""
    return MandateNotInForce(
        f"no mandate from {named} in force today covers this{limits}",
        f"没有来自 {named} 的有效委托涵盖此项{limits_zh}",
        details={"principal": named},
    )
