"""Named functions of the tables (`fn:name`): what a row would need a language for. Pure: text in, text out.

A ValueError means that the value is bad: the table's row is refused, or the answer is unreadable."""

from __future__ import annotations

import re
from collections.abc import Callable

_STEP = r"[A-Za-z_][A-Za-z0-9_]*(?:\[[0-9]+\])?"
_NOTE = re.compile(rf"\s*((?:{_STEP}/)+{_STEP})\s*[:：]\s*(.+)", re.DOTALL)


def pointer_of_note(text: str) -> str | None:
    """'DecLists/DecList[2]/GQty: wrong quantity' -> 'DecLists/DecList[2]/GQty'; plain text points nowhere."""
    found = _NOTE.fullmatch(text)
    return found[1] if found else None


def text_of_note(text: str) -> str:
    """The words of a note without its element path."""
    found = _NOTE.fullmatch(text)
    return found[2].strip() if found else text


def clearance_form_number(text: str) -> str:
    """The number of a clearance form (通关单), 18 digits; anything else is a ValueError: customs would refuse the filing."""
    if not re.fullmatch("[0-9]{18}", text):
        raise ValueError(f"{text} is no clearance form number: 18 digits")
    return text


FUNCTIONS: dict[str, Callable[[str], str | None]] = {
    "clearance_form_number": clearance_form_number,
    "pointer_of_note": pointer_of_note,
    "text_of_note": text_of_note,
}
