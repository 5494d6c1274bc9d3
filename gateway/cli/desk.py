"""How the operator's commands reach a window and show what it says: one call, an operator's token, words or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from declarations.dateforms import SHANGHAI
from gateway.cli import console
from gateway.cli.client import WindowClient, WindowRefused, read_token
from gateway.config import load_settings

T = TypeVar("T")
DEFAULT = "default"

Url = Annotated[str, typer.Option(help="窗口地址，缺省为本机 / address of the window; this machine's if left out")]
Who = Annotated[
    str,
    typer.Option(
        "--operator", "-o", help="以谁的令牌操作 / whose token: secrets/operators/<name>.token", metavar="NAME"
    ),
]
TokenFile = Annotated[Path | None, typer.Option(help="令牌文件 / a file with the token, instead of --operator")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]
Agency = Annotated[str | None, typer.Option(help="只看该机构 / of this agency only")]
Limit = Annotated[int, typer.Option(help="行数 / rows", min=1, max=200)]
Cursor = Annotated[str | None, typer.Option(help="上一页给出的 next / what the page before gave as next")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="理由 / why")]


def run(
    work: Callable[[WindowClient], Awaitable[T]], url: str, operator: str, token_file: Path | None, as_json: bool
) -> T:
    """Does `work` in a session with the window; a refusal is shown and ends the command with exit code 1."""
    settings = load_settings()
    token = read_token(token_file or settings.secrets_dir / "operators" / f"{operator}.token")

    async def session() -> T:
        certificate = None if url else settings.own_certificate
        async with WindowClient(url or settings.public_address, token, certificate) as client:
            return await work(client)

    try:
        return asyncio.run(session())
    except KeyboardInterrupt:
        raise typer.Exit(console.EXIT_FAULTS) from None
    except WindowRefused as refused:
        _say(refused.problem, as_json)
        raise typer.Exit(console.EXIT_FAULTS) from None


def _say(problem: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.print_json(problem)
        return
    console.say(f"{problem.get('detail_zh')} / {problem.get('detail')} [{problem.get('code')}]")
    if "approval_id" in problem:
        console.say(f"-> onewindow ops grant {problem['approval_id']}")


def when(moment: str | None) -> str:
    """A moment as people here read it; empty for none."""
    return f"{datetime.fromisoformat(moment).astimezone(SHANGHAI):%m-%d %H:%M:%S}" if moment else ""


def lasting(seconds: float | None) -> str:
    """A time span in its two largest units: `3d 4h`, `12m 5s`."""
    if seconds is None:
        return ""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size}{unit}")
            left %= size
    return " ".join(parts[:2])


def both(item: dict[str, Any], name: str) -> str:
    """Words of an item in both languages, one below the other."""
    zh, en = item.get(f"{name}_zh"), item.get(f"{name}_en")
    return "\n".join(dict.fromkeys(str(words) for words in (zh, en) if words))


def more(page: dict[str, Any]) -> None:
    if page.get("next"):
        typer.echo(f"更多 more: --cursor {page['next']}")
