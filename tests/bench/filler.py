"""Filling a store with declarations as they look after their life: every row of every table, copied by the database itself.

A few declarations are lived through for real (filed, delivered, answered) and read back; their ids, numbers and times become
placeholders, and one statement a table makes as many copies as wanted. One line each, bodies in full.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.schema import CreateTable

from declarations.rulebook import Rulebook
from gateway import ids
from gateway.clock import system_clock
from gateway.config import Settings
from gateway.database.schema import (
    answer,
    declaration,
    declaration_version,
    inbox,
    journal,
    message,
    message_body,
    obligation,
    search_key,
)
from gateway.database.types import Json, Moment
from gateway.identity import BUILT_IN_ORGANISATION, Caller
from gateway.submit import submit
from gateway.wiring import Window, open_window
from tests.bench.agencies import attach, deliver, hear
from tests.bench.documents import make
from tests.support.plain import SEALINGS

CLIENT = Caller("client", "default", BUILT_IN_ORGANISATION)
TABLES = (
    declaration, declaration_version, inbox, message, message_body, answer, obligation, search_key, journal
)  # fmt: skip
LIVES = (
    # ending of the reference (the simulators' script), answers heard of each agency, copies in a hundred
    ("B01", None, 94),  # closed
    ("B02", 2, 2),  # in progress
    ("X01", None, 2),  # rejected by customs: the form is to be corrected
    ("X10", 5, 2),  # duties to be paid
)
CHUNK = 5_000
"""Copies made in one transaction."""
FIRST, APART = datetime(2015, 10, 23, tzinfo=UTC), timedelta(seconds=30)
"""When the first copy was filed, and how long after each other they were: a million in a year."""
STAMP, SERIAL = "~stamp~~~~", "~serial~~~~~~~"
"""In an id: its ten characters of time, and what tells the copies apart; two characters between them tell ids of a copy apart."""
NUMBER = "~number"
"""Eight digits in the numbers people and agencies use."""
PLACEHOLDERS = {"stamp": STAMP, "serial": SERIAL, "number": NUMBER, "backwards": NUMBER[::-1]}
FILLED = Table("filled", MetaData(), *(Column(name, Text) for name in (*PLACEHOLDERS, "at")), prefixes=["TEMPORARY"])


@dataclass(slots=True)
class Life:
    """The rows of one declaration with placeholders, and for which copies of a hundred they are."""

    share: range
    rows: dict[str, list[dict[str, Any]]]


async def live(rulebook: Rulebook) -> list[Life]:
    """One life of each kind, lived in a window of its own."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data_dir=Path(directory))
        async with open_window(settings, system_clock, rulebook) as window:
            far = attach(window, Path(directory) / "agencies", rehearsal=True)
            lives, first = [], 0
            for number, (ending, heard, share) in enumerate(LIVES):
                body = make(rulebook, 1, number, rich=False).xml
                reference = f"FILL7000000{number}{ending}"
                body = re.sub(rb"SWSH2015B\d{8}", reference.encode(), body)
                reply = await submit(window, CLIENT, body, "application/xml")
                if reply.status != 202:
                    raise SystemExit(f"the filler's form is refused: {reply.body}")
                await deliver(window)
                for agency in far.values():
                    for said in agency.answers().values():
                        await hear(window, said[:heard])
                rows = await window.database.read(_rows_of(reply.body["id"]))
                lives.append(Life(range(first, first + share), _templates(rows)))
                first += share
    return lives


