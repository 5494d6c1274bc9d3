"""Schemas generated from the dictionary: the merged form's XSD and its JSON Schema. Adding an item is adding a row."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

from declarations.dictionary import GOODS, Form, Group, Item

_DAY = "[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
TEXT = r"[^\p{Cc}]+"
"""Any characters but control characters, tabs and line ends."""
_WORD = "[!-~\u00a0-\u2fff\u3001-\U0010ffff]+"
TRIMMED_TEXT = f"{_WORD}([ \u3000]+{_WORD})*"
"""The same without blanks around it (xmlform.BLANKS): a document with such blanks is trimmed before it is read, as JSON is.
Written as words, so that the automaton is deterministic, and as ranges: libxml2 is three times slower with categories."""


def pattern(item: Item) -> str:
    """The pattern of an item's value, as XSD and as ECMA regular expressions read it. Only ASCII digits count as digits."""
    if item.type == "date":
        return _DAY
    if item.type == "datetime":
        return f"{_DAY}([01][0-9]|2[0-3])[0-5][0-9]"
    if item.type == "integer":
        return f"[0-9]{{1,{item.length}}}"
    if item.type == "decimal":
        return f"-?[0-9]{{1,{item.length - item.decimals}}}(\\.[0-9]{{1,{item.decimals}}})?"
    least = item.length if item.fixed_length else 1
    if item.format.startswith("id"):
        return f"[A-Z0-9]{{{least},{item.length}}}"
    if item.type == "code":
        first = "[ -~]" if item.occurs == "list" else "[!-~]"
        return f"{first}{{{least},{item.length}}}"
    return TEXT


def value_pattern(item: Item) -> str:
    """The pattern of an item's value in the XSD; Python reads it just so."""
    return TRIMMED_TEXT if pattern(item) == TEXT else pattern(item)


def _trimmed(item: Item) -> str:
    """The XSD's pattern facet, quoted; invisible characters as references."""
    found = quoteattr(value_pattern(item))
    return found.encode("ascii", "xmlcharrefreplace").decode()


def _type_name(item: Item) -> str:
    """Items of one format share one type: text_an18, code_list_an20, decimal_n19_5."""
    listed = "_list" if item.occurs == "list" else ""
    letters = item.format.replace("..", "").replace(",", "_")
    return f"{item.type}{listed}_{'fixed_' if item.fixed_length else ''}{letters}"


def form_xsd(form: Form) -> bytes:
    """The XSD of a merged form: names, order, types, lengths, patterns, occurrence. Scope and cross-item conditions are rules."""
    types: dict[str, str] = {}
    for item in form.items.values():
        length = f'<xs:maxLength value="{item.length}"/>' if item.type == "text" else ""
        least = f'<xs:minLength value="{item.length if item.fixed_length else 1}"/>' if item.type == "text" else ""
        types[_type_name(item)] = (
            f'  <xs:simpleType name="{_type_name(item)}"><xs:restriction base="xs:string">'
            f"{least}{length}<xs:pattern value={_trimmed(item)}/></xs:restriction></xs:simpleType>"
        )
    scopes = "".join(f'<xs:enumeration value="{scope}"/>' for scope in form.scopes)
    body = "\n".join(_content(form, "", "      "))
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Generated from mappings/forms/{form.name}.csv by `onewindow tables generate`: change the table, not this file. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
  <xs:element name="{form.root}">
    <xs:complexType>
{body}
      <xs:attribute name="filing_scope" type="filing_scope" use="required"/>
    </xs:complexType>
  </xs:element>
  <xs:simpleType name="filing_scope"><xs:restriction base="xs:string">{scopes}</xs:restriction></xs:simpleType>
{chr(10).join(types[name] for name in sorted(types))}
</xs:schema>
"""
    return text.encode()


def _content(form: Form, group: str, indent: str) -> list[str]:
    lines = [f"{indent}<xs:sequence>"]
    for item in form.group_items(group):
        lines.append(f'{indent}  <xs:element name="{item.item_id}" type="{_type_name(item)}" minOccurs="0"/>')
    for child in form.children(group):
        lines += _group(form, child, indent + "  ")
    return [*lines, f"{indent}</xs:sequence>"]


def _group(form: Form, group: Group, indent: str) -> list[str]:
    return [
        f'{indent}<xs:element name="{group.group}" minOccurs="0"><xs:complexType><xs:sequence>',
        f'{indent}  <xs:element name="{group.row}" minOccurs="0" maxOccurs="unbounded"><xs:complexType>',
        *_content(form, group.group, indent + "    "),
        f"{indent}  </xs:complexType></xs:element>",
        f"{indent}</xs:sequence></xs:complexType></xs:element>",
    ]


def form_json_schema(form: Form) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a merged form. An empty string stands for absence, so patterns allow it."""
    properties = {
        "form": {"const": form.name, "description": f"{form.name_zh} / {form.name_en}"},
        "filing_scope": {"enum": list(form.scopes), "description": "申报范围 / filing scope"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:onewindow:form:{form.name}",
        "title": f"{form.name} declaration",
        "type": "object",
        "required": ["filing_scope"] if form.name == GOODS else ["form", "filing_scope"],
        "properties": {**properties, **_json_properties(form, "")},
        "additionalProperties": False,
    }


def _json_properties(form: Form, group: str) -> dict[str, Any]:
    properties: dict[str, Any] = {item.item_id: _json_item(item) for item in form.group_items(group)}
    for child in form.children(group):
        row: dict[str, Any] = {
            "type": "object",
            "properties": _json_properties(form, child.group),
            "additionalProperties": False,
        }
        bare = form.bare_item(child.group)
        items = {"anyOf": [row, _json_item(bare)]} if bare else row
        properties[child.group] = {"type": "array", "title": f"{child.name_zh} / {child.name_en}", "items": items}
    return properties


def _json_item(item: Item) -> dict[str, Any]:
    ecma = pattern(item).replace(r"[^\p{Cc}]", r"[^\u0000-\u001f\u007f-\u009f]")
    described = {
        "title": f"{item.name_zh} / {item.name_en}",
        **({"description": f"{item.hint_zh} / {item.hint_en}".strip(" /")} if item.hint_zh or item.hint_en else {}),
        **({"x-code-list": item.code_list} if item.code_list else {}),
    }
    text: dict[str, Any] = {"type": "string", "pattern": f"^({ecma})?$"}
    if item.type == "text":
        text["maxLength"] = item.length
    if item.type == "integer":
        whole = {"type": "integer", "minimum": 0, "maximum": 10**item.length - 1}
        return {"anyOf": [whole, text], **described}
    return {**text, **described}
