"""Sheets as CSV text: UTF-8 or GB18030, comma, semicolon or tab, and never a formula on the way out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from declarations.errors import UnreadableSheet
from declarations.limits import MAX_SHEET_COLUMNS, MAX_SHEET_ROWS
from declarations.sheets.cells import Cell, guarded, unguarded
from declarations.sheets.columns import MOST_ROWS_ABOVE
from declarations.sheets.reading import Sheet

_SEPARATORS = ",;\t"
_MOST_LINES = MAX_SHEET_ROWS + MOST_ROWS_ABOVE + 1


def read_csv(data: bytes) -> Sheet:
    """The cells of a CSV file; all are text. Raises UnreadableSheet."""
    text = _decoded(data)
    if "\x00" in text:
        raise UnreadableSheet("the file is no text", "文件不是文本", details={"reason": "binary"})
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    rows: list[Sequence[Cell]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            if len(row) > MAX_SHEET_COLUMNS:
                raise UnreadableSheet(
                    f"row {reader.line_num} has more than {MAX_SHEET_COLUMNS} columns",
                    f"第 {reader.line_num} 行超过 {MAX_SHEET_COLUMNS} 列",
                    details={"reason": "columns"},
                )
            rows.append([unguarded(cell) for cell in row])
            if len(rows) > _MOST_LINES:
                break
    except csv.Error as error:
        raise UnreadableSheet(
            f"line {reader.line_num} of the CSV file: {error}", f"CSV 第 {reader.line_num} 行有误：{error}",
            details={"reason": "csv"},
        ) from error  # fmt: skip
    return Sheet(rows)


def write_csv(rows: Iterable[Iterable[str]]) -> bytes:
    """UTF-8 with a byte-order mark, so that spreadsheet programs read Chinese; what begins like a formula gets an apostrophe."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([guarded(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableSheet(
        "the encoding cannot be read; use UTF-8 or GB18030", "编码无法识别；请使用 UTF-8 或 GB18030",
        details={"reason": "encoding"},
    )  # fmt: skip
