"""Ships' calls (船舶航次): the one answer for a call, forms carried forward, changes after issue, the port clearance."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf, read_declaration
from gateway.calls import certificates, changing, copying, listing, showing

router = APIRouter(prefix="/calls", tags=["calls"])

CallId = Annotated[str, Path(max_length=64, examples=["V01…"])]
Step = Annotated[str, Query(max_length=40, description="The step that is to be filed next", examples=["departure"])]
Part = Annotated[str | None, Query(max_length=100)]
CALL: dict[str, Any] = {
    "id": "V01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "ship_name": "EASTERN HARBINGER",
    "imo_number": "9900019",
    "call_sign": "3FAB7",
    "port": "CNSHA",
    "voyage": "1542W",
    "state": "open",
    "stage": "exit_review",
    "stage_zh": "出口岸手续办理中",
    "stage_en": "Exit formalities under way",
    "may_move": True,
    "may_sail": False,
}
CHANGED: dict[str, Any] = {
    "id": "X01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "certificate": "SHA2015000001",
    "agencies": ["maritime"],
    "items": [{"item": "next_port_code", "pointer": "/next_port_code", "old": "JPOSA", "new": "KRPUS"}],
    "decision": None,
}


class _Body(BaseModel):
    # a misspelt name must not pass for a wish
    model_config = ConfigDict(extra="forbid")


class Cancellation(_Body):
    """Why there is no call: omitted, diverted, cancelled or error."""

    reason: str = Field(max_length=20, examples=["diverted"])
    note: str | None = Field(default=None, max_length=500)


class Decision(_Body):
    """continue: the clearance stands; redo: every agency releases a new version."""

    decision: str = Field(max_length=20, examples=["continue"])
    note: str | None = Field(default=None, max_length=500)


@router.get("", summary="Find calls", **openapi.answers("Calls", {"items": [CALL]}))
async def find_calls(
    window: WindowOf,
    caller: Admitted,
    ship: Annotated[str | None, Query(max_length=70, description="Part of the ship's name")] = None,
    imo: Part = None,
    voyage: Part = None,
    port: Part = None,
    state: Annotated[str | None, Query(max_length=20, description="open, departed or cancelled")] = None,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first: those of your organisation and its principals; an agency's officer finds those it takes part in."""
    wanted = {"ship": ship, "imo": imo, "voyage": voyage, "port": port, "state": state}
    return replies.json(await listing.find(window, caller, **wanted, cursor=cursor, limit=limit))


@router.get("/last", summary="The ship's last call as a new form", **openapi.answers("CarriedForm"))
async def copy_last_call(
    window: WindowOf,
    caller: Admitted,
    imo: Annotated[str, Query(max_length=7, description="IMO number", examples=["9900019"])],
    step: Step = "arrival",
    form: Annotated[str, Query(max_length=40)] = "vessel",
) -> Response:
    """The last form of the same ship that your organisation filed, less what never carries over; and what that is."""
    return replies.json(await copying.last_call(window, caller, imo, step, form))


@router.get("/{call_id}", summary="One answer for the call", **openapi.answers("Call", CALL))
async def get_call(window: WindowOf, caller: Admitted, call_id: CallId) -> Response:
    """Entry and exit clearance, each agency's state step by step, movements, the port clearance, and whose move is next."""
    return replies.json(await showing.call(window, caller, call_id))


@router.get(
    "/{call_id}/form",
    summary="The next step's form, carried forward",
    **openapi.answers("CarriedForm", None, openapi.conflict("Nothing is filed that could be carried")),
)
async def get_call_form(window: WindowOf, caller: Admitted, call_id: CallId, step: Step) -> Response:
    """The newest filing of this call, with what moved since, as the next step begins with it."""
    return replies.json(await copying.next_step(window, caller, call_id, step))


@router.post(
    "/{call_id}/changes",
    status_code=202,
    summary="Report a change after issue (签发后情况变化)",
    responses={
        **openapi.FORM_TAKEN["responses"],
        **openapi.INVALID,
        **openapi.conflict("No clearance is in force, or nothing changed"),
        202: openapi.shown("ReportedChange", CHANGED, "Reported; maritime decides"),
    },
    openapi_extra=openapi.FORM_TAKEN["openapi_extra"],
)
async def report_change(request: Request, window: WindowOf, caller: Admitted, call_id: CallId) -> Response:
    """The whole form as it should read now, under the filing's reference. Only agencies whose message changes get a new version;
    the clearance is suspended until maritime has decided and those asked have released."""
    body, media_type = await read_declaration(request)
    return replies.json(await changing.report(window, caller, call_id, body, media_type), 202)


@router.post(
    "/{call_id}/decision",
    summary="Maritime decides: continue or redo",
    **openapi.answers(
        "CallDecision",
        {"call_id": CALL["id"], "decision": "continue", "certificate": "SHA2015000001", "state": "valid"},
        openapi.conflict("Nothing waits for a decision"),
    ),
)
async def decide_change(window: WindowOf, caller: Admitted, call_id: CallId, decision: Decision) -> Response:
    """By an officer of the maritime administration: on a reported change, or on a ship that has not sailed within 24 hours."""
    return replies.json(await changing.decide(window, caller, call_id, decision.decision, decision.note))


@router.post(
    "/{call_id}/cancel",
    summary="Cancel the call (omitted, diverted …)",
    **openapi.answers(
        "CancelledCall",
        {"call_id": CALL["id"], "state": "cancelled", "reason": "diverted"},
        openapi.conflict("It has ended already"),
    ),
)
async def cancel_call(window: WindowOf, caller: Admitted, call_id: CallId, why: Cancellation) -> Response:
    """The clearance is void. What agencies have of the call, they have: withdraw or cancel its filings one by one."""
    return replies.json(await changing.cancel(window, caller, call_id, why.reason, why.note))


PRINTED = openapi.stored("application/pdf", words="The signed PDF")
PRINTED["responses"] |= openapi.conflict("Not issued, or not in force")


@router.get("/{call_id}/certificate", summary="Print the port clearance (出口岸许可证)", **PRINTED)
async def print_certificate(window: WindowOf, caller: Admitted, call_id: CallId) -> Response:
    """The signed PDF, the same bytes each time; `Certificate-Copy` counts the copies, and each is journalled. For who declared,
    the principal, and officers of the agencies. `409` while it is not issued or not in force."""
    body, number, copy = await certificates.printed(window, caller, call_id)
    reply = replies.document(body, "application/pdf", f"{number}.pdf")
    reply.headers["Certificate-Number"], reply.headers["Certificate-Copy"] = number, str(copy)
    return reply
