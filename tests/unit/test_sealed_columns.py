"""No statement of a store reads or inserts a sealed column without its table's sealing: a new one cannot forget it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select

from gateway.database import stores
from gateway.database.columns import metadata
from gateway.database.prepared import Prepared
from gateway.database.sealing import ALL
from gateway.database.together import Insertion

SEALED = {(sealing.table, column): sealing for sealing in ALL for column in sealing.columns}
OPENS_ITSELF = {"outbox._DUE"}
"""It opens each row on its own, so that one that is damaged keeps nobody else's message back."""


def statements() -> Iterator[tuple[str, Prepared | Insertion]]:
    for module in pkgutil.iter_modules(stores.__path__):
        for name, value in vars(importlib.import_module(f"{stores.__name__}.{module.name}")).items():
            for each in _flat(value):
                yield f"{module.name}.{name}", each


def _flat(value: Any) -> Iterator[Prepared | Insertion]:
    if isinstance(value, Prepared | Insertion):
        yield value
    elif isinstance(value, dict):
        yield from (found for each in value.values() for found in _flat(each))
    elif isinstance(value, list | tuple):
        yield from (found for each in value for found in _flat(each))


def test_whoever_reads_a_sealed_column_opens_it() -> None:
    readers = 0
    for name, each in statements():
        if isinstance(each, Insertion) or not isinstance(each.statement, Select) or name in OPENS_ITSELF:
            continue
        columns = [column for column in each.statement.selected_columns if getattr(column, "table", None) is not None]
        read = {(column.table.name, column.name) for column in columns}
        for at in read & set(SEALED):
            readers += 1
            assert each._sealing is SEALED[at], f"{name} reads {'.'.join(at)} as it is stored"
            assert {(at[0], part) for part in SEALED[at].identity} <= read, f"{name} does not say which row it reads"
    assert readers > 10


def test_whoever_inserts_a_sealed_column_seals_it() -> None:
    tables = {sealing.table: sealing for sealing in ALL}
    found = [(name, each) for name, each in statements() if isinstance(each, Insertion) and each.table.name in tables]
    assert len(found) >= 4
    for name, each in found:
        assert each._sealing is tables[each.table.name], f"{name} stores in plain"


def test_every_column_of_stored_bytes_is_sealed_or_known_not_to_be() -> None:
    plain = {
        "bundle_file.content": "tables are nobody's secret",
        "data_key.wrapped": "wrapped under the master key",
        "credential.secret": "a hash, or sealed by the vault as one value",
        "registration.secret": "a hash",
        "journal_batch.timestamp": "an outside authority's token",
    }
    stored = {f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns
              if column.type.__class__.__name__ == "LargeBinary"}  # fmt: skip
    assert stored - {".".join(at) for at in SEALED} == set(plain)
