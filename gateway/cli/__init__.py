"""The `onewindow` command: each group of commands in a small module of its own."""

from __future__ import annotations

import typer

from gateway.cli import (
    backup,
    codes,
    console,
    demo,
    filing,
    forms,
    journal,
    keys,
    ops,
    papers,
    receipts,
    server,
    sheets,
    tables,
    trial,
)

app = typer.Typer(
    cls=console.WordsGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="国际贸易单一窗口 / A single window for international trade. Settings are ONEWINDOW_* variables.",
)
app.command()(forms.check)
app.command()(forms.split)
app.command()(forms.convert)
app.command()(forms.explain)
app.add_typer(tables.app, name="tables")
app.add_typer(codes.app, name="codes")
app.add_typer(sheets.app, name="sheet")
app.add_typer(ops.app, name="ops")
app.add_typer(keys.app, name="keys")
app.add_typer(journal.app, name="journal")
app.add_typer(receipts.app, name="receipt")
app.add_typer(papers.app, name="certificate")
app.command()(server.serve)
app.command()(server.worker)
app.command()(server.consume)
app.command()(server.simulate)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(filing.submit)
app.command()(filing.status)
app.command()(trial.run)
app.command()(demo.demo)
