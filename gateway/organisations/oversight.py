"""What registrars do with organisations: look at them, suspend and restore them, invite their first administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest, MoveNotAllowed, NotFound
from gateway.database.stores import entries, organisations, papers, persons, sessions
from gateway.database.types import AnyRow
from gateway.identity import BUILT_IN_ORGANISATION, Caller
from gateway.journal import OPERATOR, operators
from gateway.organisations import invitations
from gateway.organisations.fields import email_faults, refuse
from gateway.organisations.newcomers import OPERATORS
from gateway.organisations.papers import shown as shown_papers
from gateway.organisations.people import managers
from gateway.organisations.registration import ADMINISTRATOR

if TYPE_CHECKING:
    from gateway.wiring import Window

AGENCY = "agency-"
"""What the id of an agency's organisation begins with; its name in the tables follows."""
BUILT_IN = frozenset({BUILT_IN_ORGANISATION, OPERATORS})
"""Never suspended: the first has tokens from files that would go on working, the second does the restoring."""
STATES = {organisations.ACTIVE: ("正常", "active"), organisations.SUSPENDED: ("已暂停", "suspended")}


def begin(connection: Connection, window: Window) -> None:
    """What is there from the first start: the built-in organisation, the operators' own, one for each agency."""
    now = window.clock()
    wanted: list[dict[str, Any]] = [
        {"id": BUILT_IN_ORGANISATION, "name": "onewindow"},
        {"id": OPERATORS, "name": "单一窗口运行单位", "name_en": "Operators", "kinds": "operator"},
    ]
    for name in window.rulebook.agencies:
        words = window.responses(name)
        row = {"id": f"{AGENCY}{name}", "name": words.name_zh, "name_en": words.name_en, "kinds": "agency"}
        wanted.append({**row, "agency": name})
    for each in wanted:
        if organisations.get(connection, each["id"]) is None:
            organisations.add(connection, {**each, "created_at": now})


async def listed(window: Window, *, state: str | None, cursor: str | None, limit: int) -> dict[str, Any]:
    """All organisations, in the order of their ids."""
    if state not in (None, *STATES):
        raise BadRequest(f"state is one of {', '.join(STATES)}", f"state 只能是 {', '.join(STATES)}")
    rows = await window.database.read(
        lambda connection: organisations.listed(connection, state, cursor or "", limit + 1)
    )
    return {
        "items": [shown(row) for row in rows[:limit]],
        "next": rows[limit - 1].id if len(rows) > limit else None,
    }


async def one(window: Window, operator: Caller, organisation_id: str) -> dict[str, Any]:
    """An organisation with its papers and administrators, to be compared with the registers; who looked is in its journal."""

    def read(connection: Connection) -> dict[str, Any]:
        row = _there(connection, organisation_id)
        found = papers.get(connection, organisation_id)
        about = {"organisation_id": organisation_id}
        entries.add(connection, [operators("organisation_seen", operator.name, window.clock(), {}, about)])
        return {
            **shown(row),
            "papers": None if found is None else shown_papers(found),
            "administrators": len(managers(window, persons.roles(connection, organisation_id))),
        }

    return await window.database.write(read)


async def suspend(window: Window, operator: Caller, organisation_id: str, reason: str) -> dict[str, Any]:
    """Closes an organisation's doors at once: its sessions, keys and open invitations end. What it filed goes its way.

    Raises NotFound, MoveNotAllowed when it is suspended already or may not be.
    """
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        _there(connection, organisation_id)
        if organisation_id in BUILT_IN:
            raise MoveNotAllowed(
                f"{organisation_id} is part of the window itself; take its token files away instead",
                f"{organisation_id} 是系统内置单位，不能暂停；请移除其令牌文件",
            )
        if not organisations.move(connection, organisation_id, organisations.ACTIVE, organisations.SUSPENDED):
            raise MoveNotAllowed("this organisation is suspended already", "该单位已处于暂停状态")
        ended = {
            "sessions": str(sessions.end_of_organisation(connection, organisation_id, now)),
            "machines": str(organisations.end_machines(connection, organisation_id, now)),
            "invitations": str(persons.withdraw_all(connection, organisation_id, now)),
        }
        facts = {"reason": reason, **ended}
        about = {"organisation_id": organisation_id}
        entries.add(connection, [operators("organisation_suspended", operator.name, now, facts, about)])
        return shown(_there(connection, organisation_id))

    return await window.database.write(store)


async def restore(window: Window, operator: Caller, organisation_id: str, reason: str) -> dict[str, Any]:
    """Opens them again to its people. Keys are made anew. Raises NotFound, MoveNotAllowed when it is not suspended."""

    def store(connection: Connection) -> dict[str, Any]:
        _there(connection, organisation_id)
        if not organisations.move(connection, organisation_id, organisations.SUSPENDED, organisations.ACTIVE):
            raise MoveNotAllowed("this organisation is not suspended", "该单位未处于暂停状态")
        about = {"organisation_id": organisation_id}
        act = operators("organisation_restored", operator.name, window.clock(), {"reason": reason}, about)
        entries.add(connection, [act])
        return shown(_there(connection, organisation_id))

    return await window.database.write(store)


async def invite_first(window: Window, operator: Caller, organisation_id: str, email: str) -> dict[str, Any]:
    """Invites an administrator to an organisation that has none: an agency, the operators, or one that lost its last.

    Raises NotFound, BadRequest, MoveNotAllowed when it has one, who invites everybody else.
    """
    if found := email_faults("/email", email, required=True):
        refuse(found)

    def store(connection: Connection) -> dict[str, Any]:
        row = organisations.hold(connection, organisation_id)
        if row is None:
            raise _nothing(organisation_id)
        if row.state != organisations.ACTIVE:
            raise MoveNotAllowed("this organisation is suspended", "该单位已暂停")
        if managers(window, persons.roles(connection, organisation_id)):
            raise MoveNotAllowed(
                "this organisation has an administrator, who invites its people", "该单位已有管理员，由其邀请人员"
            )
        by = f"{OPERATOR}{operator.name}"
        made = invitations.made(connection, window, organisation_id, email, ADMINISTRATOR, by)
        facts = {"invitation": str(made["id"]), "roles": ADMINISTRATOR}
        about = {"organisation_id": organisation_id}
        entries.add(connection, [operators("person_invited", operator.name, window.clock(), facts, about)])
        return made

    return await window.database.write(store)


def shown(row: AnyRow) -> dict[str, Any]:
    """An organisation as registrars and its own people see it."""
    zh, en = STATES[row.state]
    return {
        "id": row.id,
        "name": row.name,
        "name_en": row.name_en,
        "kinds": row.kinds.split(),
        "agency": row.agency,
        "state": row.state,
        "state_zh": zh,
        "state_en": en,
        "separate_duties": row.separate_duties,
        "created_at": row.created_at,
    }


def _there(connection: Connection, organisation_id: str) -> AnyRow:
    row = organisations.get(connection, organisation_id)
    if row is None:
        raise _nothing(organisation_id)
    return row


def _nothing(organisation_id: str) -> NotFound:
    return NotFound(f"there is no organisation {organisation_id!r}", f"没有单位 {organisation_id}")
