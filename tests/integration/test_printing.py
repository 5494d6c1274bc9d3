"""Papers of a real call: its certificate verifies and its state is told to who holds it; its forms are printed and exported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from lxml import etree
from pypdf import PdfReader

from adapters.keys import WINDOW
from declarations import iso28005
from declarations.errors import BadRequest, NotFound
from gateway import printing
from gateway.calls.certificates import printed
from gateway.database.stores import entries
from gateway.main import create_app
from gateway.paper.verification import verified
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.listening import listening
from tests.support.ships import ENTRY, EXIT, certificates, file, leaving, released, says, ship_window
from tests.support.windows import CLIENT, JSON, ROOT, STRANGER, TickingClock

GOODS = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()


@asynccontextmanager
async def visitor(window: Window) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        listening(create_app(window.settings, worker=False, opened=window)) as url,
        aiohttp.ClientSession(url) as session,
    ):
        yield session


async def test_the_certificate_of_a_cleared_ship_verifies_and_its_state_is_public(tmp_path: Path) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, departure = await leaving(window)
        await released(window, departure, EXIT)
        pdf, number, _ = await printed(window, CLIENT, call_id)
        found = verified(pdf, {key.id: key for key in window.keys.of(WINDOW)})
        content = found.content
        assert (content.number, content.imo_number, content.bound_for.code) == (number, "9900019", "JPOSA")
        assert [release.agency for release in content.releases][-1] == "maritime" and len(content.releases) == 4
        assert content.digest.hex() in PdfReader(BytesIO(pdf)).pages[0].extract_text()

        async with visitor(window) as anybody:
            address = f"/api/v1/certificates/{number}/state"
            told = await (await anybody.get(address, params={"code": content.code})).json()
            assert (told["state"], told["ship_name_en"], told["imo_number"]) == (
                "valid",
                "EASTERN HARBINGER",
                "9900019",
            )
            # as somebody types it from the paper; and neither page tells whose ship, master or agent it is
            grouped = "-".join(content.code[at : at + 4] for at in range(0, 16, 4)).lower()
            page = await (await anybody.get("/verify", params={"number": number.lower(), "code": grouped})).text()
            assert "EASTERN HARBINGER" in page and 'class="state good"' in page
            for hidden in (content.master, content.agent, content.reference):
                assert hidden and hidden not in page and hidden not in str(told)
            for wrong in ({}, {"code": ""}, {"code": "A" * 16}):
                assert (await (await anybody.get(address, params=wrong)).json())["state"] == "unknown"

            clock.tick()
            await says(window, departure, "border", "REO")
            told = await (await anybody.get(address, params={"code": content.code})).json()
            assert told["state"] == "suspended"
            page = await (await anybody.get(f"/verify/{number}", params={"code": content.code})).text()
            assert 'class="state bad"' in page and told["state_zh"] in page
    # the file is as genuine as before: only the state says that it does not count
    assert verified(pdf, {found.key.id: found.key}).content.number == number


async def test_fal_forms_are_printed_from_the_filing_and_journalled(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        filed = await file(window, "arrival")
        declaration_id = filed.body["id"]
        listed = await printing.papers(window, CLIENT, declaration_id)
        assert [each["paper"] for each in listed] == [f"fal{number}" for number in range(1, 8)]
        for each in listed:
            text = "".join(
                page.extract_text()
                for page in PdfReader(
                    BytesIO(await printing.printed(window, CLIENT, declaration_id, each["paper"]))
                ).pages
            )
            assert "9900019" in text, each
        acts = await window.database.read(lambda connection: entries.of_declaration(connection, declaration_id))
        assert [act.details["explained"] for act in acts if act.code == "looked"] == [each["paper"] for each in listed]
        with pytest.raises(BadRequest):
            await printing.printed(window, CLIENT, declaration_id, "fal8")
        for refused in (
            printing.papers(window, STRANGER, declaration_id),
            printing.printed(window, STRANGER, declaration_id, "fal5"),
            printing.exported(window, STRANGER, declaration_id, "request"),
        ):
            with pytest.raises(NotFound):
                await refused


async def test_goods_have_no_ships_papers(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        filed = await submit(window, CLIENT, GOODS, JSON)
        assert await printing.papers(window, CLIENT, filed.body["id"]) == []
        with pytest.raises(BadRequest):
            await printing.printed(window, CLIENT, filed.body["id"], "fal1")
        with pytest.raises(BadRequest):
            await printing.exported(window, CLIENT, filed.body["id"], "request")


async def test_a_call_is_told_by_iso_28005(tmp_path: Path) -> None:
    async with ship_window(tmp_path) as window:
        arrival = await file(window, "arrival")
        declaration_id = arrival.body["id"]
        request = etree.fromstring(await printing.exported(window, CLIENT, declaration_id, "request"))
        names = {"e": iso28005.NAMESPACE}
        assert request.findtext("e:EPCMessageHeader/e:JournalNumber", namespaces=names) == f"{declaration_id}.1"
        assert len(request.findall("e:EPCRequestBody/e:CrewList/e:CrewMember", names)) == 22
        await released(window, declaration_id, ENTRY, "customs", "border")
        acknowledge = etree.fromstring(await printing.exported(window, CLIENT, declaration_id, "acknowledge"))
        told = {
            status.findtext("e:Authority", namespaces=names): status.findtext(
                "e:RequestStatus/e:Status", namespaces=names
            )
            for status in acknowledge.findall("e:EPCAcknowledgeBody/e:EPCClearanceStatus", names)
        }
        assert told == {
            "customs": "Accepted",
            "border": "Accepted",
            "inspection": "NoDecision",
            "maritime": "NoDecision",
        }
        with pytest.raises(BadRequest):
            await printing.exported(window, CLIENT, declaration_id, "receipt")


async def test_one_certificate_whoever_prints_first(tmp_path: Path) -> None:
    """The stored bytes are handed out: a second making would differ."""
    async with ship_window(tmp_path) as window:
        call_id, departure = await leaving(window)
        await released(window, departure, EXIT)
        first, second = await printed(window, CLIENT, call_id), await printed(window, CLIENT, call_id)
        assert first[0] == second[0] and first[2] != second[2]
        assert len(await certificates(window)) == 1
