"""Invitations: an administrator names an address and roles, and hands on a token that lets one person in, once.

The window sends no mail. The token is shown to who made it and kept as a hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.errors import BadRequest, MoveNotAllowed, NotFound
from declarations.loginerrors import PeopleOnly
from declarations.peopleerrors import InvitationClosed, InvitationExpired, InvitationUsed, InvitationWithdrawn
from gateway import ids, refusals, tenancy
from gateway.database.stores import entries, organisations, persons
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import NOBODY, entry
from gateway.organisations import newcomers
from gateway.organisations.fields import email_faults, joined, refuse, roles_faults
from gateway.organisations.newcomers import Newcomer

if TYPE_CHECKING:
    from gateway.wiring import Window

LASTS = timedelta(days=7)
OPEN_AT_MOST = 100
"""Open invitations of one organisation."""
TOKEN = "owi_"
"""What the token of an invitation begins with, so that a leaked one is known for what it is."""
LAST = "~"
"""Sorts after every id."""


async def invite(window: Window, caller: Caller, email: str, roles: Sequence[str]) -> dict[str, Any]:
    """Invites somebody to the caller's organisation; the reply is the only place where the token stands.

    Raises BadRequest with each fault at its field, MoveNotAllowed for too many open invitations.
    """

    def store(connection: Connection) -> dict[str, Any]:
        organisation = organisations.hold(connection, caller.organisation_id)
        if organisation is None:
            raise NotFound("this needs an organisation", "该操作须以单位身份进行")
        if found := email_faults("/email", email, required=True) + roles_faults(window, organisation.kinds, roles):
            refuse(found)
        given = joined(roles)
        invited = made(connection, window, caller.organisation_id, email, given, caller.name)
        act = entry(
            "person_invited",
            at=window.clock(),
            organisation_id=caller.organisation_id,
            actor=caller.name,
            invitation=invited["id"],
            roles=given,
        )
        entries.add(connection, [act])
        return invited

    return await window.database.write(store)


def made(
    connection: Connection, window: Window, organisation_id: str, email: str, roles: str, by: str
) -> dict[str, Any]:
    """A new invitation with its token. The organisation is held."""
    now = window.clock()
    if persons.open_invitations(connection, organisation_id, now) >= OPEN_AT_MOST:
        raise MoveNotAllowed(
            f"{OPEN_AT_MOST} invitations are open; withdraw one first", f"已有 {OPEN_AT_MOST} 份未使用的邀请，请先撤回"
        )
    token = TOKEN + secrets.token_urlsafe(32)
    row: dict[str, Any] = {
        "id": ids.new_id(ids.INVITATION, now),
        "organisation_id": organisation_id,
        "email": email,
        "roles": roles,
        "token_sha256": _digest(token),
        "created_by": by,
        "created_at": now,
        "expires_at": now + LASTS,
    }
    persons.invite(connection, row)
    return {"id": row["id"], "email": email, "roles": roles.split(), "token": token, "expires_at": row["expires_at"]}


async def listed(window: Window, caller: Caller, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """The organisation's invitations, newest first, without their tokens."""
    if cursor is not None and re.fullmatch(f"{ids.INVITATION}[0-9A-Z]{{26}}", cursor) is None:
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")
    rows = await window.database.read(
        lambda connection: persons.invitations(connection, caller.organisation_id, cursor or LAST, limit + 1)
    )
    now = window.clock()
    return {
        "items": [shown(row, now) for row in rows[:limit]],
        "next": rows[limit - 1].id if len(rows) > limit else None,
    }


async def withdraw(window: Window, caller: Caller, invitation_id: str) -> dict[str, Any]:
    """Ends an open invitation; raises NotFound, MoveNotAllowed when it was used or withdrawn."""
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        row = _own(connection, caller, invitation_id)
        if not persons.withdraw(connection, invitation_id, now):
            raise MoveNotAllowed("this invitation was used or withdrawn already", "该邀请已使用或已撤回")
        act = entry(
            "invitation_withdrawn",
            at=now,
            organisation_id=caller.organisation_id,
            actor=caller.name,
            invitation=str(row.id),
        )
        entries.add(connection, [act])
        return shown(_own(connection, caller, invitation_id), now)

    return await window.database.write(store)


