"""Rules of attachments: what must be listed, and how the files are named."""

from __future__ import annotations

import re
from collections.abc import Sequence

from declarations.form import Row
from declarations.rules.rule import CONTEXT, Finding, RuleContext, optional, rows, rule

_FILE_NAME = re.compile(r"(?P<office>[0-9]{4})(?P<type>[0-9]{8})IM[0-9]{18}\.pdf")
"""Office, attachment type, IM, 18 digits (facts section 3, EdocRealation)."""


def _absent(
    agency: str, direction: str, declaration_type: str, given: set[str | None], context: RuleContext
) -> list[tuple[str, tuple[str, str]]]:
    """(code, names) of the attachments the table wants and the form does not list."""
    table = context.tables.attachments
    needs = [*table.get((agency, direction, ""), ())]
    if declaration_type:
        needs += table.get((agency, direction, declaration_type), ())
    return [
        (need.attachment_type, context.code_name(need.code_list, need.attachment_type))
        for need in needs
        if need.attachment_type not in given
    ]


@rule(
    "R-DOC-01",
    "trade_direction_code",
    optional("customs_declaration_type_code"),
    rows("attachments", "attachment_type_code"),
    CONTEXT,
)
def attachments_are_listed(
    direction: str, declaration_type: str | None, attachments: Sequence[Row], context: RuleContext
) -> list[Finding] | None:
    """By table: since 2014 paperless exports need no contract, invoice or packing list up front."""
    given = {row.get("attachment_type_code") for row in attachments}
    return [
        Finding("attachment_type_code", group="attachments", code=code, name=name)
        for code, name in _absent("customs", direction, declaration_type or "", given, context)
    ] or None


@rule("R-DOC-01", "attachment_id", optional("attachment_type_code"), optional("declaration_office_code"))
def attachment_is_well_named(name: str, attachment_type: str | None, office: str | None) -> bool | Finding:
    """A file is named declaration office, type, IM, 18 digits, .pdf."""
    found = _FILE_NAME.fullmatch(name)
    if (
        found
        and (office is None or found["office"] == office)
        and (attachment_type is None or found["type"] == attachment_type)
    ):
        return True
    expected = f"{office or 'NNNN'}{attachment_type or 'NNNNNNNN'}IM{'N' * 18}.pdf"
    return Finding(value=name, words="name", expected=expected)


@rule("R-DOC-02", "trade_direction_code", rows("inspection_attachments", "inspection_attachment_type_code"), CONTEXT)
def inspection_attachments_are_listed(
    direction: str, attachments: Sequence[Row], context: RuleContext
) -> list[Finding] | None:
    """By table; a warning, since inspection's own list of types is not public. That some are given is R-HDR-01."""
    if not attachments:
        return None
    given = {row.get("inspection_attachment_type_code") for row in attachments}
    return [
        Finding("inspection_attachment_type_code", group="inspection_attachments", code=code, name=name)
        for code, name in _absent("inspection", direction, "", given, context)
    ] or None
