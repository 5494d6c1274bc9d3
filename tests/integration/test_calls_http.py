"""A call over HTTP: what an agent's system and maritime's officer send and read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.main import create_app
from gateway.wiring import Window
from tests.support import visitors
from tests.support.listening import listening
from tests.support.ships import EXIT, form, leaving, released, ship_window
from tests.support.windows import TickingClock

JSON = {"Content-Type": "application/json"}


@dataclass
class Desk:
    window: Window
    http: aiohttp.ClientSession
    agent: dict[str, str]
    officer: dict[str, str]

    async def ask(self, method: str, path: str, who: dict[str, str], body: Any = None) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes | None) else orjson.dumps(body)
        async with self.http.request(method, f"/api/v1{path}", data=data, headers={**JSON, **who}) as reply:
            content = await reply.read()
            return reply.status, orjson.loads(content) if content else {}


@asynccontextmanager
async def desk(data_dir: Path, clock: TickingClock) -> AsyncIterator[Desk]:
    async with ship_window(data_dir, clock) as window:
        # its organisation is there from the start
        person = await visitors.member(window, "agency-maritime", "officer", "msa.li")
        token = (window.settings.secrets_dir / "clients" / "default.token").read_text().strip()
        agent = {"Authorization": f"Bearer {token}"}
        async with listening(create_app(opened=window, worker=False)) as url, aiohttp.ClientSession(url) as http:
            yield Desk(window, http, agent, await visitors.logged_in(window, person, "agency-maritime"))


async def test_refusals_say_what_to_do_instead(tmp_path: Path) -> None:
    async with desk(tmp_path, TickingClock()) as at:
        status, refused = await at.ask("POST", "/declarations", at.agent, form("departure"))
        assert (status, refused["code"], refused["after"]) == (409, "step_out_of_order", "arrival")
        status, filed = await at.ask("POST", "/declarations", at.agent, form("arrival"))
        assert status == 202
        status, refused = await at.ask("POST", "/declarations", at.agent, form("arrival"))
        assert (status, refused["code"]) == (409, "step_filed_twice")
        assert refused["declaration_url"] == f"/api/v1/declarations/{filed['id']}"
        for member in ("detail", "detail_zh"):
            assert refused[member]
        status, found = await at.ask("GET", "/declarations?ship=9900019", at.agent)
        assert [each["id"] for each in found["items"]] == [filed["id"]]
        status, found = await at.ask("GET", "/calls?imo=9900019", at.agent)
        assert [each["id"] for each in found["items"]] == [filed["call_id"]]
        status, _ = await at.ask("GET", f"/calls/{filed['call_id']}/certificate", at.agent)
        assert status == 409


async def test_issued_printed_changed_decided_and_found_by_its_number(tmp_path: Path) -> None:
    clock = TickingClock()
    async with desk(tmp_path, clock) as at:
        call_id, exit_id = await leaving(at.window)
        await released(at.window, exit_id, EXIT)
        for copy in ("1", "2"):
            async with at.http.get(f"/api/v1/calls/{call_id}/certificate", headers=at.agent) as reply:
                assert (reply.status, reply.headers["Content-Type"]) == (200, "application/pdf")
                assert reply.headers["Certificate-Copy"] == copy
                number = reply.headers["Certificate-Number"]
        status, found = await at.ask("GET", f"/declarations?certificate={number}", at.agent)
        assert [each["id"] for each in found["items"]] == [exit_id]
        clock.tick(60)
        status, filed = await at.ask("GET", f"/declarations/{exit_id}", at.agent)
        body = form("departure", trader_assigned_reference_id=filed["reference"], next_port_code="KRPUS")
        status, made = await at.ask("POST", f"/calls/{call_id}/changes", at.agent, body)
        assert status == 202
        assert [each["item"] for each in made["items"]] == ["next_port_code"]
        status, seen = await at.ask("GET", f"/calls/{call_id}", at.officer)
        assert (status, [each["code"] for each in seen["flags"]]) == (200, ["changed"])
        # the agent is no officer, the officer no agent
        status, refused = await at.ask("POST", f"/calls/{call_id}/decision", at.agent, {"decision": "continue"})
        assert (status, refused["code"]) == (403, "forbidden")
        status, refused = await at.ask("POST", f"/calls/{call_id}/cancel", at.officer, {"reason": "diverted"})
        assert (status, refused["code"]) == (403, "forbidden")
        status, decided = await at.ask("POST", f"/calls/{call_id}/decision", at.officer, {"decision": "continue"})
        assert (status, decided["state"]) == (200, "suspended")
        clock.tick(60)
        await released(at.window, exit_id, EXIT, *made["agencies"])
        status, seen = await at.ask("GET", f"/calls/{call_id}", at.agent)
        assert (seen["may_sail"], seen["certificate"]["replaces"]) == (True, number)
        async with at.http.get("/metrics") as reply:
            assert 'onewindow_certificates{state="valid"} 1.0' in await reply.text()
