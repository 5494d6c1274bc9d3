"""Archive: an ended declaration as one file that explains itself without the database.

    archive/YYYY/MM/<declaration id>.<digest>.zip.sealed    by the month of acceptance; opened with the master key alone
    archive/tables/<digest>.zip                             the tables it was accepted under, once for all declarations

A file is written whole (temporary name, flushed, linked) before the database says it is there, and never overwritten: a
declaration that changed after being archived gets a second file. Before it is sealed the same content gives the same bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from sqlalchemy import Connection

from adapters.transports.boxes import place
from adapters.unzipping import DEFLATE_AT_MOST, Unpackable, unzip
from declarations.dateforms import SHANGHAI
from declarations.errors import SealedDataUnreadable, StorageUnavailable
from declarations.limits import MAX_ARCHIVED
from declarations.terms import Term, load_terms
from gateway import ended, sealed, sealedfiles
from gateway.database.stores import archive, bundles, declarations, entries, inbox, messages
from gateway.database.types import AnyRow
from gateway.masters import Masters

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
MANIFEST = "manifest.json"
KEYS = "search_keys.json"
FORMAT = "onewindow-archive-1"
SUFFIX = ".zip.sealed"
"""Of a declaration's file. Tables are nobody's secret: theirs is a plain ZIP."""
PAGE = 200
SCANNED_FOR = 1_000
"""Declarations for which search keys and Idempotency-Keys are read through once."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: content alone decides the bytes."""
# column names are a kind of str of their own
_JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


async def archive_due(window: Window, limit: int) -> dict[str, Any]:
    """Archives declarations whose time for it has come, up to `limit`, one small transaction each.

    Returns counts: archived, changed_meanwhile, kept_because (reason -> how many), and whether there is more.
    Raises StorageUnavailable when a file cannot be written; what was archived before stays archived.
    """
    rows, kept, more = await _due(window, limit)
    done = changed = 0
    for start in range(0, len(rows), SCANNED_FOR):
        some = rows[start : start + SCANNED_FOR]
        wanted = [row.id for row in some]
        keys = await window.database.read(partial(archive.keys_of, declaration_ids=wanted))
        filed = await window.database.read(partial(archive.idempotency_of, declaration_ids=wanted))
        for row in some:
            if await _archive(window, row, keys[row.id], filed[row.id]):
                done += 1
            else:
                changed += 1
    log.info("archived", archived=done, changed_meanwhile=changed, kept=kept)
    return {"archived": done, "changed_meanwhile": changed, "kept_because": kept, "more": more}


async def _due(window: Window, limit: int) -> tuple[list[AnyRow], dict[str, int], bool]:
    """What is to be archived now, why something that is old enough is not, and whether more would follow."""
    now = window.clock()
    found: list[AnyRow] = []
    kept: dict[str, int] = {}
    for term in load_terms(window.rulebook.bundle).declarations:
        after: str | None = ""
        while after is not None:
            page = await window.database.read(
                partial(_look, term=term, unchanged_since=now - term.archive_after, after=after)
            )
            after = page[-1][0].id if len(page) == PAGE else None
            for row, reason in page:
                if reason is not None:
                    kept[reason] = kept.get(reason, 0) + 1
                elif len(found) == limit:
                    return found, kept, True
                else:
                    found.append(row)
    return found, kept, False


def _look(connection: Connection, term: Term, unchanged_since: datetime, after: str) -> list[tuple[AnyRow, str | None]]:
    rows = archive.due(connection, term.form, term.status, unchanged_since, after, PAGE)
    return [(row, ended.not_yet(connection, row.id)) for row in rows]


async def _archive(window: Window, row: AnyRow, keys: list[dict[str, str]], filed: list[dict[str, Any]]) -> bool:
    """Writes one declaration's file and records it; False when it changed in the meantime."""
    members, digests = await window.database.read(partial(_members, declaration_id=row.id))
    members[KEYS] = orjson.dumps(keys, option=_JSON)
    members["idempotency.json"] = orjson.dumps(filed, option=_JSON)
    about = {"declaration_id": row.id, "reference": row.reference, "status": row.status, "tables": digests}
    packed = await asyncio.to_thread(pack, members, about)
    data = await window.vault.seal_file(row.organisation_id, place_of(row.id), packed)
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"{row.created_at.astimezone(SHANGHAI):%Y/%m}/{row.id}.{sha256[:12]}{SUFFIX}"
    root = window.settings.archive_dir
    try:
        for digest in digests:
            await _keep_tables(window, root, digest)
        await asyncio.to_thread(_write, root / file, data)
    except OSError as error:
        raise StorageUnavailable(
            f"cannot write the archive below {root}: {error}", f"无法写入归档目录 {root}：{error}"
        ) from error

    def record(connection: Connection) -> bool:
        declarations.lock(connection, row.id)
        kept = declarations.get(connection, row.id)
        if kept is None or kept.updated_at != row.updated_at:
            return False
        facts = {
            name: getattr(kept, name)
            for name in ("organisation_id", "principal_id", "form", "reference", "status", "updated_at")
        }
        facts |= {"declaration_id": row.id, "file": file, "sha256": sha256, "archived_at": window.clock()}
        archive.record(connection, facts, archive.numbers_of(connection, row.id))
        return True

    return await window.database.write(record)


