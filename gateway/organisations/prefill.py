"""Prefill: the party items of a form from the papers of who files and of whose goods they are (`qualification_items.csv`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest, NotFound
from gateway import mandates
from gateway.calls import manifests
from gateway.database.stores import entries, organisations, papers
from gateway.identity import Caller
from gateway.journal import entry
from gateway.organisations.tables import DECLARANT, DETAILS, TRADER

if TYPE_CHECKING:
    from gateway.wiring import Window


async def prefill(
    window: Window,
    caller: Caller,
    form: str,
    direction: str | None,
    on_behalf_of: str | None,
    bill: str | None = None,
) -> dict[str, Any]:
    """Values for the form, each with where it comes from; with a transport document's number (`bill`) also what the manifest of
    a live call says under it. Raises NotFound for a form or direction that is none,
    MandateNotInForce for a principal that has given the caller's organisation no mandate."""
    if form not in window.rulebook.forms:
        raise NotFound(f"there is no form {form!r}", f"没有表单 {form}")
    known = {each for filling in window.organisations.fillings for each in filling.directions}
    if direction is not None and direction not in known:
        raise BadRequest(
            f"direction is one of {', '.join(sorted(known))}", f"direction 只能是 {'、'.join(sorted(known))}"
        )
    acting = await mandates.on_behalf(window, caller, on_behalf_of)

    def read(connection: Connection) -> dict[str, Any]:
        sources = {TRADER: acting.for_id or caller.organisation_id, DECLARANT: caller.organisation_id}
        found = {role: papers.get(connection, organisation_id) for role, organisation_id in sources.items()}
        organisation = organisations.get(connection, caller.organisation_id)
        kinds = set(organisation.kinds.split()) if organisation is not None else set()
        values: dict[str, str] = {}
        items = []
        for filling in window.organisations.fillings:
            row = found[filling.role]
            in_own_name = filling.role == DECLARANT or acting.for_id is None
            if (
                row is None
                or filling.form != form
                or (direction is not None and direction not in filling.directions)
                or (in_own_name and not filling.kinds & kinds)
            ):
                continue
            value = row.details.get(filling.field) if filling.field in DETAILS else getattr(row, filling.field)
            if value:
                values[filling.item] = value
                items.append(
                    {
                        "item": filling.item,
                        "value": value,
                        "from": filling.role,
                        "organisation": sources[filling.role],
                        "field": filling.field,
                        "certainty": filling.certainty,
                        "verified": row.verified_at is not None,
                    }
                )
        if acting.for_id is not None:
            seen = entry(
                "papers_used",
                at=window.clock(),
                organisation_id=acting.for_id,
                actor=f"organisation:{caller.organisation_id}",
                form=form,
            )
            entries.add(connection, [seen])
        shared, groups = manifests.of_bill(connection, window, caller, form, bill) if bill else ([], {})
        items += shared
        values |= {each["item"]: each["value"] for each in shared}
        return {
            "form": form,
            "values": values,
            "items": items,
            "groups": groups,
            "on_behalf_of": mandates.shown(acting),
        }

    if acting.for_id is None and bill is None:
        return await window.database.read(read)
    return await window.database.write(read)
