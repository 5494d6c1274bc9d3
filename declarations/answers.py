"""Reading an agency's answers: bytes -> neutral responses, by tables (`mappings/<agency>/<answer>/<version>/`).

Nothing is guessed: what is malformed, of an unknown kind, invalid by its schema or without a readable date is an
UnreadableResponse, kept and shown to the operator. A code no table holds is *not* unreadable: status.py shows it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lxml import etree

from declarations.answertables import FIELDS, AnswerTable, answer_table
from declarations.bundle import Bundle
from declarations.codelists import CodeLists
from declarations.conversions import split_part
from declarations.errors import BadConfiguration, UnreadableResponse
from declarations.faults import Fault
from declarations.functions import FUNCTIONS
from declarations.limits import MAX_ANSWER
from declarations.parsing import Reason, Unparsable, parse_xml
from declarations.responses import StatusWords
from declarations.status import Answer
from declarations.tables import MapRow, TableFaults, load_message, message_versions

_SHOWN = 5
_UNREADABLE: dict[Reason, str] = {
    "ENCODING": "A-ENCODING", "DOCTYPE": "A-DOCTYPE", "TOO-LARGE": "A-SIZE", "TOO-DEEP": "A-MALFORMED",
    "MALFORMED": "A-MALFORMED",
}  # fmt: skip
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of an agency in neutral terms. `at` is UTC; None only where the agency's message has no time at all.

    `key` is the agency's own id of the answer, else the hash of what identifies it. `due` is as the agency wrote it, or
    ISO 8601 with offset where the table reads a date. `refers_to_file` falls back on the name of the file it came in.
    """

    agency: str
    message: str
    code: str
    at: datetime | None
    refers_to: str | None
    refers_to_file: str | None
    agency_reference: str | None
    unified_number: str | None
    clearance_form_id: str | None
    pointer: str | None
    text: str | None
    place: str | None
    due: str | None
    channel_note: str | None
    key: str

    def answer(self, received_at: datetime) -> Answer:
        """What status keeps of it; `received_at` stands in only where the agency's message has no time."""
        return Answer(
            self.message, self.code, self.at or received_at, self.key, self.text, self.place, self.due,
            self.agency_reference, self.clearance_form_id, self.pointer,
        )  # fmt: skip


