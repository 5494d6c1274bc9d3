"""The `onewindow` command: each group of commands in a small module of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer

from gateway.cli import console

COMMANDS = {
    "check": "forms",
    "split": "forms",
    "convert": "forms",
    "explain": "forms",
    "tables": "tables.app",
    "codes": "codes.app",
    "sheet": "sheets.app",
    "ops": "ops.app",
    "keys": "keys.app",
    "journal": "journal.app",
    "receipt": "receipts.app",
    "certificate": "papers.app",
    "serve": "server",
    "worker": "server",
    "consume": "server",
    "simulate": "server",
    "backup": "backup",
    "restore": "backup",
    "submit": "filing",
    "status": "filing",
    "run": "trial",
    "demo": "demo",
}
"""Commands in the order of `--help` -> the module that holds the function of the same name, or the group it names."""


class OnDemand(Mapping[str, Any]):
    """The commands, each imported when it is asked for: `check` does not wait for what only `serve` needs."""

    def __getitem__(self, name: str) -> Any:
        module, _, group = COMMANDS[name].partition(".")
        found = getattr(import_module(f"gateway.cli.{module}"), group or name)
        if group:
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command()(found)
            command = typer.main.get_command(alone)
        command.name = name
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(console.WordsGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": OnDemand()})


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="国际贸易单一窗口 / A single window for international trade. Settings are ONEWINDOW_* variables.",
)


@app.callback()
def onewindow() -> None:
    """A callback makes it a group, though no command is registered."""
