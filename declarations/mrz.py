"""Machine readable zones of travel documents, as pasted from a reader: ICAO Doc 9303 parts 4 (TD3), 5 (TD1) and 6 (TD2).

Names stay as transliterated there. Nothing is corrected: what does not check is told, each check digit by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

FILLER = "<"
WEIGHTS = (7, 3, 1)
_VALUES = {sign: value for value, sign in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {FILLER: 0}
_STRANGE = re.compile("[^A-Z0-9<]")
_SIX_DIGITS = re.compile("[0-9]{6}")
_GUILLEMETS = str.maketrans({"«": "<<", "‹": "<"})
"""What character readers and word processors make of two fillers and of one."""


def check_digit(text: str) -> str:
    """The digit over a text of A-Z, 0-9 and `<`: weights 7, 3, 1, modulo 10 (part 3, section 4.9)."""
    return str(sum(_VALUES[sign] * WEIGHTS[at % 3] for at, sign in enumerate(text)) % 10)


class Span(NamedTuple):
    """Signs `start` to `end` (counted from 0, end left out) of a line of the document."""

    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a kind of document keeps what. The optional data may hold the rest of a long number (TD1, TD2)."""

    name: str
    lines: int
    length: int
    names: Span
    number: Span
    nationality: Span
    birth: Span
    sex: Span
    expiry: Span
    optional: Span
    optional_checked: bool
    long_numbers: bool
    composite_over: tuple[Span, ...]
    composite: Span


TD3 = Layout(
    "TD3", 2, 44, Span(0, 5, 44), Span(1, 0, 9), Span(1, 10, 13), Span(1, 13, 19), Span(1, 20, 21), Span(1, 21, 27),
    Span(1, 28, 42), True, False, (Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, 43)), Span(1, 43, 44),
)  # fmt: skip
TD2 = Layout(
    "TD2", 2, 36, Span(0, 5, 36), Span(1, 0, 9), Span(1, 10, 13), Span(1, 13, 19), Span(1, 20, 21), Span(1, 21, 27),
    Span(1, 28, 35), False, True, (Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, 35)), Span(1, 35, 36),
)  # fmt: skip
TD1 = Layout(
    "TD1", 3, 30, Span(2, 0, 30), Span(0, 5, 14), Span(1, 15, 18), Span(1, 0, 6), Span(1, 7, 8), Span(1, 8, 14),
    Span(0, 15, 30), False, True, (Span(0, 5, 30), Span(1, 0, 7), Span(1, 8, 15), Span(1, 18, 29)), Span(1, 29, 30),
)  # fmt: skip
LAYOUTS = {layout.length: layout for layout in (TD3, TD2, TD1)}
DOCUMENTS = "PIAC"
"""First signs of travel documents; V is a visa, which is no document of identity."""
_CHECKS = {"optional": "F-MRZ-OPTIONAL", "all": "F-MRZ-ALL"}
WRONG = ("F-MRZ-CHECK", *_CHECKS.values())
"""Faults of check digits."""
SLACK = 3
"""So many signs may a line lack or have too many, and we still tell which kind of document it was to be."""


class MrzFault(NamedTuple):
    """What is wrong: `code` names the words, `part` what it is about, `line` counts in what was pasted, from 1."""

    code: str
    part: str
    line: int
    value: str
    expected: str = ""


@dataclass(slots=True)
class TravelDocument:
    """One document as its zone says it. Dates are yyyyMMdd, "" where they cannot be told; sex is M, F or `<`."""

    line: int
    """Where it begins in what was pasted, from 1."""
    kind: str = ""
    document_code: str = ""
    issuing_state: str = ""
    family_name: str = ""
    given_name: str = ""
    number: str = ""
    nationality: str = ""
    birth: str = ""
    sex: str = ""
    expiry: str = ""
    faults: list[MrzFault] = field(default_factory=list)

    @property
    def readable(self) -> bool:
        """Whether it had the lines of a document; then its parts are what they say, faults or not."""
        return bool(self.kind)


def read_mrz(lines: Sequence[str], today: date) -> Iterator[TravelDocument]:
    """The documents in pasted lines, one after the other; blank lines are passed over. Raises nothing.

    `today` tells the century of a birth: nobody was born after it.
    """
    given = [(number, cleaned) for number, line in enumerate(lines, 1) if (cleaned := _cleaned(line))]
    at = 0
    while at < len(given):
        layout = _nearest(len(given[at][1]))
        number, text = given[at]
        if layout is None:
            yield TravelDocument(number, faults=[MrzFault("F-MRZ-LINE", "", number, text, str(number))])
            at += 1
            continue
        taken = [each for each in given[at : at + layout.lines] if _nearest(len(each[1])) is layout]
        at += len(taken)
        if len(taken) < layout.lines:
            yield TravelDocument(number, faults=[MrzFault("F-MRZ-INCOMPLETE", "", number, text, str(layout.lines))])
        else:
            yield _Reader(layout, taken, today).document()


