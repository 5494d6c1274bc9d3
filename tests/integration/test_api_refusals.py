"""Bad requests at the HTTP door: each gets one clear answer in one shape, nothing is stored, and nothing makes a 500."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from tests.support.served import JSON, XML, Site, problem, served, status_of
from tests.support.windows import ROOT

SAMPLE = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()
ADDRESS = "/api/v1/declarations"
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window"), max_body_bytes=LIMIT) as found:
        yield found


@pytest.fixture
async def client(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """The trader's system. After each test: nothing that was refused is there."""
    async with aiohttp.ClientSession(site.url, headers=site.token("clients/default")) as session:
        yield session
        found = await (await session.get(ADDRESS)).json()
        assert found["items"] == []


def changed(**values: Any) -> bytes:
    # the standard module, because it writes what orjson refuses to: half characters, endless numbers
    return json.dumps({**json.loads(SAMPLE), **values}).encode()


XML_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
UNREADABLE = {
    "nothing": (JSON, b""),
    "nothing-xml": (XML, b""),
    "broken-json": (JSON, b'{"filing_scope": '),
    "broken-xml": (XML, XML_HEAD + b"<goods_declaration><a></goods_declaration>"),
    "json-as-xml": (XML, SAMPLE),
    "xml-as-json": (JSON, XML_HEAD + b"<goods_declaration/>"),
    "a-list": (JSON, b"[1, 2]"),
    "a-number": (JSON, b"7"),
    "doctype": (
        XML,
        XML_HEAD + b'<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/passwd">]><goods_declaration>&x;</goods_declaration>',
    ),
    "wrong-encoding": (XML, b'<?xml version="1.0" encoding="UTF-8"?><goods_declaration>\xc9\xcf</goods_declaration>'),
    "unknown-encoding": (XML, b'<?xml version="1.0" encoding="EBCDIC-X"?><goods_declaration/>'),
    "json-in-gb18030": (JSON, '{"owner_name": "上海"}'.encode("gb18030")),
    "nul": (JSON, b"\x00" * 10),
    "deep-json": (JSON, b"[" * 400_000),
    "deep-json-object": (JSON, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep-xml": (XML, XML_HEAD + b"<a>" * 150_000 + b"</a>" * 100_000),
    "not-utf16": (XML, b"\xff\xfe<\x00"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_a_400_with_a_fault(client: aiohttp.ClientSession, name: str) -> None:
    headers, body = UNREADABLE[name]
    for path in (ADDRESS, f"{ADDRESS}?check_only=true"):
        content = await problem(await client.post(path, data=body, headers=headers), 400, "malformed_document")
        assert content["faults"][0]["message_zh"]
        assert content["faults"][0]["message_en"]


INVALID = {
    "impossible-date": ({"border_crossing_date": "20150231"}, "border_crossing_date"),
    "arabic-indic-digits": ({"border_crossing_date": "٢٠١٥١٠١٩"}, "border_crossing_date"),
    "fullwidth-digits": ({"total_net_mass": "１２"}, "total_net_mass"),
    "control-character": ({"contract_id": "A\u0007B"}, "contract_id"),
    "unknown-item": ({"no_such_item": "1"}, "no_such_item"),
    "an-object-for-text": ({"contract_id": {"a": 1}}, "contract_id"),
    "a-list-for-text": ({"contract_id": ["a", "b"]}, "contract_id"),
    "text-for-a-group": ({"goods_items": "x"}, "goods_items"),
    "truth-for-text": ({"contract_id": True}, "contract_id"),
    "half-a-character": ({"contract_id": "\ud800"}, "contract_id"),
    "a-huge-number": ({"package_quantity": 10**30}, "package_quantity"),
    "another-countrys-system": ({"departure_destination_country_code": "USA"}, "departure_destination_country_code"),
    "no-scope": ({"filing_scope": "everything"}, None),
}


@pytest.mark.parametrize("name", INVALID)
async def test_faulty_content_is_a_422_pointing_at_the_item(client: aiohttp.ClientSession, name: str) -> None:
    values, item = INVALID[name]
    content = await problem(
        await client.post(ADDRESS, data=changed(**values), headers=JSON), 422, "invalid_declaration"
    )
    fault = next(fault for fault in content["faults"] if fault["severity"] == "error")
    assert fault["message_zh"]
    assert fault["message_en"]
    assert item is None or (item in fault["pointer"] and fault["line"] is not None)


async def test_a_51st_line_is_refused(client: aiohttp.ClientSession) -> None:
    form = orjson.loads((ROOT / "samples" / "sea-import-spare-parts-50-lines-customs-only.json").read_bytes())
    form["goods_items"].append({**form["goods_items"][-1], "goods_item_sequence_number": 51})
    content = await problem(
        await client.post(ADDRESS, data=orjson.dumps(form), headers=JSON), 422, "invalid_declaration"
    )
    assert any(fault["severity"] == "error" and "50" in fault["message_en"] for fault in content["faults"])


async def test_faults_stop_at_a_hundred(client: aiohttp.ClientSession) -> None:
    values = {f"unknown_{number}": "x" for number in range(500)}
    content = await problem(
        await client.post(ADDRESS, data=changed(**values), headers=JSON), 422, "invalid_declaration"
    )
    assert len(content["faults"]) == 100


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT + 1, 30 * LIMIT])
async def test_a_body_over_the_limit_is_a_413(client: aiohttp.ClientSession, size: int) -> None:
    content = await problem(await client.post(ADDRESS, data=io.BytesIO(b" " * size), headers=JSON), 413, "too_large")
    assert content["limit_bytes"] == str(LIMIT)


async def test_a_chunked_body_over_the_limit_is_a_413(client: aiohttp.ClientSession) -> None:
    async def pour() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (LIMIT // 2)

    await problem(await client.post(ADDRESS, data=pour(), headers=JSON), 413, "too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": ""},
    ],
)
async def test_another_content_type_is_a_415(client: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    await problem(
        await client.post(ADDRESS, data=gzip.compress(SAMPLE), headers=headers), 415, "unsupported_media_type"
    )


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ключ"])
async def test_an_unusable_idempotency_key_is_a_400(client: aiohttp.ClientSession, key: str) -> None:
    headers = {**JSON, "Idempotency-Key": key}
    await problem(await client.post(ADDRESS, data=SAMPLE, headers=headers), 400, "bad_request")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "limit=999999",
        "since=yesterday",
        "since=2015-02-31",
        "cursor=" + "x" * 300,
        "check_only=maybe",
    ],
)
async def test_unusable_parameters_are_a_400_that_names_them(client: aiohttp.ClientSession, query: str) -> None:
    name = query.partition("=")[0]
    asked = (
        client.post(f"{ADDRESS}?{query}", data=SAMPLE, headers=JSON)
        if name == "check_only"
        else client.get(f"{ADDRESS}?{query}")
    )
    content = await problem(await asked, 400, "bad_request")
    assert content["faults"][0]["item"] == name


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=%25", "q=_", "q='%20OR%201=1", "reference=%F0%9F%98%80", "cursor=zzz", "cursor=%00", "state=%00"],
)
async def test_strange_searches_find_nothing_and_break_nothing(client: aiohttp.ClientSession, query: str) -> None:
    assert await status_of(await client.get(f"{ADDRESS}?{query}")) in (200, 400)


