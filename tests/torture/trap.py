"""The trap: a few bytes shared by the harness and the processes of one lane. Armed with a kill point and a number, it kills the
process that passes that point the so-many-th time."""

from __future__ import annotations

import mmap
import os
import signal
from pathlib import Path

SIZE = 64
NAME_AT, NAME_BYTES = 8, 48


def die(sign: signal.Signals = signal.SIGKILL) -> None:
    """As the kernel kills a process: nothing is flushed, closed or said. With SIGSTOP it stands still until SIGCONT."""
    os.kill(os.getpid(), sign)


class Trap:
    """Byte 0: passes left, 0 when not armed. Byte 1: it was sprung. Byte 2: the signal. From 8: the point's name."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), SIZE)

    def arm(self, point: str, passes: int = 1, sign: signal.Signals = signal.SIGKILL) -> None:
        self._bytes[0] = self._bytes[1] = 0
        self._bytes[2] = sign
        self._bytes[NAME_AT : NAME_AT + NAME_BYTES] = point.encode().ljust(NAME_BYTES, b"\0")
        self._bytes[0] = passes

    def disarm(self) -> None:
        self._bytes[0] = 0

    @property
    def sprung(self) -> bool:
        """Whether the armed point was passed as often as asked."""
        return self._bytes[1] == 1

    @property
    def left(self) -> int:
        """How often the armed point must still be passed."""
        return self._bytes[0]

    def due(self, point: str) -> bool:
        """Called at a point: whether this is the pass to die at."""
        left = self.left
        if not left or self._bytes[NAME_AT : NAME_AT + NAME_BYTES].rstrip(b"\0") != point.encode():
            return False
        self._bytes[0] = left - 1
        if left > 1:
            return False
        self._bytes[1] = 1
        return True

    def passed(self, point: str) -> None:
        """Called at a point: dies there when it is due."""
        if self.due(point):
            die(signal.Signals(self._bytes[2]))
