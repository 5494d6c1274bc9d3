"""Lanes: order for each key, nothing else waits."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from gateway.bus.lanes import Lanes
from tests.support.windows import until


async def test_what_has_one_key_is_worked_on_in_order_and_different_keys_side_by_side() -> None:
    order: dict[int, list[int]] = defaultdict(list)
    under_way, most = 0, 0

    async def work(item: tuple[int, int]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        order[item[0]].append(item[1])
        under_way -= 1

    async with Lanes(work, 4) as lanes:
        for number in range(30):
            for key in range(7):
                lanes.put(key, (key, number))
        assert await lanes.below(1, 10)
    assert order == {key: list(range(30)) for key in range(7)}
    assert most == 4


async def test_a_key_that_hangs_holds_up_only_itself() -> None:
    stuck = asyncio.Event()
    done: list[str] = []

    async def work(item: str) -> None:
        if item == "stuck":
            await stuck.wait()
        done.append(item)

    async with Lanes(work, 2) as lanes:
        lanes.put("s", "stuck")
        lanes.put("s", "behind")
        for number in range(10):
            lanes.put(number, str(number))
        await until(lambda: len(done) == 10)
        assert "behind" not in done
        assert not await lanes.below(2, 0.01)
        stuck.set()
        assert await lanes.below(1, 10)
    assert done[-2:] == ["stuck", "behind"]


async def test_clearing_drops_what_is_not_begun_and_waits_for_what_is() -> None:
    go_on = asyncio.Event()
    begun: list[int] = []
    done: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await go_on.wait()
        done.append(item)

    async with Lanes(work, 1) as lanes:
        for item in range(5):
            lanes.put("a", item)
        await until(lambda: begun == [0])
        assert not await lanes.clear(0.01)
        go_on.set()
        assert await lanes.clear(10)
        assert (done, lanes.held) == ([0], 0)
        # it goes on as before
        lanes.put("a", 9)
        assert await lanes.below(1, 10)
    assert done == [0, 9]


async def test_work_that_fails_costs_nobody_else() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        if item == 1:
            raise ValueError(item)
        done.append(item)

    async with Lanes(work, 2) as lanes:
        for item in range(3):
            lanes.put("a", item)
        assert await lanes.below(1, 10)
    assert done == [0, 2]
