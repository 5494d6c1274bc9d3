"""Workbooks (XLSX): the cells of one sheet out of a stranger's file, and a sheet of ours into a file.

A workbook is a ZIP of XML. It is unpacked within limits and looked through before its cells are read: what could do something
when opened (macros, links to other files, embedded objects) is refused, and a formula is no value.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import xlsxwriter
from lxml import etree

from adapters.unzipping import Unpackable, unzip
from adapters.workbookcells import LAST_ROW, Malformed, TooFar, read_cells, shared
from declarations.errors import UnreadableSheet
from declarations.limits import MAX_SHEET_COLUMNS, MAX_SHEET_PARTS, MAX_SHEET_ROWS, MAX_SHEET_UNPACKED
from declarations.parsing import Unparsable, parse_xml
from declarations.sheets.cells import name_key
from declarations.sheets.reading import Sheet
from declarations.sheets.writing import SheetTable

_ACTIVE = re.compile(
    r"vbaproject|externallinks/|connections\.xml|querytables/|embeddings/|activex|ctrlprops/|macrosheets/|dialogsheets/"
    r"|webextensions/",
    re.IGNORECASE,
)
"""Parts that do something, or fetch something, when a spreadsheet program opens the workbook."""
_XML = (".xml", ".rels", ".vml")
_SHEETS = "xl/workbook.xml"
_EPOCH = datetime(2000, 1, 1)


def read_workbook(data: bytes, *names: str) -> Sheet:
    """The cells of the sheet that has one of `names`, or else of the first one. Raises UnreadableSheet."""
    try:
        parts = unzip(data, members=MAX_SHEET_PARTS, unpacked=MAX_SHEET_UNPACKED)
    except Unpackable as why:
        raise _refused("zip", f"the workbook is not taken: {why}", f"工作簿无法解包：{why}") from why
    _require_harmless(parts)
    path = _sheet_part(parts, names)
    try:
        known = shared(parts.get("xl/sharedStrings.xml"), parts.get("xl/styles.xml"), _from_1904(parts))
        rows, formulas = read_cells(parts[path], known)
    except Malformed as error:
        raise _refused("malformed", f"the sheet cannot be read: {error}", f"工作表无法读取：{error}") from error
    except TooFar as error:
        raise _refused(
            "extent",
            f"a value stands beyond row {LAST_ROW} or column {MAX_SHEET_COLUMNS}",
            f"第 {LAST_ROW} 行或第 {MAX_SHEET_COLUMNS} 列之外还有内容",
        ) from error
    return Sheet(rows, formulas)


def _refused(reason: str, english: str, chinese: str) -> UnreadableSheet:
    return UnreadableSheet(english, chinese, details={"reason": reason})


def _require_harmless(parts: Mapping[str, bytes]) -> None:
    if _SHEETS not in parts:
        raise _refused("format", "this is no workbook of the kind XLSX", "不是 XLSX 工作簿")
    for name, data in parts.items():
        if _ACTIVE.search(name) or (name.endswith(".bin") and "printerSettings" not in name):
            raise _refused(
                "active",
                f"the workbook holds macros, links or objects ({name})",
                f"工作簿含有宏、链接或嵌入对象（{name}）",
            )
        if name.lower().endswith(_XML):
            # UTF-16 would hide what stands in it
            if b"\x00" in data[:4]:
                raise _refused("encoding", f"{name} is not UTF-8", f"{name} 不是 UTF-8")
            if b"<!" in data and (b"<!DOCTYPE" in data or b"<!ENTITY" in data):
                raise _refused("doctype", f"{name} holds a DOCTYPE", f"{name} 含有 DOCTYPE 声明")
        if name.endswith(".rels"):
            for relation in _tree(data, name).iter("{*}Relationship"):
                kind = str(relation.get("Type", "")).rpartition("/")[2]
                if relation.get("TargetMode") == "External" and kind != "hyperlink":
                    raise _refused(
                        "link", f"the workbook links to another file ({kind})", f"工作簿链接到其他文件（{kind}）"
                    )


def _tree(data: bytes, name: str) -> etree._Element:
    try:
        return parse_xml(data)
    except Unparsable as why:
        raise _refused("malformed", f"{name} is no XML: {why.said}", f"{name} 不是 XML：{why.said}") from why


def _sheet_part(parts: Mapping[str, bytes], names: tuple[str, ...]) -> str:
    """The part of the sheet that is read."""
    relations = _tree(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"), "workbook.xml.rels")
    targets = {str(each.get("Id")): str(each.get("Target", "")) for each in relations.iter("{*}Relationship")}
    sheets = []
    for sheet in _tree(parts[_SHEETS], _SHEETS).iter("{*}sheet"):
        identity = next((str(value) for key, value in sheet.attrib.items() if str(key).endswith("}id")), "")
        target = targets.get(identity, "")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if path in parts:
            sheets.append((str(sheet.get("name", "")), path))
    if not sheets:
        raise _refused("format", "the workbook has no sheet", "工作簿没有工作表")
    wanted = {name_key(name) for name in names}
    return next((path for name, path in sheets if name_key(name) in wanted), sheets[0][1])


def _from_1904(parts: Mapping[str, bytes]) -> bool:
    """Whether dates count from 1904, as the first spreadsheet programs of one maker did."""
    return any(each.get("date1904") in ("1", "true") for each in _tree(parts[_SHEETS], _SHEETS).iter("{*}workbookPr"))


def write_workbook(table: SheetTable) -> bytes:
    """A sheet of ours as XLSX: every cell is text, codes are chosen from a second sheet, hints stand at the names."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True})
    # the same table gives the same bytes
    workbook.set_properties({"title": table.title, "created": _EPOCH})
    text = workbook.add_format({"num_format": "@"})
    name = workbook.add_format(
        {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#DDE7F3", "num_format": "@"}
    )
    sheet = workbook.add_worksheet(table.name[0][:31])
    sheet.freeze_panes(1, 0)
    sheet.set_row(0, 32)
    lists = _write_codes(workbook, table, text, name)
    for at, column in enumerate(table.columns):
        sheet.set_column(at, at, column.width, text)
        sheet.write_string(0, at, column.name, name)
        if any(column.hint):
            sheet.write_comment(0, at, "\n".join(hint for hint in column.hint if hint), {"visible": False})
        if column.code_list in lists:
            offered = {"validate": "list", "source": lists[column.code_list], "error_type": "warning"}
            sheet.data_validation(1, at, MAX_SHEET_ROWS, at, offered)
    for number, row in enumerate(table.rows, 1):
        for at, cell in enumerate(row):
            if cell:
                sheet.write_string(number, at, cell, text)
    workbook.close()
    return out.getvalue()


def _write_codes(workbook: Any, table: SheetTable, text: Any, name: Any) -> dict[str, str]:
    """The second sheet: three columns for each list. Gives the range of each list's codes."""
    ranges: dict[str, str] = {}
    if not any(table.codes.values()):
        return ranges
    title = "代码 Codes"
    sheet = workbook.add_worksheet(title)
    sheet.freeze_panes(1, 0)
    for number, (code_list, codes) in enumerate(item for item in table.codes.items() if item[1]):
        at = 3 * number
        sheet.set_column(at, at, 12, text)
        sheet.set_column(at + 1, at + 2, 24, text)
        for offset, heading in enumerate((code_list, "中文", "English")):
            sheet.write_string(0, at + offset, heading, name)
        for row, cells in enumerate(codes, 1):
            for offset, cell in enumerate(cells):
                sheet.write_string(row, at + offset, cell, text)
        letters = xlsxwriter.utility.xl_col_to_name(at, col_abs=True)
        ranges[code_list] = f"='{title}'!{letters}$2:{letters}${len(codes) + 1}"
    return ranges
