"""What bytes are by their beginning, whatever is said of them."""

from __future__ import annotations

from declarations.errors import ContentMismatch

_BEGINNINGS = {
    "application/pdf": (b"%PDF-",),
    "application/zip": (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"),
    "application/gzip": (b"\x1f\x8b",),
    "application/zstd": (b"\x28\xb5\x2f\xfd",),
    "application/x-7z-compressed": (b"7z\xbc\xaf\x27\x1c",),
    "application/vnd.rar": (b"Rar!\x1a\x07",),
    "application/x-bzip2": (b"BZh",),
    "application/x-xz": (b"\xfd7zXZ\x00",),
    "application/x-ole-storage": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
    "application/x-executable": (b"\x7fELF", b"MZ", b"\xfe\xed\xfa\xce", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
    "text/html": (b"<!doctype html", b"<html", b"<script"),
}
_LOOKED_AT = 64


def sniffed(data: bytes) -> str | None:
    """The media type bytes show by themselves; None for text, XML and JSON, and for what is not known."""
    beginning = data[:_LOOKED_AT]
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for media_type, beginnings in _BEGINNINGS.items():
        if beginning.startswith(beginnings) or (media_type == "text/html" and text.startswith(beginnings)):
            return media_type
    return None


def require_text(declared: str, data: bytes) -> None:
    """Returns when bytes that are declared as XML or JSON may be that. Raises ContentMismatch."""
    found = sniffed(data)
    if found is not None:
        raise ContentMismatch(
            f"the content is {found}, not {declared}", f"内容实为 {found}，与声明的 {declared} 不符",
            details={"declared": declared, "found": found},
        )  # fmt: skip
