"""What waits and where, for operators. The cost follows what waits, never what is stored: indexes hold the waiting rows alone.

`stuck` lists are read lane by lane, urgent declarations first, each from its own index; a list goes on behind `after`, the place
(lane, since, id) of the last row shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
)

from gateway.database.people import organisation
from gateway.database.prepared import Prepared
from gateway.database.schema import answer, declaration, inbox, journal, message, outbox
from gateway.database.stores.outbox import HELD, QUEUED, URGENT
from gateway.database.types import AnyRow, Moment, database_now

LOOKED_BACK = 2_000
"""Newest acts and documents in which the last delivery to an agency and its last answer are looked for."""
COUNTED_AT_MOST = 100_000
"""Documents that are not done; the oldest are counted."""

_LEASED = and_(outbox.c.lease_token.is_not(None), outbox.c.lease_until > database_now())


def _counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_waiting_to_go = and_(outbox.c.state == QUEUED, ~_LEASED)
_OUTBOX = Prepared(
    select(
        outbox.c.agency,
        _counted(and_(_waiting_to_go, outbox.c.priority != URGENT)).label("ordinary"),
        _counted(and_(_waiting_to_go, outbox.c.priority == URGENT)).label("urgent"),
        _counted(and_(outbox.c.state == QUEUED, _LEASED)).label("under_way"),
        _counted(outbox.c.state == HELD).label("held"),
        func.min(case((outbox.c.state == QUEUED, outbox.c.created_at), else_=null())).label("oldest"),
        func.max(outbox.c.attempts).label("most_attempts"),
        database_now().label("now"),
    ).group_by(outbox.c.agency)
)
# the index `ix_message_standing` speaks in these very words
_STANDING = text("coalesce(message.state, message.delivery) = :standing").bindparams(
    bindparam("standing", type_=String())
)
_CURRENT = text("message.current")
_STANDS = and_(message.c.organisation_id.in_(select(organisation.c.id)), _STANDING, _CURRENT)
# an expression, so that no planner takes an index of all messages by agency for better than those of the few rows meant
_AGENCY = message.c.agency + ""
_LEGS = Prepared(
    select(_AGENCY.label("agency"), func.count().label("legs")).select_from(message).where(_STANDS).group_by(_AGENCY)
)
_SILENT_LEGS = Prepared(
    select(_AGENCY.label("agency"), func.count().label("legs"))
    .where(
        message.c.expected_by.is_not(None),
        message.c.expected_by <= bindparam("now", type_=Moment()),
        message.c.current.is_(True),
    )
    .group_by(_AGENCY)
)
_not_done = (
    select(inbox.c.agency, inbox.c.state, inbox.c.received_at)
    .where(text("inbox.state <> 'done'"))
    .order_by(inbox.c.id)
    .limit(COUNTED_AT_MOST)
    .subquery()
)
_DOCUMENTS = Prepared(
    select(
        _not_done.c.agency,
        _not_done.c.state,
        func.count().label("documents"),
        func.min(_not_done.c.received_at).label("oldest"),
        database_now().label("now"),
    ).group_by(_not_done.c.agency, _not_done.c.state)
)
_newest_acts = (
    select(journal.c.agency, journal.c.code, journal.c.at).order_by(journal.c.id.desc()).limit(LOOKED_BACK).subquery()
)
_DELIVERED = Prepared(
    select(_newest_acts.c.agency, func.max(_newest_acts.c.at).label("at"))
    .where(_newest_acts.c.code == "sent")
    .group_by(_newest_acts.c.agency)
)
_newest_documents = (
    select(inbox.c.agency, inbox.c.received_at.label("at")).order_by(inbox.c.id.desc()).limit(LOOKED_BACK).subquery()
)
_HEARD = Prepared(
    select(_newest_documents.c.agency, func.max(_newest_documents.c.at).label("at")).group_by(
        _newest_documents.c.agency
    )
)
_REACH = {
    "acts": Prepared(select(func.min(_newest_acts.c.at), func.count())),
    "documents": Prepared(select(func.min(_newest_documents.c.at), func.count())),
}


def outgoing(connection: Connection) -> Sequence[AnyRow]:
    """Per agency with anything in the outbox: ordinary, urgent, under_way, held, oldest, most_attempts, now (its clock)."""
    return _OUTBOX.all(connection)


def legs(connection: Connection, standing: str) -> dict[str, int]:
    """How many legs in force stand so (`waiting`, `parked` …), by agency."""
    return {row.agency: row.legs for row in _LEGS.all(connection, {"standing": standing})}


def silent_legs(connection: Connection, now: datetime) -> dict[str, int]:
    """How many legs should have heard of their agency by now, by agency."""
    return {row.agency: row.legs for row in _SILENT_LEGS.all(connection, {"now": now})}


def documents(connection: Connection) -> Sequence[AnyRow]:
    """Documents that are not done: agency, state, documents, oldest, now."""
    return _DOCUMENTS.all(connection)


def last_delivered(connection: Connection) -> dict[str, datetime]:
    """When each agency last took a message, as far as the newest acts tell."""
    return {row.agency: row.at for row in _DELIVERED.all(connection)}


def last_heard(connection: Connection) -> dict[str, datetime]:
    """When each agency last said something, as far as the newest documents tell."""
    return {row.agency: row.at for row in _HEARD.all(connection)}


def looked_back_to(connection: Connection, what: str) -> datetime | None:
    """Where the newest `acts` or `documents` begin; None when they are all there are."""
    row = _REACH[what].one(connection)
    return row[0] if row[1] == LOOKED_BACK else None


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list stands: behind this row."""

    lane: int = -1
    since: datetime = BEGINNING
    id: str = ""

    def values(self) -> dict[str, Any]:
        return {"after_lane": self.lane, "after_since": self.since, "after_id": self.id}


