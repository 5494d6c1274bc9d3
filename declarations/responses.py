"""What an agency's answer codes mean (`mappings/<agency>/responses.csv`), and the words about answers and states
(`mappings/status_words.csv`)."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.faults import Fault

ANSWERED = (
    "sent", "stored", "accepted", "in_review", "assessed", "released", "closed", "reopened", "held",
    "rejected", "not_passed", "cancelled",
)  # fmt: skip
"""States of a leg that an answer can bring (design.md section 6)."""
DELIVERY = ("waiting", "queued", "sent", "outcome_unknown", "parked", "withdrawn")
"""States of a leg that no known answer has spoken about: how far its message got."""
COMBINED = (
    "filed", "in_progress", "action_needed", "partly_released", "released", "closed", "rejected", "cancelled",
)  # fmt: skip
OBLIGATIONS = (
    "pay", "bring_papers", "upload_papers", "examination", "treatment", "boarding", "ship_treatment", "answer_query",
    "correct_form",
)  # fmt: skip
STEPS = ("waiting_for", "waiting_in_vain", "leg_gone", "unknown_answer")
UNREADABLE = (
    "A-SIZE", "A-ENCODING", "A-DOCTYPE", "A-MALFORMED", "A-ROOT", "A-SCHEMA", "A-EMPTY", "A-MISSING", "A-DATE",
)  # fmt: skip
"""Why an answer cannot be read (answers.py)."""
GRANTS = ("collect", "sell")
ACTORS = ("trader", "agency", "window", "")
PLACEHOLDERS = ("place", "due", "reference", "text")
"""What an answer can fill into the words of a next step."""

STATUS_WORDS, FORMS = "mappings/status_words.csv", "mappings/forms.csv"
_CODES = {
    "leg": frozenset((*ANSWERED, *DELIVERY)),
    "combined": frozenset(COMBINED),
    "obligation": frozenset(OBLIGATIONS),
    "step": frozenset(STEPS),
    "number": None,
    "blank": frozenset(PLACEHOLDERS),
    "unreadable": frozenset(UNREADABLE),
}
_FILLED = {
    "combined": frozenset({"agencies"}),
    "step": frozenset({"agency", "leg", "number", "state", "code", "text"}),
    "unreadable": frozenset({"line", "place", "value"}),
}
COLUMNS = (
    "message", "code", "state", "rank", "rollback", "terminal", "opens", "closes", "grants",
    "name_zh", "name_en", "next_zh", "next_en", "reference",
)  # fmt: skip


_NONE: Mapping[str, Mapping[tuple[str, str], StateWords]] = {}


@dataclass(frozen=True, slots=True)
class StateWords:
    """One row of the words: a short name, what comes next, and whose move it is ("" = nobody's)."""

    actor: str
    name_zh: str
    name_en: str
    next_zh: str
    next_en: str


class StatusWords:
    """Every word traders read about states, by kind and code; a form may have its own for some."""

    def __init__(
        self,
        rows: Mapping[tuple[str, str], StateWords],
        own: Mapping[str, Mapping[tuple[str, str], StateWords]] = _NONE,
    ) -> None:
        self._rows = dict(rows)
        self._own = own
        self._of_form: dict[str, StatusWords] = {}

    def of_form(self, form: str) -> StatusWords:
        """The words as one form reads them."""
        if form not in self._own:
            return self
        return self._of_form.setdefault(form, StatusWords({**self._rows, **self._own[form]}))

    @classmethod
    def load(cls, bundle: Bundle) -> StatusWords:
        """Raises BadConfiguration when a state, obligation or step lacks its words, or a row is none of ours."""
        faults: list[Fault] = []
        rows: dict[tuple[str, str], StateWords] = {}
        own: dict[str, dict[tuple[str, str], StateWords]] = {}
        forms = {row["form"] for row in bundle.table(FORMS)}
        for row in bundle.table(STATUS_WORDS):
            key = row.get("kind", ""), row.get("code", "")
            form = row.get("form", "")
            if form and form not in forms:
                faults.append(_fault(row, "form", "没有此表单", "there is no such form"))
            of = own.setdefault(form, {}) if form else rows
            known = _CODES.get(key[0], frozenset())
            if (known is not None and key[1] not in known) or key in of:
                faults.append(_fault(row, "code", "种类与代码未知或重复", "kind and code unknown or used twice"))
            if row.get("actor", "") not in ACTORS:
                faults.append(_fault(row, "actor", "办理人未知", f"actor must be one of {ACTORS}"))
            faults += _word_faults(row, _FILLED.get(key[0], frozenset(PLACEHOLDERS)))
            of[key] = StateWords(*(row.get(column, "") for column in StateWords.__slots__))
        for kind, codes in _CODES.items():
            for code in sorted((codes or frozenset()) - {code for of, code in rows if of == kind}):
                faults.append(table_fault(STATUS_WORDS, None, "code", f"缺 {kind} {code}", f"no row for {kind} {code}"))
        if faults:
            raise BadConfiguration("the words of the states have faults", "状态用语表有误", faults=faults)
        return cls(rows, own)

    def of(self, kind: str, code: str, form: str = "") -> StateWords:
        """The words of a code, as `form` reads them; a `number` nobody has named reads as its own id."""
        if form in self._own and (kind, code) in self._own[form]:
            return self._own[form][kind, code]
        if kind == "number" and (kind, code) not in self._rows:
            return StateWords("", code, code, "", "")
        return self._rows[kind, code]

    def fill(self, template_zh: str, template_en: str, values: Mapping[str, str | None]) -> tuple[str, str]:
        """Both languages with the agency's particulars in place; what it left out reads as the `blank` row says."""
        blanks = {name: self._rows["blank", name] for name in PLACEHOLDERS}
        given = {name: value for name, value in values.items() if value}
        return (
            template_zh.format_map({**{name: blank.name_zh for name, blank in blanks.items()}, **given}),
            template_en.format_map({**{name: blank.name_en for name, blank in blanks.items()}, **given}),
        )


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """One answer code. `rank` orders what was heard; `rollback` hides what is older; `closes` may hold `*` (all)."""

    message: str
    code: str
    state: str
    rank: int
    rollback: bool
    terminal: bool
    opens: tuple[str, ...]
    closes: tuple[str, ...]
    grants: frozenset[str]
    name_zh: str
    name_en: str
    next_zh: str
    next_en: str


class Responses(dict[tuple[str, str], ResponseCode]):
    """(message, code) -> meaning, for one agency. Codes are case sensitive: customs' `c` is not its `C`."""

    def __init__(
        self, agency: str, name_zh: str, name_en: str, words: StatusWords, codes: Iterable[ResponseCode]
    ) -> None:
        super().__init__({(code.message, code.code): code for code in codes})
        self.agency = agency
        self.name_zh = name_zh
        self.name_en = name_en
        self.words = words


def load_responses(bundle: Bundle, agency: str) -> Responses:
    """Read an agency's table; raises BadConfiguration with every fault, each naming file, row and column."""
    path = f"mappings/{agency}/responses.csv"
    settings = tomllib.loads(bundle.text(f"mappings/{agency}/agency.toml"))
    rows = bundle.table(path)
    if not rows or tuple(rows[0]) != COLUMNS:
        fault = table_fault(path, 1, "", "列名与规定不符", f"columns must be {', '.join(COLUMNS)}")
        raise BadConfiguration(f"{path}: wrong columns", faults=[fault])
    faults: list[Fault] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        faults += _row_faults(row, seen, settings.get("answers", []))
        seen.add((row["message"], row["code"]))
    if faults:
        raise BadConfiguration(f"{path} has {len(faults)} faults", f"{path} 有 {len(faults)} 处错误", faults=faults)
    names = settings.get("name_zh", agency), settings.get("name_en", agency)
    return Responses(agency, *names, StatusWords.load(bundle), map(_code, rows))


def _code(row: TableRow) -> ResponseCode:
    return ResponseCode(
        message=row["message"],
        code=row["code"],
        state=row["state"],
        rank=int(row["rank"]),
        rollback=row["rollback"] == "yes",
        terminal=row["terminal"] == "yes",
        opens=tuple(row["opens"].split()),
        closes=tuple(row["closes"].split()),
        grants=frozenset(row["grants"].split()),
        **{column: row[column] for column in ("name_zh", "name_en", "next_zh", "next_en")},
    )


def _row_faults(row: TableRow, seen: set[tuple[str, str]], answers: list[str]) -> Iterator[Fault]:
    if row["message"] not in answers:
        yield _fault(row, "message", "不是该机构的回执", f"agency.toml names no such answer; it names {answers}")
    if not row["code"] or (row["message"], row["code"]) in seen:
        yield _fault(row, "code", "代码为空或重复", "code is blank or used twice")
    if row["state"] not in ANSWERED:
        yield _fault(row, "state", "状态未知", f"state must be one of {', '.join(ANSWERED)}")
    if not (row["rank"].isascii() and row["rank"].isdigit()):
        yield _fault(row, "rank", "等级须为数字", "rank must be a whole number")
    for column in ("rollback", "terminal"):
        if row[column] not in ("yes", ""):
            yield _fault(row, column, "只能是 yes 或空", "must be yes or blank")
    for column, allowed in (("opens", OBLIGATIONS), ("closes", (*OBLIGATIONS, "*")), ("grants", GRANTS)):
        if unknown := set(row[column].split()) - set(allowed):
            yield _fault(row, column, f"未知：{sorted(unknown)}", f"{sorted(unknown)}: must be of {', '.join(allowed)}")
    yield from _word_faults(row, frozenset(PLACEHOLDERS))


def _word_faults(row: TableRow, placeholders: frozenset[str]) -> Iterator[Fault]:
    """Names and next steps in both languages, with no placeholder that nothing will fill."""
    for column in ("name_zh", "name_en"):
        if not row.get(column):
            yield _fault(row, column, "缺少文字", "words are missing")
    if bool(row.get("next_zh")) != bool(row.get("next_en")):
        yield _fault(row, "next_en", "下一步须中英文齐全", "the next step is in one language only")
    for column in ("name_zh", "name_en", "next_zh", "next_en"):
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(row.get(column, "")) if name is not None}
        except ValueError as error:
            yield _fault(row, column, "花括号不成对", f"braces do not match: {error}")
            continue
        if strange := sorted(used - placeholders):
            yield _fault(row, column, f"未知占位 {strange}", f"nothing fills {strange}")


def _fault(row: TableRow, column: str, zh: str, en: str) -> Fault:
    return table_fault(row.path, row.line, column, zh, en)
