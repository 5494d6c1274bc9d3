"""What anybody may read at the HTTP door: the form, its schemas, the code lists, the documentation, health."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from lxml import etree

from gateway.api.codes import search_list
from tests.support.served import JSON, Site, problem, served, status_of
from tests.support.windows import ROOT, TickingClock, window_at

SAMPLES = sorted(path for path in (ROOT / "samples").glob("*.json") if path.name != "expected.json")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.fixture
async def http(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """Anybody, without a token."""
    async with aiohttp.ClientSession(site.url) as session:
        yield session


async def test_the_dictionary_shows_every_item_in_both_languages(http: aiohttp.ClientSession) -> None:
    form = await (await http.get("/api/v1/forms/goods")).json()
    base = [item for item in form["items"] if item["profile"] == "base"]
    assert len(base) == 103
    assert sum(len(item["obligations"]) == 2 for item in base) == 32
    assert all(item["name_zh"] and item["name_en"] for item in form["items"])
    assert {"goods_items", "containers"} <= {group["group"] for group in form["groups"]}
    await problem(await http.get("/api/v1/forms/nothing"), 404, "not_found")


async def test_the_schemas_are_the_ones_on_the_disk(http: aiohttp.ClientSession) -> None:
    xsd = await (await http.get("/api/v1/forms/goods/schema.xsd")).read()
    assert xsd == (ROOT / "xsd" / "merged" / "goods.xsd").read_bytes()
    etree.XMLSchema(etree.fromstring(xsd))
    reply = await http.get("/api/v1/forms/goods/schema.json")
    schema = orjson.loads(await reply.read())
    assert reply.content_type == "application/schema+json"
    for sample in SAMPLES:
        assert set(orjson.loads(sample.read_bytes())) <= set(schema["properties"]), sample.name


@pytest.mark.parametrize(
    ("name", "q", "code"),
    [
        ("CL_COUNTRY", "305", "305"),
        ("CL_COUNTRY", "法国", "305"),
        ("CL_COUNTRY", "fran", "305"),
        ("CL_COUNTRY", "fg", "305"),
    ],
)
async def test_codes_are_found_by_number_names_and_initials(
    http: aiohttp.ClientSession, name: str, q: str, code: str
) -> None:
    found = await (await http.get(f"/api/v1/codes/{name}", params={"q": q})).json()
    assert code in [each["code"] for each in found["codes"]]
    assert found["status"] in ("complete", "partial")


async def test_codes_are_those_of_the_day_asked_for(http: aiohttp.ClientSession) -> None:
    address = "/api/v1/codes/CL_COUNTRY"
    assert (await (await http.get(address, params={"q": "305", "on": "2015-10-23"})).json())["on"] == "2015-10-23"
    await problem(await http.get(address, params={"on": "2015-13-01"}), 400, "bad_request")
    await problem(await http.get("/api/v1/codes/CL_NOTHING"), 404, "not_found")
    lists = await (await http.get("/api/v1/codes")).json()
    assert "CL_COUNTRY" in [each["list"] for each in lists["lists"]]


async def test_today_begins_at_midnight_where_the_trade_is(tmp_path: Path) -> None:
    async with window_at(tmp_path, TickingClock(datetime(2015, 10, 23, 17, tzinfo=UTC))) as window:
        found = orjson.loads((await search_list(window, "CL_COUNTRY", q="fg", limit=1)).body)
        assert found["on"] == "2015-10-24"


async def test_the_documentation_opens_without_the_internet(http: aiohttp.ClientSession) -> None:
    page = await (await http.get("/docs")).text()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) >= 2
    for address in addresses:
        assert address.startswith("/"), f"{address} is on another host"
        assert await status_of(await http.get(address)) == 200


async def test_the_api_description_is_whole(http: aiohttp.ClientSession) -> None:
    described: dict[str, Any] = await (await http.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    # every reference leads somewhere
    for name in re.findall(r"#/components/schemas/(\w+)", orjson.dumps(described).decode()):
        assert name in schemas
    filing = described["paths"]["/api/v1/declarations"]["post"]
    assert filing["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("MergedDeclaration")
    assert [each["$ref"].rpartition("/")[2] for each in schemas["MergedDeclaration"]["anyOf"]] == [
        "GoodsDeclaration",
        "VesselDeclaration",
    ]
    assert "goods_items" in schemas["GoodsDeclaration"]["properties"]
    assert {"application/xml", "text/xml"} <= set(filing["requestBody"]["content"])
    assert {"202", "400", "401", "409", "413", "415", "422", "503"} <= set(filing["responses"])
    assert filing["security"], "filing needs a token, and the page must say so"
    reading = described["paths"]["/api/v1/declarations"]["get"]
    assert "422" not in reading["responses"], "422 is for the content of a declaration alone"


async def test_the_examples_of_the_documentation_can_be_filed(site: Site) -> None:
    async with aiohttp.ClientSession(site.url, headers=site.token("clients/default")) as client:
        described = await (await client.get("/openapi.json")).json()
        content = described["paths"]["/api/v1/declarations"]["post"]["requestBody"]["content"]
        address = "/api/v1/declarations?check_only=true"
        for media_type, shown in content.items():
            example = shown["example"]
            body = example.encode() if isinstance(example, str) else orjson.dumps(example)
            reply = await client.post(address, data=body, headers={**JSON, "Content-Type": media_type})
            assert (reply.status, (await reply.json())["valid"]) == (200, True), media_type


async def test_health_and_readiness_need_no_token(http: aiohttp.ClientSession) -> None:
    assert (await (await http.get("/healthz")).json())["status"] == "ok"
    assert (await (await http.get("/readyz")).json())["status"] == "ready"
    async with http.get("/", allow_redirects=False) as reply:
        assert reply.headers["Location"] == "/docs"
