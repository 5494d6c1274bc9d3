"""Finding declarations by their keys, newest first, page by page; the cost does not grow with what is stored.

One filter drives: it is read in the order of its index, newest first, behind the cursor, and no further than a page needs. The
others are asked of each declaration found. Where a filter is several ranges (any kind of key, a status or a leg's state), each
gives a page, and the newest of all are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    SQLColumnExpression,
    and_,
    bindparam,
    exists,
    func,
    literal,
    select,
    text,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert

from declarations.responses import ANSWERED, COMBINED, DELIVERY
from gateway.database.prepared import Prepared
from gateway.database.schema import declaration, message, obligation, search_key
from gateway.database.together import Insertion
from gateway.database.types import AnyRow
from gateway.finding import ALL_KINDS, SHARED

ADDED = Insertion(search_key)
# it compiles to the same words for SQLite
_ADD_MISSING = Prepared(insert(search_key).on_conflict_do_nothing())
_LAST = "\U0010ffff"
"""Sorts after every character, by code point and by UTF-8 bytes alike: the upper end of a prefix."""
SHAPES_KEPT = 256
"""Combinations of filters whose statements are kept."""


_LEGS = Prepared(
    select(
        message.c.declaration_id, message.c.agency, func.coalesce(message.c.state, message.c.delivery).label("stands")
    )
    .where(message.c.declaration_id.in_(bindparam("ids", expanding=True)), text("message.current"))
    .order_by(message.c.agency)
)


@dataclass(frozen=True, slots=True)
class _Range:
    """A stretch of one index: where it lies, and whose declarations they are."""

    id: SQLColumnExpression[str]
    where: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which filters a question has; their values go in when it is asked."""

    keys: tuple[tuple[bool, bool], ...]
    """Of each key: whether its kind is given, whether the end of a value is enough."""
    shared: int
    """So many of them, the last ones, are of kinds that many declarations share."""
    status: bool
    leg: bool
    open: bool
    newer: bool
    older: bool


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keys of a new declaration."""
    ADDED.run(connection, rows)


def add_missing(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Further keys of a declaration; those it has already are left alone."""
    _ADD_MISSING.run_many(connection, rows)


def find(
    connection: Connection,
    organisation_id: str,
    *,
    keys: Sequence[tuple[str | None, str, bool]],
    state: str | None,
    kind_open: str | None,
    newer_than: str | None,
    older_than: str | None,
    limit: int,
) -> Sequence[AnyRow]:
    """Declarations of an organisation, filed by it or in its name, for which all filters hold.

    `keys` are (kind or None for any, value, whether a longer value may end with it); `state` is a combined status or that of a
    leg; `newer_than` (inclusive) and `older_than` (exclusive) are bounds of the id, which sorts by time.
    """
    keys = sorted(keys, key=lambda key: key[0] in SHARED)
    given = {"state": state, "kind_open": kind_open, "newer_than": newer_than, "older_than": older_than}
    for place, (kind, value, ends) in enumerate(keys):
        given |= {f"kind{place}": kind, f"value{place}": value}
        if ends:
            given |= {f"first{place}": value[::-1], f"last{place}": value[::-1] + _LAST}
    shape = _Shape(
        keys=tuple((kind is not None, ends) for kind, _, ends in keys),
        shared=sum(kind in SHARED for kind, _, _ in keys),
        status=state in COMBINED,
        leg=state in ANSWERED or state in DELIVERY,
        open=kind_open is not None,
        newer=newer_than is not None,
        older=older_than is not None,
    )
    values = {name: value for name, value in given.items() if value is not None}
    return _statement(shape).all(connection, {"organisation_id": organisation_id, "at_most": limit, **values})


