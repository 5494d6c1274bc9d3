"""What the commands print: JSON for scripts (always UTF-8), tables and words for people; refusals are words, never tracebacks."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from declarations.errors import InvalidDeclaration, NotFound, OnewindowError, UnreadableDocument, UnreadableSheet

EXIT_FAULTS = 1
"""The thing was read and has faults, or was refused."""
EXIT_UNREADABLE = 2
"""The file or the arguments cannot be read."""
EXIT_WINDOW = 3
"""The window itself: tables or settings are broken, the server does not answer, the database is taken."""

out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 160)
errors = Console(stderr=True, soft_wrap=True)


def exit_code(error: OnewindowError) -> int:
    """What a script learns from an error without reading words."""
    if isinstance(error, (UnreadableDocument, UnreadableSheet)):
        return EXIT_UNREADABLE
    return EXIT_FAULTS if isinstance(error, (InvalidDeclaration, NotFound)) else EXIT_WINDOW


class WordsGroup(TyperGroup):
    """The command group that turns every expected error into words and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # a terminal in an old encoding must not turn an answer into a crash
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except OnewindowError as error:
            say_error(error)
            raise typer.Exit(exit_code(error)) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            say(f"{where}{error.strerror or error}")
            raise typer.Exit(EXIT_UNREADABLE) from None


def print_json(value: Any) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))


def say(words: str) -> None:
    """A line on stderr."""
    errors.print(escape(words), highlight=False)


def say_error(error: OnewindowError) -> None:
    say(error.message_en if error.message_zh == error.message_en else f"{error.message_zh} / {error.message_en}")
    print_faults([fault.as_dict() for fault in error.faults], errors)


def print_faults(faults: Iterable[Mapping[str, Any]], console: Console | None = None) -> None:
    """Faults one below the other: where, which rule, and the words in both languages."""
    for fault in faults:
        colour, zh = ("yellow", "警告") if fault["severity"] == "warning" else ("red", "错误")
        line = f" 第 {fault['line']} 行 line {fault['line']}" if fault["line"] else ""
        agency = f" [{fault['agency']}]" if fault["agency"] else ""
        head = f"[{colour}]{zh} {fault['severity']}[/] [bold]{escape(str(fault['code']))}[/]"
        (console or out).print(f"{head} {escape(str(fault['pointer'] or '/'))}{line}{escape(agency)}", highlight=False)
        (console or out).print(f"  {escape(str(fault['message_zh']))}", highlight=False)
        (console or out).print(f"  {escape(str(fault['message_en']))}", highlight=False)


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def add(shown: Table, *cells: str) -> None:
    """A row of plain text: brackets in a trader's values are no markup."""
    shown.add_row(*(Text(cell) for cell in cells))
