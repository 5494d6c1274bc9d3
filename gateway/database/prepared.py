"""Statements built with SQLAlchemy Core and compiled once.

They run on the driver itself: Core's own execution costs ten times the statement on SQLite and several times on PostgreSQL. What
a plan cannot hold (a list written out per execution) runs as Core runs it, so a store knows one way only.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias

import asyncpg
from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import IntegrityError, NoResultFound, OperationalError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import await_only

from gateway.database.sealing import Sealing
from gateway.database.types import AnyRow

Values: TypeAlias = Mapping[str, Any]
Statement: TypeAlias = "Select[*tuple[Any, ...]] | Insert | Update | Delete"
_NOTHING: Values = {}
ROW_CLASSES = 1_024
"""Classes of rows kept: making one takes longer than most statements."""


class Prepared:
    """One statement. Values are given by name; rows come back with their columns as attributes.

    `sealing`: that of the table whose sealed columns it reads; rows come back in plain, or not at all (SealedDataUnreadable).
    """

    def __init__(self, statement: Statement, sealing: Sealing | None = None) -> None:
        self.statement = statement
        self._sealing = sealing
        self._plans: dict[tuple[str, tuple[str, ...]], _Plan] = {}

    def all(self, connection: Connection, values: Values = _NOTHING) -> Sequence[AnyRow]:
        """Every row."""
        plan = self._plan(connection, values)
        if plan is None:
            given = connection.execute(self.statement, dict(values)).all()
            return given if self._sealing is None else self._sealing.opened(connection, _named(given))
        rows = [plan.row(found) for found in plan.fetch(connection, values)]
        return rows if self._sealing is None else self._sealing.opened(connection, rows)

    def first(self, connection: Connection, values: Values = _NOTHING) -> AnyRow | None:
        """The first row, if there is one."""
        plan = self._plan(connection, values)
        if plan is None:
            given = connection.execute(self.statement, dict(values)).fetchmany(1)
            rows: Sequence[AnyRow] = given if self._sealing is None else self._sealing.opened(connection, _named(given))
            return rows[0] if rows else None
        found = plan.fetch_one(connection, values)
        if found is None:
            return None
        row: AnyRow = plan.row(found)
        return row if self._sealing is None else self._sealing.opened(connection, [row])[0]

    def one(self, connection: Connection, values: Values = _NOTHING) -> AnyRow:
        """The row that must be there; raises NoResultFound."""
        found = self.first(connection, values)
        if found is None:
            raise NoResultFound(str(self.statement))
        return found

    def scalar(self, connection: Connection, values: Values = _NOTHING) -> Any:
        """The first column of the first row, None without a row."""
        found = self.first(connection, values)
        return None if found is None else found[0]

    def run(self, connection: Connection, values: Values = _NOTHING) -> int:
        """Executes a change; returns how many rows it touched."""
        plan = self._plan(connection, values)
        if plan is None:
            return int(connection.execute(self.statement, dict(values)).rowcount)
        return plan.change(connection, values)

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Executes a change once for each row; all rows name the same values."""
        if not rows:
            return
        plan = self._plan(connection, rows[0])
        if plan is None:
            connection.execute(self.statement, [dict(row) for row in rows])
        else:
            plan.change_many(connection, rows)

    def _plan(self, connection: Connection, values: Values) -> _Plan | None:
        """How to run it on the driver; None where Core has to."""
        names = tuple(values)
        key = (connection.dialect.name, names)
        plan = self._plans.get(key)
        if plan is None:
            kind = _SqlitePlan if connection.dialect.name == "sqlite" else _PostgresPlan
            plan = self._plans[key] = kind(self.statement, connection.dialect, names)
        return plan if plan.complete else None


