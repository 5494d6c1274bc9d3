"""Folder exchange (facts, section 6): zips go into OutBox, answers come into InBox, refused files lie in FailBox.

A file is complete when it bears its final name: it is written as `<name>.<chance>.temp`, flushed to the disk, then linked.
What was taken up is moved to `Archive/YYYYMMDD` (UTC). Nothing ever replaces a file.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from adapters.agency import Incoming, Outgoing
from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown

TEMPORARY = ".temp"
OUT, IN, FAIL, ARCHIVE = "OutBox", "InBox", "FailBox", "Archive"
LONGEST_NAME = 255 - len(".01234567" + TEMPORARY)
"""Bytes a disk takes in a file's name, less what the temporary name adds."""
BATCH = 200
"""Answers collected at a time: bounds memory when an agency empties a backlog into InBox."""


def exchange_name(outgoing: Outgoing) -> str:
    """The message's file name without `.zip`: trader's reference, time of acceptance, end of the id (all chance). The same on
    every attempt.

    The agency keeps this name in its answers' names, so it leads back to the message.
    """
    at = outgoing.accepted_at.astimezone(UTC)
    # a reference may hold what a file name may not; a leading dot would hide the file
    reference = quote(outgoing.reference, safe="").replace(".", "%2E")
    return f"{reference}_{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}_{outgoing.message_id[-8:]}"


def pack(name: str, body: bytes, at: datetime) -> bytes:
    """A zip holding `<name>.xml`; the same input gives the same bytes, so a repeated file is recognisably the same."""
    moment = at.astimezone(UTC)
    entry = zipfile.ZipInfo(f"{name}.xml", (max(moment.year, 1980), *moment.timetuple()[1:6]))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    entry.create_system = 3
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, body, compresslevel=6)
    return buffer.getvalue()


