"""Workbooks and CSV files: ours come back as they went out; of others' nothing is calculated, fetched or believed."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import xlsxwriter
from lxml import etree

from adapters.workbooks import read_workbook, write_workbook
from declarations.checking import check
from declarations.errors import UnreadableSheet
from declarations.form import Declaration
from declarations.sheets.csvtext import read_csv, write_csv
from declarations.sheets.reading import Sheet, read_sheet
from declarations.sheets.writing import SheetTable, group_table
from tests.support import handmade_books
from tests.support.handmade_books import book, parts
from tests.support.windows import ROOT, rulebook

AT = datetime(2015, 10, 23, 1, tzinfo=UTC)
ARRIVAL = ROOT / "tests/data/ships/arrival.json"
GROUPS = sorted(rulebook().forms["vessel"].groups)


def filed(data: bytes) -> Declaration:
    found = check(rulebook(), data, "application/json", rulebook().context(AT)).declaration
    assert found is not None
    return found


def table(group: str, declaration: Declaration | None = None, form: str = "vessel") -> SheetTable:
    return group_table(rulebook().forms[form], rulebook().codes, group, date(2015, 10, 23), declaration)


def rows_of(sheet: Sheet, group: str, form: str = "vessel", scope: str = "arrival") -> list[dict[str, str]]:
    found = read_sheet(rulebook(), rulebook().forms[form], group, sheet, rulebook().context(AT), scope=scope)
    assert [(each.cell, each.fault.message_en) for each in found.faults] == []
    return found.rows


def made(**cells: Any) -> bytes:
    """A workbook by another hand: cells by their names, `formula` and `date` as such."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = workbook.add_worksheet()
    day = workbook.add_format({"num_format": "dd/mm/yyyy"})
    moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    coloured = workbook.add_format({"num_format": '[Red]0.00" days"'})
    for name, value in cells.items():
        if isinstance(value, str) and value.startswith("="):
            sheet.write_formula(name, value, None, "TSTU3054380")
        elif isinstance(value, datetime):
            sheet.write_datetime(name, value, moment)
        elif isinstance(value, date):
            sheet.write_datetime(name, datetime.combine(value, time()), day)
        elif isinstance(value, float):
            sheet.write_number(name, value, coloured)
        else:
            sheet.write(name, value)
    workbook.close()
    return out.getvalue()


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_what_is_written_is_read_again(group: str, kind: str) -> None:
    declaration = filed(ARRIVAL.read_bytes())
    written = table(group, declaration)
    sheet = read_workbook(write_workbook(written), group) if kind == "xlsx" else read_csv(write_csv(written.lines))
    assert rows_of(sheet, group) == [dict(row) for row in declaration.rows(group)]


@pytest.mark.parametrize(
    "value", ["=1+1", "@SUM(A1)", "+A", "-cmd|' /C calc'!A0", "'=kept", "0012", "a\u00a0b", "“”,;'"]
)
def test_values_like_formulas_stay_text_both_ways(value: str) -> None:
    form = json.loads(ARRIVAL.read_bytes())
    form["crew"] = form["crew"][:1]
    form["crew"][0]["crew_place_of_birth"] = value
    declaration = filed(json.dumps(form).encode())
    written = table("crew", declaration)
    workbook = write_workbook(written)
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        sheet = etree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    assert sheet.findall(".//{*}f") == []
    comma = write_csv(written.lines)
    cells = [cell for line in comma.decode("utf-8-sig").splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "@", "\t"))]
    for read in (read_workbook(workbook, "crew"), read_csv(comma)):
        assert rows_of(read, "crew")[0]["crew_place_of_birth"] == value


def test_the_same_table_gives_the_same_bytes() -> None:
    declaration = filed(ARRIVAL.read_bytes())
    assert write_workbook(table("crew", declaration)) == write_workbook(table("crew", declaration))