@pytest.mark.parametrize("number", ["D%00", "..%2f..%2fetc", "%F0%9F%98%80", "x" * 60])
async def test_strange_ids_are_not_found(client: aiohttp.ClientSession, number: str) -> None:
    reply = await client.get(f"{ADDRESS}/{number}")
    await problem(reply, 404, "not_found")


async def test_unknown_addresses_and_methods_have_the_same_shape(client: aiohttp.ClientSession) -> None:
    await problem(await client.get("/api/v1/nothing"), 404, "not_found")
    await problem(await client.get("/favicon.ico"), 404, "not_found")
    wrong = await client.delete(ADDRESS)
    await problem(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"] or "GET" in wrong.headers["Allow"]


async def test_a_caller_that_hangs_up_in_mid_body_hurts_nobody(site: Site, client: aiohttp.ClientSession) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    token = site.token("clients/default")["Authorization"]
    head = f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    writer.write(head.encode() + SAMPLE[:100])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await status_of(await client.get("/readyz")) == 200


@pytest.mark.parametrize("query", ["check_onyl=true", "check_only=true&check_only=false"])
async def test_a_misspelt_or_doubled_parameter_does_not_file(client: aiohttp.ClientSession, query: str) -> None:
    answer = await client.post(f"{ADDRESS}?{query}", data=SAMPLE, headers=JSON)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (400, "bad_request")
    assert "check_on" in problem["detail"]
    assert "check_on" in problem["detail_zh"]


@pytest.mark.parametrize("query", ["state=xyz", "obligation=zzz", "cursor=zzz", "cursor=", "bogus=1"])
async def test_a_search_for_what_cannot_be_is_refused_with_words(client: aiohttp.ClientSession, query: str) -> None:
    answer = await client.get(f"{ADDRESS}?{query}")
    assert (answer.status, (await answer.json())["code"]) == (400, "bad_request")
