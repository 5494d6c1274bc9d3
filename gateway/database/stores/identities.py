"""What proves who somebody is outside the window: certificates (by their public key) and accounts of an OpenID Provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from gateway.database.people import credential, person, session
from gateway.database.prepared import Prepared
from gateway.database.types import AnyRow

CERTIFICATE, OIDC = "certificate", "oidc"
_ADD = Prepared(insert(credential))
_FIND = Prepared(
    select(credential.c.id, credential.c.person_id, person.c.login, person.c.state)
    .join(person, person.c.id == credential.c.person_id)
    .where(
        credential.c.kind == bindparam("kind"),
        credential.c.identity == bindparam("identity"),
        credential.c.revoked_at.is_(None),
    )
)
_LIST = Prepared(
    select(credential)
    .where(
        credential.c.person_id == bindparam("person_id"),
        credential.c.kind == bindparam("kind"),
        credential.c.revoked_at.is_(None),
    )
    .order_by(credential.c.id)
)
_USED = Prepared(update(credential).where(credential.c.id == bindparam("of")).values(used_at=bindparam("now")))
_REVOKE = Prepared(
    update(credential)
    .where(
        credential.c.id == bindparam("of"),
        credential.c.person_id == bindparam("of_person"),
        credential.c.kind == bindparam("of_kind"),
        credential.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
_END_SESSIONS = Prepared(
    update(session)
    .where(
        session.c.person_id == bindparam("of_person"),
        session.c.method.in_(bindparam("methods", expanding=True)),
        session.c.token_sha256 != bindparam("but"),
        session.c.ended_at.is_(None),
    )
    .values(ended_at=bindparam("now"))
)
_BY_EMAIL = Prepared(
    select(person.c.id, person.c.login)
    .where(
        or_(func.lower(person.c.email) == bindparam("email"), func.lower(person.c.login) == bindparam("email")),
        person.c.state == "active",
    )
    .limit(2)
)


def find(connection: Connection, kind: str, identity: str) -> AnyRow | None:
    """The credential with this identity (id) and whose it is (person_id, login, state)."""
    return _FIND.first(connection, {"kind": kind, "identity": identity})


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A credential that nobody has; raises IntegrityError where somebody was faster."""
    _ADD.run(connection, row)


def of_person(connection: Connection, person_id: str, kind: str) -> Sequence[AnyRow]:
    """Those in force, oldest first."""
    return _LIST.all(connection, {"person_id": person_id, "kind": kind})


def used(connection: Connection, credential_id: str, now: datetime) -> None:
    _USED.run(connection, {"of": credential_id, "now": now})


def revoke(connection: Connection, credential_id: str, person_id: str, kind: str, now: datetime) -> bool:
    """Ends it; False when the person has no such one."""
    values = {"of": credential_id, "of_person": person_id, "of_kind": kind, "now": now}
    return _REVOKE.run(connection, values) == 1


def end_sessions(connection: Connection, person_id: str, methods: Sequence[str], but: str, now: datetime) -> None:
    """Ends the person's sessions begun by these methods, all but one."""
    _END_SESSIONS.run(connection, {"of_person": person_id, "methods": list(methods), "but": but, "now": now})


def person_with_email(connection: Connection, email: str) -> AnyRow | None:
    """The one active person with this address (in lower case) as log-in or e-mail; None when there is none, or are several."""
    found = _BY_EMAIL.all(connection, {"email": email})
    return found[0] if len(found) == 1 else None
