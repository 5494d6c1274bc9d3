"""Bringing a database to this version's schema; a database of a newer version is refused, never guessed at."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from declarations.errors import BadConfiguration

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
        raise BadConfiguration(
            f"the database is at revision {found}, which this version does not know; start the newer version",
            f"数据库版本为 {found}，本程序不认识；请启动较新的版本",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
