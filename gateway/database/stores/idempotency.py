"""Replies kept under the caller's Idempotency-Key, in the transaction of the act they report."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from gateway.database.prepared import Prepared
from gateway.database.schema import idempotency
from gateway.database.sealing import IDEMPOTENCY
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

ADDED = Insertion(idempotency, sealing=IDEMPOTENCY)
_GET = Prepared(
    select(idempotency).where(
        idempotency.c.organisation_id == bindparam("organisation_id"),
        idempotency.c.client == bindparam("client"),
        idempotency.c.route == bindparam("route"),
        idempotency.c.key == bindparam("key"),
    ),
    sealing=IDEMPOTENCY,
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """IntegrityError when the key was used before."""
    ADDED.run(connection, [row])


def get(connection: Connection, organisation_id: str, client: str, route: str, key: str) -> AnyRow | None:
    return _GET.first(connection, {"organisation_id": organisation_id, "client": client, "route": route, "key": key})
