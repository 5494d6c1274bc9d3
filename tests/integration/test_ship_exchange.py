"""Ships' messages through real channels: four simulated agencies, two over HTTP, two over folders, one signing inside the XML."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import orjson
from sqlalchemy import select

from adapters.simulator.knobs import Knobs
from adapters.simulator.run import run_simulator
from gateway import ask
from gateway.clock import system_clock
from gateway.database.schema import journal, message, message_body
from gateway.main import create_app
from gateway.submit import submit
from gateway.wiring import open_window
from tests.support.backend import settings_at
from tests.support.listening import listening
from tests.support.windows import CLIENT, JSON, ROOT, rulebook

AGENCIES = ("customs", "inspection", "maritime", "border")
OVER_HTTP = ("inspection", "maritime")


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


async def test_an_emergency_reaches_all_four_and_each_says_so(tmp_path: Path) -> None:
    ports = dict(zip(OVER_HTTP, free_ports(len(OVER_HTTP)), strict=True))
    urls = {agency: f"http://127.0.0.1:{port}/messages" for agency, port in ports.items()}
    settings = settings_at(tmp_path / "data", delivery_poll_seconds=0.05, agency_urls=urls)
    form = orjson.loads((ROOT / "tests/data/ships/emergency.json").read_bytes())
    async with (
        open_window(settings, system_clock, rulebook()) as window,
        listening(create_app(opened=window, worker=True)) as url,
    ):
        agencies = [
            asyncio.create_task(
                run_simulator(
                    name,
                    state_dir=settings.data_dir / "simulators",
                    exchange_dir=settings.exchange_dir / name,
                    host="127.0.0.1",
                    port=ports.get(name, 0),
                    window_url=url,
                    token=window.secrets.agency_token(name),
                    hmac_key=window.secrets.agency_key(name),
                    rehearsal=False,
                    knobs=Knobs(delay_scale=0.02),
                    bundle_root=ROOT,
                    url=urls.get(name, ""),
                    window_keys=settings.secrets_dir / "keys",
                )
            )
            for name in AGENCIES
        ]
        try:
            filed = await submit(window, CLIENT, orjson.dumps(form), JSON)
            assert filed.status == 202, filed.body
            found = {"status": ""}
            async with asyncio.timeout(60):
                while found["status"] != "closed":
                    for each in agencies:
                        assert not each.done(), each.exception()
                    found = await ask.declaration(window, CLIENT, filed.body["id"])
                    await asyncio.sleep(0.05)
            assert {name: leg["state"] for name, leg in found["legs"].items()} == dict.fromkeys(AGENCIES, "closed")
            refused = select(journal.c.details).where(journal.c.code == "answer_refused")
            assert await window.database.read(lambda connection: list(connection.execute(refused))) == []
            signed = select(message.c.agency, message_body.c.signature).join(message_body)
            lines = await window.database.read(lambda connection: dict(map(tuple, connection.execute(signed))))
            assert {name for name, line in lines.items() if line.startswith("<ds:Signature")} == {"border"}
        finally:
            for each in agencies:
                each.cancel()
            await asyncio.gather(*agencies, return_exceptions=True)
