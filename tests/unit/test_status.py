"""States: what traders see of a set of answers, whatever order, number and doubling they came in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarations.bundle import Bundle
from declarations.responses import (
    ANSWERED,
    COMBINED,
    DELIVERY,
    OBLIGATIONS,
    ResponseCode,
    Responses,
    StatusWords,
    load_responses,
)
from declarations.status import Answer, Combined, LegStatus, combine, leg_status

BUNDLE = Bundle.read(Path(__file__).parents[2])
WORDS = StatusWords.load(BUNDLE)
TABLES = {agency: load_responses(BUNDLE, agency) for agency in ("customs", "inspection")}
CUSTOMS, INSPECTION = TABLES["customs"], TABLES["inspection"]
BOTH = frozenset(TABLES)
START = datetime(2015, 6, 1, 1, 0, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def customs(code: str, minute: int, **given: str) -> Answer:
    return Answer("DEC_RESULT", code, at(minute), f"{code}@{minute}{given}", **given)


def inspection(code: str, minute: int, **given: str) -> Answer:
    return Answer("DCL_RESPONSE", code, at(minute), f"{code}@{minute}{given}", **given)


def customs_leg(*answers: Answer) -> LegStatus:
    return leg_status(CUSTOMS, "sent", answers)


def inspection_leg(*answers: Answer) -> LegStatus:
    return leg_status(INSPECTION, "sent", answers)


def both(*legs: LegStatus) -> Combined:
    return combine({leg.agency: leg for leg in legs}, BOTH & {leg.agency for leg in legs}, WORDS)


def owed(leg: LegStatus) -> set[str]:
    return {obligation.kind for obligation in leg.obligations}


# One leg


def test_the_observed_trail_ends_closed_in_every_order() -> None:
    """S11: released and closed carry the same timestamp, closed comes first."""
    trail = [customs("7", 0), customs("L", 1), customs("J", 2), customs("P", 900), customs("R", 900)]
    for order in itertools.permutations(trail):
        assert customs_leg(*order).state == "closed"


def test_an_older_answer_that_comes_late_does_not_take_a_leg_back() -> None:
    assert customs_leg(customs("P", 10), customs("L", 1), customs("J", 5)).state == "released"


def test_a_rollback_hides_what_is_older_and_takes_its_permission_back() -> None:
    released = [customs("L", 1), customs("P", 10)]
    assert customs_leg(*released).grants == {"collect", "sell"}
    reopened = customs_leg(*released, customs("M", 20))
    assert (reopened.state, reopened.grants) == ("reopened", frozenset())
    assert customs_leg(*released, customs("M", 20), customs("P", 15)).state == "reopened"
    assert customs_leg(*released, customs("M", 20), customs("P", 30)).state == "released"


def test_at_the_time_of_a_rollback_rank_decides() -> None:
    assert customs_leg(customs("M", 20), customs("P", 20)).state == "released"
    assert customs_leg(customs("E", 20), customs("P", 20)).state == "rejected"


def test_of_two_rollbacks_the_later_counts() -> None:
    answers = [customs("E", 10), customs("M", 20)]
    assert customs_leg(*answers).state == customs_leg(*reversed(answers)).state == "reopened"


def test_codes_are_case_sensitive() -> None:
    assert customs_leg(customs("C", 1)).obligations
    assert not customs_leg(customs("c", 1)).obligations
    assert customs_leg(customs("D", 1)).state == "cancelled"
    assert customs_leg(customs("d", 1)).state != "cancelled"


def test_a_code_of_another_message_is_not_taken_for_it() -> None:
    """`1` is a failure in the technical receipt and a stage on the way in the business receipt."""
    assert customs_leg(Answer("DecImportResponse", "1", at(1), "a")).state == "rejected"
    assert customs_leg(Answer("DEC_RESULT", "1", at(1), "a")).state == "sent"


def test_an_unknown_code_is_shown_and_changes_nothing() -> None:
    strange = customs("?", 99, text="something new")
    before = customs_leg(customs("L", 1))
    leg = customs_leg(customs("L", 1), strange)
    assert leg.unknown == (strange,)
    assert (leg.state, leg.code, leg.obligations) == (before.state, before.code, before.obligations)
    step = next(step for step in both(leg).next_steps if step.kind == "unknown_answer")
    assert step.actor == "window"
    for words in (step.zh, step.en):
        assert "?" in words
        assert "something new" in words
    assert customs_leg(strange).state == "sent"


@pytest.mark.parametrize("delivery", DELIVERY)
def test_the_delivery_shows_until_an_answer_speaks(delivery: str) -> None:
    assert leg_status(CUSTOMS, delivery, []).state == delivery
    assert leg_status(CUSTOMS, delivery, [customs("L", 1)]).state == "accepted"


def test_a_delivery_nobody_knows_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="lost"):
        leg_status(CUSTOMS, "lost", [])


def test_two_answers_under_one_key_count_once_in_any_order() -> None:
    one, other = Answer("DEC_RESULT", "T", at(1), "id"), Answer("DEC_RESULT", "C", at(1), "id")
    leg = customs_leg(one, other)
    assert leg == customs_leg(other, one)
    assert len(leg.obligations) == 1


# Obligations


def test_duty_and_examination_stand_side_by_side() -> None:
    for order in itertools.permutations([customs("L", 1), customs("C", 3, place="2248"), customs("T", 2)]):
        leg = customs_leg(*order)
        assert owed(leg) == {"pay", "examination"}
        assert {step.kind for step in both(leg).next_steps} == {"pay", "examination"}
        assert both(leg).status == "action_needed"


def test_release_against_guarantee_leaves_the_duty_open() -> None:
    leg = customs_leg(customs("T", 1), customs("C", 2), customs("B", 3))
    combined = both(leg)
    assert leg.state == "released"
    assert owed(leg) == {"pay"}
    assert combined.may_collect
    assert combined.status == "action_needed"
    assert owed(customs_leg(customs("T", 1), customs("P", 3))) == set()


def test_only_what_comes_after_closes_an_obligation() -> None:
    assert owed(customs_leg(customs("P", 1), customs("T", 2))) == {"pay"}
    assert owed(customs_leg(customs("T", 1), customs("P", 1))) == set(), "at the same time the higher rank closes"


def test_a_rollback_does_not_settle_a_debt() -> None:
    leg = customs_leg(customs("T", 1), customs("M", 2))
    assert (leg.state, owed(leg)) == ("reopened", {"pay"})


def test_goods_that_failed_are_not_a_returned_form() -> None:
    failed = inspection_leg(inspection("20", 1), inspection("52", 2, text="pests"))
    assert (failed.state, both(failed).status) == ("not_passed", "action_needed")
    returned = inspection_leg(inspection("20", 1), inspection("30", 2))
    assert (returned.state, both(returned).status) == ("rejected", "rejected")
    passed = inspection_leg(inspection("52", 2), inspection("53", 3), inspection("51", 4))
    assert (passed.state, owed(passed)) == ("assessed", set())


def test_a_reminder_is_not_a_second_debt_but_a_second_notice_is() -> None:
    reminded = customs_leg(customs("T", 1, text="duty 100"), customs("T", 5, text="duty 100"))
    assert [obligation.opened_at for obligation in reminded.obligations] == [at(1)]
    assert len(customs_leg(customs("T", 1, text="duty 100"), customs("T", 5, text="VAT 17")).obligations) == 2


def test_an_obligation_names_place_number_and_the_agencys_words() -> None:
    leg = customs_leg(
        customs("L", 1, agency_reference="223320231000000762"), customs("C", 2, place="2248", text="open box 3")
    )
    (step,) = both(leg).next_steps
    assert (step.agency, step.actor, step.kind) == ("customs", "trader", "examination")
    assert (step.place, step.reference) == ("2248", "223320231000000762")
    for words in (step.zh, step.en):
        assert "2248" in words
        assert "open box 3" in words


def test_the_trader_is_told_once_what_to_do_and_not_to_wait_meanwhile() -> None:
    assert [step.kind for step in both(customs_leg(customs("E", 1))).next_steps] == ["correct_form"]
    assert [step.kind for step in both(customs_leg(customs("T", 1), customs("M", 2))).next_steps] == ["pay"]
    assert [step.kind for step in both(customs_leg(customs("L", 1))).next_steps] == ["accepted"]


def test_a_code_that_asks_for_two_things_speaks_of_each_in_its_own_words() -> None:
    asks = ResponseCode("M", "x", "held", 9, False, False, ("pay", "treatment"), (), frozenset(), "x", "x", "做", "Do")
    codes = Responses("customs", "海关", "Customs", WORDS, [asks])
    pay, treatment = leg_status(codes, "sent", [Answer("M", "x", at(1), "k")]).obligations
    assert pay.zh != treatment.zh
    assert pay.en.startswith("Pay")


@pytest.mark.parametrize("state", ["rejected", "not_passed", "held", "reopened", "cancelled"])
def test_nothing_granted_before_holds_in_a_bad_state(state: str) -> None:
    grant = ResponseCode("M", "g", "released", 5, False, False, (), (), frozenset({"collect"}), "g", "g", "", "")
    codes = Responses("customs", "海关", "Customs", WORDS, [grant, PROBE[state]])
    answers = [Answer("M", "g", at(1), "g"), Answer("M", state, at(1), "s")]
    assert leg_status(codes, "sent", answers[:1]).grants == {"collect"}
    assert leg_status(codes, "sent", answers).grants == frozenset()


# Properties over every code of both real tables


def histories(agency: str, size: int = 9) -> st.SearchStrategy[list[Answer]]:
    """Sets of answers, an unknown code among them, at few distinct times, so that ties are common."""
    codes = [*TABLES[agency], (next(iter(TABLES[agency]))[0], "?!")]
    one = st.builds(
        lambda code, minute, text: Answer(code[0], code[1], at(minute), f"{code}{minute}{text}", text=text),
        st.sampled_from(codes),
        st.integers(0, 4),
        st.sampled_from([None, "a", "b"]),
    )
    return st.lists(one, max_size=size)


agencies = st.sampled_from(sorted(TABLES))


@given(st.data())
def test_neither_order_nor_doubles_matter(data: st.DataObject) -> None:
    agency = data.draw(agencies)
    history = data.draw(histories(agency))
    again = data.draw(
        st.permutations(history + data.draw(st.lists(st.sampled_from(history)) if history else st.just([])))
    )
    assert leg_status(TABLES[agency], "sent", again) == leg_status(TABLES[agency], "sent", history)


@given(st.data())
def test_without_a_rollback_nothing_ever_goes_back(data: st.DataObject) -> None:
    agency = data.draw(agencies)
    codes = TABLES[agency]
    history = data.draw(histories(agency))
    before = leg_status(codes, "sent", history)
    for answer in data.draw(histories(agency, 3)):
        code = codes.get((answer.message, answer.code))
        after = leg_status(codes, "sent", [*history, answer])
        assert len(after.unknown) >= len(before.unknown)
        if code is None:
            assert (after.state, after.obligations) == (before.state, before.obligations)
        elif not code.rollback:
            assert after.rank >= before.rank


@given(st.data())
def test_what_is_older_than_the_latest_rollback_has_no_say(data: st.DataObject) -> None:
    agency = data.draw(agencies)
    codes = TABLES[agency]
    history = data.draw(histories(agency))
    rollback = data.draw(st.sampled_from([key for key, code in codes.items() if code.rollback]))
    last = Answer(*rollback, at(5), "rollback")
    leg = leg_status(codes, "sent", [*history, last])
    assert (leg.state, leg.code, leg.at) == (codes[rollback].state, rollback[1], at(5))
    assert leg.grants == frozenset()


# Both legs

PROBE = {
    state: ResponseCode("M", state, state, 10, False, False, (), (), frozenset(), state, state, "", "")
    for state in ANSWERED
}


def probe(agency: str, state: str, obligation: str = "") -> LegStatus:
    """A leg brought to a state, and to an obligation, by a table of one code a state."""
    debt = ResponseCode("M", "debt", "sent", 0, False, False, (obligation,), (), frozenset(), "d", "d", "", "")
    codes = Responses(agency, agency, agency, WORDS, [*PROBE.values(), *([debt] if obligation else [])])
    answers = [Answer("M", state, at(1), state)] if state in PROBE and state not in DELIVERY else []
    debts = [Answer("M", "debt", at(1), "debt")] if obligation else []
    return leg_status(codes, state if state in DELIVERY else "sent", [*answers, *debts])


KINDS = {
    "U": ["waiting", "queued", "sent"],
    "W": ["stored", "accepted", "in_review", "assessed", "reopened", "held", "outcome_unknown", "parked"],
    "R": ["released"],
    "C": ["closed"],
    "J": ["rejected"],
    "N": ["not_passed"],
    "X": ["cancelled", "withdrawn"],
}
GOLDEN = """
   U            W            R                C                J         N              X
