"""The HTTP door, asked over real sockets: filing, following, finding, and one shape for every refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from declarations.checking import read_form
from declarations.convert import to_xml
from tests.support.served import JSON, XML, Site, numbered, problem, served, status_of
from tests.support.windows import ROOT, rulebook

ELECTRONICS = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()
COSMETICS = (ROOT / "samples" / "air-import-cosmetics-both.json").read_bytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.fixture
async def http(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """Nobody yet: tests say who calls."""
    async with aiohttp.ClientSession(site.url) as session:
        yield session


@pytest.fixture
async def client(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """The trader's system."""
    async with aiohttp.ClientSession(site.url, headers=site.token("clients/default")) as session:
        yield session


async def file(client: aiohttp.ClientSession, reference: str, sample: bytes = ELECTRONICS) -> dict[str, Any]:
    reply = await client.post("/api/v1/declarations", data=numbered(sample, reference), headers=JSON)
    assert reply.status == 202, await reply.text()
    filed: dict[str, Any] = await reply.json()
    return filed


async def test_a_filing_is_answered_with_its_id_and_can_be_followed(client: aiohttp.ClientSession) -> None:
    filed = await file(client, "API000000000000A01")
    for link in filed["links"].values():
        assert await status_of(await client.get(link)) == 200
    answer = await (await client.get(filed["links"]["self"])).json()
    assert answer["reference"] == "API000000000000A01"
    assert answer["status"] == "filed"
    assert answer["legs"]["customs"]["state"] == "queued"


async def test_xml_and_json_are_both_taken(client: aiohttp.ClientSession) -> None:
    form = read_form(rulebook(), numbered(COSMETICS, "API000000000000A02"), "application/json")
    reply = await client.post("/api/v1/declarations", data=to_xml(rulebook(), form), headers=XML)
    assert reply.status == 202, await reply.text()
    filed = await reply.json()
    assert {leg["agency"]: leg["waits_for"] for leg in filed["legs"]} == {
        "inspection": None,
        "customs": "inspection.clearance_form_id",
    }


async def test_check_only_stores_nothing(client: aiohttp.ClientSession) -> None:
    for _ in range(2):
        body = numbered(ELECTRONICS, "API000000000000A03")
        reply = await client.post("/api/v1/declarations?check_only=true", data=body, headers=JSON)
        assert reply.status == 200
        checked = await reply.json()
        assert checked["valid"]
        assert all(fault["severity"] == "warning" for fault in checked["faults"])
    found = await (await client.get("/api/v1/declarations", params={"reference": "API000000000000A03"})).json()
    assert found["items"] == []


async def test_all_faults_come_at_once_and_in_form_order(client: aiohttp.ClientSession) -> None:
    form = orjson.loads(numbered(ELECTRONICS, "API000000000000A04"))
    form |= {"total_net_mass": "999999.00", "trade_mode_code": "9Z"}
    form["goods_items"][0]["commodity_classification_id"] = "84"
    reply = await client.post("/api/v1/declarations", data=orjson.dumps(form, option=orjson.OPT_INDENT_2), headers=JSON)
    content = await problem(reply, 422, "invalid_declaration")
    errors = [fault for fault in content["faults"] if fault["severity"] == "error"]
    items = [fault["item"] for fault in errors]
    assert {"trade_mode_code", "total_net_mass", "commodity_classification_id"} <= set(items)
    assert items.index("trade_mode_code") < items.index("total_net_mass") < items.index("commodity_classification_id")
    lines = orjson.dumps(form, option=orjson.OPT_INDENT_2).decode().splitlines()
    for fault in errors:
        assert fault["pointer"].endswith(fault["item"])
        assert fault["item"] in lines[fault["line"] - 1]


async def test_the_same_key_gets_the_same_answer_and_another_body_is_refused(client: aiohttp.ClientSession) -> None:
    headers = {**JSON, "Idempotency-Key": '"a-key-1"'}
    body = numbered(ELECTRONICS, "API000000000000A05")
    first = await client.post("/api/v1/declarations", data=body, headers=headers)
    again = await client.post("/api/v1/declarations", data=body, headers=headers)
    assert (first.status, again.status) == (202, 202)
    assert await first.json() == await again.json()
    other = await client.post("/api/v1/declarations", data=body + b" ", headers=headers)
    await problem(other, 409, "idempotency_key_reused")


async def test_a_reference_in_use_is_refused_with_a_link(client: aiohttp.ClientSession) -> None:
    filed = await file(client, "API000000000000A06")
    reply = await client.post("/api/v1/declarations", data=numbered(ELECTRONICS, "API000000000000A06"), headers=JSON)
    content = await problem(reply, 409, "duplicate_reference")
    assert content["declaration_id"] == filed["id"]
    assert await status_of(await client.get(content["declaration_url"])) == 200


async def test_what_is_not_sent_yet_can_be_withdrawn_once(client: aiohttp.ClientSession) -> None:
    filed = await file(client, "API000000000000A07")
    reply = await client.post(f"/api/v1/declarations/{filed['id']}/withdrawal")
    assert reply.status == 200
    assert (await reply.json())["status"] == "cancelled"
    again = await client.post(f"/api/v1/declarations/{filed['id']}/withdrawal")
    await problem(again, 409, "move_not_allowed")


async def test_a_live_filing_takes_no_further_version(client: aiohttp.ClientSession) -> None:
    filed = await file(client, "API000000000000A08")
    body = numbered(ELECTRONICS, "API000000000000A08")
    reply = await client.post(f"/api/v1/declarations/{filed['id']}/versions", data=body, headers=JSON)
    await problem(reply, 409, "move_not_allowed")


