"""Code lists: find a code by number, Chinese, English or pinyin initials, as valid on a date."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from declarations.codelists import Code, CodeList
from declarations.errors import NotFound
from gateway.api import openapi, replies
from gateway.api.requests import WindowOf

router = APIRouter(prefix="/codes", tags=["codes"])

COUNTRIES = {"list": "CL_COUNTRY", "name_zh": "国别（地区）代码", "name_en": "Countries and regions", "system": "GACC"}
FRANCE = {"code": "305", "name_zh": "法国", "name_en": "France", "valid_from": None, "valid_to": None}


def _head(found: CodeList) -> dict[str, Any]:
    return {
        "list": found.name,
        "name_zh": found.name_zh,
        "name_en": found.name_en,
        "status": "complete" if found.complete else "partial",
        "system": found.system,
    }


def _code(code: Code) -> dict[str, Any]:
    return {
        "code": code.code,
        "name_zh": code.name_zh,
        "name_en": code.name_en,
        "attributes": code.attributes,
        "valid_from": code.valid_from,
        "valid_to": code.valid_to,
    }


@router.get("", summary="The code lists", **openapi.answers("CodeLists", {"lists": [{**COUNTRIES, "codes": 250}]}))
async def get_lists(window: WindowOf) -> Response:
    lists = window.rulebook.codes.lists.values()
    return replies.json({"lists": [{**_head(found), "codes": len(found.codes)} for found in lists]})


@router.get("/{name}", summary="Search one list", **openapi.answers("CodeList", {**COUNTRIES, "codes": [FRANCE]}))
async def search_list(
    window: WindowOf,
    name: Annotated[str, Path(max_length=60, examples=["CL_COUNTRY"])],
    q: Annotated[
        str, Query(max_length=60, description="Code, Chinese, English or pinyin initials", examples=["fg"])
    ] = "",
    on: Annotated[date | None, Query(description="Codes valid on this day; today if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 20,
) -> Response:
    found = window.rulebook.codes.lists.get(name)
    if found is None:
        raise NotFound(f"there is no code list {name!r}", f"没有代码表 {name}")
    day = on or window.rulebook.context(window.clock(), window.settings.profile).today
    # the first search by initials reads the pinyin dictionary: a quarter of a second nobody else should wait
    codes = await asyncio.to_thread(found.search, q, day, limit)
    return replies.json({**_head(found), "on": day, "codes": [_code(code) for code in codes]})
