"""Words for people: the texts of faults, from tables, in Chinese and English."""

from __future__ import annotations

import re
from dataclasses import dataclass

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import Fault, Severity

FORM_WORDS = "mappings/rules/form.csv"
CODES = tuple(
    f"F-{name}"
    for name in (
        "MALFORMED", "DOCTYPE", "ENCODING", "TOO-LARGE", "TOO-DEEP", "ROOT", "SCOPE", "UNKNOWN", "ORDER", "REPEATED",
        "TYPE", "LENGTH", "PATTERN", "DATE", "CHARACTER", "MAP", "OUTPUT",
    )
)  # fmt: skip
"""Every structural fault the window can find; each needs its words."""
PLACEHOLDERS = ("item", "value", "expected", "agency", "target")
MOST_SHOWN = 200
"""Characters of a trader's text that a fault repeats; a key or a number of ten megabytes is not quoted whole."""
NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""Characters XML has no place for: most control characters, lone surrogates."""


def shown(text: str) -> str:
    """A trader's text as a fault repeats it: short enough, and nothing in it that an answer could not carry."""
    clean = NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text[: MOST_SHOWN + 1])
    return clean if len(text) <= MOST_SHOWN else clean[:MOST_SHOWN] + "…"


@dataclass(frozen=True, slots=True)
class Words:
    """One row of a words table: what a fault of this id says."""

    severity: Severity
    zh: str
    en: str


def _row_faults(row: TableRow) -> list[Fault]:
    """Words that are missing, or that ask for something a fault does not have."""
    found = []
    for column in ("words_zh", "words_en"):
        try:
            said = row[column].format_map(dict.fromkeys(PLACEHOLDERS, ""))
        except (KeyError, ValueError, IndexError) as error:
            said = row[column]
            zh, en = f"占位符有误：{error}", f"bad placeholder: {error}"
            found.append(table_fault(row.path, row.line, column, zh, en))
        if not said.strip():
            found.append(table_fault(row.path, row.line, column, "缺少文字", "words are missing"))
    return found


class FaultWords:
    """Builds faults of the form's structure from `mappings/rules/form.csv`."""

    def __init__(self, bundle: Bundle) -> None:
        rows = bundle.table(FORM_WORDS)
        self._words = {
            row["rule"]: Words("warning" if row["severity"] == "warning" else "error", row["words_zh"], row["words_en"])
            for row in rows
        }
        faults = [fault for row in rows for fault in _row_faults(row)]
        for code in CODES:
            if code not in self._words:
                faults.append(table_fault(FORM_WORDS, None, "rule", f"缺少 {code} 的文字", f"{code} has no words"))
        if faults:
            raise BadConfiguration(f"{FORM_WORDS}: {faults[0].message_en}", f"{FORM_WORDS} 有误", faults=faults)

    def fault(
        self, code: str, form: Form | None, item: str | None, pointer: str, line: int | None, **placeholders: str
    ) -> Fault:
        """The fault `code` at an item. `{item}` in its words becomes the item's name; the caller fills the rest."""
        item = shown(item) if item else item
        known = form.items.get(item) if form and item else None
        group = form.groups.get(item) if form and item else None
        named = known or group
        words = self._words[code]
        filled = {"value": "", "expected": "", **{name: shown(text) for name, text in placeholders.items()}}
        return Fault(
            code,
            item,
            pointer,
            line,
            words.zh.format_map({**filled, "item": named.name_zh if named else item or ""}),
            words.en.format_map({**filled, "item": named.name_en if named else item or ""}),
            None,
            words.severity,
        )
