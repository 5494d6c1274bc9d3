"""Notices: what one part of the window tells another after a commit. Losing one costs time only: the database is the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

Queued: TypeAlias = tuple[str, str, str]
"""(agency, declaration id, message id) of a message that may be delivered now."""


class Notices(Protocol):
    """No call raises or waits."""

    def queued(self, messages: Iterable[Queued]) -> None:
        """These messages stand in the outbox."""

    def received(self, agency: str, key: str, inbox_id: str) -> None:
        """A document of an agency is kept and waits to be taken up; documents of one `key` are taken up in order."""

    async def close(self) -> None: ...


class LocalNotices:
    """Within one process: wakes whoever delivers. Documents are taken up where they arrive, so nobody waits for those."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake

    def queued(self, messages: Iterable[Queued]) -> None:
        for agency in {agency for agency, _, _ in messages}:
            self._wake(agency)

    def received(self, agency: str, key: str, inbox_id: str) -> None:  # noqa: ARG002  (the shape of Notices)
        return None

    async def close(self) -> None:
        return None
