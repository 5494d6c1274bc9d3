"""Keys: the public halves for everybody, all of them with their terms for operators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from adapters.keys import WINDOW
from gateway.api import openapi, replies
from gateway.api.requests import WindowOf
from gateway.operations import keys

router = APIRouter(prefix="/keys", tags=["keys"])
desk = APIRouter(prefix="/keys")

_KEY: dict[str, Any] = {
    "id": "efe5d5a944eb5d65",
    "owner": "window",
    "algorithm": "ed25519",
    "not_before": "2026-11-21T08:00:00+00:00",
    "not_after": "2028-11-20T08:00:00+00:00",
    "revoked_at": None,
    "public": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n",
}
PUBLIC: dict[str, Any] = {"keys": [_KEY]}
LISTED: dict[str, Any] = {
    "items": [
        {
            **_KEY,
            "signs": True,
            "state": "in_force",
            "state_zh": "有效",
            "state_en": "in force",
            "days_left": 700,
            "warning_days": None,
        }
    ]
}


@router.get("", summary="The window's public keys", **openapi.answers("PublicKeys", PUBLIC))
async def get_public_keys(window: WindowOf) -> Response:
    """What receipts, messages and the journal are verified with; old keys too. Keep a copy: it verifies without the window."""
    return replies.json({"keys": [key.as_dict() for key in window.keys.of(WINDOW)]})


@desk.get("", summary="Every key, whose it is and when it ends", **openapi.answers("Keys", LISTED))
async def list_keys(window: WindowOf) -> Response:
    """`warning_days`: it ends within so many days (60, 30, 7; 0: it has ended) and there is no later one."""
    return replies.json(keys.listed(window))
