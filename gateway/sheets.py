"""Sheets: rows out of spreadsheets and out of passports' lines, checked and handed back; groups of a filing as a spreadsheet.

Nothing is stored. What is handed out of a filing is journalled, as every look at what was declared.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from adapters.workbooks import read_workbook, write_workbook
from declarations.checking import read_form
from declarations.dictionary import Form
from declarations.errors import BadRequest, NotFound
from declarations.faults import LIMIT
from declarations.mrzrows import people_from_mrz
from declarations.rulebook import Rulebook
from declarations.rules.engine import rule_set
from declarations.rules.vessel.tables import VESSEL
from declarations.sheets.csvtext import read_csv, write_csv
from declarations.sheets.reading import Mode, SheetRead, fullest_scope, read_sheet
from declarations.sheets.writing import SheetTable, group_table
from gateway import ask
from gateway.database.stores import declarations
from gateway.identity import Caller
from gateway.tenancy import owned

if TYPE_CHECKING:
    from gateway.wiring import Window

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
FORMATS = {"xlsx": XLSX, "csv": CSV}


def form_with(rulebook: Rulebook, form: str, group: str) -> Form:
    """The form, if it has the group; raises NotFound."""
    found = rulebook.forms.get(form)
    if found is None or group not in found.groups:
        raise NotFound(f"form {form!r} has no group {group!r}", f"表单 {form} 没有分组 {group}")
    return found


async def read(
    window: Window, form: str, group: str, body: bytes, media_type: str, scope: str, mode: Mode
) -> dict[str, Any]:
    """What a spreadsheet holds, for JSON. Raises UnreadableSheet, NotFound, BadRequest."""
    rulebook = window.rulebook
    described = form_with(rulebook, form, group)
    if scope and scope not in described.scopes:
        said = ", ".join(described.scopes)
        raise BadRequest(f"filing_scope must be one of {said}", f"filing_scope 只能是 {said}")
    context = rulebook.context(window.clock(), window.settings.profile)
    chosen = scope or fullest_scope(described, group)

    def work() -> SheetRead:
        named = described.groups[group]
        sheet = read_csv(body) if media_type == CSV else read_workbook(body, group, named.name_zh, named.name_en)
        return read_sheet(rulebook, described, group, sheet, context, scope=chosen, mode=mode)

    found = await asyncio.to_thread(work)
    return {"form": form, "group": group, "filing_scope": chosen, **shown(found)}


def shown(found: SheetRead) -> dict[str, Any]:
    """A read sheet for JSON: errors before warnings where there are too many to tell."""
    told = sorted(found.faults, key=lambda each: each.fault.severity != "error")[:LIMIT]
    kept = [each for each in found.faults if each in told] if len(found.faults) > LIMIT else found.faults
    return {
        "valid": found.valid,
        "count": found.count,
        "refused": found.refused,
        "rows": found.rows,
        "faults": [each.as_dict() for each in kept],
        "faults_left_out": len(found.faults) - len(kept),
    }


def template(window: Window, form: str, group: str, kind: str) -> bytes:
    """The empty spreadsheet of a group. Raises NotFound, BadRequest."""
    described = form_with(window.rulebook, form, group)
    today = window.rulebook.context(window.clock(), window.settings.profile).today
    return written(group_table(described, window.rulebook.codes, group, today), kind)


def written(table: SheetTable, kind: str) -> bytes:
    """A table as a file of one of FORMATS; raises BadRequest."""
    if kind not in FORMATS:
        raise BadRequest(f"format must be one of {', '.join(FORMATS)}", f"format 只能是 {'、'.join(FORMATS)}")
    return write_workbook(table) if kind == "xlsx" else write_csv(table.lines)


async def export(
    window: Window, caller: Caller, declaration_id: str, group: str, number: int | None, kind: str
) -> tuple[bytes, str]:
    """(file, a name to save under) of a group of a version as it was filed, by the tables of its acceptance."""

    def find(connection: Connection) -> tuple[SheetTable, str]:
        row = owned(connection, caller, declaration_id)
        wanted = row.version if number is None else number
        if wanted not in {each.version for each in declarations.versions(connection, declaration_id)}:
            raise NotFound(
                f"there is no version {wanted} of {declaration_id}", f"申报 {declaration_id} 没有第 {wanted} 版"
            )
        version = declarations.version(connection, declaration_id, wanted)
        rulebook = window.rulebook_of(connection, version.bundle_digest)
        filed = read_form(rulebook, version.body, version.media_type)
        described = form_with(rulebook, filed.form, group)
        accepted_on = rulebook.context(version.accepted_at, version.profile).accepted_on
        return group_table(described, rulebook.codes, group, accepted_on, filed), f"{declaration_id}.{wanted}"

    table, version_id = await window.database.read(find)
    found = await asyncio.to_thread(written, table, kind)
    await ask.looked(window, caller, declaration_id, message_id=version_id)
    return found, f"{version_id}-{group}.{kind}"


def people(window: Window, group: str, lines: list[str], first: int) -> dict[str, Any]:
    """Crew or passengers out of machine readable zones, for JSON. Raises NotFound, BadRequest."""
    rulebook = window.rulebook
    form = form_with(rulebook, VESSEL, group)
    tables: Any = rule_set(rulebook, VESSEL).tables
    if group not in tables.mrz_items:
        said = ", ".join(tables.mrz_items)
        raise BadRequest(f"group must be one of {said}", f"group 只能是 {said}")
    today = rulebook.context(window.clock(), window.settings.profile).today
    rows, faults = people_from_mrz(form, tables, rulebook.words, group, lines, today, first)
    return {
        "group": group,
        "valid": not any(fault.severity == "error" for fault in faults),
        "rows": rows,
        "faults": [fault.as_dict() for fault in faults[:LIMIT]],
        "faults_left_out": max(len(faults) - LIMIT, 0),
    }
