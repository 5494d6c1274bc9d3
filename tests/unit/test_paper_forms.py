"""FAL forms 1 to 7 from a ship's filing: every box where the tables say, lists over pages, nothing lost."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.papers import Paper, load_papers
from gateway.paper import falforms
from tests.support.shipforms import ARRIVAL, filled
from tests.support.windows import rulebook

AT = datetime(2015, 10, 23, 1, tzinfo=UTC)
FAL5 = "mappings/papers/fal5.csv"


def papers() -> dict[str, Paper]:
    return load_papers(rulebook().bundle, rulebook().forms)


def printed(name: str, **more: object) -> list[str]:
    """The text of each page, without blanks."""
    form = rulebook().forms["vessel"]
    pdf = falforms.printed(papers()[name], filled(form, {**ARRIVAL, **more}), form, rulebook().codes, AT)
    return [re.sub(r"\s", "", page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]


def test_there_are_seven_and_each_has_its_title() -> None:
    assert list(papers()) == [f"fal{number}" for number in range(1, 8)]
    for name, paper in papers().items():
        [page] = printed(name)
        assert paper.title_zh in page and re.sub(r"\s", "", paper.title_en) in page
        for box in paper.boxes:
            assert re.sub(r"\s", "", box.label_zh) in page, (name, box.label_zh)


def test_the_general_declaration_names_codes_and_times() -> None:
    [page] = printed("fal1")
    for wanted in (
        "9900019",
        "Shanghai上海(CNSHA)",
        "2015-10-2206:00",
        "Panama巴拿马(PA)",
        "ZHANGWEI",
        "集装箱货物&<general>",
    ):
        assert wanted in page, wanted
    # box 3 of an arrival is the arrival's time
    assert "2015-10-2320:00" not in page


def test_a_departure_shows_the_departures_time() -> None:
    [page] = printed("fal1", arrival_departure_code="D")
    assert "2015-10-2320:00" in page and "2015-10-2206:00" not in page


def test_crews_effects_stand_beside_the_name_of_their_owner() -> None:
    [page] = printed("fal4")
    assert (
        "SANTOSJOSÉMARIA" in page
        and "Cigarettes200" in page
        and "ZHANG" not in page.partition("EASTERN")[2].partition("CHEN")[0]
    )


def test_an_empty_list_says_nil() -> None:
    [page] = printed("fal7")
    assert "无NIL" in page


def test_a_long_list_runs_over_pages_with_its_head_on_each() -> None:
    people = [
        {
            "passenger_sequence_number": str(number),
            "passenger_family_name": f"NAME{number}",
            "passenger_given_name": "ANNA",
        }
        for number in range(1, 451)
    ]
    pages = printed("fal6", passengers=people)
    assert len(pages) > 5
    assert all("证件种类和号码" in page for page in pages[:-1])
    assert f"第{len(pages)}页，共{len(pages)}页" in pages[-1]
    text = "".join(pages)
    assert all(f"NAME{number}" in text for number in range(1, 451))
    assert "Dateandsignature" in pages[-1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",crew_family_name,", ",crew_surname,", "there is no item crew_surname"),
        (",ship_call_sign,", ",crew_rank_code,", "crew_rank_code repeats"),
        ("7,list,4", "7,lst,4", "one of head, list, foot"),
        ("7,list,4", "7,list,13", "1 to 12"),
        (",crew_gender_code,code", ",crew_gender_code,words", "empty or one of name, code"),
        ("1.2,head,2", "1.2,head,3", "add up to 12"),
        (",crew_family_name,", ",passenger_family_name,", "a list prints one group"),
    ],
)
def test_a_table_that_cannot_be_printed_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    files = dict(rulebook().bundle.files)
    assert old.encode() in files[FAL5]
    files[FAL5] = files[FAL5].replace(old.encode(), new.encode(), 1)
    with pytest.raises(BadConfiguration) as caught:
        load_papers(Bundle(files), rulebook().forms)
    assert any(said in fault.message_en and "papers/" in fault.pointer for fault in caught.value.faults)
