"""`onewindow sheet read|write|template|mrz`: spreadsheets of a form's groups, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.workbooks import read_workbook
from declarations.errors import BadRequest
from declarations.limits import MAX_SHEET
from declarations.mrzrows import people_from_mrz
from declarations.rules.engine import rule_set
from declarations.rules.vessel.tables import VESSEL
from declarations.sheets.csvtext import read_csv
from declarations.sheets.reading import SheetRead, read_sheet
from declarations.sheets.writing import group_table
from gateway.cli import console
from gateway.cli.files import open_desk, read_file, whole_declaration
from gateway.sheets import form_with, shown, written

app = typer.Typer(no_args_is_help=True, help="电子表格 / Spreadsheets of a form's repeating groups")

FormName = Annotated[str, typer.Option("--form", help="表单 / goods, vessel")]
GroupName = Annotated[str, typer.Option("--group", help="分组 / crew, passengers, containers …")]
Out = Annotated[Path, typer.Option("--out", help="要写的文件，.xlsx 或 .csv / the file to write", dir_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]
Scope = Annotated[str, typer.Option("--scope", help="申报范围（步骤） / what the rows are filed for")]
_CSV = (".csv", ".txt")


@app.command()
def read(
    file: Annotated[Path, typer.Argument(help="XLSX 或 CSV / a spreadsheet", exists=True, dir_okay=False)],
    form: FormName,
    group: GroupName,
    scope: Scope = "",
    mode: Annotated[str, typer.Option(help="all（全部或不读）, good（只读无误的行）, check（只检查）")] = "all",
    as_json: Json = False,
) -> None:
    """读表并逐格检查 / Rows of a spreadsheet, each fault with its cell. Exit 0 valid, 1 faults, 2 unreadable."""
    if mode not in ("all", "good", "check"):
        raise BadRequest("--mode must be all, good or check", "--mode 只能是 all、good 或 check")
    desk = open_desk()
    described = form_with(desk.rulebook, form, group)
    if scope and scope not in described.scopes:
        said = ", ".join(described.scopes)
        raise BadRequest(f"--scope must be one of {said}", f"--scope 只能是 {said}")
    data = read_file(file, MAX_SHEET)
    named = described.groups[group]
    csv = file.suffix.lower() in _CSV
    sheet = read_csv(data) if csv else read_workbook(data, group, named.name_zh, named.name_en)
    found = read_sheet(desk.rulebook, described, group, sheet, desk.context, scope=scope, mode=mode)  # type: ignore[arg-type]
    if as_json:
        console.print_json({"form": form, "group": group, **shown(found)})
    else:
        _print(found, file)
    raise typer.Exit(0 if found.valid else console.EXIT_FAULTS)


def _print(found: SheetRead, file: Path) -> None:
    for each in found.faults:
        place = each.cell or (f"row {each.row}" if each.row else "-")
        mark = "错误" if each.fault.severity == "error" else "警告"
        typer.echo(f"{place:>8}  {mark} {each.fault.code}  {each.fault.message_zh} / {each.fault.message_en}")
    typer.echo(f"{file}: {found.count} 行，{found.refused} 行有误 / {found.count} rows, {found.refused} with errors")


@app.command()
def write(
    file: Annotated[Path, typer.Argument(help="XML 或 JSON 申报单 / a declaration", exists=True, dir_okay=False)],
    group: GroupName,
    out: Out,
) -> None:
    """把一个分组写成电子表格 / A group of a declaration as a spreadsheet."""
    desk = open_desk()
    declaration = whole_declaration(desk, file)
    form = form_with(desk.rulebook, declaration.form, group)
    table = group_table(form, desk.rulebook.codes, group, desk.context.accepted_on, declaration)
    _save(out, written(table, _kind(out)))


@app.command()
def template(form: FormName, group: GroupName, out: Out, scope: Scope = "") -> None:
    """下载空表 / The empty spreadsheet of a group, with its codes."""
    desk = open_desk()
    described = form_with(desk.rulebook, form, group)
    _save(out, written(group_table(described, desk.rulebook.codes, group, desk.context.today, scope=scope), _kind(out)))


@app.command()
def mrz(
    file: Annotated[
        Path, typer.Argument(help="护照机读码，每行一条 / lines of a passport reader", exists=True, dir_okay=False)
    ],
    group: GroupName = "crew",
    as_json: Json = False,
) -> None:
    """机读码转为船员或旅客 / Crew or passengers out of machine readable zones. Exit 0 valid, 1 faults."""
    desk = open_desk()
    form = form_with(desk.rulebook, VESSEL, group)
    tables = rule_set(desk.rulebook, VESSEL).tables
    if group not in tables.mrz_items:  # type: ignore[attr-defined]
        raise BadRequest("--group must be crew or passengers", "--group 只能是 crew 或 passengers")
    lines = read_file(file, MAX_SHEET).decode("utf-8-sig", "replace").splitlines()
    rows, faults = people_from_mrz(form, tables, desk.rulebook.words, group, lines, desk.context.today)  # type: ignore[arg-type]
    wrong = any(fault.severity == "error" for fault in faults)
    if as_json:
        console.print_json({"group": group, "rows": rows, "faults": [fault.as_dict() for fault in faults]})
    else:
        console.print_faults([fault.as_dict() for fault in faults])
        for row in rows:
            typer.echo("  ".join(row.values()))
    raise typer.Exit(console.EXIT_FAULTS if wrong else 0)


def _kind(out: Path) -> str:
    return "csv" if out.suffix.lower() in _CSV else "xlsx"


def _save(out: Path, data: bytes) -> None:
    out.write_bytes(data)
    typer.echo(str(out))