def test_a_template_names_its_columns_offers_the_codes_and_can_be_filled_in() -> None:
    written = table("crew")
    with zipfile.ZipFile(io.BytesIO(write_workbook(written))) as archive:
        names = archive.namelist()
        workbook = archive.read("xl/workbook.xml").decode()
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        texts = archive.read("xl/sharedStrings.xml").decode()
    assert "船员" in workbook
    assert "代码 Codes" in workbook
    assert "dataValidation" in sheet
    assert any("comments" in name for name in names)
    assert all(
        f"{column.item.name_zh} / {column.item.name_en}" in texts.replace("&amp;", "&") for column in written.columns
    )
    assert "船长" in texts
    assert read_workbook(write_workbook(written), "crew").rows[1:] == []


def test_mandatory_columns_have_a_star() -> None:
    names = {column.item.item_id: column.name for column in table("crew").columns}
    assert names["crew_family_name"].endswith(" *")
    assert not names["crew_name_zh"].endswith(" *")


def test_dates_numbers_and_marks_of_other_programs() -> None:
    data = made(A1="x", A2=date(2015, 10, 22), B2=datetime(2015, 10, 22, 6, 30), C2=12.5, D2=True, E2="0012", F2=7)
    assert read_workbook(data).rows[1] == [date(2015, 10, 22), datetime(2015, 10, 22, 6, 30), 12.5, True, "0012", 7.0]


@pytest.mark.parametrize(
    ("serial", "from_1904", "found"),
    [
        ("1", False, date(1900, 1, 1)),
        ("59", False, date(1900, 2, 28)),
        ("61", False, date(1900, 3, 1)),
        ("42299.2708333333", False, datetime(2015, 10, 22, 6, 30)),
        ("42299.9999999", False, datetime(2015, 10, 23)),
        ("0.25", False, time(6)),
        ("40837", True, date(2015, 10, 22)),
        ("-1", False, -1.0),
        ("99999999", False, 99999999.0),
    ],
)
def test_days_are_counted_as_spreadsheet_programs_do(serial: str, from_1904: bool, found: object) -> None:
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
    row = f'<row r="2"><c r="A2" s="1"><v>{serial}</v></c></row>'
    properties = '<workbookPr date1904="1"/>' if from_1904 else ""
    assert read_workbook(book(parts(row, styles=styles, properties=properties))).rows[1] == [found]


@pytest.mark.parametrize(
    ("written", "is_date"),
    [
        ("yyyy-mm-dd", True), ("[$-804]yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;", True), ("[h]:mm", True),
        ("General", False), ("0.00", False), ("#,##0 &quot;days&quot;", False), ("[Red]0.0", False), ("0\\d", False),
        ("@", False),
    ],
)  # fmt: skip
def test_which_formats_show_dates(written: str, is_date: bool) -> None:
    styles = (
        f'<numFmts><numFmt numFmtId="164" formatCode="{written}"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="164"/></cellXfs>'
    )
    cell = read_workbook(book(parts('<row r="2"><c r="A2"><v>42299</v></c></row>', styles=styles))).rows[1][0]
    assert isinstance(cell, date) is is_date


def test_texts_in_runs_and_readings_above_signs() -> None:
    shared = "<si><r><t>TS</t></r><r><t>TU</t></r><rPh><t>nobody</t></rPh></si>"
    row = '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="C2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c></row>'
    assert read_workbook(book(parts(row, shared=shared))).rows[1] == ["TSTU", None, "ab"]


def test_cells_and_rows_without_references_follow_one_another() -> None:
    row = "<row><c><v>1</v></c><c><v>2</v></c></row><row/><row><c r='C4'><v>3</v></c><c><v>4</v></c></row>"
    assert read_workbook(book(parts(row))).rows[1:] == [[1.0, 2.0], [], [None, None, 3.0, 4.0]]


