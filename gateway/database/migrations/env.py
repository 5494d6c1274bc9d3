"""How Alembic reaches the database: the connection the start hands over, or the one of `ONEWINDOW_DATABASE_URL`."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import URL, Connection, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

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


async def run_on_server(url: URL) -> None:
    async with create_async_engine(url.set(drivername="postgresql+asyncpg")).connect() as connection:
        await connection.run_sync(run)
        await connection.commit()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = make_url(load_settings().database_url)
    if url.get_backend_name() == "postgresql":
        asyncio.run(run_on_server(url))
    else:
        with create_engine(url).connect() as opened:
            run(opened)
