"""One trace from the trader's request to the settled answer, across the queues; and no trace, and no cost, unless asked for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from declarations.errors import AgencyRefused
from gateway import receive
from gateway.bus.consumer import consume, take_notices
from gateway.database.schema import inbox, outbox
from gateway.main import create_app
from gateway.observe import tracing
from gateway.wiring import Window
from tests.conftest import Kafka
from tests.support.listening import listening
from tests.support.served import JSON
from tests.support.windows import COSMETICS, ROOT, agency, deliver, file, inspected, receipt, sample, until, window_at

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
REFERENCE = orjson.loads(sample(COSMETICS))["trader_assigned_reference_id"]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    assert tracing.configure(exporter)
    yield exporter
    tracing.stop()


def _named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def _trace(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


async def _traces(window: Window, table: Any) -> list[str | None]:
    rows = await window.database.read(lambda connection: connection.execute(select(table.c.trace)).all())
    return [row.trace for row in rows]


async def test_one_trace_from_the_request_to_the_agency(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with window_at(tmp_path) as window, listening(create_app(opened=window, worker=False)) as url:
        token = (tmp_path / "secrets/clients/default.token").read_text().strip()
        headers = JSON | {"Authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{CALLER}-01"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/api/v1/declarations", data=sample(COSMETICS), headers=headers) as reply,
        ):
            assert reply.status == 202
            filed = await reply.json()
        [request] = _named(spans, "request")
        assert request.parent is not None
        assert (_trace(request), f"{request.parent.span_id:016x}") == (TRACE, CALLER)
        assert await _traces(window, outbox) == [f"00-{TRACE}-{request.context.span_id:016x}-01"]
        await deliver(window)
        [sent] = _named(spans, "deliver")
        assert _trace(sent) == TRACE
        assert sent.parent is not None
        assert sent.parent.span_id == request.context.span_id
        assert sent.attributes is not None
        assert (sent.attributes["agency"], sent.attributes["declaration_id"]) == ("inspection", filed["id"])


async def test_a_leg_that_waited_belongs_to_the_trace_of_what_it_waited_for(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with window_at(tmp_path) as window:
        await file(window, COSMETICS)
        await deliver(window)
        with tracing.span("request", f"00-{TRACE}-{CALLER}-01"):
            await receive.receive(
                window, "inspection", inspected("60", REFERENCE, window.clock(), add="310000115000001001")
            )
        assert [each and each.split("-")[1] for each in await _traces(window, outbox)] == [TRACE]
        await deliver(window)
        assert [_trace(span) for span in _named(spans, "deliver")].count(TRACE) == 1


async def test_an_answer_kept_for_a_consumer_goes_on_with_its_trace(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with window_at(tmp_path) as window:
        with tracing.span("request", f"00-{TRACE}-{CALLER}-01"):
            kept = await receive.keep(window, "customs", receipt("NOBODY"))
        [stored] = await _traces(window, inbox)
        assert stored is not None and stored.startswith(f"00-{TRACE}-")
        # another process, another task: nothing is left of the first but what the database holds
        await asyncio.create_task(receive.take_up(window, kept.inbox_id))
        [taken] = _named(spans, "take_up")
        assert _trace(taken) == TRACE
        assert taken.attributes is not None
        assert taken.attributes["inbox_id"] == kept.inbox_id


@pytest.mark.usefixtures("postgres_backend")
async def test_a_trace_goes_through_kafka(tmp_path: Path, kafka: Kafka, spans: InMemorySpanExporter) -> None:
    """From the API's process to a worker's, and from the door of an agency to a consumer's."""
    bus = {"kafka_bootstrap": kafka.bootstrap, "kafka_prefix": kafka.prefix, "database_connections": 4}
    # nothing is looked for: what moves was told
    never = {"delivery_poll_seconds": 3600.0, "sweep_seconds": 3600.0}
    async with window_at(tmp_path, **bus, **never) as api, window_at(tmp_path, **bus, **never) as worker:
        worker.start_worker()
        programs = [asyncio.create_task(take_notices(worker)), asyncio.create_task(consume(worker))]
        try:
            with tracing.span("request", f"00-{TRACE}-{CALLER}-01"):
                await file(api, COSMETICS)
            await until(lambda: bool(_named(spans, "deliver")), 60)
            with tracing.span("request", f"00-{OTHER}-{CALLER}-01"):
                kept = await receive.keep(api, "inspection", inspected("20", REFERENCE, api.clock()))
            await until(lambda: bool(_named(spans, "take_up")), 60)
            await until(lambda: len(_named(spans, "notice")) == 2, 60)
        finally:
            for program in programs:
                program.cancel()
            await asyncio.gather(*programs, return_exceptions=True)
    told = {_trace(span): dict(span.attributes or {}) for span in _named(spans, "notice")}
    assert set(told) == {TRACE, OTHER}
    assert told[OTHER]["inbox_id"] == kept.inbox_id
    assert [_trace(span) for span in _named(spans, "deliver")] == [TRACE]
    assert [_trace(span) for span in _named(spans, "take_up")] == [OTHER]


