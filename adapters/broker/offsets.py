"""Which offset of a partition may be committed: the one before which everything is finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Partition = TypeVar("Partition", bound=Hashable)


@dataclass
class _Read:
    order: deque[int] = field(default_factory=deque)
    unfinished: set[int] = field(default_factory=set)


class Offsets(Generic[Partition]):
    """What was read of each partition and what of it is finished, in any order. Lives as long as one assignment."""

    def __init__(self) -> None:
        self._read: dict[Partition, _Read] = {}
        self._ready: dict[Partition, int] = {}

    def read(self, partition: Partition, offset: int) -> None:
        """A record was read. One read again before it was finished counts once and keeps its place."""
        read = self._read.setdefault(partition, _Read())
        if offset not in read.unfinished:
            read.unfinished.add(offset)
            read.order.append(offset)

    def finish(self, partition: Partition, offset: int) -> None:
        """A record is done with. Safe to repeat; one that was never read here changes nothing."""
        read = self._read.get(partition)
        if read is None or offset not in read.unfinished:
            return
        read.unfinished.remove(offset)
        while read.order and read.order[0] not in read.unfinished:
            self._ready[partition] = read.order.popleft() + 1

    def ready(self) -> dict[Partition, int]:
        """What to commit: the offset of the next record to read, for each partition that went on."""
        return dict(self._ready)

    def committed(self, what: dict[Partition, int]) -> None:
        """These were committed."""
        for partition, offset in what.items():
            if self._ready.get(partition) == offset:
                del self._ready[partition]
