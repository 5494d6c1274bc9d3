"""`onewindow serve|worker|simulate`: the programs that keep running."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import urlsplit

import typer

from declarations.errors import BadConfiguration
from gateway.config import Settings, load_settings
from gateway.identity import Secrets
from gateway.supervise import require_free_port


def serve() -> None:
    """启动单一窗口服务 / Serve the window: API, documentation at /docs; on the embedded default it delivers too."""
    from gateway.api import requestlog

    settings = load_settings()
    if settings.port:
        require_free_port(settings.host, settings.port, "ONEWINDOW_PORT")
    requestlog.configure()
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    """The window is opened here and not by the server, so that a refused start is words and no traceback in its log."""
    import uvicorn

    from gateway.main import create_app
    from gateway.wiring import open_window

    class Server(uvicorn.Server):
        """Ends on a signal like any program's loop, so that the window closes after it; the original raises it again."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
            yield

    async with open_window(settings) as window:
        config = uvicorn.Config(
            create_app(opened=window),
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=10,
            # longer than clients keep a connection, so that none sends into one we are closing
            timeout_keep_alive=75,
        )
        await Server(config).serve()


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: twice the requests a second."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def worker() -> None:
    """启动独立投递进程 / Deliver in a process of its own (PostgreSQL). The embedded default delivers inside `serve`."""
    settings = load_settings()
    if settings.database_url.startswith("sqlite"):
        raise BadConfiguration(
            "on SQLite exactly one process opens the database, and `onewindow serve` delivers inside it; "
            "a separate worker needs ONEWINDOW_DATABASE_URL to name PostgreSQL",
            "SQLite 只能由一个进程打开，投递在 onewindow serve 内进行；独立投递需要 PostgreSQL（ONEWINDOW_DATABASE_URL）",
        )
    raise BadConfiguration("this version delivers inside `onewindow serve` only", "本版本仅在 onewindow serve 内投递")


def simulate(
    agency: Annotated[str, typer.Argument(help="customs or inspection")],
) -> None:
    """启动模拟监管机构 / Run a simulated agency: it validates what it gets and answers like the real one."""
    from adapters.simulator.knobs import Knobs
    from adapters.simulator.run import run_simulator
    from gateway.api import requestlog

    settings = load_settings()
    requestlog.configure()
    secrets = Secrets.create_missing(settings.secrets_dir, [agency])
    address = urlsplit(settings.agency_urls.get(agency, ""))
    host, port = address.hostname or settings.host, address.port or 0
    if port:
        require_free_port(host, port, "ONEWINDOW_AGENCY_URLS")
    asyncio.run(
        run_simulator(
            agency,
            state_dir=settings.data_dir / "simulators",
            exchange_dir=settings.exchange_dir / agency,
            host=host,
            port=port,
            window_url=f"http://{settings.host}:{settings.port}",
            token=secrets.agency_token(agency),
            hmac_key=secrets.agency_key(agency),
            rehearsal=settings.rehearsal,
            knobs=Knobs.from_environment(os.environ),
            bundle_root=settings.tables_dir,
        )
    )
