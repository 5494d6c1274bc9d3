"""Carrying a ship's form forward: into the next step of its call, or from its last call into a new one, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest, MoveNotAllowed, NotFound
from declarations.form import Declaration, Row
from declarations.jsonform import to_json
from gateway import tenancy
from gateway.calls import content
from gateway.database.stores import calls, entries
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

LOOKED_AT = 10
"""Calls of a ship looked through for a form of it."""


async def next_step(window: Window, caller: Caller, call_id: str, step: str) -> dict[str, Any]:
    """The form of the call's newest filing as the next step begins with it, and what changed since that filing.

    The agent who has the call now gets it, also where another agent filed: that is what a handover hands over. Raises NotFound,
    BadRequest for a step that is none.
    """

    def read(connection: Connection) -> dict[str, Any]:
        row = tenancy.held_call(connection, caller, call_id)
        _require_step(window, row.form, step)
        filing = _fullest(window, calls.filings(connection, call_id))
        if filing is None:
            raise MoveNotAllowed("nothing of this call can be carried forward yet", "该航次没有可引用的申报")
        return _carried(connection, window, caller, filing, step, "step", row.facts)

    return await window.database.write(read)


async def last_call(window: Window, caller: Caller, imo: str, step: str, form: str) -> dict[str, Any]:
    """The form of the same ship's last call of the caller's organisation, as a new call begins with it. Raises NotFound."""
    if form not in window.calls.forms:
        raise BadRequest("this form has no calls", "该表单没有航次")
    _require_step(window, form, step)

    def read(connection: Connection) -> dict[str, Any]:
        for row in calls.of_ship(connection, caller.organisation_id, imo, LOOKED_AT):
            filing = _fullest(
                window, [each for each in calls.filings(connection, row.id) if tenancy.sees(caller, each)]
            )
            if filing is not None and row.form == form:
                return _carried(connection, window, caller, filing, step, "call", {})
        raise NotFound(f"there is no earlier call of ship {imo!r} of yours", f"没有该船（{imo}）由您办理的航次")

    return await window.database.write(read)


def _require_step(window: Window, form: str, step: str) -> None:
    steps = window.calls.forms.get(form, {})
    if step not in steps:
        raise BadRequest(f"step is one of {', '.join(steps)}", f"step 只能是 {'、'.join(steps)}")


def _fullest(window: Window, filings: Any) -> AnyRow | None:
    """The newest filing that is a clearance; else the newest that is not a mere report of movements or an emergency."""
    there = [row for row in filings if row.status != "cancelled"]
    for wanted in (
        [row for row in there if window.calls.step(row.form, row.scope).clearance],
        [row for row in there if not window.calls.step(row.form, row.scope).repeats],
    ):
        if wanted:
            newest: AnyRow = wanted[-1]
            return newest
    return None


def _carried(
    connection: Connection,
    window: Window,
    caller: Caller,
    filing: AnyRow,
    step: str,
    kind: str,
    known: dict[str, Any],
) -> dict[str, Any]:
    form, version = content.form_of(connection, window, filing)
    left = window.calls.stays.get((filing.form, kind), frozenset())
    dictionary = window.rulebook.forms[filing.form]
    carried = _without(form, left)
    changed = [
        {"item": item, "old": form.header.get(item), "new": value}
        for item, value in known.items()
        if form.header.get(item) != value and item not in left
    ]
    carried.header.update({str(change["item"]): str(change["new"]) for change in changed})
    carried.scope = step
    entries.add(
        connection,
        [
            entry(
                "call_carried",
                organisation_id=filing.organisation_id,
                declaration_id=filing.id,
                version=filing.version,
                at=window.clock(),
                actor=caller.name if tenancy.holds(caller, filing) else f"organisation:{caller.organisation_id}",
                step=step,
            )
        ],
    )
    gone = [
        {
            "item": item,
            "name_zh": dictionary.items[item].name_zh,
            "name_en": dictionary.items[item].name_en,
            "old": form.header[item],
        }
        for item in dictionary.items
        if item in left and item in form.header
    ]
    groups = [
        {
            "group": name,
            "name_zh": dictionary.groups[name].name_zh,
            "name_en": dictionary.groups[name].name_en,
            "rows": len(rows),
        }
        for name, rows in form.header.children.items()
        if name in left
    ]
    return {
        "form": to_json(dictionary, carried),
        "from": {
            "declaration_id": filing.id,
            "call_id": filing.call_id,
            "step": filing.scope,
            "version": filing.version,
            "accepted_at": version.accepted_at,
        },
        "changed": changed,
        "to_be_filled": gone,
        "groups_to_be_filled": groups,
    }


def _without(form: Declaration, left: frozenset[str]) -> Declaration:
    """The form less some items and groups, wherever they stand."""

    def copied(row: Row) -> Row:
        made = Row({item: value for item, value in row.items() if item not in left}, row.pointer)
        made.children = {
            name: [copied(each) for each in rows] for name, rows in row.children.items() if name not in left
        }
        return made

    return Declaration(form.form, form.scope, copied(form.header))
