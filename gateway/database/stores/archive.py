"""What was archived: which declarations are due, where their files lie, and by which numbers they are known after removal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, func, insert, select, update

from gateway.database.prepared import Prepared
from gateway.database.schema import (
    answer,
    archive,
    archive_number,
    declaration,
    declaration_version,
    idempotency,
    message,
    search_key,
)
from gateway.database.sealing import ANSWER, IDEMPOTENCY
from gateway.database.types import AnyRow

_GET = Prepared(select(archive).where(archive.c.declaration_id == bindparam("id")))
_CURRENT = and_(archive.c.declaration_id == declaration.c.id, archive.c.updated_at == declaration.c.updated_at)
_BY_NUMBER = Prepared(
    select(archive)
    .join(archive_number, archive_number.c.declaration_id == archive.c.declaration_id)
    .where(archive_number.c.value == bindparam("value"), archive.c.removed_at.is_not(None))
    .order_by(archive.c.declaration_id.desc())
    .limit(bindparam("at_most"))
)
_REMOVED = Prepared(
    update(archive).where(archive.c.declaration_id == bindparam("of")).values(removed_at=bindparam("now"))
)
_TOLD = Prepared(
    select(answer.c.id, answer.c.response).where(answer.c.declaration_id == bindparam("declaration_id")), sealing=ANSWER
)
NUMBERS = ("agency_reference", "unified_number", "clearance_form_id", "exchange_name", "id", "reference")
"""What an agency may refer to a message by."""
SHOWN_AT_MOST = 5


def due(
    connection: Connection, form: str, status: str, unchanged_since: datetime, after: str, at_most: int
) -> Sequence[AnyRow]:
    """Declarations not changed since then whose archive file is missing or older than they are, by id, behind `after`."""
    statement = _ended(form, status, unchanged_since, after, at_most)
    missing = statement.outerjoin_from(declaration, archive, _CURRENT).where(archive.c.declaration_id.is_(None))
    return connection.execute(missing).all()


def removable(
    connection: Connection, form: str, status: str, unchanged_since: datetime, after: str, at_most: int
) -> Sequence[AnyRow]:
    """The same, of those archived as they are now; with `file` and `sha256` of the archive."""
    statement = _ended(form, status, unchanged_since, after, at_most).add_columns(archive.c.file, archive.c.sha256)
    return connection.execute(statement.join_from(declaration, archive, _CURRENT)).all()


def not_archived(connection: Connection, form: str, status: str, unchanged_since: datetime) -> int:
    """How many have reached that age without an archive file of their present state."""
    counted = (
        select(func.count())
        .select_from(declaration)
        .outerjoin(archive, _CURRENT)
        .where(*_conditions(form, status, unchanged_since), archive.c.declaration_id.is_(None))
    )
    return int(connection.execute(counted).scalar_one())


def record(connection: Connection, row: dict[str, Any], numbers: Iterable[str]) -> None:
    """The archive file of a declaration, in place of an earlier one; `numbers` find it after removal."""
    declaration_id = row["declaration_id"]
    connection.execute(delete(archive_number).where(archive_number.c.declaration_id == declaration_id))
    if get(connection, declaration_id) is None:
        connection.execute(insert(archive), row)
    else:
        connection.execute(update(archive).where(archive.c.declaration_id == declaration_id).values(row))
    named = {"declaration_id": declaration_id, "organisation_id": row["organisation_id"]}
    rows = [{"value": value, **named} for value in sorted(set(numbers))]
    if rows:
        connection.execute(insert(archive_number), rows)


def get(connection: Connection, declaration_id: str) -> AnyRow | None:
    """The archive row of a declaration; `removed_at` says whether the file is all there is of it."""
    return _GET.first(connection, {"id": declaration_id})


def by_number(connection: Connection, value: str) -> Sequence[AnyRow]:
    """Declarations that were archived and removed and bear this reference, agency's number, file name or message id."""
    return _BY_NUMBER.all(connection, {"value": value, "at_most": SHOWN_AT_MOST})


def removed(connection: Connection, declaration_id: str, now: datetime) -> None:
    _REMOVED.run(connection, {"of": declaration_id, "now": now})


def keys_of(connection: Connection, declaration_ids: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """The search keys of some declarations. Reads the table once, however many they are: nothing indexes it by declaration."""
    found: dict[str, list[dict[str, str]]] = {each: [] for each in declaration_ids}
    columns = (search_key.c.organisation_id, search_key.c.value, search_key.c.kind, search_key.c.declaration_id)
    rows = connection.execute(select(*columns).where(search_key.c.declaration_id.in_(declaration_ids)))
    for row in rows:
        found[row.declaration_id].append(row._asdict())
    return {each: sorted(keys, key=lambda key: (key["kind"], key["value"])) for each, keys in found.items()}


def idempotency_of(connection: Connection, declaration_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The Idempotency-Keys some declarations were filed under, found by the moment of acceptance they share."""
    found: dict[str, list[dict[str, Any]]] = {each: [] for each in declaration_ids}
    moments = select(declaration_version.c.accepted_at).where(declaration_version.c.declaration_id.in_(declaration_ids))
    for row in connection.execute(select(idempotency).where(idempotency.c.created_at.in_(moments))).all():
        kept = IDEMPOTENCY.opened_values(connection, row._asdict())
        if kept["answer"].get("id") in found:
            found[kept["answer"]["id"]].append(kept)
    return {each: sorted(rows, key=lambda row: (row["created_at"], row["key"])) for each, rows in found.items()}


def numbers_of(connection: Connection, declaration_id: str) -> set[str]:
    """Every number, file name and id an agency may refer to a declaration by."""
    columns = [message.c[name] for name in NUMBERS]
    rows = connection.execute(select(*columns).where(message.c.declaration_id == declaration_id)).all()
    told = _TOLD.all(connection, {"declaration_id": declaration_id})
    found = {str(value) for row in rows for value in row if value}
    return found | {str(value) for row in told for name in NUMBERS[:2] if (value := row.response.get(name))}


def _conditions(form: str, status: str, unchanged_since: datetime) -> tuple[Any, ...]:
    row = declaration.c
    return row.form == form, row.status == status, row.updated_at <= unchanged_since


def _ended(form: str, status: str, unchanged_since: datetime, after: str, at_most: int) -> Select[*tuple[Any, ...]]:
    return (
        select(*declaration.c)
        .where(declaration.c.id > after, *_conditions(form, status, unchanged_since))
        .order_by(declaration.c.id)
        .limit(at_most)
    )