_COMMON = (
    message.c.id,
    message.c.declaration_id,
    message.c.reference,
    message.c.version,
    message.c.agency,
    message.c.message,
    message.c.delivery,
    message.c.state,
    message.c.reason_zh,
    message.c.reason_en,
    message.c.waits_for,
    message.c.expected_by,
)
_LANE = case((declaration.c.urgent.is_(True), 0), else_=1)
_NONE = (
    cast(null(), String).label("last_error"),
    literal(0).label("attempts"),
    cast(null(), Moment).label("due_at"),
)
_AGENCIES: BindParameter[Any] = bindparam("agencies", expanding=True)


def _page(statement: Select[Any], lane: ColumnElement[int], since: ColumnElement[Any]) -> Prepared:
    """Rows of one kind in the order of the lists, those behind the place given, `at_most` of them."""
    behind = or_(
        lane > bindparam("after_lane"),
        and_(
            lane == bindparam("after_lane"),
            or_(
                since > bindparam("after_since", type_=Moment()),
                and_(since == bindparam("after_since", type_=Moment()), message.c.id > bindparam("after_id")),
            ),
        ),
    )
    return Prepared(
        statement.add_columns(lane.label("lane"), since.label("since"))
        .join(declaration, declaration.c.id == message.c.declaration_id)
        .where(behind)
        .order_by(lane, since, message.c.id)
        .limit(bindparam("at_most"))
    )


_FROM_OUTBOX = select(*_COMMON, outbox.c.last_error, outbox.c.attempts, outbox.c.due_at).join(
    outbox, outbox.c.message_id == message.c.id
)
_QUEUED = _page(
    _FROM_OUTBOX.where(
        outbox.c.agency.in_(_AGENCIES),
        outbox.c.state == QUEUED,
        outbox.c.created_at <= database_now(bindparam("longer")),
    ),
    _LANE,
    outbox.c.created_at,
)
_HELD = _page(_FROM_OUTBOX.where(outbox.c.agency.in_(_AGENCIES), outbox.c.state == HELD), _LANE, message.c.updated_at)
_of_standing = select(*_COMMON, *_NONE).where(_STANDS, _AGENCY.in_(_AGENCIES))
# parked before there were bytes to send: its row never was in the outbox
_UNMADE = _page(_of_standing.where(~exists().where(outbox.c.message_id == message.c.id)), _LANE, message.c.updated_at)
_other = message.alias("other")
_IN_VAIN = _page(
    _of_standing.join(
        _other,
        and_(
            _other.c.declaration_id == message.c.declaration_id,
            _other.c.current.is_(True),
            message.c.waits_for.like(_other.c.agency + ".%"),
            func.coalesce(_other.c.state, _other.c.delivery).in_(bindparam("ended", expanding=True)),
        ),
    ),
    _LANE,
    _other.c.updated_at,
)
_spoke = (
    select(func.max(answer.c.at))
    .where(answer.c.declaration_id == message.c.declaration_id, answer.c.message_id == message.c.id)
    .scalar_subquery()
)
_SILENT = _page(
    select(*_COMMON, *_NONE, message.c.sent_at, _spoke.label("spoke_at")).where(
        message.c.expected_by.is_not(None),
        message.c.expected_by <= bindparam("now", type_=Moment()),
        message.c.current.is_(True),
        _AGENCY.in_(_AGENCIES),
    ),
    _LANE,
    message.c.expected_by,
)


def queued_long(
    connection: Connection, agencies: Sequence[str], seconds: float, after: Place, at_most: int
) -> Sequence[AnyRow]:
    """Messages queued for longer than that."""
    values = {"agencies": list(agencies), "longer": -seconds, "at_most": at_most, **after.values()}
    return _QUEUED.all(connection, values)


def held(connection: Connection, agencies: Sequence[str], after: Place, at_most: int) -> Sequence[AnyRow]:
    """Messages of the outbox that wait for an operator: parked, or in doubt."""
    return _HELD.all(connection, {"agencies": list(agencies), "at_most": at_most, **after.values()})


def unmade(connection: Connection, agencies: Sequence[str], after: Place, at_most: int) -> Sequence[AnyRow]:
    """Messages parked because they could not be rendered."""
    values = {"agencies": list(agencies), "standing": "parked", "at_most": at_most, **after.values()}
    return _UNMADE.all(connection, values)


def waiting_in_vain(
    connection: Connection, agencies: Sequence[str], ended: Sequence[str], after: Place, at_most: int
) -> Sequence[AnyRow]:
    """Legs that wait for a number of an agency whose own leg ended (is in one of the states `ended`) without giving it."""
    values = {"agencies": list(agencies), "standing": "waiting", "ended": list(ended), "at_most": at_most}
    return _IN_VAIN.all(connection, {**values, **after.values()})


def silent(
    connection: Connection, agencies: Sequence[str], now: datetime, after: Place, at_most: int
) -> Sequence[AnyRow]:
    """Messages whose agency should have said something by now; `spoke_at` is when it last did, `since` when it was due."""
    return _SILENT.all(connection, {"agencies": list(agencies), "now": now, "at_most": at_most, **after.values()})
