"""Code lists, their conversions to agencies, and search: the tables as shipped, and what the loader refuses."""

from datetime import date
from pathlib import Path

import pytest

from declarations.agencycodes import AgencyCodes
from declarations.bundle import Bundle
from declarations.codelists import CodeLists
from declarations.errors import BadConfiguration

ROOT = Path(__file__).resolve().parents[2]
ON = date(2015, 10, 22)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.read(ROOT)


@pytest.fixture(scope="module")
def lists(bundle: Bundle) -> CodeLists:
    return CodeLists.load(bundle)


@pytest.fixture(scope="module")
def inspection(bundle: Bundle, lists: CodeLists) -> AgencyCodes:
    return AgencyCodes.load(bundle, "inspection", lists)


# Every value the facts (goods-facts.md section 7) give, by list.
FACTS = {
    "CL_TRANSPORT_MODE": "0 1 2 3 4 5 6 7 8 9 W X Y Z H",
    "CL_INSPECTION_CATEGORY": "13 14 15 21 24 25 28",
    "CL_TRADE_MODE": "0110 0214 0615 0715 1039 1210 1239 9610 3010 4019 0130 0513 0654 1233 1234 2025 2225 2600 2700 "
    "3100 3339 3422 3511 4561",
    "CL_LEVY_NATURE": "101 299 789 118 201 301 401 501 502 503 601 602 603 898",
    "CL_DUTY_MODE": "1 2 3 4 5 6 7 8 9",
    "CL_DEAL_MODE": "1 2 3 4 5 6 7",
    "CL_CHARGE_MARK": "1 2 3",
    "CL_ENTRY_TYPE": "0 L W D M",
    "CL_SUPERVISION_CONDITION": "1 2 3 4 5 6 7 8 9 A B D E F G I J L O P Q R S T U V W X Y x y",
    "CL_CERTIFICATE_TYPE": "11 12 13 14 15 16 17 18 19 20 21 22 23 24 95 96 98 99",
    "CL_ATTACHMENT_TYPE": "00000001 00000002 00000003 00000004 00000008 00000009 00000010 10000001 10000002 10000003 "
    "20000011 20000019 50000001 50000009",
    "CL_PRODUCT_PERMIT": "325 411 410 516 517 519 524 110 105 106 107",
    "CL_ENTERPRISE_QUALIFICATION": "508 509 510 515 518 308 415",
    "CL_GOODS_PURPOSE": "11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 99",
    "CL_GOODS_ATTRIBUTE": "11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30",
    "CL_CORRELATION_REASON": "1 2 3 4 5 6 7 8 9",
    "CL_CONTAINER_TYPE": "11 12 13 21 22 23 31 32",
    "CL_CUSTOMS_OFFICE": "2200 2201 2202 2203 2204 2205 2206 2209 2210 2212 2213 2217 2218 2220 2221 2223 2224 2225 "
    "2233 2248",
    "CL_PACKAGE_TYPE": "1 2 3 4 5 6 7 00 01 04 06 22 23 29 32 33 39 92 93 98 99",
    "CL_UNIT": "001 002 003 006 007 008 010 011 012 014 015 016 017 018 019 020 025 030 032 033 035 036 054 063 070 "
    "076 095 096 120 122 125 127 140 142 163",
    "CL_PORT": "CNSHA CNPVG CNNGB CNSZX HKHKG TWKHH JPTYO JPYOK JPOSA JPNRT KRPUS KRICN SGSIN MYPKG THLCH THBKK VNSGN "
    "IDJKT PHMNL INNSA AEJEA TRIST ZADUR BEANR DEHAM DEBRV DEFRA NLRTM NLAMS GBFXT GBLHR FRLEH FRCDG ITGOA ITLIV "
    "ITMXP ESBCN PTLIS GRPIR SEGOT PLGDN RUVVO BRSSZ CLSAI MXZLO USLAX USLGB USNYC USORD CAVAN AUSYD AUMEL NZAKL",
    "CL_DOMESTIC_REGION": "31019 31049 31059 31099 31109 31129 31139 31149 31169 31179 31189 31222",
    "CL_INSPECTION_OFFICE": "310000 310100 310200 310300 310400 310500 310600",
    "CL_INSPECTION_PORT": "310101 310102 310301 310302 310303",
    "CL_INSPECTION_ATTACHMENT": "102001 102002 102003 102004 102099",
    "CL_UN_DG": "1170 1230 1263 1266 1267 1950 1993 3480 3481",
    "CL_COUNTRY": "701 702 999",
    "CL_DIRECTION": "I E",
}
COUNTRIES = (
    "CN 142 156 HK 110 344 JP 116 392 KR 133 410 TW 143 158 MO 121 446 SG 132 702 MY 122 458 TH 136 764 VN 141 704 "
    "ID 112 360 PH 129 608 IN 111 356 AE 138 784 TR 137 792 ZA 244 710 BE 301 056 DK 302 208 GB 303 826 DE 304 276 "
    "FR 305 250 IE 306 372 IT 307 380 NL 309 528 GR 310 300 PT 311 620 ES 312 724 AT 315 040 FI 318 246 NO 326 578 "
    "PL 327 616 SE 330 752 CH 331 756 RU 344 643 BR 410 076 CL 412 152 MX 429 484 CA 501 124 US 502 840 AU 601 036 "
    "NZ 609 554"
)
CURRENCIES = (
    "HKD 110 344 JPY 116 392 MOP 121 446 PHP 129 608 SGD 132 702 KRW 133 410 THB 136 764 CNY 142 156 EUR 300 978 "
    "DKK 302 208 GBP 303 826 NOK 326 578 SEK 330 752 CHF 331 756 CAD 501 124 USD 502 840 AUD 601 036 NZD 609 554"
)