class AnswerTables:
    """All kinds of answers of one agency."""

    def __init__(self, agency: str, tables: list[AnswerTable], words: StatusWords) -> None:
        self.agency = agency
        self._words = words
        self.tables = sorted(tables, key=lambda each: each.table.valid_from, reverse=True)

    @classmethod
    def load(cls, bundle: Bundle, agency: str) -> AnswerTables:
        """Raises BadConfiguration when an answer has no table, or one that contradicts its schema or our fields."""
        path = f"mappings/{agency}/agency.toml"
        settings = tomllib.loads(bundle.text(path))
        faults = TableFaults()
        try:
            timezone = ZoneInfo(settings.get("timezone", "Asia/Shanghai"))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise BadConfiguration(f"{path}: timezone: {error}", f"{path}：时区无法识别：{error}") from error
        tables: list[AnswerTable | None] = []
        for message in settings.get("answers", []):
            folders = [folder for folder in message_versions(bundle, agency) if folder.split("/")[2] == message]
            if not folders:
                faults.note_file(path, "answers", f"回执 {message} 没有映射表", f"answer {message} has no table")
            for folder in folders:
                table = load_message(bundle, folder, faults)
                tables.append(answer_table(bundle, table, timezone, faults) if table else None)
        faults.raise_if_any(f"answers of {agency}")
        return cls(agency, [table for table in tables if table is not None], StatusWords.load(bundle))

    def read(self, data: bytes, name: str | None = None) -> list[Response]:
        """Every answer in the bytes, in document order; `name` is the file they came in. Raises UnreadableResponse."""
        root = self._parse(data)
        candidates = [each for each in self.tables if root.tag in each.roots]
        if not candidates:
            known = ", ".join(sorted(root for each in self.tables for root in each.roots))
            raise self._unreadable("A-ROOT", root, str(root.tag), known)
        table = next((each for each in candidates if each.schema.validate(root)), None)
        if table is None:
            raise self._invalid(candidates[0], root)
        records = table.records(root)
        if not records:
            raise self._unreadable("A-EMPTY", root, table.record)
        return [self._response(table, record, name) for record in records]

    def _parse(self, data: bytes) -> etree._Element:
        """The document's tree by local names; namespaces and schema hints are dropped, agencies differ in them."""
        if len(data) > MAX_ANSWER:
            raise self._unreadable("A-SIZE", None, "", f"{len(data)} > {MAX_ANSWER}")
        try:
            root = parse_xml(data)
        except Unparsable as why:
            raise self._unreadable(_UNREADABLE[why.reason], why.line, "", why.said) from why
        if b"xmlns" in data:  # most answers have no namespace at all
            _drop_namespaces(root)
        return root

    def _response(self, table: AnswerTable, record: etree._Element, name: str | None) -> Response:
        texts = _texts(record)
        values: dict[str, str] = {}
        at: datetime | None = None
        decided: set[str] = set()
        for row in table.table.rows:
            if row.target in decided or (row.when and not row.when.holds(texts.get, _NO_LISTS, date.min)):
                continue
            decided.add(row.target)
            value = self._value_of(table, row, record, texts)
            if isinstance(value, datetime):
                at = value.astimezone(UTC) if row.target == "at" else at
                value = value.isoformat()
            if not value and row.empty == "error":
                raise self._unreadable("A-MISSING", record, row.row["source"], row.target)
            if value := value or row.default:
                values[row.target] = value
        given = {field: values.get(field) for field in FIELDS if field not in ("agency_message_id", "code", "at")}
        given["refers_to_file"] = given["refers_to_file"] or (re.split(r"[/\\]", name)[-1] if name else None)
        code, message = values["code"], table.table.message
        key = values.get("agency_message_id") or _hash(message, code, at, given)
        return Response(agency=self.agency, message=message, code=code, at=at, key=key, **given)

    def _value_of(
        self, table: AnswerTable, row: MapRow, record: etree._Element, texts: Mapping[str, str | None]
    ) -> str | datetime | None:
        if row.how == "const":
            return row.arg
        for path in row.sources:
            if text := texts.get(path):
                break
        else:
            return None
        if row.how == "copy":
            return text
        if row.how == "date":
            try:
                moment = table.dates[row.line].read(text)
                moment.astimezone(UTC)  # the first and the last day of the calendar have no UTC
            except (ValueError, OverflowError) as error:
                raise self._unreadable("A-DATE", record, row.row["source"], text) from error
            return moment
        if row.how == "split":
            return split_part(text, row.arg)
        if row.how.startswith("fn:"):
            try:
                return FUNCTIONS[row.how.removeprefix("fn:")](text)
            except ValueError as error:
                raise self._unreadable("A-SCHEMA", record, row.row["source"], str(error)) from error
        return text

    def _invalid(self, table: AnswerTable, root: etree._Element) -> UnreadableResponse:
        table.schema.validate(root)
        errors = cast("Iterable[Any]", table.schema.error_log)
        raised = [self._unreadable("A-SCHEMA", error.line, error.path or "", error.message) for error in errors]
        raised[0].faults = [fault for each in raised[:_SHOWN] for fault in each.faults]
        return raised[0]

    def _unreadable(
        self, code: str, where: etree._Element | int | None, place: str, value: str | None = ""
    ) -> UnreadableResponse:
        """The error in words of the table: what is wrong, with which value, at which element and line."""
        line = where if where is None or isinstance(where, int) else cast("int | None", where.sourceline)
        said = self._words.of("unreadable", code)
        zh, en = (words.format(line=line, place=place, value=value) for words in (said.name_zh, said.name_en))
        fault = Fault(code, None, place, line, zh, en, self.agency)
        return UnreadableResponse(en, zh, faults=[fault])


_NO_LISTS = CodeLists({})


def _drop_namespaces(root: etree._Element) -> None:
    for element in root.iter("*"):
        element.tag = etree.QName(element).localname
        for attribute in map(str, element.keys()):
            if attribute.startswith("{"):
                value = element.attrib.pop(attribute)
                if not attribute.startswith(_XSI):
                    element.set(etree.QName(attribute).localname, value)


def _texts(record: etree._Element) -> dict[str, str | None]:
    """The text at each `A/B` and `A/@x` of a record, without blanks around it; None where it is empty. Of several
    elements at one path the first counts."""
    found: dict[str, str | None] = {f"@{name!s}": str(value).strip() or None for name, value in record.items()}
    _add_texts(record, "", found)
    return found


def _add_texts(parent: etree._Element, above: str, found: dict[str, str | None]) -> None:
    for element in parent:
        path = f"{above}{element.tag!s}"
        if path not in found:
            found[path] = (element.text or "").strip() or None
            for name, value in element.items():
                found[f"{path}/@{name!s}"] = str(value).strip() or None
        if len(element):
            _add_texts(element, f"{path}/", found)


def _hash(message: str, code: str, at: datetime | None, given: Mapping[str, str | None]) -> str:
    """What identifies an answer without an id. One without a time is told from its like in a later version of the
    declaration (same reference, same code, no text) only by the file it answers."""
    refers = given["refers_to"] or given["unified_number"] or given["agency_reference"]
    told_by = at.isoformat() if at else given["refers_to_file"]
    identity = [message, code, refers, told_by, given["pointer"], given["text"]]
    return hashlib.sha256(json.dumps(identity, ensure_ascii=False).encode()).hexdigest()
