"""After issue: a change is reported as an item difference, only agencies whose message changes are asked, maritime decides.

A reported change suspends the certificate until the decision; a ship that has not sailed in time keeps it, flagged.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.callerrors import CertificateMissing, NothingChanged, NothingToDecide
from declarations.errors import AnotherAgency, BadRequest, MoveNotAllowed
from gateway import filing, ids, tenancy
from gateway.amend import refile
from gateway.calls import content, differences, moving
from gateway.calls.issuing import IN_FORCE, SAIL_WITHIN, look, settle_call
from gateway.correction import unchanged
from gateway.database.stores import calls, certificates, declarations, entries, handovers, messages
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import WINDOW, entry
from gateway.organisations import duties

if TYPE_CHECKING:
    from gateway.wiring import Window

CHANGE, OVERDUE = "change", "overdue"
CONTINUE, REDO = DECISIONS = ("continue", "redo")
REASONS = ("omitted", "diverted", "cancelled", "error")
"""Why a call is cancelled (call_words.csv, kind cancel)."""
FLAGGED_AT_ONCE = 100


async def report(window: Window, caller: Caller, call_id: str, body: bytes, media_type: str) -> dict[str, Any]:
    """Reports that circumstances changed after issue, by the whole form as it should read now; under the filing's reference.

    Agencies whose message it changes get a new version; maritime decides. Raises NotFound, CertificateMissing, NothingChanged,
    and what a correction raises.
    """
    window.condition.require_room()
    await window.database.read(lambda connection: tenancy.held_call(connection, caller, call_id))
    await duties.require_direct(window, caller)
    form = filing.read(window, body, media_type)

    def before(connection: Connection) -> tuple[AnyRow, AnyRow, list[dict[str, Any]], list[str]]:
        tenancy.held_call(connection, caller, call_id)
        certificate = _in_force(connection, call_id)
        filed = tenancy.owned(connection, caller, certificate.declaration_id)
        old, _version = content.form_of(connection, window, filed)
        items = differences.between(window.rulebook.forms[filed.form], old, form.declaration)
        current = messages.current(connection, filed.id)
        agencies = [row.agency for row in current if not unchanged(connection, window, row, form)]
        return certificate, filed, items, agencies

    certificate, filed, items, agencies = await window.database.read(before)
    if not items:
        raise NothingChanged(
            f"this is what certificate {certificate.number} was issued on",
            f"与许可证 {certificate.number} 所依据的申报相同",
        )
    row = {
        "id": ids.new_id(ids.CALL_CHANGE, form.at),
        "call_id": call_id,
        "organisation_id": caller.organisation_id,
        "kind": CHANGE,
        "certificate": certificate.number,
        "declaration_id": filed.id,
        "version": filed.version + 1 if agencies else filed.version,
        "agencies": " ".join(agencies),
        "items": items,
        "reported_by": caller.name,
        "at": form.at,
    }

    def note(connection: Connection, declaration_id: str) -> None:
        call = calls.lock(connection, call_id)
        if _in_force(connection, call_id).number != certificate.number or call.state != calls.OPEN:
            raise MoveNotAllowed("the certificate was replaced at the same time", "许可证同时已被替换")
        calls.add_change(connection, row)
        legs = {leg.agency: leg for leg in calls.legs(connection, call_id) if leg.declaration_id == declaration_id}
        told = [each["item"] for each in items]
        rows = [
            moving.void_row(
                call_id, declaration_id, agency, legs[agency].version,
                source="change", source_id=row["id"], items=sorted(set(told)), at=form.at,
            )
            for agency in agencies
            if agency in legs
        ]  # fmt: skip
        moving.add_voids(connection, call, rows, form.at)
        facts = {"organisation_id": call.organisation_id, "declaration_id": declaration_id, "version": filed.version}
        act = entry(
            "change_reported", **facts, at=form.at, actor=caller.name,
            certificate=certificate.number, items=" ".join(told), agencies=row["agencies"],
        )  # fmt: skip
        entries.add(connection, [act])

    await window.vault.ready(caller.organisation_id)
    if agencies:
        await refile(window, caller, filed.id, body, media_type, closing=note)
    else:

        def alone(connection: Connection) -> None:
            declarations.lock(connection, filed.id)
            note(connection, filed.id)
            settle_call(connection, window, call_id, form.at)

        await window.database.write(alone)
    return {"id": row["id"], "certificate": certificate.number, "items": items, "agencies": agencies, "decision": None}


def _in_force(connection: Connection, call_id: str) -> AnyRow:
    for row in reversed(certificates.of_call(connection, call_id)):
        if row.state in IN_FORCE:
            return row
    raise CertificateMissing(
        "no port clearance of this call is in force: correct the filing itself",
        "该航次没有有效的许可证，请直接更正申报",
    )


async def decide(window: Window, caller: Caller, call_id: str, decision: str, note: str | None) -> dict[str, Any]:
    """Maritime's officer decides on what is open: `continue` (the clearance stands once those asked have released) or `redo`
    (every agency releases a new version). Raises NotFound, Forbidden for another agency, NothingToDecide."""
    if decision not in DECISIONS:
        raise BadRequest(f"decision is one of {', '.join(DECISIONS)}", "decision 只能是 continue 或 redo")
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        tenancy.call_of(connection, caller, call_id)
        if caller.agency != content.MARITIME:
            raise AnotherAgency("the maritime administration decides this", "该事项由海事管理机构决定")
        call = calls.lock(connection, call_id)
        waiting = [row for row in calls.changes(connection, call_id) if row.decision is None]
        if not waiting or call.state != calls.OPEN:
            raise NothingToDecide("nothing of this call waits for a decision", "该航次没有待决定的事项")
        for row in waiting:
            calls.decide(connection, row.id, decision, caller.name, note, now)
        found = look(connection, window, call)
        assert found.exit is not None or decision == CONTINUE
        certificate = next(row for row in reversed(certificates.of_call(connection, call_id)))
        if decision == REDO and found.exit is not None:
            rows = [
                moving.void_row(
                    call_id, leg.declaration_id, leg.agency, leg.version,
                    source="redo", source_id=waiting[-1].id, items=[], at=now,
                )
                for leg in found.legs_of(found.exit.id)
            ]  # fmt: skip
            moving.add_voids(connection, call, rows, now)
        elif certificate.state in IN_FORCE:
            certificates.sail_by(connection, certificate.id, now.replace(microsecond=0) + SAIL_WITHIN)
        act = entry(
            "change_decided", organisation_id=call.organisation_id, declaration_id=certificate.declaration_id,
            version=certificate.version, agency=caller.agency, at=now, actor=caller.agency,
            certificate=certificate.number, decision=decision, **({"note": note} if note else {}),
        )  # fmt: skip
        entries.add(connection, [act])
        settle_call(connection, window, call_id, now)
        after = next(row for row in reversed(certificates.of_call(connection, call_id)))
        return {"call_id": call_id, "decision": decision, "certificate": after.number, "state": after.state}

    return await window.database.write(store)


async def cancel(window: Window, caller: Caller, call_id: str, reason: str, note: str | None) -> dict[str, Any]:
    """The agent cancels the call: omitted, diverted … Its certificate is void; what agencies have of it, they have: filings are
    withdrawn or cancelled one by one. Raises NotFound, MoveNotAllowed."""
    if reason not in REASONS:
        raise BadRequest(f"reason is one of {', '.join(REASONS)}", f"reason 只能是 {'、'.join(REASONS)}")
    now = window.clock()

    def store(connection: Connection) -> dict[str, Any]:
        tenancy.held_call(connection, caller, call_id)
        call = calls.lock(connection, call_id)
        if call.state != calls.OPEN or not tenancy.holds(caller, call):
            raise MoveNotAllowed("this call has ended already", "该航次已结束")
        calls.change(connection, call_id, {"state": calls.CANCELLED, "reason": reason, "live_key": None}, now)
        handovers.close(connection, call_id, caller.name, now)
        told = {"call": call_id, "reason": reason, **({"note": note} if note else {})}
        filed = calls.filings(connection, call_id)
        act = entry(
            "call_cancelled",
            organisation_id=call.organisation_id,
            declaration_id=filed[-1].id if filed else None,
            version=filed[-1].version if filed else None,
            at=now,
            actor=caller.name,
            **told,
        )
        entries.add(connection, [act])
        settle_call(connection, window, call_id, now)
        return {"call_id": call_id, "state": calls.CANCELLED, "reason": reason}

    return await window.database.write(store)


async def flag_overdue(window: Window) -> int:
    """Flags certificates whose ship has not sailed within their 24 hours, and asks maritime to decide; returns how many."""
    now = window.clock()
    # sailing at the very end of the term is sailing within it
    by = now - timedelta(microseconds=1)
    late = await window.database.read(lambda connection: certificates.overdue(connection, by, FLAGGED_AT_ONCE))
    flagged = 0
    for row in late:
        await window.vault.ready(row.organisation_id)
        flagged += await window.database.write(lambda connection, row=row: _flag(connection, window, row))  # type: ignore[misc]
    return flagged


def _flag(connection: Connection, window: Window, row: AnyRow) -> bool:
    now = window.clock()
    call = calls.lock(connection, row.call_id)
    fresh = certificates.by_number(connection, row.number)
    if call.state != calls.OPEN or fresh is None or fresh.sail_by >= now:
        return False
    if not certificates.flag(connection, row.id, now):
        return False
    change = {
        "id": ids.new_id(ids.CALL_CHANGE, now),
        "call_id": row.call_id,
        "organisation_id": row.organisation_id,
        "kind": OVERDUE,
        "certificate": row.number,
        "declaration_id": row.declaration_id,
        "version": row.version,
        "agencies": "",
        "items": [],
        "reported_by": WINDOW,
        "at": now,
    }
    calls.add_change(connection, change)
    act = entry(
        "certificate_overdue", organisation_id=row.organisation_id, declaration_id=row.declaration_id,
        version=row.version, at=now, certificate=row.number,
    )  # fmt: skip
    entries.add(connection, [act])
    return True
