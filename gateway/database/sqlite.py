"""SQLite: one writer thread that commits what waits as a group, a few reading connections, one process.

A unit of work is a SAVEPOINT inside the group's transaction, so one that fails takes no other with it. A commit of sixty-four
units costs about the same disk flush as a commit of one (limits-and-deps section 3).
"""

from __future__ import annotations

import asyncio
import contextvars
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from declarations.errors import BadConfiguration, OnewindowError, StorageUnavailable
from gateway.database.migrate import migrate
from gateway.database.sealing import OPTION
from gateway.database.together import Rows, insert_together
from gateway.observe import metrics

if TYPE_CHECKING:
    from gateway.vault import Vault

T = TypeVar("T")

GROUP = 64
"""Units of work in one transaction at most: more gain nothing and make the first one wait."""
READERS = 4
BUSY_MILLISECONDS = 5_000
# primary result codes of SQLite that speak of the disk or the file, not of the statement
_STORAGE_CODES = {
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
}  # fmt: skip


class _Unit:
    """A function waiting for its turn in the writer thread, and whom to tell."""

    __slots__ = ("act", "context", "error", "future", "loop", "result")

    def __init__(self, act: Callable[[Connection], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.act = act
        # what the caller's log lines and trace hang on goes with it into the writer thread
        self.context = contextvars.copy_context()
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None


class SqliteDatabase:
    """One SQLite file, opened by this process alone; raises BadConfiguration when another one has it."""

    exclusive = True

    def __init__(self, path: str | Path, vault: Vault | None = None) -> None:
        self._path = Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _take(self._path)
        except OSError as error:
            raise BadConfiguration(
                f"cannot open the database {self._path}: {error}", f"无法打开数据库 {self._path}：{error}"
            ) from error
        try:
            self._writer = _engine(self._path, vault, 1, "BEGIN IMMEDIATE", "PRAGMA synchronous=FULL")
            self._reader = _engine(self._path, vault, READERS, "BEGIN", "PRAGMA query_only=ON")
            with self._writer.connect() as connection:
                migrate(connection)
        except BaseException:
            self._lock.close()
            raise
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="onewindow-read")
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="onewindow-write", daemon=True)
        self._thread.start()

    def write(self, act: Callable[[Connection], T]) -> Awaitable[T]:
        if self._closed:
            raise StorageUnavailable("the database is closed", "数据库已关闭")
        unit = _Unit(act, asyncio.get_running_loop())
        self._units.put(unit)
        return unit.future

    def insert(self, groups: Sequence[Rows]) -> Awaitable[None]:
        return self.write(lambda connection: insert_together(connection, groups))

    async def read(self, act: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, act)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._units.put(None)
        await asyncio.to_thread(self._thread.join)
        self._pool.shutdown()
        self._reader.dispose()
        self._writer.dispose()
        self._lock.close()

    def _read(self, act: Callable[[Connection], T]) -> T:
        try:
            with self._reader.connect() as connection, connection.begin():
                return act(connection)
        except DBAPIError as error:
            raise _storage_error(error) or error from error

    def _run(self) -> None:
        """The writer thread: takes what waits, commits it together, then tells everybody."""
        with self._writer.connect() as connection:
            while (first := self._units.get()) is not None:
                group, last = [first], False
                while len(group) < GROUP and not last:
                    try:
                        unit = self._units.get_nowait()
                    except queue.Empty:
                        break
                    if unit is None:
                        last = True
                    else:
                        group.append(unit)
                self._commit(connection, group)
                _tell(group)
                if last:
                    break

    def _commit(self, connection: Connection, group: list[_Unit]) -> None:
        try:
            with connection.begin():
                for unit in group:
                    self._run_unit(connection, unit)
            metrics.committed(len(group))
        except BaseException as error:
            # the whole transaction is gone, and with it what had gone well
            # a full disk may have rolled back before us; then the savepoint is gone, and the unit that met it knows why
            met = (unit.error for unit in group if isinstance(unit.error, StorageUnavailable))
            reason = _storage_error(error) or next(met, None)
            for unit in group:
                unit.error = unit.error or reason or error

    def _run_unit(self, connection: Connection, unit: _Unit) -> None:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("SAVEPOINT unit")
        try:
            unit.result = unit.context.run(unit.act, connection)
        except BaseException as error:
            unit.error = _storage_error(error) or error
            # on a full disk SQLite may have rolled back everything already; then this fails and the group with it
            raw.execute("ROLLBACK TO unit")
        raw.execute("RELEASE unit")


def _take(path: Path) -> IO[str]:
    """The lock file of the database, locked; the kernel lets it go when the process ends, however it ends."""
    lock = open(path.with_name(path.name + ".lock"), "a+", encoding="ascii")  # noqa: SIM115  (held while the database is open)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "?"
        lock.close()
        raise BadConfiguration(
            f"another onewindow process (pid {holder}) has {path} open; a SQLite file is used by one process only, "
            "so stop that one first or speak to it over HTTP",
            f"另一个 onewindow 进程（pid {holder}）正在使用 {path}；SQLite 文件只能由一个进程使用，请先停止它，或通过 HTTP 访问",
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _engine(path: Path, vault: Vault | None, connections: int, begin: str, *pragmas: str) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        # what is declared is nobody's business in a log
        hide_parameters=True,
        execution_options={OPTION: vault},
        connect_args={"check_same_thread": False, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: sqlite3.Connection, _: object) -> None:
        # the driver's own guesses about when to begin get in the way of BEGIN IMMEDIATE and savepoints
        raw.isolation_level = None
        for pragma in (
            f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
            "PRAGMA journal_mode=WAL",
            "PRAGMA foreign_keys=ON",
            *pragmas,
        ):
            raw.execute(pragma).fetchall()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _storage_error(error: BaseException) -> OnewindowError | None:
    """StorageUnavailable when the disk or the file is at fault; None for an error of the statement."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(origin, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _STORAGE_CODES:
        return None
    return StorageUnavailable(f"the database cannot be used now: {origin}", f"数据库暂时无法使用：{origin}")


def _tell(group: list[_Unit]) -> None:
    """Resolves the futures of a committed group: one wake-up for each event loop."""
    for loop in {unit.loop for unit in group}:
        units = [unit for unit in group if unit.loop is loop]
        try:
            loop.call_soon_threadsafe(_resolve, units)
        except RuntimeError:
            # the loop has ended: nobody waits any more, what was committed stays
            continue


def _resolve(units: list[_Unit]) -> None:
    for unit in units:
        if unit.future.done():
            continue
        if unit.error is not None:
            unit.future.set_exception(unit.error)
        else:
            unit.future.set_result(unit.result)
