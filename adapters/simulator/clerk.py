"""The clerk of a simulated agency: takes a message in, decides by script what to answer, remembers both at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

    @property
    def AGENCY(self) -> str: ...  # noqa: N802  # a constant of a module, or of a table

    @property
    def MESSAGES(self) -> Mapping[str, str]:  # noqa: N802
        """Root element of each message -> its schema below the tables' root."""

    @property
    def REFUSAL(self) -> tuple[str, str]:  # noqa: N802
        """Answer and code that say a message could not be taken."""

    def read(self, root: etree._Element, key: str) -> Filing: ...

    def numbers(
        self, filing: Filing, year: int, of_reference: Callable[[str], int], fresh: Callable[[str], int]
    ) -> dict[str, str]: ...

    def answer(self, planned: Planned, filing: Filing, given: dict[str, str], at: datetime) -> tuple[str, bytes]: ...


class OtherBytesError(Exception):
    """A known file name or message id came with another content."""


class Clerk:
    """`files`: how the messages of one agency read; together they know every message that it takes."""

    def __init__(
        self, files: Sequence[AgencyFile], state: State, bundle_root: Path, knobs: Knobs, *, rehearsal: bool
    ) -> None:
        self._files = {root: file for file in files for root in file.MESSAGES}
        self._state = state
        self._reader = Reader({root: bundle_root / path for file in files for root, path in file.MESSAGES.items()})
        self._scripts = Scripts.load(files[0].AGENCY)
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
        root = self._reader.read(body)
        file = self._file(root)
        filing = file.read(root, key)
        with self._state.transaction():
            first = self._state.is_first(filing.reference)
            script = self._scripts.chosen(filing, first=first, rehearsal=self._rehearsal)
            plan = self._scripts.plan(script, filing, self._knobs)
            if plan.door and plan.door.status and self._state.count_try(key) <= plan.door.times:
                return plan.door.status
            given = file.numbers(
                filing,
                now.year,
                of_reference=lambda series: self._state.number_of(series, filing.reference),
                fresh=self._state.serial,
            )
            answers = [self._write(file, planned, filing, given, now) for planned in plan.answers]
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
        file = self._file(why.root)
        unread = Filing(key, "", next(iter(file.MESSAGES)), frozenset())
        filing = unread if why.root is None else file.read(why.root, key)
        answer, code = file.REFUSAL
        words = why.reason.replace("{", "{{").replace("}", "}}")
        written = self._write(file, Planned(1, answer, code, words, 0.0, 0.0), filing, {}, now)
        with self._state.transaction():
            self._keep(filing, body, [written], now, accepted=False)

    def _file(self, root: etree._Element | None) -> AgencyFile:
        """Who answers this message; the agency's first file answers what could not be read."""
        name = "" if root is None else etree.QName(root).localname
        return self._files.get(name, next(iter(self._files.values())))

    def _write(
        self, file: AgencyFile, planned: Planned, filing: Filing, given: dict[str, str], now: datetime
    ) -> NewAnswer:
        at = now.replace(microsecond=0) + timedelta(seconds=planned.dated)
        name, body = file.answer(planned, filing, given, at)
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