@pytest.mark.parametrize("name", FACTS)
def test_every_value_of_the_facts_is_there_with_names_in_both_languages(lists: CodeLists, name: str) -> None:
    current = lists.lists[name].current(ON)
    assert [code for code in FACTS[name].split() if code not in current] == []
    assert all(code.name_zh and code.name_en and code.reference for code in current.values())


@pytest.mark.parametrize(
    ("name", "facts"), [("CL_COUNTRY", COUNTRIES), ("CL_CURRENCY", CURRENCIES)], ids=["country", "currency"]
)
def test_country_and_currency_codes_of_the_facts_convert(inspection: AgencyCodes, name: str, facts: str) -> None:
    letters = "alpha2" if name == "CL_COUNTRY" else "alpha3"
    for iso, customs, numeric in (facts.split()[at : at + 3] for at in range(0, len(facts.split()), 3)):
        code = inspection.canonical.lists[name].get(customs, ON)
        assert code and (code.attributes[letters], code.attributes["iso_numeric"]) == (iso, numeric)
        assert inspection.out(name, customs, ON) == numeric
        assert inspection.back(name, numeric, ON) == customs


def test_one_number_means_different_countries_in_the_two_systems(lists: CodeLists, inspection: AgencyCodes) -> None:
    countries = lists.lists["CL_COUNTRY"]
    russia, brazil, mongolia = (countries.get(code, ON) for code in ("344", "410", "124"))
    assert russia and russia.name_zh == "俄罗斯"
    assert inspection.out("CL_COUNTRY", "344", ON) == "643"
    assert inspection.back("CL_COUNTRY", "344", ON) == "110"  # ISO 344 is Hong Kong
    assert brazil and brazil.name_en == "Brazil"
    assert inspection.out("CL_COUNTRY", "410", ON) == "076"
    assert inspection.back("CL_COUNTRY", "410", ON) == "133"  # ISO 410 is Korea
    assert mongolia and mongolia.name_zh == "蒙古"
    assert inspection.back("CL_COUNTRY", "124", ON) == "501"  # ISO 124 is Canada
    assert inspection.out("CL_COUNTRY", "156", ON) is None  # ISO for China is no customs code


