"""`onewindow codes …`: bring an official code list in, after seeing what it changes and which rows that touches."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from declarations import codeload
from declarations.bundle import Bundle
from declarations.codelists import FOLDER, CodeList
from declarations.errors import BadConfiguration, NotFound
from declarations.rulebook import Rulebook
from gateway.cli import console
from gateway.cli.files import Desk, open_desk

app = typer.Typer(no_args_is_help=True, help="代码表：比对、载入官方清单 / code lists: compare and load official lists")

File = Annotated[
    Path, typer.Argument(help="CSV: code, name_zh, name_en and the list's own columns", exists=True, dir_okay=False)
]
ListName = Annotated[
    str | None, typer.Option("--list", help="Name of the list; the file's own name if left out", metavar="CL_X")
]
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it takes effect; today if left out")]
Complete = Annotated[
    bool, typer.Option("--complete", help="The file is the whole list: codes it leaves out end on that day")
]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]


@app.command()
def diff(file: File, name: ListName = None, on: On = None, complete: Complete = False, as_json: Json = False) -> None:
    """Show what an official list would change, and which table rows use what changes. Writes nothing."""
    desk = open_desk()
    rulebook = desk.rulebook
    current = _list(rulebook, file, name)
    changes = codeload.diff(current, file.read_bytes(), _day(desk, on), complete=complete)
    touched = _touched(rulebook, current, changes)
    if as_json:
        console.print_json(
            {
                "list": current.name,
                "changes": [asdict(each) for each in changes],
                "affected": [asdict(each) for each in touched],
            }
        )
        return
    _show(current, changes, touched)


@app.command()
def load(
    file: File,
    name: ListName = None,
    on: On = None,
    complete: Complete = False,
    reference: Annotated[str, typer.Option(help="Where the list comes from, for the rows' reference column")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Write although other tables must follow before a start")
    ] = False,
) -> None:
    """Write an official list into its table: old values end on the day, new ones begin; nothing is rewritten backwards."""
    desk = open_desk()
    root, rulebook = desk.settings.tables_dir, desk.rulebook
    current = _list(rulebook, file, name)
    path = f"{FOLDER}{current.name}.csv"
    data, day = file.read_bytes(), _day(desk, on)
    changes = codeload.diff(current, data, day, complete=complete)
    text = codeload.load(current, rulebook.bundle.text(path), data, day, complete=complete, reference=reference)
    _show(current, changes, _touched(rulebook, current, changes))
    try:
        Rulebook(Bundle({**rulebook.bundle.files, path: text.encode()}))
    except BadConfiguration as error:
        console.say_error(error)
        if not force:
            console.say("未写入：其他表须先补齐，或用 --force / not written: other tables must follow, or use --force")
            raise typer.Exit(console.EXIT_FAULTS) from None
    written = (root / path).with_suffix(".csv.new")
    written.write_text(text, encoding="utf-8", newline="")
    os.replace(written, root / path)
    typer.echo(f"{path}: {len(changes)} 处变化已写入 / {len(changes)} changes written")


def _list(rulebook: Rulebook, file: Path, name: str | None) -> CodeList:
    wanted = name or file.stem
    try:
        return rulebook.codes.lists[wanted]
    except KeyError:
        known = ", ".join(sorted(rulebook.codes.lists))
        raise NotFound(
            f"there is no code list {wanted!r}; say which with --list: {known}",
            f"没有代码表 {wanted}，请用 --list 指定：{known}",
        ) from None


def _day(desk: Desk, on: datetime | None) -> date:
    return on.date() if on else desk.context.today


def _touched(rulebook: Rulebook, current: CodeList, changes: list[codeload.Change]) -> list[codeload.Touched]:
    item_lists = {
        item.item_id: item.code_list
        for form in rulebook.forms.values()
        for item in form.items.values()
        if item.code_list
    }
    return codeload.affected_in(rulebook.bundle, rulebook.codes, current.name, changes, item_lists)


def _show(current: CodeList, changes: list[codeload.Change], touched: list[codeload.Touched]) -> None:
    kinds = {"added": "新增", "ended": "停用", "changed": "变更", "reopened": "恢复"}
    columns = ("", "代码 / code", "列 / column", "原 / old", "新 / new", "自 / from")
    shown = console.table(*columns, title=f"{current.name} {current.name_zh}")
    for change in changes:
        kind = f"{kinds[change.kind]} {change.kind}"
        console.add(shown, kind, change.code, change.column, change.old, change.new, change.at.isoformat())
    console.out.print(shown if changes else f"{current.name}: 无变化 / no change")
    for row in touched:
        where = f"{row.path}:{row.line}" if row.line else row.path
        typer.echo(f"{where}: {row.code} {row.reason_zh} / {row.reason_en}")
