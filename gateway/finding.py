"""By which numbers and names a declaration is found: keys of its form, of each version, and of its agencies' answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from declarations.agency import Agency
from declarations.form import Declaration

KINDS: dict[str, tuple[str, ...]] = {
    "reference": ("trader_assigned_reference_id",),
    "bill": ("transport_document_id",),
    "container": ("container_id",),
    "contract": ("contract_id",),
    "party": (
        "domestic_trader_name", "domestic_trader_customs_id", "domestic_trader_uscc", "domestic_trader_inspection_id",
        "owner_name", "owner_customs_id", "declarant_name", "declarant_customs_id", "declarant_inspection_id",
        "overseas_trader_name",
    ),
    "ship": ("transport_means_name", "ship_name_en", "ship_name_zh", "ship_imo_number", "ship_call_sign"),
    "voyage": ("voyage_id",),
    "client_reference": ("client_reference_id",),
    # typed by a trader who had the number already; other documents' numbers are found by it too, which does no harm
    "clearance_form": ("regulatory_document_id",),
}  # fmt: skip
"""Kind of key -> the form's items that carry it."""
ANSWERED = ("customs_entry", "inspection_number", "maritime_number", "border_number", "unified_number", "certificate")
ALL_KINDS = (*KINDS, *ANSWERED)
SHARED = ("party", "ship", "voyage")
"""Kinds whose values very many declarations have in common."""
LAST_DIGITS = 4
"""Fewer characters than this find only a whole value."""
_BILL_PARTS = re.compile(r"[*_]")


def normalised(value: str) -> str:
    """What is compared: width and case folded, no blanks at the ends. `ＭＳＫＵ` and `msku` are the same container."""
    return unicodedata.normalize("NFKC", value).strip().upper()


def form_keys(declaration: Declaration) -> set[tuple[str, str]]:
    """(kind, value) of everything in a form that people look for."""
    found: set[tuple[str, str]] = set()
    rows = [row for _, row in declaration.walk()]
    for kind, items in KINDS.items():
        for item in items:
            found.update((kind, row[item]) for row in rows if item in row)
    # sea house bills are written main*house, air main_house; people have either part at hand
    bills = [value for kind, value in found if kind == "bill"]
    found.update(("bill", part) for bill in bills for part in _BILL_PARTS.split(bill) if part)
    return found


def answer_keys(agency: Agency, numbers: dict[str, str | None]) -> set[tuple[str, str]]:
    """(kind, value) of the numbers an agency's answers gave: agency_reference, unified_number, clearance_form_id."""
    kinds = {
        "agency_reference": agency.reference_kind,
        "unified_number": "unified_number",
        "clearance_form_id": "clearance_form",
    }
    return {(kinds[name], value) for name, value in numbers.items() if value}


def key_rows(
    keys: Iterable[tuple[str, str]], organisation_ids: Sequence[str], declaration_id: str
) -> list[dict[str, Any]]:
    """Rows of the search table, each once for each organisation that may find the declaration."""
    found = {(kind, normalised(value)) for kind, value in keys}
    return [
        {
            "organisation_id": organisation_id,
            "declaration_id": declaration_id,
            "kind": kind,
            "value": value,
            # names have no last digits: `有限公司` would find everybody
            "reversed": value[::-1] if any(character.isdigit() for character in value) else None,
        }
        for organisation_id in organisation_ids
        for kind, value in sorted(found)
        if value
    ]
