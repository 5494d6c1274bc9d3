"""Check: bytes from any door become one declaration, or all of its faults at once (design.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Protocol

from lxml import etree

from declarations.errors import UnreadableDocument
from declarations.faults import LIMIT, Fault, has_errors
from declarations.form import Declaration
from declarations.jsonform import JsonLines, json_to_xml, parse_json
from declarations.limits import MAX_ELEMENTS
from declarations.rules import engine
from declarations.structure import StructurePass
from declarations.xmlform import XmlLines, normalise, parse_form, read_tree, schema_errors, unreadable

if TYPE_CHECKING:
    from declarations.rulebook import Context, FormRules, Rulebook


SHORTEST_ELEMENT = len("<container/>")
"""Bytes of the shortest element a valid form can hold; a shorter document need not be counted."""


class Lines(Protocol):
    """Where a pointer stands in the trader's own file."""

    def line(self, pointer: str) -> int | None: ...


@dataclass(slots=True)
class Checked:
    """What a check found. `declaration` is None when the document was unreadable or its scope unknown."""

    declaration: Declaration | None
    faults: list[Fault] = field(default_factory=list)
    readable: bool = True

    @property
    def valid(self) -> bool:
        return self.declaration is not None and not has_errors(self.faults)


def check(rulebook: Rulebook, data: bytes, media_type: str, context: Context, form: str = "goods") -> Checked:
    """Parse, validate by the form's XSD, run the business rules. Never raises for what a trader can send."""
    rules = rulebook.form_rules(form)
    try:
        declaration, faults, lines = _read(rules, data, media_type)
    except UnreadableDocument as error:
        return Checked(None, error.faults, readable=False)
    known_scope = declaration.scope in rules.form.scopes
    if known_scope and len(faults) < LIMIT:
        faults = faults + _impossible_dates(rules, declaration)
        # what is of the wrong type was typed all the same: no rule says that it is missing
        unread = {fault.pointer for fault in faults if fault.code == "F-TYPE" and fault.pointer}
        faults += [
            fault
            for fault in engine.run(rulebook, declaration, context)
            if (fault.pointer.rpartition("/")[0], fault.item) not in declaration.faulty
            and unread.isdisjoint((fault.pointer, fault.pointer.rpartition("/")[0]))
        ]
    if faults:
        faults = _placed(rules, faults, lines)
    return Checked(declaration if known_scope else None, faults)


def read_form(rulebook: Rulebook, data: bytes, media_type: str, form: str = "goods") -> Declaration:
    """The declaration in bytes that were checked before; raises UnreadableDocument for bytes that were not."""
    declaration, _, _ = _read(rulebook.form_rules(form), data, media_type)
    return declaration


def is_json(media_type: str) -> bool:
    """Whether a media type such as `application/json; charset=utf-8` names JSON."""
    return media_type.split(";")[0].strip().lower().endswith("json")


def _read(rules: FormRules, data: bytes, media_type: str) -> tuple[Declaration, list[Fault], Lines]:
    lines: Lines
    faults: list[Fault] = []
    if is_json(media_type):
        xml, faults = json_to_xml(rules.form, parse_json(data, rules.words), rules.words)
        root = parse_form(xml, rules.words)
        lines = JsonLines(data)
    else:
        xml = data
        root = parse_form(data, rules.words)
        lines = XmlLines(rules.form, root)
    plain = b"&" not in xml and (b"!" not in xml or b"<![CDATA[" not in xml)
    if not rules.schema.validate(root):
        if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
            raise unreadable(rules.words, "F-TOO-LARGE", None, str(MAX_ELEMENTS))
        normalise(rules.form, root)
        if not rules.schema.validate(root):
            found = _all_structural(rules, root)
            # lines of the tree are the trader's lines only where the trader wrote XML
            noted = [replace(fault, line=None) for fault in found.faults] if is_json(media_type) else found.faults
            found.declaration.faulty |= _faulty(faults)
            return found.declaration, faults + noted, lines
    elif len(xml) > MAX_ELEMENTS * SHORTEST_ELEMENT and sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise unreadable(rules.words, "F-TOO-LARGE", None, str(MAX_ELEMENTS))
    declaration = read_tree(rules.form, root, plain)
    declaration.faulty |= _faulty(faults)
    return declaration, faults, lines


def _faulty(faults: list[Fault]) -> set[tuple[str, str]]:
    """(row pointer, item) of the values that JSON held and XML cannot; a bare value stands where its row does."""
    found = set()
    for fault in faults:
        if fault.item:
            row, _, last = fault.pointer.rpartition("/")
            found.add((row if last == fault.item else fault.pointer, fault.item))
    return found


def _all_structural(rules: FormRules, root: etree._Element) -> StructurePass:
    found = StructurePass(rules.form, rules.xsd, rules.words)
    if not found.run(root):
        # The two validators disagree: say what libxml2 said rather than let the form through.
        reason = schema_errors(rules.schema)[0][1]
        found.faults.append(rules.words.fault("F-MALFORMED", None, None, "", None, value=reason))
    return found


def _impossible_dates(rules: FormRules, declaration: Declaration) -> list[Fault]:
    """Dates of the right pattern that no calendar has; such values are kept from the rules."""
    faults = []
    for group, row in declaration.walk():
        for item_id in rules.date_items.get(group or "", ()):
            value = row.get(item_id)
            if value is not None and not _exists(value):
                pointer = f"{row.pointer}/{item_id}"
                faults.append(
                    rules.words.fault("F-DATE", rules.form, item_id, pointer, None, value=value, expected="yyyyMMdd")
                )
                declaration.faulty.add((row.pointer, item_id))
                del row[item_id]
    return faults


def _exists(value: str) -> bool:
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return False
    return True


def _placed(rules: FormRules, faults: list[Fault], lines: Lines) -> list[Fault]:
    """Faults in form order with the lines of the trader's file. Of too many, warnings give way: an error must not get lost."""
    if len(faults) > LIMIT:
        faults = sorted(faults, key=lambda fault: (fault.severity != "error", rules.form.position(fault.pointer)))[
            :LIMIT
        ]
    ordered = sorted(faults, key=lambda fault: rules.form.position(fault.pointer))
    return [replace(fault, line=lines.line(fault.pointer)) if fault.line is None else fault for fault in ordered]
