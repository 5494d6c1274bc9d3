"""Agencies that are slow, or die; workers that are late."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from tests.torture.faults.fault import Load, Scene, fault, until
from tests.torture.filings import CUSTOMS, INSPECTION, SMOOTH
from tests.torture.lane import Lane
from tests.torture.points import POSTGRESQL
from tests.torture.stage import free_port


class Throttle:
    """A way to an agency on which a byte a second goes through, until it is opened."""

    def __init__(self, to: int, slow: bool = True, lag: float = 0.0) -> None:
        """`lag`: seconds before anything goes through."""
        self.port = free_port()
        self.slow = slow
        self._lag = lag
        self.bytes = 0
        self._to = to
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._lag)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            back, out = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                await asyncio.gather(self._pipe(reader, out, self.slow), self._pipe(back, writer, False))
            finally:
                out.close()
        writer.close()

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, slow: bool) -> None:
        while data := await source.read(1 if slow else 65536):
            target.write(data)
            await target.drain()
            if slow:
                self.bytes += 1
                await asyncio.sleep(1)
        target.close()


@fault("one_agency_at_a_time")
async def slow_agency(scene: Scene) -> None:
    """Inspection takes a byte a second: everything for customs is delivered and released all the same, and later the rest."""
    lane = await scene.stage.lane(scene.backend, sabotage=scene.sabotage, settings={"delivery_lease_seconds": 8.0})
    try:
        async with between(lane) as throttle:
            load = Load(lane, scene)
            # more than there are places for one agency in one process
            hanging = load.file(20, INSPECTION, script=SMOOTH)
            hanging = [case for case in hanging if case.filing.sample.agencies == (INSPECTION,)] or hanging
            await load.answered()
            fast = [case for case in load.file(30, CUSTOMS, script=SMOOTH) if case.filing.sample.agencies == (CUSTOMS,)]
            await load.answered()
            done = await _closed(lane, [case.reference for case in fast], scene.patience)
            scene.expect(done == len(fast), f"{done} of {len(fast)} for customs are closed while inspection hangs")
            still = await _closed(lane, [case.reference for case in hanging], 0)
            scene.expect(still == 0, f"{still} of inspection are closed: it was not slow")
            scene.figures.append(f"{done} closed while {throttle.bytes} bytes went to inspection")
            throttle.slow = False
            await load.settle(repeats=5)
    finally:
        await lane.stop()


@contextlib.asynccontextmanager
async def between(lane: Lane, slow: bool = True, lag: float = 0.0) -> AsyncIterator[Throttle]:
    """Starts a lane whose window reaches inspection through a throttle only."""
    door = urlsplit(lane.agency_urls[INSPECTION]).port
    assert door
    throttle = Throttle(door, slow, lag)
    lane.launch("agencies")
    lane.settings["agency_urls"] = {INSPECTION: f"http://127.0.0.1:{throttle.port}/messages"}
    async with throttle.listening():
        for name in lane.programs:
            lane.launch(name)
        await lane.ready()
        yield throttle


async def _closed(lane: Lane, references: list[str], seconds: float) -> int:
    """How many of these are closed, as soon as all are, or after so long."""
    marks = ", ".join(f"'{reference}'" for reference in references)
    count = 0
    for _ in range(max(1, int(seconds / 0.05))):
        [(count,)] = await lane.database.rows(
            f"SELECT count(*) FROM declaration WHERE status = 'closed' AND reference IN ({marks})"
        )
        if count == len(references):
            break
        await asyncio.sleep(0.05)
    return int(count)


@fault("new_id_on_retry")
async def agencies_killed(scene: Scene) -> None:
    """The agencies' own processes are killed under load and start again."""
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        for _ in range(4):
            load.file(3)
            await asyncio.sleep(scene.dice.uniform(0.05, 0.3))
            lane.kill("agencies")
            await asyncio.sleep(0.1)
            lane.revive()
        await load.settle(repeats=4)


@fault("ignore_the_lease_token", backends=(POSTGRESQL,))
async def lease_expires(scene: Scene) -> None:
    """A worker stands still after sending, its lease runs out, another takes over, the first goes on: one record each."""
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        for agency in (CUSTOMS, INSPECTION):
            lane.trap.arm("agency_replied", 1, signal.SIGSTOP)
            # silent agencies: nothing but the record tells that a message was sent
            cases = load.file(3, agency, script="X08")
            await until(lambda: lane.trap.sprung, 8)
            lane.launch("worker-2")
            try:
                await _recorded(lane, [case.reference for case in cases])
            finally:
                lane.kill("worker", signal.SIGCONT)
            # what the first worker did with its late record
            await until(lambda: "delivery record dropped" in lane.said, 5)
            lane.remove("worker-2")
            lane.killed.append("worker-2")
        await load.settle(repeats=1)
        rows = await lane.database.rows(
            "SELECT declaration_id, agency, count(*) FROM journal WHERE code = 'sent' GROUP BY 1, 2 HAVING count(*) > 1"
        )
        scene.seen += [f"{row[0]} {row[1]}: {row[2]} terminal records of one sending" for row in rows]


async def _recorded(lane: Lane, references: list[str]) -> None:
    """Waits until the other worker has recorded everything."""
    marks = ", ".join(f"'{reference}'" for reference in references)
    for _ in range(400):
        rows = await lane.database.rows(f"SELECT id FROM message WHERE delivery = 'queued' AND reference IN ({marks})")
        if not rows:
            return
        await asyncio.sleep(0.05)
