"""The vault: payloads and personal data sealed at rest, each organisation's under a data key of its own.

Data keys stand in the database, wrapped under a master key that never does (envelope encryption). A data key is made with the
first value of its owner, in the same transaction; the newest of an owner seals, every one ever made opens. Only committed keys
are kept for sealing: a value must never be sealed under a key whose row was rolled back.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from declarations.errors import BadConfiguration, SealedDataUnreadable
from gateway import ids, sealed, sealedfiles
from gateway.clock import Clock
from gateway.database.sealing import WINDOW
from gateway.database.stores import datakeys
from gateway.database.types import AnyRow
from gateway.masters import Masters

if TYPE_CHECKING:
    from gateway.database.engine import Database

__all__ = ["WINDOW", "Vault"]
KEY_BYTES = 32
LOOK_SECONDS = 5.0
"""A key another program made seals here after so long."""
OVERLAP = timedelta(minutes=5)
"""Keys are looked for again so far back: ids are made by the clocks of several machines, and committed a little later."""
SEALS_PER_KEY = 1 << 28
"""After so many values of one program a key is replaced. Random nonces are safe for 2**32 values of all programs (NIST SP
800-38D, 8.3)."""
REWRAPPED_AT_ONCE = 200
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _DataKey:
    id: str
    owner: str
    number: int
    key: AESGCM = field(repr=False)
    seals: int = 0


class Vault:
    """Seals and opens. One of a window; `begin` makes it ready."""

    def __init__(self, masters: Masters, clock: Clock) -> None:
        self._masters = masters
        self._clock = clock
        self._database: Database | None = None
        self._opening: dict[str, AESGCM] = {}
        self._sealing: dict[str, _DataKey] = {}
        self._looked_at = 0.0
        self._seen = ""

    def seal(self, connection: Connection, owner: str, place: bytes | str, plain: bytes) -> bytes:
        """`plain` sealed for one place under the key of `owner` (an organisation, or WINDOW). Within a transaction that may
        write: an owner's first value makes its key."""
        key = self._sealing.get(owner) or self._uncommitted(connection, owner)
        key.seals += 1
        return sealed.seal(key.key, key.id, _bytes(place), plain)

    def open(self, connection: Connection, place: bytes | str, stored: bytes) -> bytes:
        """What was sealed for this place. What is not sealed comes back as it is: it was stored before anything was.

        Raises SealedDataUnreadable when it was altered, belongs elsewhere, or its key is not to be had.
        """
        if not sealed.is_sealed(stored):
            return stored
        key_id = sealed.key_id_of(stored)
        key = self._opening.get(key_id) or self._fetch(connection, key_id)
        return sealed.unseal(key, _bytes(place), stored)

    async def ready(self, owner: str) -> None:
        """Sees to it that an owner's values can be sealed without asking the database, and under a key that is the newest."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            await self.look()
        if owner not in self._sealing:
            row = await self._base.write(lambda connection: self._newest_or_made(connection, owner))
            self._keep(row)

    async def look(self) -> None:
        """Takes up the keys other programs made since, and replaces those that have sealed enough."""
        self._looked_at = time.monotonic()
        for row in await self._base.read(lambda connection: datakeys.since(connection, self._seen)):
            try:
                self._keep(row)
            except SealedDataUnreadable as error:
                if not self._seen:
                    raise  # at the start nobody has to be kept served
                # another program wraps under a master key that was not brought here yet: the key before it goes on sealing
                log.error("data_key_not_taken", key=row.id, reason=error.message_en)
        self._seen = ids.lower_bound(ids.DATA_KEY, self._clock() - OVERLAP)
        for key in [key for key in self._sealing.values() if key.seals > SEALS_PER_KEY]:
            await self.rotate_data(key.owner)

    async def begin(self, database: Database) -> None:
        """Makes the first master key and the window's own data key where there are none. Raises BadConfiguration when a data
        key is wrapped under a master key that is not here: what it sealed could not be read."""
        self._database = database
        under = await database.read(datakeys.masters)
        if not self._masters and not under:
            # of programs that start together one makes it
            self._masters.create_first()
        if not any(self._masters.get(each) for each in under) and not self._masters:
            raise _missing(sorted(under))
        await database.write(lambda connection: self._newest_or_made(connection, WINDOW))
        under = await database.read(datakeys.masters)
        missing = sorted(each for each in under if self._masters.get(each) is None)
        if missing:
            raise _missing(missing)
        await self.look()

    async def seal_file(self, owner: str, place: bytes, plain: bytes) -> bytes:
        """A file's bytes: sealed as a value is, with what a keeper needs to open it without this database."""
        await self.ready(owner)
        row = await self._base.read(lambda connection: datakeys.newest(connection, owner))
        assert row is not None
        return await asyncio.to_thread(sealedfiles.write, row, self._data_key(row).key, place, plain)

    async def open_file(self, place: bytes, stored: bytes) -> bytes:
        """What such a file holds: by the key in the database, where it may have a newer master key; else by its own head.

        Raises SealedDataUnreadable.
        """
        parts = sealedfiles.read(stored)
        if parts is None:
            return stored
        row = await self._base.read(lambda connection: datakeys.get(connection, parts.key))
        key = self._unwrapped(row) if row is not None else parts.own_key(self._masters)
        return await asyncio.to_thread(parts.open, place, key)

    async def rotate_data(self, owner: str | None = None) -> int:
        """A new data key for what is sealed from now on, of one owner or all; returns how many. Old keys go on opening."""

        def renew(connection: Connection) -> list[AnyRow]:
            rows = []
            for each in [owner] if owner is not None else datakeys.owners(connection):
                before = datakeys.newest(connection, each)
                self._make(connection, each, before.number + 1 if before is not None else 1)
                row = datakeys.newest(connection, each)
                assert row is not None
                rows.append(row)
            return rows

        rows = await self._base.write(renew)
        for row in rows:
            self._keep(row)
        return len(rows)

    async def rotate_master(self) -> dict[str, object]:
        """Wraps every data key under the newest master key there is; values stay as they are. Safe to repeat, and beside
        programs that seal. Returns `master` (its fingerprint), `rewrapped`, `waiting` (fingerprint -> keys still under it)."""
        self._masters.read_again()
        master, after, done = self._masters.newest, "", 0

        def rewrap(connection: Connection) -> tuple[int, str]:
            rows = datakeys.not_under(connection, master.id, after, REWRAPPED_AT_ONCE)
            again = [(row, master.wrap(self._unwrapped(row), sealedfiles.about(row.id, row.owner))) for row in rows]
            changed = sum(datakeys.rewrap(connection, row, master.id, wrapped) for row, wrapped in again)
            return changed, rows[-1].id if rows else ""

        while True:
            changed, after = await self._base.write(rewrap)
            done += changed
            if not after:
                break
        under = await self._base.read(datakeys.masters)
        waiting = {each: count for each, count in under.items() if each != master.id}
        return {"master": master.id, "rewrapped": done, "waiting": waiting}

    async def state(self) -> dict[str, object]:
        """Master keys known here (newest first), and under which of them data keys are wrapped."""
        under = await self._base.read(datakeys.masters)
        return {"masters": self._masters.ids, "data_keys": under}

    @property
    def _base(self) -> Database:
        assert self._database is not None, "the vault has not begun"
        return self._database

    def _uncommitted(self, connection: Connection, owner: str) -> _DataKey:
        """The owner's key as this transaction sees it. Not kept: what is made here may be rolled back."""
        return self._data_key(self._newest_or_made(connection, owner))

    def _newest_or_made(self, connection: Connection, owner: str) -> AnyRow:
        row = datakeys.newest(connection, owner)
        if row is None:
            self._make(connection, owner, 1)
            row = datakeys.newest(connection, owner)
            assert row is not None
        return row

    def _make(self, connection: Connection, owner: str, number: int) -> None:
        now = self._clock()
        # another may have come, and what is wrapped under an old one would have to be wrapped again
        self._masters.read_again()
        master, key_id = self._masters.newest, ids.new_id(ids.DATA_KEY, now)
        wrapped = master.wrap(os.urandom(KEY_BYTES), sealedfiles.about(key_id, owner))
        row = {"id": key_id, "owner": owner, "number": number, "master_id": master.id, "wrapped": wrapped}
        datakeys.add(connection, {**row, "created_at": now})

    def _fetch(self, connection: Connection, key_id: str) -> AESGCM:
        row = datakeys.get(connection, key_id)
        if row is None:
            raise sealed.unreadable(f"its key {key_id} is gone", f"密钥 {key_id} 已不存在")
        return self._data_key(row).key

    def _keep(self, row: AnyRow) -> None:
        """A committed key: the newest of an owner seals from now on."""
        before = self._sealing.get(row.owner)
        if before is None or before.number < row.number:
            self._sealing[row.owner] = self._data_key(row)

    def _data_key(self, row: AnyRow) -> _DataKey:
        key = self._opening.get(row.id)
        if key is None:
            # harmless should its row be rolled back: then nothing names it
            key = self._opening[row.id] = AESGCM(self._unwrapped(row))
        return _DataKey(row.id, row.owner, row.number, key)

    def _unwrapped(self, row: AnyRow) -> bytes:
        return sealedfiles.unwrap(self._masters, row.id, row.owner, row.master_id, bytes(row.wrapped))


def _bytes(place: bytes | str) -> bytes:
    return place.encode() if isinstance(place, str) else place


def _missing(fingerprints: list[str]) -> BadConfiguration:
    names = ", ".join(fingerprints)
    return BadConfiguration(
        f"master key {names} is missing: what is stored was sealed under it. Put its file back into secrets/master, or set "
        "ONEWINDOW_MASTER_KEY (docs/data-protection.md)",
        f"缺少主密钥 {names}：已存数据由其加密。请将密钥文件放回 secrets/master，或设置 ONEWINDOW_MASTER_KEY",
    )
