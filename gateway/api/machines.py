"""Machines of an organisation: API keys and OAuth2 clients, and the token endpoint (RFC 6749 section 4.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from declarations.errors import BadRequest
from gateway import ids
from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf, read_body
from gateway.login import clientcredentials, machines

router = APIRouter(tags=["machines"])

MachineId = Annotated[str, Path(max_length=64, examples=["K01…"])]
MACHINE: dict[str, Any] = {
    "id": "K01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "kind": "key",
    "name": "erp",
    "scopes": ["file", "read"],
    "state": "open",
    "state_zh": "有效",
    "state_en": "open",
    "created_by": "li.wei",
    "created_at": "2015-10-23T01:00:00Z",
    "expires_at": "2016-10-22T01:00:00Z",
    "used_at": None,
    "replaces": None,
}
TOKEN: dict[str, Any] = {"access_token": "owt_…", "token_type": "Bearer", "expires_in": 3600, "scope": "file read"}
NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
LONGEST_FORM = 10_000


class Wished(BaseModel):
    """`key`: its secret is sent with each request. `client`: its id and secret are changed for access tokens at /oauth/token."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=40, examples=["erp"])
    kind: str = Field(default="key", max_length=10)
    scopes: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=40, examples=[["read", "file"]])]
    days: int = Field(default=machines.DAYS, ge=1, le=730, description="It ends after so many days")


class Rotation(BaseModel):
    """How long the old secret goes on opening doors beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: int = Field(default=24, ge=0, le=168)


def _made(words: str) -> dict[str, Any]:
    return openapi.answers("MachineMade", {**MACHINE, "secret": "owk_…"}, openapi.conflict(), status=201, words=words)


@router.post(
    "/machines", status_code=201, summary="Make a key or an OAuth2 client", **_made("Its secret stands here only")
)
async def make_machine(window: WindowOf, caller: Admitted, wished: Wished) -> Response:
    """`secret` is shown once and kept as a hash. Scopes are permissions: read, check, prepare, review, file."""
    wish = machines.Wish(wished.name, wished.kind, wished.scopes, wished.days)
    return replies.json(await machines.add(window, caller, wish), 201, NOT_KEPT)


@router.get("/machines", summary="The organisation's machines", **openapi.answers("Machines", {"items": [MACHINE]}))
async def list_machines(
    window: WindowOf,
    caller: Admitted,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first, ended ones too; never their secrets."""
    if cursor is not None and not ids.looks_like(ids.MACHINE, cursor):
        raise BadRequest("cursor is what `next` of the page before said", "cursor 应为上一页返回的 next")
    return replies.json(await machines.listed(window, caller, cursor=cursor, limit=limit))


@router.post(
    "/machines/{machine_id}/rotate",
    status_code=201,
    summary="Replace its secret without stopping anything",
    **_made("The new one; the old one ends at `old_ends_at`"),
)
async def rotate_machine(
    window: WindowOf, caller: Admitted, machine_id: MachineId, rotation: Rotation | None = None
) -> Response:
    """Old and new both open until the overlap ends."""
    overlap = timedelta(hours=(rotation or Rotation()).overlap_hours)
    return replies.json(await machines.rotate(window, caller, machine_id, overlap), 201, NOT_KEPT)


@router.delete(
    "/machines/{machine_id}",
    summary="Revoke it at once",
    **openapi.answers("Machine", {**MACHINE, "state": "revoked"}, openapi.conflict()),
)
async def revoke_machine(window: WindowOf, caller: Admitted, machine_id: MachineId) -> Response:
    """It and its access tokens open nothing any more."""
    return replies.json(await machines.revoke(window, caller, machine_id))


@router.post(
    "/oauth/token",
    summary="Change a client's id and secret for an access token",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type"],
                        "properties": {
                            "grant_type": {"const": "client_credentials"},
                            "scope": {"type": "string"},
                            "client_id": {"type": "string"},
                            "client_secret": {"type": "string"},
                        },
                    }
                }
            },
        }
    },
    **openapi.answers("AccessToken", TOKEN, openapi.OAUTH_REFUSALS),
)
async def issue_token(request: Request, window: WindowOf) -> Response:
    """RFC 6749 section 4.4: grant_type=client_credentials; the client by HTTP Basic, or client_id and client_secret in the form.
    Refusals have RFC 6749's own shape (section 5.2)."""
    body = await read_body(request, LONGEST_FORM)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        asked = clientcredentials.read(body, media_type, request.headers.get("authorization"))
        return replies.json(await clientcredentials.issue(window, asked), headers=NOT_KEPT)
    except clientcredentials.TokenRefused as refusal:
        headers = {**NOT_KEPT, **({"WWW-Authenticate": 'Basic realm="onewindow"'} if refusal.status == 401 else {})}
        return replies.json(refusal.as_dict(), refusal.status, headers)
