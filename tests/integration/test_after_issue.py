"""After the port clearance was issued: changes, decisions, ships that do not sail, copies; over any history what a model says."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarations.callerrors import CertificateMissing, CertificateNotInForce, NothingChanged, NothingToDecide
from declarations.errors import AnotherAgency, NotFound
from gateway.calls import certificates as printing
from gateway.calls import changing, listing, showing
from gateway.identity import Caller
from gateway.wiring import Window
from tests.support.ships import (
    AGENCIES,
    EXIT,
    certificates,
    corrected,
    file,
    form,
    leaving,
    released,
    says,
    ship_window,
)
from tests.support.windows import CLIENT, JSON, STRANGER, TickingClock, deliver

OFFICER = Caller("agency", "msa.li", "agency-maritime", agency="maritime")
BORDER = Caller("agency", "bj.wang", "agency-border", agency="border")
DAY = 24 * 3600


async def issued(window: Window) -> tuple[str, str]:
    """Call and exit filing of a ship that may sail."""
    call_id, exit_id = await leaving(window)
    await released(window, exit_id, EXIT)
    [row] = await certificates(window)
    assert row.state == "valid"
    return call_id, exit_id


async def states(window: Window) -> list[str]:
    return [row.state for row in await certificates(window)]


async def changed_form(window: Window, exit_id: str, **changes: Any) -> bytes:
    from gateway import tenancy

    row = await window.database.read(lambda connection: tenancy.owned(connection, CLIENT, exit_id))
    return form("departure", **{"trader_assigned_reference_id": row.reference, **changes})


async def report(window: Window, call_id: str, exit_id: str, **changes: Any) -> dict[str, Any]:
    body = await changed_form(window, exit_id, **changes)
    return await changing.report(window, CLIENT, call_id, body, JSON)


async def test_a_reported_change_asks_whom_it_concerns_and_waits_for_maritime(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, exit_id = await issued(window)
        clock.tick(60)
        # armed guards are told to border alone
        made = await report(window, call_id, exit_id, shore_leave_quantity=9)
        assert made["items"] == [
            {
                "item": "shore_leave_quantity",
                "pointer": "/shore_leave_quantity",
                "name_zh": "申请登陆船员人数",
                "name_en": "Crew requesting shore leave",
                "old": "10",
                "new": "9",
            }
        ]
        assert made["agencies"] == ["border"]
        assert await states(window) == ["suspended"]
        answer = orjson.loads(orjson.dumps(await showing.call(window, CLIENT, call_id)))
        assert [each["code"] for each in answer["flags"]] == ["changed"]
        legs = next(each for each in answer["filings"] if each["step"] == "departure")["legs"]
        assert {name: leg["version"] for name, leg in legs.items()} == {
            "customs": 1, "inspection": 1, "maritime": 1, "border": 2,
        }  # fmt: skip
        clock.tick(60)
        await says(window, exit_id, "border", EXIT)
        # border has released; maritime has not decided yet
        assert await states(window) == ["suspended"]
        decided = await changing.decide(window, OFFICER, call_id, "continue", "no matter")
        assert decided["state"] == "valid"
        old, new = await certificates(window)
        assert (old.state, new.state, new.replaces, new.version) == ("superseded", "valid", old.number, 2)


async def test_maritime_may_have_everything_done_again(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, exit_id = await issued(window)
        clock.tick(60)
        await report(window, call_id, exit_id, next_port_code="KRPUS")
        clock.tick(60)
        # those asked have released, and maritime wants all of it again
        await deliver(window)
        await released(window, exit_id, EXIT)
        await changing.decide(window, OFFICER, call_id, "redo", None)
        answer = orjson.loads(orjson.dumps(await showing.call(window, CLIENT, call_id)))
        assert "redo" in [each["code"] for each in answer["flags"]]
        # releases of the version in force no longer count: a new one goes to all four
        clock.tick(60)
        again = await corrected(window, exit_id, "departure", next_port_code="KRPUS")
        assert again.status == 202
        answer = orjson.loads(orjson.dumps(await showing.call(window, CLIENT, call_id)))
        legs = next(each for each in answer["filings"] if each["step"] == "departure")["legs"]
        assert {name: leg["version"] for name, leg in legs.items()} == dict.fromkeys(AGENCIES, 3)
        assert await states(window) == ["suspended"]
        clock.tick(60)
        await released(window, exit_id, EXIT)
        assert await states(window) == ["superseded", "valid"]


async def test_what_is_no_change_is_none(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        call_id, exit_id = await issued(window)
        with pytest.raises(NothingChanged):
            await report(window, call_id, exit_id)
        assert await states(window) == ["valid"]


async def test_only_maritime_decides_and_only_what_is_open(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, exit_id = await issued(window)
        with pytest.raises(NothingToDecide):
            await changing.decide(window, OFFICER, call_id, "continue", None)
        clock.tick(60)
        await report(window, call_id, exit_id, next_port_code="KRPUS")
        with pytest.raises(AnotherAgency):
            await changing.decide(window, BORDER, call_id, "continue", None)
        with pytest.raises(NotFound):
            await changing.decide(window, Caller("agency", "x", "", agency="elsewhere"), call_id, "continue", None)


async def test_not_sailed_in_twenty_four_hours_is_flagged_to_the_second_and_not_voided(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, _ = await issued(window)
        [row] = await certificates(window)
        clock.now = row.issued_at + timedelta(seconds=DAY)
        assert await changing.flag_overdue(window) == 0
        clock.now = row.issued_at + timedelta(seconds=DAY, microseconds=1)
        assert await changing.flag_overdue(window) == 1
        assert await changing.flag_overdue(window) == 0
        assert await states(window) == ["valid"]
        answer = orjson.loads(orjson.dumps(await showing.call(window, OFFICER, call_id)))
        assert [each["code"] for each in answer["flags"]] == ["overdue"]
        assert answer["may_sail"] is True
        [late] = (await listing.overdue(window, 10))["items"]
        assert late["call_id"] == call_id
        # let it stand: another day from the decision
        decided_at = clock.tick(60)
        await changing.decide(window, OFFICER, call_id, "continue", "fog")
        assert (await listing.overdue(window, 10))["items"] == []
        clock.now = decided_at.replace(microsecond=0) + timedelta(seconds=DAY)
        assert await changing.flag_overdue(window) == 0
        clock.tick(1)
        assert await changing.flag_overdue(window) == 1


async def test_overdue_and_done_again_it_is_suspended(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, exit_id = await issued(window)
        clock.tick(DAY + 1)
        assert await changing.flag_overdue(window) == 1
        await changing.decide(window, OFFICER, call_id, "redo", None)
        assert await states(window) == ["suspended"]
        clock.tick(60)
        # an agency may also release the same version anew
        await released(window, exit_id, EXIT)
        assert await states(window) == ["valid"]


async def test_a_ship_that_sails_while_suspended_leaves_a_void_certificate(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        _, exit_id = await issued(window)
        clock.tick(60)
        await says(window, exit_id, "border", "REO")
        await file(window, "movement", atd="201510230901")
        [row] = await certificates(window)
        assert (row.state, row.reason) == ("void", "sailed")


async def test_copies_are_the_same_bytes_counted_and_journalled(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, exit_id = await leaving(window)
        with pytest.raises(CertificateMissing):
            await printing.printed(window, CLIENT, call_id)
        await released(window, exit_id, EXIT)
        copies = await asyncio.gather(*(printing.printed(window, CLIENT, call_id) for _ in range(4)))
        bodies = {body for body, _, _ in copies}
        assert len(bodies) == 1
        assert bodies.pop().startswith(b"%PDF")
        assert sorted(copy for _, _, copy in copies) == [1, 2, 3, 4]
        _, number, copy = await printing.printed(window, BORDER, call_id)
        assert copy == 5
        with pytest.raises(NotFound):
            await printing.printed(window, STRANGER, call_id)
        with pytest.raises(NotFound):
            await printing.printed(window, Caller("agency", "x", "", agency="elsewhere"), call_id)
        from gateway import ask

        timeline = (await ask.timeline(window, CLIENT, exit_id))["items"]
        printed = [each for each in timeline if each["code"] == "certificate_printed"]
        assert sorted(each["details"]["copy"] for each in printed) == ["1", "2", "3", "4", "5"]
        assert {each["details"]["certificate"] for each in printed} == {number}
        clock.tick(60)
        await says(window, exit_id, "customs", "HLD")
        with pytest.raises(CertificateNotInForce) as refused:
            await printing.printed(window, CLIENT, call_id)
        assert refused.value.details["state"] == "suspended"


async def test_the_content_is_frozen_and_sealed(tmp_path: Path) -> None:
    from sqlalchemy import select

    from gateway.database import shipping
    from gateway.database.stores import certificates as store

    async with ship_window(tmp_path) as window:
        await issued(window)
        [row] = await certificates(window)
        frozen = await window.database.read(lambda connection: store.content(connection, row.id))
        assert frozen["master"] == {"family_name": "ZHANG", "given_name": "WEI", "nationality": "CHN"}
        assert frozen["bound_for"]["code"] == "JPOSA"
        assert [each["agency"] for each in frozen["releases"]][-1] == "maritime"
        assert all(each["at"] for each in frozen["releases"])
        assert frozen["officer"] == "LI NA"
        kept = await window.database.read(
            lambda connection: connection.execute(select(shipping.certificate.c.content)).scalar_one()
        )
        assert "ZHANG" not in str(kept)


ACTS = st.one_of(
    st.tuples(st.sampled_from([EXIT, "REO", "HLD", "LFT", "ACC"]), st.sampled_from(AGENCIES)),
    st.tuples(st.sampled_from(["next port", "crew", "eta"]), st.just("")),
    st.tuples(st.just("again"), st.just("")),
)


VOIDED: dict[str, set[str]] = {
    "next port": {"inspection", "maritime"},
    "crew": {"inspection", "maritime", "border"},
    "eta": set(),
}
"""What moves -> whose release that voids (mappings/voids.csv)."""


@dataclass
class Model:
    """What the clearance should be, told simply: the last word of each agency, and what voided it since."""

    said: dict[str, str] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)

    def act(self, what: str, agency: str) -> None:
        if what in VOIDED:
            self.void |= VOIDED[what]
        elif what == "ACC":
            # accepted again says less than what was said before
            self.said.setdefault(agency, what)
        elif what in ("REO", "HLD", "LFT", EXIT):
            self.said[agency] = what
            if what == EXIT:
                self.void.discard(agency)

    @property
    def valid(self) -> bool:
        return not self.void and all(self.said.get(agency) == EXIT for agency in AGENCIES)


@given(st.lists(ACTS, min_size=6, max_size=24))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_over_any_history_it_is_valid_exactly_when_the_model_says(acts: list[tuple[str, str]]) -> None:
    async def run() -> None:
        clock = TickingClock()
        model = Model()
        with tempfile.TemporaryDirectory() as directory:
            async with ship_window(Path(directory), clock) as window:
                call_id, exit_id = await leaving(window)
                for number, (what, name) in enumerate(acts):
                    clock.tick(60)
                    if what == "again":
                        # everybody who has not the last word of release releases
                        for agency in AGENCIES:
                            await says(window, exit_id, agency, EXIT)
                            model.act(EXIT, agency)
                    elif what in VOIDED:
                        items = {"next port": "next_port_code", "crew": "crew_quantity", "eta": "eta"}
                        values = {
                            "next port": ("KRPUS", "JPOSA"),
                            "crew": (21, 22),
                            "eta": ("201510220901", "201510220902"),
                        }
                        before = await showing.call(window, CLIENT, call_id)
                        await file(window, "movement", **{items[what]: values[what][number % 2]})
                        after = await showing.call(window, CLIENT, call_id)
                        if any(each["item"] == items[what] for each in after["movements"][len(before["movements"]) :]):
                            model.act(what, "")
                    else:
                        await says(window, exit_id, name, what)
                        model.act(what, name)
                    in_force = [row.state for row in await certificates(window) if row.state in ("valid", "suspended")]
                    assert len(in_force) <= 1
                    assert (in_force == ["valid"]) is model.valid, (number, what, name, in_force, model)

    asyncio.run(run())
