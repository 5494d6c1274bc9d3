"""The one ZIP reader of the window: the files of an archive within limits, or why not.

What a ZIP says of itself (sizes, names, how it is packed) is not believed; bytes are counted as they come out.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import IO

from declarations.limits import MAX_MEMBERS, MAX_RATIO, MAX_UNPACKED, SMALL

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNSAFE = re.compile(r"(^|/)\.\.?(/|$)|^/|\\|^[A-Za-z]:|[\x00-\x1f\x7f]")
_DIRECTORY_ENTRY = 46
"""Bytes of the shortest entry in a ZIP's directory."""
_FILE_HEADER = 30
"""Bytes of the shortest header in front of a file."""
_END = 65_557
"""Where the end of the directory stands at most before the end of the file."""
_ENCRYPTED = 0x1
DEFLATE_AT_MOST = 1_032
"""How many times its packed size a file can have that was packed by deflate (RFC 1951)."""
_CHUNK = 65_536
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, NotImplementedError, ValueError, LookupError,
    OverflowError, OSError,
)  # fmt: skip
"""What the library raises for archives that are none."""


class Unpackable(Exception):
    """Why an archive is not taken."""


def unzip(
    data: bytes, *, members: int = MAX_MEMBERS, unpacked: int = MAX_UNPACKED, ratio: int = MAX_RATIO
) -> dict[str, bytes]:
    """The files of a ZIP by name, in its order; folders are left out. Raises Unpackable.

    Refused: more than `members` files or `unpacked` bytes, a file that grows more than `ratio` times, names twice or outside of
    the archive, encryption, packing other than deflate, data that overlap, bytes of a wrong sum.
    """
    try:
        _require_few(data, members)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _require_plain(entries, members)
            found: dict[str, bytes] = {}
            left = unpacked
            for entry in entries:
                if entry.is_dir():
                    continue
                with archive.open(entry) as file:
                    found[entry.filename] = _read(file, left, ratio * entry.compress_size)
                left -= len(found[entry.filename])
            return found
    except _BROKEN as error:
        raise Unpackable(f"it cannot be unpacked: {error}") from error


def _require_few(data: bytes, members: int) -> None:
    """Before the library makes an object of each entry: by the size of the directory, and by what looks like an entry."""
    at = data.rfind(b"PK\x05\x06", max(len(data) - _END, 0))
    if at >= 0 and int.from_bytes(data[at + 12 : at + 16], "little") > members * (_DIRECTORY_ENTRY + 512):
        raise Unpackable(f"more than {members} files")
    if data.count(b"PK\x01\x02") > 2 * members:
        raise Unpackable(f"more than {members} files")


def _require_plain(entries: list[zipfile.ZipInfo], members: int) -> None:
    if len(entries) > members:
        raise Unpackable(f"more than {members} files")
    names = [entry.filename for entry in entries]
    if len({name.casefold() for name in names}) < len(names):
        raise Unpackable("a name stands twice")
    for entry in entries:
        if not entry.filename or _UNSAFE.search(entry.filename) or _UNSAFE.search(entry.orig_filename):
            raise Unpackable("a name leads out of the archive or cannot be shown")
        if entry.flag_bits & _ENCRYPTED:
            raise Unpackable("it is encrypted")
        if entry.compress_type not in _PACKINGS:
            raise Unpackable("it is packed in a way that is not taken")
    ends = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < ends:
            raise Unpackable("its files overlap")
        ends = entry.header_offset + _FILE_HEADER + entry.compress_size


def _read(file: IO[bytes], left: int, plausible: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        if size > left:
            raise Unpackable("it is too large unpacked")
        if size > max(SMALL, plausible):
            raise Unpackable("a file grows too many times its packed size")
        chunks.append(chunk)
    return b"".join(chunks)
