"""The words of rules (mappings/rules/<form>.csv): what a fault says, how much it weighs, whose it is.

A row `R-TRM-01` is the rule; a row `R-TRM-01.missing` is a variant of its words for one case. Words hold {item}, {value}
and what the rule fills in; `{name}` and the like are filled with a text for each language.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import Fault, Severity

COLUMNS = ("rule", "class", "agencies", "severity", "item", "words_zh", "words_en", "clause")
CLASSES = ("condition", "rule", "code list", "sequence", "guideline")
"""What kind of check a rule is (WCO: condition, rule, code list, sequence, guideline)."""
ANY = "any"


@dataclass(frozen=True, slots=True)
class RuleWords:
    """One row. `item` is where the fault points when the rule does not say; `agency` is None for rules of any agency."""

    rule_id: str
    variant: str
    rule_class: str
    agencies: frozenset[str]
    agency: str | None
    severity: Severity
    item: str
    zh: str
    en: str
    clause: str


def load_words(bundle: Bundle, form: Form) -> dict[str, RuleWords]:
    """`R-…` and `R-….variant` -> words; raises BadConfiguration with every fault of the table."""
    path = f"mappings/rules/{form.name}.csv"
    faults: list[Fault] = []
    found: dict[str, RuleWords] = {}
    for row in bundle.table(path):
        if tuple(row) != COLUMNS:
            faults.append(table_fault(path, 1, "", "列名不符", f"columns must be {', '.join(COLUMNS)}"))
            break
        if row["rule"] in found:
            faults.append(table_fault(path, row.line, "rule", "规则重复", "this rule already has its words"))
        found[row["rule"]] = _words(row, form, found, faults)
    if faults:
        message = (
            f"{path} has faults ({len(faults)}): {faults[0].pointer}:{faults[0].line or ''} {faults[0].message_en}"
        )
        raise BadConfiguration(message, f"{path} 有误", faults=faults)
    return found


def _words(row: TableRow, form: Form, found: dict[str, RuleWords], faults: list[Fault]) -> RuleWords:
    def fault(column: str, zh: str, en: str) -> None:
        faults.append(table_fault(row.path, row.line, column, zh, en))

    rule_id, _, variant = row["rule"].partition(".")
    main = found.get(rule_id) if variant else None
    if variant and main is None:
        fault("rule", "规则本身应在其变体之前", "a variant follows the row of its rule")
    if not variant and row["class"] not in CLASSES:
        fault("class", "未知类别", f"must be one of {', '.join(CLASSES)}")
    named = row["agencies"].split()
    if not variant and (not named or any(name != ANY and name not in form.agencies for name in named)):
        fault("agencies", "机构有误", f"must be {ANY} or of {', '.join(form.agencies)}")
    if row["severity"] not in ("error", "warning") and not (variant and not row["severity"]):
        fault("severity", "只能是 error 或 warning", "must be error or warning")
    if row["item"] and row["item"] not in form.items:
        fault("item", "没有此数据项", "there is no such item")
    for column in ("words_zh", "words_en"):
        if not row[column]:
            fault(column, "缺少文字", "words are missing")
    if placeholders(row["words_zh"]) != placeholders(row["words_en"]):
        fault("words_en", "中英文占位符不同", "placeholders of zh and en differ")
    severity: Severity = "warning" if (row["severity"] or (main.severity if main else "")) == "warning" else "error"
    agencies = main.agencies if main else frozenset(form.agencies if ANY in named else named)
    return RuleWords(
        rule_id,
        variant,
        main.rule_class if main else row["class"],
        agencies,
        next(iter(agencies)) if len(agencies) == 1 else None,
        severity,
        row["item"] or (main.item if main else ""),
        row["words_zh"],
        row["words_en"],
        row["clause"] or (main.clause if main else ""),
    )


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
