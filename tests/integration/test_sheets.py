"""Spreadsheets over HTTP: templates, rows with the cells of their faults, groups of filings, and lines of passport readers."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from adapters.workbooks import read_workbook
from declarations.sheets.csvtext import read_csv
from gateway.sheets import CSV, XLSX
from tests.support.handmade_books import ATTACKS
from tests.support.served import JSON, Site, numbered, problem, served, status_of
from tests.support.windows import ROOT

ELECTRONICS = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()
CONTAINERS = "/api/v1/forms/goods/groups/containers"
CREW = "/api/v1/forms/vessel/groups/crew"
AS_CSV, AS_XLSX = {"Content-Type": CSV}, {"Content-Type": XLSX}
PASSPORT = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.fixture
async def http(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(site.url, headers=site.token("clients/default")) as session:
        yield session


async def answer(reply: aiohttp.ClientResponse) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(await reply.read())
    assert reply.status == 200, body
    return body


async def test_anybody_gets_the_empty_spreadsheet_of_a_group(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        book = await nobody.get(f"{CREW}/template")
        assert (book.status, book.content_type) == (200, XLSX)
        assert "vessel-crew.xlsx" in book.headers["Content-Disposition"]
        names = [str(cell) for cell in read_workbook(await book.read(), "crew").rows[0]]
        assert any("Crew family name" in name and name.endswith("*") for name in names)
        comma = await nobody.get(f"{CREW}/template", params={"format": "csv"})
        assert comma.headers["Content-Type"].startswith(CSV)
        assert read_csv(await comma.read()).rows == [names]
        await problem(await nobody.get("/api/v1/forms/vessel/groups/goods_items/template"), 404, "not_found")
        await problem(await nobody.get("/api/v1/forms/boats/groups/crew/template"), 404, "not_found")
        assert (await nobody.get(f"{CREW}/template", params={"format": "ods"})).status == 400


async def test_rows_come_back_or_faults_with_their_cells(http: aiohttp.ClientSession) -> None:
    names, right, wrong = "集装箱号,container_type_code,箱内商品项号", "TGHU4182739,11,1", "CBHU3650910,11,2"
    sheet = "\r\n".join((names, right, wrong)).encode()
    found = await answer(await http.post(f"{CONTAINERS}/sheet", data=sheet, headers=AS_CSV))
    assert (found["valid"], found["count"], found["refused"], found["rows"]) == (False, 2, 1, [])
    (fault,) = [each for each in found["faults"] if each["severity"] == "error"]
    assert (fault["code"], fault["cell"], fault["row"], fault["column"]) == ("R-CNT-01", "A3", 3, "集装箱号")
    assert fault["message_zh"]
    assert fault["message_en"]
    good = await answer(await http.post(f"{CONTAINERS}/sheet", params={"mode": "good"}, data=sheet, headers=AS_CSV))
    assert [row["container_id"] for row in good["rows"]] == ["TGHU4182739"]
    asked = await answer(
        await http.post(
            f"{CONTAINERS}/sheet", params={"mode": "check"}, data=f"{names}\n{right}".encode(), headers=AS_CSV
        )
    )
    assert (asked["valid"], asked["rows"], asked["faults_left_out"]) == (True, [], 0)


async def test_no_more_faults_are_told_than_anybody_reads(http: aiohttp.ClientSession) -> None:
    sheet = b"container_id,container_type_code\r\n" + b"TGHU4182730,11\r\n" * 150
    found = await answer(await http.post(f"{CONTAINERS}/sheet", data=sheet, headers=AS_CSV))
    assert len(found["faults"]) == 100
    assert found["faults_left_out"] >= 50
    assert found["refused"] == 150


async def test_what_is_no_spreadsheet_is_refused_for_what_it_is(http: aiohttp.ClientSession) -> None:
    async def refused(data: bytes, headers: dict[str, str], status: int, code: str) -> dict[str, Any]:
        return await problem(await http.post(f"{CONTAINERS}/sheet", data=data, headers=headers), status, code)

    book = (ATTACKS / "formula.xlsx").read_bytes()
    for name, reason in (("bomb", "zip"), ("doctype", "doctype"), ("macro", "active"), ("far_cell", "extent")):
        told = await refused((ATTACKS / f"{name}.xlsx").read_bytes(), AS_XLSX, 400, "unreadable_sheet")
        assert told["reason"] == reason
    assert (await refused(b'a,"b', AS_CSV, 400, "unreadable_sheet"))["reason"] == "csv"
    await refused(book, AS_CSV, 415, "content_mismatch")
    await refused(b"a,b", AS_XLSX, 415, "content_mismatch")
    await refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", AS_XLSX, 415, "content_mismatch")
    await refused(b"{}", JSON, 415, "unsupported_media_type")
    formula = await answer(await http.post(f"{CONTAINERS}/sheet", data=book, headers=AS_XLSX))
    assert [each["code"] for each in formula["faults"] if each["cell"] == "A2"] == ["F-SHEET-FORMULA"]


async def test_asking_for_what_there_is_not(http: aiohttp.ClientSession, site: Site) -> None:
    there_is_none = await http.post("/api/v1/forms/goods/groups/crew/sheet", data=b"a", headers=AS_CSV)
    await problem(there_is_none, 404, "not_found")
    no_scope = await http.post(f"{CONTAINERS}/sheet", params={"filing_scope": "moon"}, data=b"a", headers=AS_CSV)
    await problem(no_scope, 400, "bad_request")
    assert await status_of(await http.post(f"{CONTAINERS}/sheet", params={"mode": "some"}, data=b"a")) == 400
    large = await http.post(f"{CONTAINERS}/sheet", data=io.BytesIO(b"a" * 10_000_001), headers=AS_CSV)
    await problem(large, 413, "too_large")
    async with aiohttp.ClientSession(site.url) as nobody:
        await problem(await nobody.post(f"{CONTAINERS}/sheet", data=b"a", headers=AS_CSV), 401, "unauthorised")
        await problem(await nobody.post("/api/v1/forms/vessel/mrz", json={}), 401, "unauthorised")


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
async def test_a_group_of_a_filing_comes_as_a_spreadsheet_and_goes_back_in(
    http: aiohttp.ClientSession, kind: str
) -> None:
    form = orjson.loads(ELECTRONICS)
    form["containers"][0]["container_goods_item_numbers"] = "1,2"
    body = numbered(orjson.dumps(form), f"SHEET{kind.upper():0>13}")
    filed = orjson.loads(await (await http.post("/api/v1/declarations", data=body, headers=JSON)).read())
    reply = await http.get(f"/api/v1/declarations/{filed['id']}/groups/containers/sheet", params={"format": kind})
    data = await reply.read()
    assert reply.status == 200
    assert f"{filed['id']}.1-containers.{kind}" in reply.headers["Content-Disposition"]
    headers = AS_XLSX if kind == "xlsx" else AS_CSV
    scope = {"filing_scope": form["filing_scope"]}
    found = await answer(await http.post(f"{CONTAINERS}/sheet", params=scope, data=data, headers=headers))
    assert found["rows"] == [{item: str(value) for item, value in row.items()} for row in form["containers"]]
    timeline = f"/api/v1/declarations/{filed['id']}/groups"
    await problem(await http.get(f"{timeline}/crew/sheet"), 404, "not_found")
    await problem(await http.get(f"{timeline}/containers/sheet", params={"version": "2"}), 404, "not_found")


async def test_lines_of_a_passport_reader(http: aiohttp.ClientSession) -> None:
    given = {"group": "passengers", "lines": [*PASSPORT, "", "nonsense"], "first": 7}
    found = await answer(await http.post("/api/v1/forms/vessel/mrz", json=given))
    (row,) = found["rows"]
    assert (row["passenger_sequence_number"], row["passenger_document_number"]) == ("7", "L898902C3")
    assert [(fault["code"], fault["line"]) for fault in found["faults"]] == [("F-MRZ-LINE", 4)]
    assert not found["valid"]
    wrong = [PASSPORT[0], PASSPORT[1].replace("L898902C36", "L898902C46")]
    told = await answer(await http.post("/api/v1/forms/vessel/mrz", json={"group": "crew", "lines": wrong}))
    assert [fault["item"] for fault in told["faults"]] == ["crew_document_number"]
    refused = await http.post("/api/v1/forms/vessel/mrz", json={"group": "cats", "lines": []})
    assert refused.status in (400, 422)
