"""A child process that shows files to every reader of the window while it can neither open a file nor a connection, nor take much
memory, and says what each reader did.

    python -m tests.support.attacked FILE…      one JSON line for each file and reader: file, reader, refused, ms, words
"""

from __future__ import annotations

import ctypes
import json
import platform
import resource
import struct
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters import xmldsig
from adapters.simulator.documents import Reader, UnacceptableError
from adapters.unzipping import Unpackable, unzip
from adapters.workbooks import read_workbook
from declarations.answers import AnswerTables
from declarations.checking import check
from declarations.errors import SignatureRefused, UnreadableResponse, UnreadableSheet
from declarations.rulebook import Rulebook
from declarations.sheets.csvtext import read_csv
from declarations.sheets.reading import Sheet, read_sheet

ROOT = Path(__file__).resolve().parents[2]
ROOM = 400_000_000
"""Bytes of address space that reading may take beside what is there."""
CALLS = {
    "x86_64": {"open": 2, "socket": 41, "connect": 42, "fork": 57, "execve": 59, "openat": 257, "openat2": 437},
    "aarch64": {"openat": 56, "socket": 198, "connect": 203, "execve": 221, "openat2": 437},
}
"""Numbers of the system calls that end the process."""
_KILL, _ALLOW = 0x80000000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def deny() -> bool:
    """From here on the kernel ends the process when it opens a file or makes a connection, whoever in it tries: libxml2 would not
    tell Python. False where the kernel or the machine cannot do it."""
    calls = CALLS.get(platform.machine())
    if calls is None:
        return False
    lines = [(0x20, 0, 0, 0)]  # load the call's number
    for number in calls.values():
        lines += [(0x15, 0, 1, number), (0x06, 0, 0, _KILL)]
    lines.append((0x06, 0, 0, _ALLOW))
    packed = b"".join(struct.pack("HBBI", *line) for line in lines)
    program = _Program(len(lines), packed)
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0


def said(event: str, arguments: tuple[Any, ...]) -> None:
    """Names what Python itself is about to open: the kernel would only end the process."""
    if event == "open" or event.startswith(("socket.", "subprocess.", "urllib.", "os.exec", "os.spawn")):
        print(f"tried {event} {arguments[:1]}", file=sys.stderr, flush=True)


def readers() -> dict[str, Callable[[bytes], str | None]]:
    """Every way into the window by name; each gives None where it took the bytes, else why not."""
    rulebook = Rulebook.load(ROOT)
    context = rulebook.context(datetime(2015, 10, 23, tzinfo=UTC))
    agencies = {name: AnswerTables.load(rulebook.bundle, name) for name in rulebook.agencies}
    simulated = Reader({"DecMessage": ROOT / "xsd/customs/2015/DecMessage.xsd"})

    def form(media_type: str) -> Callable[[bytes], str | None]:
        def read(data: bytes) -> str | None:
            found = check(rulebook, data, media_type, context)
            return None if found.valid else found.faults[0].code

        return read

    def answer(tables: AnswerTables) -> Callable[[bytes], str | None]:
        def read(data: bytes) -> str | None:
            try:
                tables.read(data, "a.xml")
            except UnreadableResponse as error:
                return error.faults[0].code
            return None

        return read

    def zipped(data: bytes) -> str | None:
        try:
            unzip(data, unpacked=20_000_000)
        except Unpackable as why:
            return str(why)
        return None

    def signed(data: bytes) -> str | None:
        try:
            xmldsig.content(data)
        except SignatureRefused as error:
            return error.code
        return None

    def agency(data: bytes) -> str | None:
        try:
            simulated.read(data)
        except UnacceptableError as why:
            return why.reason[:80]
        return None

    def sheet(cells: Callable[[bytes], Sheet]) -> Callable[[bytes], str | None]:
        goods = rulebook.forms["goods"]

        def read(data: bytes) -> str | None:
            try:
                found = read_sheet(rulebook, goods, "containers", cells(data), context)
            except UnreadableSheet as error:
                return error.details["reason"]
            return None if found.valid else found.faults[0].fault.code

        return read

    return {
        "form as XML": form("application/xml"),
        "form as JSON": form("application/json"),
        **{f"answer of {name}": answer(tables) for name, tables in agencies.items()},
        "ZIP": zipped,
        "workbook": sheet(read_workbook),
        "sheet as CSV": sheet(read_csv),
        "XML signature": signed,
        "simulated agency": agency,
    }


FIRST = (
    b"<a>", b"<a b='&x;'/>", b"<a/>", b"{}", b'{"a": [1', b"PK", b"\xff",
    b'<?xml version="1.0" encoding="GBK"?><a>\xd6\xd0</a>',
    *((ROOT / f"tests/data/attacks/{name}.zip").read_bytes() for name in ("traversal", "ratio")),
)  # fmt: skip


def main(paths: list[str]) -> None:
    files = {path: Path(path).read_bytes() for path in paths}
    ways = readers()
    # what is loaded at first use is loaded now
    for data in FIRST:
        for read in ways.values():
            read(data)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.addaudithook(said)
    print(json.dumps({"denied": deny()}))
    for path, data in files.items():
        for name, read in ways.items():
            started = time.perf_counter()
            words = read(data)
            milliseconds = (time.perf_counter() - started) * 1000
            line = {
                "file": path,
                "reader": name,
                "refused": words is not None,
                "ms": round(milliseconds, 2),
                "words": words,
            }
            print(json.dumps(line))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"grown": grown}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
