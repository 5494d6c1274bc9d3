"""Rows in plain: what stands sealed in the database, opened as the window would; and sealed files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Table, select

from gateway import archiving, ids, sealedfiles
from gateway.database.sealing import ALL, Sealing
from gateway.masters import Masters

SEALINGS: dict[str, Sealing] = {sealing.table: sealing for sealing in ALL}


def plain_rows(connection: Connection, table: Table, *conditions: Any) -> list[Any]:
    """Every row of a table for which the conditions hold, by its key."""
    row_class: Any = NamedTuple("Row", [(column.name, Any) for column in table.columns])  # type: ignore[misc]
    found = connection.execute(select(table).where(*conditions).order_by(*table.primary_key.columns)).all()
    sealing = SEALINGS.get(table.name)
    rows = [row._asdict() for row in found]
    return [row_class(**(row if sealing is None else sealing.opened_values(connection, row))) for row in rows]


def sealed_archive(masters: Masters, declaration_id: str, members: dict[str, bytes]) -> bytes:
    """An archive file as a window writes it."""
    return sealed_file(masters, archiving.pack(members, {}), declaration_id)


def sealed_file(masters: Masters, plain: bytes, declaration_id: str = "D1") -> bytes:
    raw, key_id = os.urandom(32), ids.new_id(ids.DATA_KEY, datetime(2026, 11, 21, tzinfo=UTC))
    wrapped = masters.newest.wrap(raw, sealedfiles.about(key_id, "acme"))
    row = SimpleNamespace(id=key_id, owner="acme", master_id=masters.newest.id, wrapped=wrapped)
    return sealedfiles.write(row, AESGCM(raw), archiving.place_of(declaration_id), plain)
