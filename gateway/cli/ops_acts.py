"""`onewindow ops …`, acting: what needs two operators, pause and resume, channel test, replay, archive and retention."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli import console, ops_show
from gateway.cli.client import WindowClient
from gateway.cli.desk import DEFAULT, Agency, Cursor, Json, Limit, Reason, TokenFile, Url, Who, both, more, run

AgencyName = Annotated[str, typer.Argument(metavar="AGENCY", help="机构 / an agency, as in mappings/<agency>")]
ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="申请编号 / id of what was asked")]
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="上海时间，含当日 / a day in Shanghai, included")
]
Batch = Annotated[int, typer.Option(help="至多几份 / declarations at most", min=1, max=2_000)]


def ask(
    act: Annotated[str, typer.Argument(help="resend 补发, release 确认已收到, requeue 重新处理回执, retention 清理")],
    target: Annotated[str, typer.Argument(help="报文或回执文件编号 / a message id; for requeue an inbox id")],
    reason: Reason,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """申请须两人同意的处理 / Ask for an act that a second operator must grant."""
    wish = {"act": act, "target": target, "reason": reason}
    _one(lambda client: client.operations("POST", "approvals", content=wish), url, operator, token_file, as_json)


def grant(
    approval_id: ApprovalId,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """批准并执行（须非申请人）/ Grant it, which does it; not by whoever asked."""
    path = f"approvals/{approval_id}/grant"
    _one(lambda client: client.operations("POST", path), url, operator, token_file, as_json)


def refuse(
    approval_id: ApprovalId,
    reason: Annotated[str, typer.Option("--reason", "-r", help="理由 / why")] = "",
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """拒绝；申请人本人则为撤回 / Refuse it; by whoever asked: take it back."""
    path = f"approvals/{approval_id}/refuse"
    why = {"reason": reason}
    _one(lambda client: client.operations("POST", path, content=why), url, operator, token_file, as_json)


def approvals(
    state: Annotated[str | None, typer.Option(help="pending, done, refused, withdrawn")] = "pending",
    every: Annotated[bool, typer.Option("--all", help="全部 / whatever their state")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """申请列表 / What was asked, newest first."""
    query = {"state": None if every else state, "cursor": cursor, "limit": limit}
    found = run(lambda client: client.operations("GET", "approvals", query=query), url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
    else:
        ops_show.approvals(found["items"])
        more(found)


def pause(
    agency: AgencyName,
    reason: Reason,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """暂停向某机构发送 / Send nothing to an agency; filings and answers are still taken."""
    _switch("pause", agency, reason, (url, operator, token_file, as_json))


def resume(
    agency: AgencyName,
    reason: Reason,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """恢复发送并复位熔断 / Send again; closes the circuit breaker too."""
    _switch("resume", agency, reason, (url, operator, token_file, as_json))


def channel_test(
    agency: AgencyName, url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False
) -> None:
    """测试通道，不发送报文 / Does the agency's channel answer? Nothing is sent. Exit 1 when it does not."""
    path = f"agencies/{agency}/test"
    found = run(lambda client: client.operations("POST", path), url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
    else:
        typer.echo(f"{agency}: {found['zh']} / {found['en']} ({found['milliseconds']} ms)")
    if not found["ok"]:
        raise typer.Exit(console.EXIT_FAULTS)


def replay(
    since: Day = None,
    until: Day = None,
    agency: Agency = None,
    declaration: Annotated[str | None, typer.Option(help="只读该申报的回执 / of this declaration only")] = None,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """按现行映射表重读已存回执 / Read stored answers again by the tables in force; what was taken changes nothing."""
    what: dict[str, Any] = {"agency": agency, "declaration": declaration}
    what |= {name: f"{day:%Y-%m-%d}" for name, day in (("since", since), ("until", until)) if day}

    async def work(client: WindowClient) -> dict[str, Any]:
        counts: dict[str, int] = {}
        cursor: str | None = None
        while True:
            found = await client.operations("POST", "replay", content={**what, "cursor": cursor})
            counts = {name: counts.get(name, 0) + value for name, value in found["counts"].items()}
            cursor = found["next"]
            if cursor is None:
                return {"counts": counts}

    found = run(work, url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
    else:
        typer.echo("  ".join(f"{name} {value}" for name, value in found["counts"].items()))


def archive(
    limit: Batch = 500, url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False
) -> None:
    """归档办结的申报 / Write ended declarations to archive files; removes nothing."""
    content = {"limit": limit}
    _result(
        run(lambda client: client.operations("POST", "archive", content=content), url, operator, token_file, as_json)
    )


def retention(
    limit: Batch = 500, url: Url = "", operator: Who = DEFAULT, token_file: TokenFile = None, as_json: Json = False
) -> None:
    """超过保存期限的申报（只列出）/ What is past its term; removes nothing. To remove: ops ask retention retention."""
    query = {"limit": limit}
    _result(run(lambda client: client.operations("GET", "retention", query=query), url, operator, token_file, as_json))


def _one(
    work: Callable[[WindowClient], Awaitable[dict[str, Any]]],
    url: str,
    operator: str,
    token_file: Path | None,
    as_json: bool,
) -> None:
    found = run(work, url, operator, token_file, as_json)
    if as_json:
        console.print_json(found)
        return
    typer.echo(
        f"{found['id']} {found['act_zh']} {found['act_en']} {found['target']}: {found['state_zh']} / {found['state_en']}"
    )
    if found["outcome_en"]:
        typer.echo(both(found, "outcome"))
    elif found["state"] == "pending":
        typer.echo(f"请另一人执行 a second operator: onewindow ops grant {found['id']} --operator NAME")


def _switch(how: str, agency: str, reason: str, where: tuple[str, str, Path | None, bool]) -> None:
    path, why = f"agencies/{agency}/{how}", {"reason": reason}
    found = run(lambda client: client.operations("POST", path, content=why), *where)
    if where[-1]:
        console.print_json(found)
    else:
        typer.echo(f"{agency}: " + ("已暂停 / paused" if found["paused"] else "正常发送 / sending"))


def _result(found: dict[str, Any]) -> None:
    """Archive and retention answer with counts and lists: shown as they are."""
    console.print_json(found["result"])