U  filed        in_progress  partly_released  partly_released  rejected  action_needed  action_needed
W  in_progress  in_progress  partly_released  partly_released  rejected  action_needed  action_needed
R  -            -            released         released         rejected  action_needed  action_needed
C  -            -            -                closed           rejected  action_needed  action_needed
J  -            -            -                -                rejected  rejected       rejected
N  -            -            -                -                -         action_needed  action_needed
X  -            -            -                -                -         -              cancelled
"""


def golden() -> Iterable[tuple[str, str, str]]:
    header, *rows = [line.split() for line in GOLDEN.strip().splitlines()]
    for row in rows:
        for column, status in zip(header, row[1:], strict=True):
            if status != "-":
                for one, other in itertools.product(KINDS[row[0]], KINDS[column]):
                    yield one, other, status
                    yield other, one, status


def test_the_golden_table_names_every_state() -> None:
    assert {state for states in KINDS.values() for state in states} == {*ANSWERED, *DELIVERY}
    assert {status for _, _, status in golden()} == set(COMBINED)


@pytest.mark.parametrize(("one", "other", "status"), sorted(set(golden())))
def test_two_legs_combine_as_the_golden_table_says(one: str, other: str, status: str) -> None:
    combined = both(probe("customs", one), probe("inspection", other))
    assert combined.status == status
    assert (combined.may_collect, combined.may_sell) == (False, False), "no answer granted anything"
    assert combined.zh
    assert combined.en
    assert combined.name_zh
    assert combined.name_en
    assert "{" not in combined.zh + combined.en


@pytest.mark.parametrize("kind", OBLIGATIONS)
@pytest.mark.parametrize("state", ["accepted", "assessed", "released", "closed"])
@pytest.mark.parametrize("other", ["waiting", "accepted", "released", "closed", "cancelled"])
def test_what_the_trader_owes_shows_whatever_the_legs_say(kind: str, state: str, other: str) -> None:
    combined = both(probe("customs", other), probe("inspection", state, kind))
    assert combined.status == "action_needed"
    first = combined.next_steps[0]
    assert (first.agency, first.actor, first.kind) == ("inspection", "trader", kind)
    assert "inspection" in combined.zh
    assert "inspection" in combined.en


def test_a_filing_with_one_leg_is_judged_by_it_alone() -> None:
    assert both(probe("customs", "closed")).status == "closed"
    assert both(probe("customs", "released")).status == "released"
    assert both(probe("customs", "withdrawn")).status == "cancelled"


def test_an_agency_that_is_not_required_holds_nothing_up_but_its_demands_show() -> None:
    customs_only = frozenset({"customs"})
    legs = {"customs": customs_leg(customs("R", 1)), "inspection": probe("inspection", "accepted")}
    combined = combine(legs, customs_only, WORDS)
    assert (combined.status, combined.may_collect) == ("closed", True)
    legs["inspection"] = probe("inspection", "accepted", "pay")
    assert combine(legs, customs_only, WORDS).status == "action_needed"


def test_a_required_agency_without_a_leg_releases_nothing() -> None:
    combined = combine({"customs": customs_leg(customs("R", 1))}, BOTH, WORDS)
    assert combined.status == "partly_released"
    assert not combined.may_collect
    assert not combined.may_sell
    with pytest.raises(ValueError, match="at least one leg"):
        combine({}, BOTH, WORDS)


def test_collecting_and_selling_need_every_agency() -> None:
    cleared, goods = customs_leg(customs("P", 1)), [inspection("60", 1), inspection("65", 2)]
    assert not both(cleared, inspection_leg(goods[0])).may_collect
    moved = both(cleared, inspection_leg(*goods))
    assert (moved.may_collect, moved.may_sell) == (True, False)
    sold = both(cleared, inspection_leg(*goods, inspection("80", 3), inspection("85", 4)))
    assert (sold.may_collect, sold.may_sell) == (True, True)
    failed = both(cleared, inspection_leg(*goods, inspection("52", 3)))
    assert (failed.may_collect, failed.may_sell) == (False, False)


# Words for traders


def waiting_customs() -> LegStatus:
    return leg_status(CUSTOMS, "waiting", [], waits_for="inspection.clearance_form_id")


def test_a_waiting_leg_says_whose_number_it_waits_for() -> None:
    combined = both(waiting_customs(), inspection_leg(inspection("20", 1)))
    step = next(step for step in combined.next_steps if step.kind == "waiting_for")
    assert (step.agency, step.actor) == ("inspection", "agency")
    assert "检验检疫" in step.zh
    assert "通关单号" in step.zh
    assert "请勿重复申报" in step.zh
    assert "clearance form number" in step.en
    assert "do not file again" in step.en
    assert combined.status == "in_progress"


@pytest.mark.parametrize("code", ["85", "90", "52", "30", "0000"])
def test_a_leg_that_waits_in_vain_is_the_traders_move_and_says_why(code: str) -> None:
    ended = inspection_leg(inspection(code, 1))
    combined = both(waiting_customs(), ended)
    step = next(step for step in combined.next_steps if step.kind == "waiting_in_vain")
    assert step.actor == "trader"
    assert ended.name_zh in step.zh
    assert "通关单号" in step.zh
    assert ended.name_en in step.en
    assert "clearance form number" in step.en
    assert combined.status == ("rejected" if ended.state == "rejected" else "action_needed")


@pytest.mark.parametrize("delivery", ["outcome_unknown", "parked"])
def test_doubt_about_delivery_reads_as_the_windows_work(delivery: str) -> None:
    leg = leg_status(CUSTOMS, delivery, [])
    (step,) = both(leg).next_steps
    assert step.actor == "window"
    assert "单一窗口" in step.zh
    assert "请勿重复申报" in step.zh
    assert "The window" in leg.name_en
    assert "do not file again" in step.en
    assert both(leg).status == "in_progress"


def test_accepted_for_sending_never_reads_as_cleared() -> None:
    names = {state: WORDS.of("leg", state) for state in {*ANSWERED, *DELIVERY}}
    assert (
        len({words.name_zh for words in names.values()})
        == len({words.name_en for words in names.values()})
        == len(names)
    )
    for state in ("queued", "sent", "stored", "accepted", "assessed"):
        assert "不等于放行" in names[state].next_zh or "更不等于放行" in names[state].next_zh
        assert "not cleared" in names[state].next_en or "nor cleared" in names[state].next_en
    for state in set(names) - {"released"}:
        assert "已放行" not in names[state].name_zh
    assert "放行" not in WORDS.of("combined", "filed").name_zh


@pytest.mark.parametrize("agency", sorted(TABLES))
def test_every_code_of_an_agency_speaks_both_languages_without_gaps(agency: str) -> None:
    for code in TABLES[agency].values():
        leg = leg_status(TABLES[agency], "sent", [Answer(code.message, code.code, at(1), "k")])
        combined = both(leg)
        assert leg.name_zh
        assert leg.name_en
        for step in combined.next_steps:
            assert step.zh
            assert step.en
            assert "{" not in step.zh + step.en
            assert "None" not in step.zh + step.en
        if combined.status in ("action_needed", "rejected"):
            assert combined.next_steps[0].actor == "trader"
        assert combined.next_steps or leg.state in ("closed", "cancelled")


def test_braces_in_an_agencys_text_are_text() -> None:
    leg = customs_leg(customs("T", 1, text="{place} {0} {x.__class__}"))
    assert "{place} {0} {x.__class__}" in leg.obligations[0].zh
