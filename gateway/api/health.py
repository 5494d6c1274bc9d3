"""Liveness and readiness, outside `/api/v1`, without a token."""

from __future__ import annotations

from fastapi import APIRouter, Response

from declarations.errors import StorageUnavailable
from gateway.api import replies
from gateway.api.requests import WindowOf

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process runs")
async def healthz() -> Response:
    return replies.json({"status": "ok"})


@router.get("/readyz", summary="Filings can be taken")
async def readyz(window: WindowOf) -> Response:
    """Asks the database; `503` when it does not answer."""
    try:
        await window.ping()
    except Exception as error:
        raise StorageUnavailable("the database does not answer", "数据库无响应") from error
    return replies.json({"status": "ready", "tables": window.rulebook.digest, "profile": window.settings.profile})
