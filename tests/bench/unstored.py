"""`onewindow serve` that stores nothing: what N3 compares a durable accept with. For the benchmark only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway import submit
from gateway.cli import app
from gateway.database.sqlite import SqliteDatabase


def forget(_: SqliteDatabase, __: Sequence[Any]) -> asyncio.Future[None]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


async def nobody(*_: Any) -> None:
    return None


SqliteDatabase.insert = forget  # type: ignore[method-assign]
submit.take_waiting = nobody
if __name__ == "__main__":
    app()
