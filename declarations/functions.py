"""Named functions of the tables (`fn:name`): what a row would need a language for. Pure: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Callable

_NOTE = re.compile(r"\s*((?:[A-Za-z_]\w*(?:\[\d+\])?/)*[A-Za-z_]\w*(?:\[\d+\])?)\s*[:：]\s*(.+)", re.DOTALL)


def pointer_of_note(text: str) -> str | None:
    """'DecLists/DecList[2]/GQty: wrong quantity' -> 'DecLists/DecList[2]/GQty'; plain text points nowhere."""
    found = _NOTE.fullmatch(text)
    return found[1] if found and "/" in found[1] else None


def text_of_note(text: str) -> str:
    """The words of a note without its element path."""
    found = _NOTE.fullmatch(text)
    return found[2].strip() if found and "/" in found[1] else text


FUNCTIONS: dict[str, Callable[[str], str | None]] = {
    "pointer_of_note": pointer_of_note,
    "text_of_note": text_of_note,
}
