"""Forms and rulebooks for the tests of the core."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from declarations.bundle import Bundle
from declarations.checking import Checked, check, read_form
from declarations.convert import to_xml
from declarations.faults import Fault
from declarations.form import Declaration
from declarations.routing import Leg, plan
from declarations.rulebook import Context, Rulebook
from declarations.split import render
from declarations.tables import MessageTable

ROOT = Path(__file__).parents[3]
SAMPLES = sorted(path for path in (ROOT / "samples").glob("*.json") if path.name != "expected.json")
ELECTRONICS = "sea-import-electronics-customs-only"
COSMETICS = "air-import-cosmetics-both"
HOUSEHOLD = "sea-export-household-20-lines-customs-only"
TABLEWARE = "sea-export-tableware-both-parallel"
OLIVE_OIL = "sea-import-olive-oil-inspection-only"
FIFTY_LINES = "sea-import-spare-parts-50-lines-customs-only"
JSON, XML = "application/json", "application/xml"
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
TODAY = date(2026, 3, 2)


@cache
def bundle() -> Bundle:
    return Bundle.read(ROOT)


@cache
def rulebook() -> Rulebook:
    return Rulebook.load(ROOT)


def context(profile: str = "default") -> Context:
    return rulebook().context(NOW, profile)


def sample(name: str) -> dict[str, Any]:
    """The JSON of a sample, fresh: the caller may change it."""
    found: dict[str, Any] = json.loads((ROOT / f"samples/{name}.json").read_text())
    return found


def as_json(form: dict[str, Any]) -> bytes:
    return json.dumps(form, ensure_ascii=False, indent=1).encode()


def read(form: dict[str, Any]) -> Declaration:
    return read_form(rulebook(), as_json(form), JSON)


def as_xml(form: dict[str, Any]) -> bytes:
    return to_xml(rulebook(), read(form))


def checked(data: bytes, media_type: str, profile: str = "default") -> Checked:
    return check(rulebook(), data, media_type, context(profile))


def errors(found: Checked) -> list[Fault]:
    return [fault for fault in found.faults if fault.severity == "error"]


def filing(leg: Leg | None = None, **more: str) -> dict[str, str]:
    """What the window supplies with a bare configuration."""
    return {"accepted_at": NOW.isoformat(), "message_id": "M1", "filer_name": "上海 & <测试>", **more}


def edited(path: str, change: Callable[[str], str]) -> Bundle:
    """The bundle with one file changed."""
    files = bundle().files
    text = files[path].decode("utf-8-sig")
    new = change(text)
    assert new != text, f"the change of {path} changed nothing"
    return Bundle({**files, path: new.encode()})


def set_cell(first: str, column: str, value: str) -> Callable[[str], str]:
    """Change one cell of the row whose first cell is `first`."""

    def change(text: str) -> str:
        head = [line for line in text.splitlines(keepends=True) if line.startswith("#")]
        rows = list(csv.reader(io.StringIO(text[len("".join(head)) :])))
        place = rows[0].index(column)
        for row in rows:
            if row[0] == first:
                row[place] = value
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return "".join(head) + out.getvalue()

    return change


def row_line(path: str, first: str) -> int:
    """The line of a table's file on which the row with this first cell stands."""
    return next(row.line for row in bundle().table(path) if next(iter(row.values())) == first)


def leg_of(declaration: Declaration, agency: str) -> Leg:
    return next(leg for leg in plan(rulebook(), declaration, TODAY) if leg.agency == agency)


def table_of(agency: str) -> MessageTable:
    return next(table for table in rulebook().agencies[agency].messages if table.direction == "out")


def message(form: dict[str, Any], agency: str, **more: str) -> etree._Element:
    """The agency's message of a form, namespaces dropped; a waiting message is rendered as if it need not wait."""
    declaration = read(form)
    root = etree.fromstring(render(rulebook(), leg_of(declaration, agency), declaration, filing(**more), TODAY))
    for element in root.iter("*"):
        element.tag = etree.QName(element).localname
    return root


def line_of(data: bytes | str, part: str) -> int:
    """The line on which a text first stands."""
    text = data.decode() if isinstance(data, bytes) else data
    return text[: text.index(part)].count("\n") + 1
