"""Simulated agencies as real processes: real folders, real sockets, killed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import signal
import socket
import sys
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from lxml import etree

from adapters.agency import Outgoing
from adapters.signing import HEADER, sign, verify
from adapters.simulator.state import count_effects
from adapters.transports.boxes import place
from adapters.transports.folder import FolderChannel, exchange_name, pack
from adapters.transports.http import HttpChannel
from declarations.errors import AgencyRefused, AgencyUnavailable, OutcomeUnknown

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.sqlite_only  # agencies keep books of their own; no window is open here
TOKEN, KEY = "token of the agency", b"key of the agency"
PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
from adapters.simulator.knobs import Knobs
from adapters.simulator.run import run_simulator
asked = json.loads(sys.argv[1])
asyncio.run(run_simulator(asked["agency"], state_dir=Path(asked["state"]), exchange_dir=Path(asked["exchange"]),
    host="127.0.0.1", port=asked["port"], window_url=asked["window"],
    token="token of the agency", hmac_key=b"key of the agency",
    rehearsal=True, knobs=Knobs.from_environment(os.environ), bundle_root=Path(asked["root"])))
"""
CUSTOMS = """<DecMessage xmlns="http://www.chinaport.gov.cn/dec" Version="3.1"><DecHead><IEFlag>I</IEFlag>
<AgentCode>3122980219</AgentCode><AgentName>上海汇桥报关有限公司</AgentName><CustomMaster>2248</CustomMaster>
<DistinatePort>KRPUS</DistinatePort><GrossWet>2796.50</GrossWet><IEPort>2248</IEPort><NetWt>2480</NetWt>
<OwnerName>上海澜芯微电子有限公司</OwnerName><PackNo>62</PackNo><TradeCode>3122940173</TradeCode><TradeCountry>133</TradeCountry>
<TradeMode>0110</TradeMode><TradeName>上海澜芯微电子有限公司</TradeName><TrafMode>2</TrafMode><TransMode>3</TransMode>
<WrapType>2</WrapType><EdiId>1</EdiId><EntryType>M</EntryType><DeclTrnRel>0</DeclTrnRel><DeclareName>周宁</DeclareName></DecHead>
<DecLists><DecList><CodeTS>8542319000</CodeTS><DeclPrice>3.15</DeclPrice><DutyMode>1</DutyMode><GName>集成电路{note}</GName>
<GNo>1</GNo><OriginCountry>133</OriginCountry><TradeCurr>502</TradeCurr><DeclTotal>63000.00</DeclTotal><GQty>20000</GQty>
<FirstQty>20000</FirstQty><GUnit>007</GUnit><FirstUnit>007</FirstUnit><DestinationCountry>142</DestinationCountry>
<DistrictCode>31222</DistrictCode></DecList></DecLists><DecSign><OperType>C</OperType><ClientSeqNo>{reference}</ClientSeqNo>
<SignDate>20151019083000</SignDate></DecSign></DecMessage>"""
INSPECTION = """<ROOT><ITF_DCL_IO_DECL><EntDeclNo>{reference}</EntDeclNo><AplKind>I</AplKind><DeclCode>13</DeclCode>
<DeclDate>2015-10-22</DeclDate><DeclCustm>2225</DeclCustm><OrgCode>310200</OrgCode><InspOrgCode>310200</InspOrgCode>
<VsaOrgCode>310200</VsaOrgCode><DeclRegNo>3100910043</DeclRegNo><DeclRegName>上海汇桥报关有限公司</DeclRegName>
<Contactperson>周宁</Contactperson><ContTel>021-55500172</ContTel><ContractNo>BM-ES-2015-088</ContractNo><MarkNo>N/M</MarkNo>
<TradeModeCode>11</TradeModeCode><TransModeCode>1</TransModeCode><DespCtryCode>724</DespCtryCode>
<EntyPortCode>310101</EntyPortCode><GoodsPlace>外高桥四期</GoodsPlace><ITF_DCL_IO_DECL_GOODS><GoodsNo>1</GoodsNo>
<ProdHsCode>1509100000</ProdHsCode><CiqCode>1509100000101</CiqCode><DeclGoodsCname>初榨橄榄油{note}</DeclGoodsCname><Qty>3000</Qty>
<QtyMeasUnit>142</QtyMeasUnit><StdWeight>1374.00</StdWeight><StdWeightUnitCode>035</StdWeightUnitCode><Weight>1374.00</Weight>
<GoodsTotalVal>9000.00</GoodsTotalVal><Currency>840</Currency><OriCtryCode>724</OriCtryCode><Purpose>12</Purpose>
</ITF_DCL_IO_DECL_GOODS></ITF_DCL_IO_DECL></ROOT>"""
SMOOTH = Counter(["DecImportResponse 0", "7", "L", "J", "R", "P"])
SMOOTH_INSPECTION = Counter(["10", "20", "60", "65", "85", "80"])


