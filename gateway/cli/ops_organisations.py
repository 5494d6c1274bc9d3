"""`onewindow ops organisations …`: who asks to be let in, the organisations, their papers, their first administrators."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli import console
from gateway.cli.client import WindowClient
from gateway.cli.desk import DEFAULT, Cursor, Json, Limit, Reason, TokenFile, Url, Who, both, more, run, when

app = typer.Typer(
    no_args_is_help=True, help="单位：注册、资质、暂停 / organisations: registrations, papers, suspension"
)

RegistrationId = Annotated[str, typer.Argument(metavar="ID", help="注册申请编号 / id of a registration")]
OrganisationId = Annotated[str, typer.Argument(metavar="ID", help="单位编号 / id of an organisation")]
NUMBERS = {
    "social_credit_code": "统一社会信用代码 social credit code",
    "customs_registration_id": "海关注册编码 customs registration",
    "inspection_registration_id": "报检单位登记号 inspection registration",
}


@app.command()
def registrations(
    state: Annotated[str, typer.Option(help="pending, approved, refused")] = "pending",
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """注册申请 / Who asks to be let in, oldest first, and what of it is somebody's already."""
    query = {"state": state, "cursor": cursor, "limit": limit}
    found = run(
        lambda client: client.operations("GET", "registrations", query=query), url, operator, token_file, as_json
    )
    if as_json:
        console.print_json(found)
        return
    shown = console.table(
        "申请 registration", "时间 at", "单位 organisation", "资质 papers", "管理员 administrator", "冲突 conflicts"
    )
    for item in found["items"]:
        person = item["person"]
        conflicts = "\n".join(f"{each['message_zh']} / {each['message_en']}" for each in item["conflicts"])
        name = "\n".join([item["name"], *item["kinds"]])
        who = "\n".join(filter(None, (person["name"], person["login"], person["email"])))
        console.add(
            shown,
            f"{item['id']}\n{both(item, 'state')}",
            when(item["created_at"]),
            name,
            _papers(item["papers"]),
            who,
            conflicts,
        )
    console.out.print(shown)
    more(found)


@app.command()
def approve(
    registration_id: RegistrationId,
    verified: Annotated[
        bool, typer.Option("--papers-verified", help="已与登记信息核对 / the papers were compared with the registers")
    ] = False,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """通过注册申请 / Let an organisation in, with its first administrator."""
    found = _post(
        f"registrations/{registration_id}/approve", {"papers_verified": verified}, (url, operator, token_file, as_json)
    )
    _said(found, as_json, f"{registration_id}: 已通过 approved -> {found['organisation_id']}")


@app.command()
def refuse(
    registration_id: RegistrationId,
    reason: Reason,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """不予通过 / Refuse a registration."""
    found = _post(f"registrations/{registration_id}/refuse", {"reason": reason}, (url, operator, token_file, as_json))
    _said(found, as_json, f"{registration_id}: 未通过 refused")


@app.command("list")
def listed(
    state: Annotated[str | None, typer.Option(help="active, suspended")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """单位列表 / All organisations."""
    query = {"state": state, "cursor": cursor, "limit": limit}
    found = run(
        lambda client: client.operations("GET", "organisations", query=query), url, operator, token_file, as_json
    )
    if as_json:
        console.print_json(found)
        return
    shown = console.table("单位 organisation", "名称 name", "类型 kinds", "状态 state")
    for item in found["items"]:
        console.add(
            shown, item["id"], both(item, "name") or item["name"], "\n".join(item["kinds"]), both(item, "state")
        )
    console.out.print(shown)
    more(found)


@app.command()
def show(
    organisation_id: OrganisationId,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """单位及其资质 / One organisation with its papers."""
    path = f"organisations/{organisation_id}"
    found = run(lambda client: client.operations("GET", path), url, operator, token_file, as_json)
    papers = found["papers"]
    lines = [
        f"{found['id']}  {found['name']}  {found['state_zh']} / {found['state_en']}",
        f"管理员 administrators: {found['administrators']}",
        _papers(papers) if papers else "未填报企业资质 / no papers entered yet",
    ]
    if papers:
        lines.append("已核对 verified" if papers["verified"] else f"未核对 not verified; --seen {papers['updated_at']}")
    _said(found, as_json, "\n".join(lines))


@app.command()
def verify(
    organisation_id: OrganisationId,
    seen: Annotated[str, typer.Option(help="show 所示的更新时间 / the time of change that `show` gave")],
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """企业资质已核对 / The papers, as they were then, were compared with the registers."""
    path = f"organisations/{organisation_id}/papers/verify"
    found = _post(path, {"updated_at": seen}, (url, operator, token_file, as_json))
    _said(found, as_json, f"{organisation_id}: 已核对 verified")


@app.command()
def suspend(
    organisation_id: OrganisationId,
    reason: Reason,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """暂停单位 / Shut an organisation out at once; what it filed goes its way."""
    found = _post(f"organisations/{organisation_id}/suspend", {"reason": reason}, (url, operator, token_file, as_json))
    _said(found, as_json, f"{organisation_id}: {found['state_zh']} / {found['state_en']}")


@app.command()
def restore(
    organisation_id: OrganisationId,
    reason: Reason,
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """恢复单位 / End a suspension; people log in again, keys are made anew."""
    found = _post(f"organisations/{organisation_id}/restore", {"reason": reason}, (url, operator, token_file, as_json))
    _said(found, as_json, f"{organisation_id}: {found['state_zh']} / {found['state_en']}")


@app.command()
def invite(
    organisation_id: OrganisationId,
    email: Annotated[str, typer.Argument(help="受邀人邮箱 / whom")],
    url: Url = "",
    operator: Who = DEFAULT,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """邀请首位管理员 / Invite an administrator where there is none: agencies, operators, who lost the last."""
    path = f"organisations/{organisation_id}/invitations"
    found = _post(path, {"email": email}, (url, operator, token_file, as_json))
    _said(
        found,
        as_json,
        f"{found['token']}\n请只交给本人，{when(found['expires_at'])} 前有效，仅显示这一次 / "
        "give it to that person alone; it opens once and is not shown again",
    )


def _post(path: str, content: dict[str, Any], where: tuple[str, str, Any, bool]) -> dict[str, Any]:
    async def work(client: WindowClient) -> dict[str, Any]:
        return await client.operations("POST", path, content=content)

    return run(work, *where)


def _said(found: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        console.print_json(found)
    else:
        typer.echo(words)


def _papers(papers: dict[str, Any]) -> str:
    numbers = [f"{words}: {papers[name]}" for name, words in NUMBERS.items() if papers.get(name)]
    return "\n".join([papers["name_zh"], *numbers])
