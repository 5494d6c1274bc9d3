"""The operator's desk: keys of the vault."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf
from gateway.operations import sealing

router = APIRouter(prefix="/vault")

STATE: dict[str, Any] = {"masters": ["9f3c1f0f6d4be02a"], "data_keys": {"9f3c1f0f6d4be02a": 12}}
REWRAPPED: dict[str, Any] = {"master": "9f3c1f0f6d4be02a", "rewrapped": 12, "waiting": {}}


@router.get("", summary="Master keys known, and what is wrapped under each", **openapi.answers("Vault", STATE))
async def get_vault(window: WindowOf) -> Response:
    """Fingerprints only. A master key under which nothing is wrapped any more may be taken away."""
    return replies.json(await sealing.state(window))


@router.post(
    "/rotate-master",
    summary="Wrap data keys under the newest master key",
    **openapi.answers("MasterRotated", REWRAPPED),
)
async def rotate_master(window: WindowOf, operator: Admitted) -> Response:
    """Payloads are not touched; filings go on. Safe to repeat: `waiting` says what is still under another key."""
    return replies.json(await sealing.rotate_master(window, operator))


@router.post(
    "/seal-old", summary="Seal what was stored in plain before", **openapi.answers("Sealed", {"sealed": {"inbox": 3}})
)
async def seal_old(window: WindowOf, operator: Admitted) -> Response:
    """Once after the upgrade from a version that did not seal. Ends when nothing is left in plain; safe to repeat."""
    return replies.json(await sealing.seal_old(window, operator))


@router.post(
    "/rotate-data",
    summary="New data keys for what is sealed from now on",
    **openapi.answers("DataKeysMade", {"made": 12}),
)
async def rotate_data(
    window: WindowOf,
    operator: Admitted,
    owner: Annotated[str | None, Query(max_length=64, description="One organisation; left out: all")] = None,
) -> Response:
    """Old keys go on opening what they sealed."""
    return replies.json(await sealing.rotate_data(window, operator, owner))