def test_values_the_agency_has_no_code_for_are_not_sent(inspection: AgencyCodes) -> None:
    assert inspection.out("CL_COUNTRY", "701", ON) is None
    assert "701" not in inspection.out_table("CL_COUNTRY", ON)
    row = inspection.row_out("CL_COUNTRY", "701", ON)
    assert row and row["way"] == "none" and row.path == "mappings/inspection/codes/CL_COUNTRY.csv"


def test_parts_of_a_country_go_out_under_the_whole_and_do_not_come_back(inspection: AgencyCodes) -> None:
    assert inspection.out("CL_COUNTRY", "207", ON) == "724"  # Canary Islands
    assert inspection.back("CL_COUNTRY", "724", ON) == "312"  # Spain


def test_transport_mode_is_many_to_one_and_comes_back_as_one(inspection: AgencyCodes) -> None:
    sent = {code: inspection.out("CL_TRANSPORT_MODE", code, ON) for code in FACTS["CL_TRANSPORT_MODE"].split()}
    assert sent == {"2": "1", "3": "2", "4": "3", "5": "4"} | dict.fromkeys("01678 9WXYZH".replace(" ", ""), "9")
    assert inspection.back("CL_TRANSPORT_MODE", "9", ON) == "9"
    assert inspection.back("CL_TRANSPORT_MODE", "1", ON) == "2"


def test_trade_modes_convert_and_only_single_targets_come_back(inspection: AgencyCodes) -> None:
    given = "0110 11 0214 12 0615 13 0715 13 0654 13 0130 14 0513 15 4019 16 3511 17 2025 18 2225 18 3010 20 3422 21 "
    given += "1233 23 1234 23 4561 27 2600 29 2700 30 1039 19 1210 19 1239 19 9610 19 3100 19 3339 19"
    expected = dict(zip(given.split()[::2], given.split()[1::2], strict=True))
    assert inspection.out_table("CL_TRADE_MODE", ON) == expected
    assert inspection.back("CL_TRADE_MODE", "11", ON) == "0110"
    assert inspection.back("CL_TRADE_MODE", "13", ON) is None


def test_regions_and_direction_convert_both_ways(inspection: AgencyCodes) -> None:
    assert inspection.out("CL_DOMESTIC_REGION", "31222", ON) == "310115"
    assert inspection.back("CL_DOMESTIC_REGION", "310101", ON) == "31019"
    assert inspection.out_table("CL_DIRECTION", ON) == {"I": "I", "E": "O"}


@pytest.mark.parametrize("agency", ["customs", "inspection"])
def test_no_agency_code_comes_back_as_another_value_than_it_went(bundle: Bundle, lists: CodeLists, agency: str) -> None:
    codes = AgencyCodes.load(bundle, agency, lists)
    for name in lists.lists:
        for code, sent in codes.out_table(name, ON).items():
            row = codes.row_out(name, code, ON)
            if row is None or row["way"] == "both":
                assert codes.back(name, sent, ON) == code


def test_an_unknown_code_may_go_as_written_only_within_one_system(inspection: AgencyCodes) -> None:
    assert inspection.same_system("CL_HS")  # a table, but of the customs codes
    assert inspection.same_system("CL_PORT")  # no table, UN/LOCODE
    assert inspection.same_system("CL_GOODS_PURPOSE")  # no table, its own list
    assert not inspection.same_system("CL_COUNTRY")
    assert not inspection.same_system("CL_DOMESTIC_REGION")
    assert not inspection.same_system("CL_LEVY_NATURE")  # no table, customs codes
    assert inspection.out("CL_LEVY_NATURE", "101", ON) is None
    assert inspection.out("CL_GOODS_PURPOSE", "27", ON) == "27"
    assert inspection.out("CL_PORT", "FRCDG", ON) == "FRCDG"


