"""Spreadsheets of repeating groups, in and out, and persons from the lines of passport readers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from declarations.errors import ContentMismatch
from declarations.limits import MAX_SHEET
from declarations.sheets.reading import Mode
from gateway import sheets
from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf, read_body
from gateway.sniffing import sniffed

router = APIRouter(tags=["spreadsheets"])

Group = Annotated[str, Path(max_length=64, description="A repeating group of the form", examples=["crew"])]
Format = Annotated[Literal["xlsx", "csv"], Query(alias="format", description="XLSX, or CSV in UTF-8")]
_TAKEN: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {sheets.XLSX: {"schema": openapi.BYTES}, sheets.CSV: {"schema": {"type": "string"}}},
        }
    },
}
_READ = {
    "form": "goods", "group": "containers", "filing_scope": "customs_and_inspection", "valid": True, "count": 1,
    "rows": [{"container_id": "TSTU3054380"}],
}  # fmt: skip
_PEOPLE = {"group": "crew", "valid": True, "rows": [{"crew_family_name": "ERIKSSON", "crew_given_name": "ANNA MARIA"}]}


class Zones(BaseModel):
    """Lines of machine readable zones, one document after the other."""

    model_config = ConfigDict(extra="forbid")
    group: Literal["crew", "passengers"] = Field(description="The list they are for")
    lines: list[Annotated[str, Field(max_length=200)]] = Field(max_length=20_000)
    first: int = Field(default=1, ge=1, le=99_999, description="The number of the first row")


def _sheet_type(request: Request) -> str:
    """XLSX or CSV, as declared; else 415."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if declared not in sheets.FORMATS.values() or encoding != "identity":
        raise HTTPException(415, headers={"Accept-Post": ", ".join(sheets.FORMATS.values())})
    return declared


@router.post(
    "/forms/{form}/groups/{group}/sheet",
    summary="Read a spreadsheet's rows",
    **openapi.answers("SheetRead", _READ, {415: openapi.refusal(415, "Neither XLSX nor CSV")}),
    **_TAKEN,
)
async def read_sheet(
    request: Request,
    window: WindowOf,
    _: Admitted,
    form: str,
    group: Group,
    filing_scope: Annotated[
        str, Query(max_length=40, description="What the rows are filed for; else what asks most of them")
    ] = "",
    mode: Annotated[
        Mode, Query(description="all: rows only where no row has an error; good: rows without errors; check: none")
    ] = "all",
) -> Response:
    """Rows and faults, each fault with its cell (`C12`). The row of names is in Chinese, English, or item ids. Stores nothing."""
    media_type = _sheet_type(request)
    body = await read_body(request, min(MAX_SHEET, window.settings.max_body_bytes))
    found = sniffed(body)
    if found != ("application/zip" if media_type == sheets.XLSX else None):
        raise ContentMismatch(
            f"the content is {found or 'text'}, not {media_type}", f"内容实为 {found or '文本'}，与声明的 {media_type} 不符",
            details={"declared": media_type, "found": found or "text/plain"},
        )  # fmt: skip
    await window.scanner.require_clean(body)
    return replies.json(await sheets.read(window, form, group, body, media_type, filing_scope, mode))


@router.get(
    "/forms/{form}/groups/{group}/template",
    summary="An empty spreadsheet",
    **openapi.stored(sheets.XLSX, sheets.CSV, words="Names of the columns, hints, and the codes to choose from"),
)
async def get_template(window: WindowOf, form: str, group: Group, kind: Format = "xlsx") -> Response:
    body = sheets.template(window, form, group, kind)
    return replies.document(body, sheets.FORMATS[kind], f"{form}-{group}.{kind}")


@router.get(
    "/declarations/{declaration_id}/groups/{group}/sheet",
    summary="A group of a filing as a spreadsheet",
    **openapi.stored(sheets.XLSX, sheets.CSV, words="All cells are text, as typed"),
)
async def get_sheet(
    window: WindowOf,
    caller: Admitted,
    declaration_id: Annotated[str, Path(max_length=64)],
    group: Group,
    kind: Format = "xlsx",
    version: Annotated[int | None, Query(ge=1, le=100_000, description="Without it the last version")] = None,
) -> Response:
    """In CSV an apostrophe stands before what a spreadsheet program would take for a formula; reading drops it again."""
    body, name = await sheets.export(window, caller, declaration_id, group, version, kind)
    return replies.document(body, sheets.FORMATS[kind], name)


@router.post(
    "/forms/vessel/mrz", summary="Persons from machine readable zones", **openapi.answers("PeopleRead", _PEOPLE)
)
async def read_mrz(window: WindowOf, _: Admitted, given: Zones) -> Response:
    """Crew or passengers from the lines a passport reader types (ICAO Doc 9303: TD1, TD2, TD3). Stores nothing.

    Each check digit has its own fault; nothing is corrected. `line` counts in what was sent.
    """
    return replies.json(sheets.people(window, given.group, given.lines, given.first))
