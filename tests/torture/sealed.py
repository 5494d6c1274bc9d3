"""What a lane's window sealed, opened beside it: by the master key of its secrets and the data keys of its database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, inspect, select, update

from gateway import sealed, sealedfiles
from gateway.clock import system_clock
from gateway.database.columns import metadata
from gateway.database.engine import open_database
from gateway.database.sealing import ALL
from gateway.masters import Masters
from gateway.vault import Vault
from tests.torture.views import Database

Open: TypeAlias = Callable[[str, str, tuple[Any, ...], bytes], bytes]
"""table, column, the row's identity, what is stored -> what was sealed."""


async def opener(database: Database, data_dir: Path) -> Open:
    masters = Masters(data_dir / "secrets")
    keys = {
        key_id: AESGCM(sealedfiles.unwrap(masters, key_id, owner, master_id, bytes(wrapped)))
        for key_id, owner, master_id, wrapped in await database.rows(
            "SELECT id, owner, master_id, wrapped FROM data_key"
        )
    }

    def open_value(table: str, column: str, row: tuple[Any, ...], stored: bytes) -> bytes:
        if not sealed.is_sealed(stored):
            return stored
        return sealed.unseal(keys[sealed.key_id_of(stored)], sealed.place(table, column, row), stored)

    return open_value


async def unseal_all(url: str, data_dir: Path) -> None:
    """Everything in plain, as before payloads were sealed. The window's programs must not run."""
    vault = Vault(Masters(data_dir / "secrets"), system_clock)
    database = await open_database(url, 1, vault)
    try:
        await vault.begin(database)
        await database.write(_unseal)
    finally:
        await database.close()


def _unseal(connection: Connection) -> None:
    there = set(inspect(connection).get_table_names())
    for sealing in ALL:
        if sealing.table not in there:
            continue
        table = metadata.tables[sealing.table]
        names = (*sealing.identity, *sealing.columns)
        for row in connection.execute(select(*(table.c[name] for name in names))).all():
            plain = sealing.opened_values(connection, row._asdict())
            which = [table.c[name] == plain[name] for name in sealing.identity]
            values = {name: plain[name] for name in sealing.columns}
            connection.execute(update(table).where(*which).values(values))
