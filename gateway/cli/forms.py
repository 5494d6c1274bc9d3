"""`onewindow check|split|convert|explain`: a declaration in a file, without a server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from declarations.convert import to_json, to_xml
from declarations.errors import BadRequest, NotFound
from declarations.explain import explain_message, item_of
from declarations.form import Declaration
from declarations.parsing import parse_xml
from declarations.routing import Leg, plan
from declarations.split import carried, render
from gateway.cli import console
from gateway.cli.files import Desk, check_file, open_desk, valid_declaration, whole_declaration

File = Annotated[
    Path, typer.Argument(help="XML 或 JSON 申报单 / a declaration in XML or JSON", exists=True, dir_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]
ClearanceForm = Annotated[
    str, typer.Option("--clearance-form", help="通关单号 / the clearance form a waiting message gets", metavar="NUMBER")
]


def check(file: File, as_json: Json = False) -> None:
    """检查申报单 / Check a declaration: every fault at once. Exit 0 valid, 1 faults, 2 unreadable."""
    checked = check_file(open_desk(), file)
    faults = [fault.as_dict() for fault in checked.faults]
    if as_json:
        console.print_json({"valid": checked.valid, "faults": faults})
    else:
        console.print_faults(faults)
        errors = sum(fault["severity"] == "error" for fault in faults)
        verdict = ("可以申报", "valid") if checked.valid else ("不能申报", "not valid")
        typer.echo(
            f"{file}: {verdict[0]}，{errors} 处错误，{len(faults) - errors} 处警告 / "
            f"{verdict[1]}, {errors} errors, {len(faults) - errors} warnings"
        )
    raise typer.Exit(0 if checked.valid else console.EXIT_FAULTS if checked.readable else console.EXIT_UNREADABLE)


def split(
    file: File,
    out: Annotated[Path, typer.Option(help="Directory the messages are written to", file_okay=False)],
    as_json: Json = False,
    clearance_form: ClearanceForm = "",
) -> None:
    """拆分为各机构报文 / Write each agency's message. One that would wait is a preview until --clearance-form is given."""
    if clearance_form and not re.fullmatch("[0-9]{18}", clearance_form):
        raise BadRequest("--clearance-form takes 18 digits", "--clearance-form 应为 18 位数字")
    desk = open_desk()
    declaration = valid_declaration(desk, file)
    made = [(leg, _message(desk, declaration, leg, clearance_form)) for leg in _legs(desk, declaration)]
    out.mkdir(parents=True, exist_ok=True)
    written = [_write(desk, leg, body, out, clearance_form) for leg, body in made]
    if as_json:
        console.print_json(written)
        return
    for row in written:
        typer.echo(
            f"{row['agency']} {row['message']} {row['version']}: {row['file']} (符合报文规范 / valid by the schema)"
        )
        if row["waits_for"]:
            typer.echo(
                f"  预览：等待 {row['waits_for']} 后才发送 / a preview: it is sent once {row['waits_for']} is there; "
                "--clearance-form NUMBER"
            )


def convert(
    file: File,
    to: Annotated[str, typer.Option(help="xml or json")],
    out: Annotated[Path | None, typer.Option(help="File to write; the terminal if left out")] = None,
) -> None:
    """XML 与 JSON 互转 / Turn a declaration from XML into JSON or back, without loss."""
    writers = {"xml": to_xml, "json": to_json}
    if to not in writers:
        raise BadRequest("--to must be xml or json", "--to 只能是 xml 或 json")
    desk = open_desk()
    data = writers[to](desk.rulebook, whole_declaration(desk, file))
    if out is None:
        typer.echo(data, nl=False)
    else:
        out.write_bytes(data)
        typer.echo(str(out))


def explain(
    file: File,
    agency: Annotated[str, typer.Option(help="customs, inspection …")],
    target: Annotated[
        str | None, typer.Option(help="报文元素 / path in the agency's message: DecLists/DecList[2]/GName")
    ] = None,
    pointer: Annotated[
        str | None, typer.Option(help="表单字段 / field of the form: /goods_items/1/goods_description")
    ] = None,
    element: Annotated[
        str | None, typer.Option(help="机构所指元素 / an element the agency points at: back to the field")
    ] = None,
    as_json: Json = False,
    clearance_form: ClearanceForm = "",
) -> None:
    """值从何来、到何处去 / Where a value came from (--target), where a field went (--pointer), which field it is (--element)."""
    if sum(each is not None for each in (target, pointer, element)) != 1:
        raise BadRequest("give one of --target, --pointer, --element", "请给出 --target、--pointer、--element 之一")
    desk = open_desk()
    declaration = whole_declaration(desk, file)
    legs = [leg for leg in _legs(desk, declaration) if leg.agency == agency]
    if not legs:
        raise NotFound(f"this declaration sends {agency} nothing", f"该申报单没有发往 {agency} 的报文")
    if element is not None:
        _show_origins(_origins(desk, declaration, legs, element, clearance_form), element, as_json)
    else:
        _show_traces(_traces(desk, declaration, legs, target, pointer, clearance_form), as_json)


