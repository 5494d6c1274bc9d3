"""A simulated agency's end of the exchange folder: zips out of OutBox, answers into InBox, refused files into FailBox."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from adapters.signatures import LONGEST, SUFFIX
from adapters.simulator.clerk import Clerk, OtherBytesError
from adapters.simulator.documents import UnacceptableError, UntrustedError
from adapters.simulator.seals import NoSeals, Seals
from adapters.simulator.state import Answer
from adapters.transports.boxes import TEMPORARY, move, place, replace
from adapters.transports.folder import FAIL, IN, OUT
from adapters.unzipping import Unpackable, unzip
from declarations.limits import MAX_MESSAGE

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.1
LONGEST_NAME = 200
"""Bytes of a file name; answers add a prefix to it and must still be a file name."""


class FolderDoor:
    """`root` is the agency's own exchange directory, the same as the window's folder channel uses."""

    def __init__(self, clerk: Clerk, root: Path, seals: Seals | None = None) -> None:
        self._clerk = clerk
        self._root = root
        self._seals = seals or NoSeals()

    async def open(self) -> None:
        for box in (OUT, IN, FAIL):
            (self._root / box).mkdir(parents=True, exist_ok=True)

    async def close(self) -> None:
        return None

    async def work(self, wake: asyncio.Event) -> None:
        """Takes up files as they come, for ever."""
        while True:
            for path in sorted((self._root / OUT).iterdir()):
                if not path.name.startswith(".") and not path.name.endswith(TEMPORARY) and path.is_file():
                    self._take(path)
                    wake.set()
                    await asyncio.sleep(0)
            await asyncio.sleep(POLL_SECONDS)

    async def deliver(self, answer: Answer) -> bool:
        await asyncio.to_thread(self._put, answer)
        return True

    def _put(self, answer: Answer) -> None:
        box = self._root / IN
        if (box / answer.name).exists():
            # the same answer, repeated before the window took it up: its signature lies beside it
            return
        body, signature = self._seals.sealed(answer.name, answer.body)
        if signature is not None:
            # first, so that no answer is ever seen without it
            replace(box, answer.name + SUFFIX, signature.encode() + b"\n")
        place(box, answer.name, body)

    def _take(self, path: Path) -> None:
        """One file: remembered first, then taken away, so that a crash between the two only repeats it."""
        if path.suffix != ".zip" or len(path.name.encode()) > LONGEST_NAME or path.is_symlink():
            move(path, self._root / FAIL)
            return
        body = b""
        try:
            body, signature = unpack(path)
            status = self._clerk.take(path.stem, self._seals.opened(f"{path.stem}.xml", body, signature))
        except OSError:
            # gone meanwhile, or not readable now: it stays for the next round
            return
        except OtherBytesError:
            # no answer: it would bear the name of the file that was taken
            move(path, self._root / FAIL)
            return
        except UntrustedError as why:
            # no answer and no memory: once the window's key is known here, the same file may come again
            log.warning("message_not_trusted", name=path.name, reason=why.reason)
            move(path, self._root / FAIL)
            return
        except UnacceptableError as why:
            self._clerk.refuse(path.stem, body, why)
            move(path, self._root / FAIL)
            return
        if status < 400:
            path.unlink(missing_ok=True)
        elif status < 500:
            move(path, self._root / FAIL)


def unpack(path: Path) -> tuple[bytes, str | None]:
    """The one XML document of an exchange zip and its signature, if it has one (PDF files beside it are attachments); raises
    UnacceptableError."""
    try:
        files = unzip(path.read_bytes(), unpacked=MAX_MESSAGE)
    except Unpackable as why:
        raise UnacceptableError(f"压缩包无法解开：{why}") from None
    names = [name for name in files if name.lower().endswith(".xml")]
    if len(names) != 1:
        raise UnacceptableError(f"压缩包内应有且仅有一个 XML 报文，实有 {len(names)} 个")
    signature = files.get(names[0] + SUFFIX)
    return files[names[0]], None if signature is None else signature[: LONGEST + 1].decode("ascii", "replace").strip()
