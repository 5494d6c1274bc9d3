"""What the API's documentation shows: examples, the refusals every address shares, the form's schema as request body."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from declarations.errors import InvalidDeclaration
from declarations.formschema import form_json_schema
from gateway import problems

FORM_SCHEMA = "GoodsDeclaration"
DESCRIPTION = """File one merged customs-and-inspection declaration, get one combined answer.

一次填报，同时向海关、检验检疫申报，状态合并反馈。

Send the bearer token from `<data-dir>/secrets/clients/default.token`. Refusals are `application/problem+json` (RFC 9457) with a
stable `code`, words in English (`detail`) and Chinese (`detail_zh`), and all `faults` at once.
"""

JSON_EXAMPLE: dict[str, Any] = {
    "filing_scope": "customs_only",
    "trader_assigned_reference_id": "SWSH2015B00000001",
    "trade_direction_code": "I",
    "declaration_office_code": "2225",
    "transport_mode_code": "2",
    "goods_items": [{"goods_item_sequence_number": 1, "commodity_classification_id": "8473309000"}],
}
XML_EXAMPLE = """<?xml version="1.0" encoding="UTF-8"?>
<goods_declaration filing_scope="customs_only">
  <trader_assigned_reference_id>SWSH2015B00000001</trader_assigned_reference_id>
  <trade_direction_code>I</trade_direction_code>
</goods_declaration>
"""
FAULT = {
    "code": "R-WGT-01",
    "item": "total_net_mass",
    "pointer": "/total_net_mass",
    "line": 34,
    "message_zh": "净重不得大于毛重",
    "message_en": "net mass must not exceed gross mass",
    "agency": None,
    "severity": "error",
}
_ID = "D01KAHJ3R6V0N7E9QK2M4T8WXYZ"
FILED: dict[str, Any] = {
    "id": _ID,
    "reference": "SWSH2015B00000001",
    "version": 1,
    "status": "filed",
    "status_zh": "已申报",
    "status_en": "Filed",
    "warnings": [],
    "receipt": "eyJhbGciOiJFZERTQSIsImtpZCI6…",
    "legs": [{"agency": "customs", "message": "DecMessage", "version": "2015", "state": "queued", "waits_for": None}],
    "links": {"self": f"/api/v1/declarations/{_ID}"},
}
RECEIPT: dict[str, Any] = {"receipt": "eyJhbGciOiJFZERTQSIsImtpZCI6…"}
WITHDRAWN: dict[str, Any] = {"id": _ID, "reference": "SWSH2015B00000001", "version": 1, "status": "cancelled"}
FOUND: dict[str, Any] = {
    "items": [{"id": _ID, "reference": "SWSH2015B00000001", "status": "released", "legs": {"customs": "released"}}],
    "next": None,
}
DECLARATION: dict[str, Any] = {
    "id": _ID,
    "reference": "SWSH2015B00000001",
    "version": 1,
    "status": "action_needed",
    "status_zh": "需办理",
    "status_en": "Action needed",
    "may_collect": False,
    "may_sell": False,
    "next_steps": [{"agency": "customs", "actor": "trader", "kind": "pay", "zh": "缴纳税款", "en": "Pay the duties"}],
    "legs": {"customs": {"state": "assessed", "code": "T", "obligations": [{"kind": "pay", "actor": "trader"}]}},
    "numbers": {"customs_entry": "222520151000000001"},
}
EXPLAINED: dict[str, Any] = {
    "agency": "inspection",
    "message": "ITF_DCL_IO_DECL",
    "items": [
        {
            "target": "ITF_DCL_IO_DECL/DespCtryCode",
            "value": "250",
            "item": "departure_destination_country_code",
            "pointer": "/departure_destination_country_code",
            "typed": "305",
            "line": "INS-0360",
            "how": "code",
            "code_row": {"path": "mappings/inspection/codes/CL_COUNTRY.csv", "code": "305", "agency_code": "250"},
        }
    ],
}

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "detail_zh", "faults"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; programs decide by it"},
        "detail": {"type": "string"},
        "detail_zh": {"type": "string"},
        "faults": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
    "additionalProperties": True,
}
_FAULT: dict[str, Any] = {
    "type": "object",
    "required": list(FAULT),
    "properties": {
        "code": {"type": "string"},
        "item": {"type": ["string", "null"], "description": "Item of the dictionary"},
        "pointer": {"type": "string", "description": "RFC 6901, into the JSON form"},
        "line": {"type": ["integer", "null"], "description": "Line of the file that was sent"},
        "message_zh": {"type": "string"},
        "message_en": {"type": "string"},
        "agency": {"type": ["string", "null"]},
        "severity": {"enum": ["error", "warning"]},
    },
}


def _refusal(status: int, description: str, faults: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    code, title, detail, detail_zh = problems.FRAMEWORK.get(status, ("…", "…", "…", "…"))
    example = problems.body(status, code, title, detail, detail_zh, faults)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {problems.MEDIA_TYPE: {"schema": schema, "example": example}}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: _refusal(400, "Cannot be read or understood"),
    401: {"description": "No token, or an unknown one", "content": {problems.MEDIA_TYPE: {}}},
    403: {"description": "Not with this token", "content": {problems.MEDIA_TYPE: {}}},
    404: _refusal(404, "Not there, or not yours"),
    413: _refusal(413, "Too large"),
    429: {"description": "Too many requests; `Retry-After`", "content": {problems.MEDIA_TYPE: {}}},
    503: {"description": "Nothing can be stored now; `Retry-After`", "content": {problems.MEDIA_TYPE: {}}},
}
"""Every address can refuse so."""

_OAUTH: dict[str, Any] = {"application/json": {"example": {"error": "invalid_client"}}, problems.MEDIA_TYPE: {}}
OAUTH_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "RFC 6749 section 5.2; what cannot be read at all, as everywhere", "content": _OAUTH},
    401: {"description": "RFC 6749 section 5.2: `invalid_client`", "content": _OAUTH},
}
"""The token endpoint refuses as its own standard says."""


def answers(example: dict[str, Any], refusals: dict[int | str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Route arguments that document a JSON reply by example, and refusals that are this address's own."""
    shown = {"description": "OK", "content": {"application/json": {"example": example}}}
    return {"responses": {200: shown, **(refusals or {})}}


