"""A filing as paper (FAL forms, PDF) and as standard message (ISO 28005)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from gateway import printing
from gateway.api import openapi, replies
from gateway.api.requests import Admitted, WindowOf

router = APIRouter(prefix="/declarations", tags=["declarations"])

DeclarationId = Annotated[str, Path(max_length=64)]
PAPERS: dict[str, Any] = {"items": [{"paper": "fal5", "title_zh": "船员名单", "title_en": "Crew List (FAL Form 5)"}]}


@router.get(
    "/{declaration_id}/papers", summary="The papers that can be printed", **openapi.answers("PaperList", PAPERS)
)
async def list_papers(window: WindowOf, caller: Admitted, declaration_id: DeclarationId) -> Response:
    return replies.json({"items": await printing.papers(window, caller, declaration_id)})


@router.get(
    "/{declaration_id}/papers/{paper}",
    summary="A paper of the version in force: fal1 … fal7",
    **openapi.stored("application/pdf", words="The paper"),
)
async def print_paper(
    window: WindowOf, caller: Admitted, declaration_id: DeclarationId, paper: Annotated[str, Path(max_length=40)]
) -> Response:
    """Who printed it is in the journal. `400` for a paper that this filing does not have."""
    body = await printing.printed(window, caller, declaration_id, paper)
    return replies.document(body, "application/pdf", f"{paper}.pdf")


@router.get(
    "/{declaration_id}/exports/iso28005/{message}",
    summary="A ship's filing by ISO 28005: request or acknowledge",
    **openapi.stored("application/xml", words="An EPCMessage"),
)
async def export_iso28005(
    window: WindowOf, caller: Admitted, declaration_id: DeclarationId, message: Annotated[str, Path(max_length=40)]
) -> Response:
    """`request`: the form. `acknowledge`: one `EPCClearanceStatus` per authority. Names inside are a reconstruction."""
    body = await printing.exported(window, caller, declaration_id, message)
    return replies.document(body, "application/xml", f"iso28005-{message}.xml")
