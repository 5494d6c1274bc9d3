"""Looking at a lane from outside: the window's database and the agencies' own books, by connections of ours that only read."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from adapters.signatures import SUFFIX


class Arrived(NamedTuple):
    """A message as an agency has it."""

    number: int
    """Of arrival at this agency."""
    key: str
    reference: str
    received: int
    """How often it came."""
    sha256: str
    effects: int


class Said(NamedTuple):
    """An answer of an agency."""

    message_key: str
    name: str
    sound: bool
    sent: bool
    sha256: str


class Database:
    """Reads the window's database, on either backend, by the same SQL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pg: asyncpg.Connection[Any] | None = None

    async def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """`sql` with ? for values; an IN over many is written by `marks`."""
        if self._url.startswith("sqlite"):
            path = self._url.removeprefix("sqlite:///")
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
            try:
                return connection.execute(sql, values).fetchall()
            finally:
                connection.close()
        for number in range(len(values)):
            sql = sql.replace("?", f"${number + 1}", 1)
        for again in (True, False):
            if self._pg is None or self._pg.is_closed():
                self._pg = await asyncpg.connect(self._url, timeout=20)
            try:
                return [tuple(row) for row in await self._pg.fetch(sql, *values)]
            except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError, asyncpg.AdminShutdownError):
                await self.close()
                if not again:
                    raise
        raise AssertionError

    async def close(self) -> None:
        connection, self._pg = self._pg, None
        if connection is not None:
            connection.terminate()


def marks(values: list[Any]) -> str:
    return ", ".join("?" * len(values)) or "NULL"


@dataclass
class Books:
    """What one agency remembers, of some references or of all."""

    messages: list[Arrived] = field(default_factory=list)
    answers: list[Said] = field(default_factory=list)

    @property
    def unsent(self) -> int:
        return sum(not answer.sent for answer in self.answers)

    def given(self, *keys: str) -> int:
        """How many different sound answers it handed over to the message it knows by one of these."""
        return len({said.sha256 for said in self.answers if said.message_key in keys and said.sound and said.sent})


def books(directory: Path, agency: str, references: list[str] | None = None) -> Books:
    """The simulator's state, read from its own file."""
    path = directory / f"{agency}.db"
    if not path.exists():
        return Books()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    where = "" if references is None else f" WHERE reference IN ({marks(references)})"
    try:
        effects = dict(connection.execute("SELECT key, count(*) FROM effects GROUP BY key").fetchall())
        messages = [
            Arrived(number, key, reference, received, hashlib.sha256(body).hexdigest(), effects.get(key, 0))
            for number, key, reference, received, body in connection.execute(
                f"SELECT rowid, key, reference, received, body FROM messages{where} ORDER BY rowid", references or []
            )
        ]
        keys = [message.key for message in messages]
        answers = [
            Said(key, name, bool(sound), bool(sent), hashlib.sha256(body).hexdigest())
            for key, name, sound, sent, body in connection.execute(
                f"SELECT message_key, name, sound, sent, body FROM answers WHERE message_key IN ({marks(keys)})", keys
            )
        ]
    finally:
        connection.close()
    return Books(messages, answers)


def waiting_files(exchange: Path) -> list[str]:
    """Complete files that lie in an exchange folder: not taken by the agency, or not by the window. Signatures are none."""
    return [
        f"{box}/{path.name}"
        for box in ("OutBox", "InBox")
        for path in (exchange / box).glob("*")
        if not path.name.startswith(".") and not path.name.endswith((".temp", SUFFIX))
    ]