def takes_declaration(example: dict[str, Any]) -> dict[str, Any]:
    """Route arguments of an address that takes a declaration in XML or JSON."""
    invalid = problems.body(
        422, "invalid_declaration", problems.STATUS[InvalidDeclaration][1],
        "the declaration has 1 fault", "申报单有 1 处错误", [FAULT],
    )  # fmt: skip
    xml = {"schema": {"type": "string"}, "example": XML_EXAMPLE}
    schema = {"$ref": f"#/components/schemas/{FORM_SCHEMA}"}
    return {
        "responses": {
            200: {
                "description": "Checked only",
                "content": {"application/json": {"example": {"valid": True, "faults": []}}},
            },
            202: {
                "description": "Kept, and queued to its agencies",
                "content": {"application/json": {"example": example}},
            },
            409: {
                "description": "Already filed, or the key came with another body",
                "content": {problems.MEDIA_TYPE: {}},
            },
            413: _refusal(413, "Too large"),
            415: _refusal(415, "Neither XML nor JSON"),
            422: {
                "description": "The declaration has faults; nothing was stored",
                "content": {
                    problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": invalid}
                },
            },
        },
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": schema, "example": JSON_EXAMPLE},
                    "application/xml": xml,
                    "text/xml": xml,
                },
            },
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "schema": {"type": "string", "maxLength": 255},
                    "description": "The same key with the same body gets the same answer; with another body, 409",
                }
            ],
        },
    }


def install(app: FastAPI) -> None:
    """Build the OpenAPI document once, with the form's own JSON Schema in it."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            # the framework documents its own 422 for parameters; ours are 400, and 422 is for declarations alone
            for operations in document["paths"].values():
                for operation in operations.values():
                    shown = operation["responses"].get("422", {}).get("content", {})
                    if "application/json" in shown:
                        shown.pop("application/json")
                        if not shown:
                            del operation["responses"]["422"]
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas |= {"Problem": _PROBLEM, "Fault": _FAULT}
            schemas[FORM_SCHEMA] = form_json_schema(app.state.window.rulebook.forms["goods"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]
