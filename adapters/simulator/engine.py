"""What a simulated agency will answer to a message, and when: a pure function of message, script table and knobs.

`scripts.csv` is the program. A row is an answer (`receipt`, `result`, `response`: built by the agency's file; `broken`:
one cut in half) or an instruction to this engine:

    play SCRIPT      take in that script's rows here, shifted by after_seconds
    assume FACT      let FACT hold for `when`, whatever the message says
    silence          answer nothing
    duplicate        send every answer twice
    reverse          send the answers in reverse order
    refuse STATUS    refuse the message at the door with that HTTP status; text = how often, blank = always
    cut              take the message, then cut the connection instead of acknowledging it

`carries` names the numbers the answer bears in elements of their own; `text` may name them too, in braces. `when` joins
facts by `and`, each perhaps with `not`. `dated_seconds` is the time written inside an answer where it is not that of its
sending: real agencies date release and closing alike and deliver them out of order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from adapters.simulator.knobs import Knobs
from declarations.bundle import Bundle, TableRow
from declarations.errors import BadConfiguration

HERE = Path(__file__).parent
DEFAULT = "default"
ANSWERS = frozenset({"receipt", "result", "response", "broken"})
INSTRUCTIONS = frozenset({"play", "assume", "silence", "duplicate", "reverse", "refuse", "cut"})
_SCRIPTED = re.compile(r"X[0-9]{2}\Z")
FIRST_OF_SHIPS = "X30"
"""Rehearsals from this number on are of ships' filings, those before it of goods."""


@dataclass(frozen=True)
class Filing:
    """What a simulated agency reads from one message."""

    key: str
    """What the agency recognises a repeated message by: exchange file name or message id."""
    reference: str
    kind: str
    """Name of the message."""
    facts: frozenset[str]
    """Words the tables' `when` may use: import, export, clearance_form, certificates; examined is added by risk.csv."""
    commodities: frozenset[str] = frozenset()
    values: dict[str, str] = field(default_factory=dict)
    """The agency's own elements needed to build its answers."""
    script: str = DEFAULT
    """What is played for it outside rehearsals."""


class Copy(Enum):
    """Which copy of an answer; the value marks its exchange file."""

    ORIGINAL = ""
    AGAIN = "_again"
    DAMAGED = "_damaged"


@dataclass(frozen=True)
class Planned:
    """One answer to come. Times are seconds after the message was received."""

    step: int
    answer: str
    code: str
    text: str
    due: float
    dated: float
    carries: frozenset[str] = frozenset()
    copy: Copy = Copy.ORIGINAL

    @property
    def sound(self) -> bool:
        """Whether it arrives as the agency wrote it."""
        return self.copy is not Copy.DAMAGED and self.answer != "broken"


@dataclass(frozen=True)
class Door:
    """How a message is disturbed at its coming: refused `times` with HTTP `status`, or taken and the connection cut."""

    status: int = 0
    times: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Plan:
    answers: tuple[Planned, ...]
    door: Door | None = None


@dataclass
class _Draft:
    answers: list[Planned]
    duplicate: bool = False
    reverse: bool = False
    door: Door | None = None


