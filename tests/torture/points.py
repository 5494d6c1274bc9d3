"""The kill points: where a process of the window may die. Put in from here, around the product's own functions; the product has
no test code.

`before` and `after` say on which side of a call the trap is; a call is looked up by name, so a renamed function fails loudly.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp.http_writer
import aiokafka
from sqlalchemy import Engine, event

import adapters.transports.boxes
import adapters.transports.folder
import adapters.transports.kafka
import gateway.api.agencies
import gateway.api.declarations
import gateway.api.replies
import gateway.archiving
import gateway.bus.consumer
import gateway.bus.producer
import gateway.collect
import gateway.database.postgres
import gateway.database.sqlite
import gateway.deliver
import gateway.notices
import gateway.outcome
import gateway.receive
import gateway.retention
import gateway.wiring
from tests.torture.filings import ONE_ANSWER, WHOLLY_SILENT
from tests.torture.trap import Trap, die

TIDYING = ("archive_written", "removal_not_committed", "removal_committed")
SQLITE, POSTGRESQL = "sqlite", "postgresql"
BOTH = (SQLITE, POSTGRESQL)


@dataclass(frozen=True)
class Point:
    """`backends`: where a process passes it. `passes`: at most so many times for sure in one round's load."""

    name: str
    backends: tuple[str, ...]
    where: str
    passes: int = 2
    program: str = "serve"
    """Which one dies on PostgreSQL with Kafka; on SQLite it is always `serve`."""
    script: str = ""
    """What many filings of such a round get, few answers or none: one more would heal what the death broke."""
    by_reader: bool = False
    """Passed when notices are read. All may be quiet before: what a reader, on its way back into its group, has not read yet is
    swept up."""


POINTS = {
    point.name: point
    for point in (
        Point("request_read", BOTH, "the request is read, nothing done yet", 3),
        Point("before_accept_commit", BOTH, "the rows of a filing are about to be committed", 3),
        Point("during_accept_commit", BOTH, "some instant within two milliseconds of that", 3),
        Point("after_accept_commit", BOTH, "committed; nobody is told yet", 3),
        Point("accepted_not_replied", BOTH, "committed and told on; the client has no reply", 3),
        Point("after_claim", BOTH, "messages are claimed, none is sent", 2, "worker"),
        Point("mid_write_file", BOTH, "half of the exchange file is written", 2, "worker"),
        Point("mid_write_http", BOTH, "half of the HTTP body has left", 1, "worker"),
        Point(
            "file_linked",
            BOTH,
            "the exchange file is visible, its writer does not know it yet",
            2,
            "worker",
            script=WHOLLY_SILENT,
        ),
        Point(
            "agency_replied", BOTH, "the agency took the message, nothing recorded", 3, "worker", script=WHOLLY_SILENT
        ),
        Point("before_record_commit", BOTH, "the record is written, not committed", 3, "worker", script=WHOLLY_SILENT),
        Point("after_record", BOTH, "the record is committed", 3, "worker", script=WHOLLY_SILENT),
        Point("answer_read", BOTH, "an answer is read at the HTTP door", 4),
        Point("answer_collected", BOTH, "answers are collected from a folder or a topic", 2, "worker"),
        Point(
            "before_answer_commit",
            BOTH,
            "an answer and what follows from it are written, not committed",
            4,
            "consume",
            script=ONE_ANSWER,
        ),
        Point("answer_committed", BOTH, "an answer is committed, not acknowledged", 4, "worker or serve"),
        Point("answer_moving", BOTH, "the answer's file is in the archive and in the InBox", 3, "worker"),
        Point("starting", BOTH, "within the transaction of the start", 1),
        Point("kept_not_told", (POSTGRESQL,), "a document is kept, no notice of it is out", 4, "worker or serve"),
        Point(
            "taken_up",
            (POSTGRESQL,),
            "a kept document is taken up, its offset not finished",
            4,
            "consume",
            by_reader=True,
        ),
        Point(
            "offset_not_committed",
            (POSTGRESQL,),
            "offsets are about to be committed",
            1,
            "worker or consume",
            by_reader=True,
        ),
        Point("migration", BOTH, "between two statements of a migration", 30),
        Point("archive_written", BOTH, "an archive file is written, the database does not say so", 3),
        Point("removal_not_committed", BOTH, "an ended filing is removed, not committed", 3),
        Point("removal_committed", BOTH, "ended filings are removed, nobody is told", 1),
    )
}


def points_of(backend: str) -> list[Point]:
    return [point for point in POINTS.values() if backend in point.backends]


