"""What the window tells about itself: figures, signs of life, readiness, log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from sqlalchemy import Connection, update

from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown, StorageUnavailable
from gateway.database.schema import process
from gateway.database.stores import controls, processes
from gateway.observe import condition, gauges, heartbeat
from gateway.observe.heartbeat import beating
from gateway.observe.statusserver import status_server
from gateway.receive import receive
from gateway.supervise import PortTaken, free_port
from gateway.wiring import Window
from tests.support.figures import Figures, scrape
from tests.support.program import program
from tests.support.served import JSON, numbered, problem, served
from tests.support.signed import put
from tests.support.windows import (
    COSMETICS,
    ELECTRONICS,
    TickingClock,
    agency,
    deliver,
    file,
    receipt,
    result,
    sample,
    until,
    window_at,
)

REFERENCE = orjson.loads(sample(ELECTRONICS))["trader_assigned_reference_id"]


async def test_figures_follow_a_filing_to_its_answer(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        before = await scrape(window)
        await file(window)
        queued = await scrape(window)
        assert queued.since(before, "onewindow_declarations_accepted_total", form="goods", scope="customs_only") == 1
        assert queued.get("onewindow_queue_messages", agency="customs", lane="ordinary") == 1
        assert queued.get("onewindow_queue_age_seconds", agency="customs") > 0
        assert queued.get("onewindow_queue_age_seconds", agency="inspection") == 0
        await deliver(window)
        clock.tick(90)
        await receive(window, "customs", receipt(REFERENCE))
        clock.tick(90)
        await receive(window, "customs", result("A", clock.now))
        after = await scrape(window)
        assert after.get("onewindow_queue_messages") == 0
        assert after.since(before, "onewindow_messages_delivered_total", agency="customs") == 1
        assert after.since(before, "onewindow_delivery_seconds_count", agency="customs") == 1
        assert after.since(before, "onewindow_answers_total", agency="customs") == 2
        assert after.since(before, "onewindow_round_trip_seconds_count", agency="customs") == 1, "the first answer only"
        assert after.since(before, "onewindow_round_trip_seconds_sum", agency="customs") == pytest.approx(90)
        assert after.since(before, "onewindow_answers_total", agency="inspection") == 0


async def test_figures_of_what_goes_wrong(tmp_path: Path) -> None:
    async with window_at(tmp_path, breaker_failures=1000) as window:
        customs = agency(window, "customs")
        before = await scrape(window)
        await file(window)
        customs.troubles = [
            AgencyUnavailable("away", "无法连接"),
            OutcomeUnknown("?", "？"),
            AgencyRefused("no", "拒收"),
        ]
        for _ in range(200):
            await deliver(window)
            if not customs.troubles:
                break
            await asyncio.sleep(0.005)
        await receive(window, "customs", b"<nonsense/>")
        now = await scrape(window)
        assert now.since(before, "onewindow_deliveries_retried_total", agency="customs") >= 1
        assert now.since(before, "onewindow_outcomes_unknown_total", agency="customs") == 1
        assert now.since(before, "onewindow_messages_parked_total", agency="customs") == 1
        assert now.since(before, "onewindow_documents_quarantined_total", agency="customs") == 1
        assert now.get("onewindow_queue_messages", agency="customs", lane="held") == 1
        assert now.get("onewindow_documents", agency="customs", state="quarantined") == 1
        assert now.get("onewindow_documents", agency="inspection", state="quarantined") == 0


async def test_a_breaker_a_pause_and_silence_are_shown(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock, breaker_failures=1) as window:
        before = await scrape(window)
        assert before.get("onewindow_breaker_open") == before.get("onewindow_agency_paused") == 0
        await file(window, COSMETICS)
        agency(window, "inspection").troubles = [AgencyUnavailable("away", "无法连接")]
        await deliver(window)
        await window.database.write(lambda connection: controls.pause(connection, "customs", "op", "why", clock.now))
        now = await scrape(window)
        assert now.get("onewindow_breaker_open", agency="inspection") == 1
        assert now.get("onewindow_breaker_open", agency="customs") == 0
        assert now.since(before, "onewindow_breaker_opened_total", agency="inspection") == 1
        assert now.get("onewindow_agency_paused", agency="customs") == 1


async def test_an_agency_that_owes_an_answer_is_silent(tmp_path: Path) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        await file(window)
        await deliver(window)
        assert (await scrape(window)).get("onewindow_legs_silent") == 0
        clock.tick(timedelta(days=60).total_seconds())
        assert (await scrape(window)).get("onewindow_legs_silent", agency="customs") == 1
        await receive(window, "customs", receipt(REFERENCE))
        await receive(window, "customs", result("R", clock.now))


async def test_a_lost_lease_is_counted(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        before = await scrape(window)
        await file(window)

        async def answer_first(_: object) -> None:
            # the agency's answer is taken before its own reply to the sending
            await receive(window, "customs", receipt(REFERENCE))

        agency(window, "customs").before = answer_first
        await deliver(window)
        assert (await scrape(window)).since(before, "onewindow_leases_lost_total", agency="customs") == 1


@pytest.mark.sqlite_only
async def test_a_scrape_walks_no_table_that_grows(tmp_path: Path) -> None:
    """What is stored may be a million filings; what waits is what a scrape may cost."""
    async with window_at(tmp_path) as window:

        def plans(connection: Connection) -> list[str]:
            driver: Any = connection.connection.dbapi_connection
            asked: list[str] = []
            driver.set_trace_callback(asked.append)
            gauges.read(connection, window.clock())
            driver.set_trace_callback(None)
            assert len(asked) >= 6
            return [row[3] for each in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {each}")]

        for step in await window.database.read(plans):
            scanned = step.startswith("SCAN") and any(f" {name} " in f"{step} " for name in ("message", "inbox"))
            assert not scanned or "USING INDEX ix_inbox_not_done" in step, step


async def test_many_who_ask_cost_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "SHARED_SECONDS", 3600.0)
    async with window_at(tmp_path) as window:
        asked = {"write": 0, "read": 0}
        for name in asked:
            _counted(monkeypatch, window, name, asked)
        await asyncio.gather(*(window.condition.ready() for _ in range(100)))
        assert asked["write"] == 1
        texts = await asyncio.gather(*(window.condition.exposition() for _ in range(100)))
        assert asked == {"write": 1, "read": 1}
        assert all(b"onewindow_queue_messages" in text for text in texts)


def _counted(monkeypatch: pytest.MonkeyPatch, window: Window, name: str, asked: dict[str, int]) -> None:
    real: Callable[..., Any] = getattr(window.database, name)

    def counting(act: Callable[[Connection], Any]) -> Any:
        asked[name] += 1
        return real(act)

    monkeypatch.setattr(window.database, name, counting)


async def test_the_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await window.condition.ready()
        assert await _programs(window) == []


async def test_figures_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with window_at(tmp_path) as window:
        await file(window)

        def away(_: object) -> Any:
            raise StorageUnavailable("away", "不可用")

        monkeypatch.setattr(window.database, "read", away)
        monkeypatch.setattr(window.database, "write", away)
        shown = await scrape(window)
        assert shown.get("onewindow_storage_ready") == shown.get("onewindow_database_answers") == 0
        assert shown.get("onewindow_declarations_accepted_total") > 0, "what this process counted is told all the same"
        assert not shown.has("onewindow_queue_messages"), "what is not known is not called 0"
        monkeypatch.undo()
        shown = await scrape(window)
        assert shown.get("onewindow_storage_ready") == shown.get("onewindow_database_answers") == 1
        assert shown.has("onewindow_queue_messages")


async def _programs(window: Window) -> list[Any]:
    return list(await window.database.read(processes.every))


async def test_a_program_is_known_while_it_runs(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        async with beating(window, "worker", every=0.01):
            [begun] = await _programs(window)
            assert begun.kind == "worker"
            shown = await scrape(window)
            assert shown.get("onewindow_processes_alive", kind="worker") == 1
            assert shown.get("onewindow_processes_alive", kind="consume") == 0
            async with asyncio.timeout(10):
                while (await _programs(window))[0].seen_at == begun.seen_at:
                    await asyncio.sleep(0.01)
        assert await _programs(window) == []
        assert (await scrape(window)).get("onewindow_processes_alive") == 0


async def test_a_program_that_was_killed_is_not_alive(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window, beating(window, "worker", every=3600):
        [row] = await _programs(window)

        def long_ago(connection: Connection) -> None:
            connection.execute(update(process).values(seen_at=row.seen_at - timedelta(seconds=31)))

        await window.database.write(long_ago)
        assert (await scrape(window)).get("onewindow_processes_alive") == 0
        await window.database.write(
            lambda connection: connection.execute(update(process).values(seen_at=row.seen_at - timedelta(days=2)))
        )
        async with beating(window, "serve", every=3600):
            assert [each.kind for each in await _programs(window)] == ["serve"], "a new start takes the old row away"


async def test_a_clock_that_differs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = TickingClock()
    async with window_at(tmp_path, clock) as window:
        [now] = [row.now for row in await _known(window)]
        for ahead, told in ((1.0, False), (3600.0, True), (-3600.0, True)):
            clock.now = now + timedelta(seconds=ahead)
            capsys.readouterr()
            async with beating(window, "serve", every=3600):
                skew = (await scrape(window)).get("onewindow_clock_skew_seconds", kind="serve")
            assert skew == pytest.approx(ahead, abs=heartbeat.SKEW_SECONDS - 1)
            assert ("clock differs" in capsys.readouterr().out) is told


async def _known(window: Window) -> list[Any]:
    async with beating(window, "serve", every=3600):
        return await _programs(window)


async def test_the_store_being_away_does_not_stop_the_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with window_at(tmp_path) as window:
        real, tried = window.database.write, asyncio.Event()

        def away(_: object) -> Any:
            tried.set()
            raise StorageUnavailable("away", "不可用")

        monkeypatch.setattr(window.database, "write", away)
        async with beating(window, "worker", every=0.01):
            await asyncio.wait_for(tried.wait(), 10)
            assert await _programs(window) == []
            monkeypatch.setattr(window.database, "write", real)
            async with asyncio.timeout(10):
                while not await _programs(window):
                    await asyncio.sleep(0.01)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_the_status_server_of_a_worker(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with window_at(tmp_path) as window:
        async with status_server(window, port):
            async with session.get(f"{url}/healthz") as reply:
                assert reply.status == 200
            async with session.get(f"{url}/readyz") as reply:
                assert (reply.status, (await reply.json())["status"]) == (200, "ready")
            async with session.get(f"{url}/metrics") as reply:
                assert reply.content_type == "text/plain"
                assert Figures.of(await reply.read()).get("onewindow_storage_ready") == 1
            async with session.get(f"{url}/api/v1/declarations") as reply:
                assert reply.status == 404, "a worker has no API"
            with pytest.raises(PortTaken):
                async with status_server(window, port):
                    pass
        async with status_server(window, port):
            pass
        async with status_server(window, 0):
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{url}/healthz")


async def test_requests_and_refusals_are_counted_by_pattern(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with served(tmp_path) as site:
        token = site.token("clients/default")

        async def figures() -> Figures:
            async with session.get(f"{site.url}/metrics") as reply:
                assert reply.status == 200, "no token is asked"
                return Figures.of(await reply.read())

        before = await figures()
        filings = f"{site.url}/api/v1/declarations"
        for number in range(2):
            body = numbered(sample(ELECTRONICS), f"FIG{number}")
            async with session.post(filings, data=body, headers=JSON | token) as reply:
                assert reply.status == 202
        async with session.post(filings, data=body, headers=JSON | token) as reply:
            await problem(reply, 409, "duplicate_reference")
        for number in range(3):
            async with session.get(f"{filings}/D{number}", headers=token) as reply:
                await problem(reply, 404, "not_found")
        async with session.request("PROPFIND", f"{site.url}/coffee/{'x' * 20}") as reply:
            assert reply.status in (404, 405)
        after = await figures()
        assert after.since(before, "onewindow_accept_seconds_count") == 2
        route = "/declarations/{declaration_id}"
        assert after.since(before, "onewindow_http_requests_total", method="GET", route=route, status="404") == 3
        assert after.since(before, "onewindow_http_requests_total", method="POST", status="409") == 1
        assert after.since(before, "onewindow_requests_refused_total", code="not_found") >= 3
        assert after.since(before, "onewindow_requests_refused_total", code="duplicate_reference") == 1
        shown = {dict(labels).get(name) for _, labels in after.samples for name in ("route", "method")}
        assert not {"PROPFIND", f"/coffee/{'x' * 20}"} & shown, "what a caller writes is no label"


SECRET = "LANTERN-7731"


async def test_a_whole_flow_is_logged_by_ids_and_never_by_content(tmp_path: Path) -> None:
    nowhere = {"agency_urls": '{"inspection": "http://127.0.0.1:9/messages"}', "delivery_poll_seconds": "0.1"}
    async with program(tmp_path, **nowhere) as site:
        data = tmp_path / "data"
        secrets = {path: path.read_text().strip() for path in (data / "secrets").rglob("*.*")}
        client = {"Authorization": f"Bearer {secrets[data / 'secrets/clients/default.token']}"}
        filings, ids = f"{site.url}/api/v1/declarations", []
        for name in (ELECTRONICS, COSMETICS):
            body = sample(name, contract_id=SECRET, owner_name=SECRET)
            async with site.session.post(filings, data=body, headers=JSON | client) as reply:
                assert reply.status == 202
                ids.append((await reply.json())["id"])
        wrong = b'{"x": "' + SECRET.encode() + b'"}'
        async with site.session.post(filings, data=wrong, headers=JSON | client) as reply:
            await problem(reply, 422, "invalid_declaration")
        async with site.session.get(filings, params={"contract": SECRET}, headers=client) as reply:
            assert [item["id"] for item in (await reply.json())["items"]] == ids[::-1]
        box = data / "exchange/customs"
        await until(lambda: len(list((box / "OutBox").glob("*.zip"))) == 1)
        for name, answer in (("a", receipt(REFERENCE, message=SECRET)), ("b", f"<x>{SECRET}</x>".encode())):
            put(data, "customs", f"{name}.xml", answer)
        await until(lambda: len([path for path in box.rglob("*.xml") if path.parent.name != "InBox"]) == 2)
        address = f"{filings}/{ids[0]}"
        async with site.session.get(f"{address}/messages", headers=client) as reply:
            items = (await reply.json())["items"]
            message_id = next(item["id"] for item in items if item["id"].startswith("M"))
        async with site.session.get(f"{address}/messages/{message_id}", headers=client) as reply:
            assert SECRET in await reply.text(), "the content is there to be logged"
        assert await site.end() == 0
    text = site.written()
    lines = [orjson.loads(line) for line in text.splitlines()]
    assert SECRET not in text
    for path, secret in secrets.items():
        assert secret not in text, path
    assert all(line["event"] and line["level"] and line["timestamp"].endswith("Z") for line in lines)
    about = [line for line in lines if line.get("declaration_id") == ids[0]]
    assert {line["conversation_id"] for line in about} == {ids[0]}
    assert {"request", "delivered", "answered"} <= {line["event"] for line in about}
    assert {line.get("message_id") for line in about if line["event"] in ("delivered", "answered")} == {message_id}
    [shown] = [line for line in about if line.get("path", "").endswith(message_id)]
    assert (shown["message_id"], shown["status"]) == (message_id, 200)
    assert {line["declaration_id"] for line in lines if line["event"] == "not delivered"} == {ids[1]}
