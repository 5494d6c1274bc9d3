"""How Alembic reaches the database: the connection the start hands over, or the one of `ONEWINDOW_DATABASE_URL`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from gateway.config import load_settings
from gateway.database.schema import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection,
        target_metadata=metadata,
        # SQLite changes a table by copying it
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(load_settings().database_url).connect() as opened:
        run(opened)
