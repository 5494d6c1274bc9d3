"""Broken builds: taking filings in, correcting and stopping them."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.torture.broken.build import sabotage


def _databases() -> list[Any]:
    from gateway.database.postgres import PostgresDatabase
    from gateway.database.sqlite import SqliteDatabase

    return [SqliteDatabase, PostgresDatabase]


@sabotage
def reply_before_commit() -> None:
    """The client is told 202 before the filing is committed; it is stored a moment later."""
    from gateway.database.postgres import PostgresDatabase
    from gateway.database.sqlite import SqliteDatabase

    for kind in (SqliteDatabase, PostgresDatabase):
        insert = kind.insert
        later: set[Any] = set()

        async def early(self: Any, groups: Any, insert: Any = insert, later: set[Any] = later) -> None:
            async def store() -> None:
                await asyncio.sleep(0.5)
                await insert(self, groups)

            task = asyncio.create_task(store())
            later.add(task)

        kind.insert = early  # type: ignore[method-assign,assignment]


@sabotage
def outbox_in_a_second_transaction() -> None:
    """A filing is committed without its messages' queue; that follows."""
    import gateway.submit
    from gateway.database.stores import outbox

    for kind in _databases():
        insert = kind.insert

        async def twice(self: Any, groups: Any, insert: Any = insert) -> None:
            queue = [group for group in groups if group[0] is outbox.ADDED]
            await insert(self, [group for group in groups if group[0] is not outbox.ADDED])
            await insert(self, queue)

        kind.insert = twice
    assert gateway.submit


@sabotage
def forget_the_idempotency_key() -> None:
    """The reply is not kept under the client's key."""
    from gateway.repeating import Key

    Key.replayed = lambda self, connection: None  # type: ignore[method-assign]


@sabotage
def new_reference_for_every_request() -> None:
    """No reference clashes with one that is filed: the same request twice is two declarations."""
    from gateway.database.stores import declarations, idempotency

    for kind in _databases():
        insert = kind.insert

        async def loose(self: Any, groups: Any, insert: Any = insert) -> None:
            loosened = []
            for insertion, rows in groups:
                if insertion is declarations.ADDED:
                    rows = [{**row, "live_reference": None} for row in rows]
                if insertion is not idempotency.ADDED:
                    loosened.append((insertion, rows))
            await insert(self, loosened)

        kind.insert = loose
    forget_the_idempotency_key()


@sabotage
def withdraw_without_looking() -> None:
    """A message is withdrawn though it may be under way."""
    from gateway.database.stores import outbox

    outbox.remove_untouched = outbox.remove


@sabotage
def versions_without_lock() -> None:
    """Two corrections at once are both taken."""
    from gateway import amend
    from gateway.database.stores import declarations

    declarations.lock = lambda connection, declaration_id: None
    owned = amend.owned
    seen: dict[str, Any] = {}

    def as_first_seen(connection: Any, caller: Any, declaration_id: str) -> Any:
        return seen.setdefault(declaration_id, owned(connection, caller, declaration_id))

    amend.owned = as_first_seen
    amend.decide = lambda connection, window, declaration, form, made: made
    declarations.add_version = lambda connection, version, **_: True


@sabotage
def no_retry_after() -> None:
    """503 does not say when to come again."""
    from gateway import problems

    reply = problems.reply

    def silent(status: int, content: Any, headers: Any = None) -> Any:
        return reply(status, content, {name: value for name, value in (headers or {}).items() if name != "Retry-After"})

    problems.reply = silent
