"""PostgreSQL: a pool of connections, one transaction for each unit of work, any number of processes.

A unit is a plain function run in a greenlet over an asyncpg connection. Transactions are begun and ended here, so that statements
that go straight to the driver (`Prepared`) and statements of SQLAlchemy Core share one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from declarations.errors import BadConfiguration, OnewindowError, StorageUnavailable
from gateway.database.migrate import migrate
from gateway.database.sealing import OPTION
from gateway.database.together import Rows, insert_together

if TYPE_CHECKING:
    from gateway.vault import Vault

T = TypeVar("T")
log = structlog.get_logger(__name__)

WRITE = "BEGIN"
# one snapshot for all statements of a question
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
TRIES = 5
"""Of a unit that met another in a deadlock: nothing of it was stored, so it runs again."""
CONNECT_SECONDS = 30.0
"""How long a start waits for a server that starts too."""
POOL_SECONDS = 10.0
_MIGRATING = 4_917_361
"""The advisory lock programs that start together take before they migrate."""
_SERVER_SETTINGS = {
    "application_name": "onewindow",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",  # no statement here runs long enough to earn its compilation
}
# classes of SQLSTATE that speak of the server, the disk or the connection, not of the statement:
# connection, resources (disk full), operator intervention (shutdown), system error, a lock not had in time
_STORAGE_STATES = ("08", "53", "57", "58", "55P03", "25006", "XX001", "XX002", "25P03")
# (InternalClientError: the server's farewell was read on an idle connection, the end of its socket was not)
_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, PoolTimeout, TimeoutError)
_MET_ANOTHER = ("40001", "40P01")


class PostgresDatabase:
    """One PostgreSQL database, shared by any number of processes."""

    exclusive = False

    def __init__(self, url: URL, connections: int, vault: Vault | None = None) -> None:
        self._engine = _engine(url, connections, "AUTOCOMMIT", vault=vault)
        self._connections = connections
        self._closed = False

    @classmethod
    async def open(cls, url: URL, connections: int, vault: Vault | None = None) -> PostgresDatabase:
        """Connects and migrates; raises BadConfiguration when the database cannot be ours."""
        await _migrate(url)
        return cls(url, connections, vault)

    async def write(self, act: Callable[[Connection], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return await self._run(act, WRITE)
            except DBAPIError as error:
                if _state(error) not in _MET_ANOTHER:
                    raise
        return await self._run(act, WRITE)

    async def insert(self, groups: Sequence[Rows]) -> None:
        # one statement is a transaction of its own: no round trips to begin and end one
        await self._run(lambda connection: insert_together(connection, groups), None)

    async def read(self, act: Callable[[Connection], T]) -> T:
        return await self._run(act, READ)

    async def close(self) -> None:
        self._closed = True
        await self._engine.dispose()

    async def _run(self, act: Callable[[Connection], T], begin: str | None) -> T:
        try:
            connection, driver = await self._begun(begin)
        except Exception as error:
            raise _storage_error(error) or error from error
        try:
            try:
                result = await connection.run_sync(act)
            except BaseException as error:
                await _undo(connection, driver)
                fault = _storage_error(error)
                raise (_ambiguous() if fault and begin is None else fault) or error from error
            if begin is not None:
                await _commit(connection, driver)
            return result
        finally:
            await connection.close()

    async def _begun(self, begin: str | None) -> tuple[AsyncConnection, Any]:
        """A connection with a transaction begun. Those of the pool that died with the server are replaced."""
        if self._closed:
            # the pool would open a new connection, and nobody would close that
            raise RuntimeError("the database is closed")
        last: Exception | None = None
        for _ in range(self._connections + 1):
            connection = await self._engine.connect()
            try:
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                if begin is not None:
                    await driver.execute(begin)
                elif driver.is_closed():
                    raise ConnectionError("the connection is closed")
            except BaseException as error:
                await connection.invalidate()
                await connection.close()
                if not isinstance(error, Exception) or _storage_error(error) is None:
                    raise
                last = error
            else:
                return connection, driver
        assert last is not None
        raise last


async def _commit(connection: AsyncConnection, driver: Any) -> None:
    try:
        await driver.execute("COMMIT")
    except BaseException as error:
        await connection.invalidate()
        raise _ambiguous() if _storage_error(error) else error from error


def _ambiguous() -> StorageUnavailable:
    return StorageUnavailable(
        "the connection to the database broke while this was being stored: it may have been stored or not; "
        "send it again under the same Idempotency-Key",
        "保存时与数据库的连接中断，无法确定是否已保存；请使用相同的 Idempotency-Key 重新提交",
    )


async def _undo(connection: AsyncConnection, driver: Any) -> None:
    try:
        if driver.is_in_transaction():
            await driver.execute("ROLLBACK")
    except BaseException:
        await connection.invalidate()


async def _migrate(url: URL) -> None:
    """Brings the schema up to date; of programs that start together one does it and the others wait for it."""
    engine = _engine(url, 1, "READ COMMITTED", {"lock_timeout": "0", "statement_timeout": "0"})
    deadline = time.monotonic() + CONNECT_SECONDS
    try:
        while True:
            try:
                async with engine.connect() as connection:
                    # of the session: the migrations commit on their own
                    await connection.execute(text(f"SELECT pg_advisory_lock({_MIGRATING})"))
                    await connection.commit()
                    await connection.run_sync(migrate)
                    await connection.execute(text(f"SELECT pg_advisory_unlock({_MIGRATING})"))
                    await connection.commit()
                return
            except Exception as error:
                if _storage_error(error) is None or time.monotonic() > deadline:
                    if isinstance(error, OnewindowError):
                        raise
                    shown = url.render_as_string(hide_password=True)
                    raise BadConfiguration(
                        f"cannot use the database {shown}: {error}", f"无法使用数据库 {shown}：{error}"
                    ) from error
                log.warning("database_not_there_yet", reason=str(error))
                await asyncio.sleep(0.5)
    finally:
        await engine.dispose()


def _engine(
    url: URL, connections: int, isolation: str, settings: dict[str, str] | None = None, vault: Vault | None = None
) -> AsyncEngine:
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        isolation_level=isolation,
        pool_size=connections,
        max_overflow=0,
        # what is declared is nobody's business in a log
        hide_parameters=True,
        execution_options={OPTION: vault},
        pool_timeout=POOL_SECONDS,
        pool_reset_on_return=None,
        connect_args={
            "server_settings": {**_SERVER_SETTINGS, **(settings or {})},
            "statement_cache_size": 512,
            "timeout": 10,
        },
    )


def _origin(error: BaseException) -> BaseException:
    """The driver's own error below SQLAlchemy's and its adapter's."""
    found = error
    if isinstance(found, DBAPIError) and found.orig is not None:
        found = found.orig
    cause = found.__cause__
    return cause if isinstance(cause, (asyncpg.PostgresError, *_BROKEN)) else found


def _state(error: BaseException) -> str:
    return str(getattr(_origin(error), "sqlstate", "") or "")


def _storage_error(error: BaseException) -> OnewindowError | None:
    """StorageUnavailable when the server, its disk or the connection is at fault; None for an error of the statement."""
    origin = _origin(error)
    broken = isinstance(origin, _BROKEN)
    if not broken and not _state(error).startswith(_STORAGE_STATES):
        return None
    return StorageUnavailable(f"the database cannot be used now: {origin}", f"数据库暂时无法使用：{origin}")
