"""A request that comes again: what was replied to it, and the Idempotency-Key that it is known by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from declarations.errors import IdempotencyKeyReused
from gateway.database.stores import idempotency
from gateway.identity import Caller

REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a use case, as a door passes it on."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """An Idempotency-Key, for one caller and one address, with the hash of what came under it."""

    caller: Caller
    route: str
    key: str
    sha256: str

    @classmethod
    def of(cls, caller: Caller, route: str, key: str | None, body: bytes, media_type: str) -> Key | None:
        if key is None:
            return None
        essence = media_type.partition(";")[0].strip().lower()
        # the same form in another's name is another filing
        whom = f"\n{caller.for_id}" if caller.for_id else ""
        return cls(caller, route, key, hashlib.sha256(f"{essence}{whom}\n".encode() + body).hexdigest())

    def replayed(self, connection: Connection) -> Reply | None:
        """The reply kept under this key; raises IdempotencyKeyReused when it was another body's."""
        row = idempotency.get(connection, self.caller.organisation_id, self.caller.name, self.route, self.key)
        if row is None:
            return None
        if row.sha256 != self.sha256:
            raise IdempotencyKeyReused(
                "this Idempotency-Key came before with another body; take a new key for a new filing",
                "此 Idempotency-Key 已用于其他内容，新的申报请使用新的键",
            )
        return Reply(row.status, row.answer, {REPLAYED: "true", "Location": row.answer["links"]["self"]})

    def row(self, reply: Reply, at: datetime) -> dict[str, Any]:
        """The row that keeps the reply; adding it is an IntegrityError when somebody else was first."""
        return {
            "organisation_id": self.caller.organisation_id,
            "client": self.caller.name,
            "route": self.route,
            "key": self.key,
            "sha256": self.sha256,
            "status": reply.status,
            "answer": reply.body,
            "created_at": at,
        }
