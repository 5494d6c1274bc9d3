"""What was stored before payloads were sealed, a page at a time, so that it can be sealed beside a serving window."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    and_,
    cast,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy import Text as AnyText

from gateway.database.columns import metadata
from gateway.database.schema import message
from gateway.database.sealing import ALL, MESSAGE_BODY, WINDOW, Sealing
from gateway.sealed import MAGIC

TABLES = {sealing.table: sealing for sealing in ALL}


def seal_some(connection: Connection, name: str, after: tuple[Any, ...], at_most: int) -> tuple[int, tuple[Any, ...]]:
    """Seals what stands in plain in the next rows of a table behind `after` (empty: from the start), locked meanwhile.

    Returns how many rows were sealed, and where to go on; empty when there is no more.
    """
    sealing, table = TABLES[name], metadata.tables[name]
    identity = [table.c[column] for column in sealing.identity]
    statement = select(*identity, *(table.c[column] for column in sealing.columns)).order_by(*identity).limit(at_most)
    statement = statement.where(or_(*(_plain(table, column, is_json) for column, is_json in sealing.columns.items())))
    if after:
        statement = statement.where(tuple_(*identity) > tuple_(*after))
    rows = connection.execute(statement.with_for_update()).all()
    for row in rows:
        kept = row._asdict()
        whose = tuple(kept[column] for column in sealing.identity)
        owner = _owner(connection, sealing, table, whose)
        values = {
            column: sealing.seal(connection, column, kept[column], owner=owner, row=whose)
            for column, is_json in sealing.columns.items()
            if not (isinstance(kept[column], str) if is_json else bytes(kept[column]).startswith(MAGIC))
        }
        if sealing.size is not None and "body" in values:
            values[sealing.size] = len(kept["body"])
        connection.execute(update(table).where(*_is(table, sealing, whose)).values(values))
    last = tuple(rows[-1]._asdict()[column] for column in sealing.identity) if len(rows) == at_most else ()
    return len(rows), last


def _plain(table: Table, column: str, is_json: bool) -> ColumnElement[bool]:
    """A sealed JSON value is a string; sealed bytes begin with the magic."""
    stored = table.c[column]
    if is_json:
        return func.substr(cast(type_coerce(stored, AnyText), AnyText), 1, 1) != '"'
    return and_(stored.is_not(None), func.substr(stored, 1, len(MAGIC)) != type_coerce(MAGIC, LargeBinary))


def _is(table: Table, sealing: Sealing, whose: tuple[Any, ...]) -> list[ColumnElement[bool]]:
    return [table.c[column] == value for column, value in zip(sealing.identity, whose, strict=True)]


def _owner(connection: Connection, sealing: Sealing, table: Table, whose: tuple[Any, ...]) -> str:
    if sealing.owner is None:
        return WINDOW
    if sealing is MESSAGE_BODY:
        statement = select(message.c.organisation_id).where(message.c.id == whose[0])
    else:
        statement = select(table.c[sealing.owner]).where(*_is(table, sealing, whose))
    return str(connection.execute(statement).scalar_one())
