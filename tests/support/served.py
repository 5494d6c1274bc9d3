"""A window served over real sockets in this process, for tests of the HTTP door."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import structlog
import uvicorn

from adapters.signatures import HEADER
from gateway.main import create_app
from tests.support.backend import settings_at
from tests.support.signed import signature

JSON, XML = {"Content-Type": "application/json"}, {"Content-Type": "application/xml"}


@dataclass
class Site:
    """A served window and the tokens that open its doors."""

    url: str
    secrets: Path

    def token(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.secrets / f'{name}.token').read_text().strip()}"}

    def signed(self, body: bytes, agency: str = "inspection", name: str = "") -> dict[str, str]:
        """The header with that agency's signature; its key is made known to the window the first time."""
        return {HEADER: signature(self.secrets, agency, body, name)}


@contextmanager
def served(data_dir: Path, **settings: Any) -> Iterator[Site]:
    """Serves a new window on a free port; nothing is delivered to agencies."""
    # the server's log shares the process with what a test reads from standard output
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    app = create_app(settings_at(data_dir, port=0, **settings), worker=False)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Site(f"http://127.0.0.1:{port}", data_dir / "secrets")
    finally:
        server.should_exit = True
        thread.join(10)
        structlog.reset_defaults()


def numbered(sample: bytes, reference: str) -> bytes:
    """A sample under another reference."""
    return orjson.dumps({**orjson.loads(sample), "trader_assigned_reference_id": reference})


async def status_of(reply: aiohttp.ClientResponse) -> int:
    """The status of a reply whose content does not matter; the connection is free again."""
    await reply.read()
    return reply.status


async def problem(reply: aiohttp.ClientResponse, status: int, code: str) -> dict[str, Any]:
    """The reply is a problem document of this status and code, with words in both languages."""
    content: dict[str, Any] = orjson.loads(await reply.read())
    assert (reply.status, content.get("code")) == (status, code), content
    assert reply.content_type == "application/problem+json"
    assert content["status"] == status
    assert content["type"] == f"urn:onewindow:problem:{code}"
    assert content["title"]
    assert content["detail"]
    assert any("\u4e00" <= character <= "\u9fff" for character in content["detail_zh"])
    assert isinstance(content["faults"], list)
    return content
