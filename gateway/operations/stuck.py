"""Declarations that do not move: stuck on our side, or an agency silent past the day it should have spoken.

Urgent declarations stand first, in a lane of their own; within a lane the oldest first. Each row says since when, why,
and what an operator can do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import BadRequest
from declarations.status import ENDED
from gateway.database.stores import approvals
from gateway.database.stores import queues as store
from gateway.database.types import AnyRow
from gateway.operations.queues import chosen

if TYPE_CHECKING:
    from gateway.wiring import Window

MINUTES = 30
"""A message queued for longer counts as stuck, unless the operator says otherwise."""

KINDS: dict[str, tuple[str, str, str, str]] = {
    "queued": (
        "在队列中等待过久",
        "queued for long",
        "查看该机构的通道（ops test）及熔断、暂停状态（ops queues）；恢复后自动发送",
        "look at the agency's channel (ops test), its circuit breaker and pause (ops queues); it goes by itself afterwards",
    ),
    "outcome_unknown": (
        "可能已送达，结果待确认",
        "it may have reached the agency",
        "询问该机构：已收到则申请 release，未收到则申请 resend（均须第二人批准）",
        "ask the agency: if it has the message ask for release, if not for resend (a second operator grants either)",
    ),
    "parked": (
        "暂停发送",
        "parked",
        "查明原因并排除后申请 resend；该机构已收到则申请 release（均须第二人批准）",
        "find and remove the cause, then ask for resend; for release if the agency has it (a second operator grants either)",
    ),
    "unmade": (
        "报文无法生成",
        "the message could not be made",
        "查看原因，排除后申请 resend 重新生成；属申报错误的通知企业更正",
        "see the reason; once it is removed ask for resend, which makes it again; if the form is wrong the trader corrects it",
    ),
    "in_vain": (
        "所等待的号码不会再来",
        "it waits for a number that will not come",
        "通知企业更正重报；运行人员无需处理",
        "tell the trader to correct and refile; nothing for an operator to do",
    ),
    "silent": (
        "机构逾期未回执",
        "the agency is silent past its time",
        "询问该机构；回执文件已到而未处理的，查看 ops queues 与 ops document",
        "ask the agency; if its answer did come look at ops queues and ops document",
    ),
}
"""Kind of trouble -> what it is and what an operator can do, zh and en of each."""

_CURSOR = re.compile(r"([01])-(\d{1,17})-([0-9A-Z]{27})")
_MICROSECOND = timedelta(microseconds=1)


async def stuck(
    window: Window, agency: str | None = None, minutes: int = MINUTES, cursor: str | None = None, limit: int = 50
) -> dict[str, Any]:
    """Messages queued for longer than `minutes`, in doubt, parked, or waiting in vain."""
    agencies, after = chosen(window, agency), _place(cursor)

    def read(connection: Connection) -> dict[str, Any]:
        most = limit + 1
        found = [
            *(("queued", row) for row in store.queued_long(connection, agencies, minutes * 60.0, after, most)),
            *((_held(row), row) for row in store.held(connection, agencies, after, most)),
            *(("unmade", row) for row in store.unmade(connection, agencies, after, most)),
            *(("in_vain", row) for row in store.waiting_in_vain(connection, agencies, sorted(ENDED), after, most)),
        ]
        found.sort(key=lambda each: (each[1].lane, each[1].since, each[1].id))
        return _page(connection, window, found, limit)

    return await window.database.read(read)


async def held(window: Window, agency: str | None = None, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    """Messages that wait for an operator: in doubt, parked, or not to be made."""
    agencies, after = chosen(window, agency), _place(cursor)

    def read(connection: Connection) -> dict[str, Any]:
        found = [
            *((_held(row), row) for row in store.held(connection, agencies, after, limit + 1)),
            *(("unmade", row) for row in store.unmade(connection, agencies, after, limit + 1)),
        ]
        found.sort(key=lambda each: (each[1].lane, each[1].since, each[1].id))
        return _page(connection, window, found, limit)

    return await window.database.read(read)


async def silent(
    window: Window, agency: str | None = None, cursor: str | None = None, limit: int = 50
) -> dict[str, Any]:
    """Messages whose agency should have said the next thing by now, counted on its own working calendar."""
    agencies, after = chosen(window, agency), _place(cursor)

    def read(connection: Connection) -> dict[str, Any]:
        rows = store.silent(connection, agencies, window.clock(), after, limit + 1)
        return _page(connection, window, [("silent", row) for row in rows], limit)

    return await window.database.read(read)


def _held(row: AnyRow) -> str:
    return "outcome_unknown" if row.delivery == "outcome_unknown" else "parked"


def _page(connection: Connection, window: Window, found: Sequence[tuple[str, AnyRow]], limit: int) -> dict[str, Any]:
    page = found[:limit]
    return {
        "items": [_item(connection, window, kind, row) for kind, row in page],
        "next": _cursor(page[-1][1]) if len(found) > limit else None,
    }


def _item(connection: Connection, window: Window, kind: str, row: AnyRow) -> dict[str, Any]:
    what_zh, what_en, do_zh, do_en = KINDS[kind]
    severity = "warning"
    expected = window.rulebook.agencies[row.agency].expectations.rows.get(row.state or row.delivery)
    if kind == "silent" and expected is not None:
        severity, do_zh, do_en = expected.severity, expected.words_zh, expected.words_en
    reason_zh, reason_en = _reason(window, kind, row)
    pending = approvals.pending_for(connection, row.id)
    return {
        "kind": kind,
        "kind_zh": what_zh,
        "kind_en": what_en,
        "severity": severity,
        "urgent": row.lane == 0,
        "declaration_id": row.declaration_id,
        "reference": row.reference,
        "version": row.version,
        "agency": row.agency,
        "message": row.message,
        "message_id": row.id,
        "state": row.state or row.delivery,
        "delivery": row.delivery,
        "since": (row.spoke_at or row.sent_at) if kind == "silent" else row.since,
        "expected_by": row.expected_by,
        "attempts": row.attempts,
        "next_attempt": row.due_at if kind == "queued" else None,
        "reason_zh": reason_zh,
        "reason_en": reason_en,
        "do_zh": do_zh,
        "do_en": do_en,
        "approval": pending.id if pending else None,
    }


def _reason(window: Window, kind: str, row: AnyRow) -> tuple[str | None, str | None]:
    """Why it does not move, as far as we know. A channel's own words are technical and in English."""
    if kind == "silent":
        words, codes = window.words.of("leg", row.state or row.delivery), window.responses(row.agency)
        return (
            f"{codes.name_zh}在“{words.name_zh}”之后没有回执",
            f"{codes.name_en} has said nothing after: {words.name_en}",
        )
    if kind == "in_vain":
        agency, _, number = (row.waits_for or "").partition(".")
        codes, name = window.responses(agency), window.words.of("number", number)
        return (
            f"{codes.name_zh}已结束，未给出{name.name_zh}",
            f"{codes.name_en} has ended without giving its {name.name_en}",
        )
    return row.reason_zh or row.last_error, row.reason_en or row.last_error


def _cursor(row: AnyRow) -> str:
    return f"{row.lane}-{(row.since - store.BEGINNING) // _MICROSECOND}-{row.id}"


def _place(cursor: str | None) -> store.Place:
    if cursor is None:
        return store.Place()
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")
    lane, microseconds, message_id = found.groups()
    return store.Place(int(lane), store.BEGINNING + int(microseconds) * _MICROSECOND, message_id)
