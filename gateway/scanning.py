"""The hook for a malware scanner: what traders send is shown to it before anything reads it.

A scanner is a daemon that speaks clamd's INSTREAM, or a command that reads standard input. Without one nothing is scanned. What
cannot be scanned is refused, unless `scanner_required` is off.
"""

from __future__ import annotations

import asyncio
import shlex
from contextlib import suppress
from typing import Protocol

import structlog

from declarations.errors import BadConfiguration, MalwareFound, ScannerUnavailable
from gateway.config import Settings

CHUNK = 65_536
LONGEST_ANSWER = 4_096
log = structlog.get_logger(__name__)


class Engine(Protocol):
    """Something that scans."""

    async def scan(self, data: bytes) -> str | None:
        """The name of the malware in the bytes, None when they are clean. Raises OSError when it cannot say."""


class Clamd:
    """A daemon that speaks clamd's protocol, at a socket in the file system or at host and port."""

    def __init__(self, place: str) -> None:
        self._place = place

    async def scan(self, data: bytes) -> str | None:
        reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(data), CHUNK):
                chunk = data[start : start + CHUNK]
                writer.write(len(chunk).to_bytes(4, "big") + chunk)
            writer.write(bytes(4))
            await writer.drain()
            answer = (await reader.read(LONGEST_ANSWER)).rstrip(b"\0\n").decode("utf-8", "replace")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        said = answer.removeprefix("stream: ")
        if said == "OK":
            return None
        if said.endswith(" FOUND"):
            return said.removesuffix(" FOUND")
        raise OSError(f"the scanner said {said!r}")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._place.startswith("/"):
            return await asyncio.open_unix_connection(self._place)
        host, _, port = self._place.rpartition(":")
        return await asyncio.open_connection(host, int(port))


class Command:
    """A program that gets the bytes on standard input and ends with 0 (clean) or 1 (malware, its name on standard output)."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    async def scan(self, data: bytes) -> str | None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe)
        try:
            said, _ = await process.communicate(data)
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode == 0:
            return None
        if process.returncode == 1:
            return said[:LONGEST_ANSWER].decode("utf-8", "replace").strip() or "malware"
        raise OSError(f"the scanner ended with {process.returncode}")


class Scanner:
    """The scanner of a window, with what happens when it fails."""

    def __init__(self, engine: Engine | None, seconds: float, required: bool) -> None:
        self._engine = engine
        self._seconds = seconds
        self._required = required

    async def require_clean(self, data: bytes) -> None:
        """Returns when the bytes may be read. Raises MalwareFound and ScannerUnavailable."""
        if self._engine is None:
            return
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._engine.scan(data)
        except (OSError, TimeoutError) as error:
            log.warning("scanner_failed", reason=str(error) or type(error).__name__, refused=self._required)
            if self._required:
                raise ScannerUnavailable(
                    "what was sent cannot be scanned for malware now; try again",
                    "暂时无法对提交内容进行病毒扫描，请稍后重试",
                ) from error
            return
        if found is not None:
            log.warning("malware_found", name=found)
            raise MalwareFound(f"the scanner found {found}", f"扫描发现恶意内容：{found}", details={"malware": found})


def scanner_of(settings: Settings) -> Scanner:
    """The scanner that the settings name; raises BadConfiguration for one that cannot be."""
    kind, _, rest = settings.scanner.partition(":")
    engine: Engine | None = None
    if kind == "clamd" and (rest.startswith("/") or rest.rpartition(":")[2].isdigit()):
        engine = Clamd(rest)
    elif kind == "command" and rest.strip():
        engine = Command(shlex.split(rest))
    elif settings.scanner:
        raise BadConfiguration(
            "ONEWINDOW_SCANNER: clamd:/path, clamd:host:port or command:/path",
            "ONEWINDOW_SCANNER：应为 clamd:/路径、clamd:主机:端口 或 command:/路径",
        )
    return Scanner(engine, settings.scanner_seconds, settings.scanner_required)
