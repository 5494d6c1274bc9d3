"""Liveness and readiness, outside `/api/v1`, without a token."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.api import openapi, replies
from gateway.api.requests import WindowOf

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process runs", **openapi.answers("Alive"))
async def healthz() -> Response:
    return replies.json({"status": "ok"})


@router.get(
    "/readyz",
    summary="Filings can be stored",
    **openapi.answers("Ready", {"profile": "default"}, {503: openapi.REFUSALS[503]}),
)
async def readyz(window: WindowOf) -> Response:
    """Writes and removes a row, once a second however often it is asked; `503` with `Retry-After` when that fails."""
    await window.condition.ready()
    return replies.json({"status": "ready", "tables": window.rulebook.digest, "profile": window.settings.profile})
