"""Explain: where a value of an agency's message came from, and the way back from an agency's element to the trader's field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from declarations.form import Declaration
from declarations.split import numbered, pointer_of, trace
from declarations.tables import MessageTable
from declarations.trace import Refused, Written, describe

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Origin:
    """The trader's field behind an agency's element; `exact` is False when only the row could be told."""

    item: str | None
    pointer: str
    exact: bool


def explain_message(
    rulebook: Rulebook,
    table: MessageTable,
    declaration: Declaration,
    filing: Mapping[str, str],
    accepted_on: date,
    *,
    target: str | None = None,
    pointer: str | None = None,
) -> list[dict[str, Any]]:
    """Every value of a message that fits `target` (a path, indexes optional) or comes from `pointer` (the trader's field)."""
    found = trace(rulebook, table, declaration, filing, accepted_on)
    return [
        _as_dict(rulebook, table, each)
        for each in found
        if (target is None or fits(target, each.target))
        and (pointer is None or pointer_of(rulebook.forms[table.form], each) == pointer)
    ]


def item_of(
    rulebook: Rulebook,
    table: MessageTable,
    declaration: Declaration,
    filing: Mapping[str, str],
    accepted_on: date,
    element: str,
) -> Origin | None:
    """The trader's field behind an element that an agency points at; for an element not sent, the row it would stand in."""
    found = [each for each in trace(rulebook, table, declaration, filing, accepted_on) if each.item]
    for each in found:
        if fits(element, each.target):
            return Origin(each.item, pointer_of(rulebook.forms[table.form], each) or "", True)
    asked = re.sub(r"\[\d+\]", "", element)
    items = [row.sources[0] for row in table.rows if re.sub(r"\[\]|\[\+\]", "", row.target) == asked and row.sources]
    item = items[0] if items and items[0] in rulebook.forms[table.form].items else None
    parent = element.rpartition("/")[0]
    for each in found:
        if parent and each.row is not None and fits(parent, each.target.rpartition("/")[0]):
            return Origin(item, f"{each.row.pointer}/{item}" if item else each.row.pointer, False)
    if item is None:
        return None
    group = rulebook.forms[table.form].items[item].group
    return Origin(item, f"/{group or item}", False)


def fits(asked: str, target: str) -> bool:
    """Whether a path names a target; an index left out means the first."""

    if "[]" in asked:
        return re.sub(r"\[\d+\]", "", target) == asked.replace("[]", "").strip("/")
    return numbered(asked) == numbered(target)


def _as_dict(rulebook: Rulebook, table: MessageTable, found: Written | Refused) -> dict[str, Any]:
    row = found.map_row
    item = rulebook.forms[table.form].items.get(found.item or "")
    code_row = found.code_row if isinstance(found, Written) else None
    error = describe(found.error) if isinstance(found, Refused) else None
    return {
        "agency": table.agency,
        "message": table.message,
        "version": table.version,
        "target": found.target,
        "value": found.value if isinstance(found, Written) else None,
        "error": {"zh": error[0], "en": error[1]} if error else None,
        "item": found.item,
        "item_name_zh": item.name_zh if item else None,
        "item_name_en": item.name_en if item else None,
        "source": found.operand if isinstance(found, Written) else None,
        "pointer": pointer_of(rulebook.forms[table.form], found),
        "typed": found.typed,
        "line": row.line,
        "how": row.how,
        "arg": row.arg,
        "when": row.row["when"],
        "reference": row.reference,
        "note": row.note,
        "table": {"path": row.row.path, "row": row.row.line, "sha256": rulebook.bundle.digests[row.row.path]},
        "code_row": {
            "path": code_row.path,
            "row": code_row.line,
            "sha256": rulebook.bundle.digests[code_row.path],
            **code_row,
        }
        if code_row is not None
        else None,
        "schema": {"path": table.schema, "sha256": rulebook.bundle.digests[table.schema]},
        "bundle": rulebook.digest,
    }