class _Plan:
    """A statement for one set of value names: its text, how each value goes in and how each column comes out."""

    def __init__(self, statement: Statement, dialect: Dialect, names: tuple[str, ...]) -> None:
        # an INSERT without its columns named takes those that are given
        keys = [name for name in names if name in statement.table.c] if isinstance(statement, Insert) else None
        compiled = statement.compile(dialect=dialect, column_keys=keys)
        assert isinstance(compiled, SQLCompiler)
        # lists are written out per execution; that is left to Core
        self.complete = not (compiled.post_compile_params or compiled.literal_execute_params)
        self._sql = str(compiled)
        self._values: list[tuple[str, Callable[[Any], Any] | None, Any, bool]] = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            given = bind.key in names or name in names
            fixed = None if given else process(bind.effective_value) if process else bind.effective_value
            self._values.append((bind.key if bind.key in names else name, process, fixed, given))
        columns = statement.exported_columns
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._processors = [(index, process) for index, process in enumerate(processors) if process is not None]
        self._row = _row_class(tuple(str(column.key) for column in columns))

    def row(self, found: Sequence[Any]) -> Any:
        values = list(found)
        for index, process in self._processors:
            values[index] = process(values[index])
        return self._row._make(values)

    def fetch(self, connection: Connection, values: Values) -> Sequence[Sequence[Any]]:
        raise NotImplementedError

    def fetch_one(self, connection: Connection, values: Values) -> Sequence[Any] | None:
        raise NotImplementedError

    def change(self, connection: Connection, values: Values) -> int:
        raise NotImplementedError

    def change_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        raise NotImplementedError

    def _bound(self, values: Values) -> list[Any]:
        return [
            (process(values[name]) if process is not None else values[name]) if given else fixed
            for name, process, fixed, given in self._values
        ]

    def _fail(self, error: Exception, integrity: bool) -> NoReturn:
        """The error as Core would raise it, so that callers need not know who ran the statement."""
        raise (IntegrityError if integrity else OperationalError)(self._sql, None, error) from error


class _SqlitePlan(_Plan):
    def fetch(self, connection: Connection, values: Values) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = self._execute(connection, values).fetchall()
        return found

    def fetch_one(self, connection: Connection, values: Values) -> Sequence[Any] | None:
        cursor = self._execute(connection, values)
        found: Sequence[Any] | None = cursor.fetchone()
        cursor.close()
        return found

    def change(self, connection: Connection, values: Values) -> int:
        return self._execute(connection, values).rowcount

    def change_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        try:
            _sqlite(connection).executemany(self._sql, [self._bound(row) for row in rows])
        except sqlite3.Error as error:
            self._fail(error, isinstance(error, sqlite3.IntegrityError))

    def _execute(self, connection: Connection, values: Values) -> sqlite3.Cursor:
        try:
            return _sqlite(connection).execute(self._sql, self._bound(values))
        except sqlite3.Error as error:
            self._fail(error, isinstance(error, sqlite3.IntegrityError))


class _PostgresPlan(_Plan):
    """The caller runs in a greenlet (`run_sync`), where the driver's coroutines can be waited for."""

    def fetch(self, connection: Connection, values: Values) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = self._wait(asyncpg_of(connection).fetch(self._sql, *self._asked(values)))
        return found

    def fetch_one(self, connection: Connection, values: Values) -> Sequence[Any] | None:
        found: Sequence[Any] | None = self._wait(asyncpg_of(connection).fetchrow(self._sql, *self._asked(values)))
        return found

    def change(self, connection: Connection, values: Values) -> int:
        # the driver answers with the command's tag: `UPDATE 1`
        tag: str = self._wait(asyncpg_of(connection).execute(self._sql, *self._bound(values)))
        return int(tag.rpartition(" ")[2])

    def change_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        if len(rows) == 1:
            self.change(connection, rows[0])
        else:
            self._wait(asyncpg_of(connection).executemany(self._sql, [self._bound(row) for row in rows]))

    def _asked(self, values: Values) -> list[Any]:
        """PostgreSQL's text holds no NUL and cannot be asked for one: a character that no value has finds nothing too."""
        return [
            value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
            for value in self._bound(values)
        ]

    def _wait(self, work: Any) -> Any:
        try:
            return await_only(work)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            self._fail(error, isinstance(error, asyncpg.IntegrityConstraintViolationError))


def _named(rows: Sequence[Any]) -> list[Any]:
    """Core's rows as those of a plan."""
    if not rows:
        return []
    row = _row_class(tuple(rows[0]._fields))
    return [row._make(each) for each in rows]


@lru_cache(ROW_CLASSES)
def _row_class(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names, rename=True)


def _sqlite(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def asyncpg_of(connection: Connection) -> Any:
    """The asyncpg connection below: inside the same transaction, which `PostgresDatabase` began on it."""
    return connection.connection.driver_connection
