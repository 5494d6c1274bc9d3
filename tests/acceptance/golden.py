"""Plays a golden case (tests/data/cases, README there) through a real window and writes down what a trader would see.

The window is whole: checking, splitting, SQLite, delivery, matching, status. Only the clock stands where the case says, and
the agencies' ends of the channels are in memory.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from adapters.agency import Outgoing
from adapters.transports.folder import exchange_name
from declarations.errors import OnewindowError
from gateway import ask
from gateway.amend import refile, withdraw
from gateway.receive import receive
from gateway.repeating import Reply
from gateway.submit import submit
from gateway.wiring import Window
from tests.acceptance import forms, seen
from tests.acceptance.seen import SHANGHAI
from tests.support.windows import CLIENT, ROOT, TickingClock, agency, deliver, window_at

CASES = ROOT / "tests" / "data" / "cases"
_TIMES = re.compile(rb"<(?:NOTICE_DATE|OperTime|RspGenTime)>([0-9T: -]+)</")
_DECOY_REFERENCE = "NBYF2015Z00007731"


@dataclass(frozen=True)
class Case:
    """One folder: the form, what is done with it, and every answer an agency gives."""

    folder: Path
    title: str
    filed_at: datetime
    sample: str = ""
    """File in samples/ whose bytes the form must be."""
    filer: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Answer file -> the file name it comes under; `{exchange}` is the name of the message's own file."""
    acts: dict[int, dict[str, str]] = field(default_factory=dict)
    """Number of the answer after which something is done -> {"do": "refile" | "withdraw", "form": file}."""
    shuffle: bool = False
    """Whether the end must be the same however the answers come."""

    @classmethod
    def read(cls, folder: Path) -> Case:
        told = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
        acts = {act["after"]: act for act in told.pop("act", [])}
        return cls(folder, **{**told, "filed_at": datetime.fromisoformat(told["filed_at"])}, acts=acts)

    @property
    def form(self) -> Path:
        return next(path for path in sorted(self.folder.glob("declaration.*")))

    @property
    def answers(self) -> list[Path]:
        return sorted((self.folder / "answers").glob("*.xml"))


def cases() -> list[Case]:
    return [Case.read(path.parent) for path in sorted(CASES.glob("*/case.toml"))]


@dataclass
class Played:
    """What a case came to: the messages by file name, and everything in expected.json."""

    messages: dict[str, bytes] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)


class Player:
    """One filing on its way through a window."""

    def __init__(self, window: Window, clock: TickingClock, case: Case) -> None:
        self.window = window
        self.clock = clock
        self.case = case
        self.declaration_id = ""
        self.sent: dict[str, Outgoing] = {}

    async def file(self, path: Path) -> Reply:
        self.clock.now = max(self.clock.now, self.case.filed_at)
        reply = await submit(self.window, CLIENT, path.read_bytes(), seen.media_type(path))
        self.declaration_id = reply.body["id"]
        return reply

    async def deliver(self) -> list[str]:
        """Sends what is due; names the messages that went out just now."""
        self.clock.tick()
        await deliver(self.window)
        fresh = []
        for name in self.window.channels:
            for outgoing in agency(self.window, name).got:
                if outgoing.declaration_id == self.declaration_id:
                    file = f"{name}{'' if outgoing.version == 1 else f'-{outgoing.version}'}.xml"
                    if file not in self.sent:
                        self.sent[file] = outgoing
                        fresh.append(file)
        return fresh

    async def answer(self, path: Path) -> dict[str, Any]:
        body = path.read_bytes()
        said = [at for text in _TIMES.findall(body) if (at := _moment(text.decode())) is not None]
        # an answer arrives some seconds after it was made, and never before what came before it
        self.clock.now = max([self.clock.now, *said]) + timedelta(seconds=4)
        received = await receive(self.window, answering(path), body, self.file_name(path, body))
        found = {"received": received.state}
        return (
            found if received.reason is None else found | {"reason_zh": received.reason_zh, "reason": received.reason}
        )

    def file_name(self, path: Path, body: bytes) -> str | None:
        """Folder channels give files: the technical receipt bears the name of the message's own file (facts, section 6)."""
        if path.name in self.case.names:
            given = self.case.names[path.name]
        elif answering(path) != "customs":
            return None
        elif b"DecImportResponse" in body:
            given = ("Successed" if b"ResponseCode>0<" in body else "Failed") + "_{exchange}.xml"
        else:
            given = f"Receipt_{path.name}"
        ours = [exchange_name(each) for file, each in self.sent.items() if file.startswith(answering(path))]
        return given.format(exchange=ours[-1] if ours else "")

    async def act(self, act: dict[str, str]) -> dict[str, Any]:
        """Refiles or withdraws; a refusal is part of the story."""
        self.clock.tick(600)
        try:
            if act["do"] == "withdraw":
                reply = await withdraw(self.window, CLIENT, self.declaration_id)
                return {name: reply.body[name] for name in ("withdrawn", "not_withdrawn")}
            path = self.case.folder / act["form"]
            reply = await refile(self.window, CLIENT, self.declaration_id, path.read_bytes(), seen.media_type(path))
            return {"version": reply.body["version"], "warnings": [seen.fault(each) for each in reply.body["warnings"]]}
        except OnewindowError as error:
            return {"refused": error.code, "zh": error.message_zh, "en": error.message_en}

    async def view(self) -> dict[str, Any]:
        return await ask.declaration(self.window, CLIENT, self.declaration_id)

    async def standing(self) -> dict[str, Any]:
        """What the trader sees after one event."""
        found = await self.view()
        stands = {
            "status": found["status"],
            "legs": {name: leg["state"] for name, leg in found["legs"].items()},
            "may": [name for name in ("collect", "sell") if found[f"may_{name}"]],
            "next": [
                {
                    "who": step["actor"],
                    "kind": step["kind"],
                    "agency": step["agency"],
                    "zh": step["zh"],
                    "en": step["en"],
                }
                for step in found["next_steps"]
            ],
        }
        faults = [seen.fault(fault) for leg in found["legs"].values() for fault in leg["faults"]]
        return stands | ({"faults": faults} if faults else {})


