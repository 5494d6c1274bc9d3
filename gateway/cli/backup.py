"""`onewindow backup` and `onewindow restore`: the whole window in one directory, and back (docs/backup.md)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import backup as taking
from gateway import restore as putting_back
from gateway.cli import console
from gateway.clock import system_clock
from gateway.config import Settings, load_settings

Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]


def backup(
    directory: Annotated[Path, typer.Argument(help="新目录 / a new directory, best on another disk")],
    with_master_key: Annotated[
        bool, typer.Option("--with-master-key", help="连同主密钥（默认不含）/ the master key too; by default it is not")
    ] = False,
    as_json: Json = False,
) -> None:
    """备份（服务可继续运行）/ Copy database, secrets, exchange folders and archive; the window may go on running."""
    made = taking.take(load_settings(), directory, system_clock(), with_master_key=with_master_key)
    if as_json:
        console.print_json(made)
    else:
        typer.echo(
            f"已备份 / backed up: {made['directory']} ({made['files']} 个文件 files, {made['bytes']} 字节 bytes)"
        )
        if not with_master_key:
            typer.echo(
                "备份不含主密钥，没有它备份无法读取，请另行保管 / the master key is not in it and nothing opens without it; "
                f"keep {load_settings().secrets_dir / taking.MASTER_KEYS} in another place ({', '.join(made['master_keys'][:1])})"
            )


def restore(
    directory: Annotated[Path, typer.Argument(help="备份目录 / a directory made by `onewindow backup`")],
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="保留幸存的交换目录、归档和密钥 / go on with exchange, archive, secrets that survived"
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """恢复到空位置，再补读回执 / Put a backup back where nothing is, then read again the answers in the exchange folders.

    Stop every program of the window first. Start them when this has ended.
    """
    from gateway.api import requestlog

    # what is done meanwhile goes to standard error, as in the programs that keep running
    requestlog.configure()
    settings = load_settings()
    done = putting_back.put_back(settings, directory, keep)
    done |= asyncio.run(_tell_again(settings, datetime.fromisoformat(done["taken_at"])))
    if as_json:
        console.print_json(done)
        return
    typer.echo(f"已恢复至 / restored as of {done['taken_at']}")
    answers = ", ".join(f"{state} {count}" for state, count in sorted(done["answers"].items())) or "0"
    typer.echo(f"补读回执 / answers read again: {answers}")
    typer.echo(f"待重发或待核实的报文 / messages to be sent again or in doubt: {done['in_doubt']}")
    if done["lost_count"]:
        typer.echo(
            f"备份之后受理、须重新申报 / accepted after the backup, to be filed again: {done['lost_count']}\n  "
            + "\n  ".join(done["lost"])
        )


async def _tell_again(settings: Settings, taken_at: datetime) -> dict[str, Any]:
    from gateway.wiring import open_window

    async with open_window(settings) as window:
        return await putting_back.tell_again(window, taken_at)
