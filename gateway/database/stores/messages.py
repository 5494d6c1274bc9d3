"""Agency messages: their state in one table, their bytes in another that is written once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, select, update

from gateway.database.prepared import Prepared
from gateway.database.schema import declaration, message, message_body, outbox
from gateway.database.sealing import MESSAGE, MESSAGE_BODY
from gateway.database.together import Insertion
from gateway.database.types import AnyRow

ADDED = Insertion(message, sealing=MESSAGE)
BODY_ADDED = Insertion(message_body, sealing=MESSAGE_BODY)
_GET = Prepared(select(message).where(message.c.id == bindparam("id")), sealing=MESSAGE)
_ALL = (
    select(message)
    .where(message.c.declaration_id == bindparam("declaration_id"))
    # ids made in one millisecond are in no order
    .order_by(message.c.version, message.c.agency, message.c.id)
)
_OF_DECLARATION = Prepared(_ALL, sealing=MESSAGE)
_CURRENT = Prepared(_ALL.where(message.c.current.is_(True)).order_by(None).order_by(message.c.agency), sealing=MESSAGE)
_BODY = Prepared(select(message_body).where(message_body.c.message_id == bindparam("id")), sealing=MESSAGE_BODY)
_SIGN = Prepared(
    update(message_body)
    .where(message_body.c.message_id == bindparam("of"), message_body.c.signature.is_(None))
    .values(signature=bindparam("new_signature"))
)
_SIGNATURE = Prepared(select(message_body.c.signature).where(message_body.c.message_id == bindparam("id")))
_BODY_HEADS = Prepared(
    select(
        message_body.c.message_id,
        message_body.c.sha256,
        message_body.c.rendered_at,
        func.coalesce(message_body.c.size, func.length(message_body.c.body)).label("size"),
    )
    .join(message, message.c.id == message_body.c.message_id)
    .where(message.c.declaration_id == bindparam("declaration_id"))
)
_SET_DELIVERY = Prepared(
    update(message)
    .where(message.c.id == bindparam("of"))
    .values(
        delivery=bindparam("new_delivery"),
        reason_zh=bindparam("new_reason_zh"),
        reason_en=bindparam("new_reason_en"),
        updated_at=bindparam("now"),
    )
)
_SET_SENT = Prepared(
    update(message)
    .where(message.c.id == bindparam("of"))
    .values(
        delivery="sent",
        reason_zh=None,
        reason_en=None,
        sent_at=bindparam("now"),
        updated_at=bindparam("now"),
        expected_by=bindparam("new_expected_by"),
    )
)
_SET_FILING = Prepared(update(message).where(message.c.id == bindparam("of")).values(filing=bindparam("new_filing")))
_REPLACE = Prepared(
    update(message)
    .where(message.c.id == bindparam("of"))
    .values(current=False, delivery=bindparam("new_delivery"), expected_by=None, updated_at=bindparam("now"))
)
_SET_STANDING = Prepared(
    update(message)
    .where(message.c.id == bindparam("of"))
    .values(
        state=bindparam("new_state"),
        agency_reference=bindparam("new_agency_reference"),
        unified_number=bindparam("new_unified_number"),
        clearance_form_id=bindparam("new_clearance_form_id"),
        expected_by=bindparam("new_expected_by"),
        updated_at=bindparam("now"),
    )
)
_LIVE = declaration.c.live_reference.is_not(None).label("live")
# it surely never left: whatever may have reached its agency has a lease, or is queued no more
_UNTOUCHED = and_(
    message.c.delivery == "queued",
    exists().where(outbox.c.message_id == message.c.id, outbox.c.lease_token.is_(None)),
).label("untouched")
NEVER_SENT = ("waiting", "withdrawn", "superseded")
"""Deliveries of a message that no answer can mean, unless it names the very message."""
_WAS_FOR_SENDING = and_(
    *(message.c.delivery != delivery for delivery in NEVER_SENT),
    # a notice bears its filing's numbers, and no number means a notice
    message.c.kind.is_(None),
)
MATCHED_AT_MOST = 50
"""Messages looked at for one number: the live ones first, then the newest."""
_MATCHED = (
    select(*(column for column in message.c if column.name != "filing"), _LIVE, _UNTOUCHED)
    .join(declaration, declaration.c.id == message.c.declaration_id)
    .where(message.c.agency == bindparam("agency"))
)
_BY_ID = Prepared(_MATCHED.where(message.c.id == bindparam("value")))
_BY_VALUE = _MATCHED.order_by(_LIVE.desc(), message.c.accepted_at.desc(), message.c.id).limit(MATCHED_AT_MOST)
_BY_EXCHANGE_NAME = Prepared(_BY_VALUE.where(message.c.exchange_name == bindparam("value")))
_BY_NUMBER = {
    name: Prepared(_BY_VALUE.where(message.c[name] == bindparam("value"), _WAS_FOR_SENDING))
    for name in ("agency_reference", "unified_number", "reference")
}
_VERSIONS = Prepared(
    _MATCHED.where(message.c.declaration_id == bindparam("declaration_id"), _WAS_FOR_SENDING).order_by(
        message.c.version, message.c.id
    )
)


def add(
    connection: Connection,
    rows: Sequence[dict[str, Any]],
    bodies: dict[str, bytes],
    at: datetime,
    signatures: dict[str, str | None] | None = None,
) -> None:
    """New messages; by message id `bodies` holds the bytes of those that are rendered, `signatures` what signs them."""
    ADDED.run(connection, rows)
    for row in rows:
        if row["id"] in bodies:
            add_body(
                connection, row["id"], row["organisation_id"], bodies[row["id"]], at, (signatures or {}).get(row["id"])
            )


def add_body(
    connection: Connection,
    message_id: str,
    organisation_id: str,
    body: bytes,
    at: datetime,
    signature: str | None = None,
) -> None:
    """The message's bytes, once and for all: a second body for the same message is an IntegrityError."""
    BODY_ADDED.run(connection, [body_row(message_id, organisation_id, body, at, signature)])


