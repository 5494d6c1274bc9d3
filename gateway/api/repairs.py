"""The operator's desk, acting: approvals by two, pause and resume, channel test, replay, archive and retention."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf
from gateway.operations import approvals, control, keeping, replay

router = APIRouter()

Agency = Annotated[str, Path(max_length=40, examples=["customs"])]
ApprovalId = Annotated[str, Path(max_length=64, examples=["P01…"])]

APPROVAL: dict[str, Any] = {
    "id": "P01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "act": "resend",
    "act_zh": "重新发送",
    "act_en": "send again",
    "target": "M01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "reason": "customs confirms by telephone that the file never came",
    "state": "pending",
    "asked_by": "default",
    "decided_by": None,
}
DECIDED = openapi.answers("Approval", {**APPROVAL, "state": "done"}, openapi.conflict())
CONTROLLED = openapi.answers("AgencyControl", {"agency": "customs"}, openapi.conflict())


class _Body(BaseModel):
    # a misspelt name must not pass for a wish
    model_config = ConfigDict(extra="forbid")


class Wish(_Body):
    """What a second operator is asked to grant."""

    act: str = Field(max_length=20, description="resend, release, requeue or retention")
    target: str = Field(max_length=64, description="A message id; for requeue an inbox id; for retention `retention`")
    reason: str = Field(max_length=500)


class Why(_Body):
    """The reason, for the journal."""

    reason: str = Field(default="", max_length=500)


class Reason(_Body):
    """The reason, without which it is not done."""

    reason: str = Field(max_length=500)


class Replay(_Body):
    """Which stored documents are read again; days are Shanghai's, both included."""

    agency: str | None = Field(default=None, max_length=40)
    since: date | None = None
    until: date | None = None
    declaration: str | None = Field(default=None, max_length=64)
    cursor: str | None = Field(default=None, max_length=64, description="`next` of the call before")
    limit: int = Field(default=200, ge=1, le=1000)


class Batch(_Body):
    limit: int = Field(default=500, ge=1, le=2_000)


@router.post(
    "/approvals",
    status_code=202,
    summary="Ask for an act that two must agree on",
    **openapi.answers("Approval", APPROVAL, openapi.conflict(), status=202, words="Asked; a second operator decides"),
)
async def ask_approval(window: WindowOf, operator: Admitted, wish: Wish) -> Response:
    """`resend`: a message that is parked or in doubt goes again, unchanged. `release`: the agency has it. `requeue`: a
    quarantined or waiting document is taken up again. `retention`: what is past its term is removed.

    `409` when its state does not allow it, or something is asked for it already (`approval_url`)."""
    return replies.json(await approvals.ask(window, operator, wish.act, wish.target, wish.reason), 202)


@router.get("/approvals", summary="What was asked", **openapi.answers("Approvals", {"items": [APPROVAL]}))
async def list_approvals(
    window: WindowOf,
    state: Annotated[str | None, Query(max_length=20, description="pending, done, refused or withdrawn")] = None,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first."""
    return replies.json(await approvals.listed(window, state, cursor, limit))


@router.get("/approvals/{approval_id}", summary="One approval", **openapi.answers("Approval", APPROVAL))
async def get_approval(window: WindowOf, approval_id: ApprovalId) -> Response:
    return replies.json(await approvals.get(window, approval_id))


@router.post("/approvals/{approval_id}/grant", summary="Grant it: it is done at once", **DECIDED)
async def grant_approval(window: WindowOf, operator: Admitted, approval_id: ApprovalId) -> Response:
    """By another operator than the one who asked (`403` else). `409` when it is decided, or cannot be done any more."""
    return replies.json(await approvals.grant(window, operator, approval_id))


@router.post("/approvals/{approval_id}/refuse", summary="Refuse it, or take back one's own", **DECIDED)
async def refuse_approval(
    window: WindowOf, operator: Admitted, approval_id: ApprovalId, why: Why | None = None
) -> Response:
    return replies.json(await approvals.refuse(window, operator, approval_id, why.reason if why else ""))


@router.post("/agencies/{agency}/pause", summary="Send nothing to an agency", **CONTROLLED)
async def pause_agency(window: WindowOf, operator: Admitted, agency: Agency, why: Reason) -> Response:
    """Filings are taken and answers too; traders see nothing of it but that their message is not sent yet."""
    return replies.json(await control.pause(window, operator, agency, why.reason))


@router.post("/agencies/{agency}/resume", summary="Send again", **CONTROLLED)
async def resume_agency(window: WindowOf, operator: Admitted, agency: Agency, why: Reason) -> Response:
    """Ends a pause, and closes the circuit breaker."""
    return replies.json(await control.resume(window, operator, agency, why.reason))


@router.post("/agencies/{agency}/test", summary="Does the channel answer?", **openapi.answers("ChannelTest"))
async def test_channel(window: WindowOf, agency: Agency) -> Response:
    """Reaches for the agency as sending would, from this process, without sending. `ok` says what came of it."""
    return replies.json(await control.test(window, agency))


@router.post(
    "/replay",
    summary="Read stored answers again by the tables in force",
    **openapi.answers("Replayed", {"counts": {"read": 12, "unchanged": 12}}),
)
async def replay_answers(window: WindowOf, operator: Admitted, what: Replay) -> Response:
    """What was taken changes nothing; what is understood, readable or matched by now takes effect. Counts what became of them."""
    return replies.json(await replay.replay(window, operator, **what.model_dump()))


@router.post("/archive", summary="Archive ended declarations", **openapi.answers("Archived"))
async def archive_declarations(window: WindowOf, operator: Admitted, batch: Batch | None = None) -> Response:
    """Writes what is ended and due to archive files; removes nothing."""
    return replies.json(await keeping.archive(window, operator, (batch or Batch()).limit))


@router.get("/retention", summary="What is past its term (dry run)", **openapi.answers("DueForRemoval"))
async def due_for_removal(window: WindowOf, limit: Annotated[int, Query(ge=1, le=2_000)] = 500) -> Response:
    """Removes nothing. To remove, ask for `retention` under `/approvals`."""
    return replies.json(await keeping.due_for_removal(window, limit))
