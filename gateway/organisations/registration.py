"""Being let in: an organisation asks with its papers and its first administrator, a registrar of the operator decides.

Nothing that was asked for is an organisation, a person or a log-in before that: whoever asks reserves nothing and learns nothing
of who is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.errors import MoveNotAllowed, NotFound
from declarations.faults import Fault
from declarations.peopleerrors import LoginTaken, PapersConflict, RegistrationConflict, RegistrationsFull
from gateway import ids
from gateway.database.stores import entries, organisations, persons
from gateway.database.stores import papers as paper_store
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry, operators
from gateway.organisations import newcomers, papers
from gateway.organisations.fields import fault, joined, kinds_faults, refuse, text_faults
from gateway.organisations.newcomers import Newcomer
from gateway.organisations.papers import Papers

if TYPE_CHECKING:
    from gateway.wiring import Window

PENDING_AT_MOST = 1_000
"""Undecided registrations: more are nobody's customers."""
ADMINISTRATOR = "administrator"
"""The role of who registers an organisation, or is invited by the operator."""
STATES = {
    organisations.PENDING: ("待审核", "waits for the operator"),
    organisations.APPROVED: ("已通过", "approved"),
    organisations.REFUSED: ("未通过", "refused"),
}


@dataclass(frozen=True, slots=True)
class Application:
    """What is asked for."""

    name: str
    name_en: str | None
    kinds: tuple[str, ...]
    papers: Papers
    person: Newcomer


async def register(window: Window, wish: Application) -> dict[str, Any]:
    """Keeps a registration for the registrars. Raises BadRequest with each fault at its field, RegistrationsFull.

    It looks nothing up: the answer is the same for a log-in or code that is somebody's.
    """
    may = [kind.name for kind in window.organisations.kinds.values() if kind.registers]
    found = text_faults("/name", wish.name, required=True) + text_faults("/name_en", wish.name_en)
    found += kinds_faults("/kinds", wish.kinds, may)
    found += papers.faults(wish.papers, "/papers")
    found += newcomers.faults(window, wish.person, "/person")
    if found:
        refuse(found)
    secret = await newcomers.hashed(wish.person)
    now = window.clock()
    person = {"login": wish.person.known_as, "name": wish.person.name, "email": wish.person.email}
    row = {
        "id": ids.new_id(ids.REGISTRATION, now),
        "details": {
            "name": wish.name,
            "name_en": wish.name_en,
            "kinds": joined(wish.kinds),
            "papers": papers.kept(wish.papers),
            "person": person,
        },
        "secret": secret,
        "state": organisations.PENDING,
        "created_at": now,
    }

    def store(connection: Connection) -> None:
        if organisations.pending(connection) >= PENDING_AT_MOST:
            raise RegistrationsFull(
                "too many registrations wait for the operator; try again later", "待审核的注册申请过多，请稍后再试"
            )
        organisations.register(connection, row)
        entries.add(connection, [entry("registration_asked", at=now, registration=str(row["id"]), name=wish.name)])

    await window.database.write(store)
    zh, en = STATES[organisations.PENDING]
    return {"id": row["id"], "state": organisations.PENDING, "state_zh": zh, "state_en": en}


async def listed(window: Window, operator: Caller, *, state: str, cursor: str | None, limit: int) -> dict[str, Any]:
    """Registrations, oldest first, each with what stands against it (`conflicts`). Who looked is in the journal."""
    now = window.clock()

    def read(connection: Connection) -> dict[str, Any]:
        rows = organisations.registrations(connection, state, cursor or "", limit + 1)
        seen = {"state": state, "registrations": " ".join(row.id for row in rows[:limit])}
        entries.add(connection, [operators("registrations_seen", operator.name, now, seen)])
        return {
            "items": [shown(row, _conflicts(connection, row)) for row in rows[:limit]],
            "next": rows[limit - 1].id if len(rows) > limit else None,
        }

    return await window.database.write(read)


