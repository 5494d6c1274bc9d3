"""Column types and expressions that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Dialect, Row, Text, TypeDecorator, literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"
"""A row of some statement; its columns are attributes."""


_WIDTH = len("2015-10-22T01:02:03.000000")


def _of_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime: timestamptz on PostgreSQL; on SQLite text of one width (2015-10-22T01:02:03.000000), which sorts."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.utcoffset() is None:
            # astimezone would take it for the machine's own time
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.isoformat(timespec="microseconds")[:_WIDTH]

    def process_result_value(self, value: Any, _: Dialect) -> datetime | None:
        if isinstance(value, str):
            return datetime.fromisoformat(value + "+00:00")
        moment: datetime | None = value
        return None if moment is None else moment.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """On SQLite without the layers in between: rows are full of times."""
        return _of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _of_json(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)


class Json(TypeDecorator[Any]):
    """A JSON value kept as the text orjson wrote: read back as it was, key order too."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, _: Dialect) -> Any:
        return _of_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        return _of_json


class database_now(FunctionElement[datetime]):  # noqa: N801  (in a statement it reads as the function it is)
    """The database's own clock, moved by a number of seconds: leases of many workers must not hang on their clocks."""

    type = Moment()
    inherit_cache = True
    name = "database_now"

    def __init__(self, seconds: Any = 0.0) -> None:
        super().__init__(literal(seconds) if isinstance(seconds, int | float) else seconds)


@compiles(database_now, "sqlite")
def _sqlite_now(element: database_now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%dT%H:%M:%f', 'now', printf('%+.3f seconds', {seconds})) || '000')"


@compiles(database_now, "postgresql")
def _postgresql_now(element: database_now, compiler: SQLCompiler, **options: Any) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"
