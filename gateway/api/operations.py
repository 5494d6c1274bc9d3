"""The operator's desk, reading: what waits, what is stuck, who is silent, every message and document as it was."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from declarations.errors import BadRequest
from gateway.api import keys, openapi, repairs, replies, vault
from gateway.api.requests import DECLARATION_TYPES, Admitted, WindowOf
from gateway.operations import browser, documents, programs, stuck
from gateway.operations.faults import operator_faults
from gateway.operations.queues import queues

router = APIRouter(prefix="/operations", tags=["operations"])
router.include_router(repairs.router)
router.include_router(vault.router)
router.include_router(keys.desk)

OneAgency = Annotated[str | None, Query(max_length=40, description="Of this agency only", examples=["customs"])]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
MessageId = Annotated[str, Path(max_length=64, examples=["M01…"])]
InboxId = Annotated[str, Path(max_length=64, examples=["I01…"])]

QUEUES: dict[str, Any] = {
    "at": "2026-11-21T02:00:00+00:00",
    "items": [
        {
            "agency": "customs",
            "urgent": 0,
            "ordinary": 12,
            "under_way": 4,
            "held": 1,
            "oldest_seconds": 95.2,
            "waiting": 7,
            "parked": 1,
            "silent": 2,
            "paused": None,
            "breaker": {"state": "closed", "failures": 0, "resumes_at": None},
            "last_delivered": "2026-11-21T01:59:58+00:00",
            "last_heard": "2026-11-21T01:59:55+00:00",
            "documents": {"received": 0, "oldest_seconds": None, "waiting": 1, "quarantined": 0},
        }
    ],
    "approvals_pending": 1,
}
STUCK: dict[str, Any] = {
    "items": [
        {
            "kind": "parked",
            "kind_zh": "暂停发送",
            "kind_en": "parked",
            "urgent": False,
            "declaration_id": "D01KAHJ3R6V0N7E9QK2M4T8WXYZ",
            "reference": "SWSH2015B00000001",
            "agency": "customs",
            "message_id": "M01KAHJ3R6V0N7E9QK2M4T8WXYZ",
            "since": "2026-11-21T01:00:00+00:00",
            "expected_by": None,
            "reason_zh": "海关拒收",
            "reason_en": "customs refused it",
            "do_zh": "…",
            "do_en": "…",
            "approval": None,
        }
    ],
    "next": None,
}
XML = openapi.stored("application/xml")


@router.get("/answers", summary="Answers kept aside, and messages that are stuck", **openapi.answers("KeptAside"))
async def list_faults(window: WindowOf) -> Response:
    """Unknown codes, unreadable or unmatched answers, parked messages: as they came, never guessed."""
    return replies.json(await operator_faults(window))


@router.get("/queues", summary="What waits, per agency", **openapi.answers("Queues", QUEUES))
async def list_queues(window: WindowOf) -> Response:
    """`urgent` and `ordinary` wait to be sent, `under_way` are being sent, `held` are an operator's, `waiting` need another
    agency's number. Ages in seconds. `…_before`: not since then, and farther back was not looked."""
    return replies.json(await queues(window))


@router.get("/stuck", summary="Declarations that do not move", **openapi.answers("StuckMessages", STUCK))
async def list_stuck(
    window: WindowOf,
    agency: OneAgency = None,
    minutes: Annotated[int, Query(ge=0, le=100_000, description="Queued for longer counts as stuck")] = stuck.MINUTES,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Queued for long, in doubt, parked, not to be made, or waiting in vain. Urgent ones first, then the oldest."""
    return replies.json(await stuck.stuck(window, agency, minutes, cursor, limit))


@router.get("/silent", summary="Agencies past their time", **openapi.answers("StuckMessages", STUCK))
async def list_silent(window: WindowOf, agency: OneAgency = None, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Messages whose agency should have said the next thing by `expected_by`, counted on its working calendar."""
    return replies.json(await stuck.silent(window, agency, cursor, limit))


@router.get(
    "/messages",
    summary="Messages an operator must see to, or all of one declaration",
    **openapi.answers("StuckOrAllOfDeclaration", STUCK),
)
async def list_messages(
    window: WindowOf,
    operator: Admitted,
    declaration: Annotated[str | None, Query(max_length=64, description="All messages and documents of it")] = None,
    agency: OneAgency = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Without `declaration`: what is in doubt, parked or not to be made, with reasons."""
    if declaration is None:
        return replies.json(await stuck.held(window, agency, cursor, limit))
    if agency or cursor:
        raise BadRequest("with declaration, neither agency nor cursor", "指定 declaration 时不能再用 agency 或 cursor")
    return replies.json(await browser.of_declaration(window, operator, declaration))


@router.get(
    "/messages/{message_id}", summary="One agency message, stage by stage", **openapi.answers("AgencyMessageStages")
)
async def get_message(window: WindowOf, operator: Admitted, message_id: MessageId) -> Response:
    """The form it was made from, its bytes, every attempt, the answers to it, what operators did. Looking is journalled."""
    return replies.json(await browser.message(window, operator, message_id))


@router.get("/messages/{message_id}/body", summary="Its exact bytes", **XML)
async def get_message_body(window: WindowOf, operator: Admitted, message_id: MessageId) -> Response:
    return replies.document(*await browser.message_body(window, operator, message_id))


@router.get(
    "/messages/{message_id}/form",
    summary="The trader's form it was made from, byte for byte",
    **openapi.stored(*DECLARATION_TYPES),
)
async def get_message_form(window: WindowOf, operator: Admitted, message_id: MessageId) -> Response:
    return replies.document(*await browser.message_form(window, operator, message_id))


@router.get("/documents", summary="Documents of agencies that are not done", **openapi.answers("Documents"))
async def list_documents(
    window: WindowOf,
    state: Annotated[str | None, Query(max_length=40, description="received, waiting or quarantined")] = None,
    agency: OneAgency = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first, with the reason of each."""
    return replies.json(await documents.listed(window, state, agency, cursor, limit))


@router.get("/documents/{inbox_id}", summary="One document of an agency", **openapi.answers("DocumentRead"))
async def get_document(window: WindowOf, operator: Admitted, inbox_id: InboxId) -> Response:
    """Its state, what the tables in force read in it, what was taken up from it. Looking is journalled."""
    return replies.json(await browser.document(window, operator, inbox_id))


@router.get("/documents/{inbox_id}/body", summary="Its exact bytes", **XML)
async def get_document_body(window: WindowOf, operator: Admitted, inbox_id: InboxId) -> Response:
    return replies.document(*await browser.document_body(window, operator, inbox_id))


@router.get("/processes", summary="The running programs", **openapi.answers("Processes"))
async def list_processes(window: WindowOf) -> Response:
    """By their last sign of life; clocks off by more than 5 s and programs silent for more than 60 s are flagged."""
    return replies.json(await programs.processes(window))