def test_formulas_are_seen_wherever_they_stand() -> None:
    sheet = read_workbook(made(A1="container_id", A2="=HYPERLINK(A1)", A4="=1"))
    assert sheet.formulas == {(1, 0), (3, 0)}
    found = read_sheet(rulebook(), rulebook().forms["goods"], "containers", sheet, rulebook().context(AT), mode="good")
    assert [(each.cell, each.fault.code) for each in found.faults if each.fault.code.startswith("F-")] == [
        ("A2", "F-SHEET-FORMULA"), ("A4", "F-SHEET-FORMULA"),
    ]  # fmt: skip
    assert found.rows == []


def test_the_sheet_of_the_groups_name_is_read_else_the_first() -> None:
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True})
    for name in ("Notes", "船员", "passengers"):
        workbook.add_worksheet(name).write(0, 0, f"of {name}")
    workbook.close()
    assert read_workbook(out.getvalue(), "crew", "船员").rows == [["of 船员"]]
    assert read_workbook(out.getvalue(), "Passengers").rows == [["of passengers"]]
    assert read_workbook(out.getvalue(), "waste_items").rows == [["of Notes"]]


def test_addresses_in_cells_are_no_danger() -> None:
    data = made(A1="agent_email", A2="mailto:ops@agent.example", A3="https://agent.example/x")
    assert [row[0] for row in read_workbook(data).rows] == [
        "agent_email",
        "ops@agent.example",
        "https://agent.example/x",
    ]


REASONS = {
    "bomb.xlsx": "zip", "doctype.xlsx": "doctype", "utf16.xlsx": "encoding", "utf7.xlsx": "malformed", "macro.xlsx": "active",
    "other_workbook.xlsx": "active", "link.xlsx": "link", "part_elsewhere.xlsx": "format", "embedded.xlsx": "active",
    "far_cell.xlsx": "extent", "no_cell.xlsx": "malformed", "row_of_billions.xlsx": "malformed",
    "text_not_there.xlsx": "malformed", "no_workbook.xlsx": "format",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REASONS))
def test_attack_workbooks_are_refused_for_what_they_are(name: str) -> None:
    with pytest.raises(UnreadableSheet) as refused:
        read_workbook((handmade_books.ATTACKS / name).read_bytes())
    assert refused.value.details["reason"] == REASONS[name]
    assert refused.value.message_zh != refused.value.message_en


def test_the_attack_files_are_the_ones_written_here() -> None:
    for name, data in handmade_books.attacks().items():
        assert (handmade_books.ATTACKS / name).read_bytes() == data


def test_an_empty_cell_far_out_is_none_of_our_business() -> None:
    """Formatting whole columns writes such cells."""
    row = '<row r="1048576"><c r="XFD1048576" s="0"/></row>'
    assert len(read_workbook(book(parts(row))).rows) == 1


@pytest.mark.parametrize(
    "made", [parts("<row><c/><c/><c/><c/></row>"), parts(shared="<si/>" * 5), parts(styles="<xf/>" * 5)]
)
def test_more_cells_than_a_list_can_have_are_not_read(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_workbook(book(made)).rows
    monkeypatch.setattr("adapters.workbookcells.MAX_SHEET_CELLS", 4)
    with pytest.raises(UnreadableSheet) as refused:
        read_workbook(book(made))
    assert refused.value.details["reason"] == "extent"


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" + b"\0" * 40, b"\xd0\xcf\x11\xe0", b"a,b"])
def test_what_is_no_zip(data: bytes) -> None:
    with pytest.raises(UnreadableSheet):
        read_workbook(data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_every_program(encoding: str, separator: str) -> None:
    data = f"集装箱号{separator}箱型尺寸代码\r\n船{separator}长\r\n".encode(encoding)
    assert read_csv(data).rows == [["集装箱号", "箱型尺寸代码"], ["船", "长"]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'a,"b\nc', "csv"),
        (b"a,b\x00c", "binary"),
        (b"\xff\xff\xff", "encoding"),
        (b"," * 300, "columns"),
        (b'"' + b"x" * 200_000 + b'"', "csv"),
    ],
)
def test_csv_that_is_none(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableSheet) as refused:
        read_csv(data)
    assert refused.value.details["reason"] == reason