def customs_message(reference: str, message_id: str = "aaaaaaaa", note: str = "") -> Outgoing:
    body = CUSTOMS.format(reference=reference, note=note).encode()
    return Outgoing(message_id, "D1", 1, "customs", "DecMessage", reference, datetime(2015, 10, 19, tzinfo=UTC), body)


def inspection_message(reference: str, message_id: str, note: str = "") -> Outgoing:
    body = INSPECTION.format(reference=reference, note=note).encode()
    at = datetime(2015, 10, 19, tzinfo=UTC)
    return Outgoing(message_id, "D1", 1, "inspection", "ITF_DCL_IO_DECL", reference, at, body)


class Simulator:
    """One simulated agency in a process of its own, and beside it what a window needs to talk to it."""

    def __init__(self, agency: str, directory: Path, window: Window, environment: dict[str, str]) -> None:
        self.agency = agency
        self.state = directory / "state"
        self.exchange = directory / "exchange"
        self.window = window
        self.environment = environment
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/messages"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        import json

        asked = {"agency": self.agency, "state": str(self.state), "exchange": str(self.exchange), "port": self.port}
        asked |= {"window": self.window.url, "root": str(ROOT)}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            json.dumps(asked),
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        while b"simulator_ready" not in (line := await self.process.stdout.readline()):
            assert line, "the simulator ended before it was ready"

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        # to the end of its output, or its pipe outlives the loop
        await asyncio.wait_for(self.process.communicate(), 10)
        assert self.process.returncode is not None
        return self.process.returncode

    async def kill(self) -> None:
        await self.end(signal.SIGKILL)

    def box(self, name: str) -> list[str]:
        return sorted(path.name for path in (self.exchange / name).iterdir())


class Window:
    """Stands in for the window's door for agencies: keeps every answer, may be away or unwilling."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.refuse = 0
        self.seen: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        trusted = request.headers["Authorization"] == f"Bearer {TOKEN}" and verify(
            KEY, body, request.headers.get(HEADER)
        )
        if not trusted or request.content_type != "application/xml":
            return web.Response(status=401)
        if self.refuse > 0:
            self.refuse -= 1
            return web.Response(status=503)
        self.answers.append(body)
        return web.Response(status=200)

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/api/v1/agencies/inspection/answers", self.take)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", getattr(self, "port", 0)).start()
        self.port: int = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        await self.runner.cleanup()

    def codes(self) -> Counter[str]:
        return Counter(etree.fromstring(body).findtext("DCL_RESPONSE/RspCodes") or "" for body in self.answers)

    def ids(self) -> Counter[str]:
        return Counter(etree.fromstring(body).findtext("DCL_RESPONSE/ResponseId") or "" for body in self.answers)


@contextlib.asynccontextmanager
async def simulator(agency: str, directory: Path, scale: float = 0.05, **knobs: str) -> AsyncIterator[Simulator]:
    environment = {"ONEWINDOW_SIM_DELAY_SCALE": str(scale)}
    environment |= {f"ONEWINDOW_SIM_{name.upper()}": value for name, value in knobs.items()}
    window = Window()
    await window.open()
    running = Simulator(agency, directory, window, environment)
    try:
        await running.start()
        yield running
    finally:
        await running.kill()
        await window.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 60))


async def until(holds: Callable[[], bool], seconds: float = 15) -> None:
    """Waits for it; the assertion afterwards says what is missing."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)


