"""Long random histories of both agencies, arrival by arrival, against a second telling of the rules of states.

The product looks at a set; the oracle here walks through time. ONEWINDOW_TORTURE multiplies the number of histories.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest

from declarations import status
from declarations.bundle import Bundle
from declarations.responses import Responses, StatusWords, load_responses
from declarations.status import Answer, combine, leg_status

BUNDLE = Bundle.read(Path(__file__).parents[2])
WORDS = StatusWords.load(BUNDLE)
TABLES = {agency: load_responses(BUNDLE, agency) for agency in ("customs", "inspection")}
HISTORIES = 2_000 * int(os.environ.get("ONEWINDOW_TORTURE", "1"))
START = datetime(2015, 6, 1, tzinfo=UTC)


def draw(rng: random.Random, codes: Responses) -> list[Answer]:
    """A history with ties, doubles and a few codes nobody knows."""
    known = list(codes)
    history = []
    for _ in range(rng.randint(0, 14)):
        message, code = rng.choice(known)
        if rng.random() < 0.05:
            code += "?"
        minute = rng.randint(0, rng.choice([2, 6, 50]))
        text = rng.choice([None, "a", "b"])
        key = f"{message} {code} {minute} {text}"
        history.append(Answer(message, code, START + timedelta(minutes=minute), key, text=text))
    return history


def walk(codes: Responses, history: list[Answer]) -> tuple[set[str], int, set[tuple[str, str | None]]]:
    """States it may be in (two of one rank at one moment are a draw), rank and open obligations, by a walk through time.

    A moment with a rollback starts over, any other can only raise the rank; within a moment lower ranks speak first.
    """
    states, rank = {"sent"}, 0
    owed: set[tuple[str, str | None]] = set()
    known = [
        (answer, codes[answer.message, answer.code]) for answer in history if (answer.message, answer.code) in codes
    ]
    known.sort(key=lambda pair: (pair[0].at, pair[1].rank))
    for _, moment in groupby(known, key=lambda pair: pair[0].at):
        now = list(moment)
        best = max(code.rank for _, code in now)
        if any(code.rollback for _, code in now) or best >= rank:
            states, rank = {code.state for _, code in now if code.rank == best}, best
        for _, level in groupby(now, key=lambda pair: pair[1].rank):
            together = list(level)
            closing = {kind for _, code in together for kind in code.closes}
            owed = set() if "*" in closing else {(kind, text) for kind, text in owed if kind not in closing}
            owed |= {(kind, answer.text) for answer, code in together for kind in code.opens}
    return states, rank, owed


def agree(agency: str, seeds: Iterable[int]) -> None:
    """Every history, arrival by arrival, ends as the walk says."""
    codes = TABLES[agency]
    for seed in seeds:
        rng = random.Random(f"{agency} {seed}")
        history = draw(rng, codes)
        arrivals = history + rng.choices(history, k=rng.randint(0, 5)) if history else []
        rng.shuffle(arrivals)
        for count in range(len(arrivals) + 1):
            leg = status.leg_status(codes, "sent", arrivals[:count])
            states, rank, owed = walk(codes, arrivals[:count])
            assert leg.state in states, (
                f"{agency} seed {seed}, after {count} arrivals: {leg.state}, and not of {states}"
            )
            assert leg.rank == rank, f"{agency} seed {seed}, after {count} arrivals: rank {leg.rank}, and not {rank}"
            now = {(each.kind, each.text) for each in leg.obligations}
            assert now == owed, f"{agency} seed {seed}, after {count} arrivals: owed {now}, and not {owed}"
        one, other = status.leg_status(codes, "sent", history), status.leg_status(codes, "sent", arrivals)
        assert one == other, f"{agency} seed {seed}: two orders, two ends"


@pytest.mark.parametrize("agency", sorted(TABLES))
def test_random_histories_agree_with_a_walk_through_time(agency: str) -> None:
    agree(agency, range(HISTORIES))


def test_random_pairs_of_legs_always_have_words_and_an_honest_permission() -> None:
    for seed in range(HISTORIES):
        rng = random.Random(seed)
        legs = {agency: leg_status(codes, "sent", draw(rng, codes)) for agency, codes in TABLES.items()}
        combined = combine(legs, frozenset(TABLES), WORDS)
        turned = combine(dict(reversed(legs.items())), frozenset(TABLES), WORDS)
        assert (turned.status, set(turned.next_steps)) == (combined.status, set(combined.next_steps)), f"seed {seed}"
        assert combined.may_collect == all("collect" in leg.grants for leg in legs.values())
        if combined.status in ("rejected", "cancelled", "filed"):
            assert (combined.may_collect, combined.may_sell) == (False, False), f"seed {seed}"
        told = [(combined.zh, combined.en), *((step.zh, step.en) for step in combined.next_steps)]
        assert all(zh and en for zh, en in told), f"seed {seed}"
        if combined.status == "action_needed":
            assert combined.next_steps[0].actor == "trader", f"seed {seed}"
