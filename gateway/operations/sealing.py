"""Keys of the vault, as operators see and change them: which master keys there are, wrapping anew, new data keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from declarations.errors import NotFound
from gateway import journal
from gateway.database.stores import datakeys, entries, unsealed
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window

AT_ONCE = 50
"""Rows sealed in one transaction: some milliseconds of the writer's time."""


async def state(window: Window) -> dict[str, Any]:
    """Fingerprints of the master keys known here, newest first, and how many data keys are wrapped under each."""
    return await window.vault.state()


async def rotate_master(window: Window, operator: Caller) -> dict[str, Any]:
    """Wraps every data key under the newest master key; what is sealed stays as it is."""
    done = await window.vault.rotate_master()
    details = {"master": str(done["master"]), "rewrapped": str(done["rewrapped"])}
    await _told(window, operator, "master_key_rotated", details)
    return done


async def rotate_data(window: Window, operator: Caller, owner: str | None) -> dict[str, Any]:
    """A new data key for what is sealed from now on: of one owner, or of all. Other programs follow within seconds.

    Raises NotFound for an owner of whom nothing is sealed."""
    if owner is not None and owner not in await window.database.read(datakeys.owners):
        raise NotFound(f"{owner!r} has no data key", f"{owner} 没有数据密钥")
    made = await window.vault.rotate_data(owner)
    await _told(window, operator, "data_keys_rotated", {"keys": str(made), **({"owner": owner} if owner else {})})
    return {"made": made}


async def seal_old(window: Window, operator: Caller) -> dict[str, Any]:
    """Seals what was stored before payloads were, in small transactions; filings go between. Safe to repeat."""
    counts: dict[str, int] = {}
    for table in unsealed.TABLES:
        after: tuple[Any, ...] = ()
        while True:
            act = partial(unsealed.seal_some, name=table, after=after, at_most=AT_ONCE)
            done, after = await window.database.write(act)
            counts[table] = counts.get(table, 0) + done
            if not after:
                break
    await _told(window, operator, "old_data_sealed", {table: str(count) for table, count in counts.items() if count})
    return {"sealed": counts}


async def _told(window: Window, operator: Caller, code: str, details: dict[str, str]) -> None:
    act = journal.operators(code, operator.name, window.clock(), details)
    await window.database.write(lambda connection: entries.add(connection, [act]))