def add_signature(connection: Connection, message_id: str, signature: str) -> str:
    """Signs a message that has no signature yet; returns the one it has now."""
    _SIGN.run(connection, {"of": message_id, "new_signature": signature})
    return str(_SIGNATURE.scalar(connection, {"id": message_id}))


def body_row(
    message_id: str, organisation_id: str, body: bytes, at: datetime, signature: str | None = None
) -> dict[str, Any]:
    """The organisation says whose key seals the bytes; it is no column."""
    sha256 = hashlib.sha256(body).hexdigest()
    return {
        "message_id": message_id,
        "organisation_id": organisation_id,
        "sha256": sha256,
        "rendered_at": at,
        "signature": signature,
        "body": body,
    }


def get(connection: Connection, message_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": message_id})


def current(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    """The message in force of each agency."""
    return _CURRENT.all(connection, {"declaration_id": declaration_id})


def of_declaration(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    """The messages of all versions, oldest first."""
    return _OF_DECLARATION.all(connection, {"declaration_id": declaration_id})


def body(connection: Connection, message_id: str) -> AnyRow | None:
    return _BODY.first(connection, {"id": message_id})


def body_heads(connection: Connection, declaration_id: str) -> dict[str, AnyRow]:
    """(sha256, rendered_at, size) of each rendered message of a declaration, by message id."""
    rows = _BODY_HEADS.all(connection, {"declaration_id": declaration_id})
    return {row.message_id: row for row in rows}


def set_delivery(
    connection: Connection,
    message_id: str,
    delivery: str,
    now: datetime,
    reason_zh: str | None = None,
    reason_en: str | None = None,
) -> None:
    _SET_DELIVERY.run(
        connection,
        {
            "of": message_id,
            "new_delivery": delivery,
            "new_reason_zh": reason_zh,
            "new_reason_en": reason_en,
            "now": now,
        },
    )


def set_sent(connection: Connection, message_id: str, now: datetime, expected_by: datetime | None) -> None:
    """The agency has it, or surely will; it should answer by `expected_by`."""
    _SET_SENT.run(connection, {"of": message_id, "now": now, "new_expected_by": expected_by})


def set_filing(connection: Connection, row: AnyRow, filing: dict[str, str]) -> None:
    """The values the window supplied for a message, once it has those it waited for."""
    sealed = MESSAGE.seal(connection, "filing", filing, owner=row.organisation_id, row=(row.id,))
    _SET_FILING.run(connection, {"of": row.id, "new_filing": sealed})


def replace(connection: Connection, message_id: str, delivery: str, now: datetime) -> None:
    """A later version has another message for this agency."""
    _REPLACE.run(connection, {"of": message_id, "new_delivery": delivery, "now": now})


def set_standing(connection: Connection, message_id: str, values: dict[str, Any], now: datetime) -> None:
    """`values`: state, agency_reference, unified_number, clearance_form_id, expected_by."""
    _SET_STANDING.run(
        connection, {"of": message_id, "now": now} | {f"new_{name}": value for name, value in values.items()}
    )


def by_id(connection: Connection, agency: str, message_id: str) -> AnyRow | None:
    return _BY_ID.first(connection, {"agency": agency, "value": message_id})


def by_exchange_name(connection: Connection, agency: str, name: str) -> Sequence[AnyRow]:
    return _BY_EXCHANGE_NAME.all(connection, {"agency": agency, "value": name})


def by_number(connection: Connection, agency: str, kind: str, value: str) -> Sequence[AnyRow]:
    """Messages for sending to an agency that bear a number; `kind`: agency_reference, unified_number or reference."""
    return _BY_NUMBER[kind].all(connection, {"agency": agency, "value": value})


def versions(connection: Connection, agency: str, declaration_id: str) -> Sequence[AnyRow]:
    """The messages for sending to an agency of all versions of a declaration, oldest first."""
    return _VERSIONS.all(connection, {"agency": agency, "declaration_id": declaration_id})
