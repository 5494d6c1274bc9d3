"""Ships' calls for tests: forms of each step from `tests/data/ships`, and answers as the four agencies write them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from declarations.rulebook import Rulebook
from gateway.amend import refile
from gateway.database import schema, shipping
from gateway.identity import Caller
from gateway.receive import receive
from gateway.repeating import Reply
from gateway.submit import submit
from gateway.wiring import Window
from tests.support.windows import CLIENT, JSON, ROOT, TickingClock, local, rulebook, window_at

FORMS = ROOT / "tests" / "data" / "ships"
AGENCIES = ("customs", "inspection", "maritime", "border")
ENTRY, EXIT = "REN", "REX"
_numbers = itertools.count(1)
ANSWERS = {
    "customs": (
        "<ShipResponse><ResponseID>{own}</ResponseID><RefMessageID>{message}</RefMessageID><Channel>{code}</Channel>"
        "<NoticeDate>{at:%Y%m%d%H%M%S}</NoticeDate><CaseID>{number}</CaseID><Officer>{officer}</Officer></ShipResponse>"
    ),
    "inspection": (
        "<SHIP_RESPONSE><RspId>{own}</RspId><RefMsgId>{message}</RefMsgId><RspCode>{code}</RspCode>"
        "<OperTime>{at:%Y-%m-%dT%H:%M:%S}</OperTime><QuarNo>{number}</QuarNo><Operator>{officer}</Operator>"
        "</SHIP_RESPONSE>"
    ),
    "maritime": (
        "<MARESP><ResponseId>{own}</ResponseId><RefMessageId>{message}</RefMessageId><Code>{code}</Code>"
        "<Time>{at:%Y-%m-%dT%H:%M:%S}</Time><CaseNo>{number}</CaseNo><Officer>{officer}</Officer></MARESP>"
    ),
    "border": (
        "<BJHZ><HZBH>{own}</HZBH><YBWBH>{message}</YBWBH><HZDM>{code}</HZDM><BLSJ>{at:%Y%m%d%H%M%S}</BLSJ>"
        "<JCBH>{number}</JCBH><BLR>{officer}</BLR></BJHZ>"
    ),
}


def tables() -> Rulebook:
    """The tables that know ships."""
    return rulebook()


@asynccontextmanager
async def ship_window(data_dir: Path, clock: TickingClock | None = None, **settings: Any) -> AsyncIterator[Window]:
    async with window_at(data_dir, clock, tables(), **settings) as window:
        yield window


def form(step: str, **changes: Any) -> bytes:
    """A step's form as JSON, some items changed (None removes one), under a reference of its own."""
    found = orjson.loads((FORMS / f"{step}.json").read_bytes())
    found["trader_assigned_reference_id"] = f"SHV{next(_numbers):010}"
    for item, value in changes.items():
        if value is None:
            found.pop(item, None)
        else:
            found[item] = value
    return orjson.dumps(found)


async def file(window: Window, step: str, caller: Caller = CLIENT, **changes: Any) -> Reply:
    return await submit(window, caller, form(step, **changes), JSON)


async def message_of(window: Window, declaration_id: str, agency: str) -> str:
    """The id of the message in force."""
    of = (
        schema.message.c.declaration_id == declaration_id,
        schema.message.c.agency == agency,
        schema.message.c.current.is_(True),
    )

    def read(connection: Connection) -> str:
        return str(connection.execute(select(schema.message.c.id).where(*of)).scalar_one())

    return await window.database.read(read)


def answer(
    agency: str, message_id: str, code: str, at: datetime, *, number: str = "N1", own: str | None = None
) -> bytes:
    """One answer as the agency writes it."""
    own = own or f"{agency[:3].upper()}{next(_numbers):08}"
    return (
        ANSWERS[agency]
        .format(own=own, message=message_id, code=code, at=local(at), number=number, officer="LI NA")
        .encode()
    )


async def says(
    window: Window, declaration_id: str, agency: str, code: str, at: datetime | None = None, **told: Any
) -> None:
    """An agency answers the message it has of a filing."""
    message_id = await message_of(window, declaration_id, agency)
    await receive(window, agency, answer(agency, message_id, code, at or window.clock(), **told))


async def released(window: Window, declaration_id: str, code: str, *agencies: str) -> None:
    """Agencies (all, when none is named) release a filing, one after another."""
    for agency in agencies or AGENCIES:
        await says(window, declaration_id, agency, code)


async def entered(window: Window, caller: Caller = CLIENT, **changes: Any) -> str:
    """A ship whose entry is cleared; the id of its arrival."""
    arrival = await file(window, "arrival", caller, **changes)
    assert arrival.status == 202, arrival.body
    await released(window, arrival.body["id"], ENTRY)
    return str(arrival.body["id"])


async def leaving(window: Window, caller: Caller = CLIENT, **changes: Any) -> tuple[str, str]:
    """A ship whose entry is cleared and whose exit is filed; call and declaration."""
    await entered(window, caller)
    departure = await file(window, "departure", caller, **changes)
    assert departure.status == 202, departure.body
    return str(departure.body["call_id"]), str(departure.body["id"])


async def certificates(window: Window) -> list[Any]:
    """Every certificate, oldest first, without its content."""
    columns = [column for column in shipping.certificate.c if column.name != "content"]

    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(select(*columns).order_by(shipping.certificate.c.id)).all())

    return await window.database.read(read)


async def corrected(window: Window, declaration_id: str, step: str, caller: Caller = CLIENT, **changes: Any) -> Reply:
    """A new version of a filing under its own reference."""
    of = schema.declaration.c.id == declaration_id
    reference = await window.database.read(
        lambda connection: connection.execute(select(schema.declaration.c.reference).where(of)).scalar_one()
    )
    body = form(step, **{"trader_assigned_reference_id": reference, **changes})
    return await refile(window, caller, declaration_id, body, JSON)
