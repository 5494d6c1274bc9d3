"""The content of every table version in use, kept by hash, so that an old declaration still explains itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from declarations.bundle import Bundle
from declarations.errors import NotFound
from gateway.database.prepared import Prepared
from gateway.database.schema import bundle as bundles
from gateway.database.schema import bundle_file

_KNOWN = Prepared(select(bundles.c.digest).where(bundles.c.digest == bindparam("digest")))
_KNOWN_FILES = select(bundle_file.c.sha256)
_MANIFEST = Prepared(select(bundles.c.manifest).where(bundles.c.digest == bindparam("digest")))
_FILES = select(bundle_file.c.sha256, bundle_file.c.content).where(
    bundle_file.c.sha256.in_(bindparam("hashes", expanding=True))
)


def keep(connection: Connection, bundle: Bundle, at: datetime) -> bool:
    """Keeps the files of a bundle that are not there yet. Whether it is a new one where there was another before."""
    if _KNOWN.first(connection, {"digest": bundle.digest}):
        return False
    present = set(connection.scalars(_KNOWN_FILES))
    new = {
        bundle.digests[path]: content for path, content in bundle.files.items() if bundle.digests[path] not in present
    }
    if new:
        connection.execute(insert(bundle_file), [{"sha256": sha, "content": content} for sha, content in new.items()])
    connection.execute(insert(bundles), {"digest": bundle.digest, "manifest": bundle.digests, "created_at": at})
    return bool(present)


def load(connection: Connection, digest: str) -> Bundle:
    """The bundle with this digest, byte for byte; raises NotFound."""
    manifest = _MANIFEST.scalar(connection, {"digest": digest})
    if manifest is None:
        raise NotFound(f"tables {digest} were never kept here", f"没有保存过映射表 {digest}")
    contents = {row.sha256: row.content for row in connection.execute(_FILES, {"hashes": list(set(manifest.values()))})}
    return Bundle({path: contents[sha] for path, sha in manifest.items()})
