"""Fuzzers: each reader of strangers' bytes for FUZZ_SECONDS (60), on damaged real documents and on documents made up.

    python -m tests.fuzz [reader …]

A reader may refuse, in the way it says; anything else it raises is a crash, and hypothesis prints the smallest document that does
it. FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.documents import documents
from tests.fuzz.readers import READERS, Reader

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
FIRST = int(os.environ.get("FUZZ_SEED", "0"))
ROUND = 300
"""Documents between two looks at the clock."""
SLOWEST = 5.0
"""Seconds one document may take before that is a crash too."""


def fuzz(name: str, reader: Reader, round_number: int) -> tuple[int, float]:
    """One round; how many documents, and the seconds of the slowest."""
    shown, slowest = 0, 0.0

    @seed(round_number)
    @settings(
        max_examples=ROUND, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(documents(reader.samples, reader.words, reader.made))
    def show(data: bytes) -> None:
        nonlocal shown, slowest
        started = time.perf_counter()
        reader.read(data)
        took = time.perf_counter() - started
        shown, slowest = shown + 1, max(slowest, took)
        assert took < SLOWEST, f"{name} took {took:.1f} s"

    run: Callable[[], None] = show
    run()
    return shown, slowest


def main(names: list[str]) -> int:
    unknown = set(names) - set(READERS)
    if unknown:
        print(f"no reader {', '.join(sorted(unknown))}; there are {', '.join(READERS)}", file=sys.stderr)
        return 2
    for name in names or READERS:
        ends, round_number, shown, slowest = time.monotonic() + SECONDS, FIRST, 0, 0.0
        while time.monotonic() < ends:
            try:
                some, slow = fuzz(name, READERS[name], round_number)
            except Exception:
                traceback.print_exc(limit=-6)
                print(f"{name} crashed; repeat: FUZZ_SEED={round_number} FUZZ_SECONDS=1 python -m tests.fuzz {name}")
                return 1
            shown, slowest, round_number = shown + some, max(slowest, slow), round_number + 1
        print(f"{name}: {shown} documents in {SECONDS:.0f} s, slowest {slowest * 1000:.0f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