async def accept(window: Window, token: str, newcomer: Newcomer) -> dict[str, Any]:
    """Makes an account for whoever has the token. Raises InvitationClosed, BadRequest with faults, LoginTaken: who holds an
    invitation may know which log-ins are left, and it stays open."""
    # first the token: nobody makes us hash passwords without one
    async with _refusals_kept(window, token):
        await window.database.read(lambda connection: _open(connection, token, window.clock()))
    if found := newcomers.faults(window, newcomer):
        refuse(found)
    secret = await newcomers.hashed(newcomer)

    def store(connection: Connection) -> dict[str, Any]:
        row = _taken_up(connection, window, token)
        person_id = newcomers.add(
            connection, window, newcomer.known_as, newcomer.name, newcomer.email or row.email, secret
        )
        return _joined(connection, window, row, person_id, newcomer.known_as)

    try:
        async with _refusals_kept(window, token):
            return await window.database.write(store)
    except IntegrityError:
        raise newcomers.taken() from None


async def join(window: Window, caller: Caller, token: str) -> dict[str, Any]:
    """Makes the person who is logged in a member of another organisation too. Raises PeopleOnly, InvitationClosed,
    MoveNotAllowed when the person is a member already."""
    if caller.person_id is None:
        raise PeopleOnly("only a person who is logged in joins an organisation", "只有已登录的人员可以加入单位")
    person_id = caller.person_id

    def store(connection: Connection) -> dict[str, Any]:
        return _joined(connection, window, _taken_up(connection, window, token), person_id, caller.name)

    try:
        async with _refusals_kept(window, token):
            return await window.database.write(store)
    except IntegrityError:
        # by another invitation at this very moment
        raise _member_already() from None


def shown(row: AnyRow, now: datetime) -> dict[str, Any]:
    state, zh, en = "open", "待接受", "open"
    if row.used_at is not None:
        state, zh, en = "used", "已接受", "used"
    elif row.withdrawn_at is not None:
        state, zh, en = "withdrawn", "已撤回", "withdrawn"
    elif row.expires_at <= now:
        state, zh, en = "expired", "已过期", "expired"
    return {
        "id": row.id,
        "email": row.email,
        "roles": row.roles.split(),
        "state": state,
        "state_zh": zh,
        "state_en": en,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
    }


def _own(connection: Connection, caller: Caller, invitation_id: str) -> AnyRow:
    return tenancy.own(caller, persons.invitation_with_id(connection, invitation_id), "invitation", "邀请")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _open(connection: Connection, token: str, now: datetime) -> AnyRow:
    """Raises InvitationClosed and its kinds."""
    row = persons.invitation_with_token(connection, _digest(token))
    if row is None or row.organisation_state != persons.ACTIVE:
        raise _closed()
    if row.used_at is not None:
        raise _used()
    if row.withdrawn_at is not None:
        raise InvitationWithdrawn("this invitation was withdrawn; ask for another", "该邀请已撤回，请重新申请")
    if row.expires_at <= now:
        raise InvitationExpired("this invitation has expired; ask for another", "该邀请已过期，请重新申请")
    return row


@asynccontextmanager
async def _refusals_kept(window: Window, token: str) -> AsyncIterator[None]:
    """Who shows an invitation that opens nothing any more stands in the journal of its organisation."""
    try:
        yield
    except InvitationClosed as refusal:
        digest = _digest(token)
        row = await window.database.read(lambda connection: persons.invitation_with_token(connection, digest))
        if row is not None:
            await refusals.keep(window, refusal, digest, organisation_id=row.organisation_id, actor=NOBODY)
        raise


def _taken_up(connection: Connection, window: Window, token: str) -> AnyRow:
    """The invitation, taken up by this transaction and nobody else."""
    row = _open(connection, token, window.clock())
    if not persons.use(connection, row.id, window.clock()):
        raise _used()  # another was first
    if roles_faults(window, row.kinds, row.roles.split()):
        # the organisation or the table has changed and does not have these roles any more
        raise _closed()
    return row


def _joined(connection: Connection, window: Window, row: AnyRow, person_id: str, login: str) -> dict[str, Any]:
    if not persons.join(connection, person_id, row.organisation_id, row.roles, row.created_by, window.clock()):
        raise _member_already()
    act = entry(
        "person_joined",
        at=window.clock(),
        organisation_id=row.organisation_id,
        actor=login,
        invitation=str(row.id),
        roles=row.roles,
        invited_by=row.created_by,
    )
    entries.add(connection, [act])
    return {
        "organisation": {"id": row.organisation_id, "name": row.organisation_name},
        "login": login,
        "roles": row.roles.split(),
    }


def _member_already() -> MoveNotAllowed:
    return MoveNotAllowed("you belong to this organisation already", "您已是该单位人员")


def _closed() -> InvitationClosed:
    return InvitationClosed("this invitation is not open", "该邀请无效")


def _used() -> InvitationUsed:
    return InvitationUsed("this invitation was used", "该邀请已使用")