def before(owner: Any, name: str, trap: Trap, point: str, when: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Dies instead of the call."""

    def at(*args: Any, **kwargs: Any) -> None:
        if when(*args, **kwargs):
            trap.passed(point)

    _around(owner, name, at, None)


def after(owner: Any, name: str, trap: Trap, point: str, when: Callable[[Any], bool] = lambda _: True) -> None:
    """Dies when the call has returned."""

    def at(result: Any) -> None:
        if when(result):
            trap.passed(point)

    _around(owner, name, None, at)


def _around(owner: Any, name: str, first: Callable[..., None] | None, last: Callable[[Any], None] | None) -> None:
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if first:
            first(*args, **kwargs)
        result = original(*args, **kwargs)
        if last:
            last(result)
        return result

    async def wait(*args: Any, **kwargs: Any) -> Any:
        if first:
            first(*args, **kwargs)
        result = await original(*args, **kwargs)
        if last:
            last(result)
        return result

    setattr(owner, name, wait if inspect.iscoroutinefunction(original) else call)


def install(trap: Trap) -> None:
    """Puts the trap at every point of this process."""
    _accepting(trap)
    _delivering(trap)
    _answering(trap)
    _carrying(trap)
    after(gateway.wiring, "_begin", trap, "starting")
    after(gateway.archiving, "_write", trap, "archive_written")
    after(gateway.retention.removal, "remove", trap, "removal_not_committed")
    after(gateway.retention, "_batch", trap, "removal_committed", when=lambda result: bool(result[0]))
    for store in (gateway.database.sqlite, gateway.database.postgres):
        _statements(store, "migrate", trap, "migration")


def _accepting(trap: Trap) -> None:
    after(gateway.api.declarations, "read_declaration", trap, "request_read")
    for store in (gateway.database.sqlite, gateway.database.postgres):
        before(store, "insert_together", trap, "before_accept_commit")
        _some_time_after(store, "insert_together", trap, "during_accept_commit")
    for notices in (gateway.notices.LocalNotices, gateway.bus.producer.KafkaNotices):
        before(notices, "queued", trap, "after_accept_commit", when=lambda _, messages: bool(messages))
    before(gateway.api.replies, "of", trap, "accepted_not_replied")


def _delivering(trap: Trap) -> None:
    before(gateway.deliver.Deliverer, "_begin", trap, "after_claim", when=lambda _, rows, token: bool(rows))
    after(gateway.deliver.Deliverer, "_send", trap, "agency_replied", when=lambda error: error is None)
    after(gateway.outcome.Outcome, "record", trap, "before_record_commit")
    before(gateway.outcome.Sent, "report", trap, "after_record")
    boxes = adapters.transports.boxes
    boxes.open = _half_writer(trap, "mid_write_file")  # type: ignore[attr-defined]
    boxes.os = _Linking(trap)  # type: ignore[assignment]
    writer = aiohttp.http_writer.StreamWriter
    whole = writer._send_headers_with_payload

    def half(self: Any, chunk: bytes, is_eof: bool) -> None:
        if chunk and trap.due("mid_write_http"):
            head = self._headers_buf
            socket = self._protocol.transport.get_extra_info("socket")
            os.write(socket.fileno(), head + bytes(chunk[: len(chunk) // 2]))
            die()
        whole(self, chunk, is_eof)

    writer._send_headers_with_payload = half  # type: ignore[method-assign]


def _answering(trap: Trap) -> None:
    after(gateway.api.agencies, "read_body", trap, "answer_read")
    for channel in (adapters.transports.folder.FolderChannel, adapters.transports.kafka.KafkaChannel):
        after(channel, "collect", trap, "answer_collected", when=bool)
    after(gateway.receive, "_take", trap, "before_answer_commit")
    after(gateway.receive, "arrived", trap, "answer_committed")
    after(gateway.collect, "arrived", trap, "answer_committed")


def _carrying(trap: Trap) -> None:
    before(gateway.bus.producer.KafkaNotices, "received", trap, "kept_not_told")
    after(gateway.bus.consumer, "_take_up", trap, "taken_up")
    before(aiokafka.AIOKafkaConsumer, "commit", trap, "offset_not_committed")


def _some_time_after(owner: Any, name: str, trap: Trap, point: str) -> None:
    """Dies up to two milliseconds after the call, wherever the process is then."""
    import random
    import threading

    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if trap.due(point):
            threading.Timer(random.uniform(0, 0.002), die).start()
        return original(*args, **kwargs)

    setattr(owner, name, call)


def _half_writer(trap: Trap, point: str) -> Callable[..., Any]:
    """`open` for the folder transport: a file that dies when half of it is written."""

    class Half:
        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, data: bytes) -> int:
            if trap.due(point):
                self._file.write(data[: len(data) // 2])
                self._file.flush()
                die()
            return int(self._file.write(data))

        def __enter__(self) -> Half:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    def opened(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file = open(path, mode, *args, **kwargs)  # noqa: SIM115  (closed by who opened it)
        return Half(file) if "x" in mode else file

    return opened


class _Linking:
    """`os` for the folder transport: a link made is where a file appears, outgoing or archived."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap

    def link(self, source: Any, target: Any) -> None:
        os.link(source, target)
        outgoing = str(source).endswith(adapters.transports.boxes.TEMPORARY)
        self._trap.passed("file_linked" if outgoing else "answer_moving")

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def _statements(owner: Any, name: str, trap: Trap, point: str) -> None:
    """Dies after one of the statements that a function executes."""
    original = getattr(owner, name)
    under_way: list[bool] = []

    @event.listens_for(Engine, "after_cursor_execute")
    def executed(*_: Any) -> None:
        if under_way:
            trap.passed(point)

    def call(*args: Any, **kwargs: Any) -> Any:
        under_way.append(True)
        try:
            return original(*args, **kwargs)
        finally:
            under_way.pop()

    setattr(owner, name, call)
