"""Finding declarations by their keys, newest first, page by page; the cost does not grow with what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, insert, or_, select

from gateway.database.prepared import Prepared
from gateway.database.schema import declaration, message, obligation, search_key
from gateway.database.types import AnyRow

_INSERT = Prepared(insert(search_key))
_PRESENT = Prepared(
    select(search_key.c.kind).where(
        search_key.c.organisation_id == bindparam("organisation_id"),
        search_key.c.value == bindparam("value"),
        search_key.c.kind == bindparam("kind"),
        search_key.c.declaration_id == bindparam("declaration_id"),
    )
)
_IDENTITY = ("organisation_id", "value", "kind", "declaration_id")
_LAST = "\U0010ffff"
"""Sorts after every character: the upper end of a prefix."""


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keys of a new declaration."""
    _INSERT.run_many(connection, rows)


def add_missing(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Further keys of a declaration; those it has already are left alone."""
    add(
        connection, [row for row in rows if _PRESENT.first(connection, {name: row[name] for name in _IDENTITY}) is None]
    )


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
    """Declarations of an organisation for which all of `keys` (kind or None for any, value, last characters too?) hold.

    `newer_than` (inclusive) and `older_than` (exclusive) are bounds of the id, which sorts by time.
    """
    statement = select(declaration).where(declaration.c.organisation_id == organisation_id)
    for kind, value, suffix in keys:
        key = search_key.c
        matches: ColumnElement[bool] = key.value == value
        if suffix:
            matches = or_(matches, and_(key.reversed >= value[::-1], key.reversed < value[::-1] + _LAST))
        of_key = select(key.declaration_id).where(key.organisation_id == organisation_id, matches)
        statement = statement.where(declaration.c.id.in_(of_key if kind is None else of_key.where(key.kind == kind)))
    if state is not None:
        of_leg = exists().where(
            message.c.declaration_id == declaration.c.id,
            message.c.current.is_(True),
            or_(message.c.state == state, and_(message.c.state.is_(None), message.c.delivery == state)),
        )
        statement = statement.where(or_(declaration.c.status == state, of_leg))
    if kind_open is not None:
        of_open = select(obligation.c.declaration_id).where(
            obligation.c.organisation_id == organisation_id, obligation.c.kind == kind_open
        )
        statement = statement.where(declaration.c.id.in_(of_open))
    if newer_than is not None:
        statement = statement.where(declaration.c.id >= newer_than)
    if older_than is not None:
        statement = statement.where(declaration.c.id < older_than)
    return connection.execute(statement.order_by(declaration.c.id.desc()).limit(limit)).all()
