"""The tables of answer codes and words: what we ship is whole, and a broken row is named by file, row and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.responses import COLUMNS, STATUS_WORDS, StatusWords, load_responses

BUNDLE = Bundle.read(Path(__file__).parents[2])
PATH = "mappings/customs/responses.csv"
GOOD = {
    "message": "DEC_RESULT", "code": "T", "state": "assessed", "rank": "55", "opens": "pay", "name_zh": "应缴税费",
    "name_en": "Duty", "next_zh": "缴税：{text}", "next_en": "Pay: {text}",
}  # fmt: skip


def with_rows(*rows: dict[str, str]) -> Bundle:
    lines = [",".join(COLUMNS), *(",".join(row.get(column, "") for column in COLUMNS) for row in rows)]
    return Bundle({**BUNDLE.files, PATH: "\n".join(lines).encode()})


def with_words(pattern: str, replacement: str) -> Bundle:
    text, count = re.subn(pattern, replacement, BUNDLE.text(STATUS_WORDS), flags=re.MULTILINE)
    assert count == 1
    return Bundle({**BUNDLE.files, STATUS_WORDS: text.encode()})


def test_the_observed_customs_codes_mean_what_the_facts_say() -> None:
    codes = load_responses(BUNDLE, "customs")
    trail = [codes["DEC_RESULT", code] for code in ("7", "L", "J", "P", "R")]
    assert [code.state for code in trail] == ["stored", "accepted", "assessed", "released", "closed"]
    assert [code.rank for code in trail] == sorted(code.rank for code in trail)
    assert {code for (_, code), row in codes.items() if row.rollback} >= set("EZMNADU")
    assert codes["DEC_RESULT", "C"].opens == ("examination",)
    assert codes["DEC_RESULT", "c"].opens == ()
    assert (codes.name_zh, codes.name_en) == ("海关", "Customs")


@pytest.mark.parametrize("agency", ["customs", "inspection"])
def test_every_agency_can_accept_reject_release_close_and_cancel(agency: str) -> None:
    states = {code.state for code in load_responses(BUNDLE, agency).values()}
    assert states >= {"accepted", "rejected", "released", "closed", "cancelled"}


def test_a_good_row_loads() -> None:
    code = load_responses(with_rows(GOOD), "customs")["DEC_RESULT", "T"]
    assert (code.rank, code.opens, code.rollback, code.terminal, code.grants) == (
        55,
        ("pay",),
        False,
        False,
        frozenset(),
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("message", "DEC_OTHER"),
        ("code", ""),
        ("state", "Released"),
        ("rank", "high"),
        ("rank", "-1"),
        ("rank", "٥٥"),
        ("rollback", "no"),
        ("terminal", "true"),
        ("opens", "pay bribe"),
        ("closes", "all"),
        ("grants", "collect keep"),
        ("name_zh", ""),
        ("name_en", ""),
        ("next_en", ""),
        ("next_zh", "缴税：{sum}"),
        ("next_en", "Pay {text"),
    ],
)
def test_a_broken_cell_stops_the_start_and_is_named(column: str, value: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_responses(with_rows({**GOOD, "code": "R"}, {**GOOD, column: value}), "customs")
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.line) == (f"{PATH}#{column}", 3)
    assert fault.message_zh
    assert fault.message_en


def test_a_code_stands_once_and_every_fault_is_told() -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_responses(with_rows(GOOD, GOOD, {**GOOD, "code": "C", "state": "?", "rank": "?"}), "customs")
    assert [(fault.line, fault.item) for fault in caught.value.faults] == [(3, "code"), (4, "state"), (4, "rank")]


def test_a_table_with_other_columns_is_refused() -> None:
    with pytest.raises(BadConfiguration, match=r"responses\.csv"):
        load_responses(Bundle({**BUNDLE.files, PATH: b"message,code\nDEC_RESULT,T"}), "customs")


@pytest.mark.parametrize(
    ("pattern", "replacement", "column"),
    [
        (r"^leg,parked,.*\n", "", "code"),
        (r"^obligation,pay,.*\n", "", "code"),
        (r"^leg,parked,", "leg,parkd,", "code"),
        (r"^obligation,pay,,trader,", "obligation,pay,,nobody,", "actor"),
        (r"^leg,closed,,,已结案,", "leg,closed,,,,", "name_zh"),
        (r"^(combined,rejected,.*)\{agencies\}退回", r"\1{agency}退回", "next_zh"),
    ],
)
def test_words_that_are_missing_or_strange_stop_the_start(pattern: str, replacement: str, column: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        StatusWords.load(with_words(pattern, replacement))
    assert {fault.pointer for fault in caught.value.faults} == {f"{STATUS_WORDS}#{column}"}


def test_a_gap_the_agency_left_reads_as_words() -> None:
    words = StatusWords.load(BUNDLE)
    zh, en = words.fill("到 {place} 缴 {text}", "At {place}: {text}", {"place": None, "text": "{due} 100"})
    assert words.of("blank", "place").name_zh in zh
    assert words.of("blank", "place").name_en in en
    assert "{due} 100" in zh, "an agency's text is never taken for a template"


def test_a_number_nobody_named_reads_as_its_id() -> None:
    assert StatusWords.load(BUNDLE).of("number", "quota_id").name_en == "quota_id"
