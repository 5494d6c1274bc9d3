"""Split: one valid declaration becomes each agency's message, rendered by its table and validated by its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, cast

from lxml import etree

from declarations.conversions import Unmapped
from declarations.dictionary import Form
from declarations.errors import InvalidDeclaration
from declarations.faults import LIMIT, Fault
from declarations.form import Declaration
from declarations.parsing import parse_xml
from declarations.routing import CARRIED, Leg, carried_values, plan
from declarations.tablecontext import MissingValue
from declarations.tables import MessageTable
from declarations.trace import Refused, Tracer, Written, describe
from declarations.xmlform import schema_errors

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class AgencyMessage:
    """A leg and its message: exact bytes, valid by the agency's schema; None while the leg waits."""

    leg: Leg
    body: bytes | None


def split(
    rulebook: Rulebook, declaration: Declaration, filing: Callable[[Leg], Mapping[str, str]], accepted_on: date
) -> list[AgencyMessage]:
    """Every leg's message on the acceptance date. `filing` gives the window's own values for a leg (mappings/filing.csv).

    Raises InvalidDeclaration when a table or an agency's schema refuses a value, with faults at the trader's own items.
    """
    messages = []
    for leg in plan(rulebook, declaration, accepted_on):
        body = None if leg.waits_for else render(rulebook, leg, declaration, filing(leg), accepted_on)
        messages.append(AgencyMessage(leg, body))
    return messages


def carried(rulebook: Rulebook, leg: Leg, value: str, declaration: Declaration, accepted_on: date) -> dict[str, str]:
    """The window's values that a waiting leg gets with the answer it waited for (routing.csv, `carries`)."""
    found = {}
    for name, function in carried_values(leg.carries or ""):
        found[name] = CARRIED[function](declaration, rulebook.codes, accepted_on) if function else value
    return found


def render(
    rulebook: Rulebook, leg: Leg, declaration: Declaration, filing: Mapping[str, str], accepted_on: date
) -> bytes:
    """One agency message as exact bytes, parsed back and validated. Raises InvalidDeclaration."""
    table = rulebook.agencies[leg.agency].table(leg.message, leg.version)
    filing = {**filing, "scope": declaration.scope}
    program = rulebook.program(table, accepted_on, plain=declaration.plain)
    try:
        body = program.render(declaration, filing).encode()
    except (MissingValue, Unmapped, ValueError, ArithmeticError) as error:
        faults = refusals(rulebook, table, declaration, filing, accepted_on)
        raise InvalidDeclaration(str(error), faults=faults) from error
    root = parse_xml(body)
    schema = rulebook.schema(table.schema)
    if not schema.validate(root):
        faults = _schema_faults(rulebook, table, declaration, filing, accepted_on, root, schema)
        raise InvalidDeclaration(f"{leg.agency} {leg.message} is not valid by its schema", faults=faults)
    return body


def trace(
    rulebook: Rulebook, table: MessageTable, declaration: Declaration, filing: Mapping[str, str], accepted_on: date
) -> list[Written | Refused]:
    """Every value of a message with where it came from."""
    filing = {**filing, "scope": declaration.scope}
    return list(Tracer(rulebook.table_context(table, accepted_on), declaration, filing).run())


def refusals(
    rulebook: Rulebook, table: MessageTable, declaration: Declaration, filing: Mapping[str, str], accepted_on: date
) -> list[Fault]:
    """The faults of values a table refused, each at the trader's item."""
    faults = []
    for found in trace(rulebook, table, declaration, filing, accepted_on):
        if isinstance(found, Refused):
            zh, en = describe(found.error)
            faults.append(
                _fault(
                    rulebook,
                    "F-MAP",
                    table,
                    found.item,
                    pointer_of(rulebook.forms[table.form], found),
                    found.target,
                    zh,
                    en,
                )
            )
    return faults[:LIMIT]


def _schema_faults(
    rulebook: Rulebook,
    table: MessageTable,
    declaration: Declaration,
    filing: Mapping[str, str],
    accepted_on: date,
    root: etree._Element,
    schema: etree.XMLSchema,
) -> list[Fault]:
    """What an agency's schema refused, brought back to the trader's items by the same table that made the message."""
    written = {
        numbered(found.target): found
        for found in trace(rulebook, table, declaration, filing, accepted_on)
        if isinstance(found, Written)
    }
    faults = []
    for path, words in schema_errors(schema):
        elements = cast("list[etree._Element]", root.xpath(path)) if path else []
        target = element_path(elements[0]) if elements else ""
        source = written.get(numbered(target))
        item = source.item if source else None
        pointer = pointer_of(rulebook.forms[table.form], source) if source else None
        faults.append(_fault(rulebook, "F-OUTPUT", table, item, pointer, target, words, words))
    return faults[:LIMIT]


def pointer_of(form: Form, found: Written | Refused) -> str | None:
    """JSON pointer of the trader's field behind a value; None for a value of the window."""
    return form.pointer(found.row, found.item) if found.item and found.row is not None else None


def numbered(path: str) -> str:
    """A path with every index written out: 'DecLists/DecList/GQty' -> 'DecLists[1]/DecList[1]/GQty[1]'."""
    return "/".join(part if part.endswith("]") else f"{part}[1]" for part in path.strip("/").split("/"))


def element_path(element: etree._Element) -> str:
    """'DecLists/DecList[2]/GQty': local names below the root, numbered where the parent has several of the name."""
    parts: list[str] = []
    while (parent := element.getparent()) is not None:
        same = [child for child in parent if child.tag == element.tag]
        name = etree.QName(element).localname
        parts.append(f"{name}[{same.index(element) + 1}]" if len(same) > 1 else name)
        element = parent
    return "/".join(reversed(parts))


def _fault(
    rulebook: Rulebook,
    code: str,
    table: MessageTable,
    item: str | None,
    place: str | None,
    target: str,
    zh: str,
    en: str,
) -> Fault:
    agency = rulebook.agencies[table.agency]
    pointer = place or ""
    form = rulebook.forms[table.form]
    named = {"agency": agency.name_zh, "target": target, "value": zh}
    zh_words = rulebook.words.fault(code, form, item, pointer, None, **named)
    en_words = rulebook.words.fault(code, form, item, pointer, None, **{**named, "agency": agency.name_en, "value": en})
    return Fault(code, item, pointer, None, zh_words.message_zh, en_words.message_en, table.agency)
