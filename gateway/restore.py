"""Restore: a backup put back where nothing is, and what happened since told again as far as somebody else still knows it.

What the database did not live to record may have happened all the same. So every message that was to be sent at the time of the
backup counts as begun: it goes again under the same id with the same bytes where the agency deduplicates or can be asked, and is
held for an operator elsewhere. Answers that lie in the exchange folders are read again; those known already change nothing.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, make_url, select, update

from adapters.signatures import SUFFIX
from adapters.transports.boxes import place
from adapters.transports.folder import ARCHIVE, FAIL, OUT, signature_of
from declarations.errors import BadConfiguration
from gateway import backup, pgtools
from gateway.config import Settings
from gateway.database.schema import message, outbox
from gateway.database.stores import entries
from gateway.database.types import database_now
from gateway.journal import entry
from gateway.masters import Masters
from gateway.quarantine import Received
from gateway.receive import receive

if TYPE_CHECKING:
    from gateway.wiring import Window

MOVED = re.compile(r"(.*)\.[0-9]+(\.[^.]*)")
"""A name that was in use when an answer was put away."""
log = structlog.get_logger(__name__)
OVERLAP = timedelta(days=1)
"""Answers are read again from so long before the backup: clocks of two machines differ, and the folders are by day."""
BEGUN = "restored"
"""The lease of a message that may have left us after the backup was taken."""
SHOWN = 50


def put_back(settings: Settings, source: Path, keep: bool) -> dict[str, Any]:
    """Copies a backup to where the settings say; raises BadConfiguration when it is damaged or something stands there.

    `keep`: exchange, archive and secrets that survived stay as they are; of the archive, missing files are added.
    """
    source = source.absolute()
    manifest = backup.read_manifest(source)
    url = make_url(settings.database_url)
    if manifest["backend"] != url.get_backend_name():
        raise BadConfiguration(
            f"the backup is of {manifest['backend']}, the settings name {url.get_backend_name()}",
            f"备份来自 {manifest['backend']}，而设置为 {url.get_backend_name()}",
        )
    path = Path(url.database or "")
    if manifest["backend"] == "sqlite":
        _require_missing(path, path.with_name(path.name + "-wal"))
    else:
        pgtools.require_empty(url)
    _require_master_key(settings, source, manifest)
    survived = [name for name in backup.FOLDERS if _holds_files(backup.folder_of(settings, name))]
    if survived and not keep:
        folders = ", ".join(str(backup.folder_of(settings, name)) for name in survived)
        raise BadConfiguration(
            f"there are files in {folders}; move them away, or say --keep to go on with them",
            f"{folders} 中已有文件；请先移走，或用 --keep 保留",
        )
    for name in backup.FOLDERS:
        if name not in survived:
            _copy_whole(source / name, backup.folder_of(settings, name))
    if "secrets" in survived:
        _add_missing(source / "secrets" / backup.MASTER_KEYS, settings.secrets_dir / backup.MASTER_KEYS)
    if "archive" in survived:
        _add_missing(source / "archive", settings.archive_dir)
    if manifest["backend"] == "sqlite":
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".restoring")
        shutil.copyfile(source / manifest["database"], part)
        # last of all: a restore that broke off before left no database, and may be begun again with --keep
        part.rename(path)
    else:
        pgtools.load(url, source / manifest["database"])
    log.info("restored", taken_at=manifest["taken_at"], kept=survived)
    return {"taken_at": manifest["taken_at"], "kept": survived}


async def tell_again(window: Window, taken_at: datetime) -> dict[str, Any]:
    """Brings a restored database up to what the exchange folders know; before anything is delivered. Safe to repeat.

    Returns: messages in doubt, answers read again by what became of them, and `lost`: messages in an OutBox that no filing here
    bears, whose filings were accepted after the backup and must be filed again.
    """
    doubted = await window.database.write(_doubt_all)
    answers: Counter[str] = Counter()
    lost: list[str] = []
    for agency in (each.name for each in window.rulebook.agencies.values() if each.channel == "folder"):
        root = window.settings.exchange_dir / agency
        for path in await asyncio.to_thread(_answers, root, taken_at - OVERLAP):
            body = await asyncio.to_thread(path.read_bytes)
            answers[(await _receive(window, agency, path, body)).state] += 1
        known = await window.database.read(partial(_known, agency=agency))
        lost += sorted(path.stem for path in (root / OUT).glob("*.zip") if path.stem not in known)
    result = {"in_doubt": doubted, "answers": dict(answers), "lost": lost[:SHOWN], "lost_count": len(lost)}
    act = entry(
        "restored",
        at=window.clock(),
        taken_at=taken_at.isoformat(),
        answers=str(answers.total()),
        in_doubt=str(doubted),
        lost=str(len(lost)),
    )
    await window.database.write(lambda connection: entries.add(connection, [act]))
    log.info("told_again", **result)
    return result


async def _receive(window: Window, agency: str, path: Path, body: bytes) -> Received:
    """An answer that lay in the window's own boxes. One that was taken came in time; all else about its signature holds again."""
    signature, _ = await asyncio.to_thread(signature_of, path)
    taken = path.parent.name != FAIL
    at = None if taken else window.clock()
    name, refused = path.name, window.exchange.refusal(agency, body, path.name, signature, at)
    if refused is not None and (moved := MOVED.fullmatch(name)) is not None:
        first = moved[1] + moved[2]
        if window.exchange.refusal(agency, body, first, signature, at) is None:
            name, refused = first, None
    kept = window.exchange.kept_signature(agency, signature)
    return await receive(window, agency, body, name, signature=kept, refused=refused, recent=not taken)


