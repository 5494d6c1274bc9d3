"""`onewindow tables …`: prove the tables, count the form, write what is generated from the dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from declarations.bundle import Bundle
from declarations.dictionary import load_form
from declarations.errors import BadConfiguration
from declarations.faults import Fault, has_errors
from declarations.formschema import form_json_schema, form_xsd
from declarations.itemlist import item_list
from declarations.rulebook import Rulebook
from declarations.stats import table_stats
from declarations.tablecheck import check_tables
from gateway.calls.tables import CallTables
from gateway.cli import console
from gateway.clock import system_clock
from gateway.config import load_settings

app = typer.Typer(no_args_is_help=True, help="映射表：检查、统计、生成 / the mapping tables: prove, count, generate")

Json = Annotated[bool, typer.Option("--json", help="JSON for scripts")]


@app.command()
def check(
    cases: Annotated[
        Path | None, typer.Option(help="Golden cases that must run every row, every `when` both ways")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove all tables; every fault names file, row and column. Exit 1 when there are any."""
    if cases is not None and not cases.is_dir():
        raise BadConfiguration(f"{cases} is no directory", f"{cases} 不是目录")
    try:
        bundle = Bundle.read(load_settings().tables_dir)
        faults = check_tables(bundle, cases, system_clock())
        if not has_errors(faults):
            # tables only the running window reads
            CallTables(Rulebook(bundle))
    except BadConfiguration as error:
        # tables too broken to be compared are faults like the others, not a failure of the command
        faults = error.faults or [Fault("T-TABLE", None, "", None, error.message_zh, error.message_en)]
    broken = [fault for fault in faults if fault.severity == "error"]
    if as_json:
        console.print_json({"valid": not broken, "faults": [fault.as_dict() for fault in faults]})
    else:
        for fault in faults:
            path, _, column = fault.pointer.partition("#")
            where = ":".join(str(part) for part in (path, fault.line, column) if part)
            typer.echo(f"{where}: {fault.message_zh} / {fault.message_en} [{fault.code}]")
        typer.echo(f"{len(broken)} 处错误 / {len(broken)} faults" if broken else "映射表无误 / the tables are sound")
    raise typer.Exit(console.EXIT_FAULTS if broken else 0)


@app.command()
def stats(as_json: Json = False) -> None:
    """Count items per form and agency, the shared ones, and how much typing the merged form saves."""
    counted = table_stats(Rulebook.load(load_settings().tables_dir))
    if as_json:
        console.print_json(counted)
        return
    for name, form in counted["forms"].items():
        shown = console.table("", "数据项 / items", title=f"{name}")
        console.add(shown, "合并表单 / merged form (base)", str(form["items"]))
        console.add(shown, "共用 / shared", str(form["shared"]))
        console.add(shown, "扩展 / ext", str(form["ext"]))
        for agency, count in form["by_agency"].items():
            console.add(
                shown, agency, f"{count['items']} (必填 mandatory {count['mandatory']}, 扩展 ext {count['ext']})"
            )
        saved = form["reduction"]
        agencies = " + ".join(saved["agencies"])
        console.add(shown, f"少填 / saved ({agencies})", f"{saved['saved']} / {saved['of']}")
        console.out.print(shown)


@app.command()
def generate(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when a file is out of date")
    ] = False,
) -> None:
    """Write the schemas and the item list that come from the dictionary."""
    root = load_settings().tables_dir
    stale = {path: text for path, text in generated(Bundle.read(root)).items() if _content(root / path) != text}
    for path, text in stale.items():
        if not check_only:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text)
        typer.echo(f"{path} {'与字典不一致 / is out of date' if check_only else '已生成 / written'}")
    if not stale:
        typer.echo("均为最新 / everything is up to date")
    raise typer.Exit(console.EXIT_FAULTS if stale and check_only else 0)


def generated(bundle: Bundle) -> dict[str, bytes]:
    """Every generated file: path below the repository -> its bytes."""
    files: dict[str, bytes] = {}
    for path in bundle.paths("mappings/forms/", ".groups.csv"):
        name = Path(path).name.removesuffix(".groups.csv")
        form = load_form(bundle, name)
        schema = orjson.dumps(form_json_schema(form), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        files[f"xsd/merged/{name}.xsd"] = form_xsd(form)
        files[f"xsd/merged/{name}.schema.json"] = schema
        files[f"docs/items-{name}.md"] = item_list(form).encode()
    return files


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
