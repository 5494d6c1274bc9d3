"""A simulated agency's end of the exchange folder: zips out of OutBox, answers into InBox, refused files into FailBox."""

from __future__ import annotations

import asyncio
import zipfile
import zlib
from pathlib import Path

from adapters.simulator.clerk import Clerk, OtherBytesError
from adapters.simulator.documents import UnacceptableError
from adapters.simulator.state import Answer
from adapters.transports.folder import FAIL, IN, OUT, TEMPORARY, move, place

POLL_SECONDS = 0.1
LARGEST_MESSAGE = 20_000_000
"""Bytes of one unpacked message; a zip that unpacks to more is refused before it fills the memory."""
LONGEST_NAME = 200
"""Bytes of a file name; answers add a prefix to it and must still be a file name."""


class FolderDoor:
    """`root` is the agency's own exchange directory, the same as the window's folder channel uses."""

    def __init__(self, clerk: Clerk, root: Path) -> None:
        self._clerk = clerk
        self._root = root

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
        await asyncio.to_thread(place, self._root / IN, answer.name, answer.body)
        return True

    def _take(self, path: Path) -> None:
        """One file: remembered first, then taken away, so that a crash between the two only repeats it."""
        if path.suffix != ".zip" or len(path.name.encode()) > LONGEST_NAME or path.is_symlink():
            move(path, self._root / FAIL)
            return
        body = b""
        try:
            body = unpack(path)
            status = self._clerk.take(path.stem, body)
        except OSError:
            # gone meanwhile, or not readable now: it stays for the next round
            return
        except OtherBytesError:
            # no answer: it would bear the name of the file that was taken
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


def unpack(path: Path) -> bytes:
    """The one XML document of an exchange zip (PDF files beside it are attachments); raises UnacceptableError."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".xml")]
            if len(names) != 1:
                raise UnacceptableError(f"压缩包内应有且仅有一个 XML 报文，实有 {len(names)} 个")
            with archive.open(names[0]) as file:
                # what the zip says of its size is not believed
                body = file.read(LARGEST_MESSAGE + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UnacceptableError(f"压缩包无法解开：{error}") from None
    if len(body) > LARGEST_MESSAGE:
        raise UnacceptableError(f"报文解压后超过 {LARGEST_MESSAGE} 字节")
    return body
