"""Archive and retention, as operators ask for them. Archiving removes nothing, so one operator may; removing needs two.

Both work in bounded batches with transactions of their own, so a granted removal follows its grant: should the process die in
between, what is left is removed by the next grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection

from declarations.errors import NotFound
from gateway import archiving, journal, retention
from gateway.database.stores import entries
from gateway.identity import Caller
from gateway.operations.repairs import Done, Target, Words

if TYPE_CHECKING:
    from gateway.wiring import Window

RETENTION = "retention"
"""The target of the one approval that is about the window as a whole."""
AT_MOST = 1000
"""Declarations removed by one grant; the next grant goes on."""


async def archive(window: Window, operator: Caller, limit: int) -> dict[str, Any]:
    """Writes ended declarations to archive files, up to `limit`."""
    result = await archiving.archive_due(window, limit)
    act = journal.operators("archived", operator.name, window.clock(), _counts(result))
    await window.database.write(lambda connection: entries.add(connection, [act]))
    return {"result": result}


async def due_for_removal(window: Window, limit: int) -> dict[str, Any]:
    """What retention would remove; nothing is removed."""
    return {"dry_run": True, "result": await retention.plan(window, limit)}


def lock(_: Connection, target: str) -> Target:
    """Nothing to lock: retention looks at each declaration again, under its lock, before it removes it."""
    if target != RETENTION:
        raise NotFound(f"the target of retention is the word {RETENTION!r}", f"清理的对象应写 {RETENTION}")
    return Target()


def check(_: Connection, __: Target) -> None:
    """It can always be asked for: it removes only what is ended, archived and past its term."""


def begin(_: Connection, __: Window, ___: Target, ____: datetime) -> Done:
    return Done("已批准，开始清理", "granted, removal begins", afterwards=_remove)


async def _remove(window: Window) -> Words:
    result = await retention.run(window, dry_run=False, limit=AT_MOST)
    act = journal.entry("retention", at=window.clock(), result=orjson.dumps(_counts(result)).decode())
    await window.database.write(lambda connection: entries.add(connection, [act]))
    counted = ", ".join(f"{name} {value}" for name, value in _counts(result).items())
    more_zh, more_en = ("；尚有未清理，请再次申请", "; there is more, ask again") if result["more"] else ("", "")
    return f"清理完成：{counted}{more_zh}", f"removal ended: {counted}{more_en}"


def _counts(result: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in result.items() if type(value) is int}
