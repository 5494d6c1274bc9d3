"""A window on a real SQLite file for tests, with agencies that do as they are told and answers as agencies write them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, insert

from adapters.agency import Incoming, Outgoing
from declarations.bundle import Bundle
from declarations.rulebook import Rulebook
from gateway.database.people import organisation
from gateway.database.stores import outbox
from gateway.identity import Caller
from gateway.repeating import Reply
from gateway.submit import submit
from gateway.wiring import Window, open_window
from tests.support.backend import settings_at

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
CLIENT = Caller("client", "default", "default")
STRANGER = Caller("client", "stranger", "another")
JSON = "application/json"
ELECTRONICS = "sea-import-electronics-customs-only"
COSMETICS = "air-import-cosmetics-both"
HOUSEHOLD = "sea-export-household-20-lines-customs-only"
START = datetime(2015, 10, 23, 1, 0, 0, 250_000, tzinfo=UTC)


@cache
def rulebook() -> Rulebook:
    """The tables of the repository, read and proved once for all tests of a process."""
    return Rulebook.load(ROOT)


def changed_rulebook(changes: dict[str, tuple[str, str]]) -> Rulebook:
    """The tables with some text replaced: path -> (what, by what)."""
    return _changed_rulebook(tuple(changes.items()))


@lru_cache(8)
def _changed_rulebook(changes: tuple[tuple[str, tuple[str, str]], ...]) -> Rulebook:
    files = rulebook().bundle.files
    for path, (old, new) in changes:
        assert old.encode() in files[path], f"{path} has no {old!r}"
        files[path] = files[path].replace(old.encode(), new.encode())
    return Rulebook(Bundle(files))


@dataclass
class TickingClock:
    """A clock that stands still until a test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 1.0) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@dataclass
class Agency:
    """A channel's far end in memory: keeps what it got, raises what a test put into `troubles`, may take its time."""

    got: list[Outgoing] = field(default_factory=list)
    troubles: list[Exception | None] = field(default_factory=list)
    before: Callable[[Outgoing], Any] | None = None
    has: dict[str, bool] | None = None
    """What it answers when asked for a message; None: it cannot be asked."""

    async def send(self, outgoing: Outgoing) -> None:
        if self.before is not None:
            await self.before(outgoing)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        self.got.append(outgoing)

    async def collect(self) -> list[Incoming]:
        return []

    async def finish(self, incoming: Incoming, accepted: bool) -> None:
        return None

    async def ask(self, outgoing: Outgoing) -> bool | None:
        return self.has.get(outgoing.message_id) if self.has is not None else None

    async def test(self) -> str:
        return "in memory"

    async def close(self) -> None:
        return None


@asynccontextmanager
async def window_at(
    data_dir: Path, clock: TickingClock | None = None, tables: Rulebook | None = None, **settings: Any
) -> AsyncIterator[Window]:
    """A window with in-memory agencies; `window.channels[name]` is an Agency."""
    quick = {"delivery_backoff_seconds": 0.001, "delivery_poll_seconds": 0.02, **settings}
    clock = clock or TickingClock()
    async with open_window(settings_at(data_dir, **quick), clock, tables or rulebook()) as window:
        window.channels.update({name: Agency() for name in window.channels})
        yield window


def agency(window: Window, name: str) -> Agency:
    channel = window.channels[name]
    assert isinstance(channel, Agency)
    return channel


def sample(name: str, **changes: Any) -> bytes:
    """A shared sample as JSON, some of its header items changed (None removes one)."""
    form = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    for item, value in changes.items():
        if value is None:
            form.pop(item, None)
        else:
            form[item] = value
    return orjson.dumps(form)


async def file(window: Window, name: str = ELECTRONICS, **changes: Any) -> Reply:
    return await submit(window, CLIENT, sample(name, **changes), JSON)


async def deliver(window: Window) -> None:
    """Delivers all that is due, once."""
    for deliverer in window.deliverers.values():
        while await deliverer.run_once():
            pass


async def leases_end(window: Window) -> None:
    """The leases of a worker that is gone are over: ended by the start where there is one process only, else by time."""
    if not window.database.exclusive:
        await window.database.write(outbox.void_leases)


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until something holds; a TimeoutError says it never did."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


def local(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo("Asia/Shanghai"))


def receipt(reference: str, number: str | None = "I20150000000000001", *, code: str = "0", message: str = "") -> bytes:
    """Customs' technical receipt (DecImportResponse)."""
    seq = f"<SeqNo>{number}</SeqNo>" if number else ""
    return (
        f'<DecImportResponse xmlns="http://www.chinaport.gov.cn/dec"><ResponseCode>{code}</ResponseCode>'
        f"<ErrorMessage>{message}</ErrorMessage><ClientSeqNo>{reference}</ClientSeqNo>{seq}</DecImportResponse>"
    ).encode()


def result(
    channel: str,
    at: datetime,
    number: str = "I20150000000000001",
    *,
    entry: str = "",
    note: str = "",
    office: str = "2233",
) -> bytes:
    """Customs' business receipt (DEC_RESULT)."""
    entry_id = f"<ENTRY_ID>{entry}</ENTRY_ID>" if entry else ""
    return (
        f"<DEC_RESULT><CUS_CIQ_NO>{number}</CUS_CIQ_NO>{entry_id}<NOTICE_DATE>{local(at):%Y-%m-%dT%H:%M:%S}</NOTICE_DATE>"
        f"<CHANNEL>{channel}</CHANNEL><NOTE>{note}</NOTE><CUSTOM_MASTER>{office}</CUSTOM_MASTER></DEC_RESULT>"
    ).encode()


def inspected(
    code: str, reference: str, at: datetime, *, info: str = "", add: str = "", number: str = "", own_id: str = ""
) -> bytes:
    """Inspection's answer (DCL_RESPONSE)."""
    own = f"<ResponseId>{own_id}</ResponseId>" if own_id else ""
    return (
        f"<DCL_RESPONSE><RspCodes>{code}</RspCodes><RspInfo>{info}</RspInfo><DeclNo>{reference}</DeclNo>"
        f"<DeclGetNo>{number}</DeclGetNo><AddInfo>{add}</AddInfo>"
        f"<RspGenTime>{local(at):%Y-%m-%d %H:%M:%S}</RspGenTime>{own}</DCL_RESPONSE>"
    ).encode()


async def add_organisation(window: Window, organisation_id: str) -> None:
    """A second organisation beside the built-in one."""
    row = {"id": organisation_id, "name": organisation_id, "created_at": window.clock()}

    def act(connection: Connection) -> None:
        connection.execute(insert(organisation), row)

    await window.database.write(act)
