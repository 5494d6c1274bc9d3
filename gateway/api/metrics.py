"""`/metrics` for Prometheus, outside `/api/v1`, without a token.

It tells counts, ages and which agencies there are, nothing of any declaration. It is for the operator's own network all the same:
the proxy that publishes the window passes `/api/v1` and `/docs` only.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.api.requests import WindowOf

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Figures for Prometheus", include_in_schema=False)
async def metrics(window: WindowOf) -> Response:
    return Response(await window.condition.exposition(), media_type=CONTENT_TYPE_LATEST)
