"""Expected answers: when silence of an agency is abnormal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from core_forms import bundle, edited

from declarations.errors import BadConfiguration
from declarations.expectations import STATES
from declarations.responses import Responses
from declarations.rulebook import Rulebook
from declarations.status import Answer, LegStatus, leg_status

TABLE = "mappings/customs/expected_answers.csv"
SHANGHAI = ZoneInfo("Asia/Shanghai")
FRIDAY = datetime(2015, 10, 23, 16, 30, tzinfo=SHANGHAI)
BOOK = Rulebook(bundle())


def leg(*codes: str, agency: str = "customs", delivery: str = "sent") -> LegStatus:
    answers = [Answer("DEC_RESULT" if agency == "customs" else "DCL_RESPONSE", code, FRIDAY, code) for code in codes]
    return leg_status(responses(agency), delivery, answers)


def responses(agency: str) -> Responses:
    return BOOK.agencies[agency].responses


def due(status: LegStatus, *, urgent: bool = False, book: Rulebook = BOOK) -> datetime | None:
    return book.agencies[status.agency].expectations.expected_by(status, FRIDAY, urgent)


def test_a_receipt_made_by_machine_is_due_by_any_clock() -> None:
    assert due(leg()) == datetime(2015, 10, 23, 17, 30, tzinfo=SHANGHAI)
    assert due(leg(), urgent=True) == datetime(2015, 10, 23, 17, 0, tzinfo=SHANGHAI)


def test_officers_answers_are_due_in_open_hours() -> None:
    assert due(leg("7")) == datetime(2015, 10, 26, 11, 30, tzinfo=SHANGHAI)
    assert due(leg("7"), urgent=True) == datetime(2015, 10, 23, 17, 30, tzinfo=SHANGHAI)


@pytest.mark.parametrize("codes", [("L", "H"), ("L", "T"), ("L", "C"), ("N",), ("E",)])
def test_nothing_is_expected_while_the_trader_has_to_act(codes: tuple[str, ...]) -> None:
    assert due(leg(*codes)) is None


@pytest.mark.parametrize("codes", [("D",), ("R",), ("P",), ("1", "A")])
def test_nothing_is_expected_of_what_is_over_or_may_take_weeks(codes: tuple[str, ...]) -> None:
    assert due(leg(*codes)) is None


@pytest.mark.parametrize("delivery", ["waiting", "queued", "outcome_unknown", "parked", "withdrawn"])
def test_nothing_is_expected_of_an_agency_that_was_not_surely_asked(delivery: str) -> None:
    assert due(leg(delivery=delivery)) is None


def test_every_agency_has_a_row_for_each_state_it_can_be_silent_in() -> None:
    """Left out on purpose is a state in which nobody waits for anything (released), or which no answer of the agency brings."""
    for agency in BOOK.agencies.values():
        brought = {code.state for code in agency.responses.values()} | {"sent"}
        assert set(agency.expectations.rows) == set(STATES) & brought - {"released"}, agency.name


def cell(column: int, value: str) -> Callable[[str], str]:
    """The row of `stored` with one cell changed."""

    def change(text: str) -> str:
        lines = text.splitlines()
        number = next(number for number, line in enumerate(lines) if line.startswith("stored,"))
        cells = lines[number].split(",")
        cells[column] = value
        lines[number] = ",".join(cells)
        return "\n".join(lines) + "\n"

    return change


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        (0, "closed", "state"),
        (0, "queued", "state"),
        (0, "thinking", "state"),
        (0, "sent", "state"),
        (1, "0", "hours"),
        (1, "", "hours"),
        (1, "1e3", "hours"),
        (1, "-1", "hours"),
        (1, "20000", "hours"),
        (2, "5", "urgent_hours"),
        (3, "Working", "clock"),
        (4, "red", "severity"),
        (5, "", "words_zh"),
        (6, "", "words_en"),
        (7, "sure", "certainty"),
    ],
)
def test_a_bad_row_is_named(column: int, value: str, name: str) -> None:
    broken = edited(TABLE, cell(column, value))
    line = 1 + next(
        number for number, text in enumerate(broken.text(TABLE).splitlines()) if "Stored and not taken up" in text or
        (name == "words_en" and text.startswith("stored,"))
    )  # fmt: skip
    with pytest.raises(BadConfiguration) as refused:
        Rulebook(broken)
    fault = refused.value.faults[0]
    assert (fault.pointer, fault.line) == (f"{TABLE}#{name}", line)
    assert fault.message_zh


def test_an_agency_without_the_table_is_never_overdue() -> None:
    files = bundle().files
    del files[TABLE]
    assert due(leg(), book=Rulebook(type(bundle())(files))) is None


def test_an_urgent_filing_without_hours_of_its_own_has_the_ordinary_ones() -> None:
    book = Rulebook(edited(TABLE, cell(2, "")))
    assert due(leg("7"), urgent=True, book=book) == due(leg("7"))
