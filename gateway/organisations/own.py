"""An organisation as its own people see it, and what its administrators change of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import NotFound
from gateway.database.stores import entries, organisations
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import entry
from gateway.organisations.fields import refuse, text_faults
from gateway.organisations.oversight import shown

if TYPE_CHECKING:
    from gateway.wiring import Window


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; None leaves it."""

    name: str | None = None
    name_en: str | None = None
    separate_duties: bool | None = None


async def show(window: Window, caller: Caller) -> dict[str, Any]:
    """The caller's organisation; raises NotFound for a token that belongs to none."""
    row = await window.database.read(lambda connection: organisations.get(connection, caller.organisation_id))
    return shown(_there(row))


async def change(window: Window, caller: Caller, wish: Change) -> dict[str, Any]:
    """Changes name or separation of duties; raises NotFound, BadRequest with faults."""
    found = [] if wish.name is None else text_faults("/name", wish.name, required=True)
    found += text_faults("/name_en", wish.name_en)
    if found:
        refuse(found)

    def store(connection: Connection) -> dict[str, Any]:
        before = _there(organisations.hold(connection, caller.organisation_id))
        name = before.name if wish.name is None else wish.name
        name_en = before.name_en if wish.name_en is None else wish.name_en or None
        separate = before.separate_duties if wish.separate_duties is None else wish.separate_duties
        organisations.change(connection, caller.organisation_id, name, name_en, separate)
        facts = {"name": name, "before": before.name, "separate_duties": "yes" if separate else "no"}
        act = entry(
            "organisation_changed",
            at=window.clock(),
            organisation_id=caller.organisation_id,
            actor=caller.name,
            **facts,
        )
        entries.add(connection, [act])
        return shown(_there(organisations.get(connection, caller.organisation_id)))

    return await window.database.write(store)


def _there(row: AnyRow | None) -> AnyRow:
    if row is None:
        raise NotFound("this token belongs to no organisation", "该令牌不属于任何单位")
    return row