def _doubt_all(connection: Connection) -> int:
    waiting = update(outbox).where(outbox.c.state == "queued", outbox.c.lease_token.is_(None))
    return int(connection.execute(waiting.values(lease_token=BEGUN, lease_until=database_now())).rowcount)


def _known(connection: Connection, agency: str) -> set[str]:
    return set(connection.scalars(select(message.c.exchange_name).where(message.c.agency == agency)))


def _answers(root: Path, since: datetime) -> list[Path]:
    """Answers that were taken or set aside since then, oldest day first."""
    day = f"{since.astimezone(UTC):%Y%m%d}"
    days = [folder for folder in sorted((root / ARCHIVE).glob("[0-9]" * 8)) if folder.name >= day]
    return [
        path
        for folder in (*days, root / FAIL)
        for path in sorted(folder.glob("*"))
        if path.is_file() and path.suffix != SUFFIX
    ]


def _require_master_key(settings: Settings, source: Path, manifest: dict[str, Any]) -> None:
    """Before anything is put back: without the key nothing of it could be read."""
    wanted: list[str] = manifest.get("master_keys", [])[:1]
    there = [*backup.masters_of(settings).ids, *Masters(source / "secrets").ids]
    if wanted and wanted[0] not in there:
        folder = settings.secrets_dir / backup.MASTER_KEYS
        raise BadConfiguration(
            f"the backup was sealed under master key {wanted[0]}, which is not in it; put its file into {folder} first, or set "
            "ONEWINDOW_MASTER_KEY",
            f"备份由主密钥 {wanted[0]} 加密，备份中不含该密钥；请先将密钥文件放入 {folder}，或设置 ONEWINDOW_MASTER_KEY",
        )


def _require_missing(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise BadConfiguration(f"{path} exists; move it away first", f"{path} 已存在，请先移走")


def _holds_files(folder: Path) -> bool:
    """Whether anything stands there; the master key does not count, it is put there before a restore."""
    if not folder.is_dir():
        return folder.exists()
    masters = folder / backup.MASTER_KEYS
    return any(path.is_file() and not path.is_relative_to(masters) for path in folder.rglob("*"))


def _copy_whole(source: Path, target: Path) -> None:
    """A folder that is there whole or not at all, so that a restore that broke off may be begun again."""
    part = target.with_name(target.name + ".restoring")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    if (target / backup.MASTER_KEYS).is_dir():
        shutil.copytree(target / backup.MASTER_KEYS, part / backup.MASTER_KEYS, dirs_exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)  # it holds no other file
    part.rename(target)


def _add_missing(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        there = target / path.relative_to(source)
        if path.is_file() and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            place(there.parent, there.name, path.read_bytes())
            shutil.copymode(path, there)
