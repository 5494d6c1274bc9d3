"""`make bench`, part paper: one port clearance certificate, typeset, with QR code and signature (N9), and the longest FAL form.

Times are the processor's, because they do not depend on who else works on the machine; the wall's stand beside them.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from adapters.keys import WINDOW
from declarations.papers import load_papers
from gateway.paper import certificate, falforms
from gateway.paper.verification import verified
from tests.support.papers import ADDRESS, ISSUED, RECORD, keys_in
from tests.support.shipforms import ARRIVAL, filled
from tests.support.windows import rulebook

GOAL_MS = 25.0
PASSENGERS = 3_000


def run(rounds: int) -> bool:
    """Prints the figures; whether N9 is reached by the median."""
    with tempfile.TemporaryDirectory() as folder:
        keys = keys_in(Path(folder))
        public = {key.id: key for key in keys.of(WINDOW)}

        def one(number: int) -> bytes:
            return certificate.make({**RECORD, "number": f"SHA2015{number:06}"}, keys, ADDRESS)

        pdf = one(0)
        made, wall = _median(one, rounds)
        checked, _ = _median(lambda _: verified(pdf, public), max(3, rounds // 5))
    print(
        f"certificate: {made:.1f} ms of one core (wall {wall:.1f}), {len(pdf) / 1000:.0f} kB; verifying {checked:.0f} ms"
    )
    print(f"N9: {made:.1f} of {GOAL_MS:.0f} ms")
    _long_list()
    return made <= GOAL_MS


def _median(act: Callable[[int], object], rounds: int) -> tuple[float, float]:
    """Milliseconds of processor and wall."""
    processor, wall = [], []
    for number in range(1, rounds + 1):
        began, at = time.perf_counter(), time.process_time()
        act(number)
        processor.append(time.process_time() - at)
        wall.append(time.perf_counter() - began)
    return sorted(processor)[rounds // 2] * 1000, sorted(wall)[rounds // 2] * 1000


def _long_list() -> None:
    """The passenger list of a cruise ship, set by a program of its own."""
    form = rulebook().forms.get("vessel")
    if form is None:
        return
    person = {
        "passenger_family_name": "LINDQVIST", "passenger_given_name": "ANNA MARIA", "passenger_nationality_code": "SWE",
        "passenger_date_of_birth": "19610412", "passenger_document_type_code": "PP", "passenger_embark_port_code": "SGSIN",
        "passenger_disembark_port_code": "CNSHA", "passenger_transit_indicator": "0", "passenger_gender_code": "F",
    }  # fmt: skip
    people = [{**person, "passenger_sequence_number": str(number)} for number in range(1, PASSENGERS + 1)]
    paper = load_papers(rulebook().bundle, rulebook().forms)["fal6"]
    began = time.perf_counter()
    pdf = falforms.printed(paper, filled(form, {**ARRIVAL, "passengers": people}), form, rulebook().codes, ISSUED)
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"FAL 6, {PASSENGERS} passengers: {time.perf_counter() - began:.1f} s (wall), {len(pdf) / 1000:.0f} kB, "
        f"{child.ru_maxrss / 1024:.0f} MiB in the program that sets it"
    )


if __name__ == "__main__":
    run(100)