def answer_codes(boxed: dict[str, bytes]) -> Counter[str]:
    found: Counter[str] = Counter()
    for body in boxed.values():
        root = etree.fromstring(body)
        code = root.findtext("CHANNEL") or f"DecImportResponse {root.findtext('{*}ResponseCode')}"
        found[code] += 1
    return found


async def collected(channel: FolderChannel) -> dict[str, bytes]:
    return {one.name: one.body for one in await channel.collect()}


async def answers_of(channel: FolderChannel, expected: Counter[str]) -> dict[str, bytes]:
    boxed: dict[str, bytes] = {}
    for _ in range(500):
        boxed = await collected(channel)
        if answer_codes(boxed) == expected:
            break
        await asyncio.sleep(0.02)
    assert answer_codes(boxed) == expected
    return boxed


def zipped(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files:
            archive.writestr(name, body)
    return buffer.getvalue()


def test_customs_takes_a_file_and_answers_under_its_name(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path) as customs:
            channel = FolderChannel("customs", customs.exchange)
            message = customs_message("SWSH2015A00000001")
            await channel.send(message)
            boxed = await answers_of(channel, SMOOTH)
            name = exchange_name(message)
            receipt = etree.fromstring(boxed[f"Successed_{name}.xml"])
            assert re.fullmatch(r"I20[0-9]{2}0000[0-9]{9}", receipt.findtext("{*}SeqNo") or "")
            assert receipt.findtext("{*}ClientSeqNo") == "SWSH2015A00000001"
            results = [etree.fromstring(body) for file, body in boxed.items() if file.startswith(f"Receipt_{name}")]
            assert {result.findtext("CUS_CIQ_NO") for result in results} == {receipt.findtext("{*}SeqNo")}
            at = {result.findtext("CHANNEL"): result.findtext("NOTICE_DATE") for result in results}
            assert at["P"] == at["R"]
            entry = {result.findtext("CHANNEL"): result.findtext("ENTRY_ID") for result in results}
            assert not entry["7"]
            assert re.fullmatch(r"224820[0-9]{2}1[0-9]{9}", entry["L"] or "")
            assert customs.box("OutBox") == []
            assert count_effects(customs.state) == {"SWSH2015A00000001": {"DecMessage": 1}}

    run(story())


def test_a_repeated_file_is_answered_from_memory(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path, scale=0) as customs:
            channel = FolderChannel("customs", customs.exchange)
            message = customs_message("SWSH2015A00000001")
            await channel.send(message)
            first = await answers_of(channel, SMOOTH)
            for name in first:
                (customs.exchange / "InBox" / name).unlink()
            await channel.send(message)
            again = await answers_of(channel, Counter(["DecImportResponse 0"]))
            assert again.items() <= first.items()
            assert count_effects(customs.state) == {"SWSH2015A00000001": {"DecMessage": 1}}

    run(story())


def test_a_returned_form_goes_through_when_filed_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path, scale=0) as customs:
            channel = FolderChannel("customs", customs.exchange)
            await channel.send(customs_message("SWSH2015A0000X01"))
            returned = await answers_of(channel, Counter(["DecImportResponse 0", "7", "E"]))
            numbers = {
                etree.fromstring(body).findtext("CUS_CIQ_NO") for name, body in returned.items() if "Receipt" in name
            }
            await channel.send(customs_message("SWSH2015A0000X01", "bbbbbbbb", note="（改）"))
            boxed = await answers_of(channel, Counter(["DecImportResponse 0", "7", "E"]) + SMOOTH)
            last = next(etree.fromstring(body) for body in boxed.values() if b"<CHANNEL>R<" in body)
            assert {last.findtext("CUS_CIQ_NO")} == numbers

    run(story())