async def test_a_trace_tells_that_it_failed_and_never_in_which_words(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    secret = "SECRET WORDS"
    with pytest.raises(AgencyRefused), tracing.span("deliver", agency="customs"):
        raise AgencyRefused(secret, secret)
    async with window_at(tmp_path) as window:
        agency(window, "inspection").troubles = [AgencyRefused(secret, secret)]
        await file(window, COSMETICS, owner_name=secret)
        await deliver(window)
    finished = spans.get_finished_spans()
    assert finished[0].status.description == "AgencyRefused"
    assert not finished[0].status.is_ok
    assert secret not in "".join(span.to_json() for span in finished)


async def test_neighbours_keep_their_own_traces(spans: InMemorySpanExporter) -> None:
    async def work(number: int) -> tuple[str | None, str | None]:
        with tracing.span("request", f"00-{number:032x}-{CALLER}-01"):
            before = tracing.current()
            await asyncio.sleep(0)
            with tracing.span("inner"):
                await asyncio.sleep(0)
            return before, tracing.current()

    for number, (before, after) in enumerate(await asyncio.gather(*(work(number) for number in range(1, 50))), 1):
        assert before == after
        assert before is not None and before.split("-")[1] == f"{number:032x}"
    assert tracing.current() is None


def test_what_was_not_sampled_or_cannot_be_read_is_not_handed_on(spans: InMemorySpanExporter) -> None:
    with tracing.span("request", f"00-{TRACE}-{CALLER}-00"):
        assert tracing.current() is None, "its caller wanted no trace"
    for nonsense in ("", "x", f"00-{TRACE}", f"00-{'0' * 32}-{CALLER}-01", f"ff-{TRACE}-{CALLER}-01"):
        with tracing.span("request", nonsense):
            own = tracing.current()
            assert own is not None and TRACE not in own


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
    ],
)
def test_when_traces_are_made(environment: dict[str, str], on: bool) -> None:
    """In a process of its own: what is imported, and that a collector that is away does not hold up its end."""
    program = (
        "import sys, time\n"
        "from gateway.observe import tracing\n"
        "assert tracing.configure() is (sys.argv[1] == 'on')\n"
        "with tracing.span('request'):\n"
        "    assert (tracing.current() is None) is (sys.argv[1] == 'off')\n"
        "tracing.stop()\n"
        "assert sys.argv[1] == 'on' or not any(name.startswith('opentelemetry') for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "on" if on else "off"],
        env={"PATH": "", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("trace_id" in done.stdout) is (environment.get("OTEL_TRACES_EXPORTER") == "console")


async def test_a_collector_that_never_answers_does_not_hold_up_the_end(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever = threading.Event()
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.01)
    with tracing.span("request"):
        pass
    provider = tracing._provider
    assert provider is not None
    monkeypatch.setattr(provider, "force_flush", lambda *_: for_ever.wait())
    await asyncio.wait_for(asyncio.to_thread(tracing.stop), 30)
    for_ever.set()
    assert tracing.current() is None
