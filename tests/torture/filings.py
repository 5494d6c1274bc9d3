"""What is filed, and the model: how each filing must end. Written down from docs/simulators.md and the tables, not computed by
the product."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CUSTOMS, INSPECTION = "customs", "inspection"
KINDS = {CUSTOMS: "DecMessage", INSPECTION: "ITF_DCL_IO_DECL"}
"""The message each agency gets."""


@dataclass(frozen=True)
class Sample:
    file: str
    agencies: tuple[str, ...]
    waits: bool = False
    """Customs gets its message when inspection has given the clearance form's number."""


ELECTRONICS = Sample("sea-import-electronics-customs-only", (CUSTOMS,))
HOUSEHOLD = Sample("sea-export-household-20-lines-customs-only", (CUSTOMS,))
OIL = Sample("sea-import-olive-oil-inspection-only", (INSPECTION,))
TABLEWARE = Sample("sea-export-tableware-both-parallel", (CUSTOMS, INSPECTION))
COSMETICS = Sample("air-import-cosmetics-both", (CUSTOMS, INSPECTION), waits=True)
MIX = (ELECTRONICS, ELECTRONICS, OIL, TABLEWARE, COSMETICS, HOUSEHOLD)

SMOOTH = "A00"
"""The last three characters of a reference choose the agencies' script (rehearsal); these choose none."""
GOOD = ("X05", "X10", "X11", "X12", "X13", "X14", "X16", "X18", "X19", "X21")
"""Scripts that both agencies end with `closed`; what happens on the way differs."""
ONE_ANSWER, WHOLLY_SILENT = "X07", "X08"
SILENT = (ONE_ANSWER, WHOLLY_SILENT, WHOLLY_SILENT)
"""One answer and then nothing; nothing at all: what the window alone did is all there is to see."""
LEG_ENDS: dict[str, dict[str, str]] = {
    CUSTOMS: {"X01": "rejected", "X03": "rejected", "X07": "stored", "X08": "sent", "X15": "cancelled"},
    INSPECTION: {"X02": "rejected", "X03": "rejected", "X07": "stored", "X08": "sent"},
}
"""Where a leg ends otherwise than `closed`."""
RETURNED = {"X01": (CUSTOMS,), "X02": (INSPECTION,), "X03": (CUSTOMS, INSPECTION)}
"""Scripts that return the form: a corrected version then goes through."""


@dataclass
class Filing:
    """One declaration to be filed under a reference of its own."""

    sample: Sample
    reference: str

    @property
    def script(self) -> str:
        return self.reference[-3:]

    @property
    def body(self) -> bytes:
        return _bytes({**_form(self.sample.file), "trader_assigned_reference_id": self.reference})

    def ends(self, versions: int = 1) -> tuple[str, dict[str, str]]:
        """(combined status, agency -> state of its leg) when all answers are in. Scripts are for the first message under a
        reference only, so a filing that was returned and filed again ends well."""
        legs = dict.fromkeys(self.sample.agencies, "waiting")
        first = set(legs)
        for _ in range(max(1, versions)):
            # inspection first: what waits for it goes on in the same version
            for agency in sorted(legs, reverse=True):
                unheard = agency == CUSTOMS and self.sample.waits and legs[INSPECTION] != "closed"
                if unheard or legs[agency] not in ("waiting", "rejected"):
                    continue
                legs[agency] = LEG_ENDS[agency].get(self.script, "closed") if agency in first else "closed"
                first.discard(agency)
        return combined(legs), legs


def combined(legs: dict[str, str]) -> str:
    """The model's own combination of two legs, for the ends that occur here."""
    states = set(legs.values())
    if states <= {"cancelled", "withdrawn"}:
        return "cancelled"
    if "rejected" in states:
        return "rejected"
    if states & {"cancelled", "withdrawn"}:
        return "action_needed"
    if states == {"closed"}:
        return "closed"
    if "closed" in states:
        return "partly_released"
    return "filed" if states <= {"sent", "queued", "waiting", "outcome_unknown"} else "in_progress"


def draw(dice: random.Random, prefix: str, number: int, script: str | None = None, agency: str = "") -> Filing:
    """A filing of the mix; half go smoothly, unless a script is given. `agency`: one that it must go to at once."""
    at_once = [
        each for each in MIX if not agency or (agency in each.agencies and not (each.waits and agency == CUSTOMS))
    ]
    sample = dice.choice(at_once)
    if script is None:
        script = SMOOTH if dice.random() < 0.5 else dice.choice((*GOOD, *SILENT, *sorted(RETURNED)))
    return Filing(sample, reference_of(prefix, number, script))


def reference_of(prefix: str, number: int, script: str = SMOOTH) -> str:
    return f"{prefix}{number:07d}{script}"


@cache
def _form(name: str) -> dict[str, Any]:
    form: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_bytes())
    return form


def _bytes(form: dict[str, Any]) -> bytes:
    return json.dumps(form, ensure_ascii=False).encode()
