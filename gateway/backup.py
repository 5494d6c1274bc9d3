"""Backup: the database as of one moment, then secrets, exchange folders and archive, in a directory with a manifest.

The master key is not in it unless asked for: payloads in the copied database and archive are sealed under it, and who finds a
backup must not find the key beside it. The manifest names its fingerprint.

Taken beside a running window: no lock is taken, filings go on. The database comes first, so that an answer taken up in between is
in the copied exchange folder at least. The directory bears its name only when all of it is there and flushed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, make_url

from adapters.transports.boxes import TEMPORARY
from adapters.transports.folder import ARCHIVE, FAIL, IN, OUT
from declarations.errors import BadConfiguration, StorageUnavailable
from gateway import masters, pgtools
from gateway.config import Settings
from gateway.masters import Masters

MANIFEST = "manifest.json"
FORMAT = "onewindow-backup-1"
DATABASES = {"sqlite": "database.sqlite", "postgresql": "database.pgdump"}
FOLDERS = ("secrets", "exchange", "archive")
MASTER_KEYS = masters.FOLDER
_LAST_FIRST = (OUT, IN, FAIL, ARCHIVE)
"""A file moves from left to right while it is copied: seen on the left, or after its move on the right."""
_CHUNK = 1 << 20


def folder_of(settings: Settings, name: str) -> Path:
    """Where one of FOLDERS stands."""
    found: Path = getattr(settings, f"{name}_dir")
    return found


def take(settings: Settings, target: Path, now: datetime, *, with_master_key: bool = False) -> dict[str, Any]:
    """Writes a backup into `target`, which must not exist or be empty; returns the manifest without its list of files.

    `with_master_key`: the files of the master key too; such a backup is worth as much as everything that was ever filed.

    Raises BadConfiguration for a target that is not empty, StorageUnavailable when the database or the disk fails.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadConfiguration(f"{target} is not empty; name a new directory", f"{target} 不为空，请指定新目录")
    made = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(made, ignore_errors=True)
        # it holds secrets and what traders declared
        made.mkdir(parents=True, mode=0o700)
        backend = make_url(settings.database_url).get_backend_name()
        _database(make_url(settings.database_url), made / DATABASES[backend])
        for name in FOLDERS:
            _copy(
                folder_of(settings, name),
                made / name,
                leave_out=MASTER_KEYS if name == "secrets" and not with_master_key else None,
            )
        manifest = {
            "format": FORMAT,
            "taken_at": now.isoformat(),
            "database": DATABASES[backend],
            "backend": backend,
            "program": version("onewindow"),
            "master_keys": masters_of(settings).ids,
        }
        members = {path.relative_to(made).as_posix(): _described(path) for path in _files(made)}
        text = orjson.dumps({**manifest, "files": members}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        (made / MANIFEST).write_bytes(text)
        _flush(made)
        if target.exists():
            target.rmdir()
        made.rename(target)
        _flush_directory(target.parent)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise StorageUnavailable(f"the backup failed: {error}", f"备份失败：{error}") from error
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    size = sum(member["size"] for member in members.values())
    return {**manifest, "directory": str(target), "files": len(members), "bytes": size}


def read_manifest(source: Path) -> dict[str, Any]:
    """The manifest of a backup, every file's digest checked; raises BadConfiguration naming what is not as it was written."""
    try:
        manifest: dict[str, Any] = orjson.loads((source / MANIFEST).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadConfiguration(f"{source} is no backup: {error}", f"{source} 不是备份：{error}") from error
    if manifest.get("format") != FORMAT:
        raise BadConfiguration(f"{source}: a backup of another kind", f"{source} 的备份格式不符")
    there = {path.relative_to(source).as_posix() for path in _files(source)} - {MANIFEST}
    told = manifest["files"]
    wrong = sorted(there ^ set(told)) or [name for name in sorted(told) if _described(source / name) != told[name]]
    if wrong:
        names = ", ".join(wrong[:5])
        raise BadConfiguration(
            f"{source} is damaged: {names}, {len(wrong)} files in all",
            f"{source} 已损坏：{names}，共 {len(wrong)} 个文件",
        )
    return manifest


def masters_of(settings: Settings) -> Masters:
    """The master keys these settings know."""
    return Masters(settings.secrets_dir, settings.master_key.get_secret_value())


def _database(url: URL, target: Path) -> None:
    if url.get_backend_name() == "postgresql":
        pgtools.dump(url, target)
        return
    path = Path(url.database or "")
    if not path.is_file():
        raise BadConfiguration(f"there is no database {path}", f"没有数据库 {path}")
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            # all of it in one step: a read snapshot beside the writer. In smaller steps every commit would begin it anew
            source.backup(copy)
            # one file, without a -wal beside it
            copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            [[found]] = copy.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise StorageUnavailable(f"the database cannot be copied: {error}", f"无法复制数据库：{error}") from error
    if found != "ok":
        raise StorageUnavailable(f"the copied database is damaged: {found}", f"复制的数据库已损坏：{found}")


def _copy(source: Path, target: Path, leave_out: str | None = None) -> None:
    """A folder as it is; files that go while it is copied have been taken by somebody, and are found where they went."""
    target.mkdir(mode=0o700)
    if not source.is_dir():
        return
    for path in _files(source):
        if leave_out is not None and path.is_relative_to(source / leave_out):
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, copy)
        except FileNotFoundError:
            copy.unlink(missing_ok=True)


def _files(root: Path) -> Iterator[Path]:
    """Every file below a folder but those being written, each folder read when its turn comes."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: (_turn(entry.name), entry.name))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(TEMPORARY):
            yield Path(entry.path)


def _turn(name: str) -> int:
    return _LAST_FIRST.index(name) if name in _LAST_FIRST else len(_LAST_FIRST)


def _described(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        return {"sha256": digest.hexdigest(), "size": file.tell()}


def _flush(root: Path) -> None:
    for path in _files(root):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    for directory, _, _ in os.walk(root):
        _flush_directory(Path(directory))


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
