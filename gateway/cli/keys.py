"""`onewindow keys`: the keys that messages, answers and receipts are signed with, files below `<data-dir>/secrets/keys`.

A running window takes a change within a second.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.algorithms import ALGORITHMS
from adapters.keyfiles import Key
from adapters.keys import DAYS, WINDOW, KeyRing
from declarations.errors import BadConfiguration, BadRequest
from declarations.signatureterms import ED25519
from gateway.cli import console, vault
from gateway.clock import system_clock
from gateway.config import load_settings

app = typer.Typer(no_args_is_help=True, help="签名密钥与主密钥 / Signing keys and master keys.")
Algorithm = Annotated[str, typer.Option(help=", ".join(ALGORITHMS))]


def _ring() -> KeyRing:
    return KeyRing(load_settings().secrets_dir / "keys")


@app.command("list")
def show(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """列出密钥 / All keys: whose, which algorithm, in force from when to when."""
    ring, now = _ring(), system_clock()
    keys = [key for owner in ring.owners() for key in ring.of(owner)]
    if as_json:
        console.print_json([key.as_dict() for key in keys])
        return
    table = console.table("编号 id", "所有者 owner", "算法 algorithm", "起 from", "止 to", "状态 state")
    for key in keys:
        if key.revoked_at is not None:
            state = "已吊销 revoked"
        elif key.in_force(now):
            state = f"有效 in force, {(key.not_after - now).days} 天 days"
        else:
            state = "未生效 not yet" if now < key.not_before else "已过期 expired"
        dates = (f"{key.not_before:%Y-%m-%d}", f"{key.not_after:%Y-%m-%d}")
        console.add(table, key.id, key.owner, key.algorithm, *dates, state)
    console.out.print(table)


@app.command()
def new(
    algorithm: Algorithm = ED25519,
    days: Annotated[int, typer.Option(min=1, max=3650, help="有效天数 / days in force")] = DAYS,
    after_days: Annotated[int, typer.Option(min=0, max=365, help="几天后启用 / begins after so many days")] = 0,
) -> None:
    """新建窗口签名密钥 / Another key of the window. Until it begins the old one signs; the old one stays known for verifying.

    Rotation: make it with --after-days 30, send the agencies `onewindow keys public`, and let the old one end by itself.
    """
    if algorithm not in ALGORITHMS:
        raise BadRequest(f"there is no algorithm {algorithm}", f"没有算法 {algorithm}")
    _told(_ring().create(WINDOW, algorithm, system_clock() + timedelta(days=after_days), days))


@app.command("import")
def take(
    owner: Annotated[str, typer.Argument(help="机构 / agency: customs, inspection …")],
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="PEM 公钥或证书 / public key or certificate")
    ],
    algorithm: Algorithm = ED25519,
    days: Annotated[int, typer.Option(min=1, max=3650, help="信任天数 / days it is trusted")] = DAYS,
) -> None:
    """登记机构公钥 / Trust a key as an agency's. Several may be in force at once: a change without a gap."""
    known = {path.parent.name for path in load_settings().tables_dir.glob("mappings/*/agency.toml")}
    if owner not in known:
        raise BadRequest(f"there is no agency {owner}; there are {', '.join(sorted(known))}", f"没有机构 {owner}")
    now = system_clock().replace(microsecond=0)
    try:
        pem = file.read_text(encoding="ascii")
        key = _ring().add_public(owner, pem, algorithm, now, now + timedelta(days=days))
    except ValueError as error:
        raise BadConfiguration(f"{file} holds no public key in PEM", f"{file} 不是 PEM 格式的公钥") from error
    _told(key)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="密钥编号 / id of the key")]) -> None:
    """吊销密钥 / Nothing this key signed is taken any more, whenever it was signed."""
    _told(_ring().revoke(key_id, system_clock()))


@app.command()
def public() -> None:
    """输出窗口公钥 / The window's public keys as JSON, to give to agencies and to verify receipts and the journal with."""
    console.print_json({"keys": [key.as_dict() for key in _ring().of(WINDOW)]})


def _told(key: Key) -> None:
    until = f"{key.not_before:%Y-%m-%d} – {key.not_after:%Y-%m-%d}"
    revoked = "  已吊销 revoked" if key.revoked_at is not None else ""
    typer.echo(f"{key.id}  {key.owner}  {key.algorithm}  {until}{revoked}")


app.command("new-master")(vault.new_master)
app.command("rotate-master")(vault.rotate_master)
app.command("rotate-data")(vault.rotate_data)
app.command("masters")(vault.masters)
app.command("seal-old")(vault.seal_old)
app.command("open-archive")(vault.open_archive)