def test_customs_refuses_what_is_not_a_valid_message_and_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path, scale=0) as customs:
            out = customs.exchange / "OutBox"
            valid = customs_message("SWSH2015A00000001")
            (out / "half.zip.temp").write_bytes(pack("half", valid.body, valid.accepted_at)[:100])
            (out / ".hidden.zip").write_bytes(b"")
            place(out, "letter.txt", b"Dear customs")
            place(out, "broken.zip", pack("broken", valid.body, valid.accepted_at)[:-30])
            place(out, "two.zip", zipped(("a.xml", valid.body), ("b.xml", valid.body)))
            place(out, "none.zip", zipped(("a.pdf", b"%PDF")))
            place(out, "bomb.zip", zipped(("a.xml", b" " * 100_000_000)))
            place(out, "doctype.zip", zipped(("a.xml", b'<!DOCTYPE a [<!ENTITY e "e">]>' + valid.body)))
            place(out, "invalid.zip", zipped(("a.xml", valid.body.replace(b"<NetWt>2480", b"<NetWt>heavy"))))
            place(out, exchange_name(valid) + ".zip", pack("x", valid.body, valid.accepted_at))
            refused = ["broken", "two", "none", "bomb", "doctype", "invalid"]
            channel = FolderChannel("customs", customs.exchange)
            boxed = await answers_of(channel, SMOOTH + Counter(["DecImportResponse 1"] * len(refused)))
            failed = sorted(name for name in boxed if name.startswith("Failed_"))
            assert failed == sorted(f"Failed_{name}.xml" for name in refused)
            assert customs.box("FailBox") == sorted([f"{name}.zip" for name in refused] + ["letter.txt"])
            assert customs.box("OutBox") == [".hidden.zip", "half.zip.temp"]
            invalid = etree.fromstring(boxed["Failed_invalid.xml"])
            assert invalid.findtext("{*}ClientSeqNo") == "SWSH2015A00000001"
            assert "NetWt" in (invalid.findtext("{*}ErrorMessage") or "")
            assert "grows too many times" in (
                etree.fromstring(boxed["Failed_bomb.xml"]).findtext("{*}ErrorMessage") or ""
            )
            assert count_effects(customs.state) == {"SWSH2015A00000001": {"DecMessage": 1}}

    run(story())


def test_a_known_file_name_with_other_bytes_is_put_aside_without_an_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path, scale=0) as customs:
            channel = FolderChannel("customs", customs.exchange)
            message = customs_message("SWSH2015A00000001")
            await channel.send(message)
            await answers_of(channel, SMOOTH)
            await channel.send(customs_message("SWSH2015A00000001", note="（改）"))
            await until(lambda: customs.box("FailBox") != [])
            assert customs.box("FailBox") == [f"{exchange_name(message)}.zip"]
            await answers_of(channel, SMOOTH)
            assert count_effects(customs.state) == {"SWSH2015A00000001": {"DecMessage": 1}}

    run(story())


def test_customs_killed_in_the_middle_answers_everything_once_it_is_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path, scale=0.3) as customs:
            channel = FolderChannel("customs", customs.exchange)
            messages = [customs_message(f"SWSH2015A{number:08d}", f"{number:08d}") for number in range(20)]
            for number, message in enumerate(messages):
                await channel.send(message)
                if number in (5, 12):
                    await customs.kill()
                    await customs.start()
            await asyncio.sleep(0.4)
            await customs.kill()
            await asyncio.sleep(0.3)
            await customs.start()
            expected = Counter({code: count * len(messages) for code, count in SMOOTH.items()})
            await answers_of(channel, expected)
            assert count_effects(customs.state) == {message.reference: {"DecMessage": 1} for message in messages}
            assert await customs.end() == 0

    run(story())


