"""Bringing official lists in: what changes from which day, what the table becomes, and which rows are touched."""

from datetime import date
from pathlib import Path

import pytest

from declarations.bundle import Bundle
from declarations.codelists import CodeList, CodeLists
from declarations.codeload import Change, affected_in, diff, load
from declarations.errors import BadConfiguration

ROOT = Path(__file__).resolve().parents[2]
PATH = "mappings/codes/CL_TEST.csv"
HEAD = """# list: CL_TEST
# status: partial
# system: customs
# name_zh: 试
# name_en: Test
# pattern: [0-9]{2}
"""
TABLE = (
    HEAD
    + """code,name_zh,name_en,unit,valid_from,valid_to,reference
10,苹果,Apple,035,2015-01-01,,GK
20,梨,Pear,035,2015-01-01,,GK
30,桃,Peach,035,2015-01-01,2016-01-01,GK
"""
)
DAY = date(2017, 1, 1)


def read(text: str) -> CodeList:
    return CodeLists.load(Bundle({PATH: text.encode()})).lists["CL_TEST"]


def loaded(official: str, on: date = DAY, *, complete: bool = False, text: str = TABLE) -> list[str]:
    """The table's rows after the official file was brought in."""
    after = load(read(text), text, official.encode(), on, complete=complete)
    assert after.startswith(HEAD)
    return after.removeprefix(HEAD).splitlines()[1:]


def test_an_equal_file_changes_nothing() -> None:
    official = "code,name_zh,name_en,unit\n10,苹果,Apple,035\n20,梨,Pear,035\n"
    assert diff(read(TABLE), official.encode(), DAY, complete=True) == []
    assert load(read(TABLE), TABLE, official.encode(), DAY, complete=True) == TABLE


def test_a_changed_value_gets_a_row_of_its_own_from_the_day() -> None:
    official = "code,name_zh,name_en,unit\n10,苹果,Apple,070\n"
    assert diff(read(TABLE), official.encode(), DAY) == [Change("changed", "10", "unit", "035", "070", DAY)]
    assert loaded(official)[:2] == [
        "10,苹果,Apple,035,2015-01-01,2017-01-01,GK",
        "10,苹果,Apple,070,2017-01-01,,GK",
    ]
    after = read(load(read(TABLE), TABLE, official.encode(), DAY))
    units = [after.get("10", day) for day in (date(2016, 12, 31), DAY)]
    assert [code and code.attributes["unit"] for code in units] == ["035", "070"]


def test_columns_the_file_lacks_and_blank_names_stay() -> None:
    official = "code,name_zh,name_en\n10,红苹果,\n"
    assert diff(read(TABLE), official.encode(), DAY) == [Change("changed", "10", "name_zh", "苹果", "红苹果", DAY)]
    assert loaded(official)[1] == "10,红苹果,Apple,035,2017-01-01,,GK"


def test_new_and_reopened_codes_begin_on_the_day() -> None:
    official = "code,name_zh,name_en,unit,reference\n30,桃,Peach,035,\n40,杏,Apricot,035,GACC 2017-1\n"
    assert diff(read(TABLE), official.encode(), DAY) == [
        Change("reopened", "30", "", "", "桃", DAY),
        Change("added", "40", "", "", "杏", DAY),
    ]
    assert loaded(official)[2:] == [
        "30,桃,Peach,035,2015-01-01,2016-01-01,GK",
        "30,桃,Peach,035,2017-01-01,,official list of 2017-01-01",
        "40,杏,Apricot,035,2017-01-01,,GACC 2017-1",
    ]


def test_codes_left_out_end_only_when_the_file_is_the_whole_list() -> None:
    official = "code,name_zh,name_en\n10,苹果,Apple\n"
    assert diff(read(TABLE), official.encode(), DAY) == []
    assert diff(read(TABLE), official.encode(), DAY, complete=True) == [Change("ended", "20", "", "梨", "", DAY)]
    assert loaded(official, complete=True)[1] == "20,梨,Pear,035,2015-01-01,2017-01-01,GK"


def test_the_file_may_date_its_rows_itself() -> None:
    official = (
        "code,name_zh,name_en,valid_from,valid_to\n10,苹果王,Apple,2018-03-01,2019-01-01\n20,梨,Pear,,2018-01-01\n"
    )
    first, last = date(2018, 3, 1), date(2019, 1, 1)
    assert diff(read(TABLE), official.encode(), DAY) == [
        Change("changed", "10", "name_zh", "苹果", "苹果王", first),
        Change("ended", "10", "", "苹果", "", last),
        Change("ended", "20", "", "梨", "", date(2018, 1, 1)),
    ]
    assert loaded(official)[:3] == [
        "10,苹果,Apple,035,2015-01-01,2018-03-01,GK",
        "10,苹果王,Apple,035,2018-03-01,2019-01-01,GK",
        "20,梨,Pear,035,2015-01-01,2018-01-01,GK",
    ]


def test_loading_again_for_the_same_day_corrects_that_days_row() -> None:
    text = load(read(TABLE), TABLE, "code,name_zh,name_en\n10,苹果王,Apple\n".encode(), DAY)
    assert loaded("code,name_zh,name_en\n10,大苹果,Apple\n", text=text)[:2] == [
        "10,苹果,Apple,035,2015-01-01,2017-01-01,GK",
        "10,大苹果,Apple,035,2017-01-01,,GK",
    ]


