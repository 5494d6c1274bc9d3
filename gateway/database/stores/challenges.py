"""What is used once: challenges to sign, trips to an OpenID Provider, second steps of a log-in. Tokens are kept as hashes."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.database.people import challenge
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

SIGNATURE, OIDC, SECOND_FACTOR = "signature", "oidc", "second_factor"
_ADD = Prepared(insert(challenge))
_GET = Prepared(
    select(challenge).where(
        challenge.c.token_sha256 == bindparam("token_sha256"), challenge.c.kind == bindparam("kind")
    )
)
_TAKE = Prepared(
    update(challenge)
    .where(
        challenge.c.token_sha256 == bindparam("of"),
        challenge.c.kind == bindparam("of_kind"),
        challenge.c.used_at.is_(None),
        challenge.c.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
)


def add(connection: Connection, token: str, kind: str, details: dict[str, Any], expires_at: datetime) -> None:
    """A new one of `kind`. Its token is a secret and is not kept."""
    row = {"token_sha256": digest(token), "kind": kind, "details": details, "expires_at": expires_at}
    _ADD.run(connection, row)


def take(connection: Connection, token: str, kind: str, now: datetime) -> dict[str, Any] | None:
    """Its details, once; None when there is none, it was used, or it is over. Of two who take it at a time one gets it."""
    taken = _TAKE.run(connection, {"of": digest(token), "of_kind": kind, "now": now})
    if not taken:
        return None
    found: dict[str, Any] = _GET.one(connection, {"token_sha256": digest(token), "kind": kind}).details
    return found


def known(connection: Connection, token: str, kind: str) -> AnyRow | None:
    """One that was given, whatever became of it, with its details."""
    return _GET.first(connection, {"token_sha256": digest(token), "kind": kind})


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
