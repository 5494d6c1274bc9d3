"""The OpenAPI document as an integrator's generator reads it: every reply has a shape, examples are whole, links lead somewhere,
and who may come in where is what mappings/access.csv says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import requests

from gateway.access import PUBLIC, Access
from gateway.api.openapi_document import NAMES
from tests.support.served import Site, served
from tests.support.windows import rulebook

pytestmark = pytest.mark.sqlite_only
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with served(tmp_path_factory.mktemp("window")) as site:
        yield _document(site)


def _document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{site.url}/openapi.json", timeout=30).json()
    return found


def _operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [operation for path in document["paths"].values() for operation in path.values()]
    named = {operation["operationId"]: operation for operation in found}
    assert len(named) == len(found)
    return named


def _contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where, media type, content of every reply."""
    shared = document["components"]["responses"].items()
    replies = [
        (f"{name} {status}", reply)
        for name, operation in _operations(document).items()
        for status, reply in operation["responses"].items()
    ]
    for where, reply in [*replies, *shared]:
        for media_type, content in reply.get("content", {}).items():
            yield where, media_type, content


def test_every_reply_has_a_shape_and_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for where, media_type, content in _contents(document):
        assert content.get("schema"), f"{where} {media_type}"
        if media_type == PROBLEM:
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, where
    for name, operation in _operations(document).items():
        for status, reply in operation["responses"].items():
            if status >= "400":
                assert "$ref" in reply or PROBLEM in reply["content"], f"{name} {status}"
            elif status not in ("204", "303"):
                assert reply["content"], f"{name} {status}"


def test_examples_are_whole_replies(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and name != "Problem":
            schema.setdefault("additionalProperties", False)
    checked = 0
    for where, _, content in _contents(document):
        if "example" in content:
            schema = {**content["schema"], "components": document["components"]}
            faults = jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(content["example"])
            assert not [str(fault) for fault in faults], where
            checked += 1
    assert checked > 100


def test_public_doors_ask_for_nothing_and_changes_by_session_for_the_csrf_header(document: dict[str, Any]) -> None:
    permissions = {
        NAMES.get(door.name, door.name.rpartition(".")[2]): door.permission
        for door in Access(rulebook().bundle).doors.values()
    }
    for path in document["paths"].values():
        for method, operation in path.items():
            wanted: list[dict[str, list[str]]] = []
            if permissions[operation["operationId"]] != PUBLIC:
                by_session: dict[str, list[str]] = {"session": []} if method == "get" else {"session": [], "csrf": []}
                wanted = [{"bearer": []}, by_session]
            assert operation["security"] == wanted, operation["operationId"]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session", "csrf"}


def test_links_lead_from_what_the_reply_says_to_what_the_door_asks(document: dict[str, Any]) -> None:
    operations = _operations(document)
    links = [
        (operation, reply["content"]["application/json"]["example"], link)
        for operation in operations.values()
        for reply in operation["responses"].values()
        for link in reply.get("links", {}).values()
    ]
    assert len(links) > 100
    for source, example, link in links:
        where = f"{source['operationId']} -> {link['operationId']}"
        asked = {each["name"] for each in operations[link["operationId"]].get("parameters", []) if each["in"] == "path"}
        assert set(link.get("parameters", {})) == asked, where
        for expression in [*link.get("parameters", {}).values(), *link.get("requestBody", {}).values()]:
            if expression.startswith("$request.path."):
                said = {each["name"] for each in source["parameters"] if each["in"] == "path"}
                assert expression.rpartition(".")[2] in said, where
                continue
            found = example
            for part in expression.removeprefix("$response.body#/").split("/"):
                found = found[int(part)] if isinstance(found, list) else found[part]
            assert found, where
