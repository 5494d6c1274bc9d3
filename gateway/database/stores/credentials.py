"""What people log in with that we made or keep ourselves: passwords, second factors, recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from gateway.database.people import credential, person
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

PASSWORD, TOTP, ENROLLING, RECOVERY = "password", "totp", "totp_enrolling", "recovery"
_PERSON = Prepared(select(person).where(person.c.login == bindparam("login")))
_PERSON_BY_ID = Prepared(select(person).where(person.c.id == bindparam("id")))
_ADD = Prepared(insert(credential))
_OF_KIND = Prepared(
    select(credential)
    .where(
        credential.c.person_id == bindparam("person_id"),
        credential.c.kind == bindparam("kind"),
        credential.c.revoked_at.is_(None),
    )
    .order_by(credential.c.id)
)
_REVOKE = Prepared(
    update(credential)
    .where(
        credential.c.person_id == bindparam("of"),
        credential.c.kind == bindparam("of_kind"),
        credential.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"), secret=None)
)
_USE_UP = Prepared(
    update(credential)
    .where(
        credential.c.person_id == bindparam("of"),
        credential.c.kind == RECOVERY,
        credential.c.secret == bindparam("digest"),
        credential.c.revoked_at.is_(None),
    )
    .values(used_at=bindparam("now"), revoked_at=bindparam("now"))
)
_STEP = Prepared(
    update(credential)
    .where(
        credential.c.id == bindparam("of"),
        credential.c.revoked_at.is_(None),
        or_(credential.c.last_step.is_(None), credential.c.last_step < bindparam("step")),
    )
    .values(last_step=bindparam("step"), used_at=bindparam("now"))
)
_TURN = Prepared(
    update(credential)
    .where(
        credential.c.id == bindparam("of"),
        credential.c.kind == bindparam("of_kind"),
        credential.c.revoked_at.is_(None),
    )
    .values(kind=bindparam("to_kind"))
)
_REHASH = Prepared(
    update(credential)
    .where(
        credential.c.id == bindparam("of"),
        credential.c.secret == bindparam("old"),
        credential.c.revoked_at.is_(None),
    )
    .values(secret=bindparam("new"))
)
_USED = Prepared(update(credential).where(credential.c.id == bindparam("of")).values(used_at=bindparam("now")))
_LEFT = Prepared(
    select(func.count())
    .select_from(credential)
    .where(
        credential.c.person_id == bindparam("person_id"),
        credential.c.kind == RECOVERY,
        credential.c.revoked_at.is_(None),
    )
)


def person_with_login(connection: Connection, login: str) -> AnyRow | None:
    """The person with this log-in (as `passwords.login_of` writes it), in whatever state."""
    return _PERSON.first(connection, {"login": login})


def person_with_id(connection: Connection, person_id: str) -> AnyRow | None:
    return _PERSON_BY_ID.first(connection, {"id": person_id})


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A new credential: id, person_id, kind, secret, created_at and what it has besides."""
    _ADD.run(connection, row)


def of_kind(connection: Connection, person_id: str, kind: str) -> AnyRow | None:
    """The person's credential of a kind that is there once, if it is in force."""
    return _OF_KIND.first(connection, {"person_id": person_id, "kind": kind})


def all_of_kind(connection: Connection, person_id: str, kind: str) -> Sequence[AnyRow]:
    return _OF_KIND.all(connection, {"person_id": person_id, "kind": kind})


def revoke(connection: Connection, person_id: str, kind: str, now: datetime) -> int:
    """Ends all of a kind and forgets their secrets; returns how many."""
    return _REVOKE.run(connection, {"of": person_id, "of_kind": kind, "now": now})


def use_recovery_code(connection: Connection, person_id: str, digest: bytes, now: datetime) -> bool:
    """Takes a recovery code, once; False when it is none of the person's or was used."""
    return _USE_UP.run(connection, {"of": person_id, "digest": digest, "now": now}) == 1


def use_step(connection: Connection, credential_id: str, step: int, now: datetime) -> bool:
    """Takes a time step of a second factor, once, and none before it again; of two who try at a time one gets it."""
    return _STEP.run(connection, {"of": credential_id, "step": step, "now": now}) == 1


def turn(connection: Connection, credential_id: str, kind: str, into: str) -> bool:
    """Makes a credential of one kind one of another; False when it is not of that kind any more."""
    return _TURN.run(connection, {"of": credential_id, "of_kind": kind, "to_kind": into}) == 1


def rehash(connection: Connection, credential_id: str, old: bytes, new: bytes) -> bool:
    """The same password under other parameters; False when it was changed meanwhile."""
    return _REHASH.run(connection, {"of": credential_id, "old": old, "new": new}) == 1


def used(connection: Connection, credential_id: str, now: datetime) -> None:
    _USED.run(connection, {"of": credential_id, "now": now})


def recovery_codes_left(connection: Connection, person_id: str) -> int:
    return int(_LEFT.scalar(connection, {"person_id": person_id}))
