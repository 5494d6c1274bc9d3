"""The port clearance for those who ask: the PDF for whoever declared and for agencies; its state for anybody with its code."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.callerrors import CertificateMissing, CertificateNotInForce
from declarations.errors import NotFound
from gateway import tenancy
from gateway.database.stores import calls, certificates, entries
from gateway.database.stores.certificates import STATES as STATES
from gateway.database.stores.certificates import USED, VALID
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

PRINTED = (VALID, USED)
"""States in which it is handed out."""


async def printed(window: Window, caller: Caller, call_id: str) -> tuple[bytes, str, int]:
    """The PDF of a call's certificate, its number, and which copy this is; the same bytes each time.

    Only the organisation that declared, its principal and agencies that take part get it. Raises NotFound, CertificateMissing,
    CertificateNotInForce. Each copy is journalled.
    """
    row = await window.database.read(lambda connection: _own(connection, caller, call_id))
    _require_in_force(window, row)
    paper = await window.database.read(lambda connection: certificates.paper(connection, row.id))
    if paper is None:
        paper = await _made(window, row)

    def count(connection: Connection) -> tuple[str, int]:
        # it may have been suspended while it was made
        calls.lock(connection, call_id)
        now = _own(connection, caller, call_id)
        _require_in_force(window, now)
        copy = certificates.count_copy(connection, now.id) if now.id == row.id else 0
        if copy:
            entries.add(connection, [_act(window, caller, now, copy)])
        return now.id, copy

    current, copy = await window.database.write(count)
    if current != row.id:
        return await printed(window, caller, call_id)
    return paper, row.number, copy


async def _made(window: Window, row: AnyRow) -> bytes:
    """Makes the PDF outside any transaction; what was stored first stays."""
    # imported here: nobody who prints nothing needs the typesetter
    from gateway.paper.certificate import make

    frozen = await window.database.read(lambda connection: certificates.content(connection, row.id))
    body = await asyncio.to_thread(make, frozen, window.keys, window.settings.public_address)
    kept = {
        "certificate_id": row.id,
        "organisation_id": row.organisation_id,
        "sha256": hashlib.sha256(body).hexdigest(),
        "made_at": window.clock(),
        "body": body,
    }
    await window.vault.ready(row.organisation_id)

    def keep(connection: Connection) -> bytes:
        certificates.keep_paper(connection, kept)
        stored = certificates.paper(connection, row.id)
        assert stored is not None
        return stored

    return await window.database.write(keep)


def _own(connection: Connection, caller: Caller, call_id: str) -> AnyRow:
    """The newest certificate of a call the caller may print."""
    tenancy.call_of(connection, caller, call_id)
    issued = certificates.of_call(connection, call_id)
    if not issued:
        raise CertificateMissing("no port clearance is issued for this call", "该航次尚未签发出口岸许可证")
    if not (caller.agency or tenancy.sees(caller, issued[-1])):
        # the agent who took the call over did not declare
        raise NotFound(f"there is no certificate of yours for call {call_id!r}", f"航次 {call_id} 没有由您申报的许可证")
    return issued[-1]


def _require_in_force(window: Window, row: AnyRow) -> None:
    if row.state not in PRINTED:
        state, why = window.calls.of("certificate", row.state), window.calls.of("bar", row.reason or "")
        raise CertificateNotInForce(
            f"certificate {row.number} is not in force ({state.name_en}: {why.name_en})",
            f"许可证 {row.number} 当前{state.name_zh}（{why.name_zh}），不能打印",
            details={"certificate": row.number, "state": row.state, "reason": row.reason or ""},
        )


def _act(window: Window, caller: Caller, row: AnyRow, copy: int) -> dict[str, Any]:
    return entry(
        "certificate_printed",
        organisation_id=row.organisation_id,
        declaration_id=row.declaration_id,
        version=row.version,
        agency=caller.agency or None,
        at=window.clock(),
        actor=caller.name,
        certificate=row.number,
        copy=str(copy),
    )


async def state_of(window: Window, number: str, code: str | None = None) -> dict[str, Any] | None:
    """What anybody may know of a certificate: its state, the ship and the port, nobody's name. None where there is no such
    number, or the code is not its own."""

    def read(connection: Connection) -> tuple[AnyRow | None, str | None]:
        row = certificates.by_number(connection, number)
        return row, certificates.replaced_by(connection, number) if row is not None else None

    row, successor = await window.database.read(read)
    if row is None or (code is not None and not hmac.compare_digest(row.code.encode(), code.encode())):
        return None
    words = window.calls.of("certificate", row.state)
    return {
        "number": row.number,
        "state": row.state,
        "state_zh": words.name_zh,
        "state_en": words.name_en,
        "issued_at": row.issued_at,
        "ship_name_en": row.ship_name,
        "imo_number": row.imo_number,
        "port": row.port,
        "replaced_by": successor,
        "as_of": window.clock(),
    }
