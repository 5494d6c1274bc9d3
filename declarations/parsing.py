"""The one XML parser of the window: bytes of a stranger become a tree, or one reason why not.

Nothing is fetched, no entity is expanded, a DOCTYPE is refused, and what is too large is refused before a tree of it exists.
Comments and instructions are dropped before anybody reads a value: otherwise `1<!--x-->5` is 15 to the validator and 1 to the
mapper.
"""

from __future__ import annotations

import re
from typing import Literal

from lxml import etree

from declarations.limits import MAX_ATTRIBUTES, MAX_ELEMENTS

Reason = Literal["ENCODING", "DOCTYPE", "TOO-LARGE", "TOO-DEEP", "MALFORMED"]

_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_CHINESE = {"gb18030", "gbk", "gb2312"}
_CHINESE_IN_UTF8 = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
_SMALLEST = 2 * MAX_ATTRIBUTES
"""Bytes below which no document has too much of anything but depth."""


class Unparsable(Exception):
    """Why bytes are no document for us. `line` is that of the bytes as they came, where it is known."""

    def __init__(self, reason: Reason, line: int | None, said: str) -> None:
        super().__init__(f"{reason}: {said}")
        self.reason: Reason = reason
        self.line = line
        self.said = said


def _parser(*, blanks: bool) -> etree.XMLParser:
    # The encoding is ours: by itself libxml2 would also guess UTF-16 or EBCDIC, in which `<!DOCTYPE` is other bytes.
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        remove_blank_text=not blanks,
        collect_ids=False,
        huge_tree=False,
    )


_PARSER, _KEEPING_BLANKS = _parser(blanks=False), _parser(blanks=True)


def parse_xml(data: bytes, *, blanks: bool = False) -> etree._Element:
    """The tree of a document; `blanks`: with the white space between elements, which a signature is over.

    UTF-8 and the Chinese family are read, each under its own name. Raises Unparsable.
    """
    text = _as_utf8(data)
    if b"!" in text and b"<!DOCTYPE" in text:  # one character is found thirty times as fast
        raise Unparsable("DOCTYPE", data.count(b"\n", 0, max(data.find(b"<!DOCTYPE"), 0)) + 1, "DOCTYPE")
    if len(text) > _SMALLEST:
        # an element has one `<` or two, an attribute one `=`
        if text.count(b"<") > 2 * MAX_ELEMENTS:
            raise Unparsable("TOO-LARGE", None, str(MAX_ELEMENTS))
        if text.count(b"=") > MAX_ATTRIBUTES:
            raise Unparsable("TOO-LARGE", None, str(MAX_ATTRIBUTES))
    try:
        return etree.fromstring(text, _KEEPING_BLANKS if blanks else _PARSER)
    except etree.XMLSyntaxError as error:
        said = error.msg or ""
        reason: Reason = "MALFORMED"
        if "depth" in said:
            reason = "TOO-DEEP"
        elif "encoding" in said.lower() or "not proper UTF-8" in said:
            reason = "ENCODING"
        raise Unparsable(reason, error.lineno, said) from error
    except ValueError as error:
        raise Unparsable("MALFORMED", None, str(error)) from error


def _as_utf8(data: bytes) -> bytes:
    try:
        return to_utf8(data)
    except UnicodeDecodeError as error:
        raise Unparsable("ENCODING", data.count(b"\n", 0, error.start) + 1, error.reason) from error
    except LookupError as error:
        raise Unparsable("ENCODING", 1, str(error)) from error


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