@pytest.mark.parametrize(
    "query",
    [
        {"reference": "API000000000000A09"},
        {"reference": "00A09"},
        {"q": "api000000000000a09"},
        {"bill": "{transport_document_id}"},
        {"contract": "{contract_id}"},
        {"ship": "{transport_means_name}", "voyage": "{voyage_id}"},
        {"party": "{owner_name}"},
        {"state": "filed", "since": "2000-01-01"},
    ],
)
async def test_a_filing_is_found_by_its_numbers_and_names(client: aiohttp.ClientSession, query: dict[str, str]) -> None:
    probe = await client.get("/api/v1/declarations", params={"reference": "API000000000000A09"})
    if not (await probe.json())["items"]:
        await file(client, "API000000000000A09")
    form = orjson.loads(ELECTRONICS)
    asked = {name: value.format(**form) for name, value in query.items()}
    found = await (await client.get("/api/v1/declarations", params=asked)).json()
    assert "API000000000000A09" in [item["reference"] for item in found["items"]]


async def test_pages_follow_each_other_without_gap_or_repeat(client: aiohttp.ClientSession) -> None:
    for number in range(3):
        await file(client, f"API00000000000PAG{number}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await (await client.get("/api/v1/declarations", params={"limit": "2", **cursor})).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) >= 3
    assert seen == sorted(seen, reverse=True)


async def test_messages_are_given_out_byte_for_byte(client: aiohttp.ClientSession) -> None:
    body = numbered(ELECTRONICS, "API000000000000A10")
    filed = await (await client.post("/api/v1/declarations", data=body, headers=JSON)).json()
    kept = await (await client.get(filed["links"]["messages"])).json()
    by_direction = {item["direction"]: item for item in kept["items"]}
    own = await client.get(f"{filed['links']['messages']}/{by_direction['filed']['id']}")
    assert await own.read() == body
    out = await client.get(f"{filed['links']['messages']}/{by_direction['out']['id']}")
    assert b"<DecMessage" in await out.read()
    assert out.headers["X-Content-Type-Options"] == "nosniff"
    assert out.headers["Content-Disposition"].startswith("attachment")


async def test_a_value_explains_itself_both_ways(client: aiohttp.ClientSession) -> None:
    filed = await file(client, "API000000000000A11")
    address = f"{filed['links']['self']}/explain"
    there = await (
        await client.get(address, params={"agency": "customs", "pointer": "/departure_destination_country_code"})
    ).json()
    target = there["items"][0]["target"]
    back = await (await client.get(address, params={"agency": "customs", "target": target})).json()
    assert back["items"][0]["pointer"] == "/departure_destination_country_code"
    assert back["items"][0]["line"].startswith("CUS-")
    await problem(await client.get(address, params={"agency": "customs"}), 400, "bad_request")
    await problem(await client.get(address, params={"agency": "customs", "target": "No/Such"}), 404, "not_found")


async def test_an_agencys_answer_is_taken_once_and_shown_if_unreadable(site: Site, http: aiohttp.ClientSession) -> None:
    body = b"<NOT_AN_ANSWER/>"
    headers = {**site.token("agencies/inspection"), **site.signed(body)}
    address = "/api/v1/agencies/inspection/answers"
    first = await (await http.post(address, data=body, headers=headers)).json()
    again = await http.post(address, data=body, headers=headers)
    assert again.status == 200
    assert first["state"] == (await again.json())["state"] == "quarantined"
    shown = await (await http.get("/api/v1/operations/answers", headers=site.token("operators/default"))).json()
    assert [item["inbox_id"] for item in shown["items"]] == [first["inbox_id"]]


async def test_doors_open_only_to_their_own_tokens(site: Site, http: aiohttp.ClientSession) -> None:
    inspection, trader = site.token("agencies/inspection"), site.token("clients/default")
    operator = site.token("operators/default")
    signed = site.signed(b"<x/>")
    answers = "/api/v1/agencies/inspection/answers"
    await problem(await http.get("/api/v1/declarations"), 401, "unauthorised")
    await problem(await http.get("/api/v1/declarations", headers={"Authorization": "Bearer ü"}), 401, "unauthorised")
    await problem(await http.get("/api/v1/declarations", headers={"Authorization": "Basic x"}), 401, "unauthorised")
    await problem(await http.get("/api/v1/declarations", headers=inspection), 403, "forbidden")
    await problem(await http.get("/api/v1/operations/answers", headers=trader), 403, "forbidden")
    await problem(await http.post(answers, data=b"<x/>", headers={**trader, **signed}), 403, "forbidden")
    await problem(await http.post(answers, data=b"<x/>", headers={**operator, **signed}), 403, "forbidden")
    await problem(await http.post(answers, data=b"<y/>", headers={**inspection, **signed}), 403, "bad_signature")
    await problem(await http.post(answers, data=b"<x/>", headers=inspection), 403, "unsigned")
    other = "/api/v1/agencies/customs/answers"
    await problem(await http.post(other, data=b"<x/>", headers={**inspection, **signed}), 403, "another_agency")


async def test_strangers_ids_are_not_found(client: aiohttp.ClientSession) -> None:
    for path in ("", "/timeline", "/messages", "/messages/M0", "/explain?agency=customs&target=x"):
        await problem(await client.get(f"/api/v1/declarations/D0{path}"), 404, "not_found")
    await problem(await client.post("/api/v1/declarations/D0/withdrawal"), 404, "not_found")


async def test_one_reference_filed_many_times_at_once_is_accepted_once(client: aiohttp.ClientSession) -> None:
    body = numbered(ELECTRONICS, "API000000000000A12")
    asked = [client.post("/api/v1/declarations", data=body, headers=JSON) for _ in range(8)]
    replies = await asyncio.gather(*asked)
    assert sorted([await status_of(reply) for reply in replies]) == [202] + [409] * 7
