"""`onewindow journal`: the journal as evidence, exported from a running window and verified without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from cryptography import x509

from adapters.keyfiles import Key, from_public
from declarations.errors import BadConfiguration, UnreadableDocument
from gateway.cli import console
from gateway.cli.client import WindowClient
from gateway.cli.desk import DEFAULT, TokenFile, Url, Who, run
from gateway.ledger import verify as proof

app = typer.Typer(no_args_is_help=True, help="日志：导出与离线核验 / The journal: export, and verify offline.")
SHOWN = 50


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="导出到此文件 / the file to write", dir_okay=False)],
    own: Annotated[
        bool,
        typer.Option("--own", help="只导出本单位（用 --token-file）/ one organisation's own, with its --token-file"),
    ] = False,
    after: Annotated[int, typer.Option(min=0, help="从该批次之后 / only batches after this one")] = 0,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
) -> None:
    """导出已封签的日志 / Export the sealed journal, as lines of JSON. Exporting is journalled."""

    async def work(client: WindowClient) -> int:
        size = 0
        part = file.with_name(f".{file.name}.part")
        try:
            with open(part, "wb") as target:
                async for piece in client.stream("journal" if own else "operations/journal", {"after": after}):
                    size += target.write(piece)
            # it bears its name only when all of it is there
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        return size

    size = run(work, url, operator, token_file, as_json=False)
    typer.echo(f"已导出 / exported: {file} ({size} 字节 bytes)")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="导出的日志 / an export")],
    keys: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="GET /api/v1/keys 的内容 / its reply")],
    anchor: Annotated[
        list[str] | None,
        typer.Option(metavar="BATCH:HASH", help="另处留存的批次 / a batch noted elsewhere; repeatable"),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="时间戳机构的根证书 PEM / its root certificates"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """离线核验日志 / Whether anything was altered, removed, inserted, reordered or cut off. No window and no network needed."""
    anchors = [_anchor(each) for each in anchor or []]
    with open(file, "rb") as source:
        try:
            report = proof.verify(_lines(source), _keys(keys), anchors=anchors, roots=_roots(authority))
        except proof.NoExport as error:
            raise UnreadableDocument(f"{file} is no export: {error}", f"{file} 不是导出的日志：{error}") from None
    if as_json:
        told = {name: value for name, value in asdict(report).items() if name != "findings"}
        console.print_json({"good": report.good, **told, "findings": [each.as_dict() for each in report.findings]})
    else:
        _show(report)
    if not report.good:
        raise typer.Exit(console.EXIT_FAULTS)


def _show(report: proof.Report) -> None:
    for each in report.findings[:SHOWN]:
        told = each.as_dict()
        typer.echo(f"{told['zh']} / {told['en']}: {each.place}" + (f" ({each.why})" if each.why else ""))
    if (left := len(report.findings) - SHOWN + report.more) > 0:
        typer.echo(f"… 另有 {left} 项 / and {left} more")
    typer.echo("核验通过 / good" if report.good else "核验未通过 / NOT good")
    typer.echo(
        f"批次 / batches: {report.batches} ({report.first_batch}-{report.last_batch}); 记录 / entries: {report.entries}"
    )
    if report.last_batch is not None:
        typer.echo(f"请留存 / note elsewhere: --anchor {report.last_batch}:{report.last_hash}")
        typer.echo(f"封签至 / sealed until: {report.sealed_until}")
    if report.timestamps:
        checked = (
            "已验证机构 authority checked"
            if report.authority_checked
            else "未验证机构 authority not checked (--authority)"
        )
        typer.echo(f"时间戳 / timestamps: {report.timestamps}, {report.timestamped_at} ({checked})")
    for key, at in report.revoked_keys.items():
        typer.echo(f"注意：密钥 {key} 已于 {at} 吊销 / mind: this key was revoked at that time")


def _lines(source: Any) -> Iterator[bytes]:
    """Lines of bounded length: a file without an end of line is not read whole."""
    while line := source.readline(proof.LONGEST_LINE + 1):
        yield line


def _anchor(text: str) -> proof.Anchor:
    found = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64})", text)
    if found is None:
        raise BadConfiguration(
            f"--anchor {text}: write it as BATCH:HASH, as `verify` and the log tell it",
            f"--anchor {text}：应写作 批次号:哈希值",
        )
    return proof.Anchor(int(found[1]), found[2])


def _keys(path: Path) -> dict[str, Key]:
    try:
        found = orjson.loads(path.read_bytes())["keys"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadConfiguration(f"{path} holds no keys", f"{path} 不含公钥") from None
    return from_public(found)


def _roots(path: Path | None) -> list[x509.Certificate]:
    if path is None:
        return []
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise BadConfiguration(f"{path} holds no certificate", f"{path} 不含证书") from None