def legs(connection: Connection, declaration_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Where the legs of some declarations stand: declaration id -> agency -> state, or delivery while no answer has said more."""
    found: dict[str, dict[str, str]] = {declaration_id: {} for declaration_id in declaration_ids}
    for row in _LEGS.all(connection, {"ids": list(declaration_ids)}) if declaration_ids else ():
        found[row.declaration_id][row.agency] = row.stands
    return found


@lru_cache(SHAPES_KEPT)
def _statement(shape: _Shape) -> Prepared:
    keys = [_key_ranges(place, *key) for place, key in enumerate(shape.keys)]
    own = len(keys) - shape.shared
    filters = keys[:own]
    if shape.open:
        of_kind = obligation.c.kind == bindparam("kind_open")
        filters.append([_Range(obligation.c.declaration_id, and_(side, of_kind)) for side in _either_side(obligation)])
    if shape.status or shape.leg:
        filters.append(_state_ranges(shape))
    # what many declarations share drives only where there is nothing else
    filters += keys[own:]
    if not filters:
        filters.append([_Range(declaration.c.id, side) for side in _either_side(declaration)])
    driving, *others = filters
    pages = [_page(shape, each, others).subquery() for each in driving]
    ids = union(*(select(page.c.id) for page in pages)).subquery() if len(pages) > 1 else pages[0]
    newest = select(ids.c.id).order_by(ids.c.id.desc()).limit(bindparam("at_most")).subquery()
    return Prepared(select(declaration).join(newest, newest.c.id == declaration.c.id).order_by(declaration.c.id.desc()))


def _page(shape: _Shape, drive: _Range, others: list[list[_Range]]) -> Select[Any]:
    """The newest declarations of one range, behind the cursor, for which the other filters hold."""
    page: Select[Any] = select(drive.id.label("id")).where(drive.where)
    if shape.newer:
        page = page.where(drive.id >= bindparam("newer_than"))
    if shape.older:
        page = page.where(drive.id < bindparam("older_than"))
    for ranges in others:
        held = [select(literal(1)).where(each.id == drive.id, each.where) for each in ranges]
        # not an OR of several EXISTS: PostgreSQL would read all of each range first
        page = page.where(exists(union_all(*held)) if len(held) > 1 else held[0].exists())
    # two legs or two keys of one declaration may lie in one range
    return page.distinct().order_by(drive.id.desc()).limit(bindparam("at_most"))


def _either_side(table: Any) -> list[ColumnElement[bool]]:
    """Whose rows they are: filed by the organisation, or in its name under a mandate. Each has an index of its own."""
    return [_of(table), table.c.principal_id == bindparam("organisation_id")]


def _of(table: Any) -> ColumnElement[bool]:
    of: ColumnElement[bool] = table.c.organisation_id == bindparam("organisation_id")
    return of


def _key_ranges(place: int, of_kind: bool, ends: bool) -> list[_Range]:
    """A whole value lies in one range for each kind; values that end with it lie together, whatever their kind."""
    found: list[_Range] = []
    for kind in [bindparam(f"kind{place}")] if of_kind else [literal(kind) for kind in ALL_KINDS]:
        key = search_key.alias()
        whole = key.c.value == bindparam(f"value{place}")
        found.append(_Range(key.c.declaration_id, and_(_of(key), whole, key.c.kind == kind)))
    if ends:
        key = search_key.alias()
        longer = and_(key.c.reversed > bindparam(f"first{place}"), key.c.reversed < bindparam(f"last{place}"))
        if of_kind:
            longer = and_(longer, key.c.kind == bindparam(f"kind{place}"))
        found.append(_Range(key.c.declaration_id, and_(_of(key), longer)))
    return found


def _state_ranges(shape: _Shape) -> list[_Range]:
    state: BindParameter[str] = bindparam("state")
    ranges: list[_Range] = []
    if shape.status:
        of_status = declaration.c.status == state
        ranges += [_Range(declaration.c.id, and_(side, of_status)) for side in _either_side(declaration)]
    if shape.leg:
        stands = func.coalesce(message.c.state, message.c.delivery) == state
        # as ix_message_standing and ix_message_principal_standing say it
        current = text("message.current")
        ranges += [_Range(message.c.declaration_id, and_(side, stands, current)) for side in _either_side(message)]
    return ranges
