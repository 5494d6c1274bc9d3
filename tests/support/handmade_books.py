"""Workbooks written part by part: what no spreadsheet program would write.

python -m tests.support.handmade_books      writes the attack files of this kind into tests/data/attacks
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

ATTACKS = Path(__file__).resolve().parents[1] / "data/attacks"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
HEADING = "<row r='1'><c r='A1' t='inlineStr'><is><t>container_id</t></is></c></row>"


def relation(identity: str, kind: str, target: str, outside: bool = False) -> str:
    mode = ' TargetMode="External"' if outside else ""
    return f'<Relationship Id="{identity}" Type="{_KINDS}/{kind}" Target="{target}"{mode}/>'


def relations(*each: str) -> str:
    return f'<Relationships xmlns="{_RELATIONS}">{"".join(each)}</Relationships>'


def text(reference: str, value: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


def parts(rows: str = "", *, styles: str = "", shared: str = "", properties: str = "") -> dict[str, str | bytes]:
    """The parts of a workbook whose one sheet has these rows (XML), below a row that names containers' numbers."""
    found: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": relations(relation("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_KINDS}">{properties}'
        '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(relation("r1", "worksheet", "worksheets/sheet1.xml")),
        "xl/worksheets/sheet1.xml": f"<worksheet {_MAIN}><sheetData>{HEADING}{rows}</sheetData></worksheet>",
    }
    if styles:
        found["xl/styles.xml"] = f"<styleSheet {_MAIN}>{styles}</styleSheet>"
    if shared:
        found["xl/sharedStrings.xml"] = f"<sst {_MAIN}>{shared}</sst>"
    return found


def book(made: Mapping[str, str | bytes]) -> bytes:
    """The workbook of these parts; always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in made.items():
            member = zipfile.ZipInfo(name, (2015, 1, 1, 0, 0, 0))
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def attacks() -> dict[str, bytes]:
    """One small workbook of each kind that must not be taken."""
    entity = '<!DOCTYPE a [<!ENTITY x "ha">]>'
    bomb = parts()
    bomb["xl/media/image1.xml"] = b" " * 20_000_000
    doctype = parts("<row r='2'><c r='A2' t='s'><v>0</v></c></row>", shared="<si><t>&x;</t></si>")
    doctype["xl/sharedStrings.xml"] = entity + str(doctype["xl/sharedStrings.xml"])
    wide = parts(text("A2", "TSTU3054380"))
    wide["xl/worksheets/sheet1.xml"] = (
        '<?xml version="1.0" encoding="UTF-16"?>' + entity + str(wide["xl/worksheets/sheet1.xml"])
    ).encode("utf-16")
    hidden = parts(text("A2", "TSTU3054380"))
    body = entity + str(hidden["xl/worksheets/sheet1.xml"])
    hidden["xl/worksheets/sheet1.xml"] = b'<?xml version="1.0" encoding="UTF-7"?>' + body.encode("utf-7").replace(
        b"<", b"+ADw-"
    )
    linked = parts()
    linked["xl/_rels/workbook.xml.rels"] = relations(
        relation("r1", "worksheet", "worksheets/sheet1.xml"),
        relation("r2", "externalLinkPath", "file:///etc/passwd", outside=True),
    )
    moved = parts()
    moved["xl/_rels/workbook.xml.rels"] = relations(relation("r1", "worksheet", "../../etc/passwd"))
    return {
        "bomb.xlsx": book(bomb),
        "doctype.xlsx": book(doctype),
        "utf16.xlsx": book(wide),
        "utf7.xlsx": book(hidden),
        "macro.xlsx": book(parts() | {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"}),
        "other_workbook.xlsx": book(parts() | {"xl/externalLinks/externalLink1.xml": "<externalLink/>"}),
        "link.xlsx": book(linked),
        "part_elsewhere.xlsx": book(moved),
        "embedded.xlsx": book(parts() | {"xl/embeddings/oleObject1.bin": b"MZ"}),
        "far_cell.xlsx": book(parts(f"<row r='1048576'>{text('XFD1048576', 'x')}</row>")),
        "no_cell.xlsx": book(parts(f"<row r='2'>{text('$A$9999999', 'x')}</row>")),
        "row_of_billions.xlsx": book(parts(f"<row r='4294967296'>{text('A2', 'x')}</row>")),
        "text_not_there.xlsx": book(parts("<row r='2'><c r='A2' t='s'><v>7</v></c></row>")),
        "formula.xlsx": book(parts("<row r='2'><c r='A2'><f>HYPERLINK(\"http://x\")</f><v>TSTU3054380</v></c></row>")),
        "command.xlsx": book(parts("<row r='2'><c r='A2'><f>cmd|'/c calc'!A0</f><v>0</v></c></row>")),
        "no_workbook.xlsx": book({"a.xml": "<a/>"}),
        "formula.csv": b"container_id\r\n=cmd|'/c calc'!A0\r\n",
    }


if __name__ == "__main__":
    for name, data in attacks().items():
        (ATTACKS / name).write_bytes(data)
