"""PostgreSQL restarts, is killed, and drops connections: clients are told to come again, nothing told is lost."""

from __future__ import annotations

import asyncio
import signal

from tests.torture.faults.fault import Load, Scene, fault
from tests.torture.points import POSTGRESQL

ONLY = (POSTGRESQL,)


@fault("reply_before_commit", "no_retry_after", backends=ONLY, alone=True)
async def postgres_restart(scene: Scene) -> None:
    """PostgreSQL is stopped fast (connections cut, files closed) and started again under load."""
    await _restart(scene, "fast")


@fault("reply_before_commit", backends=ONLY, alone=True)
async def postgres_immediate(scene: Scene) -> None:
    """PostgreSQL is stopped at once and recovers when it starts."""
    await _restart(scene, "immediate")


@fault("reply_before_commit", backends=ONLY, alone=True)
async def postgres_killed(scene: Scene) -> None:
    """All processes of PostgreSQL die by SIGKILL; it recovers when it starts."""
    await _restart(scene, "kill")


async def _restart(scene: Scene, how: str) -> None:
    server = await scene.stage.postgres()
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        load.file(5)
        await asyncio.sleep(0.25)
        stop = {
            "fast": lambda: server.stop(signal.SIGINT),
            "immediate": lambda: server.stop(signal.SIGQUIT),
            "kill": server.kill,
        }[how]
        stopping = asyncio.create_task(asyncio.to_thread(stop))
        for _ in range(4):
            load.file(1)
            await asyncio.sleep(0.03)
        await stopping
        try:
            await scene.until_not_ready(lane)
            refused = load.file(3)
            await asyncio.sleep(0.5)
            told = {status for case in refused for status, _ in case.requests[0].told}
            scene.expect(told <= {0, 503}, f"filings were told {told} without a database")
        finally:
            await asyncio.to_thread(server.start)
        load.file(3)
        await load.settle(repeats=3)


@fault("trust_the_pool", backends=ONLY)
async def connections_cut(scene: Scene) -> None:
    """The server ends all connections of the window's programs, again and again, as a failover would."""
    server = await scene.stage.postgres()
    async with scene.stage.running(POSTGRESQL, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        cut = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE datname = '{lane.name}' AND application_name = 'onewindow'"
        )
        ended = 0
        for _ in range(8):
            load.file(2)
            await asyncio.sleep(scene.dice.uniform(0.02, 0.2))
            ended += int(await asyncio.to_thread(server.sql, cut))
        scene.figures.append(f"{ended} connections cut")
        await load.settle(repeats=8)
