"""`onewindow receipt`: what the window signed for an accepted filing, verified without the window."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from adapters.keyfiles import from_public
from declarations.errors import BadConfiguration, BadSignature
from gateway import receipts
from gateway.cli import console

app = typer.Typer(no_args_is_help=True, help="受理凭证 / Receipts.")
File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="凭证，或含 receipt 的应答 / receipt, or the 202")
]


@app.command()
def verify(
    file: File,
    keys: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="GET /api/v1/keys 的内容 / its reply")],
    document: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="所提交的报文 / the declaration as it was sent")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """验证受理凭证 / Whether the window signed this receipt, and whether it is for this document. No network, no server."""
    told = receipts.verified(_receipt(file.read_bytes()), from_public(_keys(keys)))
    if document is not None and hashlib.sha256(document.read_bytes()).hexdigest() != told["sha256"]:
        raise BadSignature("the receipt is for another document", "受理凭证所指的不是该文件")
    if as_json:
        console.print_json(told)
        return
    key = told.pop("key")
    typer.echo("签名有效 / the signature is good")
    for name, value in told.items():
        if value is not None:
            typer.echo(f"{name:14} {value}")
    typer.echo(f"{'key':14} {key['id']}")
    if key["revoked_at"]:
        typer.echo(f"注意：密钥已于 {key['revoked_at']} 吊销 / mind: the key was revoked at that time")


def _receipt(content: bytes) -> str:
    """The receipt itself, or the member `receipt` of a reply that was kept."""
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            text = str(orjson.loads(content)["receipt"])
        except (orjson.JSONDecodeError, KeyError):
            raise BadSignature("there is no receipt in this file", "文件中没有受理凭证") from None
    return text


def _keys(path: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = orjson.loads(path.read_bytes())["keys"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadConfiguration(f"{path} holds no keys", f"{path} 不含公钥") from None
    return found
