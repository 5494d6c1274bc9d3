"""Rules of containers: ISO 6346 numbers, and which goods are in which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from declarations.codelists import Code
from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, RuleContext, optional, rows, rule

_FORM = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}")
_NUMBERS = re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*")
_LETTER_VALUES = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True))
"""A is 10; multiples of 11 are left out (ISO 6346)."""


def container_check_digit(first_ten: str) -> str:
    """The 11th sign of a container number: the weighted sum modulo 11, where 10 counts as 0 (ISO 6346)."""
    total = sum((_LETTER_VALUES.get(sign) or int(sign)) << position for position, sign in enumerate(first_ten))
    return str(total % 11 % 10)


@rule("R-CNT-01", "container_id")
def container_number_checks(number: str) -> bool | Finding:
    """Owner code, U J or Z, serial and check digit (ISO 6346)."""
    if not _FORM.fullmatch(number):
        return Finding(words="form")
    expected = container_check_digit(number[:10])
    return number[10] == expected or Finding(value=number, check=expected)


@rule("R-CNT-02", rows("containers", "container_id"))
def container_numbers_are_unique(containers: Sequence[Row]) -> list[Finding] | None:
    """No container stands twice."""
    seen: dict[str, int] = {}
    found = []
    for position, row in enumerate(containers, 1):
        number = row.get("container_id")
        if number is not None and seen.setdefault(number, position) != position:
            found.append(Finding("container_id", row, number, first=str(seen[number])))
    return found or None


@rule("R-CNT-02", "container_type_code", ROW, CONTEXT)
def container_size_is_in_the_list(size: str, row: Row, context: RuleContext) -> Finding | None:
    """The size and type code stands in the list."""
    return context.coded.fault("container_type_code", size, row)


@rule(
    "R-CNT-03",
    rows("containers", "container_goods_item_numbers"),
    rows("goods_items", "goods_item_sequence_number"),
    CONTEXT,
)
def containers_hold_the_lines(
    containers: Sequence[Row], lines: Sequence[Row], context: RuleContext
) -> list[Finding] | None:
    """Item numbers of a container exist, and every line is in some container; inspection needs them of every container."""
    item = "container_goods_item_numbers"
    found = []
    pseudo = context.codes["CL_PSEUDO_COMMODITY"]
    numbers = {row.get("goods_item_sequence_number", "").lstrip("0") for row in lines}
    held: set[str] = set()
    for row in containers:
        text = row.get(item)
        if text is None:
            if "inspection" in context.agencies:
                found.append(Finding(item, row, words="required", number=row.get("container_id", "")))
            continue
        if not _NUMBERS.fullmatch(text):
            found.append(Finding(item, row, text, words="form"))
            return found  # what the container holds cannot be told, so neither what is missing
        named = [number.lstrip("0") for number in text.split(",")]
        held.update(named)
        if lines:  # without any line that is what is wrong (R-LIN-02), or these are rows of a spreadsheet by themselves
            found += [
                Finding(item, row, text, words="unknown", number=number or "0")
                for number in named
                if number not in numbers
            ]
    if held:
        for row in lines:
            number = row.get("goods_item_sequence_number")
            packed = number is None or number.lstrip("0") in held
            if not packed and row.get("commodity_classification_id") not in pseudo:
                found.append(Finding("goods_item_sequence_number", row, number, number=number))
    return found or None


@rule("R-CNT-04", "transport_mode_code", rows("containers"), optional("package_type_code"), CONTEXT)
def containers_fit_the_transport_mode(
    mode: str, containers: Sequence[Row], package: str | None, context: RuleContext
) -> Finding | None:
    """By table: goods by sea and rail mostly come in containers unless bulk or nude; goods by air do not."""
    use = context.tables.containers.get(mode)
    if use is None:
        return None
    name = context.code_name("CL_TRANSPORT_MODE", mode)
    if use == "expected" and not containers and not _bulk(context.codes["CL_PACKAGE_TYPE"].get(package or "")):
        return Finding("container_id", group="containers", mode=name)
    if use == "unexpected" and containers:
        return Finding("container_id", containers[0], containers[0].get("container_id"), words="unexpected", mode=name)
    return None


def _bulk(package: Code | None) -> bool:
    return package is not None and package.attributes["bulk"] == "yes"


@rule("R-CNT-05", "container_tare_mass")
def tare_is_positive(tare: Decimal) -> bool:
    """An empty container weighs something."""
    return tare > 0
