"""`onewindow demo --vessel`: a ship's arrival and departure filed once each, answered by four agencies at cross purposes, and the
port clearance printed, verified, and found out once a byte of it is changed."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import typer

from declarations.dateforms import SHANGHAI
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.rulebook import Rulebook
from declarations.stats import table_stats
from gateway.cli import live, papers
from gateway.cli.client import API, WindowClient, read_token
from gateway.cli.trial import DemoFailed, Place, file, own_place, require_expected, trial
from gateway.clock import system_clock

SECONDS = 40.0
"""From the first filing to the certificate."""
CROSS_PURPOSES = {"ONEWINDOW_SIM_REORDER": "0.5", "ONEWINDOW_SIM_DUPLICATES": "0.5"}
NEAR = timedelta(hours=36)
"""Times of a sample this near to its writing keep their distance to now; older and later ones keep their time of day."""
FORMATS = {"date": "%Y%m%d", "datetime": "%Y%m%d%H%M"}


def demonstrate(out: Path | None, seed: int | None) -> None:
    """The whole demonstration; raises DemoFailed for whatever did not come out as it should."""
    folder = (out or Path(tempfile.mkdtemp(prefix="onewindow-clearance-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    with own_place() as place:
        os.environ |= {**CROSS_PURPOSES, "ONEWINDOW_SIM_SEED": str(seed)}
        typer.echo(f"回执乱序、重复 / answers out of order and repeated: --seed {seed}")
        rulebook = Rulebook.load(place.settings.tables_dir)
        asyncio.run(trial(place, lambda: _show(place, rulebook, folder)))
        _say_reduction(rulebook)
    typer.echo(f"船舶手续办结，许可证见 {folder} / the ship may sail; her certificate is in that directory")


async def _show(place: Place, rulebook: Rulebook, folder: Path) -> None:
    async with WindowClient(place.url, read_token(place.token_file), place.certificate) as client:
        followed = await _file_all(client, place, rulebook)
        call = await _certified(client, followed, place.agencies)
        await _say_answers(client, followed)
        number = call["certificate"]["number"]
        pdf = await client.download(f"{API}/calls/{call['id']}/certificate")
        if pdf != await client.download(f"{API}/calls/{call['id']}/certificate"):
            raise DemoFailed("two copies of the certificate differ", "两次打印的许可证不一致")
    genuine, altered = folder / f"{number}.pdf", folder / f"{number}-altered.pdf"
    genuine.write_bytes(pdf)
    altered.write_bytes(_one_byte_changed(pdf))
    typer.echo(f"\n出口岸许可证 / port clearance: {genuine} ({len(pdf):,} bytes)")
    # the command runs an event loop of its own
    if not await asyncio.to_thread(_verifies, genuine, place.url):
        raise DemoFailed(f"{genuine} does not verify", f"{genuine} 验证未通过")
    typer.echo(f"\n改动一个字节 / one byte changed: {altered}")
    if await asyncio.to_thread(_verifies, altered, place.url):
        raise DemoFailed(f"{altered} verifies although it was changed", f"{altered} 已被改动却通过验证")


async def _file_all(client: WindowClient, place: Place, rulebook: Rulebook) -> list[live.Followed]:
    told = _told(place.samples / "ships" / "expected.json")
    written = datetime.fromisoformat(told["written_at"])
    followed = []
    for name, end in told["filings"].items():
        form = orjson.loads((place.samples / "ships" / name).read_bytes())
        current = as_of_now(form, rulebook.forms[form["form"]], written, system_clock())
        followed.append(await file(client, name, orjson.dumps(current), end))
    return followed


def _told(path: Path) -> dict[str, Any]:
    """When the samples were written, and the expected end of each, in the order they are filed."""
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadConfiguration(f"{path}: {error}", f"{path} 无法读取：{error}") from error
    return found


def as_of_now(form: dict[str, Any], items: Form, written: datetime, now: datetime) -> dict[str, Any]:
    """A form written at one time (aware) as it would be written at another: a ship that sails in four hours still does."""
    written, now = written.astimezone(SHANGHAI), now.astimezone(SHANGHAI)
    days = now.date() - written.date()

    def moved(item_id: str, value: Any) -> Any:
        if isinstance(value, list):
            return [{name: moved(name, each) for name, each in row.items()} for row in value]
        item = items.items.get(item_id)
        if item is None or item.type not in FORMATS:
            return value
        layout = FORMATS[item.type]
        told = datetime.strptime(value, layout).replace(tzinfo=SHANGHAI)
        near = item.type == "datetime" and abs(told - written) < NEAR
        return (told + (now - written if near else days)).strftime(layout)

    return {name: moved(name, value) for name, value in form.items()}


async def _certified(client: WindowClient, followed: list[live.Followed], agencies: list[str]) -> dict[str, Any]:
    """The call once everything is as expected and its certificate is in force."""
    end = time.monotonic() + SECONDS
    await live.follow(
        client,
        followed,
        agencies,
        lambda: time.monotonic() > end or all(each.as_expected for each in followed),
    )
    require_expected(followed)
    call_id = followed[-1].answer["call_id"]
    while True:
        call = await client.call(call_id)
        if call["certificate"] is not None and call["may_sail"]:
            return call
        if time.monotonic() > end:
            said = "; ".join(bar["en"] for bar in call["bars"]), "；".join(bar["zh"] for bar in call["bars"])
            raise DemoFailed(f"no certificate was issued: {said[0]}", f"未签发许可证：{said[1]}")
        await asyncio.sleep(live.POLL_SECONDS)


async def _say_answers(client: WindowClient, followed: list[live.Followed]) -> None:
    """In which order the answers arrived, and how many came twice."""
    for each in followed:
        path = f"{API}/declarations/{each.declaration_id}/messages"
        answers = [item for item in orjson.loads(await client.download(path))["items"] if item["direction"] == "in"]
        states = Counter(item["state"] for item in answers)
        order = " ".join(f"{item['agency']}:{record['code']}" for item in answers for record in item["records"])
        typer.echo(f"{each.name}: {len(answers)} 份回执 answers {dict(states)}: {order}")


def _one_byte_changed(pdf: bytes) -> bytes:
    changed = bytearray(pdf)
    changed[len(pdf) // 2] ^= 1
    return bytes(changed)


def _verifies(file: Path, window: str) -> bool:
    """What `onewindow certificate verify` says of a file."""
    try:
        papers.verify(file, None, window, False)
    except typer.Exit as ended:
        return ended.exit_code == 0
    return True


def _say_reduction(rulebook: Rulebook) -> None:
    counted = table_stats(rulebook)["forms"]["vessel"]
    saved = counted["reduction"]
    typer.echo(
        f"\n一份申报 {counted['items']} 项，代替分别填报的 {saved['of']} 项（{'、'.join(saved['agencies'])}），"
        f"少填 {saved['saved']} 项 {saved['saved'] / saved['of']:.0%}\n"
        f"one form of {counted['items']} items instead of {saved['of']} on {len(saved['agencies'])} forms: "
        f"{saved['saved']} fewer ({saved['saved'] / saved['of']:.0%})"
    )
