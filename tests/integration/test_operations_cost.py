"""What operators look at must cost as much as waits, however much is stored: SQLite's plans walk no table of everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.dialects import sqlite

from gateway.database.prepared import Prepared
from gateway.database.stores import queues, replays
from tests.support.windows import window_at

pytestmark = pytest.mark.sqlite_only
BOUNDED = ("_DELIVERED", "_HEARD", "_REACH")
"""Statements over the newest rows only: they read along a primary key, LOOKED_BACK rows far."""
STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": each
    for module in (queues, replays)
    for name, each in vars(module).items()
    if isinstance(each, Prepared) and name not in BOUNDED
}


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_no_list_of_operators_walks_a_table_of_everything(tmp_path: Path, name: str) -> None:
    compiled = str(STATEMENTS[name].statement.compile(dialect=sqlite.dialect()))
    compiled = re.sub(r"\(__\[POSTCOMPILE_\w+\]\)", "('customs', 'inspection')", compiled)

    def plan(connection: Connection) -> list[str]:
        sql, number = re.subn(r"\?", "1", compiled)
        assert number or "?" not in compiled
        return [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}".replace(":", r"\:")))]

    async with window_at(tmp_path) as window:
        steps = await window.database.read(plan)
    assert steps
    walked = [step for step in steps if re.match(r"SCAN (message|inbox|declaration|answer|journal)\b", step)]
    assert all("USING INDEX ix_inbox_not_done" in step for step in walked), steps
    assert not [step for step in steps if "INDEX ix_message_agency" in step], "all messages of an agency"
