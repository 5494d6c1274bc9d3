"""Persons of the vessel form from machine readable zones, as an officer pastes them from a passport reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from declarations.dictionary import Form
from declarations.faults import Fault
from declarations.mrz import FILLER, MrzFault, TravelDocument, read_mrz
from declarations.rules.vessel.tables import VesselTables
from declarations.words import FaultWords

PERSON_GROUPS = ("crew", "passengers")
_CODED = ("document_code", "sex", "nationality", "issuing_state")


def people_from_mrz(
    form: Form, tables: VesselTables, words: FaultWords, group: str, lines: Sequence[str], today: date, first: int = 1
) -> tuple[list[dict[str, str]], list[Fault]]:
    """Rows of `group` (crew or passengers) and everything that does not check.

    Rows are numbered from `first`. A document that cannot be read has no row; one whose check digits are wrong has: its
    faults say what to compare. `pointer` is into the rows of this answer, `line` counts in what was pasted.
    """
    rows: list[dict[str, str]] = []
    faults: list[Fault] = []
    items = tables.mrz_items[group]
    for document in read_mrz(lines, today):
        pointer = f"/{group}/{len(rows)}" if document.readable else f"/{group}"
        faults += [_fault(form, words, items, pointer, fault) for fault in document.faults]
        if document.readable:
            rows.append(_row(tables, items, document, first + len(rows)))
    return rows, faults


def _row(tables: VesselTables, items: Mapping[str, str], document: TravelDocument, number: int) -> dict[str, str]:
    given = {
        "sequence": str(number),
        "family_name": document.family_name,
        "given_name": document.given_name or tables.texts["no_name"],
        "birth": document.birth,
        "number": document.number,
        "expiry": document.expiry,
        **{part: _code(tables, part, getattr(document, part)) for part in _CODED},
    }
    return {items[part]: value for part, value in given.items() if value and part in items}


def _code(tables: VesselTables, part: str, sign: str) -> str:
    """Our code for a sign of the zone, by the table; document codes by their beginning, others by the whole."""
    for known, code in tables.mrz_codes.get(part, ()):
        if sign == known or (part == "document_code" and sign.startswith(known)):
            return code
    return sign.strip(FILLER)


def _fault(form: Form, words: FaultWords, items: Mapping[str, str], pointer: str, fault: MrzFault) -> Fault:
    item = items.get(fault.part)
    at = f"{pointer}/{item}" if item else pointer
    return words.fault(fault.code, form, item, at, fault.line, value=fault.value, expected=fault.expected)
