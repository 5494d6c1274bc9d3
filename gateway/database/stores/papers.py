"""Organisations' papers (企业资质): one record each, shared by all agencies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.database.people import qualification
from gateway.database.prepared import Prepared
from gateway.database.sealing import QUALIFICATION
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

ADDED = Insertion(qualification, sealing=QUALIFICATION)
_GET = Prepared(
    select(qualification).where(qualification.c.organisation_id == bindparam("organisation_id")),
    sealing=QUALIFICATION,
)
_REMOVE = Prepared(delete(qualification).where(qualification.c.organisation_id == bindparam("organisation_id")))
_VERIFY = Prepared(
    update(qualification)
    .where(
        qualification.c.organisation_id == bindparam("of"),
        qualification.c.updated_at == bindparam("seen"),
        qualification.c.verified_at.is_(None),
    )
    .values(verified_at=bindparam("now"), verified_by=bindparam("by"))
)
_VERIFIED_ELSEWHERE = Prepared(
    select(qualification.c.organisation_id).where(
        qualification.c.social_credit_code == bindparam("code"),
        qualification.c.verified_at.is_not(None),
        qualification.c.organisation_id != bindparam("but"),
    )
)


def get(connection: Connection, organisation_id: str) -> AnyRow | None:
    return _GET.first(connection, {"organisation_id": organisation_id})


def put(connection: Connection, row: dict[str, Any]) -> None:
    """The organisation's papers, in place of those it had. The organisation is held."""
    _REMOVE.run(connection, {"organisation_id": row["organisation_id"]})
    ADDED.run(connection, [row])


def verify(connection: Connection, organisation_id: str, seen: datetime, by: str, now: datetime) -> bool:
    """Marks papers as compared with the registers, as they were when `seen`; False when they changed or are marked already."""
    return _VERIFY.run(connection, {"of": organisation_id, "seen": seen, "by": by, "now": now}) == 1


def verified_elsewhere(connection: Connection, code: str, but: str) -> str | None:
    """The other organisation that a social credit code was verified for."""
    found = _VERIFIED_ELSEWHERE.first(connection, {"code": code, "but": but})
    return None if found is None else str(found.organisation_id)
