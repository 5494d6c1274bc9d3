"""`onewindow keys …` for what is sealed at rest: master keys, data keys, archive files (docs/data-protection.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from declarations.errors import BadRequest
from gateway import archiving
from gateway import masters as keys
from gateway.backup import masters_of
from gateway.cli import console
from gateway.cli.desk import DEFAULT, Json, TokenFile, Url, Who, run
from gateway.clock import system_clock
from gateway.config import load_settings


def new_master() -> None:
    """新建主密钥文件 / Make another master key. Copy it to every machine of the window, then: onewindow keys rotate-master"""
    typer.echo(keys.create(load_settings().secrets_dir, system_clock()))


def masters(url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False) -> None:
    """主密钥及其下的数据密钥 / Master keys the window knows, newest first, and what is wrapped under each."""
    found = run(lambda client: client.operations("GET", "vault"), url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
        return
    for master_id in dict.fromkeys([*found["masters"], *found["data_keys"]]):
        count = found["data_keys"].get(master_id, 0)
        free = "" if count or master_id == found["masters"][0] else "  可移除 / may be taken away"
        typer.echo(f"{master_id}  数据密钥 data keys: {count}{free}")


def rotate_master(url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False) -> None:
    """以最新主密钥重新封装数据密钥 / Wrap every data key under the newest master key; the window goes on serving."""
    done = run(lambda client: client.operations("POST", "vault/rotate-master"), url, operator, token_file, as_json)
    if as_json:
        console.print_json(done)
        return
    typer.echo(f"已重新封装 / wrapped anew: {done['rewrapped']}, 主密钥 master key {done['master']}")
    for master_id, count in done["waiting"].items():
        typer.echo(f"仍在其他主密钥之下 / still under {master_id}: {count}")


def rotate_data(
    owner: Annotated[str | None, typer.Option(help="仅该单位 / of this organisation only")] = None,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """启用新的数据密钥 / New data keys for what is sealed from now on; what is stored stays readable."""
    query = {"owner": owner}
    done = run(
        lambda client: client.operations("POST", "vault/rotate-data", query=query), url, operator, token_file, as_json
    )
    if as_json:
        console.print_json(done)
    else:
        typer.echo(f"新数据密钥 / new data keys: {done['made']}")


def seal_old(url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False) -> None:
    """加密升级前以明文保存的数据 / Seal what was stored in plain before an upgrade; the window goes on serving."""
    done = run(lambda client: client.operations("POST", "vault/seal-old"), url, operator, token_file, as_json)
    if as_json:
        console.print_json(done)
    else:
        typer.echo(f"已加密 / sealed: {sum(done['sealed'].values())}")


def open_archive(
    file: Annotated[Path, typer.Argument(help="归档文件 / a file below archive/", exists=True, dir_okay=False)],
    to: Annotated[Path, typer.Option("--to", help="新目录 / a new directory")],
) -> None:
    """打开归档文件，只需主密钥 / Open an archive file with nothing but the master key: no window, no database."""
    if to.exists():
        raise BadRequest(f"{to} is there already; name a new directory", f"{to} 已存在，请指定新目录")
    try:
        members: dict[str, Any] = archiving.open_apart(masters_of(load_settings()), file)
    except ValueError as error:
        raise BadRequest(f"{file}: {error}", f"{file} 不是归档文件") from error
    for name, data in members.items():
        path = (to / name).resolve()
        if not path.is_relative_to(to.resolve()):
            raise BadRequest(f"{file}: a member named {name!r}", f"{file} 含有异常名称 {name!r}")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)
    typer.echo(f"{to}: {len(members)} 个文件 / files")
