"""Ids that sort by the time they were made: a letter, then a ULID (26 characters of base 32, 48 bits of time, 80 of chance)."""

from __future__ import annotations

import os
from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DECLARATION, MESSAGE, INBOX, ANSWER, LEASE, APPROVAL = "D", "M", "I", "A", "L", "P"
MANDATE = "T"
DATA_KEY = "Y"
CREDENTIAL = "C"
MACHINE = "K"
PERSON = "U"
ORGANISATION, INVITATION, REGISTRATION, PREPARED = "O", "N", "R", "F"
CALL, CERTIFICATE, HANDOVER, CALL_CHANGE, MOVEMENT, CALL_VOID = "V", "E", "H", "X", "W", "Z"
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
"""Two characters at a time: a declaration and its answers make a hundred ids."""


def _base32(number: int, characters: int) -> str:
    """`number` in base 32; `characters` is even."""
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(5 * (characters - 2), -1, -10)])


def new_id(kind: str, at: datetime) -> str:
    """A new id of `kind` (one of this module's letters), made at `at`."""
    return kind + _base32(int(at.timestamp() * 1000), 10) + _base32(int.from_bytes(os.urandom(10)), 16)


def lower_bound(kind: str, at: datetime) -> str:
    """Not greater than any id of `kind` made at `at` or later; greater than any made in an earlier millisecond."""
    return kind + _base32(max(0, int(at.timestamp() * 1000)), 10)


def looks_like(kind: str, text: str) -> bool:
    """Whether a text has the form of an id of `kind`."""
    return len(text) == 27 and text[0] == kind and set(text[1:]) <= set(ALPHABET)
