"""`onewindow demo`: the samples of goods, or with `--vessel` a ship's call, filed and followed to their expected end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import console, ship_trial
from gateway.cli.trial import Place, file_and_follow, own_place, trial
from gateway.config import load_settings

DEMO_SECONDS = 55.0
"""The demonstration promises its end in under a minute."""
THERE_SECONDS = 180.0
"""At a window that runs already its agencies take the time they take."""


def demo(
    url: Annotated[str, typer.Option(help="已运行的窗口地址 / file the samples at a window that runs already")] = "",
    secrets: Annotated[
        Path | None,
        typer.Option(help="That window's secrets directory; ONEWINDOW_SECRETS_DIR or the data directory's own"),
    ] = None,
    vessel: Annotated[
        bool, typer.Option("--vessel", help="船舶进出口岸与许可证 / a ship's arrival, departure and port clearance")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="With --vessel: directory of the certificate; a new one if left out")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="With --vessel: the same seed, the same order of answers; another each time if left out"),
    ] = None,
) -> None:
    """演示 / The same in a temporary directory with faster agencies; exit 0 once every sample reached its expected end."""
    if url and vessel:
        raise typer.BadParameter("--vessel 使用自己的窗口 / --vessel runs a window of its own", param_hint="--url")
    try:
        if vessel:
            ship_trial.demonstrate(out, seed)
        elif url:
            asyncio.run(file_and_follow(Place(load_settings(), url.rstrip("/"), secrets), THERE_SECONDS))
        else:
            with own_place() as place:
                asyncio.run(trial(place, lambda: file_and_follow(place, DEMO_SECONDS)))
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.say("已中止 / stopped before the end")
        raise typer.Exit(console.EXIT_FAULTS) from None
    if not vessel:
        typer.echo("所有样例均达到预期结果 / every sample reached its expected end")
