"""One version of one kind of answer, as its table says it is read, and the proof that table, schema and our fields agree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from lxml import etree

from declarations.bundle import Bundle
from declarations.dateforms import DateForms
from declarations.functions import FUNCTIONS
from declarations.parsing import Unparsable, parse_xml
from declarations.tables import MapRow, MessageTable, TableFaults

FIELDS = (
    "agency_message_id", "refers_to", "refers_to_file", "code", "at", "agency_reference", "unified_number",
    "clearance_form_id", "pointer", "text", "place", "due", "channel_note",
)  # fmt: skip
"""The neutral response: what a row of an answer's map.csv can fill."""
HOWS = ("copy", "const", "date", "split")
_XS = "{http://www.w3.org/2001/XMLSchema}"


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """One version of one kind of answer."""

    table: MessageTable
    roots: frozenset[str]
    record: str
    schema: etree.XMLSchema
    dates: Mapping[str, DateForms]
    """Date formats by the id of their row."""

    def records(self, root: etree._Element) -> list[etree._Element]:
        """The answers in a document: the root itself, or what stands at `record`."""
        if not self.record or (root.tag != self.table.root and root.tag == self.record.rpartition("/")[2]):
            return [root]
        return root.findall(self.record)


def answer_table(bundle: Bundle, table: MessageTable, timezone: ZoneInfo, faults: TableFaults) -> AnswerTable | None:
    """A kind of answer with schema and date formats; what contradicts either, or our fields, is noted. None: not usable."""
    meta_path = table.path.replace("map.csv", "meta.toml")
    if table.schema not in bundle:
        faults.note_file(meta_path, "schema", f"缺少 {table.schema}", f"{table.schema} is missing")
        return None
    data = bundle.data(table.schema)
    if table.meta.get("schema_sha256") != hashlib.sha256(data).hexdigest():
        faults.note_file(meta_path, "schema_sha256", "与模式文件的摘要不符", "is not the hash of the schema")
    try:
        tree = parse_xml(data)
        schema = etree.XMLSchema(tree)
    except (Unparsable, etree.XMLSchemaParseError) as error:
        faults.note_file(table.schema, "", f"模式无法使用：{error}", f"not a usable schema: {error}")
        return None
    names = {str(node.get("name")) for kind in ("element", "attribute") for node in tree.iter(f"{_XS}{kind}")}
    dates: dict[str, DateForms] = {}
    for row in table.rows:
        _check_row(row, names, faults)
        if row.how == "date":
            try:
                dates[row.line] = DateForms(row.arg, timezone)
            except ValueError as error:
                faults.note(row.row, "arg", f"日期格式无法识别：{error}", f"not a date format: {error}")
    if not any(row.target == "code" and not row.when and (row.empty == "error" or row.default) for row in table.rows):
        faults.note_file(table.path, "target", "没有必填的 code 行", "no row makes `code` certain (empty = error)")
    if any(row.target == "at" and row.empty != "error" for row in table.rows):
        faults.note_file(table.path, "empty", "at 的 empty 须为 error", "`at` needs error: a lost time is never now")
    record = str(table.meta.get("record", ""))
    roots = frozenset(map(str, table.meta.get("roots", [table.root]))) | ({record.rpartition("/")[2]} - {""})
    return AnswerTable(table, roots, record, schema, dates)


def _check_row(row: MapRow, names: set[str], faults: TableFaults) -> None:
    if row.target not in FIELDS:
        faults.note(row.row, "target", "不是回执字段", f"must be one of {', '.join(FIELDS)}")
    if row.how not in HOWS and row.how.removeprefix("fn:") not in FUNCTIONS:
        faults.note(row.row, "how", "回执不支持此取值方式", f"an answer is read by {', '.join(HOWS)} or a known fn:")
    if (row.target == "at") != (row.how == "date") and row.target == "at":
        faults.note(row.row, "how", "at 须用 date", "`at` is read by date")
    if row.when and any(True for _ in row.when.code_lists()):
        faults.note(row.row, "when", "回执的条件不能用代码表", "a condition of an answer asks no code list")
    paths = [*row.sources, *(row.when.operands() if row.when else ())]
    for strange in sorted({part.lstrip("@") for path in paths for part in path.split("/")} - names):
        faults.note(row.row, "source", f"模式中没有 {strange}", f"the schema has no {strange}")
