"""Rows out of spreadsheets: what people write in cells, and every fault at its cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

import pytest

from declarations.dictionary import Form
from declarations.rulebook import Rulebook
from declarations.sheets.cells import Cell, a1, column_letters, text_of
from declarations.sheets.reading import Sheet, SheetRead, fullest_scope, read_sheet
from tests.support.windows import ROOT, rulebook

CONTEXT_DAY = datetime(2015, 10, 23, 1, tzinfo=UTC)
CREW = (
    "crew_sequence_number", "crew_family_name", "crew_given_name", "crew_gender_code", "crew_date_of_birth",
    "crew_place_of_birth", "crew_nationality_code", "crew_rank_code", "crew_document_type_code", "crew_document_number",
    "crew_document_issuing_country_code", "crew_document_expiry_date", "crew_seaman_book_number",
    "crew_seaman_book_expiry_date", "crew_embark_port_code", "crew_embark_date", "crew_movement_type_code",
    "crew_shore_leave_indicator", "crew_competency_certificate_number", "crew_competency_grade_code",
    "crew_health_certificate_number",
)  # fmt: skip


@cache
def form(name: str = "vessel") -> Form:
    return rulebook().forms[name]


def member(number: int, **values: Cell) -> list[Cell]:
    """A crew member as a spreadsheet program keeps one: numbers as numbers, dates as dates; number 1 is the master."""
    master = number == 1
    row: dict[str, Cell] = {
        "crew_sequence_number": float(number),
        "crew_family_name": "SANTOS",
        "crew_given_name": f"JOSE {'ABCDEFGH'[number]}",
        "crew_gender_code": "男",
        "crew_date_of_birth": date(1985, 1, number),
        "crew_place_of_birth": "Manila",
        "crew_nationality_code": "PHL",
        "crew_rank_code": "船长" if master else "Ordinary seaman",
        "crew_document_type_code": "PP",
        "crew_document_number": f"P{1234560 + number}",
        "crew_document_issuing_country_code": "PHL",
        "crew_document_expiry_date": datetime(2029, 6, 30),
        "crew_seaman_book_number": 8765000.0 + number,
        "crew_seaman_book_expiry_date": "2026-12-31",
        "crew_embark_port_code": "SGSIN",
        "crew_embark_date": "2015年9月1日",
        "crew_movement_type_code": "REM",
        "crew_shore_leave_indicator": True,
        "crew_competency_certificate_number": "C1" if master else None,
        "crew_competency_grade_code": "A1" if master else "",
        "crew_health_certificate_number": "H1",
    }
    assert tuple(row) == CREW
    return [(row | values)[item] for item in CREW]


def crew_sheet(*rows: Sequence[Cell], names: Sequence[Cell] = CREW) -> Sheet:
    return Sheet([names, *rows])


def read(sheet: Sheet, group: str = "crew", form_name: str = "vessel", **asked: Any) -> SheetRead:
    tables: Rulebook = rulebook()
    return read_sheet(tables, form(form_name), group, sheet, tables.context(CONTEXT_DAY), **asked)


def told(found: SheetRead) -> list[tuple[str, str]]:
    return [(each.cell, each.fault.code) for each in found.faults]


def test_what_people_write_becomes_what_the_form_takes() -> None:
    found = read(crew_sheet(member(1), member(2)))
    assert told(found) == []
    assert found.rows[0] == {
        "crew_sequence_number": "1",
        "crew_family_name": "SANTOS",
        "crew_given_name": "JOSE B",
        "crew_gender_code": "M",
        "crew_date_of_birth": "19850101",
        "crew_place_of_birth": "Manila",
        "crew_nationality_code": "PHL",
        "crew_rank_code": "MST",
        "crew_document_type_code": "PP",
        "crew_document_number": "P1234561",
        "crew_document_issuing_country_code": "PHL",
        "crew_document_expiry_date": "20290630",
        "crew_seaman_book_number": "8765001",
        "crew_seaman_book_expiry_date": "20261231",
        "crew_embark_port_code": "SGSIN",
        "crew_embark_date": "20150901",
        "crew_movement_type_code": "REM",
        "crew_shore_leave_indicator": "1",
        "crew_competency_certificate_number": "C1",
        "crew_competency_grade_code": "A1",
        "crew_health_certificate_number": "H1",
    }
    assert found.rows[1]["crew_rank_code"] == "OSN"


@pytest.mark.parametrize("language", ["name_zh", "name_en", "both", "shouted"])
def test_names_of_columns_in_any_language(language: str) -> None:
    items = [form().items[item] for item in CREW]
    names = {
        "name_zh": [item.name_zh for item in items],
        "name_en": [item.name_en for item in items],
        "both": [f"{item.name_zh} / {item.name_en} *" for item in items],
        "shouted": [f"  {item.name_en.upper()}＊ " for item in items],
    }[language]
    found = read(Sheet([["船员名单 Crew list"], [], names, member(1), member(2)]))
    assert told(found) == []
    assert len(found.rows) == 2


def test_columns_in_any_order_with_blank_ones_and_rows_between() -> None:
    turned = [list(reversed(row)) for row in (CREW, member(1), [None] * len(CREW), member(2))]
    found = read(Sheet([[None, *row] for row in turned]))
    assert told(found) == []
    assert [row["crew_sequence_number"] for row in found.rows] == ["1", "2"]


def test_faults_stand_at_their_cells_as_the_spreadsheet_program_counts() -> None:
    found = read(
        crew_sheet(
            member(1),
            member(2, crew_date_of_birth="30.02.1985", crew_nationality_code="PHI"),
            member(3, crew_family_name="X" * 1800),
            member(4, crew_gender_code="Z"),
            member(5, crew_document_number="P1234561"),
            member(6, crew_place_of_birth=None),
        )
    )
    assert told(found) == [
        ("E3", "F-DATE"), ("G3", "R-MAP-01"), ("B4", "F-LENGTH"), ("D5", "R-MAP-01"), ("J6", "R-PER-01"),
        ("F7", "R-HDR-01"),
    ]  # fmt: skip
    assert (found.count, found.refused, found.rows) == (6, 5, [])
    first = found.faults[0].as_dict()
    assert (first["row"], first["column"], first["pointer"]) == (3, "crew_date_of_birth", "/crew/1/crew_date_of_birth")
    assert first["message_zh"]
    assert first["message_en"]


def test_a_mandatory_column_that_is_not_there_is_told_of_every_row() -> None:
    at = CREW.index("crew_document_number")
    rows = [[cell for number, cell in enumerate(row) if number != at] for row in (CREW, member(1), member(2))]
    found = read(Sheet(rows))
    assert [(each.cell, each.row, each.fault.item) for each in found.faults] == [
        ("", 2, "crew_document_number"),
        ("", 3, "crew_document_number"),
    ]


def test_all_or_none_some_or_only_a_check() -> None:
    sheet = crew_sheet(member(1), member(2, crew_rank_code="nobody?"), member(3))
    assert read(sheet, mode="all").rows == []
    assert [row["crew_sequence_number"] for row in read(sheet, mode="good").rows] == ["1", "3"]
    asked = read(crew_sheet(member(1)), mode="check")
    assert (asked.rows, asked.valid, asked.count) == ([], True, 1)


def test_a_warning_keeps_nobody_out() -> None:
    found = read(crew_sheet(member(1, crew_document_number="p 1")))
    assert told(found) == [("J2", "R-PER-05")]
    assert found.valid
    assert len(found.rows) == 1


def test_a_formula_is_no_value_and_is_never_calculated() -> None:
    rows = crew_sheet(member(1), member(2, crew_given_name=None)).rows
    found = read(Sheet(rows, frozenset({(2, 2)})), mode="good")
    assert told(found) == [("C3", "F-SHEET-FORMULA")]
    assert len(found.rows) == 1


def test_what_looks_like_a_formula_is_text() -> None:
    names = ["=1+1", "+41", "-A", "@SUM(A1)", "=cmd|'/c calc'!A0"]
    found = read(
        crew_sheet(member(1), *(member(number + 2, crew_place_of_birth=name) for number, name in enumerate(names)))
    )
    assert [row["crew_place_of_birth"] for row in found.rows[1:]] == names


def test_what_a_failed_formula_shows_is_no_value() -> None:
    assert told(read(crew_sheet(member(1, crew_place_of_birth="#REF!")))) == [("F2", "F-SHEET-ERROR")]


@pytest.mark.parametrize(
    ("cell", "item", "text"),
    [
        (8542310000.0, "goods_hs_code", "8542310000"),
        ("0102", "goods_hs_code", "0102"),
        (0.1, "gross_weight", "0.1"),
        (1e-3, "gross_weight", "0.001"),
        (123456789012.345, "gross_volume", "123456789012.345"),
        (5e21, "gross_volume", "5000000000000000000000"),
        (float("inf"), "gross_volume", "inf"),
        (True, "crew_shore_leave_indicator", "1"),
    ],
)
def test_numbers_keep_their_digits(cell: Cell, item: str, text: str) -> None:
    assert text_of(cell, form().items[item], {}) == text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (datetime(2015, 10, 22, 6, 30), "201510220630"),
        (date(2015, 10, 22), "201510220000"),
        ("2015-10-22 06:30", "201510220630"),
        ("2015/10/22T6:30", "201510220630"),
        ("2015年10月22日 06:30:00", "201510220630"),
        ("201510220630", "201510220630"),
        (201510220630.0, "201510220630"),
    ],
)
def test_times_as_people_write_them(cell: Cell, text: str) -> None:
    assert text_of(cell, form().items["supply_date_time"], {}) == text


@pytest.mark.parametrize("cell", ["22/10/2015", "20151322", "yesterday", 42300.0, time(6, 30)])
def test_dates_that_could_mean_another_day_are_not_guessed(cell: Cell) -> None:
    assert told(read(crew_sheet(member(1, crew_embark_date=cell)))) == [("P2", "F-DATE")]


def test_a_sheet_without_names_a_repeated_and_an_unknown_column() -> None:
    assert told(read(Sheet([["a", "b"], [1, 2]]))) == [("", "F-SHEET-HEADING")]
    assert told(read(Sheet([]))) == [("", "F-SHEET-HEADING")]
    names = [*CREW, "船员姓", "Favourite colour"]
    found = read(Sheet([names, [*member(1), "LI", "blue"]]))
    assert told(found) == [("V1", "F-SHEET-REPEATED"), ("W1", "F-SHEET-UNKNOWN")]
    assert [each.fault.severity for each in found.faults] == ["error", "warning"]


def test_rows_beyond_the_limit_are_said_to_be_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("declarations.sheets.reading.MAX_SHEET_ROWS", 2)
    found = read(crew_sheet(member(1), member(2), member(3)))
    assert told(found) == [("", "F-SHEET-ROWS")]
    assert (found.count, found.rows) == (2, [])


def test_rows_of_a_group_inside_another_name_the_row_they_belong_to() -> None:
    names = ["goods_item_sequence_number", "product_permit_type_code", "product_permit_id"]
    sheet = Sheet([names, [2.0, "411", "P1"], [1.0, "411", "P2"], [2.0, None, "P3"]])
    found = read(sheet, "product_permits", "goods", scope="customs_and_inspection")
    assert [(each.cell, each.fault.item) for each in found.faults if each.fault.code == "R-HDR-01"] == [
        ("B4", "product_permit_type_code")
    ]


def test_the_scope_that_asks_most() -> None:
    assert fullest_scope(form(), "crew") == "arrival"
    assert fullest_scope(form("goods"), "containers") == "customs_and_inspection"


def test_other_groups_are_not_spoken_of() -> None:
    """A list of containers by itself: the goods they hold are in another sheet."""
    names = ["container_id", "container_type_code", "container_goods_item_numbers"]
    found = read(Sheet([names, ["TGHU4182739", "11", "1,2"]]), "containers", "goods")
    assert found.faults == []


def test_names_of_cells() -> None:
    assert [column_letters(number) for number in (1, 26, 27, 52, 256, 702, 703)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "IV",
        "ZZ",
        "AAA",
    ]
    assert a1(12, 3) == "C12"
    assert (ROOT / "mappings").is_dir()
