"""PostgreSQL's own programs for copying a database: pg_dump and pg_restore. The password goes by the environment, never by the
command line, where every user of the machine could read it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL

from declarations.errors import BadConfiguration, StorageUnavailable

DEBIAN = Path("/usr/lib/postgresql")


def dump(url: URL, target: Path) -> None:
    """One consistent snapshot of the database, in the custom format; filings go on meanwhile."""
    _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def load(url: URL, source: Path) -> None:
    """Restores a snapshot into an empty database, all or nothing."""
    database = f"--dbname={url.database}"
    _run(
        url,
        "pg_restore",
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        database,
        str(source),
    )


def require_empty(url: URL) -> None:
    """Raises BadConfiguration when the database holds a table; StorageUnavailable when it cannot be asked."""
    found = _run(url, "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", _TABLES).strip()
    if found != "0":
        raise BadConfiguration(
            f"the database {url.database} is not empty ({found} tables); create a new one and name it",
            f"数据库 {url.database} 不为空（{found} 张表），请新建数据库",
        )


_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"


def _run(url: URL, name: str, *arguments: str) -> str:
    given = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGCONNECT_TIMEOUT": "10",
    }
    environment = {**os.environ, **{key: str(value) for key, value in given.items() if value}}
    command = [_program(name), *arguments]
    # our own arguments and the operator's settings, no shell
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.strip()[-500:]
        raise StorageUnavailable(f"{name} failed: {said}", f"{name} 失败：{said}")
    return done.stdout


def _program(name: str) -> str:
    """The newest one of Debian's folders, which are on nobody's path; else the one on the path."""
    found = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise BadConfiguration(
            f"{name} is not installed; it comes with PostgreSQL's client programs",
            f"未安装 {name}（PostgreSQL 客户端程序）",
        )
    return program
