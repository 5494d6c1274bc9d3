"""`onewindow ops …`, reading: what waits, what is stuck, who is silent, every message and document as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from declarations.errors import BadRequest, MoveNotAllowed
from gateway import identity
from gateway.cli import console, ops_acts, ops_organisations, ops_show
from gateway.cli.client import WindowClient
from gateway.cli.desk import (
    DEFAULT,
    Agency,
    Cursor,
    Json,
    Limit,
    TokenFile,
    Url,
    Who,
    both,
    lasting,
    more,
    run,
    when,
)
from gateway.config import load_settings

app = typer.Typer(
    no_args_is_help=True, help="运行值班：队列、滞留、补发 / the operator's desk: queues, what is stuck, repairs"
)
app.command()(ops_acts.ask)
app.command()(ops_acts.grant)
app.command()(ops_acts.refuse)
app.command()(ops_acts.approvals)
app.command()(ops_acts.pause)
app.command()(ops_acts.resume)
app.command("test")(ops_acts.channel_test)
app.command()(ops_acts.replay)
app.command()(ops_acts.archive)
app.command()(ops_acts.retention)
app.add_typer(ops_organisations.app, name="organisations")

SaveTo = Annotated[
    Path | None, typer.Option("--save", help="各阶段原文存入此目录 / save every stage's bytes here", file_okay=False)
]


@app.command()
def queues(url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False) -> None:
    """各机构队列 / What waits at each agency's door, both ways."""
    found = run(lambda client: client.operations("GET", "queues"), url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
        return
    shown = console.table(
        "机构\nagency", "加急\nurgent", "普通\nordinary", "发送中\nunder way", "滞留\nheld", "最久\noldest", "待号\nwaiting",
        "逾期\nsilent", "通道\nchannel", "上次发送、回执\nsent, heard", "回执文件\ndocuments",
    )  # fmt: skip
    for item in found["items"]:
        console.add(
            shown,
            f"{item['agency_zh']}\n{item['agency']}",
            *(str(item[name]) for name in ("urgent", "ordinary", "under_way", "held")),
            lasting(item["oldest_seconds"]),
            str(item["waiting"]),
            str(item["silent"]),
            ops_show.channel(item),
            f"{ops_show.last(item, 'last_delivered')}\n{ops_show.last(item, 'last_heard')}",
            ops_show.documents(item["documents"]),
        )
    console.out.print(shown)
    if found["approvals_pending"]:
        typer.echo(f"待批准 to be granted: {found['approvals_pending']} (onewindow ops approvals)")


@app.command()
def stuck(
    agency: Agency = None,
    minutes: Annotated[int, typer.Option(help="在队列中超过几分钟 / queued for longer", min=0)] = 30,
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """滞留的申报，加急在前 / Declarations that do not move; urgent ones first."""
    query = {"agency": agency, "minutes": minutes, "cursor": cursor, "limit": limit}
    ops_show.stuck(
        run(lambda client: client.operations("GET", "stuck", query=query), url, operator, token_file, as_json), as_json
    )


@app.command()
def silent(
    agency: Agency = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """逾期未回执 / Declarations whose agency should have spoken by now."""
    query = {"agency": agency, "cursor": cursor, "limit": limit}
    ops_show.stuck(
        run(lambda client: client.operations("GET", "silent", query=query), url, operator, token_file, as_json), as_json
    )


@app.command()
def messages(
    message_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="报文编号 / id of one message")] = None,
    declaration: Annotated[str | None, typer.Option(help="该申报的全部报文 / all of this declaration")] = None,
    save: SaveTo = None,
    agency: Agency = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """待处理的报文，或某一报文的各阶段 / Messages to see to; with an ID that one, stage by stage. Looking is journalled."""

    async def work(client: WindowClient) -> dict[str, Any]:
        if message_id is None:
            query = {"declaration": declaration, "agency": agency, "cursor": cursor, "limit": limit}
            return await client.operations("GET", "messages", query=query)
        found = await client.operations("GET", f"messages/{message_id}")
        if save is not None:
            stages = {f"{message_id}.form": found["form"], f"{message_id}.message.xml": found["body"]}
            said = {f"{each['inbox_id']}.answer.xml": each for each in found["answers"]}
            await _save(client, save, {name: each["url"] for name, each in stages.items() if each})
            await _save(client, save, {name: f"{each['url']}/body" for name, each in said.items()})
        return found

    found = run(work, url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
    elif message_id is not None:
        ops_show.message(found)
    elif declaration is not None:
        ops_show.declaration(found)
    else:
        ops_show.stuck(found, False)


@app.command()
def document(
    inbox_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="回执文件编号 / id of one document")] = None,
    state: Annotated[str | None, typer.Option(help="received, waiting, quarantined")] = None,
    save: SaveTo = None,
    agency: Agency = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """未处理完的回执文件，或某一文件 / Documents of agencies that are not done; with an ID that one. Looking is journalled."""

    async def work(client: WindowClient) -> dict[str, Any]:
        if inbox_id is None:
            query = {"state": state, "agency": agency, "cursor": cursor, "limit": limit}
            return await client.operations("GET", "documents", query=query)
        found = await client.operations("GET", f"documents/{inbox_id}")
        if save is not None:
            await _save(client, save, {f"{inbox_id}.answer.xml": found["url"]})
        return found

    found = run(work, url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
    elif inbox_id is not None:
        ops_show.document(found)
    else:
        shown = console.table("收到 received", "机构 agency", "状态 state", "原因 reason", "编号 id", "文件 file")
        for item in found["items"]:
            reason = both(item, "reason") + (f"\n待批准 asked: {item['approval']}" if item["approval"] else "")
            cells = (when(item["received_at"]), item["agency"], both(item, "state"), reason, item["id"])
            console.add(shown, *cells, item["name"] or "")
        console.out.print(shown)
        more(found)


@app.command()
def processes(url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False) -> None:
    """运行中的程序 / The running programs; exit 1 when a clock is off or one gives no sign of life."""
    found = run(lambda client: client.operations("GET", "processes"), url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
    else:
        shown = console.table(
            "程序 kind", "主机 host", "pid", "版本 version", "启动 started", "信号 seen", "时差 skew", ""
        )
        for item in found["items"]:
            seen, skew = f"{lasting(item['silent_seconds'])}", f"{item['skew_seconds']:+.1f}s"
            cells = (
                item["kind"],
                item["host"],
                str(item["pid"]),
                item["version"],
                when(item["started_at"]),
                seen,
                skew,
            )
            console.add(shown, *cells, both(item, "flags"))
        console.out.print(shown)
    if any(item["flagged"] for item in found["items"]):
        raise typer.Exit(console.EXIT_FAULTS)


@app.command()
def token(name: Annotated[str, typer.Argument(help="名称 / name, as it will stand in the journal")]) -> None:
    """新增一名运行人员 / Make a token for another operator on this machine; a running window takes it at once."""
    try:
        path = identity.create_operator(load_settings().secrets_dir, name)
    except (BadRequest, MoveNotAllowed) as error:
        console.say_error(error)
        raise typer.Exit(console.EXIT_FAULTS) from None
    typer.echo(f"已生成 made: {path}")
    typer.echo("请只交给本人；删除该文件即停用 / give it to that person alone; removing the file ends it")


async def _save(client: WindowClient, directory: Path, stages: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, url in stages.items():
        (directory / name).write_bytes(await client.download(url))