def test_partial_lists_know_the_form_of_codes_they_do_not_hold(lists: CodeLists) -> None:
    hs = lists.lists["CL_HS"]
    assert not hs.complete
    assert hs.get("8703236110", ON) is None
    assert hs.well_formed("8703236110") and hs.well_formed("0001")
    assert not hs.well_formed("870323611") and not hs.well_formed("0003")
    assert lists.lists["CL_CIQ_CODE"].well_formed("3304990010101")
    assert lists.lists["CL_COUNTRY"].complete
    assert not lists.lists["CL_COUNTRY"].well_formed("000")


def test_commodities_carry_units_conditions_classes_kind_and_un_number(lists: CodeLists) -> None:
    crude, shirt = (lists.lists["CL_HS"].get(code, ON) for code in ("2709000000", "6109100010"))
    assert crude and crude.attributes == {
        "unit1": "035", "unit2": "", "conditions": "47ABxy", "classes": "MN", "kind": "chemical", "un": "1267",
    }  # fmt: skip
    assert shirt and (shirt.attributes["unit1"], shirt.attributes["unit2"]) == ("011", "035")
    assert len(lists.lists["CL_HS"].codes) == 49


def test_attributes_name_codes_of_the_other_lists(lists: CodeLists) -> None:
    every = {name: code_list.current(ON) for name, code_list in lists.lists.items()}
    for code in every["CL_HS"].values():
        units = {code.attributes["unit1"], code.attributes["unit2"]} - {""}
        assert units <= every["CL_UNIT"].keys()
        assert set(code.attributes["conditions"]) <= every["CL_SUPERVISION_CONDITION"].keys()
        assert {code.attributes["un"]} - {""} <= every["CL_UN_DG"].keys()
    offices = {code.attributes["customs_office"] for code in every["CL_INSPECTION_PORT"].values()}
    assert offices <= every["CL_CUSTOMS_OFFICE"].keys()
    countries = {code.attributes["alpha2"] for code in every["CL_COUNTRY"].values()}
    assert {code.attributes["country"] for code in every["CL_PORT"].values()} <= countries
    assert all(code.code.startswith(code.attributes["country"]) for code in every["CL_PORT"].values())


def test_supervision_conditions_say_direction_and_handling(lists: CodeLists) -> None:
    conditions = lists.lists["CL_SUPERVISION_CONDITION"].current(ON)

    def having(column: str, value: str) -> str:
        return "".join(sorted(code for code, each in conditions.items() if each.attributes[column] == value))

    assert having("direction", "I") == "12679AFOPQRVY"
    assert having("direction", "E") == "3458BEGxy"
    assert having("handling", "licence") == "1234Gxy"
    assert having("handling", "clearance_form") == "AB"
    assert having("handling", "prohibition") == "689"
    assert (having("handling", "processing_only"), having("handling", "optional")) == ("V", "Y")
    assert (having("trade_class", "processing"), having("trade_class", "border")) == ("Vx", "y")


def test_small_condition_lists_agree_with_the_attributes_they_repeat(lists: CodeLists) -> None:
    def having(name: str, column: str, value: str) -> set[str]:
        return {code for code, each in lists.lists[name].current(ON).items() if each.attributes[column] == value}

    small = {name: set(each.current(ON)) for name, each in lists.lists.items() if each.subset_of}
    assert small.pop("CL_MASS_UNIT") >= {"035", "036", "070"} | having("CL_UNIT", "mass_kg", "1")
    assert small == {
        "CL_OFFICER_RANK": having("CL_CREW_RANK", "officer", "yes"),
        "CL_WOOD_PACKAGE": having("CL_PACKAGE_TYPE", "wood", "yes"),
        "CL_BULK_PACKAGE": having("CL_PACKAGE_TYPE", "bulk", "yes"),
        "CL_PROCESSING_TRADE_MODE": having("CL_TRADE_MODE", "trade_class", "processing"),
        "CL_BORDER_TRADE_MODE": having("CL_TRADE_MODE", "trade_class", "border"),
        "CL_MANUAL_TRADE_MODE": having("CL_TRADE_MODE", "manual", "yes"),
        "CL_PSEUDO_COMMODITY": {"0001", "0002"},
    }


