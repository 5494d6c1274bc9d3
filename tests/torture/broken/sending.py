"""Broken builds: delivery."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from tests.torture.broken.build import KEPT, later_write, sabotage


@sabotage
def delete_before_sending() -> None:
    """What is claimed is taken out of the outbox, then sent."""
    from gateway.database.stores import outbox

    claim = outbox.claim

    def claim_and_forget(connection: Any, *args: Any) -> Any:
        rows = claim(connection, *args)
        for row in rows:
            outbox.remove(connection, row.message_id)
        return rows

    outbox.claim = claim_and_forget


@sabotage
def write_in_place() -> None:
    """Exchange files are written under their final name."""
    import adapters.transports.boxes as boxes
    import adapters.transports.folder as folder

    def place(directory: Path, name: str, body: bytes) -> None:
        with boxes.open(directory / name, "xb") as file:  # type: ignore[attr-defined]
            file.write(body)

    folder.place = place


@sabotage
def new_id_on_retry() -> None:
    """Each attempt names the message anew, so no agency can tell a repetition."""
    import dataclasses

    import gateway.deliver

    original = gateway.deliver.Deliverer._send

    async def send(self: Any, message: Any) -> Any:
        fresh = message.message_id[:-8] + os.urandom(4).hex().upper()
        return await original(self, dataclasses.replace(message, message_id=fresh))

    gateway.deliver.Deliverer._send = send  # type: ignore[method-assign]


@sabotage
def other_bytes_on_retry() -> None:
    """Each attempt is rendered anew and is not the same to the byte."""
    import dataclasses

    import gateway.deliver

    original = gateway.deliver.Deliverer._send

    async def send(self: Any, message: Any) -> Any:
        return await original(self, dataclasses.replace(message, body=message.body + f"<!--{time.time()}-->".encode()))

    gateway.deliver.Deliverer._send = send  # type: ignore[method-assign]


@sabotage
def resend_without_asking() -> None:
    """An interrupted sending simply goes again, whatever the agency makes of copies."""
    from gateway.outcome import Policy

    original = Policy.of.__func__  # type: ignore[attr-defined]

    def of(cls: Any, table: Any, settings: Any) -> Any:
        return original(cls, {**table, "duplicate_policy": "deduplicates"}, settings)

    Policy.of = classmethod(of)  # type: ignore[assignment,method-assign]


@sabotage
def record_in_two_transactions() -> None:
    """A sending is taken out of the outbox first, and shown as sent in a later transaction."""
    import gateway.deliver
    from gateway import outcome
    from gateway.outcome import Sent

    tell = Sent._tell
    left: list[Any] = []

    def put_off(self: Any, connection: Any, window: Any, row: Any, now: Any) -> None:
        left.append((self, window, row, now))

    report = Sent.report

    def then(self: Any, facts: Any, seconds: float) -> None:
        report(self, facts, seconds)
        for act, window, row, now in left:
            task = asyncio.ensure_future(
                later_write(window, lambda c, a=act, w=window, r=row, n=now: tell(a, c, w, r, n))
            )
            KEPT.append(task)
        left.clear()

    Sent._tell, Sent.report = put_off, then  # type: ignore[method-assign]
    assert gateway.deliver and outcome


@sabotage
def ignore_the_lease_token() -> None:
    """An outcome is recorded whoever has the claim by now."""
    from sqlalchemy import bindparam, delete, update

    from gateway.database.prepared import Prepared
    from gateway.database.schema import outbox as table
    from gateway.database.stores import outbox
    from gateway.database.types import database_now

    mine = table.c.message_id == bindparam("of")
    delete(table)
    outbox.done = lambda connection, message_id, token: (
        Prepared(delete(table).where(mine)).run(connection, {"of": message_id}) or True
    )
    back = Prepared(
        update(table)
        .where(mine)
        .values(
            lease_token=None, lease_until=None, due_at=database_now(bindparam("delay")), last_error=bindparam("error")
        )
    )
    outbox.retry = lambda connection, message_id, token, delay, error: (
        back.run(connection, {"of": message_id, "delay": delay, "error": error}) == 1
    )


@sabotage
def never_free_dead_leases() -> None:
    """A claim of a process that died holds for good."""
    from gateway.database.stores import outbox

    outbox.void_leases = lambda connection: None
    claim = outbox.claim
    outbox.claim = lambda connection, agency, token, lease, at_most: claim(connection, agency, token, 36_000.0, at_most)


@sabotage
def lease_on_own_clock() -> None:
    """Leases and due times are read off the clock of the process."""
    from datetime import timedelta

    from sqlalchemy import bindparam, update

    import gateway.deliver
    from gateway.database.prepared import Prepared
    from gateway.database.stores import outbox

    claim = outbox.claim
    write = Prepared(
        update(outbox.outbox)
        .where(outbox.outbox.c.lease_token == bindparam("token"))
        .values(lease_until=bindparam("until"))
    )
    free = Prepared(
        update(outbox.outbox)
        .where(outbox.outbox.c.lease_until < bindparam("own_now"))
        .values(lease_until=outbox.database_now())
    )

    def on_own_clock(connection: Any, agency: str, token: str, lease: float, at_most: int) -> Any:
        now = gateway.clock.system_clock()
        free.run(connection, {"own_now": now})
        rows = claim(connection, agency, token, lease, at_most)
        write.run(connection, {"token": token, "until": now + timedelta(seconds=lease)})
        return rows

    import gateway.clock

    outbox.claim = on_own_clock


@sabotage
def trust_every_due_time() -> None:
    """A due time or lease is waited for, however far ahead it lies."""
    from gateway.database.stores import outbox

    outbox.pull_in = lambda connection, agency, longest: 0


@sabotage
def one_agency_at_a_time() -> None:
    """One sending at a time, whoever it goes to."""
    from gateway.deliver import Deliverer

    send = Deliverer._send
    locks: list[asyncio.Lock] = []

    async def in_turn(self: Any, message: Any) -> Any:
        if not locks:
            locks.append(asyncio.Lock())
        async with locks[0]:
            return await send(self, message)

    Deliverer._send = in_turn  # type: ignore[method-assign]


@sabotage
def trust_the_pool() -> None:
    """A connection that the server has ended is put back and used again."""
    from sqlalchemy.ext.asyncio import AsyncConnection

    async def keep(self: Any, exception: Any = None) -> None:
        return None

    AsyncConnection.invalidate = keep  # type: ignore[method-assign]
