"""How the operator's commands show what the window says, as tables of words in both languages."""

from __future__ import annotations

from typing import Any

import typer

from gateway.cli import console
from gateway.cli.desk import both, lasting, more, when


def channel(item: dict[str, Any]) -> str:
    if item["paused"]:
        return f"暂停 paused: {item['paused']['by']} {when(item['paused']['at'])}\n{item['paused']['reason']}"
    state = item["breaker"]["state"]
    if state == "open":
        return f"熔断 circuit open, {when(item['breaker']['resumes_at'])}"
    return "试探 trying" if state == "trying" else "正常 ok"


def documents(counts: dict[str, Any]) -> str:
    """What came from an agency and is not done."""
    names = {"received": "待处理 received", "waiting": "待配 waiting", "quarantined": "隔离 quarantined"}
    kept = [f"{words} {counts[name]}" for name, words in names.items() if counts[name]]
    return "\n".join([*kept, lasting(counts["oldest_seconds"])]).rstrip()


def last(item: dict[str, Any], name: str) -> str:
    before = item[f"{name}_before"]
    return when(item[name]) or (f"< {when(before)}" if before else "-")


def stuck(found: dict[str, Any], as_json: bool) -> None:
    """Stuck and silent rows, each with what to do."""
    if as_json:
        console.print_json(found)
        return
    shown = console.table(
        "",
        "申报 declaration",
        "机构 agency",
        "情形 trouble",
        "自 since",
        "应于 expected",
        "原因 reason",
        "处理 what to do",
    )
    for item in found["items"]:
        asked = f"\n待批准 asked: {item['approval']}" if item["approval"] else ""
        tries = f"\n已试 {item['attempts']} 次 tries" if item["attempts"] else ""
        console.add(
            shown,
            "急" if item["urgent"] else "",
            f"{item['reference']}\n{item['declaration_id']}\n{item['message_id']}",
            item["agency"],
            both(item, "kind"),
            when(item["since"]),
            when(item["expected_by"]),
            both(item, "reason") + tries,
            both(item, "do") + asked,
        )
    console.out.print(shown)
    more(found)


def message(found: dict[str, Any]) -> None:
    typer.echo(f"{found['id']} {found['reference']} v{found['version']} -> {found['agency']} {found['message']}")
    typer.echo(f"申报 declaration: {found['declaration_id']}")
    typer.echo(f"发送 delivery: {found['delivery']}  状态 state: {found['state'] or '-'}")
    if found["reason_en"]:
        typer.echo(both(found, "reason"))
    for name, stage in (("原申报单 form", found["form"]), ("报文 message", found["body"])):
        typer.echo(f"{name}: {stage['size']} B sha256 {stage['sha256']} {when(stage['at'])}" if stage else f"{name}: -")
    if (queue := found["queue"]) is not None:
        typer.echo(f"队列 queue: {queue['state']} 已试 tries {queue['attempts']} 下次 next {when(queue['due_at'])}")
        if queue["last_error"]:
            typer.echo(f"  {queue['last_error']}")
    shown = console.table("时间 at", "经过 what happened", "", "谁 who")
    for act in found["acts"]:
        details = ", ".join(f"{name}={value}" for name, value in act["details"].items())
        console.add(shown, when(act["at"]), f"{act['zh']}\n{act['en']}", details, act["actor"])
    for said in found["answers"]:
        words = f"{said['zh']}\n{said['en']}" if said["known"] else f"未收录的代码 unknown code {said['code']}"
        console.add(
            shown, when(said["at"]), words, f"{said['message']} {said['code']} {said['inbox_id']}", found["agency"]
        )
    console.out.print(shown)
    approvals(found["approvals"])


def declaration(found: dict[str, Any]) -> None:
    head = found["declaration"]
    typer.echo(f"{head['reference']} v{head['version']} {head['id']}: {head['status_zh']} / {head['status_en']}")
    shown = console.table("", "编号 id", "机构 agency", "报文 message", "版本", "状态 state", "时间 at")
    for item in found["messages"]:
        cells = (item["id"], item["agency"], item["message"], str(item["version"]), item["delivery"])
        console.add(shown, "->", *cells, when(item["sent_at"] or item["accepted_at"]))
    for item in found["documents"]:
        cells = (item["id"], item["agency"], item["message"], str(item["version"]), item["state"])
        console.add(shown, "<-", *cells, when(item["received_at"]))
    console.out.print(shown)


def document(found: dict[str, Any]) -> None:
    typer.echo(f"{found['id']} {found['agency']} {found['name'] or ''} {found['size']} B sha256 {found['sha256']}")
    typer.echo(f"{found['state_zh']} / {found['state_en']} {when(found['received_at'])}")
    if found["reason_en"]:
        typer.echo(both(found, "reason"))
    reading = found["reading"]
    if not reading["readable"]:
        typer.echo(f"现行映射表仍无法读取 / the tables in force cannot read it: {reading['reason_en']}")
    shown = console.table("回执 answer", "时间 at", "所指 refers to", "原文 text", "处理 taken up")
    for each in reading["answers"]:
        words = f"{each['zh']}\n{each['en']}" if each["known"] else "未收录 unknown code"
        refers = [each[name] for name in ("refers_to", "agency_reference", "unified_number") if each[name]]
        taken = each["declaration_id"] if each["taken"] else "否 no"
        head = f"{each['message']} {each['code']}\n{words}"
        console.add(shown, head, when(each["at"]), "\n".join(refers), each["text"] or "", taken)
    console.out.print(shown)
    approvals(found["approvals"])


def approvals(items: list[dict[str, Any]]) -> None:
    if not items:
        return
    shown = console.table(
        "申请 approval", "处理 act", "对象 target", "理由 reason", "谁 by", "状态 state", "结果 outcome"
    )
    for item in items:
        asked = f"{item['asked_by']} {when(item['asked_at'])}"
        decided = f"{both(item, 'state')}\n{item['decided_by'] or ''} {when(item['decided_at'])}".rstrip()
        cells = (item["id"], both(item, "act"), item["target"], item["reason"], asked, decided, both(item, "outcome"))
        console.add(shown, *cells)
    console.out.print(shown)