def searched(lists: CodeLists, name: str, q: str) -> list[str]:
    return [code.code for code in lists.lists[name].search(q, ON)]


def test_search_by_code_names_and_pinyin_initials(lists: CodeLists) -> None:
    assert searched(lists, "CL_COUNTRY", "502") == ["502"]
    assert searched(lists, "CL_COUNTRY", "50") == ["501", "502", "503", "504"]
    assert searched(lists, "CL_COUNTRY", "mg") == ["227", "124", "502"]  # MG Madagascar, then 蒙古 and 美国
    assert searched(lists, "CL_COUNTRY", "els") == ["344"]  # 俄罗斯
    assert searched(lists, "CL_COUNTRY", "美国") == ["502"]
    assert searched(lists, "CL_COUNTRY", "united k") == ["303"]
    assert searched(lists, "CL_COUNTRY", "US")[0] == "502"
    assert searched(lists, "CL_CURRENCY", "usd") == ["502"]
    assert searched(lists, "CL_PORT", "sh")[:2] == ["CNSHA", "CNPVG"]
    assert searched(lists, "CL_PORT", "Airport")[0] == "CNPVG"
    assert searched(lists, "CL_PORT", "nothing like it") == []


def test_search_puts_the_very_code_before_the_same_letter_in_the_other_case(lists: CodeLists) -> None:
    assert searched(lists, "CL_SUPERVISION_CONDITION", "x")[:2] == ["x", "X"]
    assert searched(lists, "CL_SUPERVISION_CONDITION", "X")[:2] == ["X", "x"]


def test_search_keeps_to_the_limit_and_the_day(lists: CodeLists) -> None:
    assert len(lists.lists["CL_COUNTRY"].search("", ON, limit=7)) == 7
    assert lists.lists["CL_COUNTRY"].search("美国", date(2014, 12, 31)) == []


# What the loader refuses ------------------------------------------------------------------------------------------

LIST = """# list: CL_TEST
# status: complete
# system: customs
# name_zh: 试
# name_en: Test
code,name_zh,name_en,kind,valid_from,valid_to,reference
1,一,One,odd,2015-01-01,2016-01-01,GK
1,壹,One,odd,2016-01-01,,GK
2,二,Two,even,2015-01-01,,GK
"""
AGENCY = """# list: CL_TEST
# system: inspection
code,agency_code,way,valid_from,valid_to,reference
1,11,both,2015-01-01,2016-01-01,GK
1,12,both,2016-01-01,,GK
2,21,out,2015-01-01,,GK
"""


def agency_codes(code_list: str = LIST, agency: str = AGENCY) -> AgencyCodes:
    files = {"mappings/codes/CL_TEST.csv": code_list, "mappings/inspection/codes/CL_TEST.csv": agency}
    return AgencyCodes.load(Bundle({path: text.encode() for path, text in files.items()}), "inspection")


def refused(code_list: str = LIST, agency: str = AGENCY) -> list[tuple[str, int | None]]:
    """(file name#column, line) of each fault."""
    with pytest.raises(BadConfiguration) as caught:
        agency_codes(code_list, agency)
    return [(fault.pointer.rpartition("mappings/")[2], fault.line) for fault in caught.value.faults]


def test_periods_decide_names_and_conversions() -> None:
    codes = agency_codes()
    code_list = codes.canonical.lists["CL_TEST"]
    last_day, next_day = date(2015, 12, 31), date(2016, 1, 1)
    names = [code_list.get("1", day) for day in (last_day, next_day)]
    assert [name and name.name_zh for name in names] == ["一", "壹"]
    assert (codes.out("CL_TEST", "1", last_day), codes.out("CL_TEST", "1", next_day)) == ("11", "12")
    assert (codes.back("CL_TEST", "11", last_day), codes.back("CL_TEST", "11", next_day)) == ("1", None)
    assert codes.out("CL_TEST", "1", date(2014, 12, 31)) is None
    assert codes.back("CL_TEST", "21", next_day) is None  # only out
    assert codes.out_table("CL_TEST", next_day) == {"1": "12", "2": "21"}