def _cleaned(line: str) -> str:
    """As the document prints it: no blanks, capital letters, fillers as `<` (full-width ones too)."""
    return "".join(unicodedata.normalize("NFKC", line).translate(_GUILLEMETS).split()).upper()


def _nearest(length: int) -> Layout | None:
    return next((layout for layout in LAYOUTS.values() if abs(layout.length - length) <= SLACK), None)


class _Reader:
    def __init__(self, layout: Layout, lines: Sequence[tuple[int, str]], today: date) -> None:
        self.layout = layout
        self.numbers = [number for number, _ in lines]
        self.texts = [text for _, text in lines]
        self.today = today
        self.found = TravelDocument(self.numbers[0])

    def document(self) -> TravelDocument:
        found = self.found
        for at, text in enumerate(self.texts):
            if len(text) != self.layout.length:
                self._note("F-MRZ-LENGTH", "", at, str(len(text)), str(self.layout.length))
            elif strange := _STRANGE.search(text):
                self._note("F-MRZ-SIGN", "", at, strange[0])
        if found.faults:
            return found
        if self.texts[0][0] not in DOCUMENTS:
            self._note("F-MRZ-KIND", "", 0, self.texts[0][:2])
            return found
        found.kind = self.layout.name
        found.document_code = _plain(self.texts[0][:2])
        found.issuing_state = _plain(self.texts[0][2:5])
        found.nationality = _plain(self._of(self.layout.nationality))
        found.sex = self._of(self.layout.sex)
        self._names()
        self._number()
        found.birth = self._date("birth", self.layout.birth)
        found.expiry = self._date("expiry", self.layout.expiry)
        self._check_optional_and_all()
        return found

    def _of(self, span: Span) -> str:
        return self.texts[span.line][span.start : span.end]

    def _note(self, code: str, part: str, line: int, value: str, expected: str = "") -> None:
        self.found.faults.append(MrzFault(code, part, self.numbers[line], value, expected))

    def _names(self) -> None:
        """Family name, `<<`, given names. A person with one name has it as family name; names without end may be cut."""
        span = self.layout.names
        text = self._of(span)
        family, _, given = text.partition("<<")
        self.found.family_name, self.found.given_name = _plain(family), _plain(given)
        if not self.found.family_name:
            self._note("F-MRZ-NAME", "family_name", span.line, text)
        elif not text.endswith(FILLER):
            self._note("F-MRZ-CUT", "given_name", span.line, _plain(text))

    def _number(self) -> None:
        span = self.layout.number
        number, check = self._of(span), self.texts[span.line][span.end]
        if check == FILLER and self.layout.long_numbers:
            # the number goes on in the optional data, closed by its check digit and a filler (part 5, section 4.2.2.1)
            rest = self._of(self.layout.optional).partition(FILLER)[0]
            if rest:
                number, check = number + rest[:-1], rest[-1]
        self.found.number = _plain(number)
        self._check("number", span.line, number, check)

    def _date(self, part: str, span: Span) -> str:
        """yyMMdd as yyyyMMdd: a birth lies behind today, an expiry in this century."""
        text = self._of(span)
        self._check(part, span.line, text, self.texts[span.line][span.end])
        if not _SIX_DIGITS.fullmatch(text):
            self._note("F-MRZ-UNKNOWN" if FILLER in text else "F-MRZ-DATE", part, span.line, text)
            return ""
        centuries = ("20", "19") if part == "birth" else ("20",)
        for century in centuries:
            found = _day(century + text)
            if found is not None and (part != "birth" or found <= self.today):
                return century + text
        self._note("F-MRZ-DATE", part, span.line, text)
        return ""

    def _check_optional_and_all(self) -> None:
        layout = self.layout
        if layout.optional_checked:
            text, check = self._of(layout.optional), self.texts[layout.optional.line][layout.optional.end]
            if not (check == FILLER and not text.strip(FILLER)):
                self._check("optional", layout.optional.line, text, check)
        if not any(fault.code in WRONG for fault in self.found.faults):
            # the digit over everything is wrong wherever another one is: it has news only where none is
            everything = "".join(self._of(span) for span in layout.composite_over)
            self._check("all", layout.composite.line, everything, self._of(layout.composite))

    def _check(self, part: str, line: int, text: str, check: str) -> None:
        expected = check_digit(text)
        if check != expected:
            self._note(_CHECKS.get(part, "F-MRZ-CHECK"), part, line, check, expected)


def _plain(text: str) -> str:
    """Fillers as blanks; none at the ends, never two."""
    return " ".join(text.replace(FILLER, " ").split())


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
