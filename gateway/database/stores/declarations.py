"""Declarations and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from gateway.database.prepared import Prepared
from gateway.database.schema import declaration, declaration_version, obligation
from gateway.database.sealing import VERSION
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

ADDED = Insertion(declaration)
VERSION_ADDED = Insertion(declaration_version, sealing=VERSION)
_LOCK = Prepared(select(declaration.c.id).where(declaration.c.id == bindparam("id")).with_for_update())
_GET = Prepared(select(declaration).where(declaration.c.id == bindparam("id")))
_LIVE = Prepared(
    select(declaration.c.id).where(
        declaration.c.organisation_id == bindparam("organisation_id"),
        declaration.c.form == bindparam("form"),
        declaration.c.live_reference == bindparam("reference"),
    )
)
_VERSION = Prepared(
    select(declaration_version).where(
        declaration_version.c.declaration_id == bindparam("id"), declaration_version.c.version == bindparam("version")
    ),
    sealing=VERSION,
)
_VERSIONS = Prepared(
    select(
        declaration_version.c.version,
        declaration_version.c.accepted_at,
        declaration_version.c.sha256,
        func.coalesce(declaration_version.c.size, func.length(declaration_version.c.body)).label("size"),
    )
    .where(declaration_version.c.declaration_id == bindparam("id"))
    .order_by(declaration_version.c.version)
)
_SET_STATUS = Prepared(
    update(declaration)
    .where(declaration.c.id == bindparam("of"))
    .values(
        status=bindparam("new_status"),
        may_collect=bindparam("new_may_collect"),
        may_sell=bindparam("new_may_sell"),
        live_reference=bindparam("new_live_reference"),
        updated_at=bindparam("now"),
    )
)
_TOUCH = Prepared(update(declaration).where(declaration.c.id == bindparam("of")).values(updated_at=bindparam("now")))
_SET_VERSION = Prepared(
    update(declaration)
    .where(declaration.c.id == bindparam("of"), declaration.c.version == bindparam("expected"))
    .values(
        version=bindparam("expected") + 1,
        scope=bindparam("new_scope"),
        urgent=bindparam("new_urgent"),
        live_reference=declaration.c.reference,
        updated_at=bindparam("now"),
    )
)
_OBLIGATIONS = Prepared(
    select(obligation.c.agency, obligation.c.kind).where(obligation.c.declaration_id == bindparam("id"))
)
_INSERT_OBLIGATION = Prepared(insert(obligation))
_CLEAR_OBLIGATIONS = Prepared(delete(obligation).where(obligation.c.declaration_id == bindparam("of")))


def lock(connection: Connection, declaration_id: str) -> None:
    """Keeps every other transaction that means to change this declaration waiting until this one has ended.

    Whoever changes a declaration, its messages or its outbox rows takes this lock first, so that two never wait for each other.
    SQLite has one writer anyway.
    """
    if connection.dialect.name != "sqlite":
        _LOCK.first(connection, {"id": declaration_id})


def add_version(connection: Connection, version: dict[str, Any], *, scope: str, urgent: bool) -> bool:
    """Makes `version` the current one; False when another version came first."""
    done = _SET_VERSION.run(
        connection,
        {
            "of": version["declaration_id"],
            "expected": version["version"] - 1,
            "new_scope": scope,
            "new_urgent": urgent,
            "now": version["accepted_at"],
        },
    )
    if done != 1:
        return False
    VERSION_ADDED.run(connection, [version])
    return True


def get(connection: Connection, declaration_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": declaration_id})


def live(connection: Connection, organisation_id: str, form: str, reference: str) -> str | None:
    """The id of the organisation's live filing under this reference (rule R-HDR-02)."""
    found: str | None = _LIVE.scalar(
        connection, {"organisation_id": organisation_id, "form": form, "reference": reference}
    )
    return found


def version(connection: Connection, declaration_id: str, number: int) -> AnyRow:
    return _VERSION.one(connection, {"id": declaration_id, "version": number})


def versions(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    """(version, accepted_at, sha256, size) of every version, oldest first."""
    return _VERSIONS.all(connection, {"id": declaration_id})


def set_status(connection: Connection, declaration_id: str, values: dict[str, Any]) -> None:
    """`values`: status, may_collect, may_sell, live_reference, now."""
    _SET_STATUS.run(
        connection,
        {"of": declaration_id, "now": values["now"]}
        | {f"new_{name}": value for name, value in values.items() if name != "now"},
    )


def touch(connection: Connection, declaration_id: str, now: Any) -> None:
    _TOUCH.run(connection, {"of": declaration_id, "now": now})


def set_obligations(connection: Connection, filed: AnyRow, kinds: set[tuple[str, str]]) -> None:
    """What is open now, as (agency, kind), for finding; rewritten only when it differs."""
    before = {(row.agency, row.kind) for row in _OBLIGATIONS.all(connection, {"id": filed.id})}
    if before == kinds:
        return
    _CLEAR_OBLIGATIONS.run(connection, {"of": filed.id})
    belongs = {
        "declaration_id": filed.id,
        "organisation_id": filed.organisation_id,
        "principal_id": filed.principal_id,
    }
    rows = [{**belongs, "agency": agency, "kind": kind} for agency, kind in sorted(kinds)]
    _INSERT_OBLIGATION.run_many(connection, rows)
