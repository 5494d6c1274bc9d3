"""ISO 28005 electronic port clearance (EPC): a ship's filing as request, its combined status as acknowledge.

Namespace, root, the header's members, the body's groups and one status per authority are known from public sources; the names
inside the groups and four of the five status values are a reconstruction, for the standard itself is not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lxml import etree

from declarations.agencycodes import AgencyCodes
from declarations.compiler import Program
from declarations.dateforms import SHANGHAI
from declarations.errors import BadConfiguration, InvalidDeclaration
from declarations.form import Declaration
from declarations.rulebook import Rulebook
from declarations.tablecontext import TableContext
from declarations.tables import MessageTable, TableFaults, load_message

NAMESPACE = "http://www.iso.org/28005-2"
FOLDER = "mappings/exports/iso28005"
STATUSES = f"{FOLDER}/statuses.csv"
FORM = "vessel"
VALUES = frozenset({"accepted_at", "message_id"})
"""What a table of an export may take from the window: when the filing was accepted, and the id of its version."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Where one authority stands: the state of its message, in its own words, and whether the single window reaches it."""

    authority: str
    state: str
    comment: str = ""
    uses_window: bool = True


def request(rulebook: Rulebook, declaration: Declaration, values: Mapping[str, str], on: date) -> bytes:
    """The filing as `EPCRequestBody`. `values`: those of VALUES. Raises InvalidDeclaration where a value cannot be written."""
    table = _table(rulebook)
    own = AgencyCodes(table.agency, rulebook.codes)
    context = TableContext(table, rulebook.forms[table.form], VALUES, rulebook.codes, own, str(SHANGHAI), on)
    try:
        return Program(context, plain=declaration.plain).render(declaration, values).encode()
    except (ValueError, ArithmeticError) as error:
        raise InvalidDeclaration(f"ISO 28005: {error}", f"ISO 28005：{error}") from error


def acknowledge(
    rulebook: Rulebook, declaration: Declaration, clearances: Iterable[Clearance], journal_number: str, at: datetime
) -> bytes:
    """What the authorities answered so far, as `EPCAcknowledgeBody`: one `EPCClearanceStatus` for each."""
    statuses = {row["state"]: row["status"] for row in rulebook.bundle.table(STATUSES)}
    default: Any = {None: NAMESPACE}
    root = etree.Element(_name("EPCMessage"), nsmap=default)
    head = etree.SubElement(root, _name("EPCMessageHeader"))
    direction = {"A": "Arrival", "D": "Departure"}.get(declaration.header.get("arrival_departure_code", ""), "")
    for name, text in (
        ("SenderId", "onewindow"),
        ("SentTime", at.astimezone(SHANGHAI).isoformat(timespec="seconds")),
        ("ShipMessageId", declaration.header.get("trader_assigned_reference_id", "")),
        ("ArrivalDeparture", direction),
        ("JournalNumber", journal_number),
        ("MessageType", "Acknowledge"),
        ("ReportingSystem", "onewindow"),
        ("Version", _table(rulebook).version),
    ):
        if text:
            etree.SubElement(head, _name(name)).text = text
    body = etree.SubElement(root, _name("EPCAcknowledgeBody"))
    for clearance in clearances:
        status = etree.SubElement(body, _name("EPCClearanceStatus"))
        etree.SubElement(status, _name("Authority")).text = clearance.authority
        request_status = etree.SubElement(status, _name("RequestStatus"))
        etree.SubElement(request_status, _name("Status")).text = statuses[clearance.state]
        if clearance.comment:
            etree.SubElement(request_status, _name("Comment")).text = clearance.comment
        etree.SubElement(status, _name("UsesSW")).text = "true" if clearance.uses_window else "false"
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _table(rulebook: Rulebook) -> MessageTable:
    faults = TableFaults()
    table = load_message(rulebook.bundle, f"{FOLDER}/EPCRequest", faults)
    faults.raise_if_any("mappings/exports")
    if table is None:
        raise BadConfiguration(f"{FOLDER} cannot be used", f"{FOLDER} 无法使用")
    return table


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
