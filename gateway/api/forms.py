"""The merged form: its dictionary and its schemas, generated from the tables in force."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response

from declarations.dictionary import Form
from declarations.errors import NotFound
from declarations.formschema import form_json_schema, form_xsd
from gateway.api import openapi, replies
from gateway.api.requests import WindowOf
from gateway.wiring import Window

router = APIRouter(prefix="/forms", tags=["forms"])

SCHEMA = {
    "description": "JSON Schema 2020-12",
    "content": {"application/schema+json": {"schema": {"type": "object", "required": ["$schema", "properties"]}}},
}


def _form(window: Window, name: str) -> Form:
    try:
        return window.rulebook.forms[name]
    except KeyError:
        raise NotFound(f"there is no form {name!r}", f"没有表单 {name}") from None


def dictionary(form: Form) -> dict[str, Any]:
    """Items and groups as the API shows them, in dictionary order."""
    return {
        "form": form.name,
        "agencies": list(form.agencies),
        "items": [asdict(item) for item in form.items.values()],
        "groups": [asdict(group) for group in form.groups.values()],
    }


@router.get(
    "/{form}", summary="The dictionary: every item and group", **openapi.answers("FormDictionary", {"form": "goods"})
)
async def get_form(window: WindowOf, form: str) -> Response:
    return replies.json(dictionary(_form(window, form)))


@router.get("/{form}/schema.xsd", summary="The form's XML Schema", **openapi.stored("application/xml", words="XSD 1.0"))
async def get_xsd(window: WindowOf, form: str) -> Response:
    return replies.document(form_xsd(_form(window, form)), "application/xml", f"{form}.xsd")


@router.get("/{form}/schema.json", summary="The form's JSON Schema", responses={200: SCHEMA})
async def get_json_schema(window: WindowOf, form: str) -> Response:
    return Response(replies.json(form_json_schema(_form(window, form))).body, media_type="application/schema+json")
