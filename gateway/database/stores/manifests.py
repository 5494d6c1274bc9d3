"""Which filings of live calls carry a transport document's number in their manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from gateway.database.prepared import Prepared
from gateway.database.schema import declaration
from gateway.database.shipping import call, manifest_bill
from gateway.database.types import AnyRow

AT_MOST = 20
# it compiles to the same words for SQLite
_ADD = Prepared(insert(manifest_bill).on_conflict_do_nothing())
_WITH_BILL = Prepared(
    select(*declaration.c, call.c.state.label("call_state"))
    .join(call, call.c.id == declaration.c.call_id)
    .join(manifest_bill, manifest_bill.c.declaration_id == declaration.c.id)
    .where(manifest_bill.c.bill == bindparam("bill"))
    .order_by(declaration.c.id.desc())
    .limit(AT_MOST)
)


def with_bill(connection: Connection, bill: str) -> Sequence[AnyRow]:
    """Newest first, each with its call's state. The whole number only."""
    return _WITH_BILL.all(connection, {"bill": bill})


def add(connection: Connection, call_id: str, declaration_id: str, bills: Iterable[str]) -> None:
    """What a filing's manifest speaks of; numbers it has already are left alone."""
    rows = [{"bill": bill, "call_id": call_id, "declaration_id": declaration_id} for bill in sorted(set(bills))]
    _ADD.run_many(connection, rows)
