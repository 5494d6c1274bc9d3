"""What a filing changes of its call: what is known of the ship, what moved, whose release that voids, and who is told."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from gateway import ids
from gateway.calls import facts, manifests, notices
from gateway.calls.entering import Found
from gateway.calls.issuing import look, settle_call
from gateway.calls.tables import ENTRY, EXIT, MOVED, TELL, VOID, Effect
from gateway.database.stores import calls, entries
from gateway.database.types import AnyRow
from gateway.filing import Form
from gateway.identity import Caller
from gateway.journal import entry
from gateway.notices import Queued

if TYPE_CHECKING:
    from gateway.wiring import Window


def entered(
    connection: Connection, window: Window, caller: Caller, form: Form, found: Found, declaration_id: str
) -> set[Queued]:
    """To be called in the transaction that stored the filing, after its rows. Returns what there is to send besides."""
    if found.call is None:
        return set()
    call, now = found.call, form.at
    told = facts.told(form.declaration, window.calls.told_items(call.form))
    known: dict[str, str] = call.facts
    changed = {item: value for item, value in told.items() if known.get(item) != value}
    queued: set[Queued] = set()
    if changed and call.state == calls.OPEN:
        _remember(
            connection, call, {**known, **told}, ended=found.step.moves and facts.ACTUAL_DEPARTURE in told, now=now
        )
        if found.step.moves:
            queued = _moved(connection, window, caller, form, call, changed, declaration_id)
    if found.step.clearance:
        manifests.keep(connection, call.id, declaration_id, form.declaration)
    settle_call(connection, window, call.id, now)
    return queued


def _remember(connection: Connection, call: AnyRow, known: dict[str, str], *, ended: bool, now: datetime) -> None:
    values: dict[str, Any] = {"facts": known, **facts.columns(known)}
    if ended and values["atd"] is not None:
        values |= {"state": calls.DEPARTED, "live_key": None}
    calls.change(
        connection, call.id, {name: value for name, value in values.items() if getattr(call, name) != value}, now
    )


def _moved(
    connection: Connection,
    window: Window,
    caller: Caller,
    form: Form,
    call: AnyRow,
    changed: dict[str, str],
    declaration_id: str,
) -> set[Queued]:
    now = form.at
    rows = [
        {
            "id": ids.new_id(ids.MOVEMENT, now),
            "call_id": call.id,
            "organisation_id": call.organisation_id,
            "declaration_id": declaration_id,
            "item": item,
            "old": call.facts.get(item),
            "new": value,
            "told_by": caller.name,
            "at": now,
        }
        for item, value in changed.items()
    ]
    calls.add_movements(connection, rows)
    entries.add(connection, [_act(call, declaration_id, caller, now, changed)])
    effects = [each for each in window.calls.effects[call.form] if each.item in changed]
    _void(connection, window, call, effects, declaration_id, now)
    told = {each.agency for each in effects if each.effect in (TELL, VOID)}
    return notices.add(connection, window, MOVED, declaration_id, call, agencies=told, at=now)


def _void(
    connection: Connection, window: Window, call: AnyRow, effects: list[Effect], declaration_id: str, now: datetime
) -> None:
    """Voids releases of the exit clearance where there is one, else those of entry."""
    voiding = [each for each in effects if each.effect == VOID]
    if not voiding:
        return
    found = look(connection, window, call)
    items: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for each in voiding:
        filing = found.exit if EXIT in each.clearance else None
        if filing is None and ENTRY in each.clearance and (found.exit is None or found.exit == found.entry):
            filing = found.entry
        leg = next((row for row in found.legs_of(filing.id) if row.agency == each.agency), None) if filing else None
        if leg is not None:
            items[leg.declaration_id, leg.agency, leg.version].append(each.item)
    rows = [
        void_row(call.id, *leg, source="movement", source_id=declaration_id, items=names, at=now)
        for leg, names in items.items()
    ]
    add_voids(connection, call, rows, now)


def void_row(
    call_id: str,
    declaration_id: str,
    agency: str,
    version: int,
    *,
    source: str,
    source_id: str,
    items: list[str],
    at: datetime,
) -> dict[str, Any]:
    """A release that counts no longer; `source`: movement, change or redo."""
    return {
        "id": ids.new_id(ids.CALL_VOID, at),
        "call_id": call_id,
        "declaration_id": declaration_id,
        "agency": agency,
        "version": version,
        "source": source,
        "source_id": source_id,
        "items": " ".join(items),
        "at": at,
    }


def add_voids(connection: Connection, call: AnyRow, rows: list[dict[str, Any]], now: datetime) -> None:
    """Voids releases, each told in the timeline of its filing."""
    if not rows:
        return
    calls.add_voids(connection, rows)
    entries.add(
        connection,
        [
            entry(
                "release_voided",
                organisation_id=call.organisation_id,
                declaration_id=row["declaration_id"],
                version=row["version"],
                agency=row["agency"],
                at=now,
                items=row["items"],
                source=row["source"],
            )
            for row in rows
        ],
    )


def _act(call: AnyRow, declaration_id: str, caller: Caller, now: datetime, changed: dict[str, str]) -> dict[str, Any]:
    return entry(
        "ship_moved",
        organisation_id=call.organisation_id,
        declaration_id=declaration_id,
        version=1,
        at=now,
        actor=caller.name,
        **changed,
    )