def _legs(desk: Desk, declaration: Declaration) -> list[Leg]:
    return plan(desk.rulebook, declaration, desk.context.accepted_on)


def _filing(desk: Desk, declaration: Declaration, leg: Leg, clearance_form: str) -> dict[str, str]:
    """The window's own values as filing now would have them, and what a waiting message is given by hand."""
    own = desk.filing_values(declaration)
    if not (leg.waits_for and clearance_form):
        return own
    return own | carried(desk.rulebook, leg, clearance_form, declaration, desk.context.accepted_on)


def _message(desk: Desk, declaration: Declaration, leg: Leg, clearance_form: str) -> bytes:
    filing = _filing(desk, declaration, leg, clearance_form)
    return render(desk.rulebook, leg, declaration, filing, desk.context.accepted_on)


def _write(desk: Desk, leg: Leg, body: bytes, out: Path, clearance_form: str) -> dict[str, Any]:
    """Write one message and prove what was written, from the file, by the agency's schema.

    A message that would wait is named a preview, so that nobody takes it for the one that is sent.
    """
    waits = bool(leg.waits_for) and not clearance_form
    path = out / f"{leg.agency}-{leg.message}{'.preview' if waits else ''}.xml"
    path.write_bytes(body)
    table = desk.rulebook.agencies[leg.agency].table(leg.message, leg.version)
    valid = desk.rulebook.schema(table.schema).validate(parse_xml(path.read_bytes()))
    return {
        "agency": leg.agency,
        "message": leg.message,
        "version": leg.version,
        "file": str(path),
        "schema_valid": valid,
        "waits_for": leg.waits_for if waits else None,
    }


def _traces(
    desk: Desk,
    declaration: Declaration,
    legs: Iterable[Leg],
    target: str | None,
    pointer: str | None,
    clearance_form: str,
) -> list[dict[str, Any]]:
    on = desk.context.accepted_on
    return [
        found
        for leg in legs
        for found in explain_message(
            desk.rulebook,
            desk.rulebook.agencies[leg.agency].table(leg.message, leg.version),
            declaration,
            _filing(desk, declaration, leg, clearance_form),
            on,
            target=target,
            pointer=pointer,
        )
    ]


def _origins(
    desk: Desk, declaration: Declaration, legs: Iterable[Leg], element: str, clearance_form: str
) -> list[dict[str, Any]]:
    found = []
    for leg in legs:
        table = desk.rulebook.agencies[leg.agency].table(leg.message, leg.version)
        filing = _filing(desk, declaration, leg, clearance_form)
        origin = item_of(desk.rulebook, table, declaration, filing, desk.context.accepted_on, element)
        if origin is not None:
            item = desk.rulebook.forms[declaration.form].items.get(origin.item or "")
            names = {"item_name_zh": item.name_zh if item else None, "item_name_en": item.name_en if item else None}
            found.append({"agency": leg.agency, "message": leg.message, **asdict(origin), **names})
    return found


def _show_origins(found: list[dict[str, Any]], element: str, as_json: bool) -> None:
    if not found:
        raise NotFound(f"no field of the form is behind {element}", f"{element} 不对应表单字段")
    if as_json:
        console.print_json(found)
        return
    for origin in found:
        near = "" if origin["exact"] else " (所在行 / the row it would stand in)"
        typer.echo(f"{element} <- {origin['pointer']} {origin['item_name_zh']} / {origin['item_name_en']}{near}")


def _show_traces(found: list[dict[str, Any]], as_json: bool) -> None:
    if not found:
        raise NotFound("the message has no such value", "报文中没有这个值")
    if as_json:
        console.print_json(found)
        return
    for each in found:
        shown = console.table("", "", title=f"{each['agency']} {each['message']} {each['version']} {each['target']}")
        shown.show_header = False
        error = each["error"]
        console.add(shown, "值 value", each["value"] if error is None else f"{error['zh']} / {error['en']}")
        if each["item"]:
            console.add(shown, "数据项 item", f"{each['item']} {each['item_name_zh']} / {each['item_name_en']}")
            console.add(shown, "字段 field", f"{each['pointer']} = {each['typed']}")
        elif each["source"]:
            console.add(shown, "来源 source", f"{each['source']} = {each['typed']}")
        console.add(shown, "规则 rule", f"{each['line']} {each['how']} {each['arg']}".rstrip())
        if each["when"]:
            console.add(shown, "条件 when", each["when"])
        if each["code_row"]:
            row = each["code_row"]
            console.add(shown, "代码 code row", f"{row['path']}:{row['row']}  {row['code']} -> {row['agency_code']}")
        table = each["table"]
        console.add(shown, "映射表 table", f"{table['path']}:{table['row']}  sha256 {table['sha256'][:12]}")
        console.add(shown, "报文规范 schema", f"{each['schema']['path']}  sha256 {each['schema']['sha256'][:12]}")
        if each["reference"]:
            console.add(shown, "依据 reference", each["reference"])
        console.out.print(shown)