async def play(case: Case, directory: Path) -> Played:
    """The case in order, once."""
    clock = TickingClock(case.filed_at - timedelta(hours=1))
    played = Played()
    async with window_at(directory, clock, filer=case.filer) as window:
        await submit(window, CLIENT, orjson.dumps(forms.decoy(_DECOY_REFERENCE)), "application/json")
        await deliver(window)
        player = Player(window, clock, case)
        filed = await player.file(case.form)
        waits = {leg["agency"]: leg["waits_for"] for leg in filed.body["legs"] if leg["waits_for"]}
        first = {"event": "filed", **({"waits_for": waits} if waits else {})}
        events = [{**first, "sent": await player.deliver(), **await player.standing()}]
        for number, path in enumerate(case.answers, 1):
            told: dict[str, Any] = await player.answer(path)
            events.append({"event": path.name, **told, "sent": await player.deliver(), **await player.standing()})
            if number in case.acts:
                told = await player.act(case.acts[number])
                event = case.acts[number]["do"]
                events.append({"event": event, **told, "sent": await player.deliver(), **await player.standing()})
        played.messages = {file: outgoing.body for file, outgoing in player.sent.items()}
        played.expected = {
            "title": case.title,
            "warnings": [seen.fault(each) for each in filed.body["warnings"]],
            "events": [{name: value for name, value in event.items() if value != []} for event in events],
            "end": seen.end(await player.view()),
            "timeline": await seen.timeline(player),
            "operator": await seen.operator(player),
            "found_by": await seen.found_by(player),
        }
    return played


async def play_shuffled(case: Case, directory: Path, seed: int) -> dict[str, Any]:
    """The same answers in another order, some of them twice or thrice; what remains of the end when times of arrival go."""
    dice = random.Random(seed)
    clock = TickingClock(case.filed_at)
    async with window_at(directory, clock, filer=case.filer) as window:
        player = Player(window, clock, case)
        legs = (await player.file(case.form)).body["legs"]
        await player.deliver()
        left = [path for path in case.answers for _ in range(dice.choice((1, 1, 2, 3)))]
        dice.shuffle(left)
        while left:
            # an agency answers nothing before it has the message
            path = next(path for path in left if any(file.startswith(answering(path)) for file in player.sent))
            left.remove(path)
            await player.answer(path)
            if len(player.sent) < len(legs):
                await player.deliver()
        return await lasting(player)


async def play_in_order(case: Case, directory: Path) -> dict[str, Any]:
    """What `play_shuffled` must come to."""
    clock = TickingClock(case.filed_at)
    async with window_at(directory, clock, filer=case.filer) as window:
        player = Player(window, clock, case)
        await player.file(case.form)
        await player.deliver()
        for path in case.answers:
            await player.answer(path)
            await player.deliver()
        return await lasting(player)


async def lasting(player: Player) -> dict[str, Any]:
    """The end without times of arrival: a technical receipt has no other."""
    end = seen.end(await player.view())
    for leg in end["legs"].values():
        del leg["at"]
        for owed in leg.get("obligations", []):
            del owed["opened_at"]
    items = (await ask.timeline(player.window, CLIENT, player.declaration_id))["items"]
    said = {
        (item["agency"], item["code"], item["text"], item["counts"])
        + (() if item["message"] == "DecImportResponse" else (seen.local(item["at"]),))
        for item in items
        if item["kind"] == "answer"
    }
    acts = sorted(
        (item["agency"] or "", item["code"]) for item in items if item["kind"] == "act" and item["code"] != "status"
    )
    return {**end, "said": sorted(said, key=repr), "answers": sum(i["kind"] == "answer" for i in items), "acts": acts}


def answering(path: Path) -> str:
    """'03-customs.xml' -> 'customs'."""
    return path.stem.split("-")[1]


def _moment(text: str) -> datetime | None:
    """An agency's local time; None for what only an unreadable answer says."""
    digits = re.sub(r"\D", "", text)[:14]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
