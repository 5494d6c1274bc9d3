"""`onewindow serve|worker|consume|simulate`: the programs that keep running."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from gateway import programs
from gateway.config import load_settings
from gateway.identity import Secrets
from gateway.supervise import require_free_port


def serve() -> None:
    """启动单一窗口服务 / Serve the window: API, documentation at /docs; on the embedded default it delivers too."""
    settings = load_settings()
    if settings.port:
        require_free_port(settings.host, settings.port, "ONEWINDOW_PORT")
    _run(programs.serve_window(settings))


def worker() -> None:
    """启动投递进程 / Deliver, collect and look after what was left lying (PostgreSQL); any number may run."""
    _run(programs.work(load_settings()))


def consume() -> None:
    """启动回执处理进程 / Take up agencies' answers as Kafka tells of them (PostgreSQL and Kafka); any number may run."""
    _run(programs.consume_answers(load_settings()))


def _run(program: Coroutine[Any, Any, None]) -> None:
    from gateway.api import requestlog

    requestlog.configure()
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(program)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: twice the requests a second."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


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
    url = settings.agency_urls.get(agency, "")
    address = urlsplit(url)
    serves = address.scheme.startswith("http")
    host, port = (address.hostname or settings.host, address.port or 0) if serves else (settings.host, 0)
    if port:
        require_free_port(host, port, "ONEWINDOW_AGENCY_URLS")
    asyncio.run(
        run_simulator(
            agency,
            state_dir=settings.data_dir / "simulators",
            exchange_dir=settings.exchange_dir / agency,
            host=host,
            port=port,
            window_url=settings.public_address,
            token=secrets.agency_token(agency),
            hmac_key=secrets.agency_key(agency),
            rehearsal=settings.rehearsal,
            knobs=Knobs.from_environment(os.environ),
            bundle_root=settings.tables_dir,
            url=url,
            window_keys=settings.secrets_dir / "keys",
            window_certificate=settings.own_certificate,
        )
    )
