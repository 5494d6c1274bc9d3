"""Filing and following a declaration."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from declarations.errors import BadRequest
from gateway import amend, ask, mandates, receipts, submit
from gateway.api import openapi, replies
from gateway.api.requests import DECLARATION_TYPES, Admitted, WindowOf, idempotency_key, read_declaration

router = APIRouter(prefix="/declarations", tags=["declarations"])

DeclarationId = Annotated[
    str, Path(max_length=64, description="The id the filing was answered with", examples=["D01…"])
]
CheckOnly = Annotated[bool, Query(description="Check everything, store and send nothing")]
For = Annotated[
    str | None,
    Header(
        alias=mandates.HEADER,
        max_length=64,
        description="Under a mandate: the organisation in whose name it is filed, by its id or social credit code",
    ),
]
Text = Annotated[str | None, Query(max_length=100)]
Digits = Annotated[str | None, Query(max_length=100, description="Whole, or its last characters (at least 4)")]


@router.post("", status_code=202, summary="File a declaration", **openapi.files_declaration())
async def file_declaration(
    request: Request, window: WindowOf, caller: Admitted, on_behalf_of: For = None, check_only: CheckOnly = False
) -> Response:
    """Checks everything, stores the declaration with its agency messages, and answers before any agency has.

    `202`: kept and queued, the body tells its id. `422`: all faults at once, nothing stored.
    """
    key = idempotency_key(request)
    caller = await mandates.on_behalf(window, caller, on_behalf_of)
    body, media_type = await read_declaration(request)
    return replies.of(await submit.submit(window, caller, body, media_type, idempotency_key=key, check_only=check_only))


@router.post("/{declaration_id}/versions", status_code=202, summary="Correct and refile", **openapi.files_declaration())
async def refile_declaration(
    request: Request,
    window: WindowOf,
    caller: Admitted,
    declaration_id: DeclarationId,
    on_behalf_of: For = None,
    check_only: CheckOnly = False,
) -> Response:
    """A corrected form after a rejection. Only legs that were rejected, or whose message differs, are sent again."""
    key = idempotency_key(request)
    caller = await mandates.on_behalf(window, caller, on_behalf_of)
    body, media_type = await read_declaration(request)
    return replies.of(
        await amend.refile(window, caller, declaration_id, body, media_type, idempotency_key=key, check_only=check_only)
    )


@router.post(
    "/{declaration_id}/withdrawal",
    summary="Stop before acceptance (撤回)",
    **openapi.answers("Withdrawn", openapi.WITHDRAWN, openapi.conflict("An agency has it, or may have it")),
)
async def withdraw_declaration(window: WindowOf, caller: Admitted, declaration_id: DeclarationId) -> Response:
    """Stops what has not been sent. `409` when an agency already has it, or may have it."""
    return replies.of(await amend.withdraw(window, caller, declaration_id))


@router.get("", summary="Find declarations", **openapi.answers("FoundDeclarations", openapi.FOUND))
async def find_declarations(
    window: WindowOf,
    caller: Admitted,
    q: Annotated[str | None, Query(max_length=100, description="Any of the numbers and names below")] = None,
    reference: Digits = None,
    bill: Digits = None,
    container: Digits = None,
    customs_entry: Digits = None,
    inspection_number: Digits = None,
    maritime_number: Digits = None,
    border_number: Digits = None,
    certificate: Digits = None,
    clearance_form: Digits = None,
    contract: Digits = None,
    party: Text = None,
    ship: Text = None,
    voyage: Text = None,
    client_reference: Digits = None,
    state: Annotated[str | None, Query(max_length=40, description="Combined status or a leg's state")] = None,
    obligation: Annotated[
        str | None, Query(max_length=40, description="An open obligation: pay, examination …")
    ] = None,
    since: Annotated[date | None, Query(description="Filed on or after this day")] = None,
    until: Annotated[date | None, Query(description="Filed on or before this day")] = None,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first; every filter given must hold; a filing is found however old it is."""
    return replies.json(
        await ask.find(
            window,
            caller,
            q=q,
            reference=reference,
            bill=bill,
            container=container,
            customs_entry=customs_entry,
            inspection_number=inspection_number,
            maritime_number=maritime_number,
            border_number=border_number,
            certificate=certificate,
            clearance_form=clearance_form,
            contract=contract,
            party=party,
            ship=ship,
            voyage=voyage,
            client_reference=client_reference,
            state=state,
            obligation=obligation,
            since=since,
            until=until,
            cursor=cursor,
            limit=limit,
        )
    )


@router.get("/{declaration_id}", summary="One combined answer", **openapi.answers("Declaration", openapi.DECLARATION))
async def get_declaration(window: WindowOf, caller: Admitted, declaration_id: DeclarationId) -> Response:
    """Combined status, each agency's state in its own words, open obligations, and what to do next."""
    return replies.json(await ask.declaration(window, caller, declaration_id))


@router.get(
    "/{declaration_id}/timeline", summary="What happened, in order", **openapi.answers("Timeline", openapi.TIMELINE)
)
async def get_timeline(window: WindowOf, caller: Admitted, declaration_id: DeclarationId) -> Response:
    return replies.json(await ask.timeline(window, caller, declaration_id))


@router.get(
    "/{declaration_id}/messages",
    summary="The messages of every version, out and back",
    **openapi.answers("Messages", openapi.MESSAGES),
)
async def get_messages(window: WindowOf, caller: Admitted, declaration_id: DeclarationId) -> Response:
    return replies.json(await ask.messages(window, caller, declaration_id))


@router.get(
    "/{declaration_id}/messages/{message_id}",
    summary="One message, byte for byte",
    **openapi.stored(*DECLARATION_TYPES),
)
async def get_message(
    window: WindowOf, caller: Admitted, declaration_id: DeclarationId, message_id: Annotated[str, Path(max_length=64)]
) -> Response:
    return replies.document(*await ask.message_bytes(window, caller, declaration_id, message_id))


@router.get(
    "/{declaration_id}/receipt",
    summary="The window's signed receipt",
    **openapi.answers("Receipt", {"receipt": openapi.RECEIPT}),
)
async def get_receipt(
    window: WindowOf,
    caller: Admitted,
    declaration_id: DeclarationId,
    version: Annotated[int | None, Query(ge=1, le=100_000, description="Without it the last version")] = None,
) -> Response:
    """A compact JWS (EdDSA) over what was received, by its SHA-256, when and under which id; verified with `GET /keys`."""
    return replies.json({"receipt": await receipts.receipt_of(window, caller, declaration_id, version)})


@router.get(
    "/{declaration_id}/explain",
    summary="Where a value came from, or went",
    **openapi.answers("Explained", openapi.EXPLAINED),
)
async def explain_value(
    window: WindowOf,
    caller: Admitted,
    declaration_id: DeclarationId,
    agency: Annotated[str, Query(max_length=40, examples=["customs"])],
    target: Annotated[
        str | None, Query(max_length=300, description="Path in the agency's message", examples=["DecHead/TradeCountry"])
    ] = None,
    pointer: Annotated[
        str | None,
        Query(max_length=300, description="Field of the form", examples=["/goods_items/0/origin_country_code"]),
    ] = None,
) -> Response:
    """With `target`: item, row, conversion, code-list row and table version behind an element.

    With `pointer`: where the field went.
    """
    if (target is None) == (pointer is None):
        raise BadRequest("give either target or pointer", "请给出 target 或 pointer 之一")
    return replies.json(await ask.explain(window, caller, declaration_id, agency, target, pointer))
