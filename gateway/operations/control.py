"""Whether an agency is sent to: paused and resumed by one operator with a reason; and whether its channel answers at all."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from declarations.errors import BadRequest, MoveNotAllowed, NotFound, OnewindowError
from gateway import journal
from gateway.database.stores import controls, entries
from gateway.identity import Caller
from gateway.operations.queues import breaker

if TYPE_CHECKING:
    from gateway.wiring import Window

TEST_SECONDS = 15.0
"""A channel that does not answer by then is taken for dead."""
log = structlog.get_logger(__name__)


async def pause(window: Window, operator: Caller, agency: str, reason: str) -> dict[str, Any]:
    """Nothing is sent to the agency until somebody resumes it; filings are taken and answers too. Raises MoveNotAllowed."""
    reason = _reason(reason)

    def store(connection: Connection) -> dict[str, Any]:
        row = controls.get(connection, _known(window, agency))
        if row is not None and row.paused_by:
            raise MoveNotAllowed(
                f"{row.paused_by} has paused {agency} already: {row.reason}",
                f"{row.paused_by} 已暂停向 {agency} 发送：{row.reason}",
            )
        now = window.clock()
        controls.begin(connection, [agency])
        controls.pause(connection, agency, operator.name, reason, now)
        entries.add(
            connection, [journal.operators("paused", operator.name, now, {"reason": reason}, {"agency": agency})]
        )
        return _shown(connection, window, agency)

    return await window.database.write(store)


async def resume(window: Window, operator: Caller, agency: str, reason: str) -> dict[str, Any]:
    """Sends again, and closes the circuit breaker. Raises MoveNotAllowed when neither was holding anything back."""
    reason = _reason(reason)

    def store(connection: Connection) -> dict[str, Any]:
        row = controls.get(connection, _known(window, agency))
        if row is None or not (row.paused_by or row.open or row.failures):
            raise MoveNotAllowed(f"{agency} is not paused", f"未暂停向 {agency} 发送")
        now = window.clock()
        controls.resume(connection, agency)
        entries.add(
            connection, [journal.operators("resumed", operator.name, now, {"reason": reason}, {"agency": agency})]
        )
        return _shown(connection, window, agency)

    shown = await window.database.write(store)
    # deliverers of other processes look by themselves, every second
    window.deliverers[agency].woken.set()
    return shown


async def test(window: Window, agency: str) -> dict[str, Any]:
    """Tries the channel as sending would, without sending anything; from this process. A dead channel is a result, no refusal."""
    channel, started = window.channels[_known(window, agency)], time.monotonic()
    try:
        async with asyncio.timeout(TEST_SECONDS):
            reached = await channel.test()
        ok, zh, en = True, f"通道正常：{reached}", f"the channel answers: {reached}"
    except OnewindowError as error:
        ok, zh, en = False, error.message_zh, error.message_en
    except TimeoutError:
        ok, zh, en = False, f"{TEST_SECONDS:.0f} 秒内无响应", f"no answer within {TEST_SECONDS:.0f} s"
    except Exception as error:
        log.exception("channel test failed", agency=agency)
        ok, zh, en = False, f"测试出错：{error!r}", f"the test itself failed: {error!r}"
    return {"agency": agency, "ok": ok, "zh": zh, "en": en, "milliseconds": round((time.monotonic() - started) * 1000)}


def _shown(connection: Connection, window: Window, agency: str) -> dict[str, Any]:
    row = controls.get(connection, agency)
    assert row is not None
    paused = {"by": row.paused_by, "at": row.paused_at, "reason": row.reason} if row.paused_by else None
    return {"agency": agency, "paused": paused, "breaker": breaker(row, window.settings.breaker_failures)}


def _known(window: Window, agency: str) -> str:
    if agency not in window.rulebook.agencies:
        raise NotFound(f"there is no agency {agency!r}", f"没有机构 {agency}")
    return agency


def _reason(reason: str) -> str:
    if not reason.strip():
        raise BadRequest("say why, in reason", "请在 reason 中说明理由")
    return reason.strip()
