"""How operators see rows: dictionaries for JSON, states and acts in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from declarations.answers import Response
from gateway.database.types import AnyRow
from gateway.journal import ACTS

if TYPE_CHECKING:
    from gateway.wiring import Window

APPROVED_ACTS: dict[str, tuple[str, str]] = {
    "resend": ("重新发送", "send again"),
    "release": ("确认机构已收到", "the agency has it"),
    "requeue": ("重新处理", "take up again"),
    "retention": ("清理过期申报", "remove what is past its term"),
}
APPROVAL_STATES: dict[str, tuple[str, str]] = {
    "pending": ("待批准", "to be granted"),
    "done": ("已批准并执行", "granted and done"),
    "refused": ("未批准", "refused"),
    "withdrawn": ("已撤回", "taken back"),
}
DOCUMENT_STATES: dict[str, tuple[str, str]] = {
    "received": ("已收到，待处理", "received, not taken up yet"),
    "done": ("已处理", "taken up"),
    "waiting": ("等待对应的申报", "waits for its declaration"),
    "quarantined": ("已隔离", "quarantined"),
}


def declaration(window: Window, row: AnyRow) -> dict[str, Any]:
    words = window.words.of("combined", row.status)
    return {
        "id": row.id,
        "reference": row.reference,
        "version": row.version,
        "status": row.status,
        "status_zh": words.name_zh,
        "status_en": words.name_en,
        "urgent": row.urgent,
        "accepted_at": row.created_at,
    }


def message(row: AnyRow) -> dict[str, Any]:
    names = (
        "id", "declaration_id", "reference", "version", "current", "agency", "message", "table_version", "delivery",
        "state", "reason_zh", "reason_en", "waits_for", "exchange_name", "agency_reference", "unified_number",
        "accepted_at", "sent_at", "expected_by",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}


def queued(row: AnyRow) -> dict[str, Any]:
    """Its place in the outbox; times are the database's."""
    names = ("state", "attempts", "created_at", "due_at", "lease_until", "last_error")
    return {"urgent": row.priority == 0, **{name: getattr(row, name) for name in names}}


def act(window: Window, row: AnyRow) -> dict[str, Any]:
    """One entry of the journal, with everything: operators see what is technical too."""
    zh, en = ACTS[row.code]
    if row.code == "status":
        words = window.words.of("combined", row.details["status"])
        zh, en = f"{zh}：{words.name_zh}", f"{en}: {words.name_en}"
    return {"at": row.at, "code": row.code, "zh": zh, "en": en, "actor": row.actor, "details": row.details}


def answer(window: Window, row: AnyRow) -> dict[str, Any]:
    """An answer that was taken up."""
    code = window.responses(row.agency).get((row.message, row.code))
    return {
        "message": row.message,
        "code": row.code,
        "known": code is not None,
        "zh": code.name_zh if code else None,
        "en": code.name_en if code else None,
        "at": row.at,
        "received_at": row.received_at,
        "response": row.response,
        "inbox_id": row.inbox_id,
        "url": f"/api/v1/operations/documents/{row.inbox_id}",
    }


def response(window: Window, read: Response) -> dict[str, Any]:
    """An answer as the tables in force read it."""
    code = window.responses(read.agency).get((read.message, read.code))
    names = (
        "key", "message", "code", "at", "refers_to", "refers_to_file", "agency_reference", "unified_number",
        "clearance_form_id", "pointer", "text", "place", "due",
    )  # fmt: skip
    return {
        **{name: getattr(read, name) for name in names},
        "known": code is not None,
        "zh": code.name_zh if code else None,
        "en": code.name_en if code else None,
    }


def unmatched(row: AnyRow) -> dict[str, Any]:
    names = ("key", "refers_to", "refers_to_file", "agency_reference", "unified_number", "received_at", "response")
    return {name: getattr(row, name) for name in names}


def document(row: AnyRow) -> dict[str, Any]:
    zh, en = DOCUMENT_STATES[row.state]
    names = ("id", "agency", "name", "received_at", "state", "reason_zh", "reason_en")
    return {**{name: getattr(row, name) for name in names}, "state_zh": zh, "state_en": en}


def approval(row: AnyRow) -> dict[str, Any]:
    act_zh, act_en = APPROVED_ACTS[row.act]
    state_zh, state_en = APPROVAL_STATES[row.state]
    return {
        "id": row.id,
        "act": row.act,
        "act_zh": act_zh,
        "act_en": act_en,
        "target": row.target,
        "reason": row.reason,
        "state": row.state,
        "state_zh": state_zh,
        "state_en": state_en,
        "asked_by": row.asked_by,
        "asked_at": row.asked_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "outcome_zh": row.outcome_zh,
        "outcome_en": row.outcome_en,
        "url": f"/api/v1/operations/approvals/{row.id}",
    }
