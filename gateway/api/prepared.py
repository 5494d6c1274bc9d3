"""Prepared filings (录入、复核、申报), and what papers fill of a form."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway import mandates, prepared
from gateway.api import openapi, replies
from gateway.api.requests import DECLARATION_TYPES, Admitted, WindowOf, read_declaration
from gateway.organisations import prefill

router = APIRouter(tags=["prepared"])

PreparedId = Annotated[str, Path(max_length=64, examples=["F01…"])]
For = Annotated[
    str | None,
    Header(
        alias=mandates.HEADER,
        max_length=64,
        description="Under a mandate: the organisation in whose name it will be filed, by its id or social credit code",
    ),
]
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Sha256 = Annotated[
    str, Field(pattern="^[0-9a-f]{64}$", examples=[_SHA256], description="`sha256` of the form that was looked at")
]
PREPARED: dict[str, Any] = {
    "id": "F01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "reference": "SWSH2015B00000001",
    "sha256": _SHA256,
    "state": "keyed",
    "state_zh": "已录入，待复核",
    "state_en": "keyed, to be reviewed",
    "keyed_by": "wang",
    "reviewed_by": None,
    "signed_by": None,
    "note": None,
    "declaration_id": None,
    "faults": [],
}
PREFILLED: dict[str, Any] = {
    "form": "goods",
    "values": {"domestic_trader_name": "上海某进出口有限公司"},
    "items": [
        {
            "item": "domestic_trader_name",
            "value": "上海某进出口有限公司",
            "from": "trader",
            "organisation": "O01…",
            "field": "name_zh",
            "certainty": "fact",
            "verified": True,
        }
    ],
    "on_behalf_of": None,
}
CONFLICT = openapi.conflict("Its state does not allow this, or it was changed")


def _keyed(answered: openapi.Documented) -> dict[str, Any]:
    """Route arguments of an address that takes a form which is not filed yet."""
    return {**openapi.FORM_TAKEN, "responses": {**openapi.FORM_TAKEN["responses"], **answered}}


class Looked(BaseModel):
    """Which form was looked at: a form that was changed since is not reviewed or filed."""

    model_config = ConfigDict(extra="forbid")

    sha256: Sha256


class Returned(BaseModel):
    """Why it goes back to its keyer."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=1, max_length=1000)


@router.get(
    "/forms/{form}/prefill", summary="What your papers fill of a form", **openapi.answers("Prefilled", PREFILLED)
)
async def get_prefill(
    window: WindowOf,
    caller: Admitted,
    form: Annotated[str, Path(max_length=40, examples=["goods"])],
    direction: Annotated[str | None, Query(max_length=1, description="I import, E export")] = None,
    on_behalf_of: Annotated[
        str | None, Query(alias="for", max_length=64, description="Under a mandate: whose goods they are")
    ] = None,
    bill: Annotated[
        str | None,
        Query(max_length=32, description="Number of a transport document: what the ship's manifest says of it"),
    ] = None,
) -> Response:
    """`certainty` `fact`: the item says just this; `usual`: look at it. With `bill`, ship, voyage and containers come from the
    manifest of a live call; only the whole number finds it, and only what stands under it is told."""
    return replies.json(await prefill.prefill(window, caller, form, direction, on_behalf_of, bill))


@router.post(
    "/prepared",
    status_code=201,
    summary="Key a form (录入)",
    **_keyed({201: openapi.shown("Prepared", PREPARED, "Kept, not filed")}),
)
async def prepare_filing(
    request: Request,
    window: WindowOf,
    caller: Admitted,
    on_behalf_of: For = None,
    corrects: Annotated[
        str | None, Query(max_length=64, description="The declaration of which it shall be the next version")
    ] = None,
) -> Response:
    """Kept with whatever faults it has; they are told."""
    caller = await mandates.on_behalf(window, caller, on_behalf_of)
    body, media_type = await read_declaration(request)
    return replies.json(await prepared.prepare(window, caller, body, media_type, corrects=corrects), 201)


@router.get("/prepared", summary="Prepared filings", **openapi.answers("PreparedFilings", {"items": [PREPARED]}))
async def list_prepared(
    window: WindowOf,
    caller: Admitted,
    state: Annotated[str | None, Query(max_length=20)] = None,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first."""
    return replies.json(await prepared.listed(window, caller, state=state, cursor=cursor, limit=limit))


@router.get(
    "/prepared/{prepared_id}",
    summary="One of them, with its faults of today",
    **openapi.answers("Prepared", PREPARED),
)
async def get_prepared(window: WindowOf, caller: Admitted, prepared_id: PreparedId) -> Response:
    return replies.json(await prepared.one(window, caller, prepared_id))


@router.get(
    "/prepared/{prepared_id}/form",
    summary="The form as it was keyed",
    **openapi.stored(*DECLARATION_TYPES),
)
async def get_prepared_form(window: WindowOf, caller: Admitted, prepared_id: PreparedId) -> Response:
    body, media_type = await prepared.form(window, caller, prepared_id)
    suffix = "json" if "json" in media_type else "xml"
    return replies.document(body, media_type, f"{prepared_id}.{suffix}")


@router.put(
    "/prepared/{prepared_id}",
    summary="Key it again",
    **_keyed({200: openapi.shown("Prepared", PREPARED), **CONFLICT}),
)
async def change_prepared(request: Request, window: WindowOf, caller: Admitted, prepared_id: PreparedId) -> Response:
    """Before it is reviewed, or after it was returned."""
    body, media_type = await read_declaration(request)
    return replies.json(await prepared.change(window, caller, prepared_id, body, media_type))


@router.post(
    "/prepared/{prepared_id}/review",
    summary="Find it right (复核)",
    **openapi.answers("Prepared", {**PREPARED, "state": "reviewed"}, {**CONFLICT, **openapi.INVALID}),
)
async def review_prepared(window: WindowOf, caller: Admitted, prepared_id: PreparedId, looked: Looked) -> Response:
    """`422` with all faults when nobody could file it."""
    return replies.json(await prepared.review(window, caller, prepared_id, looked.sha256))


@router.post(
    "/prepared/{prepared_id}/return",
    summary="Return it to its keyer (退回)",
    **openapi.answers("Prepared", {**PREPARED, "state": "returned"}, CONFLICT),
)
async def return_prepared(window: WindowOf, caller: Admitted, prepared_id: PreparedId, why: Returned) -> Response:
    return replies.json(await prepared.give_back(window, caller, prepared_id, why.note))


@router.post(
    "/prepared/{prepared_id}/file",
    status_code=202,
    summary="Sign and file it (申报)",
    responses={**openapi.ACCEPTED, **CONFLICT, **openapi.INVALID},
)
async def file_prepared(window: WindowOf, caller: Admitted, prepared_id: PreparedId, looked: Looked) -> Response:
    """As `POST /declarations`, or a correction where it was keyed as one. `409` when it is filed already."""
    return replies.of(await prepared.file(window, caller, prepared_id, looked.sha256))


@router.post(
    "/prepared/{prepared_id}/drop",
    summary="Give it up (作废)",
    **openapi.answers("Prepared", {**PREPARED, "state": "dropped"}, CONFLICT),
)
async def drop_prepared(window: WindowOf, caller: Admitted, prepared_id: PreparedId) -> Response:
    return replies.json(await prepared.drop(window, caller, prepared_id))
