"""`onewindow submit|status`: over HTTP, to a running window."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from declarations.errors import BadRequest
from gateway.cli import console, live
from gateway.cli.client import WindowClient, WindowRefused, read_token
from gateway.cli.files import media_type_of, read_file
from gateway.config import Settings, load_settings

Url = Annotated[str, typer.Option(help="Address of the window; this machine's if left out")]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with the bearer token; the data directory's own if left out")
]
Watch = Annotated[bool, typer.Option("--watch", help="Follow until nothing more comes by itself; Ctrl-C ends it")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]


def submit(
    file: Annotated[
        Path, typer.Argument(help="XML 或 JSON 申报单 / a declaration in XML or JSON", exists=True, dir_okay=False)
    ],
    watch: Watch = False,
    url: Url = "",
    token_file: TokenFile = None,
    correct: Annotated[str | None, typer.Option(help="更正重报 / file as its next version", metavar="ID")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key and file get the same answer again")] = None,
    as_json: Json = False,
) -> None:
    """申报 / File a declaration. Exit 0 accepted, 1 refused, 2 unreadable, 3 no window."""
    settings = load_settings()
    data = read_file(file, settings.max_body_bytes)

    async def run() -> None:
        async with _client(settings, url, token_file) as client:
            filed = await client.submit(data, media_type_of(file, data), key=idempotency_key, correcting=correct)
            if as_json:
                console.print_json(filed)
            else:
                console.print_faults(filed["warnings"])
                typer.echo(f"已接收 accepted: {filed['id']} ({filed['reference']}, v{filed['version']})")
            if watch:
                await _watch(client, filed["id"])

    _say_refusals(run(), as_json)


def status(
    declaration_id: Annotated[str, typer.Argument(metavar="ID", help="The id the filing was answered with")],
    watch: Watch = False,
    as_json: Json = False,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """状态 / Where a declaration stands, at each agency and on the whole, and what to do next."""
    settings = load_settings()
    if watch and as_json:
        raise BadRequest("--watch shows a table, --json prints once: choose one", "--watch 与 --json 只能选一个")

    async def run() -> None:
        async with _client(settings, url, token_file) as client:
            if watch:
                await _watch(client, declaration_id)
                return
            answer = await client.declaration(declaration_id)
            if as_json:
                console.print_json(answer)
            else:
                _show(answer)

    _say_refusals(run(), as_json)


def _client(settings: Settings, url: str, token_file: Path | None) -> WindowClient:
    token = read_token(token_file or settings.secrets_dir / "clients" / "default.token")
    return WindowClient(url or settings.public_address, token, None if url else settings.own_certificate)


async def _watch(client: WindowClient, declaration_id: str) -> None:
    followed = live.Followed(declaration_id)
    await live.refresh(client, [followed])
    await live.follow(client, [followed], list(followed.states), lambda: followed.ended)


def _show(answer: dict[str, Any]) -> None:
    typer.echo(
        f"{answer['reference']} v{answer['version']} {answer['id']}: {answer['status_zh']} / {answer['status_en']}"
    )
    for agency, leg in answer["legs"].items():
        said = f" ({leg['text']})" if leg["text"] else ""
        typer.echo(f"  {leg['agency_zh']} {agency}: {leg['state_zh']} / {leg['state_en']}{said}")
        console.print_faults(leg["faults"])
    for step in answer["next_steps"]:
        typer.echo(f"  -> {step['zh']} / {step['en']}")


def _say_refusals(work: Any, as_json: bool) -> None:
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        return
    except WindowRefused as refused:
        if as_json:
            console.print_json(refused.problem)
        else:
            console.say(
                f"{refused.problem.get('detail_zh')} / {refused.problem.get('detail')} [{refused.problem.get('code')}]"
            )
            if "declaration_id" in refused.problem:
                console.say(f"-> {refused.problem['declaration_id']}")
            if refused.problem.get("code") in ("invalid_declaration", "malformed_document"):
                console.print_faults(refused.problem["faults"], console.errors)
        unreadable = refused.problem.get("code") in ("malformed_document", "too_large")
        raise typer.Exit(console.EXIT_UNREADABLE if unreadable else console.EXIT_FAULTS) from None
