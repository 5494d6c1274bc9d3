"""The window's programs, each as one function that runs until SIGTERM: `serve`, `worker`, `consume`.

On SQLite there is one, `serve`, which does everything. On PostgreSQL any number of each may run; with Kafka `serve` and `worker`
keep agencies' documents and `consume` takes them up.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog

from declarations.errors import BadConfiguration
from gateway.config import Settings

if TYPE_CHECKING:
    from gateway.wiring import Window

log = structlog.get_logger(__name__)
LEAVING_SECONDS = 5.0
"""What leaving the broker may take at the end, beyond the time to drain."""


async def serve_window(settings: Settings) -> None:
    """The API; delivers too on SQLite, or where ONEWINDOW_DELIVER_INSIDE says so."""
    import uvicorn

    from gateway.main import create_app
    from gateway.observe.heartbeat import beating
    from gateway.tls import server_options
    from gateway.wiring import open_window

    leaving: list[asyncio.Task[None]] = []

    class Server(uvicorn.Server):
        """Ends on a signal like any program's loop, so that the window closes after it; the original raises it again."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            def leave(number: signal.Signals) -> None:
                # at the signal, not when the last request has ended: a delivery begun late would be cut off in doubt
                leaving.append(asyncio.create_task(window.stop()))
                self.handle_exit(number, None)

            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, leave, number)
            yield

    _refuse_kafka_alone(settings)
    options = server_options(settings)
    # opened here and not by the server, so that a refused start is words and no traceback in its log
    async with open_window(settings) as window, beating(window, "serve"):
        config = uvicorn.Config(
            create_app(opened=window, worker=delivers_inside(settings)),
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
            # longer than clients keep a connection, so that none sends into one we are closing
            timeout_keep_alive=75,
            **options,
        )
        told = [asyncio.create_task(run) for run in (_notices(window) if delivers_inside(settings) else [])]
        try:
            await Server(config).serve()
        finally:
            await asyncio.gather(_end(told, settings.drain_seconds + LEAVING_SECONDS), *leaving)


async def work(settings: Settings) -> None:
    """Deliverers, collectors and the sweeper; with Kafka, told of new messages instead of looking for them."""
    from gateway.observe.heartbeat import beating
    from gateway.observe.statusserver import status_server
    from gateway.wiring import open_window

    _require_postgres(settings, "worker")
    async with (
        open_window(settings) as window,
        beating(window, "worker"),
        status_server(window, settings.metrics_port),
    ):
        window.start_worker()
        log.info("worker_ready", agencies=sorted(window.deliverers))
        await _until_stopped(_notices(window), window)


async def consume_answers(settings: Settings) -> None:
    """Takes up agencies' documents, and those that a lost notice left lying."""
    from gateway.bus.consumer import consume
    from gateway.observe.heartbeat import beating
    from gateway.observe.statusserver import status_server
    from gateway.wiring import open_window

    _require_postgres(settings, "consume")
    if not settings.kafka_bootstrap:
        raise BadConfiguration(
            "consume needs Kafka (ONEWINDOW_KAFKA_BOOTSTRAP); without it answers are taken up where they arrive",
            "consume 需要 Kafka（ONEWINDOW_KAFKA_BOOTSTRAP）；没有 Kafka 时回执在到达的进程内处理",
        )
    async with (
        open_window(settings) as window,
        beating(window, "consume"),
        status_server(window, settings.metrics_port),
    ):
        window.start_sweeper()
        log.info("consume_ready")
        await _until_stopped([consume(window)], window)


def delivers_inside(settings: Settings) -> bool:
    """Whether `serve` delivers: on SQLite nobody else can."""
    return _on_sqlite(settings) if settings.deliver_inside is None else settings.deliver_inside


def _on_sqlite(settings: Settings) -> bool:
    return settings.database_url.startswith("sqlite")


def _require_postgres(settings: Settings, program: str) -> None:
    if _on_sqlite(settings):
        raise BadConfiguration(
            "on SQLite exactly one process opens the database, and `onewindow serve` does everything inside it; "
            f"a separate {program} needs ONEWINDOW_DATABASE_URL to name PostgreSQL",
            "SQLite 只能由一个进程打开，所有工作在 onewindow serve 内进行；"
            f"独立的 {program} 需要 PostgreSQL（ONEWINDOW_DATABASE_URL）",
        )


def _refuse_kafka_alone(settings: Settings) -> None:
    if _on_sqlite(settings) and settings.kafka_bootstrap:
        raise BadConfiguration(
            "ONEWINDOW_KAFKA_BOOTSTRAP connects several processes, but on SQLite there is exactly one; "
            "leave it out, or name PostgreSQL in ONEWINDOW_DATABASE_URL",
            "ONEWINDOW_KAFKA_BOOTSTRAP 用于连接多个进程，而 SQLite 只能由一个进程打开；"
            "请去掉该设置，或在 ONEWINDOW_DATABASE_URL 中指定 PostgreSQL",
        )


def _notices(window: Window) -> list[Coroutine[Any, Any, None]]:
    if not window.settings.kafka_bootstrap:
        return []
    from gateway.bus.consumer import take_notices

    return [take_notices(window)]


async def _until_stopped(runs: list[Coroutine[Any, Any, None]], window: Window) -> None:
    """Runs until a signal asks to end, then drains; raises what any of `runs` ended with, for none of them ends by itself."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    # signals belong to the main thread; elsewhere the caller cancels
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(run) for run in runs]
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({asked, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        log.info("stopping")
        await asyncio.gather(_end([asked, *tasks], window.settings.drain_seconds + LEAVING_SECONDS), window.stop())


async def _end(tasks: list[asyncio.Task[Any]], seconds: float) -> None:
    """Cancels, and waits for what they do at their end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
