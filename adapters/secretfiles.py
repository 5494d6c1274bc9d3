"""Files that only their owner reads (0600): whole or not at all, also when power fails."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create_once(path: Path, content: bytes) -> bool:
    """Makes the file unless there is one: False. Of programs that start together one makes it. Raises OSError."""
    if path.exists():
        return False
    temporary = _written(path, content)
    try:
        # link, not rename: two programs starting together must end with one secret
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def replace(path: Path, content: bytes) -> None:
    """Puts the file in the place of what was there. Raises OSError."""
    os.replace(_written(path, content), path)


def _written(path: Path, content: bytes) -> Path:
    """The content on disk beside `path`, under a name that nobody looks for."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary
