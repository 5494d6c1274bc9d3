"""Faults: what is wrong with a declaration, where, and in words the trader can act on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]

LIMIT = 100
"""No answer carries more faults than this; a file with more is not a typing error."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at one place: `pointer` is RFC 6901 into the JSON form ("" = the document), `line` counts in the file."""

    code: str
    item: str | None
    pointer: str
    line: int | None
    message_zh: str
    message_en: str
    agency: str | None = None
    severity: Severity = "error"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def has_errors(faults: list[Fault]) -> bool:
    """True when any fault blocks the filing; warnings alone do not."""
    return any(fault.severity == "error" for fault in faults)
