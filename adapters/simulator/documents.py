"""Messages and answers as XML: hardened parsing, validation by the agency's own schema, local names only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lxml import etree

from declarations.parsing import Unparsable, parse_xml

SHANGHAI = timezone(timedelta(hours=8))
"""Agencies date in local time; China has one zone and no summer time, so no time zone database is needed."""


class UnacceptableError(Exception):
    """Why a simulated agency refuses a message, in its own words; `root` is what could be read of it."""

    def __init__(self, reason: str, root: etree._Element | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.root = root


class UntrustedError(UnacceptableError):
    """The message is not signed as the window signs: it is not read and not remembered."""


class Reader:
    """Parses messages and validates each by the schema of its root element, as the agency's own gate would."""

    def __init__(self, schemas: Mapping[str, Path]) -> None:
        self._schemas = {root: etree.XMLSchema(parse_xml(path.read_bytes())) for root, path in schemas.items()}

    def read(self, body: bytes) -> etree._Element:
        """The root element; raises UnacceptableError."""
        try:
            root = parse_xml(body, blanks=True)
        except Unparsable as why:
            said = "报文含有 DOCTYPE" if why.reason == "DOCTYPE" else f"报文不是有效的 XML：{why.said}"
            raise UnacceptableError(said) from None
        schema = self._schemas.get(etree.QName(root).localname)
        if schema is None:
            raise UnacceptableError(f"没有此种报文：{etree.QName(root).localname}")
        try:
            schema.assertValid(root)
        except etree.DocumentInvalid as error:
            raise UnacceptableError(f"报文不符合规范：{error}", root) from None
        return root


def texts(root: etree._Element, path: str) -> list[str]:
    """The texts at `A/B/C` below `root`, whatever their namespace."""
    steps = "/".join(f"{{*}}{step}" for step in path.split("/"))
    return [element.text or "" for element in root.iterfind(steps)]


def text(root: etree._Element, path: str) -> str:
    """The first text at `path`; empty when there is none."""
    return next(iter(texts(root, path)), "")


def document(path: str, fields: Iterable[tuple[str, str]], namespace: str = "") -> bytes:
    """A document of the elements `path` (`A/B`: B inside A) holding `fields`; a field without a value is left out."""
    names = path.split("/")
    qualify = f"{{{namespace}}}" if namespace else ""
    prefixes: dict[str | None, str] = {None: namespace} if namespace else {}
    root = etree.Element(qualify + names[0], nsmap=prefixes)  # type: ignore[arg-type]  # the stubs know no default prefix
    holder = root
    for name in names[1:]:
        holder = etree.SubElement(holder, qualify + name)
    for name, value in fields:
        if value:
            etree.SubElement(holder, qualify + name).text = value
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def local_time(moment: datetime) -> str:
    """`yyyy-MM-ddTHH:mm:ss` in the agency's local time."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")
