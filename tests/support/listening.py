"""An application on a free port, in the test's own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: FastAPI, port: int = 0, **options: Any) -> AsyncIterator[str]:
    """Serves while the body runs; gives the address. `options`: of the server, as `gateway.tls.server_options` says them."""
    with socket.create_server(("127.0.0.1", port)) as bound:
        # the loop does so only for sockets that name their protocol; without, each reply waits 40 ms for an acknowledgement
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = _Server(uvicorn.Config(app, access_log=False, log_config=None, **options))
        task = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started:
            assert not task.done(), "the server did not start"
            await asyncio.sleep(0.01)
        try:
            scheme = "https" if "ssl_context_factory" in options else "http"
            yield f"{scheme}://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
