"""Runs one simulated agency as a process: its door, its clerk, and the courier that hands over what is due."""

from __future__ import annotations

import asyncio
import signal
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog

from adapters.agency import reached_by
from adapters.pinning import pinned
from adapters.simulator import customs, inspection
from adapters.simulator.clerk import AgencyFile, Clerk
from adapters.simulator.folder_door import FolderDoor
from adapters.simulator.http_door import HttpDoor
from adapters.simulator.knobs import Knobs
from adapters.simulator.seals import NoSeals, SecretSeals, seals_of
from adapters.simulator.ships import load_ship_files
from adapters.simulator.state import Answer, State
from declarations.errors import BadConfiguration

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.5
LONGEST_PAUSE = 2.0
"""Seconds between two tries of an answer the window does not take."""


class Door(Protocol):
    """How a simulated agency is reached and reaches the window."""

    async def open(self) -> None: ...

    async def work(self, wake: asyncio.Event) -> None:
        """Takes messages in until cancelled; sets `wake` when there are new answers."""

    async def deliver(self, answer: Answer) -> bool:
        """Hands an answer over; False means try again."""

    async def close(self) -> None: ...


async def run_simulator(
    agency: str,
    *,
    state_dir: Path,
    exchange_dir: Path,
    host: str,
    port: int,
    window_url: str,
    token: str,
    hmac_key: bytes,
    rehearsal: bool,
    knobs: Knobs,
    bundle_root: Path,
    url: str = "",
    window_keys: Path | None = None,
    window_certificate: Path | None = None,
) -> None:
    """Runs until SIGTERM, SIGINT or cancellation. Raises BadConfiguration for an agency without a simulation.

    `state_dir` holds its memory; `bundle_root` holds `mappings/` and `xsd/`. How it is reached says the channel in its
    `agency.toml`: `exchange_dir` is its own exchange directory (holding OutBox, InBox …), on the folder channel; `host`, `port`,
    `window_url` and `token` are for HTTP; `url` is `kafka://…` where it is reached over topics; `window_keys` is the
    window's key ring, where the agency finds the window's public keys; without it `hmac_key` signs on both.
    `window_certificate`: the one that the window ends TLS with, where it does so itself.
    """
    goods: dict[str, AgencyFile] = {customs.AGENCY: customs, inspection.AGENCY: inspection}
    ships = load_ship_files()
    files = [held[agency] for held in (goods, ships) if agency in held]
    if not files:
        known = ", ".join(sorted({*goods, *ships}))
        raise BadConfiguration(
            f"no simulation of {agency!r}; there are: {known}", f"没有模拟机构 {agency!r}；现有：{known}"
        )
    state = State(state_dir, agency)
    try:
        clerk = Clerk(files, state, bundle_root, knobs, rehearsal=rehearsal)
        door: Door
        table = _table(bundle_root, agency)
        kind = reached_by(table["channel"], url)
        seals = seals_of(
            agency,
            table.get("signature", {}),
            hmac_key=hmac_key,
            window_keys=window_keys,
            own_keys=state_dir / "keys",
            default=NoSeals() if kind == "folder" else SecretSeals(hmac_key),
        )
        match kind:
            case "folder":
                door = FolderDoor(clerk, exchange_dir, seals)
            case "kafka":
                # imported here: a rehearsal without a broker has no use for it
                from adapters.simulator.kafka_door import KafkaDoor

                door = KafkaDoor(clerk, url, seals)
            case _:
                door = HttpDoor(
                    clerk,
                    agency,
                    host=host,
                    port=port,
                    window_url=window_url,
                    token=token,
                    seals=seals,
                    trust=pinned(window_certificate),
                )
        await _serve(agency, state, door)
    finally:
        state.close()


def _table(bundle_root: Path, agency: str) -> dict[str, Any]:
    """The agency's table: its channel, how it signs."""
    with open(bundle_root / "mappings" / agency / "agency.toml", "rb") as file:
        return tomllib.load(file)


async def _serve(agency: str, state: State, door: Door) -> None:
    stop, wake = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    # signals belong to the main thread; elsewhere the caller cancels
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, stop.set)
    tasks: list[asyncio.Task[object]] = []
    try:
        await door.open()
        log.info("simulator_ready", agency=agency)
        tasks = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(door.work(wake)),
            asyncio.create_task(_carry(state, door, wake)),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await door.close()
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for one in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(one)
        log.info("simulator_stopped", agency=agency)


async def _carry(state: State, door: Door, wake: asyncio.Event) -> None:
    """Hands over what is due: the answers to one message in order, those to different messages side by side."""
    while True:
        wake.clear()
        by_message: dict[str, list[Answer]] = {}
        for answer in state.due(time.time()):
            by_message.setdefault(answer.message_key, []).append(answer)
        if by_message:
            await asyncio.gather(*(_hand_over(state, door, answers) for answers in by_message.values()))
            continue
        next_due = state.next_due()
        pause = IDLE_SECONDS if next_due is None else min(IDLE_SECONDS, max(0.0, next_due - time.time()))
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), pause)


async def _hand_over(state: State, door: Door, answers: list[Answer]) -> None:
    for index, answer in enumerate(answers):
        try:
            taken = await door.deliver(answer)
        except OSError as error:
            log.warning("answer_not_written", name=answer.name, error=str(error))
            taken = False
        if not taken:
            pause = min(LONGEST_PAUSE, 0.2 * 2 ** min(answer.tries, 10))
            state.postpone([one.id for one in answers[index:]], time.time() + pause)
            return
        state.mark_sent(answer.id)