def test_a_later_period_already_announced_is_kept() -> None:
    text = load(read(TABLE), TABLE, "code,name_zh,name_en\n10,苹果王,Apple\n".encode(), date(2018, 1, 1))
    assert loaded("code,name_zh,name_en\n10,小苹果,Apple\n", text=text)[:3] == [
        "10,苹果,Apple,035,2015-01-01,2017-01-01,GK",
        "10,小苹果,Apple,035,2017-01-01,2018-01-01,GK",
        "10,苹果王,Apple,035,2018-01-01,,GK",
    ]


def test_a_file_in_gb18030_reads_the_same() -> None:
    official = "code,name_zh,name_en\n10,红苹果,Red apple\n"
    changes = diff(read(TABLE), official.encode("gb18030"), DAY)
    assert changes and changes == diff(read(TABLE), official.encode("utf-8-sig"), DAY)


@pytest.mark.parametrize(
    ("official", "column", "line"),
    [
        ("code,name_zh\n10,苹果\n", "name_en", None),
        ("code,name_zh,name_en,weight\n10,苹果,Apple,1\n", "weight", None),
        ("code,name_zh,name_en\n40,杏,\n", "name_en", 2),
        ("code,name_zh,name_en\n10,苹果,Apple\n10,苹果,Apple\n", "code", 3),
        ("code,name_zh,name_en\nABC,苹果,Apple\n", "code", 2),
        ("code,name_zh,name_en,valid_from\n10,苹果,Apple,1/1/2017\n", "valid_from", 2),
        ("code,name_zh,name_en,valid_to\n10,苹果,Apple,2016-01-01\n", "valid_to", 2),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_naming_row_and_column(
    official: str, column: str, line: int | None
) -> None:
    for act in (lambda: diff(read(TABLE), official.encode(), DAY), lambda: loaded(official)):
        with pytest.raises(BadConfiguration) as caught:
            act()
        assert (f"CL_TEST#{column}", line) in [(fault.pointer, fault.line) for fault in caught.value.faults]


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="encoding"):
        diff(read(TABLE), b"code,name_zh,name_en\n10,\xff\xff,x\n", DAY)


def test_rows_that_use_a_changed_code_are_listed() -> None:
    bundle = Bundle.read(ROOT)
    lists = CodeLists.load(bundle)
    official = (
        "code,name_zh,name_en\n0110,一般贸易（新）,General trade\n4019,边境小额贸易,\n9710,跨境电商B2B,B2B export\n"
    )
    changes = diff(lists.lists["CL_TRADE_MODE"], official.encode(), DAY)
    rule_table = "rule,trade_mode_code,when\nA,0110 4019,\nB,0214,trade_mode_code = '0110'\nC,0214,border = '0110'\n"
    map_table = (
        "line,source,when,how,arg\n"
        "X-1,trade_mode_code,trade_mode_code in CL_TRADE_MODE,copy,\n"
        "X-2,trade_mode_code,trade_mode_code in CL_BORDER_TRADE_MODE,lookup,CL_TRADE_MODE.name_zh\n"
        "X-3,trade_mode_code,,lookup,CL_TRADE_MODE.manual\n"
    )
    tables = {"mappings/rules/try.csv": rule_table.encode(), "mappings/customs/Try/1/map.csv": map_table.encode()}
    kept = {path: data for path, data in bundle.files.items() if "/codes/" in path}
    touched = affected_in(Bundle(kept | tables), lists, "CL_TRADE_MODE", changes, {"trade_mode_code": "CL_TRADE_MODE"})
    found = {(each.path.removeprefix("mappings/"), each.line, each.code) for each in touched}
    conversions = {path: line for path, line, _ in found if path.startswith("inspection/") and line}
    assert conversions.keys() == {"inspection/codes/CL_TRADE_MODE.csv"}
    assert {each for each in found if not (each[0].startswith("inspection/") and each[1])} == {
        ("codes/CL_BORDER_TRADE_MODE.csv", 9, "4019"),
        ("inspection/codes/CL_TRADE_MODE.csv", None, "9710"),  # a new code nobody has converted yet
        ("rules/try.csv", 2, "0110"),
        ("rules/try.csv", 2, "4019"),
        ("rules/try.csv", 3, "0110"),
        ("customs/Try/1/map.csv", 2, ""),
        ("customs/Try/1/map.csv", 3, ""),
    }
    assert {code for path, line, code in found if path.startswith("inspection/") and line} == {"0110", "4019"}


def test_the_shipped_tariff_takes_an_official_file() -> None:
    bundle = Bundle.read(ROOT)
    path = "mappings/codes/CL_HS.csv"
    tariff = CodeLists.load(bundle).lists["CL_HS"]
    official = "code,name_zh,name_en,unit1,conditions\n8471301000,便携式计算机,Portable computers,001,A\n"
    official += "8703236110,小轿车,Saloon cars,001,47A\n"
    after = load(tariff, bundle.text(path), official.encode("gb18030"), date(2016, 1, 1), reference="tariff 2016")
    assert len(after.splitlines()) == len(bundle.text(path).splitlines()) + 1
    assert after.splitlines()[-1] == "8703236110,小轿车,Saloon cars,001,,47A,,,,2016-01-01,,tariff 2016"
