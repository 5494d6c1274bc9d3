"""What all tables of the database share: their register, the kinds of their columns, the columns many of them have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, text
from sqlalchemy import Text as SqlText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# 64 bits on PostgreSQL; on SQLite only INTEGER PRIMARY KEY counts up by itself
Counter = BigInteger().with_variant(Integer, "sqlite")
# ids, codes and what is searched: compared by code point on every database, as SQLite does
Text = SqlText().with_variant(SqlText(collation="C"), "postgresql")


def rows_where(condition: str) -> dict[str, Any]:
    """The condition of an index over some rows only: what is rarely true costs nothing where it is not."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def organisation_column() -> Column[str]:
    return Column("organisation_id", Text, ForeignKey("organisation.id"), nullable=False)


def declaration_column() -> Column[str]:
    return Column("declaration_id", Text, ForeignKey("declaration.id"), nullable=False)
