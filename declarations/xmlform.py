"""The one hardened XML parser, and the merged form read from and written to its tree (design.md section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast
from xml.sax.saxutils import escape

from lxml import etree

from declarations.dictionary import Form
from declarations.errors import UnreadableDocument
from declarations.form import Declaration, Row
from declarations.words import FaultWords

MAX_VALUE = 20_000
"""Characters of one value, far beyond any item: longer ones are not even asked about their pattern."""
MAX_ELEMENTS = 20_000
"""Five times the largest plausible form; what is larger is refused before anything walks it."""
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
BLANKS = " \t\r\n\u3000"
"""What may stand around a value and does not belong to it; U+3000 is the blank of Chinese typing."""
_CHINESE = {"gb18030", "gbk", "gb2312"}
_CHINESE_IN_UTF8 = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")

# Entities are never expanded, nothing is fetched, comments and instructions are dropped before anybody reads a value:
# otherwise `1<!--x-->5` is 15 to the validator and 1 to the mapper.
# The encoding is ours: by itself libxml2 would also guess UTF-16 or EBCDIC, in which `<!DOCTYPE` is other bytes.
_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    remove_comments=True,
    remove_pis=True,
    remove_blank_text=True,
    collect_ids=False,
    huge_tree=False,
)


def to_utf8(data: bytes) -> bytes:
    """The document as UTF-8 without byte-order mark; what its declaration says of the encoding no longer counts.

    UTF-8 and the Chinese family (GB18030 holds GBK and GB2312) are what traders' systems write. Raises UnicodeDecodeError,
    or LookupError for another encoding.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        raise LookupError("UTF-16 or UTF-32")
    declared = _DECLARED.match(data)
    encoding = declared[1].decode().lower() if declared else "utf-8"
    if encoding in ("utf-8", "utf8", "us-ascii"):
        return data
    if encoding not in _CHINESE:
        raise LookupError(encoding)
    if _is_utf8(data):
        raise LookupError(f"{encoding} is declared but the text is UTF-8")
    # gb18030 decodes what the two older names mean
    return data.decode("gb18030").encode()


def _is_utf8(data: bytes) -> bool:
    """Whether Chinese text declared as GB18030 is UTF-8 after all: read as declared it would be other characters, silently."""
    if _CHINESE_IN_UTF8.search(data) is None:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def parse_xml(data: bytes) -> etree._Element:
    """Parse bytes into a tree. Raises what `to_utf8` does, ValueError for a DOCTYPE, or etree.XMLSyntaxError."""
    text = to_utf8(data)
    if b"!" in text and b"<!DOCTYPE" in text:  # one character is found thirty times as fast
        raise ValueError("DOCTYPE")
    return etree.fromstring(text, _PARSER)


def parse_form(data: bytes, words: FaultWords) -> etree._Element:
    """The tree of a trader's document; raises UnreadableDocument with one fault in words."""
    try:
        root = parse_xml(data)
    except UnicodeDecodeError as error:
        raise unreadable(words, "F-ENCODING", data.count(b"\n", 0, error.start) + 1, error.reason) from error
    except LookupError as error:
        raise unreadable(words, "F-ENCODING", 1, str(error)) from error
    except etree.XMLSyntaxError as error:
        code = "F-TOO-DEEP" if "depth" in (error.msg or "") else "F-MALFORMED"
        if "not proper UTF-8" in (error.msg or "") or "encoding" in (error.msg or "").lower():
            code = "F-ENCODING"
        raise unreadable(words, code, error.lineno, error.msg or "") from error
    except ValueError as error:
        line = data.count(b"\n", 0, data.find(b"<!DOCTYPE")) + 1
        raise unreadable(words, "F-DOCTYPE", line, str(error)) from error
    return root


def unreadable(
    words: FaultWords, code: str, line: int | None, reason: str, *, expected: str = ""
) -> UnreadableDocument:
    """The error for bytes that are no document of ours, carrying its single fault."""
    fault = words.fault(code, None, None, "", line, value=" ".join(reason.split()), expected=expected)
    return UnreadableDocument(fault.message_en, fault.message_zh, faults=[fault])


def normalise(form: Form, root: etree._Element) -> None:
    """Drop empty items and groups and blanks around values: what people's systems add and nobody means.

    An empty row stays, so that the rows behind it keep their numbers; so does what the form does not know.
    """
    for element in list(root.iter()):
        if element.text and len(element) == 0:
            element.text = element.text.strip(BLANKS) or None
    for element in reversed(list(root.iter())):
        parent = element.getparent()
        if parent is None or element.text is not None or len(element) or element.attrib or (element.tail or "").strip():
            continue
        if element.tag in form.items or element.tag in form.groups:
            parent.remove(element)


def read_tree(form: Form, root: etree._Element, plain: bool) -> Declaration:
    """The declaration in a tree that the form's XSD found valid."""
    return Declaration(form.name, str(root.attrib["filing_scope"]), _read_row(form, root, "", ""), plain)


def _read_row(form: Form, element: etree._Element, group: str, pointer: str) -> Row:
    values = [(child.tag, child.text) for child in element]
    row = Row(values, pointer)
    nested = form.nested[group]
    # a row's groups stand behind its items, so its last child says whether it has any
    if nested and values and values[-1][0] in nested:
        for child in element.iterchildren(*nested):
            name = str(child.tag)
            del row[name]
            inner = f"{pointer}/{name}/"
            row.children[name] = [_read_row(form, each, name, f"{inner}{number}") for number, each in enumerate(child)]
    return row


def to_xml(form: Form, declaration: Declaration) -> bytes:
    """The XML form of a declaration, in dictionary order, indented for people."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{form.root} filing_scope="{declaration.scope}">']
    lines += _row_lines(form, "", declaration.header, "  ")
    return ("\n".join([*lines, f"</{form.root}>"]) + "\n").encode()


def _row_lines(form: Form, group: str, row: Row, indent: str) -> Iterator[str]:
    for item in form.group_items(group):
        if item.item_id in row:
            yield f"{indent}<{item.item_id}>{escape(row[item.item_id])}</{item.item_id}>"
    for child in form.children(group):
        rows = row.children.get(child.group)
        if rows:
            yield f"{indent}<{child.group}>"
            for inner in rows:
                yield f"{indent}  <{child.row}>"
                yield from _row_lines(form, child.group, inner, indent + "    ")
                yield f"{indent}  </{child.row}>"
            yield f"{indent}</{child.group}>"


class XmlLines:
    """Finds the line of a JSON pointer in the trader's XML file."""

    def __init__(self, form: Form, root: etree._Element) -> None:
        self._form = form
        self._root = root

    def line(self, pointer: str) -> int | None:
        """The line of the element, or of its nearest ancestor that is there."""
        element = self._root
        for part in pointer.split("/")[1:]:
            found = element[int(part)] if part.isdecimal() and int(part) < len(element) else element.find(part)
            if found is None:
                break
            element = found
        return line_of(element)


def schema_errors(schema: etree.XMLSchema) -> list[tuple[str, str]]:
    """(XPath, words) of what the last validation found."""
    log = cast("list[Any]", schema.error_log)
    return [(error.path or "", error.message) for error in log]


def line_of(element: etree._Element) -> int | None:
    """The line of an element in the file it was parsed from."""
    return cast("int | None", element.sourceline)
