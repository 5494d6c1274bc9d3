"""The samples of `onewindow demo --vessel` are plausible whenever the demonstration is run."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from declarations.checking import check
from gateway.cli.ship_trial import SHANGHAI, as_of_now
from tests.support.windows import JSON, SAMPLES, rulebook

TOLD = json.loads((SAMPLES / "ships" / "expected.json").read_text())
WRITTEN = datetime.fromisoformat(TOLD["written_at"])


@pytest.mark.parametrize("name", TOLD["filings"])
@pytest.mark.parametrize("day", ["2015-10-23", "2026-11-21", "2028-02-29", "2030-01-01"])
def test_they_are_valid_without_a_word_at_every_hour(name: str, day: str) -> None:
    form = json.loads((SAMPLES / "ships" / name).read_text())
    for hour in range(24):
        now = datetime.fromisoformat(f"{day}T{hour:02}:00").replace(tzinfo=SHANGHAI) + timedelta(minutes=hour)
        moved = as_of_now(form, rulebook().forms["vessel"], WRITTEN, now)
        found = check(rulebook(), json.dumps(moved).encode(), JSON, rulebook().context(now, "default"))
        assert [(fault.code, fault.pointer, fault.message_en) for fault in found.faults] == [], now


def test_at_the_moment_they_were_written_nothing_moves() -> None:
    for name in TOLD["filings"]:
        form = json.loads((SAMPLES / "ships" / name).read_text())
        assert as_of_now(form, rulebook().forms["vessel"], WRITTEN, WRITTEN) == form
