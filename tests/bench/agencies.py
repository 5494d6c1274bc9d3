"""The simulated agencies' clerks inside this process, without their doors: what they answer costs the window nothing here."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from adapters.agency import Incoming, Outgoing
from adapters.simulator import customs, inspection
from adapters.simulator.clerk import AgencyFile, Clerk
from adapters.simulator.knobs import Knobs
from adapters.simulator.state import State
from adapters.transports.folder import exchange_name
from gateway.receive import receive
from gateway.wiring import Window
from tests.bench.memory import ROOT

EVERY_ANSWER = 100_000
"""More than an agency has to say at a time."""


@dataclass(frozen=True)
class Said:
    """An answer, and the file it would come in (None: it is pushed)."""

    agency: str
    body: bytes
    name: str | None


class FarEnd:
    """A channel whose agency takes every message at once and hands its answers over when asked for them."""

    def __init__(self, agency: AgencyFile, directory: Path, rehearsal: bool) -> None:
        self._agency = agency.AGENCY
        self._state = State(directory, agency.AGENCY)
        self._clerk = Clerk(agency, self._state, ROOT, Knobs(delay_scale=0), rehearsal=rehearsal)
        self._files = agency is customs
        self.taken: list[Outgoing] = []

    async def send(self, outgoing: Outgoing) -> None:
        self.taken.append(outgoing)

    async def collect(self) -> list[Incoming]:
        return []

    async def finish(self, incoming: Incoming, accepted: bool) -> None:
        return None

    async def ask(self, outgoing: Outgoing) -> bool | None:
        return None

    async def test(self) -> str:
        return "in memory"

    async def close(self) -> None:
        self._state.close()

    def answers(self) -> dict[str, list[Said]]:
        """Everything it has to say now: declaration id -> its answers in order."""
        of_key = {}
        for outgoing in self.taken:
            key = exchange_name(outgoing) if self._files else outgoing.message_id
            of_key[key] = outgoing.declaration_id
            self._clerk.take(key, outgoing.body)
        self.taken.clear()
        found: dict[str, list[Said]] = defaultdict(list)
        for answer in self._state.due(time.time() + 60, EVERY_ANSWER):
            said = Said(self._agency, answer.body, answer.name if self._files else None)
            found[of_key[answer.message_key]].append(said)
            self._state.mark_sent(answer.id)
        return found


def attach(window: Window, directory: Path, *, rehearsal: bool = False) -> dict[str, FarEnd]:
    """Puts such an agency behind every channel of a window."""
    far = {module.AGENCY: FarEnd(module, directory, rehearsal) for module in (customs, inspection)}
    window.channels.update(far)
    return far


async def deliver(window: Window) -> int:
    """Delivers all that is due; how many messages."""
    count = 0
    for deliverer in window.deliverers.values():
        while done := await deliverer.run_once():
            count += done
    return count


async def hear(window: Window, said: list[Said]) -> None:
    """Gives answers to the window, in order; stops the benchmark when one is not understood."""
    for each in said:
        received = await receive(window, each.agency, each.body, each.name)
        if received.state != "done":
            raise SystemExit(f"the benchmark's answer is {received.state}: {received.reason}")