def _members(connection: Connection, declaration_id: str) -> tuple[dict[str, bytes], list[str]]:
    """Everything the database holds of a declaration, by the name it has in the file; and the digests of its tables."""
    found: dict[str, bytes] = {}

    def tell(name: str, rows: list[dict[str, Any]]) -> None:
        found[name] = orjson.dumps(rows, option=_JSON)

    declaration = declarations.get(connection, declaration_id)
    tell("declaration.json", [declaration._asdict()] if declaration else [])
    versions = []
    for each in declarations.versions(connection, declaration_id):
        row = declarations.version(connection, declaration_id, each.version)
        found[f"filed/{each.version}.{'json' if 'json' in row.media_type else 'xml'}"] = bytes(row.body)
        versions.append(_without_body(row))
    sent = messages.of_declaration(connection, declaration_id)
    for row in sent:
        if (body := messages.body(connection, row.id)) is not None:
            found[f"sent/{row.agency}/{row.id}.xml"] = bytes(body.body)
    documents = []
    for each in inbox.documents_of(connection, declaration_id):
        document = inbox.get(connection, each.id)
        assert document is not None
        found[f"received/{document.agency}/{document.id}"] = bytes(document.body)
        documents.append(_without_body(document))
    tell("versions.json", versions)
    tell("messages.json", [row._asdict() for row in sent])
    tell("documents.json", documents)
    tell("answers.json", [row._asdict() for row in inbox.answers_of(connection, declaration_id)])
    tell("journal.json", [row._asdict() for row in entries.of_declaration(connection, declaration_id)])
    digests = {row.bundle_digest for row in sent} | {version["bundle_digest"] for version in versions}
    return found, sorted(digests)


def _without_body(row: AnyRow) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "body"}


async def _keep_tables(window: Window, root: Path, digest: str) -> None:
    path = root / "tables" / f"{digest}.zip"
    if not path.exists():
        bundle = await window.database.read(lambda connection: bundles.load(connection, digest))
        await asyncio.to_thread(lambda: _write(path, pack(bundle.files, {"tables": digest})))


def pack(members: Mapping[str, bytes], about: Mapping[str, Any]) -> bytes:
    """One ZIP with a manifest that names every member's sha256; the same content gives the same bytes."""
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in members.items()}
    manifest = orjson.dumps({"format": FORMAT, **about, "members": listed}, option=_JSON)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for name, data in [(MANIFEST, manifest), *sorted(members.items())]:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The members of an archive file, the manifest too; raises ValueError when one is not what the manifest says."""
    try:
        # ours, and whole: a limit that is too low would lose what was kept
        members = unzip(data, members=1_000_000, unpacked=MAX_ARCHIVED, ratio=DEFLATE_AT_MOST)
        listed = orjson.loads(members[MANIFEST])["members"]
    except (Unpackable, KeyError, orjson.JSONDecodeError) as error:
        raise ValueError(f"no archive file: {error}") from error
    told = {name: each["sha256"] for name, each in listed.items()}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in members.items() if name != MANIFEST}
    if told != found:
        raise ValueError(f"members differ from the manifest: {sorted(told.items() ^ found.items())[0][0]}")
    return members


def verified(root: Path, file: str, sha256: str) -> bytes | None:
    """The bytes of an archive file, None when it is missing or not the one that was written."""
    try:
        data = (root / file).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


async def opened(window: Window, declaration_id: str, file: str, sha256: str) -> dict[str, bytes] | None:
    """The members of a declaration's archive file; None when it is missing, is not the one that was written, or does not open."""
    data = await asyncio.to_thread(verified, window.settings.archive_dir, file, sha256)
    if data is None:
        return None
    try:
        packed = await window.vault.open_file(place_of(declaration_id), data)
        return await asyncio.to_thread(unpack, packed)
    except (SealedDataUnreadable, ValueError) as error:
        log.error("archive file does not open", file=file, reason=str(error))
        return None


def open_apart(masters: Masters, path: Path) -> dict[str, bytes]:
    """The members of an archive file with nothing but master keys: no window, no database.

    Raises SealedDataUnreadable and ValueError.
    """
    data = path.read_bytes()
    parts = sealedfiles.read(data)
    if parts is None:
        return unpack(data)
    # the file's name begins with the declaration's id, which its content is bound to
    return unpack(parts.open(place_of(path.name.partition(".")[0]), parts.own_key(masters)))


def place_of(declaration_id: str) -> bytes:
    """What an archive file is bound to."""
    return sealed.place("archive", "file", (declaration_id,))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    place(path.parent, path.name, data)