class Scripts:
    """The two tables of the simulated world, for one agency."""

    def __init__(self, agency: str, scripts: Sequence[TableRow], risks: Sequence[TableRow]) -> None:
        self._risks = [row for row in risks if row["agency"] == agency]
        self._scripts: dict[str, list[TableRow]] = {}
        for row in scripts:
            if row["agency"] == agency:
                self._scripts.setdefault(row["script"], []).append(row)
        for row in (row for rows in self._scripts.values() for row in rows):
            _check(row, self._scripts)

    @classmethod
    def load(cls, agency: str) -> Scripts:
        """Reads scripts.csv and risk.csv beside this module; raises BadConfiguration naming file and line."""
        tables = Bundle({name: (HERE / name).read_bytes() for name in ("scripts.csv", "risk.csv")})
        return cls(agency, tables.table("scripts.csv"), tables.table("risk.csv"))

    def chosen(self, filing: Filing, *, first: bool, rehearsal: bool) -> str:
        """The script's name: in a rehearsal the reference's last three characters, for its first message only, so that a
        corrected filing goes through."""
        name = filing.reference[-3:]
        if not (rehearsal and first and _SCRIPTED.match(name) and name in self._scripts):
            return filing.script
        return name if (name >= FIRST_OF_SHIPS) == (filing.script != DEFAULT) else filing.script

    def plan(self, script: str, filing: Filing, knobs: Knobs) -> Plan:
        """All answers to this message under this script, in order of sending."""
        facts = set(filing.facts)
        for risk in self._risks:
            prefixes = tuple(risk["chapters"].split()) or ("",)
            if _holds(risk["when"], facts) and any(code.startswith(prefixes) for code in filing.commodities):
                facts.add(risk["then"])
        draft = _Draft([])
        for row in self._rows(script):
            if row["answer"] == "assume":
                facts.add(row["code"])
        self._play(script, facts, 0.0, draft)
        answers = sorted(draft.answers, key=lambda planned: planned.due)
        if draft.reverse:
            times = [planned.due for planned in answers]
            answers = [replace(p, due=due) for p, due in zip(reversed(answers), times, strict=True)]
        if draft.duplicate:
            answers = [copy for p in answers for copy in (p, replace(p, copy=Copy.AGAIN, due=p.due + 0.05))]
        answers = _trouble(
            [replace(p, due=p.due * knobs.delay_scale) for p in _dated(answers, knobs)], filing.key, knobs
        )
        return Plan(tuple(answers), draft.door)

    def _rows(self, script: str) -> list[TableRow]:
        return self._scripts.get(script, [])

    def _play(self, script: str, facts: set[str], shift: float, draft: _Draft) -> None:
        for row in self._rows(script):
            if not _holds(row["when"], facts):
                continue
            after = shift + float(row["after_seconds"] or 0)
            match row["answer"]:
                case "play":
                    self._play(row["code"], facts, after, draft)
                case "duplicate":
                    draft.duplicate = True
                case "reverse":
                    draft.reverse = True
                case "refuse":
                    draft.door = Door(int(row["code"]), float(row["text"] or "inf"))
                case "cut":
                    draft.door = Door(cut=True)
                case answer if answer in ANSWERS:
                    dated = shift + float(row["dated_seconds"]) if row["dated_seconds"] else after
                    step = len(draft.answers) + 1
                    carries = frozenset(row["carries"].split())
                    draft.answers.append(Planned(step, answer, row["code"], row["text"], after, dated, carries))


def _check(row: TableRow, scripts: dict[str, list[TableRow]]) -> None:
    place = f"{row.path}:{row.line}"
    if row["answer"] not in ANSWERS | INSTRUCTIONS:
        raise BadConfiguration(
            f"{place}: there is no answer {row['answer']!r}", f"{place}：没有 {row['answer']!r} 这种应答"
        )
    if row["answer"] == "play" and (row["code"] not in scripts or row["code"] == row["script"]):
        raise BadConfiguration(f"{place}: there is no script {row['code']!r}", f"{place}：没有脚本 {row['code']!r}")
    try:
        for column in ("after_seconds", "dated_seconds"):
            float(row[column] or 0)
        if row["answer"] == "refuse":
            int(row["code"]), int(row["text"] or 0)
    except ValueError:
        raise BadConfiguration(f"{place}: not a number", f"{place}：不是数字") from None


def _holds(when: str, facts: set[str]) -> bool:
    terms = [term.strip() for term in when.split(" and ")] if when else []
    return all((term[4:] not in facts) if term.startswith("not ") else (term in facts) for term in terms)


def _dated(answers: list[Planned], knobs: Knobs) -> list[Planned]:
    """Gives each answer its time in whole seconds: those dated alike stay alike, others are at least a second apart.

    Agencies date to the second; a fast simulation must not make simultaneous what its script puts in order.
    """
    seconds: dict[float, float] = {}
    last = -1.0
    for dated in sorted({planned.dated for planned in answers}):
        last = seconds[dated] = max(float(int(dated * knobs.delay_scale)), last + 1)
    return [replace(planned, dated=seconds[planned.dated]) for planned in answers]


def _trouble(answers: list[Planned], key: str, knobs: Knobs) -> list[Planned]:
    dice = random.Random(f"{knobs.seed}/{key}")  # noqa: S311  # dice, not secrets
    found: list[Planned] = []
    for planned in answers:
        # every throw is made for every answer, so that one knob does not change what another one does
        lost, doubled, damaged = (dice.random() < chance for chance in (knobs.loss, knobs.duplicates, knobs.corruption))
        if lost:
            continue
        if damaged:
            found.append(replace(planned, copy=Copy.DAMAGED))
        found.append(planned)
        if doubled:
            found.append(replace(planned, copy=Copy.AGAIN))
    for index in range(len(found) - 1):
        if dice.random() < knobs.reorder:
            one, other = found[index], found[index + 1]
            found[index], found[index + 1] = replace(other, due=one.due), replace(one, due=other.due)
    return sorted(found, key=lambda planned: planned.due)
