"""Check: bytes from any door become one declaration, or all of its faults at once (design.md section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from lxml import etree

from declarations.dictionary import GOODS, Form
from declarations.errors import UnreadableDocument
from declarations.faults import LIMIT, Fault, has_errors
from declarations.form import Declaration
from declarations.jsonform import JsonLines, json_to_xml, parse_json
from declarations.jsonform import Object as JsonObject
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


def check(rulebook: Rulebook, data: bytes, media_type: str, context: Context) -> Checked:
    """Parse, validate by the form's XSD, run the business rules. Never raises for what a trader can send.

    Which form it is the document says: the root of XML, the key `form` of JSON (without it: goods).
    """
    try:
        rules, declaration, faults, lines = _read(rulebook, data, media_type)
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


def read_form(rulebook: Rulebook, data: bytes, media_type: str) -> Declaration:
    """The declaration in bytes that were checked before; raises UnreadableDocument for bytes that were not."""
    return _read(rulebook, data, media_type)[1]


def is_json(media_type: str) -> bool:
    """Whether a media type such as `application/json; charset=utf-8` names JSON."""
    return media_type.split(";")[0].strip().lower().endswith("json")


def _read(rulebook: Rulebook, data: bytes, media_type: str) -> tuple[FormRules, Declaration, list[Fault], Lines]:
    lines: Lines
    faults: list[Fault] = []
    words = rulebook.words
    if is_json(media_type):
        given = parse_json(data, words)
        rules = rulebook.form_rules(_named(rulebook, given))
        xml, faults = json_to_xml(rules.form, given, words)
        root = parse_form(xml, words)
        lines = JsonLines(data)
    else:
        xml = data
        root = parse_form(data, words)
        # a root that is no form's is refused as a faulty root of goods
        roots = {form.root: name for name, form in rulebook.forms.items()}
        rules = rulebook.form_rules(roots.get(str(root.tag), GOODS))
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
            return rules, found.declaration, faults + noted, lines
    elif len(xml) > MAX_ELEMENTS * SHORTEST_ELEMENT and sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise unreadable(rules.words, "F-TOO-LARGE", None, str(MAX_ELEMENTS))
    declaration = read_tree(rules.form, root, plain)
    declaration.faulty |= _faulty(faults)
    return rules, declaration, faults, lines


def _named(rulebook: Rulebook, given: dict[str, Any]) -> str:
    """The form a JSON document names; raises UnreadableDocument for one we do not have."""
    name = given.get("form", GOODS)
    if not isinstance(name, str) or name not in rulebook.forms:
        raise unreadable(rulebook.words, "F-FORM", None, str(name)[:80], expected=", ".join(rulebook.forms))
    return name


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
                    rules.words.fault(
                        "F-DATE",
                        rules.form,
                        item_id,
                        pointer,
                        None,
                        value=value,
                        expected=rules.form.items[item_id].format,
                    )
                )
                declaration.faulty.add((row.pointer, item_id))
                del row[item_id]
    return faults


def _exists(value: str) -> bool:
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:8]))
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


def check_rows(
    rulebook: Rulebook, form: Form, scope: str, group: str, rows: Sequence[Mapping[str, str]], context: Context
) -> list[Fault]:
    """The faults of a group's rows by themselves, as a spreadsheet brings them: `pointer` is `/<group>/<row>/<item>`.

    Nothing is said of the rest of the form. A row of a group that stands inside another one names the row it belongs to by
    the first item of that group.
    """
    rules = rulebook.form_rules(form.name)
    given, places = _as_form(form, group, rows)
    xml, faults = json_to_xml(rules.form, JsonObject([("filing_scope", scope), *given.items()]), rules.words)
    root = parse_form(xml, rules.words)
    if rules.schema.validate(root):
        declaration = read_tree(rules.form, root, plain=False)
    else:
        found = _all_structural(rules, root)
        declaration, faults = found.declaration, faults + found.faults
    declaration.faulty |= _faulty(faults)
    faults += _impossible_dates(rules, declaration)
    faults += [
        fault
        for fault in engine.run(rulebook, declaration, context)
        if (fault.pointer.rpartition("/")[0], fault.item) not in declaration.faulty
    ]
    return [replace(fault, pointer=at, line=None) for fault in faults if (at := _placed_at(fault, places))]


def _as_form(form: Form, group: str, rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The part of a JSON form that holds the rows, and for each pointer into it the pointer `/<group>/<row>`."""
    parent = form.groups[group].parent
    places = {f"/{group}": f"/{group}"}
    if not parent:
        places |= {f"/{group}/{number}": f"/{group}/{number}" for number in range(len(rows))}
        return {group: [JsonObject(list(row.items())) for row in rows]}, places
    key = form.group_items(parent)[0].item_id
    parents: dict[str, JsonObject] = {}
    for number, row in enumerate(rows):
        named = row.get(key, "")
        outer = parents.setdefault(named, JsonObject([(key, named), (group, [])]))
        pointer = f"/{parent}/{list(parents).index(named)}"
        places.setdefault(f"{pointer}/{key}", f"/{group}/{number}/{key}")
        places[f"{pointer}/{group}/{len(outer[group])}"] = f"/{group}/{number}"
        outer[group].append(JsonObject([(item, value) for item, value in row.items() if item != key]))
    return {parent: list(parents.values())}, places


def _placed_at(fault: Fault, places: Mapping[str, str]) -> str | None:
    """Where a fault stands among the rows; None when it is about something else."""
    if fault.pointer in places:
        return places[fault.pointer]
    row, _, item = fault.pointer.rpartition("/")
    return f"{places[row]}/{item}" if row in places and row.count("/") > 1 else None