async def approve(window: Window, operator: Caller, registration_id: str, *, verified: bool) -> dict[str, Any]:
    """Makes the organisation with its papers and first administrator. `verified`: the papers were compared with the registers.

    Raises NotFound, MoveNotAllowed when it was decided, RegistrationConflict.
    """
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        row = _undecided(connection, registration_id)
        if found := _conflicts(connection, row):
            raise _conflict(found)
        asked = row.details
        organisation_id = ids.new_id(ids.ORGANISATION, now)
        organisations.add(
            connection,
            {
                "id": organisation_id,
                "name": asked["name"],
                "name_en": asked["name_en"],
                "kinds": asked["kinds"],
                "state": organisations.ACTIVE,
                "created_at": now,
            },
        )
        papers.add(connection, window, organisation_id, papers.of(asked["papers"]), operator.name, verified)
        person = asked["person"]
        person_id = newcomers.add(connection, window, person["login"], person["name"], person["email"], row.secret)
        persons.join(connection, person_id, organisation_id, ADMINISTRATOR, operator.name, now)
        organisations.decide(connection, registration_id, organisations.APPROVED, operator.name, now, organisation_id)
        facts = {"registration": registration_id, "login": person["login"], "verified": "yes" if verified else "no"}
        about = {"organisation_id": organisation_id}
        entries.add(connection, [operators("registration_approved", operator.name, now, facts, about)])
        return {"id": registration_id, "state": organisations.APPROVED, "organisation_id": organisation_id}

    try:
        return await window.database.write(store)
    except (IntegrityError, LoginTaken, PapersConflict):
        # a log-in or a code was given to somebody else at this very moment
        raise _conflict([]) from None


async def decline(window: Window, operator: Caller, registration_id: str, reason: str) -> dict[str, Any]:
    """Refuses a registration; raises NotFound, MoveNotAllowed when it was decided."""
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        _undecided(connection, registration_id)
        organisations.decide(connection, registration_id, organisations.REFUSED, operator.name, now, None)
        facts = {"registration": registration_id, "reason": reason}
        entries.add(connection, [operators("registration_refused", operator.name, now, facts)])
        return {"id": registration_id, "state": organisations.REFUSED, "organisation_id": None}

    return await window.database.write(store)


def shown(row: AnyRow, conflicts: list[Fault]) -> dict[str, Any]:
    """A registration as registrars see it."""
    zh, en = STATES[row.state]
    return {
        "id": row.id,
        **{name: row.details[name] for name in ("name", "name_en", "papers", "person")},
        "kinds": row.details["kinds"].split(),
        "state": row.state,
        "state_zh": zh,
        "state_en": en,
        "created_at": row.created_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "organisation_id": row.became,
        "conflicts": [each.as_dict() for each in conflicts],
    }


def _undecided(connection: Connection, registration_id: str) -> AnyRow:
    row = organisations.registration_held(connection, registration_id)
    if row is None:
        raise NotFound(f"there is no registration {registration_id!r}", f"没有注册申请 {registration_id}")
    if row.state != organisations.PENDING:
        raise MoveNotAllowed(
            "this registration was decided already", "该注册申请已有结果", details={"state": row.state}
        )
    return row


def _conflicts(connection: Connection, row: AnyRow) -> list[Fault]:
    """What is somebody's by now; nothing once it is decided."""
    if row.state != organisations.PENDING:
        return []
    found = []
    if persons.has_login(connection, row.details["person"]["login"]):
        found.append(fault("/person/login", "该登录名已被使用", "this log-in is somebody's already", "login_taken"))
    code = row.details["papers"]["social_credit_code"]
    if code and paper_store.verified_elsewhere(connection, code, "") is not None:
        en = "this social credit code was verified for another organisation"
        zh = "该统一社会信用代码已核对为其他单位所有"
        found.append(fault("/papers/social_credit_code", zh, en, "papers_conflict"))
    return found


def _conflict(found: list[Fault]) -> RegistrationConflict:
    en = "; ".join(each.message_en for each in found) or "what it asks for was given to somebody else meanwhile"
    zh = "；".join(each.message_zh for each in found) or "所申请的登录名或代码已被占用"
    return RegistrationConflict(en, zh, faults=found)
