"""API keys and OAuth2 clients. Their secrets are kept as hashes only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from gateway.database.people import machine, organisation
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

KEY, CLIENT = KINDS = ("key", "client")
_WITH_ORGANISATION = select(*machine.c, organisation.c.kinds, organisation.c.state.label("organisation_state")).join(
    organisation, organisation.c.id == machine.c.organisation_id
)
_ADD = Prepared(insert(machine))
_BY_SECRET = Prepared(_WITH_ORGANISATION.where(machine.c.secret_sha256 == bindparam("secret_sha256")))
_GET = Prepared(
    select(machine)
    .where(machine.c.id == bindparam("id"), machine.c.organisation_id == bindparam("organisation_id"))
    .with_for_update()
)
_LIST = Prepared(
    select(machine)
    .where(machine.c.organisation_id == bindparam("organisation_id"), machine.c.id < bindparam("before"))
    .order_by(machine.c.id.desc())
    .limit(bindparam("at_most"))
)
_LIVE = (
    machine.c.organisation_id == bindparam("organisation_id"),
    machine.c.revoked_at.is_(None),
    machine.c.expires_at > bindparam("now"),
)
_COUNT = Prepared(select(func.count()).select_from(machine).where(*_LIVE))
_NAMED = Prepared(select(machine.c.id).where(*_LIVE, machine.c.name == bindparam("name")))
_HOLD = Prepared(
    select(organisation.c.kinds)
    .where(organisation.c.id == bindparam("id"), organisation.c.state == "active")
    .with_for_update()
)
_REPLACEMENT = Prepared(
    select(machine.c.id).where(
        machine.c.organisation_id == bindparam("organisation_id"), machine.c.replaces == bindparam("replaced")
    )
)
_REVOKE = Prepared(
    update(machine)
    .where(machine.c.id == bindparam("of"), machine.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_SHORTEN = Prepared(
    update(machine)
    .where(machine.c.id == bindparam("of"), machine.c.expires_at > bindparam("latest"))
    .values(expires_at=bindparam("latest"))
)
_USED = Prepared(
    update(machine)
    .where(machine.c.id == bindparam("of"), or_(machine.c.used_at.is_(None), machine.c.used_at < bindparam("before")))
    .values(used_at=bindparam("now"))
)


def hold_organisation(connection: Connection, organisation_id: str) -> AnyRow | None:
    """The kinds of an active organisation; nobody else makes machines of it before this transaction has ended."""
    return _HOLD.first(connection, {"id": organisation_id})


def add(connection: Connection, row: dict[str, Any]) -> None:
    _ADD.run(connection, row)


def with_secret(connection: Connection, secret_sha256: str) -> AnyRow | None:
    """The machine with this secret and its organisation (kinds, organisation_state); ended ones too."""
    return _BY_SECRET.first(connection, {"secret_sha256": secret_sha256})


def get(connection: Connection, machine_id: str, organisation_id: str) -> AnyRow | None:
    """An organisation's machine; held until this transaction has ended."""
    return _GET.first(connection, {"id": machine_id, "organisation_id": organisation_id})


def of_organisation(connection: Connection, organisation_id: str, before: str, at_most: int) -> Sequence[AnyRow]:
    """Newest first, those with an id before `before`; ended ones too."""
    return _LIST.all(connection, {"organisation_id": organisation_id, "before": before, "at_most": at_most})


def live(connection: Connection, organisation_id: str, now: datetime) -> int:
    """How many machines of an organisation are open."""
    return int(_COUNT.scalar(connection, {"organisation_id": organisation_id, "now": now}))


def named(connection: Connection, organisation_id: str, name: str, now: datetime) -> bool:
    """Whether an open machine of the organisation has this name."""
    return _NAMED.first(connection, {"organisation_id": organisation_id, "name": name, "now": now}) is not None


def replacement(connection: Connection, organisation_id: str, machine_id: str) -> AnyRow | None:
    """The machine that was made in the place of this one."""
    return _REPLACEMENT.first(connection, {"organisation_id": organisation_id, "replaced": machine_id})


def revoke(connection: Connection, machine_id: str, now: datetime) -> bool:
    return _REVOKE.run(connection, {"of": machine_id, "now": now}) == 1


def end_by(connection: Connection, machine_id: str, latest: datetime) -> None:
    """The machine ends at `latest`, or before as it is."""
    _SHORTEN.run(connection, {"of": machine_id, "latest": latest})


def used(connection: Connection, machine_id: str, now: datetime, before: datetime) -> bool:
    """Notes the use of a machine whose last one was noted earlier than `before`; whether it did."""
    return _USED.run(connection, {"of": machine_id, "now": now, "before": before}) == 1
