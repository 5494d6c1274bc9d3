"""Broken builds: answers, the bus, and what follows from them."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.torture.broken.build import KEPT, later_write, sabotage


@sabotage
def put_away_before_commit() -> None:
    """An answer is put away, or its offset done, when it is read."""
    import adapters.transports.folder
    import adapters.transports.kafka

    for channel in (adapters.transports.folder.FolderChannel, adapters.transports.kafka.KafkaChannel):
        collect, finish = channel.collect, channel.finish

        async def early(self: Any, collect: Any = collect, finish: Any = finish) -> Any:
            found = await collect(self)
            for incoming in found:
                await finish(self, incoming, True)
            if found and getattr(self, "_reader", None) is not None:
                await self._reader.commit(at_once=True)
            return found

        channel.collect = early  # type: ignore[method-assign]


@sabotage
def acknowledge_before_commit() -> None:
    """An agency's answer is acknowledged at the door and taken up a moment later."""
    import gateway.collect
    import gateway.receive

    original = gateway.receive.arrived

    async def arrived(
        window: Any, agency: str, body: bytes, name: str | None = None, problem: str = "", **signed: Any
    ) -> Any:
        async def then() -> None:
            await asyncio.sleep(0.1)
            await original(window, agency, body, name, problem, **signed)

        KEPT.append(asyncio.create_task(then()))
        return gateway.receive.Received("done", "")

    gateway.receive.arrived = arrived
    gateway.collect.arrived = arrived


@sabotage
def take_every_answer_for_new() -> None:
    """Answers that came before are not recognised."""
    import gateway.receive
    import gateway.taking

    gateway.receive.known_already = lambda *_: False
    gateway.taking.known_already = lambda *_: False
    from gateway import ids
    from gateway.database.stores import inbox

    add = inbox.add_answer

    def add_all(connection: Any, row: dict[str, Any]) -> None:
        add(connection, {**row, "key": f"{row['key']} {ids.new_id('Z', row['received_at'])}"})

    inbox.add_answer = add_all


@sabotage
def status_in_a_second_transaction() -> None:
    """An answer is committed, and what follows from it is worked out later."""
    import gateway.receive
    from gateway.taking import Taken

    settle_all, announce = gateway.receive.settle_all, Taken.announce
    left: list[Any] = []

    def put_off(connection: Any, window: Any, agency: str, now: Any, taken: Any) -> None:
        left.append((window, agency, now, taken))

    def then(self: Any, window: Any) -> None:
        for of, agency, now, taken in left:
            if taken is self:
                KEPT.append(
                    asyncio.ensure_future(
                        later_write(of, lambda c, o=of, a=agency, n=now, t=taken: settle_all(c, o, a, n, t), 0.5)
                    )
                )
        announce(self, window)

    gateway.receive.settle_all = put_off
    Taken.announce = then  # type: ignore[method-assign]


@sabotage
def take_up_without_keeping() -> None:
    """With Kafka: a document whose notice was lost is never looked for, and offsets are done when they are read."""
    from adapters.broker.reader import Reader
    from gateway.database.stores import inbox

    inbox.lying = lambda connection, at_most, retake: []
    read = Reader.read

    async def early(self: Any, seconds: float, at_most: int) -> Any:
        records = await read(self, seconds, at_most)
        for record in records:
            self.finish(record)
        await self.commit(at_once=True)
        return records

    Reader.read = early  # type: ignore[method-assign]


@sabotage
def only_what_is_told() -> None:
    """Nobody looks into the database: what no notice told of is not delivered and not taken up."""
    from gateway.database.stores import inbox
    from gateway.deliver import Deliverer

    inbox.lying = lambda connection, at_most, retake: []
    claim, offer = Deliverer._claim, Deliverer.offer
    told: set[str] = set()

    def listen(self: Any, message_ids: Any) -> None:
        message_ids = list(message_ids)
        told.update(message_ids)
        offer(self, message_ids)

    async def claim_told(self: Any, at_most: int) -> Any:
        if not told:
            return "", []
        token, rows = await claim(self, at_most)
        return token, [row for row in rows if row.message_id in told]

    Deliverer.offer, Deliverer._claim = listen, claim_told  # type: ignore[method-assign]


@sabotage
def take_up_again() -> None:
    """A document taken up already is taken up again as if it were new."""
    from gateway.database.stores import inbox

    get, take = inbox.get, inbox.take

    def as_if_new(connection: Any, inbox_id: str) -> Any:
        row = get(connection, inbox_id)
        return row._replace(state="received") if row is not None else None

    inbox.get = as_if_new
    inbox.take = as_if_new
    assert take
    take_every_answer_for_new()


@sabotage
def the_last_answer_wins() -> None:
    """A leg's state is what the agency said last, in the order it came."""
    from declarations import status

    original = status.leg_status

    def last(codes: Any, delivery: str, answers: Any, *args: Any) -> Any:
        found = original(codes, delivery, answers, *args)
        known = [codes[each.message, each.code] for each in answers if (each.message, each.code) in codes]
        import dataclasses

        return dataclasses.replace(found, state=known[-1].state) if known else found

    status.leg_status = last
