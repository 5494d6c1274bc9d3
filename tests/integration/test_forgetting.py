"""What is kept about people goes when its term is over: sessions, challenges, failed log-ins, invitations, closed accounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gateway.database import people, schema
from gateway.forgetting import forget
from gateway.wiring import Window
from tests.support.windows import TickingClock, window_at

DAY = 86_400
NOTHING = dict.fromkeys(("session", "challenge", "throttle", "invitation", "registration", "prepared", "person"), 0)


def fill(connection: Connection, at: datetime) -> None:
    """Two people of whom one has left, and something of every kind that ends in an hour."""
    soon = at + timedelta(hours=1)

    def add(table: Any, **values: Any) -> None:
        connection.execute(insert(table), values)

    for name, ended in (("here", None), ("left", at)):
        add(people.person, id=f"U-{name}", login=name, name=f"{name} 张", email=f"{name}@example.cn", state="active",
            created_at=at)  # fmt: skip
        add(people.membership, person_id=f"U-{name}", organisation_id="default", roles="viewer", created_at=at,
            state="removed" if ended else "active", created_by="x", ended_at=ended)  # fmt: skip
        add(people.credential, id=f"C-{name}", person_id=f"U-{name}", kind="password", secret=b"hash", created_at=at)
        add(people.session, token_sha256=f"s-{name}", kind="person", person_id=f"U-{name}", organisation_id="default",
            method="password", created_at=at, seen_at=at, expires_at=soon)  # fmt: skip
    add(people.challenge, token_sha256="c", kind="signature", details={"login": "here"}, expires_at=soon)
    add(people.throttle, key="login:here", failures=3, first_at=at, until=soon)
    add(people.throttle, key="address:192.0.2.7", failures=1, first_at=at)
    add(people.invitation, id="N1", organisation_id="default", email="new@example.cn", roles="viewer",
        token_sha256="i", created_by="here", created_at=at, expires_at=soon)  # fmt: skip
    for state in ("filed", "keyed"):
        row = {"id": f"F-{state}", "organisation_id": "default", "reference": "R", "media_type": "application/json"}
        add(people.prepared, **row, body=b"{}", sha256="", state=state, keyers="here", keyed_by="here", keyed_at=at)
    for state, decided in (("refused", soon), ("pending", None)):
        add(people.registration, id=f"R-{state}", details={}, state=state, created_at=at, decided_at=decided)


async def rows(window: Window, table: Any) -> list[Any]:
    return list(await window.database.read(lambda connection: connection.execute(select(table)).all()))


async def test_each_kind_goes_after_its_own_term(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await window.database.write(lambda connection: fill(connection, clock()))
        assert await forget(window) == NOTHING
        gone = {}
        for day in range(1, 400):
            clock.tick(DAY)
            for what, count in (await forget(window)).items():
                if count:
                    gone[what, day] = count
        # a day, thirty days, ninety, a year: from the end of each, which came an hour later for most
        assert gone == {
            ("challenge", 2): 1,
            ("throttle", 31): 2,
            ("session", 31): 2,
            ("invitation", 91): 1,
            ("registration", 91): 1,
            ("prepared", 91): 1,
            ("person", 366): 1,
        }


async def test_of_a_closed_account_nothing_is_left_but_its_row(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await window.database.write(lambda connection: fill(connection, clock()))
        clock.tick(366 * DAY)
        assert (await forget(window))["person"] == 1
        found = {row.id: (row.state, row.login, row.name, row.email) for row in await rows(window, people.person)}
        assert found == {
            "U-here": ("active", "here", "here 张", "here@example.cn"),
            "U-left": ("closed", "U-left", "U-left", None),
        }
        assert [row.person_id for row in await rows(window, people.credential)] == ["U-here"]
        [act] = [row for row in await rows(window, schema.journal) if row.code == "accounts_forgotten"]
        assert act.details == {"accounts": "1"}
        assert await forget(window) == NOTHING


async def test_who_came_back_stays(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await window.database.write(lambda connection: fill(connection, clock()))

        def again(connection: Connection) -> None:
            connection.execute(update(people.membership).values(state="active", ended_at=None))

        clock.tick(366 * DAY)
        await window.database.write(again)
        assert (await forget(window))["person"] == 0


async def test_the_sweep_forgets(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await window.database.write(lambda connection: fill(connection, clock()))
        clock.tick(40 * DAY)
        await window.sweeper.run_once()
        assert await rows(window, people.session) == []
        assert len(await rows(window, people.invitation)) == 1
