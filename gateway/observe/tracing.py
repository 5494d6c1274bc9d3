"""Tracing: one trace from a request to the settled answer, by OpenTelemetry, when an operator asks for it.

It is on when OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) is set, or OTEL_TRACES_EXPORTER=console for a
trial; sampling and the service's name are the SDK's own variables. Otherwise nothing is imported and a span costs a comparison.

    request -> accept -> (outbox.trace) -> deliver -> send -> (inbox.trace) -> take_up

What crosses a queue crosses it as a W3C traceparent, in a column or a Kafka header. Spans name ids and agencies, never content:
of an exception only its class is kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

HEADER = "traceparent"
SERVICE = "onewindow"
FLUSH_SECONDS = 2.0
"""What a collector that does not answer may cost at the end of a program."""

_OFF: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def configure(exporter: SpanExporter | None = None, environment: Mapping[str, str] | None = None) -> bool:
    """Begins to trace when the environment asks for it, or into `exporter`; says whether it does. Safe to repeat."""
    global _tracer, _provider
    if _tracer is not None:
        return True
    environment = os.environ if environment is None else environment
    wanted = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    switched_off = wanted == "none" or environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if exporter is None and (switched_off or (wanted != "console" and not endpoint)):
        return False

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    processor: SpanProcessor
    if exporter is not None:
        processor = SimpleSpanProcessor(exporter)
    elif wanted == "console":
        processor = SimpleSpanProcessor(ConsoleSpanExporter())
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        processor = BatchSpanProcessor(OTLPSpanExporter())
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
    # ended by `stop`, within its time: the SDK's own way at exit would wait for a collector that is away
    _provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer(SERVICE)
    return True


def stop() -> None:
    """Hands over what is left, then traces no more. Blocks for FLUSH_SECONDS at most; safe to repeat."""
    global _tracer, _provider
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        # the SDK's own time limit is not kept (open-telemetry/opentelemetry-python#4568)
        flush = threading.Thread(target=provider.force_flush, daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)


def current() -> str | None:
    """The traceparent of what is going on here; None when nothing is traced or this was not sampled."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    context = get_current_span().get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def span(name: str, parent: str | None = None, **attributes: str | int) -> AbstractContextManager[None]:
    """A step of the trace `parent` (a traceparent), else of the step around it, else the first of a new trace."""
    return _OFF if _tracer is None else _span(_tracer, name, parent, attributes)


@contextmanager
def _span(tracer: Tracer, name: str, parent: str | None, attributes: dict[str, str | int]) -> Iterator[None]:
    from opentelemetry.context import Context
    from opentelemetry.trace import Status, StatusCode, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context: Context | None = None
    if parent:
        context = TraceContextTextMapPropagator().extract({HEADER: parent}, Context())
        if not get_current_span(context).get_span_context().is_valid:
            context = None
    with tracer.start_as_current_span(
        name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield
        except BaseException as error:
            # its words may hold what a trader wrote
            begun.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def named_in_log(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """For structlog: the trace a line belongs to, where there is one."""
    if (traceparent := current()) is not None:
        event["trace_id"] = traceparent.split("-")[1]
    return event
