"""Files in exchange boxes: each is seen whole or not at all, none replaces another, and a signature goes where its file goes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from adapters.signatures import SUFFIX

TEMPORARY = ".temp"


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


def replace(directory: Path, name: str, body: bytes) -> None:
    """As `place`, but takes the place of a file of that name: a newer signature is as good as the one before."""
    temporary = directory / f"{name}.{secrets.token_hex(4)}{TEMPORARY}"
    try:
        with open(temporary, "xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, directory / name)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(directory)


def move(source: Path, directory: Path, signature: Path | None = None) -> Path | None:
    """Moves a file into `directory` without replacing one there (`name.1.xml`, `name.2.xml` …); None when it is gone. A
    signature goes with its file, under its name.

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
        kept = target.with_name(target.name + SUFFIX)
        if signature is not None:
            with suppress(FileExistsError, FileNotFoundError):
                os.link(signature, kept)
        source.unlink(missing_ok=True)
        # from here the agency may use the name again, and puts the next answer's signature down first: that one stays
        if signature is not None and _same_file(signature, kept):
            signature.unlink(missing_ok=True)
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
