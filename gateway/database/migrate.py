"""Bringing a database to this version's schema.

An upgrade goes in two steps, so that programs of both versions run side by side: one release expands the schema, a later one
takes away what nobody uses any more and says in `compatibility` which is the oldest program that can go on. Revisions are numbers
of four digits, so they compare as text. A newer schema that has left us behind is refused, never guessed at.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from declarations.errors import BadConfiguration
from gateway.database.schema import compatibility

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Runs the migrations the database lacks, each in a transaction. Raises BadConfiguration for an unknown revision."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    with connection.begin():
        found = MigrationContext.configure(connection).get_current_revision()
    if found == scripts.get_current_head():
        return
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        if _may_still_use(connection, str(scripts.get_current_head())):
            return
        raise BadConfiguration(
            f"the database is at revision {found}, which this version does not know; start the newer version",
            f"数据库版本为 {found}，本程序不认识；请启动较新的版本",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _may_still_use(connection: Connection, head: str) -> bool:
    """Whether a schema newer than ours says that our program can go on with it."""
    try:
        with connection.begin():
            oldest = connection.scalar(select(compatibility.c.oldest))
    except DBAPIError:
        return False
    return oldest is not None and head >= str(oldest)
