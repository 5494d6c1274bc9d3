"""The mix of N5: seven in ten declarations of 1 to 5 lines, a quarter of 20, one in twenty of 50; each under a new reference."""

from __future__ import annotations

import random
import re

from declarations.rulebook import Rulebook
from tests.bench.documents import make

LINES, WEIGHTS = (1, 2, 3, 5, 20, 50), (20, 20, 15, 15, 25, 5)
VARIANTS = 4
_REFERENCE = re.compile(rb"SWSH2015B\d{8}")


def referenced(body: bytes, prefix: str, number: int) -> bytes:
    """The same declaration under a reference of its own."""
    return _REFERENCE.sub(f"SWSH2015{prefix}{number:08d}".encode(), body)


class Mix:
    """Declarations that agencies take as they are and answer without examining anything."""

    def __init__(self, rulebook: Rulebook, seed: int = 7, prefix: str = "B") -> None:
        self._chance = random.Random(seed)
        self._bases = {
            lines: [make(rulebook, lines, seed + turn, watched=False).xml for turn in range(VARIANTS)]
            for lines in LINES
        }
        self._prefix = prefix
        self._count = 0

    def next(self) -> bytes:
        lines = self._chance.choices(LINES, weights=WEIGHTS)[0]
        self._count += 1
        return referenced(self._chance.choice(self._bases[lines]), self._prefix, self._count)

    def take(self, count: int) -> list[bytes]:
        return [self.next() for _ in range(count)]