def test_a_second_simulator_on_the_same_memory_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path) as customs:
            second = Simulator("customs", tmp_path, customs.window, {})
            with pytest.raises(AssertionError):
                await second.start()
            # not `end`, whose signal could come to a process that has ended: then nobody learns how
            assert second.process is not None
            assert await second.process.wait() == 1

    run(story())


@contextlib.asynccontextmanager
async def channel_to(url: str) -> AsyncIterator[HttpChannel]:
    channel = HttpChannel(url, TOKEN, KEY, total_timeout=5)
    try:
        yield channel
    finally:
        await channel.close()


def test_inspection_takes_a_message_once_and_pushes_signed_answers(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("inspection", tmp_path) as inspection, channel_to(inspection.url) as channel:
            for _ in range(3):
                await channel.send(inspection_message("SWSH2015B00000002", "m-1"))
            await until(lambda: inspection.window.codes() == SMOOTH_INSPECTION)
            assert inspection.window.codes() == SMOOTH_INSPECTION
            assert [etree.fromstring(body).findtext("DCL_RESPONSE/RspCodes") for body in inspection.window.answers][
                -2:
            ] == ["85", "80"]
            assert {etree.fromstring(body).findtext("DCL_RESPONSE/EntUuid") for body in inspection.window.answers} == {
                "m-1"
            }
            assert count_effects(inspection.state) == {"SWSH2015B00000002": {"ITF_DCL_IO_DECL": 1}}
            with pytest.raises(AgencyRefused, match="409"):
                await channel.send(inspection_message("SWSH2015B00000002", "m-1", note="（改）"))

    run(story())


def test_inspection_refuses_strangers_and_invalid_messages_and_keeps_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("inspection", tmp_path) as inspection, aiohttp.ClientSession() as session:
            body = inspection_message("SWSH2015B00000002", "m-1").body
            signed = {"Authorization": f"Bearer {TOKEN}", HEADER: sign(KEY, body), "Onewindow-Message-Id": "m-1"}

            async def status(body: bytes, headers: dict[str, str]) -> int:
                async with session.post(inspection.url, data=io.BytesIO(body), headers=headers) as response:
                    return response.status

            assert await status(body, {**signed, "Authorization": "Bearer another"}) == 401
            assert await status(body, {name: value for name, value in signed.items() if name != "Authorization"}) == 401
            assert await status(body + b" ", signed) == 401
            assert await status(body, {name: value for name, value in signed.items() if name != HEADER}) == 401
            assert await status(body, {**signed, "Onewindow-Message-Id": "../m"}) == 400
            assert await status(b"<ROOT", {**signed, HEADER: sign(KEY, b"<ROOT")}) == 400
            invalid = body.replace(b"<Qty>3000", b"<Qty>many")
            assert await status(invalid, {**signed, HEADER: sign(KEY, invalid)}) == 422
            large = b" " * 20_000_001
            assert await status(large, {**signed, HEADER: sign(KEY, large)}) == 413
            assert count_effects(inspection.state) == {}
            assert await status(body, signed) == 202
            assert count_effects(inspection.state) == {"SWSH2015B00000002": {"ITF_DCL_IO_DECL": 1}}

    run(story())


def test_answers_wait_for_a_window_that_is_away_or_unwilling(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("inspection", tmp_path, scale=0) as inspection, channel_to(inspection.url) as channel:
            await inspection.window.close()
            await channel.send(inspection_message("SWSH2015B00000002", "m-1"))
            await asyncio.sleep(0.5)
            assert inspection.window.answers == []
            inspection.window.refuse = 3
            await inspection.window.open()
            await until(lambda: inspection.window.codes() == SMOOTH_INSPECTION, 20)
            assert inspection.window.codes() == SMOOTH_INSPECTION

    run(story())


def test_inspection_killed_in_the_middle_loses_no_answer_and_repeats_only_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("inspection", tmp_path, scale=0.3) as inspection, channel_to(inspection.url) as channel:
            references = [f"SWSH2015B{number:08d}" for number in range(20)]
            for number, reference in enumerate(references):
                message = inspection_message(reference, f"m-{number}")
                if number in (5, 12):
                    await inspection.kill()
                    with pytest.raises((AgencyUnavailable, OutcomeUnknown)):
                        await channel.send(message)
                    await inspection.start()
                await channel.send(message)
            await asyncio.sleep(0.4)
            await inspection.kill()
            await inspection.start()
            await until(lambda: len(inspection.window.ids()) == 6 * len(references))
            assert len(inspection.window.ids()) == 6 * len(references)
            # an answer repeated after a crash is the same one, byte for byte
            assert len(set(inspection.window.answers)) == 6 * len(references)
            assert count_effects(inspection.state) == {reference: {"ITF_DCL_IO_DECL": 1} for reference in references}
            assert await inspection.end() == 0

    run(story())


def test_rehearsals_at_the_http_door(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("inspection", tmp_path, scale=0) as inspection, channel_to(inspection.url) as channel:
            busy = inspection_message("SWSH2015B0000X20", "m-20")
            for _ in range(3):
                with pytest.raises(AgencyUnavailable) as unavailable:
                    await channel.send(busy)
                assert unavailable.value.retry_after == 1
            await channel.send(busy)
            cut = inspection_message("SWSH2015B0000X21", "m-21")
            with pytest.raises(OutcomeUnknown):
                await channel.send(cut)
            await channel.send(cut)
            for _ in range(2):
                with pytest.raises(AgencyRefused, match="422"):
                    await channel.send(inspection_message("SWSH2015B0000X22", "m-22"))
            await channel.send(inspection_message("SWSH2015B0000X08", "m-8"))
            twice = Counter({code: 2 * count for code, count in SMOOTH_INSPECTION.items()})
            await until(lambda: inspection.window.codes() == twice)
            assert inspection.window.codes() == twice
            effects = {f"SWSH2015B0000{script}": {"ITF_DCL_IO_DECL": 1} for script in ("X20", "X21", "X08")}
            assert count_effects(inspection.state) == effects

    run(story())


def test_knobs_disturb_the_answers_but_a_sound_copy_always_comes(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("customs", tmp_path, scale=0, corruption="1", duplicates="1") as customs:
            channel = FolderChannel("customs", customs.exchange)
            await channel.send(customs_message("SWSH2015A00000001"))
            await until(lambda: len(customs.box("InBox")) == 17)
            boxed = await collected(channel)
            sound = {name: body for name, body in boxed.items() if "_damaged" not in name}
            damaged = {name: body for name, body in boxed.items() if "_damaged" in name}
            assert answer_codes(sound) == SMOOTH + Counter(["7", "L", "J", "R", "P"])
            assert len(damaged) == 6
            for body in damaged.values():
                with pytest.raises(etree.XMLSyntaxError):
                    etree.fromstring(body)

    run(story())


def test_inspection_says_which_messages_it_has(tmp_path: Path) -> None:
    async def story() -> None:
        async with simulator("inspection", tmp_path, scale=0) as inspection:
            channel = HttpChannel(inspection.url, TOKEN, KEY)
            stranger = HttpChannel(inspection.url, "wrong", KEY)
            taken, never = inspection_message("SWSH2015A00000001", "M1"), inspection_message("SWSH2015A00000002", "M2")
            try:
                assert await channel.ask(taken) is False
                await channel.send(taken)
                assert await channel.ask(taken) is True
                assert await channel.ask(never) is False
                assert await stranger.ask(taken) is None
                assert "HTTP 405" in await channel.test()
                await inspection.kill()
                assert await channel.ask(taken) is None
                await inspection.start()
                assert await channel.ask(taken) is True
            finally:
                await channel.close()
                await stranger.close()

    run(story())
