"""`onewindow certificate`: whether a port clearance certificate is as the window signed it, and whether it still counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
import typer

from adapters.keyfiles import Key, from_public
from adapters.keys import WINDOW, KeyRing
from declarations.errors import AgencyUnavailable, BadConfiguration, SignatureRefused
from gateway.cli import console
from gateway.config import load_settings
from gateway.paper import proof
from gateway.paper.certificate import shown
from gateway.paper.verification import LARGEST, Verified, verified

app = typer.Typer(no_args_is_help=True, help="出口岸许可证 / Port clearance certificates.")
Keys = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="GET /api/v1/keys 的内容；缺省为本机密钥 / its reply; else the keys here"),
]  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json")]
NOT_ASKED = ("not_asked", "未在线查询", "not asked online")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="许可证 PDF / the certificate's PDF")],
    keys: Keys = None,
    window: Annotated[
        str, typer.Option(help="单一窗口地址，查询当前状态 / the window's URL, to ask whether it counts")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """验证许可证 / Whether the window signed this file and nothing was changed. Without --window no network is needed.

    Ends with 0 when the file is genuine (and, asked online, valid or used), 1 when it is not.
    """
    known = _known(keys)
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    try:
        found = verified(content, known)
    except SignatureRefused as error:
        if as_json:
            console.print_json({"genuine": False, "code": error.code, "zh": error.message_zh, "en": error.message_en})
        console.say_error(error)
        raise typer.Exit(console.EXIT_FAULTS) from None
    state = asyncio.run(_asked(window, found)) if window else None
    if as_json:
        console.print_json(_told(found, state))
    else:
        _say(found, state)
    if state is not None and state["state"] not in ("valid", "used"):
        raise typer.Exit(console.EXIT_FAULTS)


@app.command("code")
def check_code(
    text: Annotated[str, typer.Argument(help="二维码内容 / what the QR code says")],
    keys: Keys = None,
) -> None:
    """验证纸质证书的二维码 / Whether the QR code of a paper is the window's; its digest must stand at the foot of the paper."""
    address, _, signed = text.strip().partition("#")
    number = address.partition("?")[0].rpartition("/")[2]
    try:
        key, digest = proof.verified(number, signed, _known(keys).values())
    except SignatureRefused as error:
        console.say_error(error)
        raise typer.Exit(console.EXIT_FAULTS) from None
    typer.echo("二维码由单一窗口签署 / the QR code is signed by the window")
    for name, value in (("number", number), ("sha256", digest.hex()), ("key", key.id)):
        typer.echo(f"{name:14} {value}")
    _mind(key)


def _known(path: Path | None) -> dict[str, Key]:
    if path is None:
        return {key.id: key for key in KeyRing(load_settings().secrets_dir / "keys").of(WINDOW)}
    try:
        return from_public(orjson.loads(path.read_bytes())["keys"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadConfiguration(f"{path} holds no keys", f"{path} 不含公钥") from None


def _told(found: Verified, state: dict[str, Any] | None) -> dict[str, Any]:
    content = found.content
    return {
        "genuine": True,
        "number": content.number,
        "ship": content.ship_name_en or content.ship_name_zh,
        "imo_number": content.imo_number,
        "port": content.port.code,
        "issued_at": content.issued_at.isoformat(),
        "sail_by": content.sail_by.isoformat(),
        "replaces": content.replaces or None,
        "sha256": content.digest.hex(),
        "key": found.key.id,
        "key_revoked_at": found.key.revoked_at.isoformat() if found.key.revoked_at else None,
        "state": state["state"] if state else None,
    }


def _say(found: Verified, state: dict[str, Any] | None) -> None:
    content = found.content
    typer.echo("签名有效，文件未被改动 / the signature is good and the file was not altered")
    office = content.office.name_en or content.office.name_zh or content.office.code
    lines = {
        "number": content.number,
        "ship": f"{content.ship_name_zh} {content.ship_name_en} (IMO {content.imo_number})".strip(),
        "port": content.port.name_en or content.port.code,
        "issued": f"{shown(content.issued_at)} {office}",
        "sail by": shown(content.sail_by),
        "replaces": content.replaces,
        "sha256": content.digest.hex(),
        "key": found.key.id,
        "state": f"{state['state_zh']} / {state['state_en']}" if state else f"{NOT_ASKED[1]} / {NOT_ASKED[2]}",
        "replaced by": str(state.get("replaced_by") or "") if state else "",
    }
    for name, value in lines.items():
        if value:
            typer.echo(f"{name:14} {value}")
    _mind(found.key)


def _mind(key: Key) -> None:
    if key.revoked_at is not None:
        typer.echo(f"注意：密钥已于 {key.revoked_at} 吊销 / mind: the key was revoked at that time")


async def _asked(window: str, found: Verified) -> dict[str, Any]:
    """What the window's public door says of it now. Raises AgencyUnavailable when nobody answers there."""
    content = found.content
    path = f"/api/v1/certificates/{quote(content.number, safe='')}/state?{urlencode({'code': content.code})}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
            session.get(window.rstrip("/") + path) as reply,
        ):
            told: Any = await reply.json(content_type=None)
            if reply.status == 200 and isinstance(told, dict) and "state" in told:
                return told
            reason = str(reply.status)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = str(error) or type(error).__name__
    raise AgencyUnavailable(f"{window} does not tell its state ({reason})", f"{window} 未返回状态（{reason}）")
