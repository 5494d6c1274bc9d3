"""The OpenAPI document: what the framework knows of the routes, completed by what only the whole application knows.

That is who may come in where (mappings/access.csv), the form's own schema, which reply leads to which door, and what all have in
common.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from declarations.checking import read_form
from declarations.convert import to_xml
from declarations.formschema import form_json_schema
from gateway import problems
from gateway.access import PUBLIC, Access
from gateway.api import openapi, openapi_links
from gateway.api.openapi_example import DECLARATION
from gateway.api.openapi_schemas import COMPONENTS, example, reference, schemas
from gateway.api.requests import SAFE_METHODS
from gateway.doors import Address, addresses
from gateway.login.sessions import CSRF_HEADER, cookie_name
from gateway.wiring import Window

JSON = "application/json"
BEARER, SESSION, CSRF = "bearer", "session", "csrf"
NAMES = {"operations.get_message": "get_agency_message"}
"""Doors whose operation is not called as their handler, because another's is called so."""
TAGS = {
    "declarations": "File and follow (申报)",
    "calls": "Ships' calls and port clearance (船舶航次)",
    "prepared": "Key, review, sign (录入、复核、申报)",
    "mandates": "Who files for whom (电子委托)",
    "forms": "The merged form (表单)",
    "spreadsheets": "Rows in spreadsheets, people by passport readers (电子表格)",
    "codes": "Code lists (代码表)",
    "keys": "Public keys (公钥)",
    "certificates": "Whether a paper counts (证书查验)",
    "journal": "Evidence (日志)",
    "log-in": "Sessions (登录)",
    "account": "Your own account (账户)",
    "machines": "Keys and clients of programs (接口密钥)",
    "organisation": "Your organisation and its papers (企业资质)",
    "people": "Your people (人员)",
    "registrations": "Being let in (注册)",
    "agencies": "Agencies' answers (回执)",
    "operations": "The operator's desk (运行)",
    "health": "The window itself (状态)",
}
"""Groups of doors, in the order in which they are read."""


def install(app: FastAPI) -> None:
    """Build the OpenAPI document once, when it is first asked for."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=[{"name": name, "description": words} for name, words in TAGS.items()],
            )
            app.openapi_schema = _completed(document, addresses(app), app.state.window)
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]


def _completed(document: dict[str, Any], doors: list[Address], window: Window) -> dict[str, Any]:
    shown = {
        door: document["paths"][door.path][door.method.lower()]
        for door in doors
        if door.method.lower() in document["paths"].get(door.path, {})
    }
    for door, operation in shown.items():
        operation["operationId"] = NAMES.get(door.door, door.door.rpartition(".")[2])
        operation["security"] = _security(door, window.access)
        _refusals(operation["responses"])
        _examples(operation["responses"])
        _form_as_xml(operation, window)
    openapi_links.add(shown, window.access)
    components = document.setdefault("components", {})
    components["securitySchemes"] = _schemes(window)
    components["responses"] = {f"Refused{status}": refusal for status, refusal in openapi.REFUSALS.items()}
    found = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        found.pop(unused, None)
    described = schemas(openapi.SHAPES)
    assert not found.keys() & described.keys(), "a reply and a request are called the same"
    found |= described
    forms = {f"{name.title()}Declaration": form for name, form in window.rulebook.forms.items()}
    found |= {name: form_json_schema(form) for name, form in forms.items()}
    found[openapi.FORM_SCHEMA] = {"anyOf": [reference(name) for name in forms]}
    return document


def _security(door: Address, access: Access) -> list[dict[str, list[str]]]:
    """Either a token, or the cookie of a session, which has to come from one of our own pages to change something."""
    if access.doors[door.door].permission == PUBLIC:
        return []
    by_session: dict[str, list[str]] = {SESSION: []}
    return [{BEARER: []}, by_session if door.method in SAFE_METHODS else {**by_session, CSRF: []}]


def _schemes(window: Window) -> dict[str, Any]:
    token = "A machine's key (owk_…) or access token (owt_…), or a token from a file below `<data-dir>/secrets`"
    cookie = "Set by logging in"
    csrf = "`csrf` of the log-in's reply, or of GET /session: with the cookie, for every change"
    return {
        BEARER: {"type": "http", "scheme": "bearer", "description": token},
        SESSION: {"type": "apiKey", "in": "cookie", "name": cookie_name(window), "description": cookie},
        CSRF: {"type": "apiKey", "in": "header", "name": CSRF_HEADER, "description": csrf},
    }


def _refusals(responses: dict[str, Any]) -> None:
    """Every refusal is a problem document; those that all doors share stand once."""
    # the framework documents its own 422 for parameters; ours are 400, and 422 is for declarations alone
    own = responses.get("422", {}).get("content", {})
    own.pop(JSON, None)
    if not own:
        responses.pop("422", None)
    for status, response in responses.items():
        if problems.MEDIA_TYPE in response.get("content", {}):
            response["content"][problems.MEDIA_TYPE].setdefault("schema", reference("Problem"))
        if status.isdecimal() and response == openapi.REFUSALS.get(int(status)):
            responses[status] = {"$ref": f"#/components/responses/Refused{status}"}


def _examples(responses: dict[str, Any]) -> None:
    """Whole examples of what routers show in part."""
    for response in responses.values():
        for content in response.get("content", {}).values():
            name = content.get("schema", {}).get("$ref", "").removeprefix(COMPONENTS)
            if name in openapi.SHAPES:
                content["example"] = example(openapi.SHAPES, name, content.get("example"))


def _form_as_xml(operation: dict[str, Any], window: Window) -> None:
    """The example of the form in XML too, by the table of the form."""
    content = operation.get("requestBody", {}).get("content", {})
    if content.get(JSON, {}).get("example") != DECLARATION:
        return
    text = to_xml(window.rulebook, read_form(window.rulebook, orjson.dumps(DECLARATION), JSON)).decode()
    for media_type, shown in content.items():
        if media_type != JSON:
            shown["example"] = text
