"""Following declarations: one row each, in a table that renews itself, or a line per change where there is no terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.live import Live
from rich.table import Table

from gateway.cli import console
from gateway.cli.client import WindowClient

POLL_SECONDS = 0.5
NO_LEG = "-"
ENDED = frozenset({"closed", "rejected", "cancelled"})
"""Combined statuses after which nothing comes by itself."""


@dataclass
class Followed:
    """One declaration on the table; `answer` is what the window last said of it, `name` the file it was filed from."""

    declaration_id: str
    name: str = ""
    expected: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.answer.get("status") in ENDED

    @property
    def states(self) -> dict[str, str]:
        """agency -> state of its leg."""
        return {agency: leg["state"] for agency, leg in self.answer.get("legs", {}).items()}

    @property
    def as_expected(self) -> bool:
        return self.answer.get("status") == self.expected.get("combined") and self.states == self.expected.get("legs")

    @property
    def settled(self) -> bool:
        """At its expected end, or at another from which nothing leads there."""
        return self.as_expected or self.ended

    def cells(self, agencies: Sequence[str]) -> list[str]:
        """reference, version, one cell per agency, combined status, next step."""
        legs: dict[str, dict[str, Any]] = self.answer.get("legs", {})
        return [
            str(self.answer.get("reference", self.declaration_id)),
            str(self.answer.get("version", "")),
            *(
                f"{legs[agency]['state_zh']}\n{legs[agency]['state_en']}" if agency in legs else NO_LEG
                for agency in agencies
            ),
            f"{self.answer.get('status_zh', '')}\n{self.answer.get('status_en', '')}".strip(),
            _next_words(self.answer),
        ]

    def line(self, agencies: Sequence[str]) -> str:
        """The same on one line, for logs and pipes."""
        reference, version, *legs, combined, step = self.cells(agencies)
        said = [f"{agency}: {words}" for agency, words in zip(agencies, legs, strict=True) if words != NO_LEG]
        return " | ".join([f"{reference} v{version}", *said, f"合并 combined: {combined}", step]).replace("\n", " ")


def _next_words(answer: dict[str, Any]) -> str:
    """The trader's own next step, else what the combined status says."""
    step = next((each for each in answer.get("next_steps", []) if each["actor"] == "trader"), None)
    zh, en = (step["zh"], step["en"]) if step else (answer.get("next_zh", ""), answer.get("next_en", ""))
    return f"{zh}\n{en}".strip()


async def refresh(client: WindowClient, followed: Sequence[Followed]) -> None:
    """Ask the window where each stands."""
    for each in followed:
        each.answer = await client.declaration(each.declaration_id)


async def follow(
    client: WindowClient, followed: Sequence[Followed], agencies: Sequence[str], done: Callable[[], bool]
) -> None:
    """Show the declarations until `done()`; returns then."""
    if console.out.is_terminal:
        with Live(console=console.out, auto_refresh=False) as live:
            while True:
                await refresh(client, followed)
                live.update(_table(followed, agencies), refresh=True)
                if done():
                    return
                await asyncio.sleep(POLL_SECONDS)
    shown: dict[str, str] = {}
    while True:
        await refresh(client, followed)
        for each in followed:
            line = each.line(agencies)
            if shown.get(each.declaration_id) != line:
                shown[each.declaration_id] = line
                typer.echo(line)
        if done():
            return
        await asyncio.sleep(POLL_SECONDS)


def _table(followed: Sequence[Followed], agencies: Sequence[str]) -> Table:
    shown = console.table("企业编号 reference", "版 v", *agencies, "合并状态 combined", "下一步 next step")
    for each in followed:
        console.add(shown, *each.cells(agencies))
    return shown
