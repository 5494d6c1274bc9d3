"""One JSON line per request, with the declaration and message it was about; and the shape of all our logs.

A line names what it is about by `declaration_id`, `message_id` and `conversation_id`, and its trace where there is one. It never
holds content of a declaration, a token, or a query (which may hold a company's name).
"""

from __future__ import annotations

import logging
import os
import sys
import time
import uuid
from contextlib import suppress
from typing import TextIO, cast

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.observe import metrics, tracing

QUIET = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines: logged only when they fail."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


class _Lines:
    """Where log lines go: a stream that never fails. On a full disk a line is lost, and what it tells of goes on.

    Written at once and not kept back: a buffer that could not be emptied would fail, or grow, with every line after it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.flush()
            written = memoryview(text.encode())
            while written:
                written = written[os.write(self._stream.fileno(), written) :]
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def conversation_named(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """All that is said about one filing, by us and by every agency, is one conversation; the declaration's id names it."""
    if "declaration_id" in event:
        event.setdefault("conversation_id", event["declaration_id"])
    return event


def configure(level: int = logging.INFO) -> None:
    """JSON lines on stderr, UTC times; what other libraries log goes the same way. Traces begin here too, where wanted."""
    tracing.configure()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        conversation_named,
        tracing.named_in_log,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    lines = cast(TextIO, _Lines(sys.stderr))
    render = structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str).decode())
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(lines),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # one line per plug-in at every start says nothing
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


class RequestLog:
    """Plain ASGI, because the framework's own middleware class costs a task and a queue per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        if scope["path"] in QUIET:
            await self._answered(scope, receive, send)
            return
        structlog.contextvars.bind_contextvars(request=uuid.uuid4().hex[:12])
        parent = Headers(scope=scope).get(tracing.HEADER)
        with tracing.span("request", parent, method=scope["method"], path=scope["path"]):
            await self._answered(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in METHODS else "other"
            metrics.requested(method, getattr(scope.get("route"), "path", "none"), status, seconds)
            # path parameters are there once a route was found: they name declaration and message
            names: dict[str, str] = scope.get("path_params", {})
            if status >= 400 or scope["path"] not in QUIET:
                milliseconds = round(seconds * 1000, 1)
                log.info("request", method=scope["method"], path=scope["path"], status=status, ms=milliseconds, **names)