def _rows_of(declaration_id: str) -> Any:
    def read(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        def rows(table: Table, column: str, values: list[str]) -> list[dict[str, Any]]:
            found = connection.execute(select(table).where(table.c[column].in_(values)))
            sealing = SEALINGS.get(table.name)
            plain = [dict(row._mapping) for row in found]
            # copies have ids of their own, which a sealed value would not open under: they are stored in plain
            return plain if sealing is None else [sealing.opened_values(connection, row) for row in plain]

        def of(table: Table) -> list[dict[str, Any]]:
            return rows(table, "id" if table is declaration else "declaration_id", [declaration_id])

        found = {table.name: of(table) for table in TABLES if "declaration_id" in table.c or table is declaration}
        found[message_body.name] = rows(message_body, "message_id", [row["id"] for row in found[message.name]])
        found[inbox.name] = rows(inbox, "id", [row["inbox_id"] for row in found[answer.name]])
        return found

    return read


def _templates(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The rows with what is a copy's own replaced by placeholders of the same length."""
    new: dict[str, str] = {}
    for table in (declaration, message, inbox, answer):
        for row in rows[table.name]:
            new[row["id"]] = f"{row['id'][0]}{STAMP}{len(new):02d}{SERIAL}"
    numbers = {
        row[name] for row in rows[message.name] for name in ("agency_reference", "unified_number", "clearance_form_id")
    }
    numbers |= {row["value"] for row in rows[search_key.name] if row["reversed"] is not None}
    for value in sorted(filter(None, numbers), key=len, reverse=True):
        new[value] = re.sub(r"\d{4,8}(?=\D*$)", NUMBER, value)
    reference = rows[declaration.name][0]["reference"]
    new[reference] = reference[:4] + NUMBER + reference[-3:]
    pattern = re.compile("|".join(map(re.escape, new)))

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda found: new[found[0]], value)
        if isinstance(value, dict):
            return {name: replaced(each) for name, each in value.items()}
        return value

    found = {}
    for name, each in rows.items():
        found[name] = [{column: replaced(value) for column, value in row.items()} for row in each]
    # two numbers that differ in what was replaced only are one key of a copy
    keys = {(row["value"], row["kind"]): row for row in found[search_key.name]}
    for row in keys.values():
        if row["reversed"] is not None:
            row["reversed"] = row["value"].replace(NUMBER, "\0")[::-1].replace("\0", NUMBER[::-1])
    found[search_key.name] = list(keys.values())
    return found


async def fill(window: Window, lives: list[Life], first: int, last: int) -> None:
    """Makes the copies `first` to `last` (exclusive) in a store whose window has been opened once."""
    for start in range(first, last, CHUNK):
        stop = min(start + CHUNK, last)
        await window.database.write(partial(_copy, window.rulebook.digest, lives, range(start, stop)))
    await window.database.write(lambda connection: connection.execute(text("ANALYZE")))


def own(number: int) -> dict[str, Any]:
    """What is a copy's own: time of filing, parts of its ids, eight digits of its numbers."""
    at = FIRST + number * APART
    return {
        "stamp": ids.lower_bound("", at),
        "serial": f"{number:0{len(SERIAL)}d}",
        "number": f"{number:08d}",
        "backwards": f"{number:08d}"[::-1],
        "at": at.replace(tzinfo=None).isoformat(timespec="microseconds"),
    }


def id_of(number: int) -> str:
    """The declaration id of a copy."""
    return "{letter}{stamp}00{serial}".format(letter=ids.DECLARATION, **own(number))


def _copy(digest: str, lives: list[Life], numbers: range, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # what is copied from rows that refer to each other does so too: asking for each costs half the time
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(CreateTable(FILLED, if_not_exists=True))
    for life in lives:
        copies = [own(number) for number in numbers if number % 100 in life.share]
        if not copies:
            continue
        connection.execute(delete(FILLED))
        connection.execute(insert(FILLED), copies)
        for table in TABLES:
            for row in life.rows[table.name]:
                # a store that was made by other tables has another digest
                given = {**row, "bundle_digest": digest} if "bundle_digest" in row else row
                _copy_row(connection, table, given)


def _copy_row(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """One row of a life, once for each copy."""
    postgres = connection.dialect.name == "postgresql"
    moment = cast(FILLED.c.at + "+00", TIMESTAMP(timezone=True)) if postgres else FILLED.c.at
    names, values = [], []
    for column in table.columns:
        value = row[column.name]
        if value is None or (column.autoincrement is True and column.primary_key):
            continue
        names.append(column.name)
        if isinstance(column.type, Moment):
            values.append(moment)
            continue
        kept = literal(value, column.type)
        shown = orjson.dumps(value).decode() if isinstance(column.type, Json) else value
        if isinstance(shown, str) and "~" in shown:
            kept = cast(literal(shown), Text)
            for name, placeholder in PLACEHOLDERS.items():
                if placeholder in shown:
                    kept = func.replace(kept, placeholder, FILLED.c[name])
            kept = type_coerce(kept, Text)
        values.append(kept)
    connection.execute(insert(table).from_select(names, select(*values).select_from(FILLED)))
