"""`/metrics`, `/healthz` and `/readyz` of a program that has no API: `worker` and `consume`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from gateway import problems
from gateway.api import health, metrics
from gateway.supervise import require_free_port

if TYPE_CHECKING:
    from gateway.wiring import Window


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # signals are the program's
        yield


@asynccontextmanager
async def status_server(window: Window, port: int) -> AsyncIterator[None]:
    """Serves while the body runs; nothing when `port` is 0. Raises PortTaken when another program has the port."""
    if not port:
        yield
        return
    app = FastAPI(openapi_url=None)
    app.state.window = window
    problems.install(app)
    for module in (health, metrics):
        app.include_router(module.router)
    require_free_port(window.settings.host, port, "ONEWINDOW_METRICS_PORT")
    listening = socket.create_server((window.settings.host, port))
    config = uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listening.close()
