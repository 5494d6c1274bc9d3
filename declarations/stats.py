"""Figures of the live tables: items per form and agency, shared items, and what filing once saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook


def table_stats(rulebook: Rulebook) -> dict[str, Any]:
    """{"forms": {form: {items, shared, ext, by_agency, reduction: {saved, of, agencies}}}}, counted over base items.

    `of` is what separate forms would ask: each agency's base items added up. `saved` is what the merged form spares.
    """
    forms: dict[str, Any] = {}
    for name, form in rulebook.forms.items():
        base = [item for item in form.items.values() if item.profile == "base"]
        by_agency = {
            agency: {
                "items": sum(agency in item.obligations for item in base),
                "mandatory": sum(item.obligations.get(agency) == "M" for item in base),
                "ext": sum(agency in item.obligations for item in form.items.values() if item.profile == "ext"),
            }
            for agency in form.agencies
        }
        separate = sum(counted["items"] for counted in by_agency.values())
        forms[name] = {
            "items": len(base),
            "shared": sum(len(item.obligations) > 1 for item in base),
            "ext": len(form.items) - len(base),
            "by_agency": by_agency,
            "reduction": {"saved": separate - len(base), "of": separate, "agencies": list(form.agencies)},
        }
    return {"forms": forms}
