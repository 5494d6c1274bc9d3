"""Lanes: what has the same key is worked on in order, different keys side by side, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

Item = TypeVar("Item")
log = structlog.get_logger(__name__)


class Lanes(Generic[Item]):
    """`work` is called once for each item and decides itself what a failure means. Use as `async with`."""

    def __init__(self, work: Callable[[Item], Awaitable[None]], at_once: int) -> None:
        self._work = work
        self._at_once = at_once
        self._lanes: dict[Hashable, deque[Item]] = {}
        self._ready: asyncio.Queue[Hashable] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._begun = 0
        self._progress = asyncio.Event()
        self.held = 0
        """Items put in and not worked off."""

    async def __aenter__(self) -> Lanes[Item]:
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._at_once)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def put(self, key: Hashable, item: Item) -> None:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
            self._ready.put_nowait(key)
        lane.append(item)
        self.held += 1

    async def below(self, limit: int, seconds: float) -> bool:
        """Whether fewer than `limit` items are held, waiting for that up to so many seconds."""
        return await self._until(lambda: self.held < limit, seconds)

    async def clear(self, seconds: float) -> bool:
        """Drops what is not begun; what is begun gets so many seconds. Whether all of it ended."""
        for lane in self._lanes.values():
            self.held -= len(lane)
            lane.clear()
        return await self._until(lambda: self._begun == 0, seconds)

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        while True:
            key = await self._ready.get()
            lane = self._lanes[key]
            if lane:
                item = lane.popleft()
                self._begun += 1
                try:
                    await self._work(item)
                except Exception:
                    log.exception("work failed", key=str(key))
                finally:
                    self._begun -= 1
                    self.held -= 1
                    self._progress.set()
            if lane:
                # behind the others: one busy key keeps nobody waiting
                self._ready.put_nowait(key)
            else:
                del self._lanes[key]
