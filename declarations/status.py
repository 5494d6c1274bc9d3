"""States: what a set of answers means for one agency's leg, and legs for the trader (design.md section 6).

Pure functions. A leg's state depends on the *set* of its distinct answers and on nothing else: not on the order they
came in, not on how often, not on the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from declarations.responses import DELIVERY, ResponseCode, Responses, StateWords, StatusWords

DONE = frozenset({"released", "closed"})
GONE = frozenset({"cancelled", "withdrawn"})
UNHEARD = frozenset({"waiting", "queued", "sent"})
BARRED = frozenset({"rejected", "not_passed", "held", "reopened"}) | GONE
"""States in which nothing that was granted before may be used."""
ENDED = frozenset({"rejected", "not_passed", "closed"}) | GONE
"""States after which an agency gives no further number."""
_MOVES = ("trader", "window", "agency")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of one answer. `at` is the agency's time, aware; `key` tells distinct answers apart."""

    message: str
    code: str
    at: datetime
    key: str
    text: str | None = None
    place: str | None = None
    due: str | None = None
    agency_reference: str | None = None
    clearance_form_id: str | None = None
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something an answer asked for and no answer has settled yet; whose move (`actor`) the status words say."""

    kind: str
    agency: str
    actor: str
    opened_at: datetime
    place: str | None
    due: str | None
    reference: str | None
    text: str | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class LegStatus:
    """Where one agency's leg stands.

    `code` and `at` are None while only the delivery has something to tell. `unknown` are answers whose code no table
    holds: faults to show, they change nothing. `next_*` is blank where the winning answer's obligations say what to do.
    `reference` is the agency's newest number.
    """

    agency: str
    agency_zh: str
    agency_en: str
    state: str
    code: str | None
    rank: int
    at: datetime | None
    terminal: bool
    obligations: tuple[Obligation, ...]
    grants: frozenset[str]
    unknown: tuple[Answer, ...]
    name_zh: str
    name_en: str
    next_zh: str
    next_en: str
    text: str | None
    reference: str | None
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class NextStep:
    """One next step: with which agency, whose move, and in words what, where, by when and under which number."""

    agency: str
    actor: str
    kind: str
    place: str | None
    due: str | None
    reference: str | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Combined:
    """The one answer to the trader: a short name, a sentence, two permissions, and next steps with his own first."""

    status: str
    may_collect: bool
    may_sell: bool
    next_steps: tuple[NextStep, ...]
    name_zh: str
    name_en: str
    zh: str
    en: str


def leg_status(
    codes: Responses, delivery: str, answers: Iterable[Answer], waits_for: str | None = None, form: str = ""
) -> LegStatus:
    """The state of one leg. `delivery` shows until a known answer speaks; `waits_for` is routing's `agency.number`; the words
    are as `form` reads them.

    The rollback with the latest agency time hides what is strictly older; among the rest the highest rank wins, so that
    equal times are decided by rank. Obligations stand beside the state: only a closing answer ends them.
    """
    if delivery not in DELIVERY:
        raise ValueError(f"{delivery!r} is no state of a delivery")
    spoken = codes.words.of_form(form)
    heard = _distinct(answers)
    known = [(answer, codes[answer.message, answer.code]) for answer in heard if (answer.message, answer.code) in codes]
    floor = max((answer.at for answer, code in known if code.rollback), default=None)
    visible = [(answer, code) for answer, code in known if floor is None or answer.at >= floor]
    winner, code = max(visible, key=lambda pair: (pair[1].rank, pair[0].at), default=(None, None))

    state = code.state if code else delivery
    words = spoken.of("leg", state)
    reference = max(((a.at, a.key, a.agency_reference) for a in heard if a.agency_reference), default=(None,))[-1]
    said = code if code and code.next_zh else words
    next_zh, next_en = ("", "") if code and code.opens else _told(spoken, said, winner, reference)
    return LegStatus(
        agency=codes.agency,
        agency_zh=codes.name_zh,
        agency_en=codes.name_en,
        state=state,
        code=code.code if code else None,
        rank=code.rank if code else 0,
        at=winner.at if winner else None,
        terminal=code.terminal if code else state in GONE,
        obligations=_obligations(codes, spoken, known, reference),
        grants=frozenset() if state in BARRED else frozenset().union(*(each.grants for _, each in visible)),
        unknown=tuple(answer for answer in heard if (answer.message, answer.code) not in codes),
        name_zh=code.name_zh if code else words.name_zh,
        name_en=code.name_en if code else words.name_en,
        next_zh=next_zh,
        next_en=next_en,
        text=winner.text if winner else None,
        reference=reference,
        waits_for=waits_for,
    )


def _distinct(answers: Iterable[Answer]) -> list[Answer]:
    """One answer for each key, by time and code, so that draws fall alike; nor does order decide between two of one key."""
    kept: dict[str, Answer] = {}
    for answer in answers:
        other = kept.setdefault(answer.key, answer)
        if other != answer:
            kept[answer.key] = min(other, answer, key=repr)
    return sorted(kept.values(), key=lambda answer: (answer.at, answer.message, answer.code, answer.key))


def _obligations(
    codes: Responses, spoken: StatusWords, known: list[tuple[Answer, ResponseCode]], reference: str | None
) -> tuple[Obligation, ...]:
    """What was opened and not closed since. A rollback hides states, never debts. Reminders of one thing are one."""

    def closed(kind: str, opened: Answer, opener: ResponseCode) -> bool:
        return any(
            (kind in code.closes or "*" in code.closes)
            and (answer.at > opened.at or (answer.at == opened.at and code.rank > opener.rank))
            for answer, code in known
        )

    found: dict[tuple[object, ...], Obligation] = {}
    for answer, code in known:
        for kind in code.opens:
            if closed(kind, answer, code):
                continue
            words = spoken.of("obligation", kind)
            # words of a code that asks for two things at once could not say which of them is meant
            said = code if code.next_zh and len(code.opens) == 1 else words
            zh, en = _told(spoken, said, answer, reference)
            number = answer.agency_reference or reference
            asked = (answer.place, answer.due, number, answer.text, zh, en)
            obligation = Obligation(kind, codes.agency, words.actor, answer.at, *asked)
            found.setdefault((kind, *asked), obligation)
    return tuple(found.values())


def _told(
    words: StatusWords, said: ResponseCode | StateWords, answer: Answer | None, reference: str | None
) -> tuple[str, str]:
    """The next step in both languages, with the particulars of the answer that asks for it."""
    values = {"reference": reference}
    if answer:
        values = {
            "place": answer.place,
            "due": answer.due,
            "text": answer.text,
            "reference": answer.agency_reference or reference,
        }
    return words.fill(said.next_zh, said.next_en, values)


def combine(legs: Mapping[str, LegStatus], required: frozenset[str], words: StatusWords) -> Combined:
    """The one status of a filing from its legs, by agency; raises ValueError without a leg.

    `required` are the agencies without which nothing is released (routing's `required_for_release`); empty = all legs.
    """
    if not legs:
        raise ValueError("a filing has at least one leg")
    needed = [leg for agency, leg in legs.items() if agency in required or not required]
    complete = required <= legs.keys()
    states = {leg.state for leg in legs.values()}
    acting = [leg for leg in legs.values() if _trader_must_act(leg, legs)]
    all_gone = states <= GONE
    done = [leg for leg in needed if leg.state in DONE]

    concerned = list(legs.values())
    if all_gone:
        status = "cancelled"
    elif "rejected" in states:
        status, concerned = "rejected", [leg for leg in legs.values() if leg.state == "rejected"]
    elif acting:
        status, concerned = "action_needed", acting
    elif complete and all(leg.state == "closed" for leg in needed):
        status = "closed"
    elif complete and len(done) == len(needed):
        status = "released"
    elif done:
        status, concerned = "partly_released", done
    elif states <= UNHEARD:
        status = "filed"
    else:
        status = "in_progress"

    said = words.of("combined", status)
    return Combined(
        status=status,
        may_collect=complete and all("collect" in leg.grants for leg in needed),
        may_sell=complete and all("sell" in leg.grants for leg in needed),
        next_steps=_next_steps(legs, words, all_gone=all_gone),
        name_zh=said.name_zh,
        name_en=said.name_en,
        zh=said.next_zh.format(agencies="、".join(leg.agency_zh for leg in concerned)),
        en=said.next_en.format(agencies=", ".join(leg.agency_en for leg in concerned)),
    )


def _awaited(leg: LegStatus, legs: Mapping[str, LegStatus]) -> LegStatus | None:
    """The other leg whose number a waiting leg needs."""
    return legs.get(leg.waits_for.partition(".")[0]) if leg.state == "waiting" and leg.waits_for else None


def _in_vain(awaited: LegStatus) -> bool:
    return awaited.terminal or awaited.state in ENDED


def _trader_must_act(leg: LegStatus, legs: Mapping[str, LegStatus]) -> bool:
    awaited = _awaited(leg, legs)
    return (
        leg.state == "not_passed"
        or leg.state in GONE
        or any(obligation.actor == "trader" for obligation in leg.obligations)
        or (awaited is not None and _in_vain(awaited))
    )


def _next_steps(legs: Mapping[str, LegStatus], words: StatusWords, *, all_gone: bool) -> tuple[NextStep, ...]:
    """Every step of every leg, the trader's first."""
    steps = [step for leg in legs.values() for step in _leg_steps(leg, legs, words)]
    if not all_gone:
        # the other agencies go on, but without this one the goods do not
        for leg in legs.values():
            if leg.state in GONE:
                filled = _filled(words, "leg_gone", leg, leg)
                steps.append(
                    NextStep(leg.agency, words.of("step", "leg_gone").actor, "leg_gone", None, None, None, *filled)
                )
    return tuple(sorted(steps, key=lambda step: _MOVES.index(step.actor)))


def _leg_steps(leg: LegStatus, legs: Mapping[str, LegStatus], words: StatusWords) -> list[NextStep]:
    steps = [
        NextStep(leg.agency, owed.actor, owed.kind, owed.place, owed.due, owed.reference, owed.zh, owed.en)
        for owed in leg.obligations
    ]
    for answer in leg.unknown:
        filled = _filled(words, "unknown_answer", leg, leg, code=answer.code, text=answer.text)
        steps.append(NextStep(leg.agency, "window", "unknown_answer", None, None, answer.agency_reference, *filled))
    awaited = _awaited(leg, legs)
    if awaited is not None:
        kind = "waiting_in_vain" if _in_vain(awaited) else "waiting_for"
        actor = words.of("step", kind).actor
        steps.append(
            NextStep(awaited.agency, actor, kind, None, None, awaited.reference, *_filled(words, kind, leg, awaited))
        )
        return steps
    actor = words.of("leg", leg.state).actor
    # while the trader owes something, "wait for the agency" would only distract him
    if actor and leg.next_zh and (actor == "trader" or not leg.obligations):
        steps.append(NextStep(leg.agency, actor, leg.state, None, None, leg.reference, leg.next_zh, leg.next_en))
    return steps


def _filled(words: StatusWords, kind: str, leg: LegStatus, other: LegStatus, **values: str | None) -> tuple[str, str]:
    """The words of a step between a leg and another agency's (or its own)."""
    said = words.of("step", kind)
    number = words.of("number", (leg.waits_for or "").rpartition(".")[2])
    zh = {**values, "agency": other.agency_zh, "leg": leg.agency_zh, "number": number.name_zh, "state": other.name_zh}
    en = {**values, "agency": other.agency_en, "leg": leg.agency_en, "number": number.name_en, "state": other.name_en}
    return words.fill(said.next_zh, "", zh)[0], words.fill("", said.next_en, en)[1]
