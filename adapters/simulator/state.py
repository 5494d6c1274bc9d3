"""What a simulated agency remembers, in one SQLite file that survives a killed process.

A message, its effect and all its answers are one transaction; an answer is marked sent only after it was handed over.
So a crash can repeat an answer, byte for byte, but never lose one and never give a message a second effect.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from declarations.errors import BadConfiguration

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    key TEXT PRIMARY KEY, reference TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
    accepted INTEGER NOT NULL, received INTEGER NOT NULL, received_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS messages_reference ON messages (reference);
-- not unique by key: a message that took effect twice must show here
CREATE TABLE IF NOT EXISTS effects (key TEXT NOT NULL, reference TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, message_key TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sound INTEGER NOT NULL,
    repeats INTEGER NOT NULL, due_at REAL NOT NULL, sent INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS answers_due ON answers (due_at) WHERE sent = 0;
CREATE TABLE IF NOT EXISTS serials (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tries (key TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Answer:
    """One answer as it will be, or was, handed over."""

    id: int
    message_key: str
    name: str
    body: bytes
    sound: bool
    due_at: float
    """Seconds since the epoch."""
    tries: int


@dataclass(frozen=True)
class NewAnswer:
    name: str
    body: bytes
    sound: bool
    repeats: bool
    """Whether it is sent again when the message comes again (the technical receipt)."""
    due_at: float


class State:
    """One agency's memory; used from one thread. A second process on the same file is refused."""

    def __init__(self, directory: Path, agency: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(directory / f"{agency}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise BadConfiguration(
                f"another simulated {agency} already works in {directory}", f"{directory} 中已有另一个模拟机构 {agency}"
            ) from None
        self._db = sqlite3.connect(directory / f"{agency}.db", isolation_level=None)
        # a killed process loses nothing in WAL; only a power cut could, which a rehearsal need not survive
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def body_of(self, key: str) -> bytes | None:
        """The bytes received under this key; None when it is new."""
        row = self._db.execute("SELECT body FROM messages WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def is_first(self, reference: str) -> bool:
        """Whether no message under this reference has been accepted yet."""
        found = self._db.execute("SELECT 1 FROM messages WHERE reference = ? AND accepted = 1 LIMIT 1", (reference,))
        return found.fetchone() is None

    def serial(self, name: str) -> int:
        """The next number of this series, from 1."""
        sql = "INSERT INTO serials VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        return int(self._db.execute(sql, (name,)).fetchone()[0])

    def number_of(self, series: str, reference: str) -> int:
        """The number of this series that belongs to a reference for good."""
        name = f"{series} of {reference}"
        row = self._db.execute("SELECT value FROM serials WHERE name = ?", (name,)).fetchone()
        if row:
            return int(row[0])
        value = self.serial(series)
        self._db.execute("INSERT INTO serials VALUES (?, ?)", (name, value))
        return value

    def count_try(self, key: str) -> int:
        """Counts one more try of a message that the script disturbs at the door; the number of tries so far."""
        sql = "INSERT INTO tries VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET count = count + 1 RETURNING count"
        return int(self._db.execute(sql, (key,)).fetchone()[0])

    def record(
        self,
        key: str,
        reference: str,
        kind: str,
        body: bytes,
        answers: Sequence[NewAnswer],
        *,
        accepted: bool,
        received_at: float,
    ) -> None:
        """Keeps a message, its effect when accepted, and what will be answered. Call inside `transaction`."""
        self._db.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, 1, ?)", (key, reference, kind, body, accepted, received_at)
        )
        if accepted:
            self._db.execute("INSERT INTO effects VALUES (?, ?, ?)", (key, reference, kind))
        self._db.executemany(
            "INSERT INTO answers (message_key, name, body, sound, repeats, due_at) VALUES (?, ?, ?, ?, ?, ?)",
            [(key, one.name, one.body, one.sound, one.repeats, one.due_at) for one in answers],
        )

    def again(self, key: str, now: float) -> None:
        """The same message came again: counted, its technical receipt repeated, nothing else."""
        with self.transaction():
            self._db.execute("UPDATE messages SET received = received + 1 WHERE key = ?", (key,))
            self._db.execute(
                "UPDATE answers SET sent = 0, due_at = ? WHERE message_key = ? AND repeats = 1 AND sent = 1", (now, key)
            )

    def due(self, now: float, limit: int = 200) -> list[Answer]:
        """Answers to hand over now, the oldest first."""
        rows = self._db.execute(
            "SELECT id, message_key, name, body, sound, due_at, tries FROM answers"
            " WHERE sent = 0 AND due_at <= ? ORDER BY due_at, id LIMIT ?",
            (now, limit),
        )
        return [Answer(row[0], row[1], row[2], bytes(row[3]), bool(row[4]), row[5], row[6]) for row in rows]

    def next_due(self) -> float | None:
        row = self._db.execute("SELECT min(due_at) FROM answers WHERE sent = 0").fetchone()
        return None if row[0] is None else float(row[0])

    def mark_sent(self, identity: int) -> None:
        self._db.execute("UPDATE answers SET sent = 1 WHERE id = ?", (identity,))

    def postpone(self, ids: Sequence[int], due_at: float) -> None:
        """Not handed over: another try is due then. The order of answers stays: all get the same time."""
        self._db.executemany(
            "UPDATE answers SET due_at = ?, tries = tries + 1 WHERE id = ?", [(due_at, one) for one in ids]
        )


def count_effects(directory: Path) -> dict[str, dict[str, int]]:
    """By trader's reference and name of message: how often it took effect at the agencies in `directory`. For tests."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted(directory.glob("*.db")):
        connection = sqlite3.connect(path)
        try:
            sql = "SELECT reference, kind, count(*) FROM effects GROUP BY reference, kind"
            for reference, kind, count in connection.execute(sql):
                found.setdefault(reference, {})[kind] = count
        finally:
            connection.close()
    return found
