"""The journal's rows: only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from gateway.database.prepared import Prepared
from gateway.database.schema import journal
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

ADDED = Insertion(journal)
_OF_DECLARATION = Prepared(
    select(journal).where(journal.c.declaration_id == bindparam("declaration_id")).order_by(journal.c.id)
)


def add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        ADDED.run(connection, rows)


def of_declaration(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    return _OF_DECLARATION.all(connection, {"declaration_id": declaration_id})
