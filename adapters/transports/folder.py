"""Folder exchange (facts, section 6): zips go into OutBox, answers come into InBox, refused files lie in FailBox.

Where messages are signed, the signature of `<name>.xml` lies beside it in the zip as `<name>.xml.sig`, and that of an answer in
InBox as `<answer>.sig`, put down before the answer itself.

A file is complete when it bears its final name: it is written as `<name>.<chance>.temp`, flushed to the disk, then linked.
What was taken up is moved to `Archive/YYYYMMDD` (UTC). Nothing ever replaces a file.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import time
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from adapters.agency import Incoming, Outgoing
from adapters.signatures import LONGEST, SUFFIX
from adapters.transports.boxes import TEMPORARY, move, place
from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown

OUT, IN, FAIL, ARCHIVE = "OutBox", "InBox", "FailBox", "Archive"
LONGEST_NAME = 255 - len(".01234567" + TEMPORARY)
"""Bytes a disk takes in a file's name, less what the temporary name adds."""
ORPHANED_SECONDS = 3600.0
"""A signature whose answer has not come for so long is put away."""
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


def pack(name: str, body: bytes, at: datetime, signature: str | None = None) -> bytes:
    """A zip holding `<name>.xml`, and its signature if it has one; the same input gives the same bytes, so a repeated file is
    recognisably the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_entry(f"{name}.xml", at), body, compresslevel=6)
        if signature is not None:
            archive.writestr(_entry(f"{name}.xml{SUFFIX}", at), signature + "\n", compresslevel=6)
    return buffer.getvalue()


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    moment = at.astimezone(UTC)
    entry = zipfile.ZipInfo(name, (max(moment.year, 1980), *moment.timetuple()[1:6]))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    entry.create_system = 3
    return entry


class FolderChannel:
    """The window's end of an exchange directory; files are handled in threads, never on the event loop."""

    def __init__(self, agency: str, root: Path, *, max_answer_bytes: int = 10_000_000, batch: int = BATCH) -> None:
        self._agency = agency
        self._root = root
        self._max_answer_bytes = max_answer_bytes
        self._batch = batch
        self._last_name = ""
        # signatures without an answer, and since when
        self._orphans: dict[str, tuple[tuple[int, ...], float]] = {}

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
            place(box, file_name, pack(name, outgoing.body, outgoing.accepted_at, outgoing.signature))
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
                found = [entry.name for entry in entries if _is_complete(entry)]
        except FileNotFoundError:
            return []
        names = sorted(name for name in found if not name.endswith(SUFFIX))
        self._put_orphans_away(set(found) - set(names), set(names))
        # going round by name: a file that cannot be finished must not hide those behind it
        names = [name for name in names if name > self._last_name] + [name for name in names if name <= self._last_name]
        names = names[: self._batch]
        self._last_name = names[-1] if names else ""
        return [incoming for name in names if (incoming := self._read(box / name)) is not None]

    def _put_orphans_away(self, signatures: set[str], answers: set[str]) -> None:
        """Signatures whose answer does not come: left by an agency that put one down again while its answer was taken."""
        seen: dict[str, tuple[tuple[int, ...], float]] = {}
        for name in signatures:
            path = self._root / IN / name
            if name.removesuffix(SUFFIX) in answers:
                continue
            with suppress(FileNotFoundError):
                identity = _identity(path.lstat())
                # as long as we have seen it: what a file says of its time, a clock that was set makes a lie
                same, since = self._orphans.get(name, (None, 0.0))
                since = since if same == identity else time.monotonic()
                if time.monotonic() - since > ORPHANED_SECONDS:
                    move(path, self._root / FAIL)
                else:
                    seen[name] = identity, since
        self._orphans = seen

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
        signature, signature_identity = signature_of(path)
        if _identity_now(path) != identity:
            # another worker put it away meanwhile: what was read beside it may be gone too, or be another answer's
            return None
        if len(body) > self._max_answer_bytes:
            problem = f"larger than {self._max_answer_bytes} bytes"
            return Incoming(
                self._agency,
                path.name,
                b"",
                problem=problem,
                identity=identity,
                signature_identity=signature_identity,
            )
        return Incoming(
            self._agency,
            path.name,
            body,
            identity=identity,
            signature=signature,
            signature_identity=signature_identity,
        )

    def _finish(self, incoming: Incoming, accepted: bool) -> None:
        if Path(incoming.name).name != incoming.name:
            raise ValueError(f"not a file name: {incoming.name!r}")
        source = self._root / IN / incoming.name
        signature: Path | None = source.with_name(source.name + SUFFIX)
        assert signature is not None
        now = _identity_now(source)
        if now is None or (incoming.identity is not None and now != incoming.identity):
            # gone, or the agency has put another answer under this name, which waits to be collected itself
            return
        if _identity_now(signature) != incoming.signature_identity:
            # that of another answer, which comes next
            signature = None
        move(source, self._root / ARCHIVE / f"{datetime.now(UTC):%Y%m%d}" if accepted else self._root / FAIL, signature)


def signature_of(path: Path) -> tuple[str | None, tuple[int, ...] | None]:
    """What lies beside an answer as its signature, and which file it was."""
    try:
        descriptor = os.open(path.with_name(path.name + SUFFIX), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None, None
    with open(descriptor, "rb") as file:
        identity = _identity(os.fstat(descriptor))
        try:
            text = file.read(LONGEST + 1)
        except OSError:
            # a folder of that name, for instance
            return None, None
    return text.decode("ascii", "replace").strip(), identity


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mtime_ns


def _identity_now(path: Path) -> tuple[int, ...] | None:
    """Which file bears this name; None when none does."""
    try:
        return _identity(path.lstat())
    except FileNotFoundError:
        return None


def _is_complete(entry: os.DirEntry[str]) -> bool:
    return (
        not entry.name.startswith(".") and not entry.name.endswith(TEMPORARY) and entry.is_file(follow_symlinks=False)
    )
