"""Sharing: what a ship's manifest says under one transport document, for goods declarations (mappings/manifest_items.csv).

Whoever names the whole number of a transport document gets what stands under it, and nothing of any other: it is printed on the
paper its holder has. Prefixes find nothing. Own filings and those of the organisation's principals come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.form import Declaration, Row
from gateway import tenancy
from gateway.calls import content
from gateway.database.stores import calls, entries, manifests
from gateway.database.types import AnyRow
from gateway.finding import normalised
from gateway.identity import Caller
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

BILL_GROUPS = {
    "cargo_items": "transport_document_id",
    "containers": "container_transport_document_id",
}
"""Group of the manifest -> its item with the number of the transport document."""


def of_bill(
    connection: Connection, window: Window, caller: Caller, form_name: str, bill: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Values for a goods form with where each is from, and the rows of its groups; both empty where no live call has the bill."""
    filing = _filing(connection, window, caller, normalised(bill))
    if filing is None:
        return [], {}
    form, _version = content.form_of(connection, window, filing)
    rows = _rows(form, normalised(bill))
    if not any(rows.values()):
        return [], {}
    items: list[dict[str, Any]] = []
    groups: dict[str, list[dict[str, str]]] = {}
    for item in (each for each in window.calls.manifest if each.form == form_name):
        if not item.source_group:
            if value := form.header.get(item.source):
                items.append(_item(item.target, value, item.source))
            continue
        found = [row[item.source] for row in rows.get(item.source_group, []) if item.source in row]
        if item.target_group:
            for place, value in enumerate(found):
                group = groups.setdefault(item.target_group, [])
                group.extend({} for _ in range(place + 1 - len(group)))
                group[place][item.target] = value
        elif len(set(found)) == 1:
            items.append(_item(item.target, found[0], item.source))
    act = entry(
        "manifest_shared",
        organisation_id=filing.organisation_id,
        declaration_id=filing.id,
        version=filing.version,
        at=window.clock(),
        actor=caller.name if tenancy.sees(caller, filing) else f"organisation:{caller.organisation_id}",
        bill=bill,
    )
    entries.add(connection, [act])
    return items, groups


def keep(connection: Connection, call_id: str, declaration_id: str, form: Declaration) -> None:
    """Notes which transport documents a filing's manifest speaks of."""
    bills = (normalised(row[item]) for group, item in BILL_GROUPS.items() for row in form.rows(group) if item in row)
    manifests.add(connection, call_id, declaration_id, bills)


def _filing(connection: Connection, window: Window, caller: Caller, bill: str) -> AnyRow | None:
    """The newest filing of a live call whose manifest has this very number; one the caller sees goes first."""
    steps = {
        (form, name) for form, steps in window.calls.forms.items() for name, step in steps.items() if step.clearance
    }
    there = [
        row
        for row in manifests.with_bill(connection, bill)
        if (row.form, row.scope) in steps and row.status != "cancelled" and row.call_state == calls.OPEN
    ]
    own = [row for row in there if tenancy.sees(caller, row)]
    found = own or there
    return found[0] if found else None


def _rows(form: Declaration, bill: str) -> dict[str, list[Row]]:
    return {
        group: [row for row in form.rows(group) if normalised(row.get(item, "")) == bill]
        for group, item in BILL_GROUPS.items()
    }


def _item(target: str, value: str, source: str) -> dict[str, Any]:
    return {
        "item": target,
        "value": value,
        "from": "manifest",
        "organisation": None,
        "field": source,
        "certainty": "fact",
        "verified": False,
    }
