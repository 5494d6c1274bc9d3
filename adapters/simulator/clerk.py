"""The clerk of a simulated agency: takes a message in, decides by script what to answer, remembers both at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from lxml import etree

from adapters.simulator.documents import Reader, UnacceptableError
from adapters.simulator.engine import Copy, Filing, Planned, Scripts
from adapters.simulator.knobs import Knobs
from adapters.simulator.state import NewAnswer, State

TAKEN, CUT = 202, 0
"""What the door is told besides refusals: acknowledge, or cut the connection without a word."""


class AgencyFile(Protocol):
    """What the file of one simulated agency holds: how its messages read and its answers look, nothing else."""

    AGENCY: str
    MESSAGE: str
    SCHEMA: str
    REFUSAL: tuple[str, str]
    """Answer and code that say a message could not be taken."""

    def read(self, root: etree._Element, key: str) -> Filing: ...

    def numbers(
        self, filing: Filing, year: int, of_reference: Callable[[str], int], fresh: Callable[[str], int]
    ) -> dict[str, str]: ...

    def answer(self, planned: Planned, filing: Filing, given: dict[str, str], at: datetime) -> tuple[str, bytes]: ...


class OtherBytesError(Exception):
    """A known file name or message id came with another content."""


class Clerk:
    def __init__(self, agency: AgencyFile, state: State, bundle_root: Path, knobs: Knobs, *, rehearsal: bool) -> None:
        self._agency = agency
        self._state = state
        self._reader = Reader(bundle_root / agency.SCHEMA)
        self._scripts = Scripts.load(agency.AGENCY)
        self._knobs = knobs
        self._rehearsal = rehearsal

    def take(self, key: str, body: bytes) -> int:
        """Takes a message once; a repeated one is answered from memory. Returns TAKEN, CUT or a refusal's HTTP status.

        Raises UnacceptableError (not a message of ours, or invalid; nothing is kept) and OtherBytesError.
        """
        now = datetime.now(UTC)
        known = self._state.body_of(key)
        if known is not None:
            if known != body:
                raise OtherBytesError(key)
            self._state.again(key, now.timestamp())
            return TAKEN
        filing = self._agency.read(self._reader.read(body), key)
        with self._state.transaction():
            first = self._state.is_first(filing.reference)
            script = self._scripts.chosen(filing.reference, first=first, rehearsal=self._rehearsal)
            plan = self._scripts.plan(script, filing, self._knobs)
            if plan.door and plan.door.status and self._state.count_try(key) <= plan.door.times:
                return plan.door.status
            given = self._agency.numbers(
                filing,
                now.year,
                of_reference=lambda series: self._state.number_of(series, filing.reference),
                fresh=self._state.serial,
            )
            answers = [self._write(planned, filing, given, now) for planned in plan.answers]
            self._keep(filing, body, answers, now, accepted=True)
        return CUT if plan.door and plan.door.cut else TAKEN

    def has(self, key: str) -> bool:
        """Whether a message under this key was taken."""
        return self._state.body_of(key) is not None

    def refuse(self, key: str, body: bytes, why: UnacceptableError) -> None:
        """Keeps a refused message and answers that it failed: for a door that cannot reply at once."""
        known = self._state.body_of(key)
        now = datetime.now(UTC)
        if known is not None:
            self._state.again(key, now.timestamp())
            return
        unread = Filing(key, "", self._agency.MESSAGE, frozenset())
        filing = unread if why.root is None else self._agency.read(why.root, key)
        answer, code = self._agency.REFUSAL
        words = why.reason.replace("{", "{{").replace("}", "}}")
        written = self._write(Planned(1, answer, code, words, 0.0, 0.0), filing, {}, now)
        with self._state.transaction():
            self._keep(filing, body, [written], now, accepted=False)

    def _write(self, planned: Planned, filing: Filing, given: dict[str, str], now: datetime) -> NewAnswer:
        at = now.replace(microsecond=0) + timedelta(seconds=planned.dated)
        name, body = self._agency.answer(planned, filing, given, at)
        if not planned.sound:
            body = body[: len(body) * 2 // 3]
        return NewAnswer(
            name=name,
            body=body,
            sound=planned.sound,
            repeats=planned.answer == "receipt" and planned.copy is Copy.ORIGINAL,
            due_at=now.timestamp() + planned.due,
        )

    def _keep(self, filing: Filing, body: bytes, answers: list[NewAnswer], now: datetime, *, accepted: bool) -> None:
        self._state.record(
            filing.key, filing.reference, filing.kind, body, answers, accepted=accepted, received_at=now.timestamp()
        )
