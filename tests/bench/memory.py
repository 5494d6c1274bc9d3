"""Memory of a process over many declarations: `python -m tests.bench.memory 100000`.

Seven in ten declarations have 1 to 5 lines, a quarter 20, one in twenty 50. Most clients always leave out the same optional
items; one declaration in five leaves out a choice of its own, so shapes never stop coming and every cache that clients can
fill is filled. One in eight needs escaping, one in ten has a fault.
"""

from __future__ import annotations

import random
import re
import resource
import sys
from pathlib import Path
from time import perf_counter

from declarations.checking import check
from declarations.rulebook import Rulebook
from declarations.split import split
from tests.bench.chain import MEDIA_TYPE, filing_values
from tests.bench.documents import MOMENT, make

ROOT = Path(__file__).resolve().parents[2]
MARKS = (1, 10, 25, 50, 75, 100)
"""Per cent of the run at which memory is read."""
WARM = 25
"""The mark after which memory must stay flat: by then the capped caches of shapes and values are full."""
ALLOWED_DRIFT = 5.0
SPOILED = 10
"""Every so many declarations one has a fault: words are made, nothing is split."""
_NAMES = (
    b"remarks", b"related_inspection_id", b"correlation_reason_code", b"special_inspection_requirement",
    b"claim_expiry_date", b"unloading_completion_date", b"delivery_order_id", b"letter_of_credit_id", b"urgent_indicator",
    b"client_reference_id", b"brand_name", b"goods_description_en", b"goods_use_code", b"lcl_indicator", b"container_tare_mass",
)  # fmt: skip
_OPTIONAL = re.compile(rb" *<(" + b"|".join(_NAMES) + rb")>[^\n]*\n")


def resident_mb() -> float:
    """What the process holds in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


CLIENTS = 20
FRESH = 0.2
"""Part of the declarations that leave out a choice of their own."""


class Stream:
    """Declarations without end."""

    def __init__(self, rulebook: Rulebook, seed: int) -> None:
        self.chance = random.Random(seed)
        self.bases = {
            lines: [make(rulebook, lines, seed + turn, sign=" & CO" * (turn == 1)).xml for turn in range(8)]
            for lines in (1, 2, 3, 5, 20, 50)
        }
        self.clients = [self.choice() for _ in range(CLIENTS)]

    def choice(self) -> set[bytes]:
        """Items that are left out."""
        return {name for name in _NAMES if self.chance.random() < 0.3}

    def next(self) -> bytes:
        lines = self.chance.choices((1, 2, 3, 5, 20, 50), weights=(20, 20, 15, 15, 25, 5))[0]
        base = self.chance.choice(self.bases[lines])
        fresh = self.chance.random() < FRESH
        left_out = self.choice() if fresh else self.chance.choice(self.clients)
        return _OPTIONAL.sub(lambda found: b"" if found[1] in left_out else found[0], base)


def run(count: int, seed: int = 7) -> bool:
    """Prints the memory at each mark; True when it stayed flat after warm-up."""
    rulebook = Rulebook.load(ROOT)
    context = rulebook.context(MOMENT)
    stream = Stream(rulebook, seed)
    marks = {max(1, count * mark // 100): mark for mark in MARKS}
    found: dict[int, float] = {}
    refused = 0
    start = perf_counter()
    for number in range(1, count + 1):
        xml = stream.next()
        if number % SPOILED == 0:
            xml = xml.replace(b"<duty_mode_code>1<", b"<duty_mode_code>9<")
        checked = check(rulebook, xml, MEDIA_TYPE, context)
        if checked.declaration is not None and checked.valid:
            split(rulebook, checked.declaration, filing_values, context.accepted_on)
        else:
            refused += 1
        if number in marks:
            found[marks[number]] = resident_mb()
            print(f"  {marks[number]:3d} %  {number:7d} declarations  {found[marks[number]]:7.1f} MB", flush=True)
    seconds = perf_counter() - start
    drift = (found[100] / found[WARM] - 1) * 100
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    flat = abs(drift) <= ALLOWED_DRIFT
    print(f"  peak {peak:.1f} MB; {refused} refused for their fault; {seconds:.0f} s with making the documents")
    verdict = "reached" if flat else "MISSED"
    print(f"  drift after warm-up {drift:+.1f} %  (target: within {ALLOWED_DRIFT:.0f} %)  {verdict}")
    return flat


if __name__ == "__main__":
    sys.exit(not run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
