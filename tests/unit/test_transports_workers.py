"""Several workers collect from one exchange folder while its agency goes on writing: no answer is ever read without the signature
that lies beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from adapters.agency import Incoming
from adapters.signatures import SUFFIX
from adapters.simulator.folder_door import FolderDoor
from adapters.simulator.state import Answer
from adapters.transports import folder
from adapters.transports.boxes import place, replace
from adapters.transports.folder import FolderChannel

NAME = "Receipt_1.xml"


def put(root: Path, name: str, body: bytes) -> None:
    """As an agency does: the signature first."""
    box = root / "InBox"
    box.mkdir(parents=True, exist_ok=True)
    replace(box, name + SUFFIX, b"signature of " + body)
    place(box, name, body)


def collect(channel: FolderChannel) -> list[Incoming]:
    return asyncio.run(channel.collect())


def finish(channel: FolderChannel, incoming: Incoming) -> None:
    asyncio.run(channel.finish(incoming, accepted=True))


def in_another_thread(act: Any, *args: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act, *args).result(10)


def put_away_between_two_looks(
    root: Path, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None
) -> list[Incoming]:
    """What one worker collects when another puts the answer away after it was opened, before its signature is looked for."""
    here, there = FolderChannel("customs", root), FolderChannel("customs", root)
    put(root, NAME, b"<one/>")
    (taken,) = collect(there)
    look = folder.signature_of

    def late(path: Path) -> Any:
        in_another_thread(finish, there, taken)
        then()
        return look(path)

    with monkeypatch.context() as patched:
        patched.setattr(folder, "signature_of", late)
        return collect(here)


def test_an_answer_that_another_worker_puts_away_meanwhile_is_not_read_without_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put_away_between_two_looks(tmp_path, monkeypatch) == []


def test_nor_with_the_signature_of_the_next_answer_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put_away_between_two_looks(tmp_path, monkeypatch, lambda: put(tmp_path, NAME, b"<two/>")) == []
    (two,) = collect(FolderChannel("customs", tmp_path))
    assert (two.body, two.signature) == (b"<two/>", "signature of <two/>")


def test_the_next_signature_of_a_name_stays_when_the_last_answer_of_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = FolderChannel("customs", tmp_path)
    put(tmp_path, NAME, b"<one/>")
    (one,) = collect(channel)
    unlink = Path.unlink

    def then_the_next(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path == tmp_path / "InBox" / NAME:
            replace(path.parent, NAME + SUFFIX, b"signature of <two/>")

    monkeypatch.setattr(Path, "unlink", then_the_next)
    finish(channel, one)
    monkeypatch.undo()
    place(tmp_path / "InBox", NAME, b"<two/>")
    (two,) = collect(channel)
    assert (two.body, two.signature) == (b"<two/>", "signature of <two/>")
    finish(channel, two)
    assert list((tmp_path / "InBox").iterdir()) == []
    archived = {path.name: path.read_bytes() for path in (tmp_path / "Archive").rglob("*") if path.is_file()}
    assert archived == {
        NAME: b"<one/>",
        NAME + SUFFIX: b"signature of <one/>",
        "Receipt_1.1.xml": b"<two/>",
        "Receipt_1.1.xml" + SUFFIX: b"signature of <two/>",
    }


def test_the_simulation_leaves_a_receipt_alone_that_still_lies_there(tmp_path: Path) -> None:
    class Sealing:
        """Every signature is a new one, as those of ECDSA are."""

        times = 0

        def sealed(self, name: str, body: bytes) -> tuple[bytes, str]:
            self.times += 1
            return body, f"signature {self.times}"

    door = FolderDoor(None, tmp_path, Sealing())  # type: ignore[arg-type]
    receipt = Answer(1, "key", NAME, b"<one/>", True, 0.0, 0)
    channel = FolderChannel("customs", tmp_path)

    async def story() -> None:
        await door.open()
        await door.deliver(receipt)
        (one,) = await channel.collect()
        await door.deliver(receipt)
        await channel.finish(one, accepted=True)
        assert list((tmp_path / "InBox").iterdir()) == []
        await door.deliver(receipt)
        (again,) = await channel.collect()
        assert (one.signature, again.signature) == ("signature 1", "signature 2")

    asyncio.run(story())


def test_two_workers_read_every_answer_with_its_signature(tmp_path: Path) -> None:
    answers, over, seen = 300, threading.Event(), []

    def agency() -> None:
        for number in range(answers):
            put(tmp_path, f"Receipt_{number}.xml", f"<answer>{number}</answer>".encode())
        over.set()

    def worker() -> None:
        channel = FolderChannel("customs", tmp_path)
        while True:
            last = over.is_set()
            found = collect(channel)
            for incoming in found:
                seen.append(incoming)
                finish(channel, incoming)
            if last and not found:
                return

    with ThreadPoolExecutor(3) as pool:
        for running in [pool.submit(act) for act in (agency, worker, worker)]:
            running.result(60)
    assert {incoming.name for incoming in seen} == {f"Receipt_{number}.xml" for number in range(answers)}
    wrong = [one.name for one in seen if one.signature != f"signature of {one.body.decode()}"]
    assert wrong == [], f"{len(wrong)} of {len(seen)}"
    assert list((tmp_path / "InBox").iterdir()) == []
