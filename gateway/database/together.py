"""Inserting rows of several tables at once: one statement on PostgreSQL, where every round trip costs; one a table on SQLite.

Four statements for an accept take half of PostgreSQL's rate (limits-and-deps section 3). Foreign keys among the rows are checked
when the whole statement has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.util import await_only

from gateway.database.prepared import Prepared, asyncpg_of
from gateway.database.sealing import Sealing
from gateway.database.types import database_now

Rows: TypeAlias = "tuple[Insertion, Sequence[dict[str, Any]]]"


class Insertion:
    """How rows come into one table. `clocked`: columns that get the database's own time. `sealing`: that of the table, whose
    rows are given in plain."""

    def __init__(self, table: Table, clocked: Sequence[str] = (), sealing: Sealing | None = None) -> None:
        self.table = table
        self._sealing = sealing
        self.clocked = tuple(clocked)
        self._statement = Prepared(insert(table).values({name: database_now() for name in clocked}))

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Rows of this table alone; all name the same columns."""
        self.insert(connection, self.sealed(connection, rows))

    def insert(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """The same of rows that are sealed already."""
        self._statement.run_many(connection, rows)

    def sealed(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Rows as the table keeps them."""
        return rows if self._sealing is None else [self._sealing.sealed(connection, row) for row in rows]


def insert_together(connection: Connection, groups: Sequence[Rows]) -> None:
    """Inserts all rows, in the order of the groups; raises IntegrityError as a single insert would."""
    groups = [(insertion, insertion.sealed(connection, rows)) for insertion, rows in groups if rows]
    if connection.dialect.name != "postgresql":
        for insertion, rows in groups:
            insertion.insert(connection, rows)
        return
    key = tuple((insertion.table.name, tuple(rows[0])) for insertion, rows in groups)
    plan = _PLANS.get(key) or _PLANS.setdefault(key, _Plan(groups, connection.dialect))
    plan.run(connection, groups)


class _Plan:
    """`WITH a AS (INSERT …), b AS (INSERT …) SELECT`: each column goes in as one array."""

    def __init__(self, groups: Sequence[Rows], dialect: Dialect) -> None:
        parts: list[str] = []
        self._columns: list[list[tuple[str, Callable[[Any], Any] | None]]] = []
        number = 0
        for insertion, rows in groups:
            names = list(rows[0])
            arrays: list[str] = []
            columns: list[tuple[str, Callable[[Any], Any] | None]] = []
            for name in names:
                number += 1
                kind = insertion.table.c[name].type.dialect_impl(dialect)
                # the collation belongs to the column, not to the array
                arrays.append(f"${number}::{kind.compile(dialect=dialect).partition(' COLLATE')[0]}[]")
                columns.append((name, kind.bind_processor(dialect)))
            self._columns.append(columns)
            taken = ", ".join([*names, *insertion.clocked])
            given = ", ".join([*(f"given.{name}" for name in names), *("clock_timestamp()" for _ in insertion.clocked)])
            # names of our own tables and columns, nothing of a caller's
            parts.append(
                f"part{len(parts)} AS (INSERT INTO {insertion.table.name} ({taken}) SELECT {given} "  # noqa: S608
                f"FROM unnest({', '.join(arrays)}) AS given({', '.join(names)}))"
            )
        self._sql = f"WITH {', '.join(parts)} SELECT 1"

    def run(self, connection: Connection, groups: Sequence[Rows]) -> None:
        arrays = [
            [process(row[name]) if process is not None else row[name] for row in rows]
            for columns, (_, rows) in zip(self._columns, groups, strict=True)
            for name, process in columns
        ]
        try:
            await_only(asyncpg_of(connection).execute(self._sql, *arrays))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            kind = IntegrityError if isinstance(error, asyncpg.IntegrityConstraintViolationError) else OperationalError
            raise kind(self._sql, None, error) from error


_PLANS: dict[tuple[tuple[str, tuple[str, ...]], ...], _Plan] = {}