@pytest.mark.parametrize(
    ("old", "new", "where", "line"),
    [
        ("壹,One,odd,2016-01-01", "壹,One,odd,2015-12-31", "codes/CL_TEST.csv#valid_from", 8),
        ("Two,even,2015-01-01", "Two,even,2015-02-30", "codes/CL_TEST.csv#valid_from", 9),
        ("even,2015-01-01,", "even,2015-01-01,2014-01-01", "codes/CL_TEST.csv#valid_to", 9),
        ("2,二,Two", "2,,Two", "codes/CL_TEST.csv#name_zh", 9),
        ("# status: complete", "# status: whole", "codes/CL_TEST.csv#status", None),
        ("# status: complete", "# status: partial", "codes/CL_TEST.csv#pattern", None),
        ("# status: complete", "# status: complete\n# pattern: [0-1]", "codes/CL_TEST.csv#code", 10),
        ("# status: complete", "# status: complete\n# pattern: [", "codes/CL_TEST.csv#pattern", None),
        ("# list: CL_TEST", "# list: CL_OTHER", "codes/CL_TEST.csv#list", None),
        ("# name_en: Test\n", "", "codes/CL_TEST.csv#name_en", None),
        ("# name_en: Test", "# name_en: Test\n# subset_of: CL_NONE", "codes/CL_TEST.csv#code", None),
    ],
)
def test_a_contradictory_list_is_refused_naming_file_row_and_column(
    old: str, new: str, where: str, line: int | None
) -> None:
    assert old in LIST
    assert (where, line) in refused(LIST.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "where", "line"),
    [
        ("1,12,both,2016-01-01", "1,12,both,2015-12-31", "inspection/codes/CL_TEST.csv#code", 5),
        ("2,21,out", "2,12,both", "inspection/codes/CL_TEST.csv#agency_code", 6),  # 12 would come back as 1 or 2
        ("2,21,out", "2,12,in", "inspection/codes/CL_TEST.csv#agency_code", 6),
        ("2,21,out", "2,21,forth", "inspection/codes/CL_TEST.csv#way", 6),
        ("2,21,out", "2,,out", "inspection/codes/CL_TEST.csv#agency_code", 6),
        ("2,21,out", "2,21,none", "inspection/codes/CL_TEST.csv#agency_code", 6),
        ("2,21,out", "3,21,out", "inspection/codes/CL_TEST.csv#code", 6),
        ("2,21,out,2015-01-01", "2,21,out,2015-02-01", "inspection/codes/CL_TEST.csv#code", None),  # a month uncovered
        ("2,21,out,2015-01-01,", "2,21,out,2015-01-01,2019-01-01", "inspection/codes/CL_TEST.csv#code", None),
        ("2,21,out", "2,21,in", "inspection/codes/CL_TEST.csv#code", None),  # complete list, no way out
        ("# system: inspection\n", "", "inspection/codes/CL_TEST.csv#system", None),
        ("code,agency_code", "code,other", "inspection/codes/CL_TEST.csv#agency_code", None),
    ],
)
def test_contradictory_conversions_are_refused_naming_file_row_and_column(
    old: str, new: str, where: str, line: int | None
) -> None:
    assert old in AGENCY
    assert (where, line) in refused(agency=AGENCY.replace(old, new))


def test_several_codes_may_go_out_as_one_and_one_of_them_come_back() -> None:
    codes = agency_codes(agency=AGENCY.replace("2,21,out", "2,12,out"))
    on = date(2016, 1, 1)
    assert codes.out_table("CL_TEST", on) == {"1": "12", "2": "12"}
    assert codes.back("CL_TEST", "12", on) == "1"


def test_a_partial_list_need_not_be_covered() -> None:
    partial = LIST.replace("# status: complete", "# status: partial\n# pattern: [0-9]")
    assert agency_codes(partial, AGENCY.replace("2,21,out,2015-01-01,,GK\n", "")).out("CL_TEST", "2", ON) is None
