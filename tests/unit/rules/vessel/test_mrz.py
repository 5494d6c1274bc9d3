"""Machine readable zones: the specimens of ICAO Doc 9303, and what is told when something in them is wrong."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vessel_forms import VesselSource, vessel_rules

from declarations.bundle import Bundle
from declarations.mrz import TravelDocument, check_digit, read_mrz
from declarations.mrzrows import people_from_mrz
from declarations.words import FaultWords
from tests.support.windows import ROOT

TODAY = date(2015, 10, 23)
TD3 = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
TD2 = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"]
TD1 = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
LONG_NUMBER = ["I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"]


def read(*lines: str) -> list[TravelDocument]:
    return list(read_mrz(lines, TODAY))


def codes(*lines: str) -> list[tuple[str, str]]:
    return [(fault.code, fault.part) for document in read(*lines) for fault in document.faults]


def passport(
    number: str = "E12345678",
    state: str = "CHN",
    name: str = "ZHANG<<WEI",
    birth: str = "850101",
    sex: str = "M",
    expiry: str = "290630",
) -> list[str]:
    """A passport with all check digits right."""
    number = number.ljust(9, "<")
    line = (
        f"{number}{check_digit(number)}{state}{birth}{check_digit(birth)}{sex}{expiry}{check_digit(expiry)}{'<' * 14}<"
    )
    return [f"P<{state}{name}".ljust(44, "<"), line + check_digit(line[:10] + line[13:20] + line[21:43])]


@pytest.mark.parametrize(("lines", "kind"), [(TD3, "TD3"), (TD2, "TD2"), (TD1, "TD1")])
def test_the_specimens_of_doc_9303(lines: list[str], kind: str) -> None:
    (found,) = read(*lines)
    assert found.faults == []
    assert (found.kind, found.family_name, found.given_name) == (kind, "ERIKSSON", "ANNA MARIA")
    assert (found.issuing_state, found.nationality, found.birth, found.sex, found.expiry) == (
        "UTO", "UTO", "19740812", "F", "20120415",
    )  # fmt: skip
    assert found.number == ("L898902C3" if kind == "TD3" else "D23145890")


def test_a_number_that_goes_on_in_the_optional_data() -> None:
    (found,) = read(*LONG_NUMBER)
    assert (found.number, found.faults) == ("D23145890734", [])


def test_many_documents_with_blank_lines_and_small_letters_between_them() -> None:
    found = read(*TD3, "", "  ", *(line.lower() for line in TD1), *passport())
    assert [document.number for document in found] == ["L898902C3", "D23145890", "E12345678"]
    assert [document.line for document in found] == [1, 5, 8]
    assert not any(document.faults for document in found)


def test_full_width_and_french_fillers_are_fillers() -> None:
    assert codes(TD3[0].replace("<", "＜"), TD3[1]) == []
    assert codes(TD3[0].replace("<<", "«"), TD3[1]) == []


@pytest.mark.parametrize(
    ("at", "sign", "expected"),
    [
        (3, "8", [("F-MRZ-CHECK", "number")]),  # L89890 -> L898 8
        (9, "7", [("F-MRZ-CHECK", "number")]),
        (19, "3", [("F-MRZ-CHECK", "birth")]),
        (27, "1", [("F-MRZ-CHECK", "expiry")]),
        (42, "2", [("F-MRZ-OPTIONAL", "optional")]),
        (43, "1", [("F-MRZ-ALL", "all")]),
    ],
)
def test_each_check_digit_has_its_own_fault(at: int, sign: str, expected: list[tuple[str, str]]) -> None:
    line = TD3[1][:at] + sign + TD3[1][at + 1 :]
    if line == TD3[1]:
        line = TD3[1][:at] + "1" + TD3[1][at + 1 :]
    assert codes(TD3[0], line) == expected


def test_a_fault_says_which_digit_it_should_be_and_where() -> None:
    (found,) = read("", *TD3[:1], TD3[1].replace("L898902C36", "L898902C37"))
    (fault,) = found.faults
    assert (fault.code, fault.part, fault.line, fault.value, fault.expected) == ("F-MRZ-CHECK", "number", 3, "7", "6")
    assert found.number == "L898902C3"  # told as it stands: the officer compares


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["hello"], ["F-MRZ-LINE"]),
        (TD3[:1], ["F-MRZ-INCOMPLETE"]),
        (TD1[:2], ["F-MRZ-INCOMPLETE"]),
        ([TD3[0], TD3[1][:-1]], ["F-MRZ-LENGTH"]),
        ([TD3[0], TD3[1] + "<"], ["F-MRZ-LENGTH"]),
        ([TD3[0].replace("ANNA", "ÄNNA"), TD3[1]], ["F-MRZ-SIGN"]),
        (["V" + TD3[0][1:], TD3[1]], ["F-MRZ-KIND"]),
        (["P<UTO" + "<" * 39, TD3[1]], ["F-MRZ-NAME"]),
    ],
)
def test_what_is_no_document(lines: list[str], expected: list[str]) -> None:
    assert [code for code, _ in codes(*lines)] == expected


def test_dates_must_exist_although_their_digits_are_right() -> None:
    assert codes(*passport(birth="930229")) == [("F-MRZ-DATE", "birth")]
    (leap,) = read(*passport(birth="920229"))
    assert (leap.birth, leap.faults) == ("19920229", [])


def test_nobody_was_born_after_today() -> None:
    assert [found.birth for found in read(*passport(birth="151023"), *passport(birth="151024"))] == [
        "20151023",
        "19151024",
    ]


def test_an_unknown_part_of_a_birth_date_is_left_to_the_officer() -> None:
    (found,) = read(*passport(birth="85<<<<"))
    assert (found.birth, [fault.code for fault in found.faults]) == ("", ["F-MRZ-UNKNOWN"])


def test_a_long_name_may_be_cut() -> None:
    name = "SILVA<SANTOS<DE<OLIVEIRA<E<COSTA<<MARIA<DA<CONCEICAO"
    (found,) = read(*passport(name=name[:39]))
    assert [fault.code for fault in found.faults] == ["F-MRZ-CUT"]
    assert (found.family_name, found.given_name) == ("SILVA SANTOS DE OLIVEIRA E COSTA", "MARIA")


@given(
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=9),
    st.dates(date(1916, 1, 1), TODAY),
    st.sampled_from("MF<"),
)
def test_what_is_written_is_read(number: str, birth: date, sex: str) -> None:
    (found,) = read(*passport(number=number, birth=birth.strftime("%y%m%d"), sex=sex))
    assert (found.number, found.birth, found.sex, found.faults) == (number, birth.strftime("%Y%m%d"), sex, [])


@given(st.lists(st.text(max_size=60), max_size=8))
def test_no_text_breaks_the_reader(lines: list[str]) -> None:
    for document in read(*lines):
        assert document.readable or document.faults


def rows(group: str, lines: list[str]) -> tuple[list[dict[str, str]], list[tuple[str, str, str]]]:
    source = VesselSource(Bundle.read(ROOT))
    found, faults = people_from_mrz(
        source.forms["vessel"], vessel_rules().tables, FaultWords(source.bundle), group, lines, TODAY
    )
    return found, [(fault.code, fault.pointer, fault.message_en) for fault in faults]


def test_pasted_lines_become_crew_and_passengers() -> None:
    lines = [
        *passport(),
        *passport("C01X00T47", "D<<", "MUSTERMANN<<ERIKA", "640812", "F", "271031"),
        *passport("A1", "IDN", "SUHARTO"),
    ]
    crew, faults = rows("crew", lines)
    assert faults == []
    assert crew[0] == {
        "crew_sequence_number": "1",
        "crew_family_name": "ZHANG",
        "crew_given_name": "WEI",
        "crew_gender_code": "M",
        "crew_date_of_birth": "19850101",
        "crew_nationality_code": "CHN",
        "crew_document_type_code": "PP",
        "crew_document_number": "E12345678",
        "crew_document_issuing_country_code": "CHN",
        "crew_document_expiry_date": "20290630",
    }
    assert (crew[1]["crew_nationality_code"], crew[1]["crew_document_issuing_country_code"]) == ("DEU", "DEU")
    assert (crew[2]["crew_family_name"], crew[2]["crew_given_name"]) == ("SUHARTO", "<")
    passengers, _ = rows("passengers", lines)
    assert passengers[2]["passenger_document_number"] == "A1"


def test_faults_of_pasted_lines_point_at_the_row() -> None:
    second = passport("E12345679")
    second[1] = second[1].replace("E12345679", "E12345678")
    found, faults = rows("crew", [*passport(), *second, "nonsense"])
    assert len(found) == 2
    assert [(code, pointer) for code, pointer, _ in faults] == [
        ("F-MRZ-CHECK", "/crew/1/crew_document_number"), ("F-MRZ-LINE", "/crew"),
    ]  # fmt: skip
    assert "Crew identity document number" in faults[0][2]
