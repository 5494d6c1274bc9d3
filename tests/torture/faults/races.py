"""People and programs that do two things at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.torture.client import Client, Request
from tests.torture.faults.agencies import between
from tests.torture.faults.fault import UNHURRIED, Load, Scene, fault
from tests.torture.filings import CUSTOMS, INSPECTION
from tests.torture.lane import Lane
from tests.torture.oracle import Case
from tests.torture.points import POSTGRESQL
from tests.torture.stage import free_port

AT_ONCE = 50


@fault("forget_the_idempotency_key", "new_reference_for_every_request")
async def fifty_at_once(scene: Scene) -> None:
    """Fifty posts with one Idempotency-Key at the same moment, to two API processes where there may be two: one declaration,
    fifty times the same reply."""
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage, settings=UNHURRIED) as lane:
        clients = [lane.client]
        if scene.backend == POSTGRESQL:
            clients.append(await _second_api(lane))
        load = Load(lane, scene)
        for _ in range(3):
            filing = load.next()
            requests = [Request(filing, key=f"{filing.reference}-1") for _ in range(AT_ONCE)]
            load.cases.append(Case(filing, requests[:1]))
            await asyncio.gather(*(clients[i % len(clients)].insist(each) for i, each in enumerate(requests)))
            told = {each.answers[0] for each in requests if each.answers}
            scene.expect(
                len(told) == 1 and {status for status, _ in told} == {202},
                f"{filing.reference}: {len(told)} different replies: {[(status, body[:80]) for status, body in told][:3]}",
            )
        await load.settle()
        for client in clients[1:]:
            await client.close()


async def _second_api(lane: Lane) -> Client:
    port = free_port()
    lane.launch("serve-2", port=port)
    other = Client(f"http://127.0.0.1:{port}", lane.directory / "secrets" / "clients" / "default.token")
    for _ in range(1000):
        if await other.ready():
            return other
        await asyncio.sleep(0.02)
    return other


@fault("withdraw_without_looking")
async def withdrawals_race_delivery(scene: Scene) -> None:
    """A withdrawal at the very moment of delivery: what was stopped never reaches its agency, what was refused goes on."""
    lane = await scene.stage.lane(scene.backend, sabotage=scene.sabotage, settings=UNHURRIED)
    try:
        # inspection takes its time, so that many a withdrawal meets its message on the way
        async with between(lane, slow=False, lag=0.2):
            load = Load(lane, scene)
            cases = load.file(20, CUSTOMS, script="A00") + load.file(20, INSPECTION, script="A00")
            told = {200: 0, 409: 0}

            async def withdraw(case: Case) -> None:
                while case.requests[0].accepted is None:
                    await asyncio.sleep(0.002)
                await asyncio.sleep(scene.dice.choice((0, 0, 0.002, 0.01, 0.03)))
                accepted = case.requests[0].accepted
                assert accepted is not None
                status, said = await lane.client.act(f"/api/v1/declarations/{accepted['id']}/withdrawal")
                told[status] = told.get(status, 0) + 1
                if status == 200:
                    case.stopped = tuple(said["withdrawn"])

            await asyncio.gather(*(withdraw(case) for case in cases))
            scene.figures.append(f"{told[200]} stopped, {told[409]} too late")
            scene.expect(told[200] + told[409] == len(cases), f"withdrawals were told {told}")
            await load.settle()
    finally:
        await lane.stop()


@fault("versions_without_lock")
async def corrections_race(scene: Scene) -> None:
    """A returned filing is corrected twice at once under different keys: one version counts, the other is told 409."""
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage, settings=UNHURRIED) as lane:
        load = Load(lane, scene)
        cases = load.file(6, CUSTOMS, script="X01")
        cases = [case for case in cases if not case.filing.sample.waits]
        await load.settle()
        if scene.seen:
            return
        for case in cases:
            accepted = case.requests[0].accepted
            assert accepted is not None
            path = f"/api/v1/declarations/{accepted['id']}/versions"
            tries = [Request(case.filing, key=f"{case.reference}-{letter}", path=path) for letter in "ab"]
            await asyncio.gather(*(lane.client.insist(each) for each in tries))
            told = sorted(each.answers[0][0] for each in tries if each.answers)
            scene.expect(told == [202, 409], f"{case.reference}: two corrections at once were told {told}")
            case.requests += [each for each in tries if each.accepted is not None]
        await load.settle()


@fault("new_reference_for_every_request")
async def mixed(scene: Scene) -> None:
    """Filings, repeated requests, withdrawals and corrections together, with a process killed in between."""
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        for _ in range(4):
            cases = load.file(4)
            again = [asyncio.create_task(_again(lane, case, scene)) for case in cases if case.requests[0].patient]
            await asyncio.sleep(scene.dice.uniform(0.02, 0.15))
            lane.kill(scene.dice.choice(lane.programs))
            await asyncio.sleep(0.02)
            lane.revive()
            await lane.ready()
            await asyncio.gather(*again)
        await load.settle()


async def _again(lane: Lane, case: Case, scene: Scene) -> None:
    """The same request under its key once more, and again when all is over: always the same reply."""
    repeat = Request(case.filing, key=case.requests[0].key)
    await asyncio.sleep(scene.dice.uniform(0, 0.1))
    await lane.client.insist(repeat)
    for _ in range(2000):
        if case.requests[0].answered:
            break
        await asyncio.sleep(0.01)
    first, second = case.requests[0].accepted, repeat.accepted
    if first is None or second is None or _told(first) != _told(second):
        scene.seen.append(f"{case.reference}: told {first} and, for the same key, {second}")


def _told(reply: dict[str, Any]) -> str:
    return json.dumps(reply, sort_keys=True)
