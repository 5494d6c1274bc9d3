"""Mandates: which organisation may file in whose name. Every read names the organisation that asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, or_, select, update

from gateway.database.people import mandate, organisation, qualification
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

OFFERED, ACCEPTED, REFUSED, WITHDRAWN, REVOKED = STATES = ("offered", "accepted", "refused", "withdrawn", "revoked")
LAST = "~"
"""Sorts after every id."""
_PRINCIPAL, _AGENT = organisation.alias("principal"), organisation.alias("agent")


def _with_names() -> Select[*tuple[Any, ...]]:
    """Mandates with the names of both sides, and whether both may act at all."""
    return (
        select(
            *mandate.c,
            _PRINCIPAL.c.name.label("principal_name"),
            _AGENT.c.name.label("agent_name"),
            _PRINCIPAL.c.state.label("principal_state"),
            _AGENT.c.state.label("agent_state"),
        )
        .join(_PRINCIPAL, _PRINCIPAL.c.id == mandate.c.principal_id)
        .join(_AGENT, _AGENT.c.id == mandate.c.agent_id)
    )


_INSERT = Prepared(insert(mandate).values(state=OFFERED))
_GET = Prepared(
    _with_names().where(
        mandate.c.id == bindparam("id"),
        or_(mandate.c.principal_id == bindparam("organisation_id"), mandate.c.agent_id == bindparam("organisation_id")),
    )
)
_LIST = {
    (side, of_state): Prepared(
        _with_names()
        .where(
            mandate.c[f"{side}_id"] == bindparam("organisation_id"),
            mandate.c.id < bindparam("before"),
            *([mandate.c.state == bindparam("state")] if of_state else []),
        )
        .order_by(mandate.c.id.desc())
        .limit(bindparam("at_most"))
    )
    for side in ("principal", "agent")
    for of_state in (True, False)
}
_IN_FORCE = Prepared(
    _with_names()
    .where(
        mandate.c.agent_id == bindparam("agent_id"),
        mandate.c.principal_id == bindparam("principal_id"),
        mandate.c.state == ACCEPTED,
        mandate.c.valid_from <= bindparam("today"),
        mandate.c.valid_until >= bindparam("today"),
        _PRINCIPAL.c.state == "active",
        _AGENT.c.state == "active",
    )
    .order_by(mandate.c.id)
)
_HOLD = Prepared(
    select(mandate.c.id)
    .where(
        mandate.c.id == bindparam("id"),
        mandate.c.state == ACCEPTED,
        mandate.c.valid_from <= bindparam("today"),
        mandate.c.valid_until >= bindparam("today"),
    )
    .with_for_update(read=True)
)
_MOVE = Prepared(
    update(mandate)
    .where(mandate.c.id == bindparam("of"), mandate.c.state == OFFERED)
    .values(state=bindparam("new_state"), decided_by=bindparam("by"), decided_at=bindparam("now"))
)
_END = Prepared(
    update(mandate)
    .where(mandate.c.id == bindparam("of"), mandate.c.state == ACCEPTED)
    .values(state=REVOKED, ended_by=bindparam("by"), ended_at=bindparam("now"))
)
_OPEN_OFFERS = Prepared(
    select(func.count())
    .select_from(mandate)
    .where(
        mandate.c.principal_id == bindparam("principal_id"),
        mandate.c.agent_id == bindparam("agent_id"),
        mandate.c.state == OFFERED,
        mandate.c.offered_by == bindparam("offered_by"),
    )
)
_ORGANISATION = Prepared(
    select(organisation.c.id, organisation.c.name, organisation.c.kinds)
    # a code that nobody has verified names nobody: anybody can write down another's
    .outerjoin(
        qualification,
        (qualification.c.organisation_id == organisation.c.id) & qualification.c.verified_at.is_not(None),
    )
    .where(
        or_(organisation.c.id == bindparam("named"), qualification.c.social_credit_code == bindparam("named")),
        organisation.c.state == "active",
    )
)
_NAMES = Prepared(
    select(organisation.c.id, organisation.c.name).where(organisation.c.id.in_(bindparam("ids", expanding=True)))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A new offer: id, both sides, scope, validity, offered_by, offered_at."""
    _INSERT.run(connection, row)


def get(connection: Connection, mandate_id: str, organisation_id: str) -> AnyRow | None:
    """A mandate this organisation is a side of, with both names."""
    return _GET.first(connection, {"id": mandate_id, "organisation_id": organisation_id})


def of_side(
    connection: Connection, side: str, organisation_id: str, state: str | None, before: str, at_most: int
) -> Sequence[AnyRow]:
    """Mandates in which the organisation is `principal` or `agent`, newest first, those with an id before `before`."""
    values = {"organisation_id": organisation_id, "before": before, "at_most": at_most}
    if state is not None:
        values["state"] = state
    return _LIST[side, state is not None].all(connection, values)


def in_force(connection: Connection, agent_id: str, principal_id: str, today: date) -> Sequence[AnyRow]:
    """What is accepted between the two and valid today, oldest first; nothing while either organisation is not active."""
    return _IN_FORCE.all(connection, {"agent_id": agent_id, "principal_id": principal_id, "today": today})


def hold(connection: Connection, mandate_id: str, today: date) -> bool:
    """Whether it is in force; it cannot be revoked until this transaction has ended."""
    return _HOLD.first(connection, {"id": mandate_id, "today": today}) is not None


def decide(connection: Connection, mandate_id: str, state: str, by: str, now: datetime) -> bool:
    """Ends an offer as accepted, refused or withdrawn; False when it is none any more."""
    return _MOVE.run(connection, {"of": mandate_id, "new_state": state, "by": by, "now": now}) == 1


def revoke(connection: Connection, mandate_id: str, by: str, now: datetime) -> bool:
    """Ends what was accepted; False when it was not."""
    return _END.run(connection, {"of": mandate_id, "by": by, "now": now}) == 1


def open_offers(connection: Connection, row: dict[str, Any]) -> int:
    """How many offers of the same side to the same other lie undecided."""
    return int(
        _OPEN_OFFERS.scalar(connection, {name: row[name] for name in ("principal_id", "agent_id", "offered_by")})
    )


def organisation_named(connection: Connection, named: str) -> AnyRow | None:
    """An active organisation (id, name, kinds) by its id or social credit code."""
    return _ORGANISATION.first(connection, {"named": named})


def names(connection: Connection, organisation_ids: Iterable[str]) -> dict[str, str]:
    """Organisation id -> name."""
    wanted = sorted(set(organisation_ids))
    return {row.id: row.name for row in _NAMES.all(connection, {"ids": wanted})} if wanted else {}