def place(directory: Path, name: str, body: bytes) -> None:
    """Writes a file so that a reader sees it whole or not at all, and a power cut does not take it back.

    The same bytes under that name are the file itself; raises FileExistsError when it holds others, and leaves them alone.
    """
    # a name of its own: an attempt that was given up may still be writing, and what it wrote may be linked already
    temporary = directory / f"{name}.{secrets.token_hex(4)}{TEMPORARY}"
    try:
        with open(temporary, "xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, directory / name)
    except FileExistsError:
        if (directory / name).read_bytes() != body:
            raise
    finally:
        temporary.unlink(missing_ok=True)
    _sync(directory)


def move(source: Path, directory: Path) -> Path | None:
    """Moves a file into `directory` without replacing one there (`name.1.xml`, `name.2.xml` …); None when it is gone.

    Not flushed to the disk: what is moved was committed elsewhere, and a power cut at worst brings it back, known.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for target in _free_names(directory, source.name):
        try:
            os.link(source, target)
        except FileExistsError:
            # left by a crash between link and unlink: the move is done but for its second half
            if not _same_file(source, target):
                continue
        except FileNotFoundError:
            return None
        source.unlink(missing_ok=True)
        return target
    return None


def _free_names(directory: Path, name: str) -> Iterator[Path]:
    stem, dot, suffix = name.rpartition(".")
    yield directory / name
    number = 0
    while True:
        number += 1
        yield directory / (f"{stem}.{number}.{suffix}" if dot else f"{name}.{number}")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except FileNotFoundError:
        return False


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderChannel:
    """The window's end of an exchange directory; files are handled in threads, never on the event loop."""

    def __init__(self, agency: str, root: Path, *, max_answer_bytes: int = 10_000_000, batch: int = BATCH) -> None:
        self._agency = agency
        self._root = root
        self._max_answer_bytes = max_answer_bytes
        self._batch = batch
        self._last_name = ""

    async def send(self, outgoing: Outgoing) -> None:
        await asyncio.to_thread(self._send, outgoing)

    async def collect(self) -> list[Incoming]:
        return await asyncio.to_thread(self._collect)

    async def finish(self, incoming: Incoming, accepted: bool) -> None:
        await asyncio.to_thread(self._finish, incoming, accepted)

    async def ask(self, outgoing: Outgoing) -> bool | None:
        """True while the file lies in OutBox. One that is gone was taken, or never came: a folder cannot tell."""
        path = self._root / OUT / f"{exchange_name(outgoing)}.zip"
        return True if await asyncio.to_thread(path.exists) else None

    async def test(self) -> str:
        return await asyncio.to_thread(self._test)

    async def close(self) -> None:
        return None

    def _test(self) -> str:
        """Writes and removes a file that no agency takes, and reads InBox."""
        out, into = self._root / OUT, self._root / IN
        probe = out / f"onewindow.{secrets.token_hex(4)}{TEMPORARY}"
        try:
            out.mkdir(parents=True, exist_ok=True)
            into.mkdir(parents=True, exist_ok=True)
            with open(probe, "xb") as file:
                file.write(b"connection test")
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
            with os.scandir(into) as entries:
                waiting = sum(_is_complete(entry) for entry in entries)
        except OSError as error:
            with suppress(OSError):
                probe.unlink()
            raise AgencyUnavailable(
                f"the exchange folder of {self._agency} cannot be used: {error}",
                f"{self._agency} 的交换目录无法使用：{error}",
            ) from error
        return f"{self._root}: OutBox takes files, {waiting} answers in InBox"

    def _send(self, outgoing: Outgoing) -> None:
        name = exchange_name(outgoing)
        file_name = name + ".zip"
        box = self._root / OUT
        if len(os.fsencode(file_name)) > LONGEST_NAME:
            raise AgencyRefused(
                f"reference {outgoing.reference!r} is too long for an exchange file name",
                f"编号 {outgoing.reference!r} 过长，不能作为交换文件名",
            )
        try:
            box.mkdir(parents=True, exist_ok=True)
            place(box, file_name, pack(name, outgoing.body, outgoing.accepted_at))
        except OSError as error:
            there = (box / file_name).exists()
            if there and isinstance(error, FileExistsError):
                raise AgencyRefused(
                    f"OutBox holds another file named {file_name}", f"OutBox 中已有内容不同的同名文件 {file_name}"
                ) from error
            # the link is the moment of handing over: before it the agency cannot have seen the message
            if there:
                raise OutcomeUnknown(
                    f"{file_name} lies in OutBox, but the disk did not confirm it: {error}",
                    f"{file_name} 已在 OutBox 中，但磁盘未确认：{error}",
                ) from error
            raise AgencyUnavailable(
                f"cannot write to OutBox of {self._agency}: {error}", f"无法写入 {self._agency} 的 OutBox：{error}"
            ) from error

    def _collect(self) -> list[Incoming]:
        box = self._root / IN
        try:
            with os.scandir(box) as entries:
                names = sorted(entry.name for entry in entries if _is_complete(entry))
        except FileNotFoundError:
            return []
        # going round by name: a file that cannot be finished must not hide those behind it
        names = [name for name in names if name > self._last_name] + [name for name in names if name <= self._last_name]
        names = names[: self._batch]
        self._last_name = names[-1] if names else ""
        return [incoming for name in names if (incoming := self._read(box / name)) is not None]

    def _read(self, path: Path) -> Incoming | None:
        try:
            # never follow a link out of the exchange directory, never wait on a pipe
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Incoming(self._agency, path.name, b"", problem=f"cannot be opened: {error.strerror}")
        with open(descriptor, "rb") as file:
            identity = _identity(os.fstat(descriptor))
            body = file.read(self._max_answer_bytes + 1)
        if len(body) > self._max_answer_bytes:
            problem = f"larger than {self._max_answer_bytes} bytes"
            return Incoming(self._agency, path.name, b"", problem=problem, identity=identity)
        return Incoming(self._agency, path.name, body, identity=identity)

    def _finish(self, incoming: Incoming, accepted: bool) -> None:
        if Path(incoming.name).name != incoming.name:
            raise ValueError(f"not a file name: {incoming.name!r}")
        source = self._root / IN / incoming.name
        try:
            if incoming.identity is not None and _identity(source.lstat()) != incoming.identity:
                # the agency has put another answer under this name: it waits to be collected itself
                return
        except FileNotFoundError:
            return
        move(source, self._root / ARCHIVE / f"{datetime.now(UTC):%Y%m%d}" if accepted else self._root / FAIL)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mtime_ns


def _is_complete(entry: os.DirEntry[str]) -> bool:
    return (
        not entry.name.startswith(".") and not entry.name.endswith(TEMPORARY) and entry.is_file(follow_symlinks=False)
    )
