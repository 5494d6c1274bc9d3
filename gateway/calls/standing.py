"""Where a call stands: its clearances and what bars the ship from sailing, from the legs of its filings. Pure but for the rows it
is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from declarations.status import DONE
from gateway.calls.tables import ENTRY, EXIT
from gateway.database.stores import calls
from gateway.database.types import AnyRow

if TYPE_CHECKING:
    from gateway.wiring import Window

HELD = "held"
REOPENED = "reopened"
RETURNED = frozenset({"rejected", "not_passed", "cancelled", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Bar:
    """One reason why the ship may not sail: its code in call_words.csv, and the agency it lies with ("" = none)."""

    code: str
    agency: str = ""
    declaration_id: str = ""


@dataclass(slots=True)
class Standing:
    """A call with its filings, legs in force, open voids and open decisions, as one moment sees them."""

    call: AnyRow
    filings: Sequence[AnyRow]
    legs: Sequence[AnyRow]
    voids: Sequence[AnyRow]
    changes: Sequence[AnyRow]
    entry: AnyRow | None = None
    exit: AnyRow | None = None
    """The filings that are the entry and the exit clearance; of several the newest that is not cancelled."""
    by_filing: dict[str, list[AnyRow]] = field(default_factory=dict)

    def legs_of(self, declaration_id: str) -> list[AnyRow]:
        return self.by_filing.get(declaration_id, [])

    @property
    def open_changes(self) -> list[AnyRow]:
        return [row for row in self.changes if row.decision is None]


def standing(
    window: Window,
    call: AnyRow,
    filings: Sequence[AnyRow],
    legs: Sequence[AnyRow],
    voids: Sequence[AnyRow],
    changes: Sequence[AnyRow],
) -> Standing:
    found = Standing(call, filings, legs, voids, changes)
    for leg in legs:
        found.by_filing.setdefault(leg.declaration_id, []).append(leg)
    for clearance in (ENTRY, EXIT):
        steps = window.calls.steps_of(call.form, clearance)
        there = [row for row in filings if row.scope in steps and row.status != "cancelled"]
        setattr(found, clearance, there[-1] if there else None)
    return found


def bars(found: Standing) -> list[Bar]:
    """Everything that bars the ship from sailing; empty: the clearance may be issued, or stays valid."""
    reasons: list[Bar] = []
    if found.exit is None:
        reasons.append(Bar("no_exit"))
    else:
        reasons += _of_filing(found, found.exit, "not_released")
    if found.entry is None:
        reasons.append(Bar("no_entry"))
    elif found.exit is None or found.entry.id != found.exit.id:
        reasons += _of_filing(found, found.entry, "entry_open")
    concerned = {row.id for row in (found.entry, found.exit) if row is not None}
    reasons += [Bar("void", row.agency, row.declaration_id) for row in found.voids if row.declaration_id in concerned]
    # what changed after issue is maritime's to decide first; a mere delay leaves the clearance as it is
    reasons += [Bar("decision") for row in found.open_changes if row.kind == "change"]
    return list(dict.fromkeys(reasons))


def _of_filing(found: Standing, filing: AnyRow, open_code: str) -> list[Bar]:
    """What its legs say: all that are required have released, and none is held, reopened or returned."""
    reasons = []
    legs = found.legs_of(filing.id)
    required = [leg for leg in legs if leg.required_for_release] or legs
    for leg in legs:
        state = leg.state or leg.delivery
        if state == HELD:
            reasons.append(Bar("held", leg.agency, filing.id))
        elif state == REOPENED:
            reasons.append(Bar("reopened", leg.agency, filing.id))
        elif leg in required and state in RETURNED:
            reasons.append(Bar("returned", leg.agency, filing.id))
        elif leg in required and state not in DONE:
            reasons.append(Bar(open_code, leg.agency, filing.id))
    return reasons or ([] if legs else [Bar(open_code, "", filing.id)])


def cleared(found: Standing, clearance: str) -> bool:
    """Whether this clearance (entry or exit) is granted as things are."""
    filing = found.entry if clearance == ENTRY else found.exit
    if filing is None:
        return False
    return not _of_filing(found, filing, "open") and not any(row.declaration_id == filing.id for row in found.voids)


def stage(found: Standing, certificate: AnyRow | None) -> str:
    """How far the call is: a code of call_words.csv, kind `stage`."""
    if found.call.state != calls.OPEN:
        return str(found.call.state)
    if certificate is not None and certificate.state == "valid":
        return "certificate_issued"
    if found.exit is not None and (found.entry is None or found.exit.id != found.entry.id):
        return "exit_review"
    if found.entry is None:
        urgent = found.filings and all(row.scope == "emergency" for row in found.filings)
        return "emergency_only" if urgent else "expected"
    return "entry_cleared" if cleared(found, ENTRY) else "entry_review"
