"""Broken builds: starting, migrating, archiving, removing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.torture.broken.build import sabotage


@sabotage
def start_only_once() -> None:
    """A mark says that the window starts; one that died before it took the mark away keeps the next from starting."""
    import gateway.wiring

    begin = gateway.wiring._begin

    def marked(connection: Any, window: Any) -> None:
        with (window.settings.data_dir / "starting").open("x"):
            begin(connection, window)

    opened = gateway.wiring.Window.start_sweeper

    def unmark(self: Any) -> None:
        (self.settings.data_dir / "starting").unlink(missing_ok=True)
        opened(self)

    gateway.wiring._begin = marked
    gateway.wiring.Window.start_sweeper = unmark  # type: ignore[method-assign]


@sabotage
def migrate_without_transactions() -> None:
    """Each statement of a migration is committed on its own; the revision is written at the end."""
    from alembic.runtime.environment import EnvironmentContext

    import gateway.database.postgres
    import gateway.database.sqlite

    configure = EnvironmentContext.configure

    def loose(self: Any, connection: Any = None, **options: Any) -> None:
        if connection is not None:
            if connection.dialect.name == "sqlite":
                from sqlalchemy import event

                @event.listens_for(connection, "after_cursor_execute")
                def commit(conn: Any, cursor: Any, *_: Any) -> None:
                    raw = conn.connection.dbapi_connection
                    if raw.in_transaction:
                        raw.execute("COMMIT")
                        raw.execute("BEGIN IMMEDIATE")

            else:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        configure(self, connection, **{**options, "transaction_per_migration": False})

    EnvironmentContext.configure = loose  # type: ignore[method-assign,assignment]
    assert gateway.database.sqlite and gateway.database.postgres


@sabotage
def refuse_what_is_newer() -> None:
    """A schema of the next version is refused, even one that only expanded."""
    import gateway.database.migrate as migrate

    migrate._may_still_use = lambda connection, head: False


@sabotage
def start_on_anything() -> None:
    """A schema that has left this version behind is taken all the same."""
    import gateway.database.migrate as migrate

    migrate._may_still_use = lambda connection, head: True


@sabotage
def archive_in_place() -> None:
    """An archive file is written after the database says that it is there."""
    from gateway import archiving

    write = archiving._write
    left: list[tuple[Path, bytes]] = []

    def put_off(path: Path, data: bytes) -> None:
        if "tables" in path.parts:
            write(path, data)
            return
        for one in left:
            write(*one)
        left[:] = [(path, data)]

    archiving._write = put_off
    archiving.verified = lambda root, file, sha256: left[0][1] if left else None


@sabotage
def remove_bit_by_bit() -> None:
    """Each statement of a removal is committed on its own."""
    from gateway.database.stores import removal

    for index, statement in enumerate(removal._BELONGING):
        removal._BELONGING[index] = _Committing(statement)


class _Committing:
    def __init__(self, statement: Any) -> None:
        self._statement = statement

    def run(self, connection: Any, values: Any) -> int:
        changed: int = self._statement.run(connection, values)
        if connection.dialect.name == "sqlite":
            raw = connection.connection.dbapi_connection
            raw.execute("COMMIT")
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("SAVEPOINT unit")
        else:
            from sqlalchemy.util import await_only

            await_only(connection.connection.driver_connection.execute("COMMIT"))
            await_only(connection.connection.driver_connection.execute("BEGIN"))
        return changed


@sabotage
def remove_without_archive() -> None:
    """A filing is removed though its archive file holds nothing."""
    from gateway import archiving

    pack = archiving.pack

    def empty(members: Any, about: Any) -> bytes:
        keep = {name: data for name, data in members.items() if not name.startswith(("filed/", "sent/"))}
        return pack(keep, about)

    archiving.pack = empty
